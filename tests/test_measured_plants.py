"""Plants of storages that follow what a dataset measured: run, audited, interrupted, refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.live.parameters import parameters_of
from hmesh.runs.live.source import make_source
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_files import BUILT_IN
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.shared_datasets import SHARED

NAME = "community-storage"
OPTIMAL = "community_storage_optimal"
START, HISTORY_DAYS, HOURS = pd.Timestamp("2021-01-12"), 2, 30
DAYS = HISTORY_DAYS + 2
ROOF, SHED = 0.4, 0.1


def pv_kwh(peak_kwh: float) -> Any:
    """Return the energy of every quarter of an hour of the dataset [kWh]."""
    hour = np.arange(96 * DAYS) / 4 % 24
    return peak_kwh * np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)


def dataset(folder: Path, gaps: dict[str, slice] | None = None) -> Path:
    """Write a roof and a shed twice as large as measured, and a house without photovoltaics."""
    folder.mkdir(parents=True)
    times = pd.date_range(START - pd.Timedelta(days=HISTORY_DAYS), periods=96 * DAYS, freq="15min")
    each = {"roof": pv_kwh(ROOF), "shed": pv_kwh(SHED), "house": np.full(len(times), np.nan)}
    for member, missing in (gaps or {}).items():
        each[member][missing] = np.nan
    rows = [
        pd.DataFrame({"time": times, "member": member, "load_kwh": 0.1, "pv_kwh": values})
        for member, values in each.items()
    ]
    pd.concat(rows).to_csv(folder / "profiles.csv", index=False)
    (folder / "members.csv").write_text("member,scale\nroof,\nshed,2\nhouse,\n")
    description = {
        "schema": 1, "name": "street", "licence": "CC0", "time_zone": "Asia/Seoul",
        "clock": "wall", "labels": "start", "resolution": 15, "start": str(times[0].isoformat()),
        "end": str((times[-1] + pd.Timedelta(minutes=15)).isoformat()),
        "tables": {"members": "members.csv", "profiles": "profiles.csv"},
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(description))
    return folder


def scenario(folder: Path, *changes: str) -> Scenario:
    """Return the built-in scenario beside the dataset `street`, its plant the roof there."""
    path = folder / "mine.yaml"
    path.write_text((BUILT_IN / f"{NAME}.yaml").read_text())
    storage = "community_storage.storages.0"
    return load_scenario(
        str(path),
        [
            "plots=false", f"hours={HOURS}", f"community_storage.history_days={HISTORY_DAYS}",
            f"{storage}.pv_dataset=street", f"{storage}.pv_member=roof", *changes,
        ],
    )  # fmt: skip


def refusal(folder: Path, *changes: str) -> str:
    with pytest.raises(InputError) as error:
        make_setting(scenario(folder, *changes))
    return str(error.value)


def test_the_slider_of_a_measured_plant_moves_what_it_generates(tmp_path: Path) -> None:
    """The power of its modules would move nothing, so that the live view offers a factor."""
    dataset(tmp_path / "street")
    changes = ["plots=false", f"hours={HOURS}"]
    storage = "community_storage.storages.0"
    under_the_sky = {each.key for each in parameters_of(load_scenario(NAME, changes))}
    loaded = scenario(tmp_path)
    [slider] = [each for each in parameters_of(loaded) if "photovoltaics" in each.label]
    assert slider.label == "storage: factor on measured photovoltaics"
    assert slider.key == f"{storage}.pv_scale"
    assert f"{storage}.pv_kw" in under_the_sky
    assert slider.key not in under_the_sky

    source = make_source(
        str(tmp_path / "mine.yaml"),
        [
            *changes, f"community_storage.history_days={HISTORY_DAYS}",
            f"{storage}.pv_dataset=street", f"{storage}.pv_member=roof",
        ],
    )  # fmt: skip
    moved = source.changed({slider.name: 2.0}, source.scenario.seed)
    generated = []
    for each in (source.scenario, moved):
        shared = make_setting(each).schemes["community_storage"]
        assert shared is not None
        generated.append(shared.coming_generation_kwh(0, each.steps))
    assert generated[1] == pytest.approx(2 * generated[0])
    assert generated[0].sum() > 0


def test_a_plant_generates_what_was_measured(tmp_path: Path) -> None:
    dataset(tmp_path / "street")
    loaded = scenario(tmp_path)
    assert loaded.files() == ["street/dataset.yaml", "street/members.csv", "street/profiles.csv"]
    assert loaded.from_resolved(loaded.resolved()) == loaded
    setting = make_setting(loaded)
    shared = setting.schemes["community_storage"]
    assert shared is not None
    history = 96 * HISTORY_DAYS
    assert shared.generation_history_kwh[:, 0] == pytest.approx(pv_kwh(ROOF)[:history])
    coming = pv_kwh(ROOF)[history : history + loaded.steps]
    assert shared.coming_generation_kwh(0, loaded.steps)[:, 0] == pytest.approx(coming)
    start_run(loaded, tmp_path / "run")
    rows = read_run(tmp_path / "run").table("storages").to_pandas()
    for strategy in (OPTIMAL, "community_storage_normal"):
        mine = rows[rows.strategy == strategy]
        assert mine.generation_kwh.to_numpy() == pytest.approx(coming)
        assert (mine.charge_kwh + mine.spilled_kwh).to_numpy() == pytest.approx(coming)
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())


def test_several_plants_measured_or_not_stand_side_by_side(tmp_path: Path) -> None:
    dataset(tmp_path / "street")
    storages = (
        "community_storage.storages=["
        "{name: a, community: homes, serves: [H1], pv_dataset: street, pv_member: shed,"
        " pv_scale: 3},"
        "{name: b, community: homes, serves: [H2]},"
        "{name: c, community: homes, serves: [H3], pv_dataset: street, pv_member: roof}]"
    )
    mixed = scenario(tmp_path)
    mixed = load_scenario(
        str(tmp_path / "mine.yaml"),
        ["plots=false", f"hours={HOURS}", f"community_storage.history_days={HISTORY_DAYS}",
         storages],
    )  # fmt: skip
    shared = make_setting(mixed).schemes["community_storage"]
    assert shared is not None
    found = shared.coming_generation_kwh(0, mixed.steps)
    measured = slice(96 * HISTORY_DAYS, 96 * HISTORY_DAYS + mixed.steps)
    # Its scale in the dataset is 2.
    assert found[:, 0] == pytest.approx(3 * 2 * pv_kwh(SHED)[measured])
    assert found[:, 2] == pytest.approx(pv_kwh(ROOF)[measured])
    plain = load_scenario(NAME, [f"hours={HOURS}", "community_storage.history_days=2"])
    usual = make_setting(plain).schemes["community_storage"]
    assert usual is not None
    assert found[:, 1] == pytest.approx(usual.coming_generation_kwh(0, mixed.steps)[:, 0])


def test_measured_plants_need_no_place_under_the_sky(tmp_path: Path) -> None:
    dataset(tmp_path / "street")
    loaded = scenario(tmp_path, "location=null")
    assert not loaded.sunlit
    assert make_setting(loaded).schemes["community_storage"] is not None


def test_missing_readings_are_filled_and_counted(tmp_path: Path) -> None:
    # An hour and a half of the first noon of the run, six quarters.
    noon = 96 * HISTORY_DAYS + 48
    dataset(tmp_path / "street", {"roof": slice(noon, noon + 6), "shed": slice(5, 9)})
    loaded = scenario(tmp_path)
    start_run(loaded, tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert run.summary[OPTIMAL]["counts"]["plant_readings_filled"] == 6
    assert "counts" in run.summary["no_community_storage"]
    assert run.summary["no_community_storage"]["counts"].get("plant_readings_filled", 0) == 0
    rows = run.table("storages").to_pandas()
    filled = rows[rows.strategy == OPTIMAL].generation_kwh.to_numpy()[48:54]
    whole = pv_kwh(ROOF)
    assert filled == pytest.approx(np.interp(range(noon, noon + 6), [noon - 1, noon + 6],
                                             whole[[noon - 1, noon + 6]]))  # fmt: skip
    assert audit_run(tmp_path / "run").passed
    hourly = make_setting(scenario(tmp_path, "step_h=1.0")).schemes["community_storage"]
    assert hourly is not None
    assert [hourly.plants.filled(hour) for hour in range(11, 15)] == [0, 1, 1, 0]


def test_what_a_dataset_does_not_show_is_refused_with_its_place(tmp_path: Path) -> None:
    dataset(tmp_path / "street")
    storage = "community_storage.storages.0"
    reported = refusal(tmp_path, f"{storage}.pv_member=rof")
    assert f"{storage}.pv_member: street states no generation of 'rof'" in reported
    assert "(allowed: roof, shed; did you mean 'roof'?)" in reported
    assert "states no generation of 'house'" in refusal(tmp_path, f"{storage}.pv_member=house")
    several = refusal(tmp_path, f"{storage}.pv_member=null")
    assert f"{storage}.pv_member: street states what 2 members generate" in several
    early = refusal(tmp_path, "community_storage.history_days=3")
    assert "does not cover the run, 2021-01-09 00:00" in early
    assert f"{storage}.pv_dataset, with 3 days of history: " in early
    late = refusal(tmp_path, "hours=60")
    assert "to 2021-01-14 12:00" in late
    fine = refusal(tmp_path, "step_h=0.08333333333333333")
    assert "intervals of 15 min are longer than the step of 5 min" in fine
    with pytest.raises(InputError, match=r"pv_member: no dataset measured the plant"):
        load_scenario(NAME, [f"{storage}.pv_member=roof"])
    with pytest.raises(InputError, match=r"pv_scale: no dataset measured the plant"):
        load_scenario(NAME, [f"{storage}.pv_scale=2.0"])
    with pytest.raises(InputError, match=r"holds no dataset .*did you mean 'street'"):
        scenario(tmp_path, f"{storage}.pv_dataset=stret")


def test_a_dataset_without_photovoltaics_is_refused(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "street")
    rows = pd.read_csv(folder / "profiles.csv").drop(columns="pv_kwh")
    rows.to_csv(folder / "profiles.csv", index=False)
    reported = refusal(tmp_path)
    assert "community_storage.storages.0.pv_dataset, with 2 days of history: " in reported
    assert "states no generation (allowed: profiles with a column pv_kwh)" in reported


def test_check_shows_the_mistakes_of_plants_and_loads_at_once(tmp_path: Path) -> None:
    dataset(tmp_path / "street")
    (tmp_path / "loads.csv").write_text("time,member,load_kwh\n2021-01-12T00:00,x,none\n")
    scenario(tmp_path)
    with pytest.raises(InputError) as error:
        check_scenario(
            str(tmp_path / "mine.yaml"),
            [
                "community_storage.storages.0.pv_dataset=street",
                "community_storage.storages.0.pv_member=rof",
                "communities.homes.members.0={kind: household, name: H1, file: loads.csv}",
                f"hours={HOURS}", f"community_storage.history_days={HISTORY_DAYS}",
            ],
        )  # fmt: skip
    assert "no generation of 'rof'" in str(error.value)
    assert "loads.csv" in str(error.value)


@pytest.mark.slow
def test_a_stopped_run_goes_on_and_a_changed_dataset_is_noticed(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "street")
    loaded = scenario(tmp_path, "checkpoint_every_h=5")
    start_run(loaded, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Stop

    for name in ("halted", "changed"):
        with pytest.raises(Stop):
            start_run(loaded, tmp_path / name, stop)
    resume_run(tmp_path / "halted")
    whole, halted = (read_run(tmp_path / name) for name in ("whole", "halted"))
    assert whole.table("storages").equals(halted.table("storages"))
    assert whole.summary == halted.summary
    text = (folder / "profiles.csv").read_text()
    (folder / "profiles.csv").write_text(text.replace(",0.1,", ",0.2,", 1))
    with pytest.raises(InputError, match="a file the scenario names changed"):
        resume_run(tmp_path / "changed")
    report = audit_run(tmp_path / "whole")
    untold = [check.name for check in report.checks if check.passed is None]
    assert "storages: plants generate what the sun gives" in untold


@pytest.mark.parametrize("forecaster", ["{kind: seasonal_naive}", "{kind: noise, sigma: 0}"])
def test_forecasters_see_the_measured_plant(tmp_path: Path, forecaster: str) -> None:
    dataset(tmp_path / "street")
    setting = make_setting(scenario(tmp_path, f"community_storage.forecaster={forecaster}"))
    shared = setting.schemes["community_storage"]
    assert shared is not None
    past = shared.generation_history_kwh
    # Every day is like the one before, so that both know it.
    reported = shared.generation_forecaster.forecast(past, 96, 0)[:, 0]
    assert reported == pytest.approx(pv_kwh(ROOF)[:96])
    simulation = Simulation(setting, OPTIMAL)
    for _ in range(setting.scenario.steps):
        simulation.step()
    assert simulation.totals.sums["plant_stored_kwh"] > 0


@pytest.mark.slow
def test_a_measured_house_and_plant_run_past_the_end_of_summer_time(
    shared: Path, tmp_path: Path
) -> None:
    SHARED["au_sunny_house"](shared / "data", tmp_path / "street")
    loaded = scenario(
        tmp_path, "time_zone=Australia/Sydney", "start='2012-03-31T12:00'", "step_h=0.5",
        "hours=36", "chance={}", "location=null",
        "communities.homes.members=[{kind: household, name: m, dataset: street}]",
        "community_storage.forecaster={kind: seasonal_naive}",
        "community_storage.storages=[{name: s, community: homes, pv_dataset: street,"
        " pv_scale: 3, capacity_kwh: 6}]",
    )  # fmt: skip
    start_run(loaded, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    run = read_run(tmp_path / "run")
    reported = run.summary[OPTIMAL]
    # The file lacks the second showing of the hour that comes twice.
    assert reported["counts"]["plant_readings_filled"] == 2
    rows = pd.read_parquet(tmp_path / "street" / "profiles.parquet").set_index("time")
    inside = rows["2012-03-31T12:00":"2012-04-01T22:30"]
    assert reported["plant_generation_kwh"] == pytest.approx(3 * inside.pv_kwh.sum())
    assert reported["storage_delivered_kwh"] > 0
