"""Whether communities would pay what is written if no line had a limit, found by other means."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.reference.aggregator import best_prices, earned
from hmesh.runs.audits.reference.lines import DUST_KWH
from hmesh.runs.audits.reference.utility import PriceGame, best_utility_price
from hmesh.runs.audits.run_inputs import EXACT, RunInputs


class CongestionAudit:
    """Works out every step's prices without limits, and compares those of limits.parquet.

    Without limits of shared lines the utility would ask its best price whatever they carry, and
    without limits of its own lines an aggregator its best price whatever these carry. Where the
    utility has no reason to ask another price, it asks what it does.

    Parameters
    ----------
    inputs, follows, unknown : RunInputs, sequence of str, str
        As those of `EquilibriumAudit`.
    """

    def __init__(self, inputs: RunInputs, follows: Sequence[str], unknown: str = "") -> None:
        self.inputs, self.follows, self.unknown = inputs, follows, unknown
        bounds, game = inputs.bounds, inputs.scenario.game
        self._range = (bounds.aggregator_upper - bounds.aggregator_lower) or 1.0
        tolerance = EXACT
        if game.solver == "negotiate":
            tolerance = max(game.tolerance, EXACT)
        elif game.solver == "grid":
            tolerance = game.grid_step / 10**game.grid_zooms / self._range
        self._prices = Tally(
            "limits: what prices would be without them", tolerance, "of the price range"
        )

    def add(self, seen: GameStep, game: PriceGame, reported: FloatArray) -> None:
        """Check the prices without limits of a step.

        Parameters
        ----------
        seen, game : GameStep, PriceGame
            Who answers to the price of the step, and its game.
        reported : array, shape (communities,)
            The prices of limits.parquet [money/kWh].
        """
        strategy = self.follows[seen.strategy]
        if not seen.grid.keeps or strategy not in ("two_level", "three_level"):
            return
        if self.inputs.scenario.game.solver == "closed_form":
            self._prices.note("not checked where closed forms make prices")
            return
        utility_price = seen.utility_price
        if strategy == "three_level":
            utility_price = _without_shared_limits(game, utility_price)
        moved = utility_price != seen.utility_price
        free = seen.game(self.inputs, limited=False).demands
        off = np.zeros(len(reported))
        for m, (demand, limited) in enumerate(zip(free, game.demands, strict=True)):
            price = float(reported[m])
            if np.isnan(seen.community_price[m]):
                continue
            if isinstance(demand, float) or isinstance(limited, float):
                due = game.captive_price(utility_price) if moved else seen.community_price[m]
                off[m] = abs(price - due)
            elif moved or (limited.lowest, limited.highest) != (demand.lowest, demand.highest):
                best = best_prices(demand, utility_price)
                off[m] = np.abs(best.price - price).min()
                drawn = demand.at(price)[1]
                if best.profit - earned(drawn, price, utility_price) <= best.rounding:
                    off[m] = 0.0  # Equally good.
            else:
                off[m] = abs(price - seen.community_price[m])
        label = self.inputs.places.label(self.inputs.communities, seen.step, [strategy])
        self._prices.add((off / self._range)[None, None, :], label, seen.step)

    def checks(self) -> list[Check]:
        """Return what was found."""
        if self.inputs.scenario.grid.limits != "keep":
            return []
        if not {"two_level", "three_level"}.intersection(self.follows):
            return []
        if self.inputs.played:
            self._prices.note(self.inputs.played)
        if self.unknown:
            self._prices.note(self.unknown)
        check = self._prices.check()
        if check.passed is False and not self.inputs.reliable:
            steps = counted(len(check.failed_steps), "step")
            note = f"off in {steps}; not required where messages may be lost or late"
            return [replace(check, passed=None, note=note)]
        return [check]


def _without_shared_limits(game: PriceGame, price: float) -> float:
    """Return what the utility would ask if no line had a limit that communities share.

    That is the price itself where its best price keeps these limits anyway.
    """
    tree = game.tree
    ratings = zip(tree.rating_kwh, tree.owner, strict=True)
    if not any(owner < 0 and np.isfinite(rating) for rating, owner in ratings):
        return price
    unlimited = replace(game, tree=replace(tree, rating_kwh=[np.inf] * len(tree.parent)))
    free = best_utility_price(unlimited, price)
    binds = max(tree.over(free.demand_kwh, owner=-1)) > DUST_KWH
    return free.price if binds else price
