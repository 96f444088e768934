"""Measures of what emerges: closed forms, brute force, and runs that record them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.markets import distribution
from hmesh.markets.distribution import lorenz_curve, share_of_largest
from hmesh.markets.emergence import (
    autocorrelation,
    cycle_steps,
    entropy,
    gini,
    herding,
    lorenz_share,
    rebound_peak,
    synchronisation,
    volatility,
)
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.scenarios.measure_names import MEASURES
from hmesh.runs.world.account_figures import account_figures
from hmesh.runs.world.compared_bills import compare_with_first
from hmesh.runs.world.measures import RecentSteps
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

DRAWS = np.random.default_rng(4)


def test_the_order_parameter_of_charging_times() -> None:
    assert synchronisation(np.ones(24)) == pytest.approx(0.0, abs=1e-12)
    assert synchronisation(np.eye(24)[7] * 3.0) == pytest.approx(1.0)
    opposite = np.zeros(24)
    opposite[[2, 14]] = 1.0
    assert synchronisation(opposite) == pytest.approx(0.0, abs=1e-12)
    charged = DRAWS.random(24)
    assert synchronisation(np.roll(5.0 * charged, 9)) == pytest.approx(synchronisation(charged))
    assert np.isnan(synchronisation(np.zeros(24)))


def test_independent_vehicles_do_not_herd() -> None:
    plugged = np.full(50, 400.0)
    found = [herding(DRAWS.binomial(400, 0.3, 50).astype(float), plugged) for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.0, abs=0.003)
    together = np.array([0.0] * 25 + [400.0] * 25)
    assert herding(together, plugged) == pytest.approx(0.5, abs=0.03)
    assert np.isnan(herding(np.zeros(3), np.array([4.0, 4.0, 0.0])))


def test_peaks_and_prices() -> None:
    others, vehicles = np.array([4.0, 6.0, 5.0]), np.array([3.0, -1.0, 0.0])
    assert rebound_peak(others + vehicles, vehicles) == pytest.approx(7.0 / 6.0)
    assert volatility(np.array([1.0, 3.0])) == 1.0
    price = DRAWS.random(60)
    centred = price - price.mean()
    due = sum(centred[t] * centred[t - 5] for t in range(5, 60)) / sum(centred**2)
    assert autocorrelation(price, 5) == pytest.approx(due)
    assert np.isnan(autocorrelation(np.full(60, 41.3), 5))
    wave = 30.0 + 5.0 * np.sin(2.0 * np.pi * np.arange(168) / 12.0) + 0.1 * DRAWS.random(168)
    assert cycle_steps(wave) == 12.0
    assert np.isnan(cycle_steps(np.arange(3.0)))


def test_spread_over_strategies_and_over_members() -> None:
    assert entropy(np.array([5.0, 5.0, 5.0])) == pytest.approx(1.0)
    assert entropy(np.array([9.0, 0.0, 0.0])) == pytest.approx(0.0)
    amounts = DRAWS.random(40)
    pairs = np.abs(amounts[:, None] - amounts).mean()
    assert gini(amounts) == pytest.approx(0.5 * pairs / amounts.mean())
    assert gini(np.ones(7)) == pytest.approx(0.0)
    assert lorenz_share(amounts, 0.1) == pytest.approx(np.sort(amounts)[-4:].sum() / amounts.sum())
    assert lorenz_share(np.ones(7), 0.5) == pytest.approx(0.5)


RECORDED: dict[str, Any] = {
    "hours": 30, "vehicles.count": 20, "strategies": ["three_level"], "game.solver": "exact",
    "plots": False, "record.accounts": "all", "record.measures": list(MEASURES),
    "behaviours": [
        {"behaviour": "regret_matching", "share": 0.5, "keys": {"thresholds": [20, 40, 60]}},
        {"behaviour": "join_and_leave", "share": 0.3, "keys": {"sensitivity": 0.1}},
    ],
}  # fmt: skip


@pytest.mark.slow
def test_a_run_records_measures_and_goes_on_with_them(tmp_path: Path) -> None:
    scenario = load_scenario("three-communities", RECORDED)
    start_run(scenario, tmp_path / "whole")

    resume_run(interrupted_run(tmp_path / "parts", 26, scenario))
    for name in ("metrics.parquet", "summary.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed
    found = read_run(tmp_path / "whole").summary["three_level"]["metrics"]
    assert set(found) == set(MEASURES)
    hours = read_run(tmp_path / "whole").table("hours").to_pandas()
    hours = hours[hours["strategy"] == "three_level"]
    price = hours[hours["community"] == "homes"]["utility_price"].to_numpy()
    assert found["price_volatility"]["last"] == pytest.approx(price.std())
    net = hours.groupby("step")[["net_kwh", "ev_kwh"]].sum().to_numpy()[-24:]
    due = net[:, 0].max() / (net[:, 0] - net[:, 1]).max()
    assert found["rebound_peak"]["last"] == pytest.approx(due)
    assert 0.0 < found["strategy_entropy"]["mean"] <= 1.0


def test_best_responders_are_at_the_equilibrium() -> None:
    given = {key: RECORDED[key] for key in RECORDED if key != "behaviours"}
    given |= {"hours": 4, "record.measures": ["price_distance", "gain_without_behaviour"]}
    scenario = load_scenario("three-communities", given)
    simulation = Simulation(make_setting(scenario), "three_level")
    for _ in range(4):
        simulation.step()
        values = simulation.metrics.values
        assert values["price_distance"] == pytest.approx(np.zeros(3), abs=1e-9)
        assert values["gain_without_behaviour"] >= 0.0
    assert isinstance(simulation.recent, RecentSteps)
    plain = load_scenario("three-communities", {"hours": 4})
    assert Simulation(make_setting(plain), "three_level").recent is None


def test_who_is_worse_off_so_far_is_what_a_run_that_ends_there_says() -> None:
    given = RECORDED | {
        "hours": 8, "strategies": ["typical", "three_level"],
        "record.measures": ["worse_off", "worse_off_by_place", "worse_off_vehicles",
                            "worse_off_households", "gini_of_savings",
                            "top_tenth_of_savings"],
    }  # fmt: skip
    setting = make_setting(load_scenario("three-communities", given))
    worlds = [Simulation(setting, name) for name in setting.scenario.strategies]
    compare_with_first(worlds)
    for _ in range(7):
        for world in worlds:
            world.step()
    due = account_figures(worlds)["three_level"]["members"]
    for world in worlds:
        world.step()
    found = worlds[1].metrics.values
    assert 0.0 < found["worse_off"] < 1.0
    assert found["worse_off"] == due["worse_off"]
    assert found["worse_off_vehicles"] == due["kinds"]["vehicles"]["worse_off"]
    assert found["worse_off_households"] == due["kinds"]["households"]["worse_off"]
    assert found["gini_of_savings"] == pytest.approx(due["gini_savings"])
    first, last = (world.recent.compared.bills for world in worlds if world.recent is not None)
    saved = np.concatenate([distribution.savings(last[kind], first[kind]) for kind in last])
    largest = np.sort(saved)[::-1]
    whole, part = divmod(0.1 * len(saved), 1.0)
    share = (largest[: int(whole)].sum() + part * largest[int(whole)]) / np.abs(saved).sum()
    assert found["top_tenth_of_savings"] == pytest.approx(share)
    accounts = worlds[1].accounts
    assert accounts is not None
    homes = [held.homes[held.homes >= 0] for held in accounts.kinds.values()]
    count = np.bincount(np.concatenate(homes), minlength=3)
    on_the_road = sum(len(held.homes) for held in accounts.kinds.values()) - count.sum()
    assert on_the_road == 0
    assert (found["worse_off_by_place"] @ count) / count.sum() == pytest.approx(due["worse_off"])
    assert worlds[0].metrics.values["worse_off"] == 0.0
    alone = Simulation(setting, "three_level")
    for _ in range(2):
        alone.step()
    assert np.isnan(alone.metrics.values["worse_off"])


def test_measures_that_are_not_there_are_refused() -> None:
    with pytest.raises(InputError, match=r"no measure 'hearding' .*did you mean 'herding'"):
        load_scenario("three-communities", {"record.measures": ["hearding"]})
    with pytest.raises(InputError, match="gini_of_payments needs every account"):
        load_scenario("three-communities", {"record.measures": ["gini_of_payments"]})
    with pytest.raises(InputError, match=r"record.measures: there are no vehicles"):
        load_scenario("smart-home", {"record.measures": ["herding"]})


def test_a_lorenz_curve_bends_by_the_gini_coefficient() -> None:
    for amounts in (DRAWS.random(31), DRAWS.normal(0.3, 1.0, 24), np.ones(5)):
        curve = lorenz_curve(amounts)
        assert curve[0] == 0.0
        assert curve[-1] == pytest.approx(amounts.sum() / np.abs(amounts).sum())
        assert (np.diff(curve, 2) >= -1e-12).all()
        area = 2.0 * np.trapezoid(curve, dx=1.0 / len(amounts))
        assert distribution.gini(amounts) == pytest.approx(curve[-1] - area, abs=1e-9)
    largest = np.sort(amounts := DRAWS.normal(0.0, 1.0, 40))[-4:].sum()
    assert share_of_largest(amounts, 0.1) == pytest.approx(largest / np.abs(amounts).sum())
    assert np.isnan(lorenz_curve(np.zeros(3))).all()
