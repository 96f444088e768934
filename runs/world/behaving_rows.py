"""The agents that have behaviours in a scenario, known before it is run and after."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.world.behaviours import name_of
from hmesh.runs.world.setting import Setting

# The world of a strategy is imported where one is made: most checks make none.


def behaving_rows(setting: Setting, scheme: str) -> dict[str, NDArray[np.intp]]:
    """Return which agents of a scheme have each behaviour, by row; nothing where none has one.

    Raises
    ------
    InputError
        When there are fewer agents than shall have them.
    """
    choices = setting.scenario.chosen_behaviours
    if all(BEHAVIOURS[choice.behaviour].scheme != scheme for choice in choices):
        return {}
    from hmesh.runs.world.simulation import Simulation

    simulation = Simulation(setting, setting.scenario.strategies[0])
    group = simulation.schemes[scheme].deciding
    assert group is not None
    everyone = np.arange(len(group))
    found: dict[str, NDArray[np.intp]] = {}
    for kind, rows in group.replaced(everyone):
        # Several choices may name one behaviour, with keys of their own.
        name = name_of(kind)
        found[name] = np.union1d(found.get(name, rows), rows)
    return found


@dataclass(frozen=True, slots=True)
class BehavingRows:
    """Agents with one behaviour that comes with hMESH.

    Attributes
    ----------
    name : str
        Name of the behaviour.
    given : object
        Its keys.
    rows : array of int
        Which agents, ascending.
    columns : dict of array, shape (agents,)
        What was drawn for each of them, by key.
    """

    name: str
    given: Any
    rows: NDArray[np.intp]
    columns: dict[str, FloatArray]


def choices_of(setting: Setting, scheme: str) -> list[BehavingRows]:
    """Return the agents of a scheme by each choice of a behaviour that comes with hMESH."""
    choices = setting.scenario.chosen_behaviours
    if all(BEHAVIOURS[choice.behaviour].scheme != scheme for choice in choices):
        return []
    from hmesh.runs.world.simulation import Simulation

    simulation = Simulation(setting, setting.scenario.strategies[0])
    group = simulation.schemes[scheme].deciding
    assert group is not None
    found = []
    for kind, rows in group.replaced(np.arange(len(group))):
        given = getattr(kind, "given", None)
        if given is not None:
            drawn = {
                key: group.population[key][rows].copy()
                for key in given.drawn
                if getattr(given, key) is not None
            }
            found.append(BehavingRows(name_of(kind), given, rows, drawn))
    return found


def check_behaviours(setting: Setting) -> None:
    """Refuse a scenario with fewer agents than shall have behaviours, before anything is written.

    Raises
    ------
    InputError
        When there are.
    """
    if setting.scenario.chosen_behaviours:
        from hmesh.runs.world.simulation import Simulation

        Simulation(setting, setting.scenario.strategies[0])
