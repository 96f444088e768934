"""The time axis of a figure: clock hours of a day, dates of a month, months of years."""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.runs.pictures.figure_size import asked_size_in
from hmesh.runs.pictures.text_width import lines_within

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STEPS = 800
MOST_DAYS = 125
MEAN_DAY_FROM_H = 24.0 * 5
LABEL_IN = 0.55
# The title of a time axis is broken where it is wider than this.
TITLE_ROOM_IN, TITLE_PT = 2.2, 10.0

_HOURS = (0.25, 0.5, 1, 2, 3, 6, 12)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_LOCAL_DAY_H = 26.0


class Timeline:
    """The steps of a run, gathered to blocks where there are too many to be distinguished.

    Parameters
    ----------
    calendar : Calendar
        The calendar of the run.
    steps : int
        How many steps it has.

    Attributes
    ----------
    block : str
        What every point of a figure is: "hour", "day", "week" or "28 days"; "" where it is a step.
    edges_h : array, shape (points + 1,)
        Where the points begin, and the last one ends: elapsed time since the start of the run [h].
    """

    def __init__(self, calendar: Calendar, steps: int) -> None:
        self.calendar = calendar
        self.steps = steps
        self.span_h = steps * calendar.step_h
        self.block, first = self._blocks()
        self._first = np.array(first, dtype=np.int64)
        self.edges_h = np.append(self._first, steps) * calendar.step_h

    @property
    def note(self) -> str:
        """What a reader must know of the points; "" where each is a step."""
        return f"mean of every {self.block}" if self.block else ""

    @property
    def note_with_range(self) -> str:
        """What a reader must know where `draw_course` shows ranges too."""
        return f"{self.note}, with its range behind it" if self.block else ""

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of every point; the last axis of `values` goes over the steps.

        Steps without a value, NaN, do not count; a point of such steps alone has none either.
        """
        if not self.block:
            return values
        known = ~np.isnan(values)
        sums = np.add.reduceat(np.where(known, values, 0.0), self._first, axis=-1)
        counts = np.add.reduceat(known, self._first, axis=-1, dtype=np.int64)
        means: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return means

    def lowest(self, values: FloatArray) -> FloatArray:
        """Return the lowest value of every point, as `mean` does."""
        return np.fmin.reduceat(values, self._first, axis=-1) if self.block else values

    def highest(self, values: FloatArray) -> FloatArray:
        """Return the highest value of every point, as `mean` does."""
        return np.fmax.reduceat(values, self._first, axis=-1) if self.block else values

    def mean_day(self, values: FloatArray) -> FloatArray:
        """Return the mean over all days of every clock hour, shape (..., 24).

        Parameters
        ----------
        values : array
            Shape (..., steps); the run lasts at least a day.
        """
        step_h = self.calendar.step_h
        hourly = np.repeat(values, max(round(step_h), 1), axis=-1)
        part_h = min(step_h, 1.0)
        parts = Calendar(self.calendar.start, self.calendar.zone.key, part_h)
        clock = np.array([int(parts.hour_of_day(k)) for k in range(hourly.shape[-1])])
        return np.stack([hourly[..., clock == hour].mean(axis=-1) for hour in range(24)], axis=-1)

    def clock(self, step: int) -> str:
        """Return when a step starts, with its date where the run has more than one day."""
        time = self.calendar.time_of(step)
        if self.span_h <= _LOCAL_DAY_H:
            return f"{time:%H:%M}"
        year = " %Y" if self._dates()[-1].year != self._dates()[0].year else ""
        return f"{time:%H:%M} on {time.day} {time.strftime('%b' + year)}"

    def dress(self, axes: "Axes", room: int, *, lowest: bool = True) -> None:
        """Give an axes its time axis.

        Parameters
        ----------
        axes : Axes
            Axes whose x is elapsed time since the start of the run [h].
        room : int
            How many labels there is room for on a sheet of the usual width.
        lowest : bool, optional
            Whether it is the lowest of the axes above each other, which is labelled.
        """
        title = self.title()
        if asked_size_in() is not None:
            width_in = axes.get_window_extent().width / axes.figure.dpi
            room = max(min(room, int(width_in / LABEL_IN)), 1)
            # The title of an axis may be a little wider than the axis.
            room_in = max(1.2 * width_in, TITLE_ROOM_IN)
            title = "\n".join(lines_within(title, room_in, TITLE_PT))
        ticks = self._ticks(room)
        axes.set_xlim(0.0, self.span_h)
        axes.set_xticks(list(ticks), list(ticks.values()) if lowest else [""] * len(ticks))
        if lowest:
            axes.set_xlabel(title)

    def title(self) -> str:
        """Return what the time axis shows."""
        zone = self.calendar.zone.key
        first, last = self._dates()[0], self._dates()[-1]
        if self.span_h <= MEAN_DAY_FROM_H:
            return f"clock hour from {first:%A} {first.day} {first:%B} {first.year} ({zone})"
        years = f"{first.year}" if first.year == last.year else f"{first.year} to {last.year}"
        return f"date, {years} ({zone})"

    def _blocks(self) -> tuple[str, list[int]]:
        """Return what points are, and the first step of every one."""
        if self.steps <= MOST_STEPS:
            return "", list(range(self.steps))
        if self.span_h <= MOST_STEPS:
            return "hour", list(range(0, self.steps, round(1 / self.calendar.step_h)))
        dates = self._dates()
        blocks = (("day", 1), ("week", 7), ("28 days", 28))
        name, days = next((b for b in blocks if len(dates) <= MOST_DAYS * b[1]), blocks[-1])
        midnights = [self.calendar.elapsed_h(date, 0.0) for date in dates[::days]]
        steps = [max(math.ceil(at_h / self.calendar.step_h), 0) for at_h in midnights]
        first = sorted({0, *(step for step in steps if step < self.steps)})
        # A rest of a block at either end would stand out for no reason.
        half = days * 12 / self.calendar.step_h
        if len(first) > 2 and first[1] < half:
            del first[1]
        if len(first) > 2 and self.steps - first[-1] < half:
            del first[-1]
        return name, first

    def _dates(self) -> list[date]:
        """Return every local date that the run touches."""
        first = self.calendar.start.date()
        return [first + timedelta(n) for n in range(self.calendar.day_of(self.steps - 1) + 1)]

    def _ticks(self, room: int) -> dict[float, str]:
        """Return the label of every tick, as many as there is room for."""
        for ticks in self._choices(room):
            within = {at: text for at, text in ticks if -1e-9 <= at <= self.span_h + 1e-9}
            if len(within) <= room:
                break
        return within

    def _choices(self, room: int) -> Iterator[Iterator[tuple[float, str]]]:
        """Return ever fewer ticks, beginning where there may be room for them."""
        shortest_h = self.span_h / (room + 1)
        if self.span_h <= MEAN_DAY_FROM_H:
            yield from (self._hour_ticks(every_h) for every_h in _HOURS if every_h >= shortest_h)
        yield from (self._day_ticks(every) for every in _DAYS if 24 * every >= shortest_h)
        yield from (self._month_ticks(every) for every in _MONTHS)

    def _hour_ticks(self, every_h: float) -> Iterator[tuple[float, str]]:
        one_day = self.span_h <= _LOCAL_DAY_H
        for day in (*self._dates(), self._dates()[-1] + timedelta(1)):
            for n in range(round(24 / every_h)):
                hour, minute = divmod(round(n * every_h * 60), 60)
                text = f"{hour:02d}:{minute:02d}"
                if n == 0 and not one_day:
                    text = f"{text}\n{day:%a} {day.day} {day:%b}"
                yield self.calendar.elapsed_h(day, n * every_h), text

    def _day_ticks(self, every: int) -> Iterator[tuple[float, str]]:
        for day in self._dates()[::every]:
            yield self.calendar.elapsed_h(day, 0.0), f"{day.day} {day:%b}"

    def _month_ticks(self, every: int) -> Iterator[tuple[float, str]]:
        several_years = self._dates()[0].year != self._dates()[-1].year
        for day in self._dates():
            if day.day == 1 and (day.year * 12 + day.month - 1) % every == 0:
                year = f"\n{day.year}" if several_years and day.month == 1 else ""
                yield self.calendar.elapsed_h(day, 0.0), f"{day:%b}{year}"


class SinglePoints(Timeline):
    """A time axis on which nothing is gathered.

    Parameters
    ----------
    whole : Timeline
        The time axis of the run.
    edges_h : array, shape (points + 1,)
        Where points begin and the last one ends [h].
    """

    def __init__(self, whole: Timeline, edges_h: FloatArray) -> None:
        super().__init__(whole.calendar, whole.steps)
        self.block, self.edges_h = "", edges_h

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the values of the points, which are their means and extremes too."""
        return values

    def lowest(self, values: FloatArray) -> FloatArray:
        """Return the values of the points."""
        return self.mean(values)

    def highest(self, values: FloatArray) -> FloatArray:
        """Return the values of the points."""
        return self.mean(values)


class MeanDay(SinglePoints):
    """The clock hours of a mean day, on which values are those of `Timeline.mean_day`."""

    def __init__(self, whole: Timeline) -> None:
        super().__init__(whole, np.arange(25.0))

    @property
    def note(self) -> str:
        """What a reader must know of the points."""
        return "mean of all days"

    def dress(self, axes: "Axes", room: int, *, lowest: bool = True) -> None:
        """Give an axes its time axis."""
        axes.set_xlim(0, 24)
        axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
        axes.set_xlabel(f"clock hour ({self.calendar.zone.key})")
