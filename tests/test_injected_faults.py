"""An audit judges: a fault in any rule of prices and schools fails the audit of a fresh run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.markets.three_level_game import follow_exact
from hmesh.runs import audit_run
from tests.injected_faults import (
    AFTERNOON,
    BUILDINGS,
    LOSSES,
    SCHOOLS,
    Fault,
    Injected,
    assert_fails,
    assert_passes,
    given,
    result,
    run_with,
)

LIMITS = ("grid.limits=keep", "communities.homes.feeder.rating_kw=20")
SHARED = (
    "strategies=[three_level]", "vehicles.count=40", "vehicles.soc_start=0.3", "plots=false",
    "vehicles.trip_reserve=false", "communities.homes.members.0.count=60", "hours=3",
    "communities.malls.members.0.annual_kwh=5e4", "communities.offices.members.0.annual_kwh=5e4",
    "start='2023-01-16T22:00'", "grid.connections.offices=homes-low",
    "grid.lines.0.rating_kw=60", "game.solver=exact",
)  # fmt: skip


def priced(factor: float) -> Fault:
    """Return a fault by which aggregators ask so many times their best price."""
    return result(
        lambda outcome, *_: replace(outcome, community_price=factor * outcome.community_price)
    )


def notched(notch: float) -> Fault:
    """Return a fault by which the utility asks so much more, and the aggregators answer to that."""

    def fault(right: Callable[..., Any]) -> Callable[..., Any]:
        return lambda game: follow_exact(game, right(game).utility_price + notch)

    return fault


PRICE_RULES = "hmesh.runs.world.price_rules"
PRICES = {
    "what is held counts with the wrong sign": Injected(
        "hmesh.agents.answering.best_response",
        given(lambda price, lam, theta, held, *rest: (price, lam, theta, -held, *rest)),
        "vehicles: none does better by another exchange",
    ),
    "what a kWh is worth falls twice as fast": Injected(
        "hmesh.agents.answering.best_response",
        given(lambda price, lam, theta, *rest: (price, lam, 2 * theta, *rest)),
        "vehicles: none does better by another exchange",
    ),
    "vehicles never discharge": Injected(
        "hmesh.agents.answering.best_response",
        result(lambda energy, *_: np.maximum(energy, 0.0)),
        "vehicles: none does better by another exchange",
    ),
    "a battery may charge beyond its limit": Injected(
        "hmesh.agents.fleet.vehicle_bounds",
        result(lambda bounds, *_: (bounds[0], 1.02 * bounds[1])),
        "vehicles: bounds as rating and store allow",
    ),
    "a battery keeps a hundredth more than it is given": Injected(
        "hmesh.agents.answering.charged",
        result(lambda held, before, exchanged, *_: held + 0.01 * np.abs(exchanged)),
        "vehicles: store changes by exchange and driving",
    ),
    "driving takes a tenth less than it should": Injected(
        "hmesh.agents.fleet.Fleet.driven",
        result(lambda energy, *_: (1.01 * energy[0], energy[1])),
        "vehicles: store changes by exchange and driving",
    ),
    "an aggregator asks 1 % more than its best price": Injected(
        f"{PRICE_RULES}.follow_exact",
        priced(1.01),
        "equilibrium: communities' prices (two_level)",
    ),
    "an aggregator passes the utility's price on": Injected(
        f"{PRICE_RULES}.solve_exact",
        result(
            lambda outcome, *_: replace(
                outcome,
                community_price=np.full_like(outcome.community_price, outcome.utility_price),
            )
        ),
        "equilibrium: communities' prices (three_level)",
    ),
    "the utility asks a notch more": Injected(
        f"{PRICE_RULES}.solve_exact", notched(0.1), "equilibrium: utility's price (three_level)"
    ),
    "the utility forgets that generation becomes more expensive": Injected(
        f"{PRICE_RULES}.solve_exact",
        given(lambda game: (replace(game, cost=replace(game.cost, quadratic=0.0)),)),
        "equilibrium: utility's price (three_level)",
    ),
    "the utility prices as if nothing was lost": Injected(
        f"{PRICE_RULES}.solve_exact",
        given(lambda game: (replace(game, feed=None),)),
        "equilibrium: utility's price (three_level)",
        LOSSES,
    ),
    "an aggregator overloads its line": Injected(
        f"{PRICE_RULES}.follow_exact",
        given(lambda game, price: (replace(game, limits_kwh=None), price)),
        "equilibrium: communities' prices (two_level)",
        LIMITS,
    ),
    "a tenth of the congestion is forgotten": Injected(
        f"{PRICE_RULES}.unlimited_prices",
        result(
            lambda free, game, outcome: (
                free + 0.1 * (np.asarray(outcome.community_price) - np.asarray(free))
            )
        ),
        "limits: what prices would be without them",
        LIMITS,
    ),
    "the planner forgets what lines lose": Injected(
        f"{PRICE_RULES}.solve_planner",
        result(
            lambda outcome, *_: replace(
                outcome,
                community_price=np.full_like(outcome.community_price, outcome.utility_price),
            )
        ),
        "planner: prices are the cost delivered",
        (*LOSSES, "strategies=[planner]"),
    ),
    "the planner's marginal cost is half of it": Injected(
        f"{PRICE_RULES}.solve_planner",
        given(lambda game: (replace(game, cost=replace(game.cost, quadratic=0.025)),)),
        "planner: prices are the cost delivered",
        ("strategies=[planner]",),
    ),
    "lines lose half of what they should": Injected(
        "hmesh.environment.grid.Grid.flows",
        result(
            lambda flows, *_: replace(
                flows,
                losses_kwh=flows.losses_kwh / 2,
                sent_kwh=flows.received_kwh + flows.losses_kwh / 2,
            )
        ),
        "lines: losses as rated",
        LOSSES,
    ),
    "everybody pays a thousandth more than generation costs": Injected(
        "hmesh.markets.generation_cost.GenerationCost.retail_price",
        result(lambda price, *_: 1.001 * price),
        "prices: the retail rule (typical)",
    ),
}

STRATEGIES = "hmesh.runs.schemes.school_buses.strategies"
DISTRICT = "hmesh.agents.school_district"


def offered(factor: float) -> Fault:
    """Return a fault by which the utility offers so many times the best incentive price."""

    def change(outcome: Any, game: Any, *_: Any) -> Any:
        price = factor * outcome.price
        return replace(outcome, price=price, energy_kwh=game.offers(price), rationed=False)

    return result(change)


def even(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return a schedule that draws the same in all steps of a night."""

    def spread(load_kwh: Any, within_kwh: Any) -> Any:
        steps = len(load_kwh)
        return np.repeat(within_kwh[:, -1:] / max(steps, 1), steps, axis=1)

    return spread


SALES = {
    "the utility offers 1 % more than suits it": Injected(
        f"{STRATEGIES}.solve_exact",
        offered(1.01),
        "schools: no incentive price costs the utility less",
    ),
    "the utility offers 1 % less than suits it": Injected(
        f"{STRATEGIES}.solve_exact",
        offered(0.99),
        "schools: no incentive price costs the utility less",
    ),
    "a school sells more than suits it": Injected(
        f"{DISTRICT}.school_response",
        given(lambda price, *rest: (1.01 * price, *rest)),
        "schools: none sells more than suits it",
        ("game.solver=negotiate",),
    ),
    "what a school holds counts with the wrong sign": Injected(
        f"{STRATEGIES}.IncentiveGame",
        lambda right: (
            lambda *terms, **columns: right(
                *terms, **{**columns, "stored_kwh": 0.9 * columns["stored_kwh"]}
            )
        ),
        "schools: no",
    ),
    "what energy has cost is forgotten": Injected(
        f"{STRATEGIES}.IncentiveGame",
        lambda right: (
            lambda *terms, **columns: right(
                *terms, **{**columns, "average_price": 0.9 * columns["average_price"]}
            )
        ),
        "schools: no",
    ),
    "a night draws the same in all steps": Injected(
        "hmesh.agents.demand_response.fill_valley",
        even,
        "schools: no schedule of a night is flatter",
        ("school_buses.power_kw=20",),
    ),
    "a peak is shaved by a tenth less": Injected(
        f"{STRATEGIES}.shave_peak",
        result(lambda energy, *_: 0.9 * energy),
        "schools: centralised control shaves most",
    ),
    "a peak is shaved evenly": Injected(
        f"{STRATEGIES}.shave_peak", even, "schools: centralised control shaves most"
    ),
    "charging forgets the energy that it adds to": Injected(
        f"{DISTRICT}.average_price_after",
        given(lambda average, stock, price, charged: (average, 0.5 * stock, price, charged)),
        "schools: average price of what is stored",
    ),
    "all charging replaces energy sold": Injected(
        f"{DISTRICT}.SchoolDistrict.replaced_kwh",
        result(lambda replaced, district, charge: charge),
        "schools: what charging replaces",
    ),
    "the energy of the next round is sold": Injected(
        f"{DISTRICT}.exchange_bounds",
        given(lambda *columns: (*columns[:8], 0.0, *columns[9:])),
        "schools: bounds as rating, stores and rounds allow",
        ("school_buses.reserve=true",),
    ),
    "charging loses nothing": Injected(
        f"{DISTRICT}.charged",
        given(lambda held, exchanged, *_: (held, exchanged, 1.0, 1.0)),
        "schools: stores change by exchange and driving",
        ("school_buses.charge_efficiency=0.9", "strategies=[valley_charging]"),
    ),
    "a round takes half of its energy": Injected(
        f"{DISTRICT}.SchoolDistrict.driving_kwh",
        result(lambda energy, *_: (energy[0] / 2, energy[1])),
        "schools: stores change by exchange and driving",
    ),
    "energy is dealt out to buses in proportion": Injected(
        f"{DISTRICT}.deal_out",
        result(
            lambda dealt, energy, need, limit, group: np.minimum(
                np.divide(
                    energy[group] * need,
                    np.bincount(group, need, len(energy))[group],
                    out=np.zeros_like(need),
                    where=need > 0,
                ),
                limit,
            )
        ),
        "schools: ",
    ),
}


BATTERY = "hmesh.agents.building_battery"
BATTERIES = {
    "room is multiplied by the efficiency that it should be divided by": Injected(
        f"{BATTERY}.exchange_bounds",
        result(lambda bounds, *columns: (bounds[0], bounds[1] * columns[6] ** 2)),
        "batteries: as the closed form of the day has it",
    ),
    "what is delivered loses nothing": Injected(
        f"{BATTERY}.charged",
        given(lambda held, exchanged, charging, *_: (held, exchanged, charging, 1.0)),
        "batteries: stores change by what is exchanged",
    ),
    "valleys are filled evenly": Injected(
        "hmesh.markets.load_levelling.basin",
        given(lambda ground, room: (np.zeros_like(ground) + ground.mean(), room)),
        "batteries: as the closed form of the day has it",
    ),
    "half of what is stored may be sold": Injected(
        f"{BATTERY}.exchange_bounds",
        result(lambda bounds, *_: (bounds[0] / 2, bounds[1])),
        "batteries: as the closed form of the day has it",
    ),
}


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("injected", PRICES.values(), ids=PRICES)
def test_a_fault_in_prices_fails_the_audit(injected: Injected, tmp_path: Path) -> None:
    assert_fails(injected, "three-communities", (*AFTERNOON, *injected.changes), tmp_path)


def test_a_price_without_shared_limits_that_is_the_one_with_them_fails_the_audit(
    tmp_path: Path,
) -> None:
    injected = Injected(
        f"{PRICE_RULES}.unlimited_prices",
        given(lambda game, outcome: (game, replace(outcome, unlimited_price=None))),
        "limits: what prices would be without them",
    )
    for name, fault in (("right", None), ("wrong", injected)):
        run_with(fault, "two-voltage-levels", SHARED, tmp_path / name)
        failed = audit_run(tmp_path / name).failed
        assert any(injected.check in check for check in failed) == (fault is not None), failed


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("injected", SALES.values(), ids=SALES)
def test_a_fault_in_what_schools_do_fails_the_audit(injected: Injected, tmp_path: Path) -> None:
    assert_fails(injected, "school-buses", (*SCHOOLS, *injected.changes), tmp_path)


@pytest.mark.parametrize("injected", BATTERIES.values(), ids=BATTERIES)
def test_a_fault_in_batteries_fails_the_audit(injected: Injected, tmp_path: Path) -> None:
    assert_fails(injected, "battery-sharing", (*BUILDINGS, *injected.changes), tmp_path)


@pytest.mark.parametrize(
    ("scenario", "changes"),
    [
        ("battery-sharing", BUILDINGS),
        ("three-communities", AFTERNOON),
        ("three-communities", (*AFTERNOON, *LOSSES, "strategies=[planner, three_level]")),
        ("three-communities", (*AFTERNOON, *LIMITS)),
        ("school-buses", SCHOOLS),
        ("school-buses", (*SCHOOLS, "school_buses.power_kw=20", "school_buses.reserve=true")),
        (
            "school-buses",
            (*SCHOOLS, "school_buses.charge_efficiency=0.9", "strategies=[valley_charging]"),
        ),
    ],
)
def test_without_a_fault_the_audit_passes(
    scenario: str, changes: tuple[str, ...], tmp_path: Path
) -> None:
    assert_passes(scenario, changes, tmp_path)
