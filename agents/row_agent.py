"""Agents that are rows of a population, and groups of them.

Every quantity is a column of the population; an agent reads and writes its row of it. So a
million agents cost what their columns cost, a rule can be applied to all of them at once, and each
of them is nevertheless a Mesa agent that can be looked at, addressed and given its own decision
rule.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.agent_rows import AgentRows
from hmesh.environment.arrays import FloatArray
from hmesh.environment.light_mesa import mesa
from hmesh.environment.population import AgentAttribute, Population
from hmesh.environment.streams import Streams

MOST_OBJECTS = 10_000


class Column[T: (float, int, bool)]:
    """A quantity of an agent type, declared once with its unit, default and meaning.

    With a ``width`` it is an array of so many numbers for each agent.
    """

    def __init__(
        self,
        dtype: type[np.generic],
        unit: str,
        default: T,
        description: str,
        *,
        state: bool = False,
        width: int = 0,
    ) -> None:
        self.dtype = dtype
        self.unit = unit
        self.default: T = default
        self.description = description
        self.state = state
        self.width = width

    def otherwise(self, default: T) -> "Column[T]":
        """Return the same quantity with another default, for a type of agents that has one."""
        return Column(
            self.dtype, self.unit, default, self.description, state=self.state, width=self.width
        )

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = AgentAttribute(
            name, self.dtype, self.unit, self.default, self.description, self.state, self.width
        )

    @overload
    def __get__(self, agent: None, owner: type) -> Self: ...
    @overload
    def __get__(self, agent: "RowAgent", owner: type) -> T: ...
    def __get__(self, agent: "RowAgent | None", owner: type) -> Self | T:
        if agent is None:
            return self
        held = agent.population[self.attribute.name][agent.row]
        # Of a column of arrays an agent reads and writes its own array.
        value: T = held if self.width else held.item()
        return value

    def __set__(self, agent: "RowAgent", value: T) -> None:
        agent.population[self.attribute.name][agent.row] = value


class RowAgent(mesa.Agent[Any]):
    """An agent whose quantities are a row of a population.

    Parameters
    ----------
    model : mesa.Model
        The world of its run.
    population : Population
        Columns of all agents of its type.
    row : int
        Its row.
    registered : bool
        Whether the model keeps it; one made on access is not kept.

    Attributes
    ----------
    decisions : tuple of str
        Methods by which it decides, at least one of which a behaviour overrides; or the method of
        the same name with ``_rows``, where the group asks many agents at once.
    """

    decisions: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, model: Any, population: Population, row: int, *, registered: bool = True
    ) -> None:
        if registered:
            super().__init__(model)
        else:
            self.model = model
            self.unique_id = None
            self.pos = None
        self.population = population
        self.row = row

    def step(self) -> None:
        """Hear, decide and act in a step, for itself alone.

        What it does is what its population does for all at once: it goes by what it has heard, and
        changes its own row. An agent without its own decision does nothing.
        """

    def heard(self, name: str) -> Any:
        """Return what it last heard, by its name."""
        return self.population.heard[name][self.row]

    @property
    def group(self) -> Any:
        """The group it belongs to."""
        return self.population.group

    @classmethod
    def attributes(cls) -> tuple[AgentAttribute, ...]:
        """Return the columns of this agent type, those of its bases first."""
        columns: dict[str, AgentAttribute] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Column):
                    columns[name] = value.attribute
        return tuple(columns.values())

    @classmethod
    def by_rows(cls, method: str) -> bool:
        """Return whether a method is defined for many agents at once, under its name with `_rows`.

        The class that is nearest counts; where it defines both, the one for many.
        """
        for base in cls.__mro__:
            if f"{method}_rows" in vars(base):
                return True
            if method in vars(base):
                return False
        return False


class AgentGroup[A: RowAgent](Sequence[A]):
    """All agents of one type: columns for all, and an agent for each row.

    Up to `MOST_OBJECTS` agents are kept as objects that the model knows; beyond that they are made
    on access, and only those are kept that are asked one by one.

    Parameters
    ----------
    model : mesa.Model
        The world of their run.
    agent_class : type
        A subclass of `RowAgent`.
    population : Population
        Columns with at least the attributes of the class.
    """

    def __init__(self, model: Any, agent_class: type[A], population: Population) -> None:
        self.model = model
        self.agent_class = agent_class
        self.population = population
        population.group = self
        self._kept: dict[int, A] = {}
        self.self_willed: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        # The classes of replaced agents, and which of them each row has; the group's own is 0.
        self._classes: list[type[A]] = [agent_class]
        self._class_of: NDArray[np.int16] | None = None
        # A world knows its groups, so that agents can be selected by type without their objects.
        known = getattr(model, "agent_groups", None)
        if known is not None:
            known.append(self)
        if len(population) <= MOST_OBJECTS:
            for row in range(len(population)):
                self._kept[row] = agent_class(model, population, row)

    def __len__(self) -> int:
        return len(self.population)

    @overload
    def __getitem__(self, row: int) -> A: ...
    @overload
    def __getitem__(self, row: slice) -> list[A]: ...
    def __getitem__(self, row: int | slice) -> A | list[A]:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(f"there is no agent {row}: there are {len(self)}")
        row = row % len(self)
        kept = self._kept.get(row)
        return kept or self.class_of(row)(self.model, self.population, row, registered=False)

    def __iter__(self) -> Iterator[A]:
        return (self[row] for row in range(len(self)))

    def class_of(self, row: int) -> type[A]:
        """Return the class of an agent: that of the group, unless it was replaced."""
        return self._classes[0 if self._class_of is None else int(self._class_of[row])]

    @property
    def classes(self) -> list[type[A]]:
        """The classes of its agents, its own first."""
        return list(self._classes)

    def class_numbers(self, rows: NDArray[np.intp]) -> NDArray[np.int16]:
        """Return which of `classes` some agents have, shape (n,)."""
        if self._class_of is None:
            return np.zeros(len(rows), dtype=np.int16)
        return self._class_of[rows]

    def rows_of(self, agent_class: type[Any]) -> NDArray[np.intp]:
        """Return the rows of the agents that have exactly a class."""
        if agent_class not in self._classes:
            return np.empty(0, dtype=np.intp)
        numbers = self.class_numbers(np.arange(len(self)))
        return np.flatnonzero(numbers == self._classes.index(agent_class))

    def uniform_draws(
        self, streams: Streams, purpose: str, agent_type: str, day: int = 0
    ) -> FloatArray:
        """Return a uniform draw for each agent, shape (n,), from the stream of a name."""
        return streams.generator(purpose, agent_type, day).random(len(self))

    def belongs(self, name: str) -> NDArray[np.bool_]:
        """Return which agents belong to a group of their section; none where it has no groups."""
        return np.zeros(len(self), dtype=np.bool_)

    def rows_at(self, kind: type[A]) -> Any:
        """Return all agents of a class at once, wherever they are."""
        return AgentRows(self.model, self.population, self.rows_of(kind))

    @property
    def all_kept(self) -> bool:
        """Whether the model knows every agent as an object."""
        return len(self._kept) == len(self)

    def replaced(self, rows: NDArray[np.intp]) -> list[tuple[type[A], NDArray[np.intp]]]:
        """Return the classes of replaced agents among some rows, each with their places there."""
        if self._class_of is None:
            return []
        there = self._class_of[rows]
        found = [np.flatnonzero(there == k) for k in range(1, len(self._classes))]
        return [
            (agent_class, places)
            for agent_class, places in zip(self._classes[1:], found, strict=True)
            if len(places)
        ]

    def replace(self, rows: Sequence[int] | NDArray[np.intp], agent_class: type[A]) -> None:
        """Give some agents decision rules of their own: a subclass that overrides a decision.

        Their rows are decided agent by agent, or class by class where the subclass decides for
        many at once; all others at once. Columns that the subclass declares beyond those of the
        group are added to the population, at their defaults; those that change during a run belong
        to its state.

        Parameters
        ----------
        rows : sequence of int
            Which agents.
        agent_class : type
            A subclass of the group's agent class.

        Raises
        ------
        TypeError
            If it is not a subclass.
        IndexError
            If there is no such agent.
        InputError
            If a column of the subclass contradicts one that is there.
        """
        if not issubclass(agent_class, self.agent_class):
            raise TypeError(
                f"{agent_class.__name__} is not a subclass of {self.agent_class.__name__}"
            )
        places = np.asarray(rows, dtype=np.intp)
        strangers = places[(places < 0) | (places >= len(self))].tolist()
        if strangers:
            raise IndexError(f"there are no agents {strangers}: there are {len(self)}")
        self.population.add(agent_class.attributes())
        if self._class_of is None:
            self._class_of = np.zeros(len(self), dtype=np.int16)
        if agent_class not in self._classes:
            self._classes.append(agent_class)
        self._class_of[places] = self._classes.index(agent_class)
        at_once = bool(agent_class.decisions) and all(
            map(agent_class.by_rows, agent_class.decisions)
        )
        as_objects = len(self) <= MOST_OBJECTS or not at_once
        for row in places.tolist():
            old = self._kept.pop(row, None)
            if old is not None:
                old.remove()
            if as_objects:
                self._kept[row] = agent_class(self.model, self.population, row)
        alike = agent_class is self.agent_class
        self.self_willed = (np.setdiff1d if alike else np.union1d)(self.self_willed, places)
