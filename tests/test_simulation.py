"""A world simulated hour by hour: published figures, energy, money, and chance of messages."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hmesh.markets.price_game import PriceBounds
from hmesh.markets.three_level_game import follow_exact
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from hmesh.runs.world.step_games import game_of

COMMUNITIES = ("homes", "malls", "offices")
STRATEGIES = ("typical", "two_level", "three_level")
LOSSY = (
    "messages.loss_rate=0.05",
    "messages.latency_h=0.001",
    "messages.deadline_h=0.5",
)  # fmt: skip


def simulation_of(
    strategy: str, *changes: str, record: Any = None, seed: int | None = None
) -> Simulation:
    setting = make_setting(load_scenario("three-communities", changes, seed))
    return Simulation(setting, strategy, record or (lambda simulation: None))


def simulated(
    strategy: str, *changes: str, steps: int | None = None, seed: int | None = None
) -> tuple[Simulation, dict[str, np.ndarray]]:
    """Run a scenario, hold energy and money of every step, and return what happened."""
    reported: dict[str, list[Any]] = {
        name: [] for name in ("utility_price", "price", "net", "exchange", "energy", "community")
    }

    def record(simulation: Simulation) -> None:
        check_step(simulation)
        fleet, decision = (
            simulation.schemes["vehicles"].fleet.population,
            simulation.market.decision,
        )
        reported["utility_price"].append(decision.utility_price)
        reported["price"].append(decision.community_price.copy())
        reported["net"].append(simulation.net_kwh.copy())
        reported["exchange"].append(simulation.schemes["vehicles"].exchange_kwh())
        reported["energy"].append(fleet["energy_kwh"].copy())
        reported["community"].append(fleet["community"].copy())

    simulation = simulation_of(strategy, *changes, record=record, seed=seed)
    for _ in range(steps or simulation.setting.scenario.steps):
        held = simulation.schemes["vehicles"].fleet.population["energy_kwh"].copy()
        simulation.step()
        check_store(simulation, held, reported["exchange"][-1])
    assert simulation.ledger.imbalance() == 0.0
    return simulation, {name: np.array(values) for name, values in reported.items()}


def check_step(simulation: Simulation) -> None:
    """Hold what one step did, before the batteries move."""
    fleet, decision = simulation.schemes["vehicles"].fleet.population, simulation.market.decision
    exchange, where = simulation.schemes["vehicles"].exchange_kwh(), fleet["community"]
    assert np.all(exchange[where < 0] == 0.0)
    rated_kwh = fleet["power_kw"] * simulation.step_h
    assert np.all(np.abs(exchange) <= rated_kwh + 1e-9)
    vehicles = [exchange[where == m].sum() for m in range(len(simulation.net_kwh))]
    passive = simulation.meters.passive_kwh
    np.testing.assert_allclose(simulation.net_kwh, passive + vehicles, rtol=1e-9, atol=1e-9)
    losses = float(simulation.flows.losses_kwh.sum())
    supplied = simulation.grid.supplied_kwh(simulation.flows, simulation.meters.node_kwh)
    assert supplied == pytest.approx(float(simulation.net_kwh.sum()) + losses, rel=1e-9)
    paid: dict[str, float] = {}
    entries = simulation.ledger.drain()
    for kind, amount in zip(entries["kind"], entries["amount"], strict=True):
        paid[kind] = paid.get(kind, 0.0) + amount
    bought = paid["vehicle_charging"] - paid["vehicle_discharging"] + paid["fixed_load"]
    aggregators = bought - paid["wholesale"]
    utility = paid["wholesale"] - paid["generation"]
    price, q = decision.community_price, decision.utility_price
    assert aggregators == pytest.approx(((price - q) * simulation.net_kwh).sum(), abs=1e-6)
    cost = simulation.setting.cost.total(supplied)
    assert paid["generation"] == pytest.approx(cost, rel=1e-9)
    assert utility == pytest.approx(q * simulation.net_kwh.sum() - cost, abs=1e-6)
    assert bought == pytest.approx((price * simulation.net_kwh).sum(), rel=1e-9, abs=1e-6)


def check_store(simulation: Simulation, before: np.ndarray, exchange: np.ndarray) -> None:
    """Compare what every battery holds after a step with what it held and did."""
    fleet = simulation.schemes["vehicles"].fleet.population
    stored = np.where(
        exchange > 0,
        exchange * fleet["charge_efficiency"],
        exchange / fleet["discharge_efficiency"],
    )
    after, soc = fleet["energy_kwh"], fleet["energy_kwh"] / fleet["capacity_kwh"]
    driven = before + stored - after
    wanted = fleet["driven_km"] * fleet["consumption_kwh_per_km"]
    wanted[simulation.schemes["vehicles"].drivers] -= simulation.schemes["vehicles"].unmet_kwh
    np.testing.assert_allclose(driven, wanted, rtol=0, atol=1e-9)
    assert np.all((soc >= -1e-12) & (soc <= 1 + 1e-12))
    assert np.all(soc[exchange > 0] <= fleet["soc_max"][exchange > 0] + 1e-9)
    # Who drives after a sale in the same step may be lower afterwards.
    sold = soc + wanted / fleet["capacity_kwh"]
    assert np.all(sold[exchange < 0] >= fleet["soc_min"][exchange < 0] - 1e-9)


@pytest.fixture(scope="module")
def study() -> dict[str, tuple[Simulation, dict[str, np.ndarray]]]:
    """Return the built-in scenario simulated under every strategy."""
    return {strategy: simulated(strategy) for strategy in STRATEGIES}


Study = dict[str, tuple[Simulation, dict[str, np.ndarray]]]


@pytest.mark.parametrize(
    ("strategy", "against", "par", "bill", "tolerance"),
    [
        ("three_level", "typical", -40.7, -8.3, 0.3),
        ("three_level", "two_level", -31.3, -6.1, 0.5),
    ],
)
def test_the_published_reductions(
    study: Study, strategy: str, against: str, par: float, bill: float, tolerance: float
) -> None:
    totals, others = study[strategy][0].totals, study[against][0].totals
    pars = totals.summary(1.0)["par"], others.summary(1.0)["par"]
    assert 100 * (pars[0] / pars[1] - 1) == pytest.approx(par, abs=tolerance)
    bills = totals.sums["ev_bill"] / others.sums["ev_bill"]
    assert 100 * (bills - 1) == pytest.approx(bill, abs=tolerance)


def test_totals_are_the_sums_of_the_steps(study: Study) -> None:
    for simulation, steps in study.values():
        sums, demand = simulation.totals.sums, steps["net"].sum(axis=1)
        summary = simulation.totals.summary(1.0)
        assert summary["peak_kw"] == demand.max()
        assert summary["peak_step"] == demand.argmax()
        assert summary["par"] == pytest.approx(demand.max() / demand.mean())
        assert sums["vehicle_kwh"] == pytest.approx(steps["exchange"].sum())
        own = sums["ev_bill"] + sums["fixed_load_bill"]
        others = sums["aggregator_profit"] + sums["utility_profit"] + sums["generation_cost"]
        assert own == pytest.approx(others, rel=1e-12)
        stored = simulation.schemes["vehicles"].fleet.population["energy_kwh"].sum() - 2000 * 20.0
        trips = 0.16 * sums["driven_km"] - sums["unmet_trip_kwh"]
        assert stored == pytest.approx(sums["vehicle_kwh"] - trips, rel=1e-9)
        assert sums["driven_km"] == 200 * (60 + 90 + 110 + 70 + 90 + 55 + 60 + 120 + 80 + 110)


def test_typical_charging_never_discharges_and_ends_full(study: Study) -> None:
    simulation, steps = study["typical"]
    assert np.all(steps["exchange"] >= 0)
    fleet = simulation.schemes["vehicles"].fleet.population
    assert np.all(fleet["energy_kwh"] <= 0.9 * 40 + 1e-9)
    # The shortest night is from 22 to 1 o'clock: 21 kWh, and 36 kWh are full.
    last = steps["energy"][-1][fleet["day_plan"] == 0]
    assert last == pytest.approx(36.0)


def test_bargaining_by_messages_finds_the_exact_prices(study: Study) -> None:
    _, exact = simulated("three_level", "game.solver=exact")
    _, negotiated = study["three_level"]
    for name in ("utility_price", "price"):
        np.testing.assert_allclose(negotiated[name], exact[name], rtol=0, atol=1e-6 * 70)
    np.testing.assert_allclose(negotiated["net"], exact["net"], rtol=1e-4)
    simulation = study["three_level"][0]
    assert simulation.totals.worst["utility_profit_gap"] == 0.0
    assert simulation.totals.counts["unexplained_vehicles"] == 0
    assert simulation.totals.counts["fallbacks"] == 0
    communities = 3 * 24 - simulation.totals.counts["communities_without_vehicles"]
    assert simulation.totals.counts["vehicle_questions"] <= 13 * communities


@pytest.mark.parametrize("solver", ["grid", "closed_form"])
def test_the_other_solvers_come_near(study: Study, solver: str) -> None:
    simulation, steps = simulated("three_level", f"game.solver={solver}")
    _, negotiated = study["three_level"]
    apart = np.abs(steps["utility_price"] - negotiated["utility_price"])
    # The closed form knows of no bounds, and what it lets vehicles store differs ever after.
    assert apart.max() < (0.01 if solver == "grid" else 1.0)
    assert simulation.totals.peak_to_average_ratio() == pytest.approx(1.377, abs=0.01)


def test_captive_load_of_the_study_is_safe_below_its_threshold() -> None:
    thresholds: list[tuple[float, Any, float]] = []

    def record(simulation: Simulation) -> None:
        decision = simulation.market.decision
        q, prices = decision.utility_price, decision.community_price
        for m, parked in enumerate(simulation.schemes["vehicles"].parked):
            captive = simulation.meters.passive_kwh[m] + parked.lower_kwh.sum()
            if len(parked) and captive > 0:
                threshold = q + (prices[m] - q) * simulation.net_kwh[m] / captive
                thresholds.append((float(threshold), game_of(simulation), q))
                where.append((simulation.step_index, m))

    where: list[tuple[int, int]] = []
    simulation = simulation_of("three_level", "game.solver=exact", record=record)
    for _ in range(24):
        simulation.step()
    assert where == [(8, 1)]  # at 9 o'clock, in the malls
    threshold, game, q = thresholds[0]
    assert threshold == pytest.approx(102.7, abs=0.5)
    interior = follow_exact(game, q).community_price[1]
    for factor, price in ((0.999, interior), (1.001, 1.001 * threshold)):
        bounds = PriceBounds(0.0, 70.0, 0.0, factor * threshold)
        asked = follow_exact(replace(game, bounds=bounds), q).community_price[1]
        assert asked == pytest.approx(price, rel=1e-9)


def frozen(simulation: Simulation) -> Any:
    """Return the state with the bytes of its arrays, so that states can be compared."""

    def bytes_of(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, dict):
            return {key: bytes_of(held) for key, held in value.items()}
        return [bytes_of(held) for held in value] if isinstance(value, list | tuple) else value

    return bytes_of(simulation.state())


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(("hours=40", "vehicles.count=200", *LOSSY), marks=pytest.mark.slow),
        pytest.param(
            ("hours=40", "vehicles.count=3", "messages.loss_rate=0.6"), marks=pytest.mark.slow
        ),
        ("hours=10", "step_h=0.25", "vehicles.trip_reserve=true", "game.solver=exact"),
    ],
)
def test_a_restored_world_goes_on_as_if_nothing_had_happened(
    strategy: str, changes: tuple[str, ...]
) -> None:
    whole = simulation_of(strategy, *changes)
    broken = simulation_of(strategy, *changes)
    for step in range(40):
        if step in (1, 13, 30):
            state = copy.deepcopy(broken.state())
            broken = simulation_of(strategy, *changes)
            broken.restore(state)
        whole.step()
        broken.step()
        if step in (1, 13, 30, 39):
            assert frozen(whole) == frozen(broken)
            assert whole.market.decision.utility_price == broken.market.decision.utility_price
            assert (
                whole.schemes["vehicles"].exchange_kwh().tobytes()
                == broken.schemes["vehicles"].exchange_kwh().tobytes()
            )


def test_a_vehicle_more_changes_nothing_of_the_others() -> None:
    few = simulation_of("typical", "vehicles.count=2000")
    many = simulation_of("typical", "vehicles.count=2001")
    for name in few.schemes["vehicles"].fleet.population.attributes:
        column = many.schemes["vehicles"].fleet.population[name][:2000]
        assert few.schemes["vehicles"].fleet.population[name].tobytes() == column.tobytes()
    for _ in range(24):
        few.step()
        many.step()
        for name in ("community", "driven_km", "day_finished", "energy_kwh"):
            column = many.schemes["vehicles"].fleet.population[name][:2000]
            assert few.schemes["vehicles"].fleet.population[name].tobytes() == column.tobytes()
    other = simulation_of("typical", seed=2)
    assert not np.any(
        other.schemes["vehicles"].fleet.population["lam"]
        == few.schemes["vehicles"].fleet.population["lam"]
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("rule", ["pass_through", "profit_max"])
def test_no_vehicle_and_one(strategy: str, count: int, rule: str) -> None:
    changes = (f"vehicles.count={count}", f"prices.without_vehicles={rule}")
    simulation, steps = simulated(strategy, *changes)
    fixed = simulation.totals.sums["fixed_load_kwh"]
    assert steps["net"].sum() == pytest.approx(fixed + simulation.totals.sums["vehicle_kwh"])
    assert simulation.totals.peak_to_average_ratio() == pytest.approx(1.98, abs=0.01)
    if strategy == "three_level":
        assert steps["utility_price"][0] == 70.0  # what cannot leave pays whatever it must
    empty = 24 * 3 - simulation.totals.counts["communities_without_vehicles"]
    assert empty == (0 if count == 0 else 22)  # it drives in two of the hours


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_lines_that_lose_energy_and_batteries_that_do(strategy: str) -> None:
    changes = [f"communities.{name}.feeder.loss_rate=0.05" for name in COMMUNITIES]
    changes += ["vehicles.charge_efficiency=0.9", "vehicles.discharge_efficiency=0.95"]
    simulation, steps = simulated(strategy, *changes)
    sums = simulation.totals.sums
    assert sums["losses_kwh"] == pytest.approx(0.05 * np.abs(steps["net"]).sum())
    trips = 0.16 * sums["driven_km"] - sums["unmet_trip_kwh"]
    stored = 0.9 * sums["vehicle_charged_kwh"] - sums["vehicle_discharged_kwh"] / 0.95 - trips
    energy = simulation.schemes["vehicles"].fleet.population["energy_kwh"]
    assert energy.sum() - 40_000 == pytest.approx(stored, rel=1e-9, abs=1e-6)


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("step_h", [0.25, 2.0])
def test_steps_of_another_length(study: Study, strategy: str, step_h: float) -> None:
    simulation, steps = simulated(strategy, f"step_h={step_h}")
    hourly, _ = study[strategy]
    assert len(steps["net"]) == 24 / step_h
    for name in ("fixed_load_kwh", "driven_km"):
        assert simulation.totals.sums[name] == pytest.approx(hourly.totals.sums[name], rel=1e-9)
    assert np.abs(steps["exchange"]).max() <= 7 * step_h * (1 + 1e-9)
    # In steps of two hours a price that vehicles agree on leaves every plug some room.
    if step_h < 1.0 or strategy == "typical":
        assert np.abs(steps["exchange"]).max() == pytest.approx(7 * step_h)
    if strategy == "typical":  # where a bargain is found in more steps, it is another one
        summary, other = simulation.totals.summary(step_h), hourly.totals.summary(1.0)
        for name in ("mean_kw", "peak_kw", "par", "generation_cost", "utility_profit"):
            assert summary[name] == pytest.approx(other[name], rel=0.15)


@pytest.mark.parametrize("strategy", ["two_level", "three_level"])
def test_messages_late_and_lost_are_counted_and_lost_again(study: Study, strategy: str) -> None:
    simulation, steps = simulated(strategy, *LOSSY)
    again, same = simulated(strategy, *LOSSY)
    for name, values in steps.items():
        assert values.tobytes() == same[name].tobytes()
    assert simulation.totals.counts == again.totals.counts
    counts, heard = simulation.totals.counts, simulation.bus.statistics
    assert counts["fallbacks"] > 0
    assert sum(count.lost for count in heard.values()) > 1000
    assert counts["vehicle_questions"] > 0
    # Prices hardly move: who was not heard is asked again.
    _, sure = study[strategy]
    assert np.median(np.abs(steps["price"] - sure["price"])) < 0.5


@pytest.mark.parametrize("deadline_h", [0.03, 0.05, 0.3, 9.0])
def test_where_time_runs_out_the_step_is_settled_all_the_same(deadline_h: float) -> None:
    changes = ("messages.latency_h=0.01", f"messages.deadline_h={deadline_h}")
    simulation, steps = simulated("three_level", *changes)
    late = sum(count.late for count in simulation.bus.statistics.values())
    gap = simulation.totals.worst["utility_profit_gap"]
    assert np.isfinite(gap)
    assert late == 0  # nobody asks when there is no time left for what must be said
    assert np.all((steps["utility_price"] >= 0) & (steps["utility_price"] <= 70))
    # Not even one question fits; one; some; all.
    assert (gap > 0) == (deadline_h in (0.05, 0.3))
    assert (simulation.totals.counts["fallbacks"] >= 24) == (deadline_h == 0.03)
    unexplained = simulation.totals.counts["unexplained_vehicles"]
    assert (unexplained > 0) == (deadline_h < 0.3)


def test_vehicles_that_no_announcement_reaches_stay_idle() -> None:
    simulation = simulation_of("three_level", "messages.loss_rate=0.9", "vehicles.count=500")
    for _ in range(24):
        simulation.step()
    decided = simulation.market.decision.exchange_kwh["vehicles"]
    reached = sum(int(np.count_nonzero(energy)) for energy in decided)
    assert 0 < reached < 150
    assert simulation.totals.counts["fallbacks"] > 24 * 200
