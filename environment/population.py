"""The quantities of one type of agent: one column for each attribute, one row for each agent."""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hmesh.environment.errors import InputError, Problem, nearest


@dataclass(frozen=True, slots=True)
class AgentAttribute:
    """What one column of a population means.

    Attributes
    ----------
    name : str
        Name of the column.
    dtype : type
        NumPy type of its values.
    unit : str
        Unit of its values, "-" where they have none.
    default : float, int or bool
        Value of every row that is not set.
    description : str
        Meaning in a line.
    state : bool
        Whether it changes during a run, and so belongs to a checkpoint.
    width : int
        How many numbers each row has, 0 for one that stands alone.
    """

    name: str
    dtype: type[np.generic]
    unit: str
    default: float | int | bool
    description: str
    state: bool = False
    width: int = 0

    def filled(self, size: int) -> NDArray[Any]:
        """Return the column with every row at its default, shape (size,) or (size, width)."""
        shape = (size, self.width) if self.width else (size,)
        return np.full(shape, self.default, dtype=self.dtype)


class Population:
    """All agents of one type, as columns.

    A column is read and written in place, by the population and by the agents that stand for its
    rows. Forks share the columns that do not change during a run: from the first fork on these are
    read-only, and `set` gives the population for which it is called its own column.

    Parameters
    ----------
    attributes : sequence of AgentAttribute
        The columns.
    size : int
        Number of agents.

    Attributes
    ----------
    group : AgentGroup or None
        The agents.
    heard : dict
        What the agents last heard or saw, by its name: an array with a row for each, or something
        that is the same for all. It belongs to no state.
    """

    def __init__(self, attributes: Sequence[AgentAttribute], size: int) -> None:
        self.attributes = {attribute.name: attribute for attribute in attributes}
        if len(self.attributes) < len(attributes):
            raise ValueError(f"attributes need their own names: {[a.name for a in attributes]}")
        self.size = size
        self.group: Any = None
        self.heard: dict[str, Any] = {}
        self._common: dict[str, float | None] = {}
        self._idle: frozenset[str] = frozenset()
        self._columns: dict[str, NDArray[Any]] = {
            attribute.name: attribute.filled(size) for attribute in attributes
        }

    def __len__(self) -> int:
        return self.size

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            return self._columns[name]
        except KeyError:
            raise InputError([self._unknown(name)]) from None

    @property
    def nbytes(self) -> int:
        """Memory of all columns, shared ones included [bytes]."""
        return sum(
            column.itemsize if column.strides == (0,) else column.nbytes
            for column in self._columns.values()
        )

    def describe(self) -> list[tuple[str, str, str, float | int | bool, str]]:
        """Return name, unit, type, default and description of every column."""
        return [
            (a.name, a.unit, np.dtype(a.dtype).name, a.default, a.description)
            for a in self.attributes.values()
        ]

    def add(self, attributes: Sequence[AgentAttribute]) -> None:
        """Add the columns that are not there yet, every row at its default.

        Forks made before do not get them. Of two widths of a column the greater one holds; the rows
        keep what they have, and the rest is at its default.

        Parameters
        ----------
        attributes : sequence of AgentAttribute
            The columns; those that are there already must have the same type and be of the same
            kind, changing or not.

        Raises
        ------
        InputError
            When a column of the name is of another type or kind; none is added then.
        """
        problems = [
            Problem(
                f"column {attribute.name}",
                f"{_kind_of(attribute)} is declared",
                f"{_kind_of(held)}, as it is, or another name",
            )
            for attribute in attributes
            if (held := self.attributes.get(attribute.name)) is not None
            and _kind_of(held) != _kind_of(attribute)
        ]
        if problems:
            raise InputError(problems)
        new = {each.name: each for each in attributes if each.name not in self.attributes}
        # A fork shares the mapping, and keeps its own columns.
        self.attributes = self.attributes | new
        for name, attribute in new.items():
            self._columns[name] = attribute.filled(self.size)
        for each in attributes:
            if each.width > self.attributes[each.name].width:
                wider, narrow = each.filled(self.size), self._columns[each.name]
                wider[:, : narrow.shape[1]] = narrow
                self.attributes = self.attributes | {each.name: each}
                self._columns[each.name] = wider

    def set(self, name: str, values: ArrayLike) -> None:
        """Write a whole column.

        Parameters
        ----------
        name : str
            Name of the column.
        values : array_like, shape (size,) or ()
            Value of each agent, or one for all.

        Raises
        ------
        InputError
            If there is no such column, or values do not fit its shape and type or are not numbers.
        """
        column = self[name]
        array = np.asarray(values)
        problem = _misfit(name, array, column)
        if problem:
            raise InputError([problem])
        self._common.pop(name, None)
        if column.flags.writeable:
            column[...] = array
        elif column.strides == (0,) and array.shape and array.strides == (0,):
            self._columns[name] = np.broadcast_to(array[0].astype(column.dtype), column.shape)
        else:
            self._columns[name] = np.full_like(column, array)

    def common(self, name: str) -> float | None:
        """Return the value that all rows of a column share that does not change in a run.

        None where rows differ, there are none, or the column may change.
        """
        if name not in self._common:
            column = self[name]
            fixed = not self.attributes[name].state and not column.flags.writeable
            alike = column.strides == (0,)
            same = fixed and column.size > 0 and (alike or bool((column == column[0]).all()))
            self._common[name] = column[0].item() if same else None
            if not fixed:
                return self._common.pop(name)
        return self._common[name]

    def compact(self) -> None:
        """Keep one number for every column whose rows are all alike; it is read-only from then on.

        `set` gives a population rows of its own again, unless its values are one number too.
        """
        for name, column in self._columns.items():
            if column.size > 1 and column.strides != (0,) and bool((column == column[0]).all()):
                self._columns[name] = np.broadcast_to(column[0].copy(), column.shape)

    def fork(self, idle: Collection[str] = ()) -> Self:
        """Return a second population in the same state, sharing what does not change in a run.

        Parameters
        ----------
        idle : collection of str
            Columns that would change in some runs and do not in this one. Where all rows are alike
            they cost no memory, cannot be written, and belong to no state.
        """
        fork = copy.copy(self)
        fork._columns, fork._common = {}, {}
        fork.group, fork.heard = None, {}
        fork._idle = frozenset(
            name for name in idle if self._columns[name].strides == (0,) or not self.size
        )
        for name, column in self._columns.items():
            if self.attributes[name].state and name not in fork._idle:
                fork._columns[name] = np.array(column)
            else:
                column.flags.writeable = False
                fork._columns[name] = column
        return fork

    def rows(self, first: int, end: int) -> Self:
        """Return some neighbouring rows as a population, which shares its columns."""
        some = copy.copy(self)
        some.size = end - first
        some.group, some.heard, some._common = None, {}, {}
        some._columns = {name: column[first:end] for name, column in self._columns.items()}
        return some

    def __getstate__(self) -> dict[str, Any]:
        """Return what `pickle` keeps: its columns, one number for those whose rows are alike."""
        packed = {
            name: column[:1].copy() if column.size > 1 and column.strides == (0,) else column
            for name, column in self._columns.items()
        }
        return self.__dict__ | {"group": None, "heard": {}, "_columns": packed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._columns = {
            name: np.broadcast_to(column, self.size)
            if column.ndim == 1 and len(column) == 1 < self.size
            else column
            for name, column in self._columns.items()
        }

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the columns that change during a run; they are live, not copies."""
        return {
            name: self._columns[name]
            for name, a in self.attributes.items()
            if a.state and name not in self._idle
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Write back the columns of an earlier `state`; all of them, or none if one does not fit.

        Parameters
        ----------
        state : mapping of str to array, shape (size,)
            Every column that changes during a run.

        Raises
        ------
        InputError
            If columns are missing or unknown, or their shapes or types do not fit.
        """
        columns = self.state()
        problems = [self._unknown(name) for name in state if name not in columns]
        for name, column in columns.items():
            if name not in state:
                problems.append(Problem(name, "this column of the state is missing"))
            elif state[name].shape != column.shape:
                message = f"values of shape {state[name].shape}"
                problems.append(Problem(name, message, allowed=str(column.shape)))
            elif state[name].dtype != column.dtype:
                message = f"values of type {state[name].dtype}"
                problems.append(Problem(name, message, allowed=str(column.dtype)))
        if problems:
            raise InputError(problems)
        for name, column in columns.items():
            column[...] = state[name]

    def _unknown(self, name: str) -> Problem:
        return Problem(name, "there is no such column", suggestion=nearest(name, self.attributes))


def _kind_of(attribute: AgentAttribute) -> str:
    changing = "changing" if attribute.state else "constant"
    several = " arrays" if attribute.width else ""
    return f"a {changing} column of {np.dtype(attribute.dtype)}{several}"


def _misfit(name: str, values: NDArray[Any], column: NDArray[Any]) -> Problem | None:
    """Return why values cannot be written into a column, or None if they can."""
    if values.shape not in ((), column.shape):
        return Problem(name, f"values of shape {values.shape}", allowed=f"() or {column.shape}")
    if not np.can_cast(values.dtype, column.dtype, "same_kind"):
        return Problem(name, f"values of type {values.dtype}", allowed=str(column.dtype))
    if values.dtype.kind == "f" and np.isnan(values).any():
        row = int(np.argmax(np.isnan(values)))
        return Problem(f"{name}, row {row}", "nan", allowed="a number")
    if column.dtype.kind in "iu" and values.size:
        limits = np.iinfo(column.dtype)
        least, greatest = int(values.min()), int(values.max())
        if least < limits.min or greatest > limits.max:
            wrong = least if least < limits.min else greatest
            return Problem(name, f"the value {wrong}", allowed=f"{limits.min} to {limits.max}")
    return None
