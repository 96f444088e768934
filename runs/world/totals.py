"""What a strategy adds up to over a run, in a few numbers that grow with it."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from math import isnan
from typing import Any

from hmesh.environment.last_digits import settled
from hmesh.environment.standard_profiles import season_of
from hmesh.markets.welfare import price_of_anarchy

SUMS = (
    "fixed_load_kwh",
    "generation_kwh",
    "unserved_kwh",
    "curtailed_kwh",
    "losses_kwh",
    "fixed_load_bill",
    "generation_income",
    "aggregator_profit",
    "utility_profit",
    "generation_cost",
)


@dataclass(slots=True)
class Totals:
    """Running totals of one strategy.

    Attributes
    ----------
    steps : int
        Steps counted.
    supplied_kwh : float
        Demand of all communities [kWh].
    peak_kwh, peak_step : float, int
        Highest demand of a step, and when.
    sums : dict
        One running sum for each name in `SUMS`.
    counts : Counter
        How often something happened that a reader should know of.
    worst : dict
        Largest value of something that should be small.
    overloads : Counter
        Steps in which each line carried more than its rating.
    """

    steps: int = 0
    supplied_kwh: float = 0.0
    peak_kwh: float = float("-inf")
    peak_step: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))
    counts: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    overloads: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        step: int,
        demand_kwh: float,
        sums: dict[str, float],
        counts: dict[str, int],
        worst: dict[str, float],
        overloaded: list[str],
    ) -> None:
        """Add a step."""
        self.steps += 1
        self.supplied_kwh += demand_kwh
        self._raise_peak(demand_kwh, step)
        self._add_parts(sums, counts, worst)
        for line in overloaded:
            self.overloads[line] += 1

    def merge(self, later: "Totals") -> None:
        """Add the totals of later steps."""
        self.steps += later.steps
        self.supplied_kwh += later.supplied_kwh
        self._raise_peak(later.peak_kwh, later.peak_step)
        self._add_parts(later.sums, later.counts, later.worst)
        self.overloads.update(later.overloads)

    def _raise_peak(self, demand_kwh: float, step: int) -> None:
        """Note a demand as the peak if it is higher; the first step at a levelled peak counts."""
        if demand_kwh > self.peak_kwh:
            if settled(demand_kwh) > settled(self.peak_kwh):
                self.peak_step = step
            self.peak_kwh = demand_kwh

    def _add_parts(
        self, sums: dict[str, float], counts: dict[str, int], worst: dict[str, float]
    ) -> None:
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for name, value in worst.items():
            self.worst[name] = max(self.worst.get(name, 0.0), value)

    def peak_to_average_ratio(self) -> float | None:
        """Return the highest over the mean demand; None where the mean is not above 0."""
        mean = self.supplied_kwh / self.steps if self.steps else 0.0
        return self.peak_kwh / mean if mean > 0 else None

    def summary(self, step_h: float) -> dict[str, Any]:
        """Return the totals as a reader expects them, with power in kW."""
        steps = max(self.steps, 1)
        return {
            "peak_kw": self.peak_kwh / step_h if self.steps else None,
            "peak_step": self.peak_step,
            "mean_kw": self.supplied_kwh / steps / step_h,
            "par": self.peak_to_average_ratio(),
            **self.sums,
            **self._price_of_anarchy(),
            "counts": dict(sorted(self.counts.items())),
            "worst": dict(sorted(self.worst.items())),
            "overloaded_steps": dict(sorted(self.overloads.items())),
        }

    def _price_of_anarchy(self) -> dict[str, float | None]:
        """Return the planner's welfare over the strategy's; None where the ratio means nothing."""
        if "planner_welfare" not in self.sums:
            return {}
        ratio = price_of_anarchy(self.sums["planner_welfare"], self.sums["welfare"])
        return {"price_of_anarchy": None if isnan(ratio) else ratio}

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs, fit for JSON."""
        return {
            "steps": self.steps,
            "supplied_kwh": self.supplied_kwh,
            "peak_kwh": self.peak_kwh,
            "peak_step": self.peak_step,
            "sums": dict(self.sums),
            "counts": dict(self.counts),
            "worst": dict(self.worst),
            "overloads": dict(self.overloads),
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Totals":
        """Return totals that go on from an earlier `state`."""
        totals = cls(**{name: state[name] for name in ("steps", "supplied_kwh", "peak_kwh")})
        totals.peak_step = state["peak_step"]
        totals.sums = dict(state["sums"])
        totals.counts = Counter(state["counts"])
        totals.worst = dict(state["worst"])
        totals.overloads = Counter(state["overloads"])
        return totals


def parts_of_calendar(day: date) -> dict[str, str]:
    """Return the year, the season and the weekday of a date."""
    return {"year": str(day.year), "season": season_of(day), "weekday": f"{day:%A}".lower()}


@dataclass(slots=True)
class CalendarTotals:
    """Running totals of a strategy for every year, season and weekday.

    A date belongs to one part of each kind, so its steps are added up first.

    Attributes
    ----------
    parts : dict
        Totals by kind of part (year, season, weekday) and by part, of all dates before today.
    today : date or None
        The date of the last step.
    of_today : Totals
        The totals of its steps so far.
    """

    parts: dict[str, dict[str, Totals]] = field(default_factory=dict)
    today: date | None = None
    of_today: Totals = field(default_factory=Totals)

    def add(self, day: date, *step: Any) -> None:
        """Add a step to its date."""
        if day != self.today:
            self._end_today(self.parts)
            self.today, self.of_today = day, Totals()
        self.of_today.add(*step)

    def _end_today(self, parts: dict[str, dict[str, Totals]]) -> None:
        """Add today to the parts of the calendar it belongs to."""
        if self.today is not None:
            for kind, part in parts_of_calendar(self.today).items():
                parts.setdefault(kind, {}).setdefault(part, Totals()).merge(self.of_today)

    def summary(self, step_h: float) -> dict[str, Any]:
        """Return the totals by kind of part and by part, today's among them."""
        parts = deepcopy(self.parts)
        self._end_today(parts)
        return {
            f"by_{kind}": {part: totals.summary(step_h) for part, totals in held.items()}
            for kind, held in parts.items()
        }

    def state(self) -> dict[str, Any]:
        """Return all that `restored` needs, fit for JSON."""
        parts = {
            kind: {part: totals.state() for part, totals in held.items()}
            for kind, held in self.parts.items()
        }
        today = None if self.today is None else self.today.isoformat()
        return {"parts": parts, "today": today, "of_today": self.of_today.state()}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "CalendarTotals":
        """Return totals that go on from an earlier `state`."""
        parts = {
            kind: {part: Totals.restored(totals) for part, totals in held.items()}
            for kind, held in state["parts"].items()
        }
        today = None if state["today"] is None else date.fromisoformat(state["today"])
        return cls(parts, today, Totals.restored(state["of_today"]))
