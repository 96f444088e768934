"""Whether nobody could have done better: the exact equilibrium of every step, found anew."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.three_level_game import Game, Outcome, follow_exact, solve_exact
from hmesh.markets.utility_profit import utility_profit
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs

_SAME = 1e-9


class EquilibriumAudit:
    """Holds the prices and energies of every step against those of the exact equilibrium.

    Parameters
    ----------
    inputs
        What the scenario settles.
    fleet
        The columns of fleet.parquet.

    Attributes
    ----------
    unattained
        1 where the utility's best price is not attained at the aggregators' lowest prices, else 0,
        shape (steps, strategies).
    """

    def __init__(self, inputs: VehicleRunInputs, fleet: Columns) -> None:
        self.inputs = inputs
        self.unattained = np.zeros((inputs.steps, len(inputs.strategies)))
        bounds = inputs.bounds
        self._utility_range = (bounds.utility_upper - bounds.utility_lower) or 1.0
        self._aggregator_range = (bounds.aggregator_upper - bounds.aggregator_lower) or 1.0
        game = inputs.scenario.game
        share, spacing = EXACT, EXACT
        if game.solver == "negotiate":
            share = spacing = max(game.tolerance, EXACT)
        elif game.solver == "grid":
            spacing = game.grid_step / 10**game.grid_zooms / self._utility_range
        # The steepest answer, that of charging, falls by this with every price.
        into: float = inputs.scenario.vehicles.charge_efficiency
        theta = float(fleet["theta"].min(initial=np.inf)) * into * into
        utility_kwh = max(spacing * self._utility_range, share * self._aggregator_range) / theta
        community_kwh = share * self._aggregator_range / theta
        unit = "of the price range"
        self._utility = Tally("equilibrium: utility's price (three_level)", spacing, unit)
        self._communities = {
            name: Tally(f"equilibrium: communities' prices ({name})", share, unit)
            for name in ("two_level", "three_level")
        }
        self._energies = {
            name: Tally(f"equilibrium: vehicles' energies ({name})", tolerance, "kWh")
            for name, tolerance in (("two_level", community_kwh), ("three_level", utility_kwh))
        }
        self._bound: dict[str, set[int]] = {"two_level": set(), "three_level": set()}
        self._as_good: dict[str, list[int]] = {}
        self._lost = 0.0

    def add(self, seen: GameStep, game: Game) -> None:
        """Check a step of the two-level or the three-level game."""
        strategy = self.inputs.vehicle_strategies[seen.strategy]
        label = self._label(seen, strategy, self.inputs.communities)
        followed = follow_exact(game, seen.utility_price)
        if strategy == "three_level":
            exact = solve_exact(game)
            self.unattained[seen.step, seen.strategy] = not exact.attained_lowest
            elsewhere = self._add_utility(seen, game, exact, followed)
        else:
            exact, elsewhere = followed, False
        off, indifferent = self._community_prices(seen, followed)
        tally = self._communities[strategy]
        tally.add(off[None, None, :], label, seen.step)
        energies = self._energies[strategy]
        if not (elsewhere or indifferent):
            apart = np.abs(seen.energy_kwh - seen.answers_kwh(exact.community_price))
            energies.add(apart[None, None, :], self._label(seen, strategy, "vehicle"), seen.step)
        if self.inputs.scenario.game.solver == "closed_form" and self._binds(seen, exact):
            self._bound[strategy].add(seen.step)
        if indifferent:
            self._as_good.setdefault(tally.name, []).append(seen.step)

    def checks(self) -> list[Check]:
        """Return what was found."""
        checks = []
        for strategy in ("two_level", "three_level"):
            if strategy not in self.inputs.vehicle_strategies:
                continue
            tallies = [self._utility] if strategy == "three_level" else []
            tallies += [self._communities[strategy], self._energies[strategy]]
            for tally in tallies:
                steps = self._as_good.get(tally.name, [])
                if steps:
                    tally.tell(
                        f"equally good at another price in {len(steps)} steps, "
                        f"first {self.inputs.places.step(steps[0])}"
                    )
                if not self.inputs.all_recorded:
                    tally.tell(self.inputs.not_all_recorded)
                if tally is self._utility and self._lost > 0:
                    tally.tell(f"another price would earn up to {100 * self._lost:.2g} % more")
                checks.append(self._explained(tally.check(), strategy))
        return checks

    def _label(self, seen: GameStep, strategy: str, items: list[str] | str) -> Label:
        return self.inputs.places.label(items, seen.step, [strategy])

    def _add_utility(self, seen: GameStep, game: Game, exact: Outcome, followed: Outcome) -> bool:
        """Compare the utility's price; return whether another one is equally good."""
        tally = self._utility
        off = abs(seen.utility_price - exact.utility_price) / self._utility_range
        as_good = False
        if off > tally.tolerance:
            earned, most = (
                float(utility_profit(game.cost, np.array(o.utility_price), o.demand_kwh.sum()))
                for o in (followed, exact)
            )
            less = (most - earned) / max(abs(most), 1.0)
            as_good = abs(less) <= _SAME
            if as_good:
                self._as_good.setdefault(tally.name, []).append(seen.step)
            else:
                self._lost = max(self._lost, less)
        label = self._label(seen, "three_level", [])
        tally.add(np.array([[0.0 if as_good else off]]), label, seen.step)
        return as_good

    def _community_prices(
        self, seen: GameStep, followed: Outcome
    ) -> tuple[NDArray[np.float64], bool]:
        """Return how far the prices are from the best answers to the utility's price.

        A price at which the aggregator earns as much counts as an answer as good; whether there is
        one is returned too.
        """
        tolerance = self._communities["three_level"].tolerance
        off = np.abs(seen.community_price - followed.community_price) / self._aggregator_range
        off[np.isnan(seen.community_price)] = 0.0
        if not (off > tolerance).any():
            return off, False
        earned, most = (
            (price - seen.utility_price) * seen.demand_kwh(price)
            for price in (seen.community_price, followed.community_price)
        )
        as_good = (off > tolerance) & (np.abs(most - earned) <= _SAME * np.maximum(np.abs(most), 1))
        return np.where(as_good, 0.0, off), bool(as_good.any())

    def _binds(self, seen: GameStep, exact: Outcome) -> bool:
        """Whether a bound of a vehicle or of a price is met, at these prices or the exact ones."""
        bounds = self.inputs.bounds
        answering = np.isin(np.arange(len(seen.passive_kwh)), seen.where)
        for prices in (seen.community_price, exact.community_price):
            wanted = seen.wanted_kwh(prices)
            clipped = (wanted < seen.lower_kwh) | (wanted > seen.upper_kwh)
            # A vehicle stays idle in a whole range of prices only because of its losses.
            clipped |= (wanted == 0.0) & (seen.lower_kwh < seen.upper_kwh)
            met = (prices <= bounds.aggregator_lower) | (prices >= bounds.aggregator_upper)
            if (clipped & (seen.where >= 0)).any() or (met & answering).any():
                return True
        return any(
            price in (bounds.utility_lower, bounds.utility_upper)
            for price in (seen.utility_price, exact.utility_price)
        )

    def _explained(self, check: Check, strategy: str) -> Check:
        """Say why a check fails where the scenario's own choices are the reason."""
        if check.passed is not False:
            return check
        count = len(check.failed_steps)
        if not self.inputs.reliable:
            note = f"off in {count} steps; not required where messages may be lost or late"
            return replace(check, passed=None, note=_joined(note, check.note))
        if self.inputs.scenario.game.solver == "closed_form":
            bound = len(self._bound[strategy].intersection(check.failed_steps))
            which = "each of them" if bound == count else f"{bound} of them"
            note = (
                f"off in {count} of {self.inputs.steps} steps: the closed form holds only where "
                f"no bound and no dead band binds, and one does in {which}"
            )
            return replace(check, note=_joined(note, check.note))
        return check


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
