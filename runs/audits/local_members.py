"""Single members of local exchanges: what each uses and generates, by scenario or by table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.consumers_used import consumers_used
from hmesh.runs.audits.member_energies import each_generation
from hmesh.runs.audits.reference.local_sharing import Shared
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.local_exchange_section import LocalExchange
from hmesh.runs.scenarios.member_groups import ProsumerMembers

type Flows = tuple[FloatArray, FloatArray, list[tuple[FloatArray, ...]] | None]


@dataclass(frozen=True, slots=True)
class SharingMembers:
    """The members of a community that share, kind after kind.

    Attributes
    ----------
    community : int
        Its number.
    kind : array of int
        Number of the kind of each member.
    weight : array
        Weight of each in static shares.
    """

    community: int
    kind: NDArray[np.intp]
    weight: FloatArray


class LocalMembers:
    """The members of all local exchanges of a run.

    Parameters
    ----------
    run, inputs, hours : Run, RunInputs, dict of array
        The run, what its scenario settles, and the columns of hours.parquet.
    kinds : list of str
        Kinds of members that share.
    sections : mapping of int to LocalExchange
        The local exchange of each community that has one, by its number.
    there : array of bool
        Where there is supply, of the shape of the hours.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        hours: Columns,
        kinds: list[str],
        sections: Mapping[int, LocalExchange],
        there: NDArray[np.bool_],
    ) -> None:
        self.run, self.inputs, self.hours = run, inputs, hours
        self.kinds, self.sections, self.open = kinds, sections, there
        self.numbers = self._numbers()

    def _numbers(self) -> dict[tuple[int, str], NDArray[np.intp]]:
        """Return the numbers of consumers and prosumers of each kind in each community."""
        setting = self.inputs.setting
        if setting is None:
            return {}
        names, found = self.inputs.communities, {}
        owned = {
            f"{name}/{group.name}"
            for name, community in self.inputs.scenario.communities.items()
            for group in community.members
            if isinstance(group, ProsumerMembers)
        }
        first = 0
        places: dict[int, list[NDArray[np.intp]]] = {m: [] for m in self.sections}
        for m, community in enumerate(self.inputs.scenario.communities.values()):
            for group in community.members:
                if isinstance(group, ProsumerMembers):
                    places.setdefault(m, []).append(first + np.arange(group.count))
                    first += group.count
        for m in self.sections:
            found[m, "prosumers"] = np.concatenate([np.empty(0, dtype=np.intp), *places[m]])
            for kind, groups in setting.members.groups.items():
                own = [
                    np.arange(group.rows.start, group.rows.stop)
                    for group in groups
                    if group.name not in owned and group.name.partition("/")[0] == names[m]
                ]
                joined = np.concatenate([np.empty(0, dtype=np.intp), *own])
                found[m, f"{kind.scenario_name}s"] = joined.astype(np.intp)
        return found

    def _weights(self, m: int, group: str, kind: str) -> float:
        given = self.sections[m].shares or {}
        return given.get(group, given.get(kind, 1.0))

    def by_scenario(self, m: int) -> tuple[SharingMembers, Iterator[Flows]]:
        """Return members of a community, and what they use and generate, by the scenario."""
        name = self.inputs.communities[m]
        groups = [g for g in consumers_used(self.inputs, self.hours) if g.community == name]
        groups.sort(key=lambda group: self.kinds.index(f"{group.kind}s"))
        kinds = [np.full(g.count, self.kinds.index(f"{g.kind}s")) for g in groups]
        weight = [np.full(g.count, self._weights(m, g.group, f"{g.kind}s")) for g in groups]
        generation = each_generation(self.inputs)
        sun = [generation[g.community, g.group] for g in groups]
        paid = self.inputs.photovoltaics

        def flows() -> Iterator[Flows]:
            for step, loads in enumerate(zip(*(g.steps for g in groups), strict=True)):
                load = np.concatenate(loads, axis=1)
                each = [np.broadcast_to(s[step], g.count) for s, g in zip(sun, groups, strict=True)]
                there = self.open[step, :, m, None] & paid
                delivered = np.where(there, np.concatenate(each), 0.0)
                used = np.maximum(load, 0.0) + np.maximum(0.0 - delivered, 0.0)
                yield used, np.maximum(delivered, 0.0) + np.maximum(0.0 - load, 0.0), None

        return SharingMembers(m, np.concatenate(kinds), np.concatenate(weight)), flows()

    def compared(self, m: int, flows: Iterator[Flows], off: FloatArray) -> Iterator[Flows]:
        """Yield flows of members by their table, and note how far consumers are off.

        Parameters
        ----------
        m : int
            Number of the community.
        flows : iterator of (array, array, list of tuple of array, or None)
            What its members use and generate by local_members.parquet.
        off : array, shape (steps, strategies)
            Where to note how far households and buildings are from what the scenario says, as a
            share of all that they use and generate.
        """
        _, due = self.by_scenario(m)
        for step, (each, wanted) in enumerate(zip(flows, due, strict=True)):
            count = wanted[0].shape[1]
            apart = np.abs(each[0][:, :count] - wanted[0]) + np.abs(each[1][:, :count] - wanted[1])
            size = np.maximum((wanted[0] + wanted[1]).sum(axis=1), 1.0)
            off[step] = np.maximum(off[step], apart.max(axis=1, initial=0.0) / size)
            yield each

    def recorded(self) -> dict[int, tuple[SharingMembers, Iterator[Flows]]]:
        """Return members of all communities, and what they use and generate, by their table."""
        names = {
            "strategy": self.inputs.strategies, "community": self.inputs.communities,
            "kind": self.kinds,
        }  # fmt: skip
        rows = TableReader(self.run, "local_members", names, self.inputs.start_ms).rest()
        steps, strategies = self.open.shape[:2]
        many, left = divmod(len(rows["step"]), steps * strategies)
        if left:
            raise DamagedTableError("local_members", "steps have not equally many rows")
        table = {name: values.reshape(steps, strategies, many) for name, values in rows.items()}
        pattern = {name: table[name][0, 0] for name in ("community", "kind", "member")}
        due = {
            "step": np.arange(steps)[:, None, None], "strategy": np.arange(strategies)[:, None],
            **pattern,
        }  # fmt: skip
        for name, values in due.items():
            if (table[name] != values).any():
                raise DamagedTableError("local_members", f"column {name} is not in its order")
        if set(pattern["community"].tolist()) - set(self.sections):
            raise DamagedTableError("local_members", "there is a community that shares nothing")
        found = {}
        for m in self.sections:
            mine = pattern["community"] == m
            kind, member = pattern["kind"][mine], pattern["member"][mine]
            self._refuse_others(m, kind, member)
            members = SharingMembers(m, kind, self._weights_of(m, kind, member))
            found[m] = members, _steps({name: values[:, :, mine] for name, values in table.items()})
        return found

    def _refuse_others(self, m: int, kind: NDArray[np.intp], member: NDArray[np.intp]) -> None:
        """Refuse rows of households and buildings that are not those of the community."""
        for (community, name), numbers in self.numbers.items():
            if community == m and name in self.kinds:
                given = member[kind == self.kinds.index(name)]
                if not np.array_equal(given, numbers):
                    place = f"the {name} of {self.inputs.communities[m]}"
                    raise DamagedTableError("local_members", f"{place} are not those there")

    def _weights_of(self, m: int, kind: NDArray[np.intp], member: NDArray[np.intp]) -> FloatArray:
        given = self.sections[m].shares or {}
        weight = np.array([given.get(self.kinds[k], 1.0) for k in kind.tolist()])
        setting, name = self.inputs.setting, self.inputs.communities[m]
        first = 0
        for where, community in self.inputs.scenario.communities.items():
            for members in community.members:
                if isinstance(members, ProsumerMembers):
                    inside = (member >= first) & (member < first + members.count)
                    first += members.count
                    if where == name and members.name in given:
                        of_kind = kind == self.kinds.index("prosumers")
                        weight[inside & of_kind] = given[members.name]
        for consumer, groups in ({} if setting is None else setting.members.groups).items():
            for group in groups:
                where, _, own = group.name.partition("/")
                if where == name and own in given and f"{consumer.scenario_name}s" in self.kinds:
                    inside = (member >= group.rows.start) & (member < group.rows.stop)
                    of_kind = kind == self.kinds.index(f"{consumer.scenario_name}s")
                    weight[inside & of_kind] = given[own]
        return weight


def _steps(table: Mapping[str, FloatArray]) -> Iterator[Flows]:
    """Yield what members use, generate, and are said to get and give, step by step."""
    for used, generated, received, given in zip(
        *(table[name] for name in ("used_kwh", "generated_kwh", "received_kwh", "given_kwh")),
        strict=True,
    ):
        yield used, generated, list(zip(received, given, strict=True))


def farthest(each: Shared, reported: tuple[FloatArray, ...]) -> float:
    """Return how far what members got and gave is off, as a share of all that they lack."""
    received, given = reported
    off = np.concatenate([received - each.received_kwh, given - each.given_kwh])
    size = max(float(each.lack_kwh.sum()), float(each.surplus_kwh.sum()), 1.0)
    return float(np.abs(off).max(initial=0.0)) / size
