"""Whether the state in a checkpoint is one that a run of its scenario can have written."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hmesh.environment.errors import InputError
from hmesh.environment.number_words import counted
from hmesh.runs.results.buffer import TableBuffer
from hmesh.runs.results.checkpoint import not_resumable
from hmesh.runs.results.result_tables import TABLES

if TYPE_CHECKING:
    from hmesh.runs.results.writer import ResultsWriter
    from hmesh.runs.world.simulation import Simulation

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Whole = Annotated[int, Field(ge=0)]
_Sum = Annotated[str, Field(pattern=r"^-?0x[0-9a-f]+$")]
_Event = Annotated[tuple[_Number, int, _Whole, str, _Whole], Field(strict=False)]


class _Part(BaseModel):
    # What is added later is compared with the state of a new simulation all the same.
    model_config = ConfigDict(strict=True, extra="allow")


class _RunState(_Part):
    writer: dict[str, Any]
    wall_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    strategies: dict[str, dict[str, Any]]


class _Totals(_Part):
    steps: _Whole
    supplied_kwh: _Number
    peak_kwh: float
    peak_step: _Whole | None
    sums: dict[str, _Number]
    counts: dict[str, int]
    worst: dict[str, _Number]
    overloads: dict[str, _Whole]

    @model_validator(mode="after")
    def _peak(self) -> Self:
        if self.steps and not isfinite(self.peak_kwh):
            raise ValueError(
                f"{counted(self.steps, 'step has', 'steps have')} the peak {self.peak_kwh}"
            )
        return self


class _CalendarTotals(_Part):
    parts: dict[str, dict[str, _Totals]]
    today: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None
    of_today: _Totals

    def steps(self) -> set[int]:
        """Return how many steps are counted, by each kind of part."""
        before = [sum(part.steps for part in kind.values()) for kind in self.parts.values()]
        return {steps + self.of_today.steps for steps in before or [0]}


class _Ledger(_Part):
    entries: dict[str, list[Any]]
    money: dict[str, _Sum]
    energy: dict[str, _Sum]
    money_by_kind: dict[str, _Sum]
    energy_by_kind: dict[str, _Sum]


class _Bus(_Part):
    statistics: dict[str, Annotated[list[_Whole], Field(min_length=3, max_length=3)]]
    log: dict[str, list[Any]]


class _Utility(_Part):
    price: _Number | None
    last_heard: dict[str, _Number]


class _World(_Part):
    """What every simulation keeps, whichever schemes take part."""

    step_index: _Whole
    schemes: dict[str, dict[str, Any]]
    chance: dict[str, Any]
    pending: list[_Event]
    now_h: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    ledger: _Ledger
    bus: _Bus
    totals: _Totals
    calendar_totals: _CalendarTotals
    utility: _Utility
    heard_prices: list[_Number | None]


# These grow in ways of their own, and are checked part by part above.
_GROWING = {"pending", "ledger", "bus", "totals", "calendar_totals"}


def take_over(writer: "ResultsWriter", steps_done: int, state: Mapping[str, Any]) -> None:
    """Let a writer take over the rows of a checkpoint, and change nothing on the disk.

    Parameters
    ----------
    writer : ResultsWriter
        That of the run.
    steps_done, state : int, mapping
        What `load_checkpoint` returned.

    Raises
    ------
    InputError
        When a run of the scenario cannot have written them.
    """
    scenario, place = writer.scenario, writer.checkpoints
    try:
        held = _RunState.model_validate(state)
    except ValidationError as error:
        raise not_resumable(place, _first(error)) from None
    if steps_done > scenario.steps:
        raise not_resumable(place, f"{steps_done:,} of {scenario.steps:,} steps cannot be done")
    if set(held.strategies) != set(scenario.strategies):
        found = ", ".join(held.strategies) or "none"
        raise not_resumable(place, f"holds the strategies {found} instead of those of the scenario")
    writer.take_over(held.writer)
    due = steps_done * len(scenario.strategies) * len(scenario.communities)
    if (rows := writer.rows("hours")) != due:
        raise not_resumable(
            place,
            f"{counted(steps_done, 'step has', 'steps have')} {due:,} rows of hours, not {rows:,}",
        )


def restore_simulation(
    simulation: "Simulation", steps_done: int, states: Mapping[str, Any], place: Path
) -> None:
    """Let a new simulation go on from the state that a checkpoint holds of its strategy.

    Parameters
    ----------
    simulation : Simulation
        A simulation that has made no step.
    steps_done : int
        How many steps the checkpoint holds.
    states : mapping
        The states of all strategies.
    place : Path
        The checkpoint, for messages.

    Raises
    ------
    InputError
        When a run of the scenario cannot have written it.
    """
    state = states[simulation.strategy]
    what = f"the state of {simulation.strategy} is not what a run writes"
    try:
        world = _World.model_validate(state)
    except ValidationError as error:
        raise not_resumable(place, f"{what}: {_first(error)}") from None
    new = {key: value for key, value in simulation.state().items() if key not in _GROWING}
    for message in (*_unlike(new, state, ""), *_contradictions(world, steps_done)):
        raise not_resumable(place, f"{what}: {message}")
    try:
        for table, rows in (("ledger", world.ledger.entries), ("messages", world.bus.log)):
            buffer = TableBuffer(table, TABLES[table], 0)
            buffer.add({**rows, "strategy": simulation.strategy})
        simulation.restore(dict(state))
    except InputError as error:
        raise not_resumable(place, f"{what}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise not_resumable(place, f"{what} ({error})") from None


def _contradictions(world: _World, steps_done: int) -> Iterator[str]:
    """Yield what cannot be true after so many steps."""
    reported = {world.step_index, world.totals.steps} | world.calendar_totals.steps()
    if reported != {steps_done}:
        done = counted(steps_done, "step is", "steps are")
        yield f"{done} done, but {sorted(reported)} are counted"
    if sum(int(money, 16) for money in world.ledger.money.values()):
        yield "money paid and money received differ"
    for at_h, _, _, kind, subject in world.pending:
        if kind == "traffic" and subject != steps_done:
            yield f"the event {kind} of step {subject:,} is pending at {at_h:g} h"
        elif kind == "day" and subject > at_h / 24.0 + 2.0:
            yield f"the event {kind} of day {subject:,} is pending at {at_h:g} h"


def _unlike(expected: Any, held: Any, place: str) -> Iterator[str]:
    """Yield how a part of a state differs in its kind from that of a new simulation.

    What is empty in a new one may have grown, and what is None may have become anything.
    """
    if isinstance(expected, np.ndarray):
        yield from _unlike_array(expected, held, place)
    elif isinstance(expected, Mapping):
        if not isinstance(held, Mapping) or not expected.keys() <= held.keys():
            yield f"{place or 'it'} lacks some of {', '.join(expected)}"
            return
        if not expected and place.startswith("schemes."):
            yield from _not_numbers(held, place)
        for key, value in expected.items():
            yield from _unlike(value, held[key], f"{place}.{key}" if place else key)
    elif isinstance(expected, list | tuple):
        if not isinstance(held, list | tuple) or (expected and len(held) != len(expected)):
            yield f"{place} is no list of {len(expected):,} values"
            return
        for number, (value, own) in enumerate(zip(expected, held, strict=False)):
            yield from _unlike(value, own, f"{place}.{number}")
    elif expected is not None and not _like(expected, held):
        yield f"{place} is {held!r}"


def _not_numbers(held: Any, place: str) -> Iterator[str]:
    """Yield the places of what is no number in the sums that a scheme keeps by name."""
    if isinstance(held, Mapping):
        for key, value in held.items():
            yield from _not_numbers(value, f"{place}.{key}")
    elif not _like(0.0, held):
        yield f"{place} is {held!r}"


def _unlike_array(expected: np.ndarray[Any, Any], held: Any, place: str) -> Iterator[str]:
    if not isinstance(held, np.ndarray) or held.ndim != expected.ndim:
        yield f"{place} is no array of {expected.ndim} axes"
    elif any(due not in (0, size) for due, size in zip(expected.shape, held.shape, strict=True)):
        yield f"{place} has the shape {held.shape} instead of {expected.shape}"
    elif expected.size and held.dtype != expected.dtype:
        yield f"{place} holds {held.dtype} instead of {expected.dtype}"
    elif held.dtype.kind not in "biuf":
        yield f"{place} holds {held.dtype}"
    elif np.isfinite(expected).all() and not np.isfinite(held).all():
        yield f"{place} holds numbers that are not finite"


def _like(expected: Any, held: Any) -> bool:
    """Return whether a single value is of the kind of another."""
    if isinstance(expected, float):
        number = isinstance(held, float | int) and not isinstance(held, bool)
        return number and (isfinite(held) or not isfinite(expected))
    return type(held) is type(expected)


def _first(error: ValidationError) -> str:
    """Return the first of the problems that a validation found."""
    found: Sequence[Any] = error.errors(include_url=False, include_context=False)
    spot = ".".join(map(str, found[0]["loc"]))
    return f"{spot}: {found[0]['msg']}"
