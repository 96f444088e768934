"""The agents of a group of smart homes: how they are made, and what devices hear of a day."""

from typing import Any, cast

import numpy as np

from hmesh.agents.home_devices import Appliance, Appliances, DevicesOfADay, Generators, Storages
from hmesh.agents.home_devices import HomeGenerator as HomeGeneratorAgent
from hmesh.agents.smart_homes import SmartHomes
from hmesh.environment.calendar import Calendar
from hmesh.environment.population import Population
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings
from hmesh.runs.schemes.smart_homes.setting import KINDS, HomeGroup
from hmesh.runs.schemes.smart_homes.strategies import WITHOUT_STORAGES, control_of


def agents_of(
    world: Any, group: HomeGroup, strategy: str, settings: SmartHomesSettings
) -> SmartHomes:
    """Make the agents of a group of homes.

    Parameters
    ----------
    world : World
        In which they act.
    group : HomeGroup
        Where and what they are.
    strategy : str
        A name of `hmesh.runs.schemes.smart_homes.strategies.STRATEGIES`.
    settings : SmartHomesSettings
        The section of the scheme.
    """
    own = group.settings
    generators = [
        Generators(
            world,
            cast(type[HomeGeneratorAgent], KINDS[device.kind]),
            _devices(KINDS[device.kind], group.homes, 1),
            device.name,
            own.name,
        )
        for device in own.generators
    ]
    appliances = [
        Appliances(
            world,
            cast(type[Appliance], KINDS[device.kind]),
            _devices(KINDS[device.kind], group.homes, device.priority),
            device.name,
            own.name,
        )
        for device in own.appliances
    ]
    return SmartHomes(
        world,
        own.name,
        group.layout,
        control_of(strategy, settings),
        generators,
        appliances,
        Storages(world, _storages(group, strategy), own.name, group.layout.storages),
    )


def _storages(group: HomeGroup, strategy: str) -> Population:
    """Return the storages of a group at the start, of no size where a strategy has none."""
    storages = group.storages.fork()
    if strategy == WITHOUT_STORAGES:
        storages.set("capacity_kwh", 0.0)
        storages.set("energy_kwh", 0.0)
    return storages


def begin_day(
    group: HomeGroup, homes: SmartHomes, calendar: Calendar, first: int, steps: int
) -> None:
    """Send devices what they generate and want on the day ahead.

    Parameters
    ----------
    group : HomeGroup
        Where and what they are.
    homes : SmartHomes
        Its agents.
    calendar : Calendar
        The calendar of the run.
    first, steps : int
        First step of the day ahead, and how many it has.
    """
    for generator, source in zip(homes.generators, group.generators, strict=True):
        generated = source.steps_kwh(first, steps)
        none = np.zeros(generated.shape, dtype=np.bool_)
        generator.population.begin_day(generated, none, none)
    for k, (appliance, source) in enumerate(zip(homes.appliances, group.appliances, strict=True)):
        wanted = source.steps_kwh(first, steps)
        window, accepted = group.windows(calendar, first, wanted, k)
        appliance.population.begin_day(wanted, window, accepted)


def _devices(kind: type[Any], homes: int, priority: int) -> DevicesOfADay:
    population = DevicesOfADay(kind.attributes(), homes)
    population.set("home", np.arange(homes, dtype=np.int32))
    population.set("priority", np.int16(priority))
    return population
