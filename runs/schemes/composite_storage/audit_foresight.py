"""What recorded houses with storages pay, compared with the cheapest dispatch of two days.

By the second implementation of `hmesh.runs.audits.reference`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.drawn_part import drawn_part, note_of
from hmesh.runs.audits.reference.house_dispatch import Prices, battery_after, cheapest, tank_after
from hmesh.runs.schemes.composite_storage.audit_houses import FLOWS, PREFIX, RecordedHouses

# Of how many days of houses, each with the next day, the cheapest dispatch is found.
MOST_SOLVED = 20
# The share of a run's cost by which a dispatch may miss the cheapest.
GAP = 1e-6


class CheapestDispatch:
    """The cheapest dispatch of two days of some houses, at some times of a run.

    Parameters
    ----------
    houses : RecordedHouses
        The houses that are written down.
    """

    def __init__(self, houses: RecordedHouses) -> None:
        self.houses = houses
        self.inputs, self.setting = houses.inputs, houses.setting
        self.strategies, self.prices = houses.strategies, houses.prices
        windows = self._windows()
        self._count = houses.recorded * len(windows)
        seed = houses.inputs.scenario.seed
        drawn = drawn_part(seed, "two days of houses", self._count, MOST_SOLVED)
        self._chosen: dict[int, list[tuple[int, int]]] = {}
        for house, window in zip(*np.divmod(drawn, len(windows)), strict=True):
            self._chosen.setdefault(int(house), []).append(windows[window])

    def _windows(self) -> list[tuple[int, int]]:
        """Return the first step of two days each, and the one after them."""
        begins = np.flatnonzero(np.diff(self.setting.day, prepend=self.setting.day[0] - 1))
        first = begins[: max(len(begins) - 1, 1)]
        ends = np.append(begins, [self.inputs.steps] * 2)[2 : len(first) + 2]
        return list(zip(first.tolist(), ends.tolist(), strict=True))

    def _costs(self) -> Iterator[tuple[int, str, float, float, float]]:
        """Yield of two days of a house under which strategy and where it is, and three costs.

        They are its own, the least and that of the run.
        """
        last = self.inputs.steps - 1
        for house, windows in self._chosen.items():
            needs = self.setting.series.of_house(house)
            for s, strategy in enumerate(self.strategies):
                own = self.houses.devices(strategy)
                if own.battery_kwh and self.setting.settings.devices.battery_fades:
                    # Limits as wide as they ever were: no dispatch within them costs less.
                    last_kwh = float(self.houses.battery_kwh(s)[-1, house])
                    own = replace(own, soc_min=own.soc_min * last_kwh / own.battery_kwh)
                mine = {name: self.houses.rows[name][:, s, house] for name in FLOWS}
                cost = self.prices.cost(mine)
                kept = (1.0 - self.setting.tank_loss) ** self.inputs.step_h
                levels = (
                    np.append(
                        mine["stored_kwh"],
                        battery_after(mine["stored_kwh"], mine, own.battery_efficiency)[last],
                    ),
                    np.append(
                        mine["tank_kwh"],
                        tank_after(mine["tank_kwh"], mine, own.tank_efficiency, kept)[last],
                    ),
                )
                for first, end in windows:
                    cut = slice(first, end)
                    if mine["unmet_heat_kwh"][cut].any():
                        # The cheapest dispatch may leave none.
                        continue
                    least = cheapest(
                        tuple(need[cut] for need in needs),  # type: ignore[arg-type]
                        Prices(
                            self.prices.purchase[cut], self.prices.feed_in[cut],
                            self.prices.battery_wear, self.prices.tank_wear,
                        ),
                        own,
                        self.inputs.step_h,
                        (float(levels[0][first]), float(levels[1][first])),
                        (float(levels[0][end]), float(levels[1][end])),
                        cop=self.setting.cop[cut],
                        tank_loss_per_h=self.setting.tank_loss[cut],
                    )  # fmt: skip
                    where = f"house {house} under {self.inputs.strategies[s]}, steps {first}-{end}"
                    whole = max(abs(float(cost.sum())), 1.0)
                    yield s, where, float(cost[cut].sum()), least, whole

    def _sampled(self) -> str:
        return note_of(min(MOST_SOLVED, self._count), self._count, "days of houses, with the next,")

    def planned(self, there: NDArray[np.bool_]) -> Check:
        """Check that no two days of a plan could have been cheaper."""
        tally = Tally(f"{PREFIX}managers decide by their rules", GAP, "of the cost")
        if not self.inputs.reliable or not there.all():
            tally.note("messages may be lost or supply failed")
            return tally.check()
        if why := self._no_foresight():
            tally.note(why)
            return tally.check()
        if self.setting.settings.tariff.dataset is not None:
            tally.note("plans by the prices of a market may miss the cheapest")
            return tally.check()
        tally.note(self._sampled())
        for s, where, cost, least, whole in self._solved:
            if s not in self.houses.by_rules:
                continue
            tally.add(np.array([max(cost - least, 0.0) / whole]), lambda at, w=where: w, None)  # type: ignore[misc]
        return tally.check()

    def _no_foresight(self) -> str:
        """Return why the cheapest dispatch is not that of houses, if so."""
        if self.houses.answers_of is not None:
            return "storages exchange energy at the price of the step as well"
        if self.setting.local:
            return "houses pay the prices of communities, which nobody knows ahead"
        return ""

    @cached_property
    def _solved(self) -> list[tuple[int, str, float, float, float]]:
        return list(self._costs())

    def never_cheaper(self, there: NDArray[np.bool_]) -> Check:
        """Compare what houses pay with the cheapest dispatch that knows two days."""
        tally = Tally(f"{PREFIX}never cheaper than with foresight", GAP, "of the cost")
        why = self._no_foresight() or ("" if there.all() else "supply failed at times")
        if why:
            tally.note(why)
            return tally.check()
        tally.note(self._sampled())
        gaps = []
        for _, where, cost, least, whole in self._solved:
            off = np.array([max(least - cost, 0.0) / whole])
            tally.add(off, lambda at, w=where: w, None)  # type: ignore[misc]
            gaps.append((cost - least) / max(abs(least), 1.0))
        if len(gaps) < sum(map(len, self._chosen.values())) * len(self.strategies):
            tally.note("heat was unmet at times, which the cheapest dispatch may not leave")
        if gaps:
            tally.note(
                f"foresight would have saved up to {100 * max(gaps):.1f} % of two days' cost"
            )
        return tally.check()
