"""Everything that changes during a run, and how a simulation goes on from it."""

from typing import TYPE_CHECKING, Any

from hmesh.environment.clock import PendingEvent
from hmesh.runs.world.totals import CalendarTotals, Totals

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


def state_of(simulation: "Simulation") -> dict[str, Any]:
    """Return everything that changes during a run, live where it is an array."""
    parts: dict[str, Any] = {
        "step_index": simulation.step_index,
        "schemes": {name: each.state() for name, each in simulation.schemes.items()},
        "chance": simulation.chance.state(),
        "pending": [
            [event.at_h, event.priority, event.sequence, event.kind, event.subject]
            for event in simulation.clock.pending()
        ],
        "now_h": simulation.clock.now_h,
        "ledger": simulation.ledger.state(),
        "bus": simulation.bus.state(),
        "totals": simulation.totals.state(),
        "calendar_totals": simulation.calendar_totals.state(),
    }
    if simulation.burn_in_steps:
        parts["later_totals"] = simulation.later_totals.state()
    if simulation.metrics.metrics:
        parts["metrics"] = simulation.metrics.state()
    parts |= {name: part.state() for name, part in _optional_parts(simulation).items()}
    if simulation.supply.outages is not None:
        parts["supply"] = simulation.supply.state()
    parts["utility"] = simulation.utility.state()
    parts["heard_prices"] = [aggregator.heard_price for aggregator in simulation.aggregators]
    return parts


def restore_state(simulation: "Simulation", state: dict[str, Any]) -> None:
    """Go on from an earlier `state`."""
    simulation.step_index = state["step_index"]
    for name, each in simulation.schemes.items():
        each.restore(state["schemes"][name])
    simulation.chance.restore(state["chance"])
    simulation.clock.restore(state["now_h"], (PendingEvent(*event) for event in state["pending"]))
    simulation.ledger.restore(state["ledger"])
    simulation.bus.restore(state["bus"])
    simulation.totals = Totals.restored(state["totals"])
    simulation.calendar_totals = CalendarTotals.restored(state["calendar_totals"])
    if simulation.burn_in_steps:
        simulation.later_totals = Totals.restored(state["later_totals"])
    if simulation.metrics.metrics:
        simulation.metrics.restore(state["metrics"])
    for name, part in _optional_parts(simulation).items():
        part.restore(state[name])
    simulation.utility.restore(state["utility"])
    for aggregator, price in zip(simulation.aggregators, state["heard_prices"], strict=True):
        aggregator.heard_price = price
    simulation.events.restored()
    simulation.supply.restore(state.get("supply", {}))


def _optional_parts(simulation: "Simulation") -> dict[str, Any]:
    """Return the parts of a world that only some have, by their names in the state."""
    parts = {
        "recent": simulation.recent,
        "leaders": simulation.market.leaders,
        "expected": simulation.expected_price,
        "local": simulation.local_exchange,
        "accounts": simulation.accounts,
        "member_tariffs": simulation.member_tariffs,
        "log": simulation.log if simulation.log.wanted else None,
    }
    return {name: part for name, part in parts.items() if part is not None}
