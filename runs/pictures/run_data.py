"""The results of a run as arrays, in the shape in which figures are drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.last_digits import descending
from hmesh.runs.pictures.timeline import Timeline
from hmesh.runs.results.run_reader import Run
from hmesh.runs.world.travel import growth_of

MOST_GROUPS = 6
ROWS_AT_ONCE = 10_000_000


@dataclass(frozen=True, slots=True)
class Group:
    """Communities that a figure shows together: one, or all that it has no room for.

    Attributes
    ----------
    name : str
        What it is called in the figure.
    members : tuple of int
        Numbers of its communities.
    """

    name: str
    members: tuple[int, ...]


class RunData:
    """What the figures of a run need.

    Parameters
    ----------
    run : Run
        A finished run.

    Attributes
    ----------
    schemes : tuple of str
        Names of the schemes that take part.
    strategies, communities : tuple of str
        Their names, in the order of the arrays.
    there : array, shape (steps,)
        How many vehicles there are in every step.
    vehicles : int
        How many there are at the end.

    Raises
    ------
    InputError
        When the run is not finished, or run.json or summary.json is damaged.
    """

    def __init__(self, run: Run) -> None:
        info, scenario = run.info, run.scenario
        self.run = run
        self.summary: dict[str, dict[str, Any]] = {
            name: run.totals(name) for name in sorted(scenario.strategies)
        }
        self.scenario: dict[str, Any] = info["scenario"]
        self.schemes = scenario.schemes
        self.strategies = tuple(self.scenario["strategies"])
        self.communities = tuple(self.scenario["communities"])
        self.currency = str(info["currency"])
        self.step_h = float(info["step_h"])
        self.steps = int(info["steps_total"])
        calendar = Calendar(info["start"], info["time_zone"], self.step_h)
        self.timeline = Timeline(calendar, self.steps)
        growth = growth_of(scenario, calendar)
        first = int(self.scenario["vehicles"]["count"])
        self.there = growth.in_steps(self.steps) if growth else np.full(self.steps, first)
        self.vehicles = int(self.there[-1])
        self._hours: dict[str, FloatArray] = {}

    def total(self, strategy: str, name: str) -> Any:
        """Return a number of the summary."""
        return self.summary[strategy].get(name)

    def hours(self, column: str) -> FloatArray:
        """Return a column of the communities, shape (strategies, communities, steps)."""
        if column not in self._hours:
            rows = self.run.table("hours", [column]).column(column).to_numpy().astype(np.float64)
            shape = (self.steps, len(self.strategies), len(self.communities))
            self._hours[column] = rows.reshape(shape).transpose(1, 2, 0)
        return self._hours[column]

    def chargers(self, column: str) -> FloatArray | None:
        """Return a column of the chargers, shaped as `hours`; None where no community names them.

        Communities that name none have NaN.
        """
        named = [named_to_park(each) for each in self.scenario["communities"].values()]
        if not any(named) or "vehicles" not in self.schemes:
            return None
        rows = self.run.table("chargers", [column]).column(column).to_numpy()
        shape = (self.steps, len(self.strategies), sum(named))
        found = np.full((len(self.strategies), len(self.communities), self.steps), np.nan)
        found[:, named] = rows.astype(np.float64).reshape(shape).transpose(1, 2, 0)
        return found

    def power_kw(self, column: str) -> FloatArray:
        """Return mean power over every step, shaped as `hours` [kW]."""
        return self.hours(column) / self.step_h

    def vehicle_power_kw(self, kind: str) -> FloatArray:
        """Return the power of all vehicles that charge, or of all that discharge.

        Parameters
        ----------
        kind : str
            The kind of payment: "vehicle_charging" or "vehicle_discharging".

        Returns
        -------
        array, shape (strategies, communities, steps)
            Mean power over every step, not negative [kW].
        """
        party = "payer" if kind == "vehicle_charging" else "payee"
        return self.paid_power_kw(kind, party, "vehicles")

    def paid_power_kw(self, kind: str, party: str, whose: str) -> FloatArray:
        """Return the power behind payments of one kind.

        Parameters
        ----------
        kind : str
            The kind of payment.
        party : str
            "payer" or "payee": who of the two is in a community.
        whose : str
            What that party is called before "@" and its community.

        Returns
        -------
        array, shape (strategies, communities, steps)
            Mean power over every step [kW].
        """
        names = ["step", "strategy", party, "energy_kwh"]
        paid = self.run.table("ledger", names, [("kind", "=", kind)])
        strategy = codes_of(paid.column("strategy"), self.strategies)
        community = codes_of(paid.column(party), [f"{whose}@{name}" for name in self.communities])
        power = np.zeros((len(self.strategies), len(self.communities), self.steps))
        where = (strategy, community, paid.column("step").to_numpy())
        np.add.at(power, where, paid.column("energy_kwh").to_numpy() / self.step_h)
        return power

    def paid_amount(self, kind: str) -> FloatArray:
        """Return the money of payments of one kind, shape (strategies, steps)."""
        paid = self.run.table("ledger", ["step", "strategy", "amount"], [("kind", "=", kind)])
        strategy = codes_of(paid.column("strategy"), self.strategies)
        amount = np.zeros((len(self.strategies), self.steps))
        where = (strategy, paid.column("step").to_numpy())
        np.add.at(amount, where, paid.column("amount").to_numpy())
        return amount

    def loading(self) -> tuple[list[str], FloatArray]:
        """Return the lines and their loading, shape (strategies, lines, steps)."""
        rows = self.run.table("lines", ["line", "sent_kwh", "received_kwh", "loading"])
        count = rows.num_rows // (self.steps * len(self.strategies))
        names = [str(name) for name in rows.column("line").slice(0, count).to_pylist()]
        shape = (self.steps, len(self.strategies), count)
        loading = rows.column("loading").to_numpy()
        if self.scenario["grid"].get("limits") == "keep":
            # Prices keep what arrives; what a line loses on the way is sent beyond it.
            sent, received = (
                np.abs(rows.column(name).to_numpy()) for name in ("sent_kwh", "received_kwh")
            )
            most = np.maximum(sent, received)
            loading = loading * np.divide(received, most, out=np.ones_like(most), where=most > 0)
        return names, loading.reshape(shape).transpose(1, 2, 0)

    @cached_property
    def recorded(self) -> int:
        """How many vehicles were written at every step, if they were there."""
        wanted = self.scenario["record"]["vehicles"]
        if isinstance(wanted, int):
            return min(wanted, self.vehicles)
        return self.vehicles if wanted == "all" else 0

    def soc_quantiles(self, shares: tuple[float, ...]) -> FloatArray:
        """Return quantiles of the recorded vehicles' state of charge.

        Returns
        -------
        array, shape (strategies, shares, steps)
            State of charge before the exchange of every step, from 0 to 1.
        """
        found = np.empty((len(self.strategies), len(shares), self.steps))
        for steps, values in self.vehicle_blocks(["soc"]):
            soc = values["soc"]
            quantile = np.nanquantile if np.isnan(soc).any() else np.quantile
            found[:, :, steps] = quantile(soc, shares, axis=2).transpose(2, 0, 1)
        return found

    def vehicle_blocks(
        self, columns: Sequence[str], vehicles: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, dict[str, FloatArray]]]:
        """Read columns of the recorded vehicles, some steps at a time.

        Parameters
        ----------
        columns : sequence of str
            Their names; of "community" the number is read.
        vehicles : array of int, optional
            Which vehicles, ascending; all if not given.

        Yields
        ------
        steps, values : slice, dict of array
            Which steps, and of every column an array of shape (steps, strategies, vehicles). It is
            NaN for vehicles that are not there yet, and as the community of those on the road.
        """
        chosen = np.arange(self.recorded) if vehicles is None else vehicles
        size = (len(self.strategies), len(chosen))
        only = [] if vehicles is None else [("vehicle", "in", chosen.tolist())]
        # Rows that are left out are read too.
        at_once = max(ROWS_AT_ONCE // max(size[0] * self.recorded, 1), 1)
        for first in range(0, self.steps, at_once):
            last = min(first + at_once, self.steps)
            rows = self.run.table(
                "vehicles", columns, [("step", ">=", first), ("step", "<", last), *only]
            )
            there = chosen < self.there[first:last, None, None]
            there = np.broadcast_to(there, (last - first, *size))
            values = {}
            for name in columns:
                read = rows.column(name)
                values[name] = np.full(there.shape, np.nan)
                if name == "community":
                    codes = codes_of(read, self.communities)
                    values[name][there] = np.where(codes < 0, np.nan, codes)
                else:
                    values[name][there] = read.to_numpy()
            yield slice(first, last), values

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The communities one by one, or those of the highest peaks and all others together."""
        count = len(self.communities)
        if count <= MOST_GROUPS:
            return tuple(Group(name, (m,)) for m, name in enumerate(self.communities))
        size = np.abs(self.hours("net_kwh")).max(axis=(0, 2))
        largest = sorted(descending(size)[: MOST_GROUPS - 1].tolist())
        others = tuple(m for m in range(count) if m not in largest)
        named = (Group(self.communities[m], (m,)) for m in largest)
        return (*named, Group(f"{len(others)} other communities", others))

    def grouped(self, values: FloatArray) -> FloatArray:
        """Return the sum of every group, shape (strategies, groups, steps)."""
        return np.stack([values[:, group.members].sum(axis=1) for group in self.groups], axis=1)


def named_to_park(community: Mapping[str, Any]) -> bool:
    """Return whether a community, as run.json holds it, names chargers for those that park."""
    given = community.get("chargers") or ()
    kinds = [given] if isinstance(given, Mapping) else given
    return any(not kind.get("on_the_way") for kind in kinds)


def codes_of(column: Any, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of every entry of a column of names, -1 where it is empty.

    Raises
    ------
    KeyError
        When an entry is none of the names.
    """
    place = {name: number for number, name in enumerate(names)}
    column = column.unify_dictionaries().combine_chunks()
    written = column.dictionary.to_pylist()
    # Written dictionaries also hold names of rows that were not asked for.
    known = np.array([*(place.get(name, -2) for name in written), -1], dtype=np.int64)
    codes: NDArray[np.int64] = known[column.indices.fill_null(len(written)).to_numpy()]
    if (codes == -2).any():
        raise KeyError(f"a name is none of {', '.join(names)}")
    return codes
