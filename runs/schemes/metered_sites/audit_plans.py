"""Whether batteries that know their tariff plan well: worth of what is held, power, exchanges."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.drawn_part import drawn_part, note_of
from hmesh.runs.audits.reference.metered_sites import (
    Price,
    Site,
    keeps,
    least_cost,
    levels,
    total_cost,
    worth_ahead,
)
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.schemes.metered_sites.audit_rows import PREFIX, RowAudit, in_part
from hmesh.runs.schemes.metered_sites.setting import ON_TARIFF, POOLED

# How far a plan looks ahead.
_AHEAD_H, _WEEK_H, _DAY_H = 36.0, 168.0, 24.0
# The power of a month is found to this part of the highest that is expected.
_FINENESS = 1.0 / 32**2


class PlanAudit:
    """Plans of some days of some sites, made again.

    Parameters
    ----------
    rows : RowAudit
        The sites that are written down.
    there : array of bool, shape of the hours
        Where there is supply.
    """

    def __init__(self, rows: RowAudit, there: NDArray[np.bool_]) -> None:
        self.rows, self.there = rows, there
        self.steps, self.h = rows.inputs.steps, rows.inputs.step_h
        self.a_day = round(_DAY_H / self.h)

    def checks(self) -> Iterator[Check]:
        """Return whether exchanges cost least, and whether powers are aimed at that can be kept."""
        planning = [
            s
            for s, name in enumerate(self.rows.strategies)
            if name in (ON_TARIFF, POOLED) and self.rows.count[s]
        ]
        if not planning:
            return
        best = Tally(f"{PREFIX}no exchange costs less", EXACT, "of the cost ahead")
        aimed = Tally(f"{PREFIX}lowest power that can be kept", EXACT, "kW per kW")
        for s in planning:
            days = np.unique(self.rows.setting.first_of_day)[1:].tolist()
            sites = self.rows.count[s]
            count = len(days) * sites
            seed, name = self.rows.inputs.scenario.seed, self.rows.strategies[s]
            drawn = drawn_part(seed, f"days of sites, {name}", count)
            best.note(note_of(len(drawn), count, "days of sites"))
            for which in drawn.tolist():
                day, k = divmod(which, sites)
                self._plan_again(s, days[day], k, best, aimed)
        yield best.check()
        if self.rows.setting.charges_power:
            yield aimed.check()

    def _expected(self, coming: int, now: int) -> int:
        """Return the step whose reading is expected to come again at a coming step."""
        known = now // self.a_day
        days = 7 if known >= 7 else min((coming - now) // self.a_day + 1, known)
        past = coming - days * self.a_day
        while past >= now:
            past -= self.a_day
        return past

    def _plan_again(self, s: int, first: int, k: int, best: Tally, aimed: Tally) -> None:
        rows, strategy = self.rows, self.rows.strategies[s]
        layout = rows.setting.layout(strategy)
        site = rows.site(s, k, float(rows.of(s, "capacity_kwh")[first, k]))
        target = float(rows.of(s, "peak_target_kw")[first, k])
        held = levels(site)

        now, later, month_end = rows.tiers_expected(s, first, k)

        def price(step: int) -> Price:
            of_step = rows.price(step)
            more = now if step < month_end else later
            return of_step._replace(purchase=of_step.purchase + more)

        def ahead(hours: float) -> tuple[list[float], list[float], list[Price]]:
            end = min(first + round(hours / self.h), self.steps)
            past = [self._expected(step, first) for step in range(first, end)]
            loads = [float(layout.load_kwh[step, k]) for step in past]
            suns = [float(layout.generation_kwh[step, k]) for step in past]
            return loads, suns, [price(step) for step in range(first, end)]

        loads, suns, prices = ahead(_AHEAD_H)
        worth = worth_ahead(site, loads, suns, prices, target, self.h)
        of_day = rows.setting.first_of_day
        names = ("stored_kwh", "charge_kwh", "discharge_kwh")
        step = first
        while step < self.steps and of_day[step] == first:
            energy, charge, discharge = (float(rows.of(s, name)[step, k]) for name in names)
            if self.there[step, s, layout.community[k]]:
                part = rows.part(step, k, s)
                load = part * float(layout.load_kwh[step, k])
                sun = part * float(layout.generation_kwh[step, k])
                known = (in_part(site, part), energy, load, sun, price(step), target, self.h, held,
                         worth[step - first + 1])  # fmt: skip
                lowest = least_cost(*known)
                cost = total_cost(*known, charge - discharge)
                off = max(cost - lowest, 0.0) / max(abs(lowest), 1.0)
                best.add(np.array([off]), lambda _, at=step: self._where(s, at, k), None)  # type: ignore[misc]
            step += 1
        if rows.setting.charges_power:
            off = self._off_target(s, first, k, site, target, ahead)
            aimed.add(np.array([off]), lambda _: self._where(s, first, k), None)

    def _where(self, s: int, step: int, k: int) -> str:
        name = self.rows.setting.layout(self.rows.strategies[s]).names[k]
        return f"{self.rows.inputs.places.step(step)}, {self.rows.strategies[s]}, {name}"

    def _off_target(
        self, s: int, first: int, k: int, site: Site, target: float, ahead: "object"
    ) -> float:
        """Return by how much the power aimed at is not the lowest that can be kept, as a share."""
        rows = self.rows
        ends = rows.setting.month_ends
        begins = bool(ends[first - 1]) or first == int(np.unique(rows.setting.first_of_day)[1])
        end = first
        while end < self.steps and rows.setting.first_of_day[end] == first:
            end += 1
        hours = _WEEK_H if begins else (end - first) * self.h
        loads, suns, prices = ahead(hours)  # type: ignore[operator]
        counts = [price.demand > 0 for price in prices]
        energy = float(rows.of(s, "stored_kwh")[first, k])
        least = 0.0
        if not begins:
            drawn = self._drawn_kw(s, first, k)
            least = max(float(rows.of(s, "peak_target_kw")[first - 1, k]), drawn)
        nets = [load - min(sun, site.inverter_kw * self.h)
                for load, sun in zip(loads, suns, strict=True)]  # fmt: skip
        top = max((max(n, 0.0) / self.h for n, c in zip(nets, counts, strict=True) if c),
                  default=0.0)  # fmt: skip
        if target < least * (1 - 1e-9):
            return 1.0
        can = keeps(site, energy, loads, suns, counts, target * (1 + 1e-9), self.h)
        if not can and target < top * (1 - 1e-9):
            return 1.0
        lower = target - 1.01 * top * _FINENESS
        if target <= least * (1 + 1e-9) or lower <= 0:
            return 0.0
        return 1.0 if keeps(site, energy, loads, suns, counts, lower, self.h) else 0.0

    def _drawn_kw(self, s: int, step: int, k: int) -> float:
        """Return the highest power that the month's charges have seen before a step [kW]."""
        rows, monthly = self.rows, self.rows.setting.bill.monthly
        assert monthly is not None
        start = step
        while start > 0 and not rows.setting.month_ends[start - 1]:
            start -= 1
        bought = rows.of(s, "import_kwh")[:, k]
        highest = 0.0
        for counts, length in zip(monthly.counts, monthly.per_interval.tolist(), strict=True):
            taken = np.where(counts[start:step], bought[start:step], 0.0)
            number = np.arange(start, step) // length
            ended = (number + 1) * length <= step
            for each in np.unique(number[ended]):
                power = float(taken[number == each].sum()) / (length * self.h)
                highest = max(highest, power)
        return highest
