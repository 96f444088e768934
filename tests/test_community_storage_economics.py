"""Storages that serve and charge at once, charge from the grid by the clock, and may pay.

The example of thirty households: 60 kWh of storage and 30 kW of plant, four days in January.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from hmesh.environment.errors import InputError
from hmesh.markets.community_storage import StorageRatings, charge_from_grid
from hmesh.markets.community_storage_bounds import largest_demands_kwh, most_in_turns
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.schemes.community_storage.words import rows
from hmesh.runs.studies.community_storage.case import StorageCase, cases_of
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

THIRTY = (
    "plots=false", "hours=96", "community_storage.horizon_days=4",
    "communities.homes.members=[{kind: household, name: H, count: 30, annual_kwh: 2400, "
    "profile: h0}]",
    "community_storage.storages=[{name: storage, community: homes, dischargers: 30, "
    "capacity_kwh: 60, pv_kw: 30}]",
)  # fmt: skip
NIGHT = (
    *THIRTY, "step_h=1.0", "hours=60", "community_storage.history_days=3",
    "community_storage.forecaster={kind: seasonal_naive}", "community_storage.stop_when=delivered",
    "community_storage.serve_while_charging=true",
    "community_storage.storages.0.charge_efficiency=0.95",
    "community_storage.storages.0.power_kw=15",
    "community_storage.night_charging={hours: [23, 5], soc: 0.6}",
    "community_storage.economics={storage_price_per_kwh: 300000, pv_price_per_kw: 1000000, "
    "interest_rate: 0.04, lifetime_years: 20, "
    "tariff: {bands: [{hours: [22, 8], price: 60}, {price: 180}]}}",
    "strategies=[no_community_storage, community_storage_optimal]",
)  # fmt: skip


@pytest.fixture(scope="module")
def case() -> StorageCase:
    (found,) = cases_of(make_setting(load_scenario("community-storage", THIRTY)))
    return found


def most_by_programme(case: StorageCase) -> float:
    """Return the most that a storage delivers that charges and serves at once, all households.

    Variables of every slot: what is charged, delivered and held after it.
    """
    sun, wanted = case.generation_kwh, case.ahead.demand_kwh.sum(axis=1)
    ratings, n = case.ratings, len(sun)
    one, before = np.eye(n), np.eye(n) - np.eye(n, k=-1)
    start = np.zeros(n)
    start[0] = case.stored_kwh
    size = float(ratings.capacity_kwh)
    held = [(float(ratings.soc_min) * size, float(ratings.soc_max) * size)] * n
    found = linprog(
        np.concatenate([np.zeros(n), -np.ones(n), np.zeros(n)]),
        A_eq=np.hstack([-one, one, before]), b_eq=start,
        bounds=[*((0, each) for each in sun), *((0, each) for each in wanted), *held],
    )  # fmt: skip
    assert found.status == 0
    return -float(found.fun)


def test_the_regime_gives_most_away_and_the_stop_little(case: StorageCase) -> None:
    """The figures of the page: 294 and 303 kWh delivered in turns, at most 305, 502 at once."""
    left, by_left = case.optimal(stop_when="left")
    delivered, by_delivered = case.optimal(stop_when="delivered")
    wanted = largest_demands_kwh(case.ahead.demand_kwh, case.dischargers)
    most = most_in_turns(
        case.generation_kwh, case.bright, wanted, case.stored_kwh, case.ratings, case.step_h, 100.0
    )
    found = (left.sum(), delivered.sum(), most, most_by_programme(case), case.generation_kwh.sum())
    assert found == pytest.approx((293.6, 303.2, 304.6, 501.7, 481.8), abs=0.06)
    assert (by_left.chosen, by_delivered.chosen) == (4, 207)


def test_left_ends_at_two_where_the_storage_ends_empty(case: StorageCase) -> None:
    more = case.scaled(np.full(30, 2.0))
    left, by_left = more.optimal(stop_when="left")
    delivered, _ = more.optimal(stop_when="delivered")
    assert by_left.chosen == 2
    assert by_left.final_kwh[-1] == pytest.approx(6.0)  # empty
    assert (left.sum(), delivered.sum()) == pytest.approx((329.5, 335.1), abs=0.06)


@pytest.mark.slow
def test_agents_that_serve_and_charge_at_once_come_near_the_programme(
    case: StorageCase, tmp_path: Path
) -> None:
    optimal = "strategies=[community_storage_optimal]"
    wanted = ("community_storage.stop_when=delivered", "community_storage.plan_on=actual", optimal)
    came = {}
    for at_once in ("false", "true"):
        folder = tmp_path / at_once
        changed = (*wanted, f"community_storage.serve_while_charging={at_once}")
        start_run(load_scenario("community-storage", [*THIRTY, *changed]), folder)
        came[at_once] = read_run(folder).summary["community_storage_optimal"]
    spilt = [came[each]["plant_spilled_kwh"] for each in ("false", "true")]
    delivered = [came[each]["storage_delivered_kwh"] for each in ("false", "true")]
    assert delivered == pytest.approx([303.2, 501.5], abs=0.06)
    assert delivered[1] <= most_by_programme(case)
    assert spilt == pytest.approx([202.5, 4.3], abs=0.06)


def test_what_is_left_out_settles_with_the_energy_delivered_and_left_is_warned_of() -> None:
    published = load_scenario("community-storage")
    assert published.community_storage.stop_when == "left"
    place = "community_storage.stop_when"
    assert place not in {each.place for each in scenario_warnings(published)}
    for change in ("name=storage-of-ours", "community_storage.storages.0.capacity_kwh=12"):
        changed = load_scenario("community-storage", [change])
        assert place in {each.place for each in scenario_warnings(changed)}
    section = {"storages": [{"name": "storage", "community": "homes"}]}
    plain = load_scenario("community-storage", {"community_storage": section})
    assert plain.community_storage.stop_when == "delivered"
    assert not [e for e in scenario_warnings(plain) if e.place == "community_storage.stop_when"]


energies = st.floats(0.0, 10.0)


@given(st.floats(-4.0, 4.0), energies, energies, st.floats(0.5, 1.0), st.floats(0.5, 8.0))
def test_the_grid_fills_up_to_the_level_and_no_further(
    passes: float, stored: float, level: float, efficiency: float, power_kw: float
) -> None:
    """Compared with the largest of many charges that keeps level, limits and rating."""
    ratings = StorageRatings(10.0, 0.0, 1.0, power_kw, efficiency, efficiency)
    _, most_in = ratings.bounds(np.array([stored]), 1.0)
    passes = min(passes, float(most_in[0]))
    found = charge_from_grid(
        np.array([passes]), np.array([stored]), np.array([level]), ratings, 1.0
    )[0]  # fmt: skip
    if stored >= level:
        assert found == 0.0
        return
    tried = np.linspace(0.0, 20.0, 4001)
    fits = (passes + tried <= power_kw + 1e-9) & (
        stored + efficiency * (passes + tried) <= min(level, 10.0) + 1e-9
    )
    best = float(tried[fits].max(initial=0.0))
    assert best - 1e-6 <= found <= best + 0.0051


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night") / "run"
    start_run(load_scenario("community-storage", NIGHT), folder)
    return folder


def test_a_storage_charges_by_the_clock_and_is_valued_at_the_tariff(night: Path) -> None:
    report = audit_run(night)
    assert report.passed, "\n".join(report.lines())
    run = read_run(night)
    rows_of = run.table("storages").to_pandas().set_index("step")
    hours = run.table("hours").to_pandas().drop_duplicates("step").set_index("step")["time"]
    clock = np.array([hours[step].hour for step in rows_of.index])
    inside = (clock >= 23) | (clock < 5)
    assert not rows_of["grid_kwh"][~inside].any()
    assert rows_of["grid_kwh"].sum() > 10.0
    price = np.where((clock >= 22) | (clock < 8), 60.0, 180.0)
    summary = run.summary["community_storage_optimal"]
    cost = float((price * (rows_of["grid_kwh"] - rows_of["delivered_kwh"])).sum())
    assert summary["storage_running_cost"] == pytest.approx(cost, rel=1e-9)
    assert summary["storage_investment"] == 60 * 300000 + 30 * 1000000
    ledger = run.table("ledger").to_pandas()
    paid = ledger[ledger["kind"] == "storage_charging"]
    assert paid["energy_kwh"].sum() == pytest.approx(rows_of["grid_kwh"].sum(), rel=1e-9)


def test_one_storage_does_as_the_population(night: Path) -> None:
    simulation = Simulation(
        make_setting(load_scenario("community-storage", NIGHT)), "community_storage_optimal"
    )
    scheme = simulation.schemes["community_storage"]
    for _ in range(6):
        before = scheme.controllers.population["energy_kwh"].copy()
        simulation.step()
        after = scheme.controllers.population["energy_kwh"].copy()
        scheme.controllers.population["energy_kwh"][:] = before
        scheme.controllers.step_of(0)
        assert scheme.controllers.population["energy_kwh"] == pytest.approx(after, rel=1e-12)


def test_payback_of_a_year() -> None:
    def totals(cost: float, investment: float) -> dict[str, float]:
        names = ("storage_households_kwh", "storage_delivered_kwh", "plant_stored_kwh",
                 "plant_spilled_kwh", "storage_credit")  # fmt: skip
        return dict.fromkeys(names, 0.0) | {
            "storage_running_cost": cost, "storage_investment": investment, "storage_years": 1.0,
            "storage_interest_rate": 0.04, "storage_lifetime_years": 20.0,
        }  # fmt: skip

    every = [totals(0.0, 0.0), totals(-500.0, 6000.0)]
    of = {label: value for label, value, *_ in rows(every)}
    years = of["storages' payback [a]"](every[1])
    assert years is not None
    assert 500 * (1 - 1.04**-years) / 0.04 == pytest.approx(6000)
    worth = of["storages' net present value [{currency}]"](every[1])
    assert worth == pytest.approx(sum(500 / 1.04**year for year in range(1, 21)) - 6000)


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        (("community_storage.night_charging.soc=0.99",), "night_charging.soc"),
        (("community_storage.night_charging.hours=[3, 3]",), "begin and end"),
        (("community_storage.price_response={lam: 1, theta: 1}",), "answer to prices"),
        (("community_storage.economics.tariff={}",), "nothing sets the price"),
    ],
)
def test_what_does_not_fit_is_refused(changes: tuple[str, ...], reported: str) -> None:
    with pytest.raises(InputError, match=reported):
        load_scenario("community-storage", [*NIGHT, *changes])


@pytest.mark.slow
def test_an_interrupted_run_gives_the_same(night: Path, tmp_path: Path) -> None:
    resume_run(interrupted_run(tmp_path / "parts", 31, load_scenario("community-storage", NIGHT)))
    assert read_run(tmp_path / "parts").summary == read_run(night).summary
