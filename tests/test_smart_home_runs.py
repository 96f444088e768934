import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.results.result_tables import TABLES, TABLES_OF
from hmesh.runs.results.size_notes import size_note
from tests.interrupted_runs import interrupted_run
from tests.quick_cases import quick
from tests.shared_datasets import us_houses
from tests.smart_home_runs import STREET, finished, write_scenario

HOME_TABLES = TABLES_OF["smart_homes"]


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(directory.iterdir())
        if path.suffix in (".parquet", ".json") and path.name != "run.json"
    }


@pytest.mark.parametrize("chance", [False, True], ids=["certain", "chance"])
@pytest.mark.parametrize("lost", quick({True}, [False, True]), ids=["heard", "lost"])
def test_a_run_of_homes_passes_its_audit(chance: bool, lost: bool) -> None:
    directory = finished(chance=chance, lost=lost)
    report = audit_run(directory)
    assert report.failed == ()
    counts = read_run(directory).summary["mpfa_mg_shifting"]["counts"]
    assert counts["homes_rescheduled"] > 0
    assert (counts["home_messages_unheard"] > 0) == lost


@pytest.mark.slow
def test_homes_without_generators_and_half_hours_pass_it_too(tmp_path: Path) -> None:
    dark, cabin = STREET["smart_homes"]["groups"]
    groups = [dark | {"generators": []}, cabin]
    path = write_scenario(tmp_path, smart_homes={"groups": groups})
    start_run(load_scenario(str(path), ["step_h=0.5", "hours=20"]), tmp_path / "run")
    assert audit_run(tmp_path / "run").failed == ()
    homes = read_run(tmp_path / "run").summary["mpfa_mg"]["homes"]
    assert homes["terrace"]["generation_kwh"] == 0
    # The cellar is empty from the start, the roof is not.
    assert 0 < homes["terrace"]["served_kwh"] < homes["terrace"]["imported_kwh"]


def test_homes_live_beside_vehicles(tmp_path: Path) -> None:
    path = write_scenario(
        tmp_path,
        strategies=["mpfa_mg_shifting", "three_level"],
        hours=10,
        communities={
            name: {"members": STREET["communities"]["homes"]["members"] if name == "homes" else []}
            for name in ("homes", "malls", "offices", "farms")
        },
        vehicles={"count": 12},
    )
    start_run(load_scenario(str(path)), tmp_path / "run")
    assert audit_run(tmp_path / "run").failed == ()
    summary = read_run(tmp_path / "run").summary
    # Under a strategy of the vehicles homes follow the first of theirs.
    assert summary["three_level"]["homes"] != summary["mpfa_mg_shifting"]["homes"]
    assert summary["three_level"]["counts"].get("homes_rescheduled", 0) == 0


def test_very_many_rows_are_described_beforehand() -> None:
    many = ["smart_homes.groups.0.count=100000", "hours=240"]
    note = size_note(load_scenario("smart-home", many))
    rows = 240 * 6 * 100_001 * 4
    assert note.startswith(
        f"home_appliances.parquet and home_storages.parquet will hold {rows:,} rows"
    )
    for record in ("none", "100"):
        assert size_note(load_scenario("smart-home", [*many, f"record.homes={record}"])) == ""


def test_the_built_in_study_is_the_published_one(tmp_path: Path) -> None:
    start_run(load_scenario("smart-home", ["plots=false"]), tmp_path / "run")
    summary = read_run(tmp_path / "run").summary
    published = {
        "spfa_s": (2.035, 2.199), "spfa_gs": (0.941, 0.925), "mpfa_sg": (0.668, 0.700),
        "mpfa_mg": (0.682, 0.712), "mpfa_sg_shifting": (0.551, 0.610),
        "mpfa_mg_shifting": (0.551, 0.613),
    }  # fmt: skip
    for strategy, (winter, summer) in published.items():
        homes = summary[strategy]["homes"]
        assert homes["winter"]["losses_kwh"] == pytest.approx(winter, rel=0.0013)
        assert homes["summer"]["losses_kwh"] == pytest.approx(summer, rel=0.0078)
    assert audit_run(tmp_path / "run").failed == ()


@pytest.mark.parametrize("after", quick({18}, [1, 18, 39]))
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path: Path, after: int) -> None:
    path = finished(chance=True, lost=True).parent / "street.yaml"
    scenario = load_scenario(str(path))
    resume_run(interrupted_run(tmp_path / "run", after, scenario))
    whole = files(finished(chance=True, lost=True))
    assert files(tmp_path / "run") == whole


def test_more_homes_change_nothing_for_the_others() -> None:
    more = read_run(finished("smart_homes.groups.0.count=7"))
    fewer = read_run(finished())
    columns = ["step", "strategy", "home", "appliance", "served_kwh"]
    first = fewer.table("home_appliances", columns, [("home", "<", 4)]).to_pandas()
    again = more.table("home_appliances", columns, [("home", "<", 4)]).to_pandas()
    assert first.equals(again)


def test_homes_without_a_grid_draw_nothing_and_pay_nothing() -> None:
    run = read_run(finished())
    ledger = run.table("ledger", ["kind", "payer", "payee"]).to_pandas()
    ours = ledger[ledger["kind"].isin(["home_supply", "home_feed_in"])]
    assert set(ours["payer"]) | set(ours["payee"]) == {"homes@homes", "aggregator@homes"}
    hours = run.table("hours", ["community", "net_kwh"]).to_pandas()
    assert not hours[hours["community"] == "farms"]["net_kwh"].any()


def test_a_connected_home_gets_from_the_grid_what_it_refuses() -> None:
    run = read_run(finished())
    homes = run.summary["mpfa_mg"]["homes"]["terrace"]
    assert homes["served_kwh"] + homes["imported_kwh"] == pytest.approx(homes["wanted_kwh"])
    assert homes["curtailed_kwh"] == 0
    assert homes["exported_kwh"] > 0


def edit(directory: Path, table: str, column: str, row: int) -> None:
    """Change one value, and let run.json vouch for the file as it is now."""
    path = directory / f"{table}.parquet"
    rows = pq.read_table(path)
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(place)
    values = rows.column(place).to_pylist()
    old = values[row]
    if pa.types.is_dictionary(field.type):
        others = sorted({value for value in values if value not in (None, old)})
        values[row] = others[0] if others else "nobody"
        array = pa.array(values, pa.string()).dictionary_encode().cast(field.type)
    else:
        values[row] = old + 1 if isinstance(old, int) else old + 0.01 * max(abs(old), 1.0)
        array = pa.array(values, field.type)
    pq.write_table(rows.set_column(place, field, array), path)
    info = json.loads((directory / "run.json").read_text())
    info["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "run.json").write_text(json.dumps(info))


# As little as has a value other than zero in every column, and a whole day of clocks.
TAMPERED = ("hours=18", "strategies=[spfa_s, mpfa_mg_shifting]")


@pytest.mark.quick_every(6)
@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column.name) for table in HOME_TABLES for column in TABLES[table]],
)
def test_one_changed_value_fails_though_the_digest_was_mended(
    tmp_path: Path, table: str, column: str
) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    rows = pq.read_table(directory / f"{table}.parquet").column(column).to_pylist()
    there = [row for row, value in enumerate(rows) if value] or list(range(len(rows)))
    edit(directory, table, column, there[len(there) // 2])
    report = audit_run(directory)
    assert not report.passed
    assert all(check.comparison or check.note for check in report.checks if not check.passed)


@pytest.mark.slow
def test_a_capacity_that_stands_twice_fails_the_audit(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(), tmp_path / "run")
    path = directory / "home_capacities.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.take(pa.array([0, *range(rows.num_rows)])), path)
    info = json.loads((directory / "run.json").read_text())
    info["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "run.json").write_text(json.dumps(info))
    assert not audit_run(directory).passed


@pytest.mark.slow
def test_only_some_homes_may_be_written_down() -> None:
    directory = finished("record.homes=3")
    report = audit_run(directory)
    assert report.failed == ()
    reported = {check.name: check for check in report.checks}
    details = reported["smart homes: groups are the sum of their homes"]
    assert details.passed is None
    assert "only 3 of 6 homes" in details.note
    none = audit_run(finished("record.homes=none"))
    assert none.failed == ()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no storage": ({"storages": []}, "the home has no storage"),
    "no appliance": ({"appliances": []}, "the home has no appliance"),
    "unknown storage": (
        {"generators": [{"name": "g", "kind": "generator", "storage": "cellr", "power_kw": 1.0}]},
        "no storage is called 'cellr' (allowed: cellar, roof; did you mean 'cellar'?; line ",
    ),
    "negative power": (
        {"generators": [{"name": "g", "kind": "generator", "storage": "cellar", "power_kw": -1.0}]},
        "generators.0.power_kw",
    ),
    "load longer than the day": (
        {"appliances": [{"name": "a", "kind": "appliance", "storage": "roof", "power_kw": 1.0,
                         "hours": [[3, 30]]}]},
        "from 3 to 30 is 27 h, longer than the day",
    ),
    "loads longer than the day in all": (
        {"appliances": [{"name": "a", "kind": "appliance", "storage": "roof", "power_kw": 1.0,
                         "hours": [[0, 20], [10, 24]]}]},
        "34 h in all is longer than the day",
    ),
    "unknown device": (
        {"appliances": [{"name": "a", "kind": "air_conditionr", "storage": "roof",
                         "power_kw": 1.0, "hours": [[0, 2]]}]},
        "air_conditioner",
    ),
    "no source": (
        {"appliances": [{"name": "a", "kind": "appliance", "storage": "roof"}]},
        "'a' follows nothing (allowed: one of profile, power_kw with hours or comfort, measured; ",
    ),
    "two sources": (
        {"appliances": [{"name": "a", "kind": "air_conditioner", "storage": "roof",
                         "profile": "winter", "power_kw": 1.0}]},
        "'a' follows profile and power_kw",
    ),
    "unknown profile": (
        {"appliances": [{"name": "a", "kind": "air_conditioner", "storage": "roof",
                         "profile": "sumer"}]},
        "there is no smart-home profile 'sumer' (allowed: winter, summer, summer_from_05; "
        "did you mean 'summer'?; line ",
    ),
    "two names": (
        {"appliances": [{"name": "cell", "kind": "appliance", "storage": "roof", "power_kw": 1.0,
                         "hours": [[0, 2]]}]},
        "two devices are called 'cell'",
    ),
    "measured without a dataset": (
        {"appliances": [{"name": "a", "kind": "appliance", "storage": "roof", "measured": True}]},
        "the homes have no dataset",
    ),
    "comfort without weather": (
        {"appliances": [{"name": "a", "kind": "air_conditioner", "storage": "roof",
                         "power_kw": 1.0, "comfort": {}}]},
        "nothing states the weather",
    ),
    "uneven slots": (
        {"appliances": [{"name": "a", "kind": "appliance", "storage": "roof", "power_kw": 1.0,
                         "hours": [[1, 2.5]], "shiftable": True}]},
        "'a' wants another energy in some steps than in others",
    ),
    "unknown community": ({"community": "homs"}, "did you mean 'homes'?"),
    "name taken": ({"name": "others"}, "members of homes are called 'others'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_reported_with_its_place(tmp_path: Path, case: str) -> None:
    changes, reported = WRONG[case]
    group = STREET["smart_homes"]["groups"][0] | changes
    path = write_scenario(tmp_path, smart_homes={"groups": [group]})
    with pytest.raises(InputError) as error:
        start_run(load_scenario(str(path)), tmp_path / "run")
    assert reported in str(error.value)
    assert "smart_homes" in str(error.value)


def measured(folder: Path, dataset: Path, hours: float) -> Path:
    """A scenario of measured houses whose whole load is one appliance."""
    group = {
        "name": "fontana", "community": "homes", "dataset": str(dataset), "connected": False,
        "generators": [
            {"name": "modules", "kind": "photovoltaics", "storage": "battery", "measured": True}
        ],
        "appliances": [
            {"name": "house", "kind": "appliance", "storage": "battery", "measured": True}
        ],
        "storages": [{"name": "battery", "capacity_kwh": 12.0, "power_kw": 5.0}],
    }  # fmt: skip
    return write_scenario(
        folder, name="measured", time_zone="America/Los_Angeles", start="2016-08-01T00:00",
        hours=hours, communities={"homes": {"members": []}}, smart_homes={"groups": [group]},
        currency="USD", strategies=["spfa_gs", "mpfa_mg"],
    )  # fmt: skip


@pytest.mark.slow
def test_measured_houses_run_for_a_year_and_balance(shared: Path, tmp_path: Path) -> None:
    dataset = us_houses(shared / "data", tmp_path / "houses")
    scenario = load_scenario(str(measured(tmp_path, dataset, 8736.0)), ["record.homes=none"])
    start_run(scenario, tmp_path / "run")
    run = read_run(tmp_path / "run")
    columns = [c.name for c in TABLES["home_groups"] if c.unit == "kWh"]
    year = run.table("home_groups", columns).to_pandas()
    np.testing.assert_allclose(
        year["generation_kwh"],
        year["direct_kwh"] + year["charged_kwh"] + year["curtailed_kwh"] + year["exported_kwh"],
        atol=1e-9,
    )
    np.testing.assert_allclose(
        year["served_kwh"], year["direct_kwh"] + year["discharged_kwh"], atol=1e-9
    )
    for strategy in ("spfa_gs", "mpfa_mg"):
        summary = run.summary[strategy]
        total = summary["homes"]["fontana"]
        assert total["generation_kwh"] == pytest.approx(
            total["served_kwh"] + total["losses_kwh"] + total["curtailed_kwh"]
            + summary["home_stored_change_kwh"],
            rel=1e-9,
        )  # fmt: skip
        assert 0 < total["served_kwh"] < total["wanted_kwh"]
        assert summary["counts"]["home_slots_refused"] > 0
    assert audit_run(tmp_path / "run").failed == ()


@pytest.mark.slow
def test_every_hour_of_measured_houses_passes_the_audit(shared: Path, tmp_path: Path) -> None:
    dataset = us_houses(shared / "data", tmp_path / "houses")
    start_run(load_scenario(str(measured(tmp_path, dataset, 14 * 24.0))), tmp_path / "run")
    assert audit_run(tmp_path / "run").failed == ()
    homes = read_run(tmp_path / "run").table("homes", ["member"]).to_pylist()
    assert len({home["member"] for home in homes}) == 11
