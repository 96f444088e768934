"""What the scenario of a run settles of its vehicles, worked out again for an audit."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.streams import Streams
from hmesh.runs.audits.member_energies import failed
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.schemes.descriptor import OWN_RULE
from hmesh.runs.strategy_names import strategies_within
from hmesh.runs.world.travel import growth_of


@dataclass(frozen=True, slots=True)
class VehicleRunInputs(RunInputs):
    """What is given, whatever the run did, with that of the vehicles.

    Attributes
    ----------
    recorded
        How many vehicles, counted from the first, are written down as soon as they are there.
    all_there
        How many vehicles there are in every step, shape (steps,).
    """

    recorded: int
    all_there: NDArray[np.int64]

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
        return cls(**given, recorded=0 if wanted == "none" else recorded, all_there=all_there)

    @property
    def vehicle_strategies(self) -> tuple[str, ...]:
        """What the vehicles do under each strategy."""
        return tuple(strategies_within("vehicles", self.strategies))

    def own_rule(self, strategy: int) -> bool:
        """Whether a rule of a plugin decides under a strategy, given by its number."""
        return self.pricing[strategy] == OWN_RULE

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
    """Which chargers have failed, followed step by step.

    Parameters
    ----------
    inputs
        What the scenario settles.
    group
        Group of each recorded vehicle, -1 where all are alike.
    """

    def __init__(self, inputs: VehicleRunInputs, group: NDArray[np.int64]) -> None:
        self.inputs = inputs
        self._out = np.zeros(inputs.recorded, dtype=bool)
        self._streams = Streams(inputs.scenario.seed)
        names = [f"electric vehicle of {each.name}" for each in inputs.scenario.vehicles.groups]
        every = enumerate(names) if names else [(-1, "electric vehicle")]
        self._groups = [(name, np.flatnonzero(group == number)) for number, name in every]

    def block(self, first: int, last: int) -> NDArray[np.bool_]:
        """Return what is out in the next steps, shape (last - first, recorded vehicles)."""
        given = self.inputs.scenario.chance.charger_outages
        out = np.zeros((last - first, len(self._out)), dtype=bool)
        if given is None:
            return out
        draw = np.empty(len(self._out))
        for step in range(first, last):
            for name, rows in self._groups:
                stream = self._streams.generator("charger outages", name, step)
                draw[rows] = stream.random(len(rows))
            self._out = failed(self._out, draw, given, self.inputs.step_h, step)
            out[step - first] = self._out
        return out
