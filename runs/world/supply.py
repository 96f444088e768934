"""Which communities have supply: failures of feeders by chance, and those that events cause."""

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.clock import PendingEvent
from hmesh.environment.moments import MS_PER_H, moment, step_moment
from hmesh.environment.outages import DAY_H, Outages
from hmesh.environment.spans import Span, part_within
from hmesh.environment.streams import Streams
from hmesh.runs.scenarios.events_section import knows_parts, span_of

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

# The kinds of events of the clock: a day of failures is drawn, a feeder fails or is repaired.
DAY, CHANGE = "feeder outages", "feeder"
# What a step begins with is there before the vehicles of that step move.
_BEFORE_ALL = -1
# After every run.
_NEVER_MS = 2**62


class Supply:
    """Cuts communities off for the part of a step for which their feeder is out.

    Failures and repairs are events of the clock, each at its own second. Where a
    scheme knows whole steps alone, communities have no supply in a step as whose first moment the
    feeder is out.

    Parameters
    ----------
    simulation : Simulation
        The world.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        setting = simulation.setting
        self._whole_steps = not all(knows_parts(name) for name in setting.scenario.schemes)
        self._given: dict[int, list[Span]] = {}
        names = list(setting.communities)
        for event in setting.scenario.events:
            begins, ends = span_of(setting.scenario, event) if event.feeders_out else (0.0, 0.0)
            span = moment(begins), _NEVER_MS if ends == inf else moment(ends)
            for name in event.feeders_out:
                self._given.setdefault(names.index(name), []).append(span)
        self.outages = _outages_of_feeders(simulation)
        clock = simulation.clock
        clock.on(DAY, self._draw_day)
        clock.on(CHANGE, self._change)
        if self.outages is not None:
            clock.schedule(0.0, DAY, 0, priority=_BEFORE_ALL)
        self._pend_given(-1.0)

    def begin_step(self, step: int) -> None:
        """Say for which part of a step each community is cut off."""
        if self.outages is None and not self._given:
            return
        world, step_h = self.simulation, self.simulation.step_h
        begin, end = step_moment(step, step_h), step_moment(step + 1, step_h)
        parts = np.array([self._part(m, begin, end) for m in range(len(world.setting.communities))])
        world.chance.feeder_out = parts == 1.0
        world.chance.lost_part = np.where(parts < 1.0, parts, 0.0)

    def _part(self, community: int, begin_ms: int, end_ms: int) -> float:
        spans = list(self._given.get(community, ()))
        if self.outages is not None:
            by_chance = self.outages.spans(community, begin_ms, end_ms)
            if self._whole_steps:
                now = any(first <= begin_ms < last for first, last in by_chance)
                by_chance = [(begin_ms, end_ms)] if now else []
            spans += by_chance
        return part_within(spans, begin_ms, end_ms)

    def _draw_day(self, day: int) -> None:
        """Let the failures and repairs of a day be pending, and the next day."""
        assert self.outages is not None
        self._pend_changes(day * DAY_H)
        self.simulation.clock.schedule((day + 1) * DAY_H, DAY, day + 1, priority=_BEFORE_ALL)

    def _pend_changes(self, from_h: float) -> None:
        """Let the failures and repairs by chance be pending from a time to the end of its day."""
        assert self.outages is not None
        begin = round(from_h * MS_PER_H)
        end = (int(from_h // DAY_H) + 1) * round(DAY_H * MS_PER_H)
        found = self.outages.changes_in(begin, end)
        for row, at_ms, out in zip(found.rows, found.at_ms, found.out, strict=True):
            self._pend(at_ms / MS_PER_H, int(row), out=bool(out))

    def _pend_given(self, after_h: float) -> None:
        """Let those that events of the scenario cause be pending after a time."""
        for community, spans in self._given.items():
            for span in spans:
                for at_ms, out in zip(span, (True, False), strict=True):
                    if at_ms < _NEVER_MS and at_ms / MS_PER_H > after_h:
                        self._pend(at_ms / MS_PER_H, community, out=out)

    def _pend(self, at_h: float, community: int, *, out: bool) -> None:
        number = 2 * community + out
        self.simulation.clock.schedule(float(at_h), CHANGE, number, priority=_BEFORE_ALL)

    def _change(self, number: int) -> None:
        """Note that a feeder fails or is repaired."""
        community, out = divmod(number, 2)
        world = self.simulation
        at_ms = round(world.clock.now_h * MS_PER_H)
        kind = "fails" if out else "repaired"
        world.log.note(kind, "feeder", at_ms, community, community)

    def state(self) -> dict[str, Any]:
        """Return what the failures of the day follow from."""
        return {} if self.outages is None else self.outages.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`, the clock restored; its failures follow from the time."""
        clock, now_h = self.simulation.clock, self.simulation.clock.now_h
        if self.outages is not None and state:
            self.outages.restore(state)
        if self.outages is None and not self._given:
            return
        others: list[PendingEvent] = [e for e in clock.pending() if e.kind not in (DAY, CHANGE)]
        clock.restore(now_h, others)
        begun = self.simulation.step_index > 0
        if self.outages is not None:
            day = int(now_h // DAY_H) + 1 if begun else 0
            clock.schedule(day * DAY_H, DAY, day, priority=_BEFORE_ALL)
            if begun:
                self._pend_changes(now_h + 1.0 / MS_PER_H)
        self._pend_given(now_h if begun else -1.0)


def _outages_of_feeders(simulation: "Simulation") -> Outages | None:
    """Return the failures that chance brings; None where it brings none."""
    setting = simulation.setting
    given = setting.scenario.chance.feeder_outages
    if given is None:
        return None
    up_h, down_h = given.mean_time_between_failures_h, given.mean_time_to_repair_h
    names, streams = list(setting.communities), setting.streams
    return Outages(
        len(names), up_h, down_h, lambda day, change: _draws(streams, names, day, change)
    )


def _draws(streams: Streams, names: list[str], day: int, change: int) -> FloatArray:
    """Return a draw for each community, so that one more moves that of no other."""
    purpose = f"feeder outages {change}"
    return np.array([streams.generator(purpose, name, day).random() for name in names])
