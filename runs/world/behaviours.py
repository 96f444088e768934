"""Which agents of a world have which behaviour."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import Problem, refuse_all
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.world.travel import AGENT_TYPE

if TYPE_CHECKING:
    from hmesh.agents.row_agent import AgentGroup
    from hmesh.runs.world.simulation import Simulation


def give_behaviours(simulation: "Simulation") -> None:
    """Give agents of all schemes the behaviours that the scenario names.

    Raises
    ------
    InputError
        When there are fewer agents than shall have them.
    """
    choices = simulation.setting.scenario.chosen_behaviours
    named = dict.fromkeys(BEHAVIOURS[choice.behaviour].scheme for choice in choices)
    for scheme in named:
        group = simulation.schemes[scheme].deciding
        assert group is not None
        for k, rows in _chosen(simulation, scheme, group).items():
            registered, given = BEHAVIOURS[choices[k].behaviour], choices[k].given
            if given is None:
                group.replace(rows, registered.agent_class)
                values: Mapping[str, Any] = choices[k].columns
            else:
                path_of = simulation.setting.scenario.path_of
                kind = registered.agent_class.with_keys(given, path_of)
                group.replace(rows, kind)
                values = _drawn(simulation, group, given, rows)
            for name, value in values.items():
                group.population[name][rows] = value
        for kind in group.classes[1:]:
            if hasattr(kind, "begin_rows"):
                kind.begin_rows(group.rows_at(kind))


def _drawn(
    simulation: "Simulation", group: "AgentGroup[Any]", given: Any, rows: NDArray[np.intp]
) -> dict[str, Any]:
    """Return the values of the keys of a behaviour that are drawn for each agent."""
    found: dict[str, Any] = {}
    for key in given.drawn:
        preference = getattr(given, key)
        if preference is None:
            continue
        streams = simulation.setting.streams
        draw = group.uniform_draws(streams, f"{given.name} {key}", AGENT_TYPE)[rows]
        if isinstance(preference, FromFile):
            path = simulation.setting.scenario.path_of(preference.file)
            found[key] = preference.read(path, draw, -np.inf)
        else:
            found[key] = preference_values(preference, draw)
    return found


def name_of(kind: type[Any]) -> str:
    """Return the name of the behaviour that a class of agents has."""
    for base in kind.__mro__:
        for name, each in BEHAVIOURS.items():
            if each.agent_class is base:
                return name
    raise KeyError(f"{kind.__name__} is no behaviour")


def _chosen(
    simulation: "Simulation", scheme: str, group: "AgentGroup[Any]"
) -> Mapping[int, NDArray[np.intp]]:
    """Return the rows of each choice, by its place in the scenario; nobody is chosen twice.

    Every row has one draw, from a stream with a separate purpose: so more agents leave the draws of
    others as they are, and further choices leave the rows of earlier ones.
    """
    setting, size = simulation.setting, len(group)
    draw = group.uniform_draws(setting.streams, "behaviour", scheme)
    free = np.ones(size, dtype=np.bool_)
    # Up to where the draws of a row are used up by the shares before.
    used = np.zeros(size)
    found: dict[int, NDArray[np.intp]] = {}
    problems: list[Problem] = []
    for k, choice in enumerate(setting.scenario.chosen_behaviours):
        if BEHAVIOURS[choice.behaviour].scheme != scheme:
            continue
        here = np.ones(size, dtype=np.bool_)
        if choice.community is not None:
            place = setting.communities.index(choice.community)
            if "community" not in group.population:
                message = f"agents of {scheme} are not chosen by community"
                problems.append(Problem(f"behaviours.{k}.community", message, "null"))
                continue
            here = group.population["community"] == place
        if choice.group is not None:
            here &= group.belongs(choice.group)
        wanted = 0
        if choice.share is not None:
            rows = np.flatnonzero(here & free & (draw >= used) & (draw < used + choice.share))
            used[here] += choice.share
        elif choice.count is not None:
            wanted, there = choice.count, np.flatnonzero(here & free)
            rows = np.sort(there[np.argsort(draw[there], kind="stable")[:wanted]])
        else:
            assert choice.rows is not None
            first, last = choice.rows
            wanted = last + 1 - first
            rows = np.arange(first, min(last + 1, size))
            rows = rows[free[rows]]
        if len(rows) < wanted:
            key = "count" if choice.count is not None else "rows"
            where = "" if choice.community is None else f" in {choice.community}"
            where += "" if choice.group is None else f" of group {choice.group}"
            message = (
                f"{wanted:,} agents of {scheme} shall have it{where}, and {len(rows):,} are left"
            )
            problems.append(Problem(f"behaviours.{k}.{key}", message, f"at most {len(rows):,}"))
        free[rows] = False
        found[k] = rows
    refuse_all(problems)
    return found
