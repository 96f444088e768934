"""What the scenario of a run settles of its vehicles, worked out again for an audit."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import pairwise
from math import ceil, floor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams
from hmesh.runs.audits.event_rows import EventRows
from hmesh.runs.audits.reference.outages import Span, times_out
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.descriptor import LEADERS, OWN_RULE
from hmesh.runs.strategy_names import strategies_within
from hmesh.runs.world.travel import growth_of

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class VehicleRunInputs(RunInputs):
    """What is given, whatever the run did, with that of the vehicles.

    Attributes
    ----------
    recorded : int
        How many vehicles, counted from the first, are written down as soon as they are there.
    all_there : array of int, shape (steps,)
        How many vehicles there are in every step.
    vehicle_strategies : tuple of str
        What the vehicles do under each strategy.
    """

    recorded: int
    all_there: NDArray[np.int64]
    vehicle_strategies: tuple[str, ...]

    @classmethod
    def of(cls, inputs: RunInputs) -> Self:
        """Work out what the scenario of a run settles of its vehicles."""
        scenario = inputs.scenario
        growth = growth_of(scenario, inputs.calendar)
        constant = np.full(scenario.steps, scenario.vehicles.count)
        all_there = growth.in_steps(scenario.steps) if growth else constant
        count = int(all_there[-1])
        wanted = scenario.record.vehicles
        recorded = min(wanted, count) if isinstance(wanted, int) else count
        given = {field.name: getattr(inputs, field.name) for field in fields(RunInputs)}
        return cls(
            **given,
            recorded=0 if wanted == "none" else recorded,
            all_there=all_there,
            vehicle_strategies=tuple(strategies_within("vehicles", inputs.strategies)),
        )

    def own_rule(self, strategy: int) -> bool:
        """Whether a rule of a plugin decides under a strategy, given by its number.

        Leaders that come with hMESH set prices alone, which vehicles answer as they do any.
        """
        return self.pricing[strategy] == OWN_RULE and self.strategies[strategy] != LEADERS

    @property
    def there(self) -> NDArray[np.int64]:
        """How many of the recorded vehicles there are in every step, shape (steps,)."""
        return np.minimum(self.all_there, self.recorded)

    @property
    def all_recorded(self) -> bool:
        """Whether every vehicle is written down."""
        return self.recorded == int(self.all_there[-1])

    @property
    def not_all_recorded(self) -> str:
        """What to state where every vehicle is needed."""
        count = self.all_there[-1]
        return f"only {self.recorded:,} of {count:,} vehicles are written down"


class ChargerOutages:
    """For which part of each step the chargers of the recorded vehicles are out.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    group : array of int
        Group of each recorded vehicle, -1 where all are alike.

    Attributes
    ----------
    spans : list of list of (int, int)
        From when to when the charger of each is out [ms].
    """

    def __init__(self, inputs: VehicleRunInputs, group: NDArray[np.int64]) -> None:
        self.inputs = inputs
        self.spans: list[list[Span]] = [[] for _ in range(inputs.recorded)]
        given = inputs.scenario.chance.charger_outages
        if given is None:
            return
        streams = Streams(inputs.scenario.seed)
        up_h, down_h = given.mean_time_between_failures_h, given.mean_time_to_repair_h
        names = [f"electric vehicle of {each.name}" for each in inputs.scenario.vehicles.groups]
        every = enumerate(names) if names else [(-1, "electric vehicle")]
        days = ceil(inputs.scenario.hours / 24)
        for number, name in every:
            rows = np.flatnonzero(group == number).tolist()
            draws = _GroupDraws(streams, name, len(rows))
            for k, row in enumerate(rows):
                self.spans[row] = times_out(days, draws.of_vehicle(k), up_h, down_h)

    def events(self, run: Run) -> EventRows:
        """Return what events.parquet states of them, to be compared as the run is followed."""
        rows = EventRows(run, self.inputs, "charger", "as chance has them")
        step_h, there = self.inputs.step_h, self.inputs.there
        for vehicle, spans in enumerate(self.spans):
            for span in spans:
                for kind, at_ms in zip(("fails", "repaired"), span, strict=True):
                    step = floor(at_ms / HOUR_MS / step_h + 1e-9)
                    if at_ms > 0 and step < self.inputs.steps and vehicle < there[step]:
                        for s in range(len(self.inputs.strategies)):
                            rows.note(s, kind, at_ms, vehicle)
        rows.compare(self.inputs.steps)
        return rows

    def block(self, first: int, last: int) -> FloatArray:
        """Return for which part each is out in the next steps, (last - first, vehicles)."""
        begins = [round(step * self.inputs.step_h * HOUR_MS) for step in range(first, last + 1)]
        out_ms = np.zeros((last - first, len(self.spans)))
        for row, spans in enumerate(self.spans):
            for begin, end in spans:
                if end <= begins[0] or begin >= begins[-1]:
                    continue
                for k, (here, then) in enumerate(pairwise(begins)):
                    out_ms[k, row] += max(min(end, then) - max(begin, here), 0)
        return out_ms / np.diff(begins)[:, None]


class _GroupDraws:
    """The draws of a group: one stream for the n-th change of all its vehicles on a day."""

    def __init__(self, streams: Streams, name: str, vehicles: int) -> None:
        self._streams, self._name, self._vehicles = streams, name, vehicles
        self._drawn: dict[tuple[int, int], list[float]] = {}

    def of_vehicle(self, number: int) -> Callable[[int, int], float]:
        """Return those of a vehicle, by day and change."""

        def draw(day: int, change: int) -> float:
            if (day, change) not in self._drawn:
                purpose = f"charger outages {change}"
                stream = self._streams.generator(purpose, self._name, day)
                self._drawn[day, change] = stream.random(self._vehicles).tolist()
            return self._drawn[day, change][number]

        return draw
