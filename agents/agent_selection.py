"""Agents of one type selected as in Mesa, from their columns and without their objects.

A group of many agents makes an object only when it is asked for one. What a `mesa.agent.AgentSet`
can be asked, an `AgentSelection` can be asked too; it reads and writes columns where a name of one
is given, and makes objects one after another where a function of an agent is.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from random import Random
from typing import Any, Literal, Self, overload

import numpy as np
from mesa.agentset import GroupBy
from numpy.typing import ArrayLike, NDArray

from hmesh.agents.row_agent import AgentGroup, RowAgent

type By = str | Callable[[Any], Any]


class AgentSelection(Sequence[RowAgent]):
    """Some agents of one or several groups, in an order.

    Parameters
    ----------
    groups : sequence of AgentGroup
        The groups.
    part, rows : array of int, shape (n,)
        The group of each agent, by its place among them, and its row there.
    random : random.Random
        Source of the shuffles.
    """

    def __init__(
        self,
        groups: Sequence[AgentGroup[Any]],
        part: NDArray[np.intp],
        rows: NDArray[np.intp],
        random: Random,
    ) -> None:
        self.groups, self.part, self.rows, self.random = groups, part, rows, random

    @classmethod
    def of_type(
        cls, groups: Iterable[AgentGroup[Any]], agent_type: type[RowAgent], random: Random
    ) -> Self:
        """Select all agents of exactly a type; those replaced by others are not among them."""
        found = [(group, group.rows_of(agent_type)) for group in groups]
        held = [(group, rows) for group, rows in found if len(rows)]
        part = [np.full(len(rows), k, dtype=np.intp) for k, (_, rows) in enumerate(held)]
        empty = np.empty(0, dtype=np.intp)
        return cls(
            [group for group, _ in held],
            np.concatenate([empty, *part]),
            np.concatenate([empty, *(rows for _, rows in held)]),
            random,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[k] for k in range(*place.indices(len(self)))]
        return self.groups[self.part[place]][int(self.rows[place])]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __contains__(self, agent: object) -> bool:
        if not isinstance(agent, RowAgent):
            return False
        at = (k for k, each in enumerate(self.groups) if each.population is agent.population)
        return any(bool(((self.part == k) & (self.rows == agent.row)).any()) for k in at)

    def _taken(self, places: NDArray[Any]) -> Self:
        return type(self)(self.groups, self.part[places], self.rows[places], self.random)

    def _order(self, by: By) -> NDArray[Any]:
        """Return a value of every agent, from a column or from a function of the agent."""
        if isinstance(by, str):
            return self._values(by)
        return np.array([by(agent) for agent in self])

    def _values(self, name: str) -> NDArray[Any]:
        """Return an attribute of every agent; at once where it is a column."""
        if any(name not in group.population for group in self.groups):
            return np.array([getattr(agent, name) for agent in self])
        if len(self.groups) == 1:
            values: NDArray[Any] = self.groups[0].population[name][self.rows]
            return values
        columns = [group.population[name] for group in self.groups]
        found = np.zeros(len(self), dtype=np.result_type(*columns) if columns else float)
        for k, column in enumerate(columns):
            found[self.part == k] = column[self.rows[self.part == k]]
        return found

    def select(
        self,
        filter_func: Callable[[Any], bool] | None = None,
        at_most: float = np.inf,
        inplace: bool = False,
        agent_type: type[Any] | None = None,
        *,
        where: ArrayLike | None = None,
    ) -> Self:
        """Return some of the agents.

        Parameters
        ----------
        filter_func : callable, optional
            Whether an agent is selected; each agent is made for it.
        at_most : int or float
            How many at most, the first ones; of a number below 1 such a share.
        inplace : bool
            Whether this selection becomes the new one.
        agent_type : type, optional
            Only agents of this type or a subclass.
        where : array of bool, shape (n,), optional
            Which agents, such as ``vehicles.get("energy_kwh") > 20.0``.
        """
        chosen = np.ones(len(self), dtype=np.bool_)
        if where is not None:
            chosen &= np.asarray(where, dtype=np.bool_)
        if agent_type is not None:
            for k, group in enumerate(self.groups):
                here = self.part == k
                wanted = np.array([issubclass(kind, agent_type) for kind in group.classes])
                chosen[here] &= wanted[group.class_numbers(self.rows[here])]
        if filter_func is not None:
            for k in np.flatnonzero(chosen).tolist():
                chosen[k] = bool(filter_func(self[k]))
        places = np.flatnonzero(chosen)
        most = int(len(self) * at_most) if isinstance(at_most, float) and at_most <= 1 else at_most
        found = self._taken(places if most >= len(places) else places[: int(most)])
        if inplace:
            self.part, self.rows = found.part, found.rows
            return self
        return found

    def get(self, attr_names: str | Sequence[str]) -> NDArray[Any] | list[list[Any]]:
        """Return an attribute of every agent as an array, or a list of several for each."""
        if isinstance(attr_names, str):
            return self._values(attr_names)
        values = (self._values(name).tolist() for name in attr_names)
        return [list(each) for each in zip(*values, strict=True)]

    def set(self, attr_name: str, value: ArrayLike) -> Self:
        """Write a column of every agent: one value, or an array of shape (n,)."""
        values = np.broadcast_to(np.asarray(value), len(self))
        for k, group in enumerate(self.groups):
            here = self.part == k
            group.population[attr_name][self.rows[here]] = values[here]
        return self

    def agg(self, attribute: str, func: Callable[..., Any] | Iterable[Callable[..., Any]]) -> Any:
        """Apply one function, or each of several, to an attribute of all agents."""
        values = self._values(attribute)
        return func(values) if callable(func) else [each(values) for each in func]

    def groupby(self, by: By, result_type: Literal["agentset", "list"] = "agentset") -> GroupBy:
        """Group the agents by a column or by a function of the agent."""
        keys, first, number = np.unique(self._order(by), return_index=True, return_inverse=True)
        groups: dict[Hashable, Any] = {}
        for k in np.argsort(first, kind="stable").tolist():
            held = self._taken(np.flatnonzero(number == k))
            groups[keys[k].item()] = held if result_type == "agentset" else held.to_list()
        return GroupBy(groups)

    def sort(self, key: By, ascending: bool = False, inplace: bool = False) -> Self:
        """Return the agents in the order of a column or a function, equal ones as they were."""
        values = self._order(key)
        places = np.argsort(values, kind="stable")
        if not ascending:
            places = len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
        found = self._taken(places)
        if inplace:
            self.part, self.rows = found.part, found.rows
            return self
        return found

    def shuffle(self, inplace: bool = False) -> Self:
        """Return the agents in a random order."""
        places = list(range(len(self)))
        self.random.shuffle(places)
        found = self._taken(np.array(places, dtype=np.intp))
        if inplace:
            self.part, self.rows = found.part, found.rows
            return self
        return found

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Call a method of every agent, or a function of it."""
        self.map(method, *args, **kwargs)
        return self

    def shuffle_do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Call a method of every agent, or a function of it, in a random order."""
        self.shuffle().map(method, *args, **kwargs)
        return self

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return what a method or a function returns for every agent."""
        if isinstance(method, str):
            return [getattr(agent, method)(*args, **kwargs) for agent in self]
        return [method(agent, *args, **kwargs) for agent in self]

    def to_list(self) -> list[Any]:
        """Return the agents as objects."""
        return list(self)
