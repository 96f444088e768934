"""A world of hMESH as a simulator of mosaik, so that others step its communities.

The class speaks version 3 of the API of mosaik and needs nothing of it: `CommunitySimulator`
answers the calls alone, and `mosaik_simulator` returns a class that also is one of
``mosaik_api_v3.Simulator``, where that package is installed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.extras import optional
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

API_VERSION = "3.0"
WORLD, COMMUNITY, GROUP = "World", "Community", "MemberGroup"
# What a community and a group of its members offer, with units; what groups take as an input.
OUTPUTS = {
    COMMUNITY: (
        "net_kw", "fixed_load_kw", "generation_kw", "ev_kw", "community_price", "utility_price",
    ),
    GROUP: ("load_kw",),
}  # fmt: skip
META: dict[str, Any] = {
    "api_version": API_VERSION,
    "type": "time-based",
    "models": {
        WORLD: {"public": True, "params": ["scenario", "strategy", "changes"], "attrs": []},
        COMMUNITY: {"public": False, "params": [], "attrs": list(OUTPUTS[COMMUNITY])},
        GROUP: {"public": False, "params": [], "attrs": list(OUTPUTS[GROUP])},
    },
}


class CommunitySimulator:
    """One world of a scenario under one strategy, stepped from outside.

    A group of members whose `load_kw` is given uses that in the step, in equal parts, in place of
    what its profile or file says; it pays for it as for any other load. What it gets no input for
    stays as the scenario has it.

    Attributes
    ----------
    meta : dict
        What mosaik asks of a simulator.
    simulation : Simulation
        The world, once it is created.
    """

    meta = META

    def __init__(self) -> None:
        self.simulation: Simulation | None = None
        self._given_kw: dict[str, float] = {}
        self._values: dict[str, dict[str, float]] = {}

    def init(self, sid: str, time_resolution: float = 1.0, **params: Any) -> dict[str, Any]:
        """Return the description of the simulator; a unit of time is so many seconds."""
        self._resolution_s = time_resolution
        return self.meta

    def create(
        self,
        num: int,
        model: str,
        scenario: str = "three-communities",
        strategy: str | None = None,
        changes: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Make the world, and return it with its communities and their groups of members.

        Parameters
        ----------
        num, model : int, str
            One world, "World".
        scenario, changes : str, sequence of str, optional
            Name or path of the scenario, and keys to change such as ``vehicles.count=50``.
        strategy : str, optional
            A strategy of the scenario; its first if not given.

        Raises
        ------
        InputError
            If the scenario is wrong, it has no such strategy, or a step is no whole unit of time.
        """
        if model != WORLD or num != 1 or self.simulation is not None:
            allowed = f"one {WORLD}, whose communities and groups are its children"
            raise InputError([Problem("create", f"{num} of {model}", allowed)])
        read = load_scenario(scenario, tuple(changes))
        known = read.strategies
        if strategy is not None and strategy not in known:
            message = f"the scenario has no strategy {strategy!r}"
            raise InputError(
                [Problem("strategy", message, ", ".join(known), nearest(strategy, known))]
            )
        units = 3600.0 * read.step_h / self._resolution_s
        if abs(units - round(units)) > 1e-9:
            message = f"a step of {read.step_h:g} h is {units:g} units of time"
            raise InputError([Problem("time_resolution", message, "a whole number of units")])
        self._units = round(units)
        self.simulation = Simulation(make_setting(read), strategy or known[0])
        self.simulation.replace_loads = self._replace
        names = self.simulation.setting.communities
        self._groups = {
            group.name: (kind, group.rows)
            for kind, groups in self.simulation.setting.members.groups.items()
            for group in groups
        }
        children = [
            {
                "eid": name,
                "type": COMMUNITY,
                "rel": [],
                "children": [
                    {"eid": group, "type": GROUP, "rel": [name]}
                    for group in self._groups
                    if group.partition("/")[0] == name
                ],
            }
            for name in names
        ]
        return [{"eid": read.name, "type": WORLD, "rel": [], "children": children}]

    def setup_done(self) -> None:
        """Do nothing: everything is there once it is created."""

    def step(
        self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, float]]], max_advance: int
    ) -> int:
        """Run one step of the world, and return when the next one begins.

        Parameters
        ----------
        time : int
            When it begins, in units of time since the start of the scenario.
        inputs : mapping of mapping of mapping of float
            By entity and attribute, values by their source, which are added up.
        max_advance : int
            Not used.

        Raises
        ------
        InputError
            If the scenario is over, the time is none of its steps, or an input is unknown.
        """
        simulation = self._there()
        if time != simulation.step_index * self._units:
            message = f"the next step begins at {simulation.step_index * self._units}"
            raise InputError([Problem("time", f"{time} is no step", message)])
        if not simulation.running:
            many = simulation.setting.scenario.steps
            raise InputError([Problem("time", f"all {many} steps are over", "a longer scenario")])
        self._given_kw = self._read(inputs)
        simulation.write_record = self._note
        simulation.step()
        return time + self._units

    def _there(self) -> Simulation:
        if self.simulation is None:
            raise InputError([Problem("create", "no world was created", f"create(1, {WORLD!r})")])
        return self.simulation

    def _read(self, inputs: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
        problems, found = [], {}
        for entity, attributes in inputs.items():
            for attribute, values in attributes.items():
                if entity not in self._groups or attribute != "load_kw":
                    message = f"{entity} takes no input {attribute!r}"
                    problems.append(Problem("inputs", message, "load_kw of a group of members"))
                    continue
                found[entity] = float(sum(values.values()))
                if not np.isfinite(found[entity]):
                    problems.append(Problem(f"inputs: {entity}", "is no number", "power [kW]"))
        refuse_all(problems)
        return found

    def _replace(self, simulation: Simulation) -> None:
        """Let groups use what was given, behind feeders that work."""
        for name, power_kw in self._given_kw.items():
            kind, rows = self._groups[name]
            columns = simulation.consumers[kind].population
            load = columns["load_kwh"][rows]
            lit = simulation.supplied[columns["community"][rows]]
            wanted = np.where(lit, power_kw * simulation.step_h / max(len(load), 1), 0.0)
            more = wanted - load
            load[...] = wanted
            where, at = columns["community"][rows], simulation.setting.members.nodes[kind][rows]
            of_places = np.bincount(where, more, len(simulation.net_kwh))
            simulation.meters.fixed_kwh[:] += of_places
            simulation.hour_kwh["fixed_load_kwh"] += of_places
            simulation.net_kwh += of_places
            nodes = simulation.meters.node_kwh
            nodes[:] += np.bincount(at, more, len(nodes))

    def _note(self, simulation: Simulation) -> None:
        """Keep the results of the step, before batteries move."""
        decision, h = simulation.market.decision, simulation.step_h
        hour = simulation.hour_kwh
        for m, name in enumerate(simulation.setting.communities):
            self._values[name] = {
                "net_kw": float(simulation.net_kwh[m]) / h,
                "fixed_load_kw": float(hour["fixed_load_kwh"][m]) / h,
                "generation_kw": -float(hour["generation_kwh"][m]) / h,
                "ev_kw": float(hour["ev_kwh"][m]) / h,
                "community_price": float(decision.community_price[m]),
                "utility_price": float(decision.utility_price),
            }
        for name, (kind, rows) in self._groups.items():
            load = simulation.consumers[kind].population["load_kwh"][rows]
            self._values[name] = {"load_kw": float(load.sum()) / h}

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
        """Return values of the step that was run last, by entity and attribute.

        Raises
        ------
        InputError
            If an entity or attribute is unknown: all of them at once.
        """
        problems = [
            Problem("outputs", f"{entity} has no {attribute!r}", ", ".join(known) or "nothing")
            for entity, attributes in outputs.items()
            for attribute in attributes
            if attribute not in (known := self._values.get(entity, {}))
        ]
        refuse_all(problems)
        return {
            entity: {attribute: self._values[entity][attribute] for attribute in attributes}
            for entity, attributes in outputs.items()
        }

    def finalize(self) -> None:
        """Do nothing: nothing is open."""


def mosaik_simulator() -> type:
    """Return the simulator as a class of mosaik, to start in a world of mosaik.

    Raises
    ------
    InputError
        If mosaik-api-v3, of the extra ``mosaik``, is not installed.
    """
    base: Any = optional("mosaik_api_v3", "mosaik", "the simulator of mosaik").Simulator

    class HmeshSimulator(CommunitySimulator, base):  # type: ignore[misc]
        """The simulator as mosaik starts it."""

        def __init__(self) -> None:
            base.__init__(self, META)
            CommunitySimulator.__init__(self)

    return HmeshSimulator
