"""Whether storages of smart homes pay: against homes without any, and sums of the tables."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.schemes.smart_homes import step
from hmesh.runs.schemes.smart_homes.words import rows
from tests.interrupted_runs import interrupted_run
from tests.smart_home_runs import STREET, write_scenario

TARIFF = {"bands": [{"hours": [22, 6], "price": 0.15}, {"price": 0.4}]}


def street(**more: Any) -> dict[str, Any]:
    """Return the connected homes of the street with prices of their storages."""
    homes = copy.deepcopy(STREET["smart_homes"])
    homes["groups"] = homes["groups"][:1]
    homes["economics"] = {
        "storage_price_per_kwh": 500, "wear": 0.02, "tariff": TARIFF, "interest_rate": 0.04,
        "feed_in": 0.07,
    }  # fmt: skip
    return homes | more


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day and a half of four homes, with storages and without."""
    folder = tmp_path_factory.mktemp("pays")
    strategies = ["no_home_storage", "spfa_gs", "mpfa_mg_shifting"]
    path = write_scenario(folder, smart_homes=street(), strategies=strategies)
    start_run(load_scenario(str(path)), folder / "run")
    return folder / "run"


def test_cost_and_price_are_those_of_the_tables(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    opened = read_run(run)
    flows, hours = (opened.table(name).to_pandas() for name in ("home_groups", "hours"))
    clock = hours.drop_duplicates("step").set_index("step")["time"].map(lambda at: at.hour)
    for strategy, totals in opened.summary.items():
        mine = flows[flows["strategy"] == strategy].set_index("step")
        at = clock[mine.index]
        price = np.where((at >= 22) | (at < 6), 0.15, 0.4)
        due = (price * mine["imported_kwh"] - 0.07 * mine["exported_kwh"]).sum()
        due += 0.02 * mine["discharged_kwh"].sum()
        assert totals["home_running_cost"] == pytest.approx(due, rel=1e-9)
        assert totals["home_investment"] == (
            0 if strategy == "no_home_storage" else 500 * 4 * (3 + 5)
        )


def test_without_storages_a_home_uses_what_is_generated_at_once(run: Path) -> None:
    """Generators feed every appliance that they can serve whole; the grid does all else."""
    opened = read_run(run)
    stores = opened.table("home_storages").to_pandas()
    stores = stores[stores["strategy"] == "no_home_storage"]
    assert not stores[["energy_kwh", "charge_kwh", "discharge_kwh", "losses_kwh"]].any(axis=None)
    used = opened.table("home_appliances").to_pandas()
    made = opened.table("home_flows").to_pandas()
    used, made = (t[t["strategy"] == "no_home_storage"] for t in (used, made))
    generated = made[made["source"].isin(["modules", "cell"])]
    generated = generated.groupby(["step", "home"])["energy_kwh"].sum()
    order = {"fridge": 1, "cooling": 2, "washing": 3}
    for key, of_home in used.groupby(["step", "home"]):
        left = float(generated.get(key, 0.0))
        for row in sorted(of_home.itertuples(), key=lambda row: order[row.appliance]):
            wanted, served = float(row.committed_kwh), float(row.served_kwh)
            assert served == (wanted if wanted <= left + 1e-9 else 0.0)
            assert row.imported_kwh == pytest.approx(row.wanted_kwh - served)
            left -= served


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["cost_of_step", "cost_of_storages"])
def test_the_audit_finds_another_cost(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    """A fault in what the simulation states does not pass."""
    right = getattr(step, rule)
    monkeypatch.setattr(
        step, rule, lambda homes: {k: 1.01 * value for k, value in right(homes).items()}
    )
    start_run(load_scenario(run.parent / "street.yaml"), tmp_path / "wrong")
    assert not audit_run(tmp_path / "wrong").passed


@pytest.mark.slow
def test_storages_that_answer_to_prices_earn_and_wear(tmp_path: Path) -> None:
    homes = street(price_response={"lam": 0.2, "theta": 0.02})
    del homes["economics"]["tariff"], homes["economics"]["feed_in"]
    path = write_scenario(
        tmp_path, smart_homes=homes, strategies=["no_home_storage", "mpfa_mg+two_level"],
        prices={"utility": [0.1, 0.6], "aggregator": [0.1, 0.6],
                "time_of_use": {"on_peak": 0.5, "off_peak": 0.15, "from_hour": 9, "to_hour": 21}},
        vehicles={"count": 0}, game={"solver": "exact"},
    )  # fmt: skip
    start_run(load_scenario(str(path)), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    summary = read_run(tmp_path / "run").summary
    without, totals = (summary[name] for name in ("no_home_storage", "mpfa_mg+two_level"))
    given = totals["home_response_discharged_kwh"]
    assert given > 1
    due = totals["home_bill"] + totals["home_response_bill"]
    due += 0.02 * (totals["home_discharged_kwh"] + given)
    assert totals["home_running_cost"] == pytest.approx(due, rel=1e-9)
    assert without["home_response_charged_kwh"] == without["home_response_discharged_kwh"] == 0.0


def test_homes_without_a_grid_have_no_bill_to_save(tmp_path: Path) -> None:
    economics = street()["economics"]
    path = write_scenario(tmp_path, smart_homes=STREET["smart_homes"] | {"economics": economics})
    with pytest.raises(InputError, match="cabin draw from the grid") as found:
        load_scenario(str(path))
    assert "smart_homes.groups.1.connected" in str(found.value)


def test_prices_that_nothing_is_compared_with_are_warned_of(run: Path) -> None:
    place = "smart_homes.economics"
    for changes, warned in (([], False), (["strategies=[spfa_gs, mpfa_sg]"], True)):
        found = scenario_warnings(load_scenario(run.parent / "street.yaml", changes))
        assert (place in {each.place for each in found}) == warned


def test_a_year_in_closed_form() -> None:
    def totals(cost: float, investment: float) -> dict[str, Any]:
        return {
            "home_running_cost": cost, "home_investment": investment, "home_years": 1.0,
            "home_interest_rate": 0.04, "home_lifetime_years": 12.0, "homes": {}, "peak_kw": 1.0,
        }  # fmt: skip

    every = [totals(3000.0, 0.0), totals(2400.0, 4000.0)]
    of = {label: value for label, value, *_ in rows(every)}
    worth = of["homes' storages, net present value [{currency}]"](every[1])
    assert worth == pytest.approx(sum(600 / 1.04**year for year in range(1, 13)) - 4000)
    years = of["homes' storages, payback [a]"](every[1])
    assert years is not None
    assert 600 * (1 - 1.04**-years) / 0.04 == pytest.approx(4000)


@pytest.mark.slow
def test_an_interrupted_run_gives_the_same(run: Path, tmp_path: Path) -> None:
    made = load_scenario(run.parent / "street.yaml")
    resume_run(interrupted_run(tmp_path / "parts", 20, made))
    assert read_run(tmp_path / "parts").summary == read_run(run).summary
