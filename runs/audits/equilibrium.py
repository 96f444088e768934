"""Whether nobody could have done better: every step's prices judged by the second implementation.

No price of an aggregator may earn it more, none of the utility may, and no vehicle may gain by
another exchange. Prices are compared where they differ; two that earn the same to within rounding
are equally good.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.reference.aggregator import best_prices, earned
from hmesh.runs.audits.reference.lines import DUST_KWH
from hmesh.runs.audits.reference.utility import PriceGame, UtilityBest, best_utility_price
from hmesh.runs.audits.run_inputs import EXACT, RunInputs


class EquilibriumAudit:
    """Compare the prices and energies of every step with those of the exact equilibrium.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    follows : sequence of str
        By which rule prices are set under each strategy: ``two_level``, ``three_level``,
        ``planner`` or another, under which nothing is checked.
    slopes : array, optional
        By how much the exchange of each vehicle moves where its price does by 1 [kWh^2/money]; None
        where there are no vehicles, so that no energies of theirs are checked.
    unknown : str, optional
        Why some of those who answer are not known, "" where all are.

    Attributes
    ----------
    unattained : array, shape (steps, strategies)
        1 where the utility's best price is not attained at the aggregators' lowest prices, else 0.
    """

    def __init__(
        self,
        inputs: RunInputs,
        follows: Sequence[str],
        slopes: FloatArray | None = None,
        unknown: str = "",
    ) -> None:
        self.inputs, self.follows, self.unknown = inputs, follows, unknown
        self._of_vehicles = slopes is not None
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
        # An exchange moves by no more than this when its price does by 1.
        steepest = 0.0 if slopes is None else float(slopes.max(initial=0.0))
        utility_kwh = max(spacing * self._utility_range, share * self._aggregator_range) * steepest
        community_kwh = share * self._aggregator_range * steepest
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
        self._planned = Tally("planner: prices are the cost delivered", EXACT, unit)
        self._bound: dict[str, set[int]] = {"two_level": set(), "three_level": set()}
        self._as_good: dict[str, list[int]] = {}
        self._lost = 0.0

    def add(self, seen: GameStep, game: PriceGame) -> None:
        """Check a step of the two-level or the three-level game."""
        strategy = self.follows[seen.strategy]
        if strategy == "planner":
            self._add_planned(seen)
            return
        label = self._label(seen, strategy, self.inputs.communities)
        off, indifferent = self._community_prices(seen, game)
        tally = self._communities[strategy]
        tally.add(off[None, None, :], label, seen.step)
        utility_price, elsewhere = seen.utility_price, False
        if strategy == "three_level":
            best = best_utility_price(game, seen.utility_price)
            utility_price = best.price
            self.unattained[seen.step, seen.strategy] = not _attained_lowest(
                game, best, self._utility_range
            )
            elsewhere = self._add_utility(seen, game, best)
        exact = _nearest_best(game, utility_price, seen.community_price)
        energies = self._energies[strategy]
        if not (elsewhere or indifferent):
            apart = seen.stores.wrong_by(seen.price_of_each(exact), seen.energy_kwh)
            apart = np.where(seen.where >= 0, apart, np.abs(seen.energy_kwh))
            energies.add(apart[None, None, :], self._label(seen, strategy, "vehicle"), seen.step)
        if self.inputs.scenario.game.solver == "closed_form":
            prices = (seen.utility_price, utility_price)
            if self._binds(seen, prices, (seen.community_price, exact)):
                self._bound[strategy].add(seen.step)
        if indifferent:
            self._as_good.setdefault(tally.name, []).append(seen.step)

    def _add_planned(self, seen: GameStep) -> None:
        """Check that prices are what one more kWh costs where it is delivered."""
        there = ~np.isnan(seen.community_price)
        planned = seen.planned(self.inputs)
        if seen.utility_price < 0 and planned.tree.loses:
            self._planned.note("not checked where a kWh costs less than nothing and lines lose")
            return
        prices = np.where(there, seen.community_price, 0.0).tolist()
        utility, off = planned.wrong_by(seen.utility_price, prices)
        scale = self._aggregator_range + np.abs([*prices, seen.utility_price])
        apart = np.append(np.where(there, off, 0.0), utility) / scale
        items = [*self.inputs.communities, "the utility"]
        self._planned.add(apart[None, None], self._label(seen, "planner", items), seen.step)

    def checks(self) -> list[Check]:
        """Return what was found."""
        checks = []
        if "planner" in self.follows:
            if self.inputs.played:
                self._planned.note(self.inputs.played)
            if self.unknown:
                self._planned.note(self.unknown)
            checks.append(self._planned.check())
        for strategy in ("two_level", "three_level"):
            if strategy not in self.follows:
                continue
            tallies = [self._utility] if strategy == "three_level" else []
            tallies.append(self._communities[strategy])
            tallies += [self._energies[strategy]] if self._of_vehicles else []
            for tally in tallies:
                steps = self._as_good.get(tally.name, [])
                if steps:
                    tally.note(
                        f"equally good at another price in {counted(len(steps), 'step')}, "
                        f"first {self.inputs.places.step(steps[0])}"
                    )
                if self.inputs.played:
                    tally.note(self.inputs.played)
                if self.unknown:
                    tally.note(self.unknown)
                if tally is self._utility and self._lost > 0:
                    tally.note(f"another price would earn up to {100 * self._lost:.2g} % more")
                checks.append(self._explained(tally.check(), strategy))
        return checks

    def _label(self, seen: GameStep, strategy: str, items: list[str] | str) -> Label:
        return self.inputs.places.label(items, seen.step, [strategy])

    def _add_utility(self, seen: GameStep, game: PriceGame, best: UtilityBest) -> bool:
        """Compare the utility's price; return whether another one is equally good."""
        tally = self._utility
        off = abs(seen.utility_price - best.price) / self._utility_range
        as_good = False
        if off > tally.tolerance:
            answers = game.answers(seen.utility_price)
            allowed = max(*game.tree.over(best.demand_kwh, owner=-1), DUST_KWH)
            earns = max(
                game.profit(seen.utility_price, energies)
                if max(game.tree.over(energies, owner=-1)) <= allowed
                else -np.inf
                for energies in (answers.least_kwh, answers.most_kwh)
            )
            as_good = best.profit - earns <= best.rounding
            if as_good:
                self._as_good.setdefault(tally.name, []).append(seen.step)
            else:
                less = best.profit - earns if np.isfinite(earns) else 0.0
                self._lost = max(self._lost, less / max(abs(best.profit), 1.0))
        label = self._label(seen, "three_level", [])
        tally.add(np.array([[0.0 if as_good else off]]), label, seen.step)
        return as_good

    def _community_prices(self, seen: GameStep, game: PriceGame) -> tuple[FloatArray, bool]:
        """Return how far the prices are from the nearest best answers to the utility's price.

        A price at which the aggregator earns as much counts as an answer as good; whether there is
        one is returned too.
        """
        nearest = _nearest_best(game, seen.utility_price, seen.community_price)
        off = np.abs(seen.community_price - nearest) / self._aggregator_range
        off[np.isnan(seen.community_price)] = 0.0
        as_good = np.zeros(len(off), dtype=bool)
        drawn = seen.demand_kwh(seen.community_price)
        for m in np.flatnonzero(off > self._communities["three_level"].tolerance).tolist():
            demand = game.demands[m]
            if isinstance(demand, float):
                continue
            best = best_prices(demand, seen.utility_price)
            price = float(seen.community_price[m])
            # A price that overloads its line is none, whatever it earns.
            allowed = demand.lowest <= price <= demand.highest
            earns = earned(drawn[m], price, seen.utility_price)
            as_good[m] = allowed and best.profit - earns <= best.rounding
        return np.where(as_good, 0.0, off), bool(as_good.any())

    def _binds(
        self,
        seen: GameStep,
        utility_prices: tuple[float, float],
        community_prices: tuple[FloatArray, FloatArray],
    ) -> bool:
        """Whether a bound of a vehicle or of a price is met, at these prices or the exact ones."""
        bounds, stores = self.inputs.bounds_at(seen.step), seen.stores
        places = np.arange(len(seen.passive_kwh))
        answering = np.isin(places, seen.where)
        for each in seen.others:
            answering |= [each.count(m) > 0 for m in places.tolist()]
        for prices in community_prices:
            answers = stores.best_exchange(seen.price_of_each(prices))
            clipped = (answers <= stores.lower_kwh) | (answers >= stores.upper_kwh)
            # With losses a battery that is left as it is meets the end of a line too.
            clipped |= answers == 0.0
            met = (prices <= bounds.aggregator_lower) | (prices >= bounds.aggregator_upper)
            if (clipped & (seen.where >= 0)).any() or (met & answering).any():
                return True
            if any(each.at_bound(prices) for each in seen.others):
                return True
        ends = (bounds.utility_lower, bounds.utility_upper)
        return any(price in ends for price in utility_prices)

    def _explained(self, check: Check, strategy: str) -> Check:
        """Say why a check fails where the scenario's own choices are the reason."""
        if check.passed is not False:
            return check
        count = len(check.failed_steps)
        if not self.inputs.reliable:
            note = (
                f"off in {counted(count, 'step')}; not required where messages may be lost or late"
            )
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


def _nearest_best(game: PriceGame, utility_price: float, community_price: FloatArray) -> FloatArray:
    """Return each aggregator's best price, of several equally good ones the nearest to its own."""
    nearest = np.empty(len(community_price))
    for m, best in enumerate(game.answers(utility_price).best):
        if best is None:
            nearest[m] = game.captive_price(utility_price)
        else:
            apart = np.nan_to_num(np.abs(best.price - community_price[m]))
            nearest[m] = best.price[np.argmin(apart)]
    return nearest


def _attained_lowest(game: PriceGame, best: UtilityBest, price_range: float) -> bool:
    """Whether the utility earns its best where aggregators take the lowest of their best prices.

    It does not where its best price is the one from which on an aggregator asks another price: just
    below it the community draws more than its demand can fall in between.
    """
    below = EXACT * price_range
    for demand, answer, drawn in zip(
        game.demands,
        game.answers(best.price - below).best,
        best.demand_kwh,
        strict=True,
    ):
        if answer is None or isinstance(demand, float):
            continue
        falls = below * float(np.abs(demand.gain).max()) + EXACT * max(abs(drawn), 1.0)
        if answer.demand_kwh[0] - drawn > falls:
            return False
    return True
