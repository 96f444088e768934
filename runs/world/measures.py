"""Measures of what emerges in a run: which there are, and the last days that they look back on."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.departure_value import gain_of_exchange
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
from hmesh.markets.three_level_game import follow_exact, solve_exact
from hmesh.runs.plugins.registered import Metric
from hmesh.runs.scenarios.measure_names import COMPARED, KINDS_COMPARED, MEASURES
from hmesh.runs.schemes.descriptor import THREE_LEVEL, TWO_LEVEL
from hmesh.runs.strategy_names import pricing_of
from hmesh.runs.world.compared_bills import (
    TOP,
    ComparedBills,
    gini_of_savings,
    top_tenth_of_savings,
    worse_off,
    worse_off_by_place,
)
from hmesh.runs.world.step_games import preferred_game_of

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

A_DAY_H, WINDOW_DAYS = 24.0, 7
# By how much a price may differ from that of a day before and count as settled, of its range.
SETTLED = 0.01
QUANTITIES = ("charged_kwh", "charging", "plugged", "net_kwh", "vehicle_kwh", "utility_price")
type Value = float | FloatArray


class RecentSteps:
    """The last days of one world: what its measures look back on.

    Parameters
    ----------
    simulation : Simulation
        The world, before its first step.

    Attributes
    ----------
    day_steps : int
        Steps of a day.
    count : int
        How many steps of the window are filled.
    compared : ComparedBills
        What members have paid beside the first strategy, where a measure asks for it.
    settled_steps : int
        For how many steps the price has been that of a day before, within `SETTLED`.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.day_steps = max(round(A_DAY_H / simulation.step_h), 1)
        self._held = np.zeros((len(QUANTITIES), WINDOW_DAYS * self.day_steps))
        self.count = self.settled_steps = 0
        bounds = simulation.setting.bounds
        self.compared = ComparedBills()
        given = simulation.setting.scenario.record.measures
        self._compares = any(name in COMPARED for name in given)
        self._close = SETTLED * (bounds.utility_upper - bounds.utility_lower)

    def before_payments(self, simulation: "Simulation") -> None:
        """Read what everybody has paid before the step that is being settled."""
        if self._compares:
            self.compared.read(simulation)

    def observe(self, simulation: "Simulation") -> None:
        """Take in a step that is settled."""
        vehicles: Any = simulation.schemes["vehicles"]
        energies = vehicles.response_kwh
        now = {
            "charged_kwh": float(vehicles.charged_kwh.sum()),
            "charging": float(sum(np.count_nonzero(energy > 0.0) for energy in energies)),
            "plugged": float(vehicles.present.sum()),
            "net_kwh": float(simulation.net_kwh.sum()),
            "vehicle_kwh": float(vehicles.vehicle_kwh.sum()),
            "utility_price": simulation.market.decision.utility_price,
        }
        self._held[:, :-1] = self._held[:, 1:]
        self._held[:, -1] = [now[name] for name in QUANTITIES]
        self.count = min(self.count + 1, self._held.shape[1])
        price = self.last("utility_price")
        if self.count > self.day_steps:
            off = abs(price[-1] - price[-1 - self.day_steps])
            self.settled_steps = self.settled_steps + 1 if off <= self._close else 0

    def last(self, name: str, days: int = WINDOW_DAYS) -> FloatArray:
        """Return a quantity of the last days, as far as they are over, the latest step last."""
        width = self._held.shape[1]
        steps = min(self.count, days * self.day_steps)
        return self._held[QUANTITIES.index(name), width - steps :]

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run."""
        return {"held": self._held, "count": self.count, "settled_steps": self.settled_steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self._held[:] = state["held"]
        self.count, self.settled_steps = state["count"], state["settled_steps"]


def measures_named(names: tuple[str, ...]) -> tuple[Metric, ...]:
    """Return the measures of some names, in the order in which they are always written."""
    return tuple(
        Metric(name, _of_world(_MEASURES[name]), "", f"measure {name}")
        for name in MEASURES
        if name in names
    )


def _of_world(measure: "Callable[[RecentSteps, Simulation], Value]") -> Callable[[Any], Value]:
    return lambda simulation: measure(simulation.recent, simulation)


def _of_a_day(recent: RecentSteps, value: Callable[[], float]) -> float:
    """Return what is known after the first day alone."""
    return value() if recent.count >= recent.day_steps else float("nan")


def _synchronisation(recent: RecentSteps, simulation: "Simulation") -> float:
    return _of_a_day(recent, lambda: synchronisation(recent.last("charged_kwh", 1)))


def _herding(recent: RecentSteps, simulation: "Simulation") -> float:
    return herding(recent.last("charging"), recent.last("plugged"))


def _rebound_peak(recent: RecentSteps, simulation: "Simulation") -> float:
    of_a_day = recent.last("net_kwh", 1), recent.last("vehicle_kwh", 1)
    return _of_a_day(recent, lambda: rebound_peak(*of_a_day))


def _volatility(recent: RecentSteps, simulation: "Simulation") -> float:
    return _of_a_day(recent, lambda: volatility(recent.last("utility_price")))


def _autocorrelation(recent: RecentSteps, simulation: "Simulation") -> float:
    return autocorrelation(recent.last("utility_price"), recent.day_steps)


def _cycle(recent: RecentSteps, simulation: "Simulation") -> float:
    # Half of the window must hold more than a day.
    if recent.count <= 2 * recent.day_steps:
        return float("nan")
    return cycle_steps(recent.last("utility_price")) * simulation.step_h


def _settled(recent: RecentSteps, simulation: "Simulation") -> float:
    return recent.settled_steps * simulation.step_h


def _distance(recent: RecentSteps, simulation: "Simulation") -> Value:
    """Return how far prices of communities are from those of the equilibrium of the same state."""
    decision = simulation.market.decision
    nowhere = np.full(len(decision.community_price), np.nan)
    pricing = pricing_of(simulation.strategy)
    if pricing not in (TWO_LEVEL, THREE_LEVEL):
        return nowhere
    game = preferred_game_of(simulation)
    if pricing == THREE_LEVEL:
        exact = solve_exact(game)
    else:
        exact = follow_exact(game, decision.utility_price)
    return np.where(simulation.supplied, decision.community_price - exact.community_price, np.nan)


def followers(simulation: "Simulation") -> Counter[str]:
    """Return how many vehicles choose each of the strategies that their behaviours offer them."""
    found: Counter[str] = Counter()
    fleet: Any = simulation.schemes["vehicles"].deciding
    for number, kind in enumerate(fleet.classes):
        if hasattr(kind, "chosen"):
            chosen = kind.chosen(fleet.rows_at(kind))
            counts = np.bincount(chosen, minlength=len(kind.given.thresholds))
            found.update({f"{number}.{k}": n for k, n in enumerate(counts.tolist())})
    return found


def _entropy(recent: RecentSteps, simulation: "Simulation") -> float:
    return entropy(np.array(list(followers(simulation).values()), dtype=np.float64))


def _adoption(recent: RecentSteps, simulation: "Simulation") -> float:
    counts = followers(simulation)
    total = sum(counts.values())
    return max(counts.values()) / total if total else float("nan")


def _members(recent: RecentSteps, simulation: "Simulation") -> FloatArray:
    """Return which share of the vehicles that may leave are members, by where they began."""
    vehicles: Any = simulation.schemes["vehicles"]
    began, places = vehicles.member_communities()["vehicles"], len(simulation.setting.communities)
    members, count = np.zeros((2, places))
    for kind in vehicles.fleet.classes:
        if hasattr(kind, "members"):
            here = vehicles.fleet.rows_at(kind)
            where = began[here.rows]
            there = where >= 0
            members += np.bincount(where[there], kind.members(here)[there], places)
            count += np.bincount(where[there], minlength=places)
    return np.asarray(np.divide(members, count, out=np.full(places, np.nan), where=count > 0.0))


def _paid(simulation: "Simulation") -> FloatArray:
    accounts = simulation.accounts
    assert accounts is not None
    paid: FloatArray = accounts.kinds["vehicles"].total("paid")
    return paid


def _gini(recent: RecentSteps, simulation: "Simulation") -> float:
    return gini(_paid(simulation))


def _top_tenth(recent: RecentSteps, simulation: "Simulation") -> float:
    return lorenz_share(_paid(simulation), TOP)


def _gains(simulation: "Simulation", *, behaving: bool) -> float:
    """Return what vehicles with or without a behaviour gain in the step on average [money]."""
    vehicles: Any = simulation.schemes["vehicles"]
    price, total, count = simulation.paid_price(), 0.0, 0
    for m, (here, energy) in enumerate(zip(vehicles.parked, vehicles.response_kwh, strict=True)):
        mine = np.zeros(len(here), dtype=np.bool_)
        for _, places, _ in here.behaving:
            mine[places] = True
        chosen = np.flatnonzero(mine == behaving)
        if len(chosen) and simulation.supplied[m]:
            stores = vehicles.fleet.rows_here(here.rows[chosen]).stores()
            total += float(gain_of_exchange(stores, energy[chosen], price[m]).sum())
            count += len(chosen)
    return total / count if count else float("nan")


def _gain_with(recent: RecentSteps, simulation: "Simulation") -> float:
    return _gains(simulation, behaving=True)


def _gain_without(recent: RecentSteps, simulation: "Simulation") -> float:
    return _gains(simulation, behaving=False)


def _worse_off_of(kind: str) -> "Callable[[RecentSteps, Simulation], Value]":
    return lambda recent, simulation: worse_off(simulation, (kind,))


_MEASURES: "dict[str, Callable[[RecentSteps, Simulation], Value]]" = {
    "synchronisation": _synchronisation,
    "herding": _herding,
    "rebound_peak": _rebound_peak,
    "price_volatility": _volatility,
    "price_autocorrelation": _autocorrelation,
    "price_cycle_h": _cycle,
    "price_settled_h": _settled,
    "price_distance": _distance,
    "strategy_entropy": _entropy,
    "adoption": _adoption,
    "members": _members,
    "gini_of_payments": _gini,
    "top_tenth_of_payments": _top_tenth,
    "gain_with_behaviour": _gain_with,
    "gain_without_behaviour": _gain_without,
    "worse_off": lambda recent, simulation: worse_off(simulation),
    "worse_off_by_place": lambda recent, simulation: worse_off_by_place(simulation),
    **{f"worse_off_{kind}": _worse_off_of(kind) for kind in KINDS_COMPARED},
    "gini_of_savings": lambda recent, simulation: gini_of_savings(simulation),
    "top_tenth_of_savings": lambda recent, simulation: top_tenth_of_savings(simulation),
}
