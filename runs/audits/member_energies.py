"""What members use and generate whatever the price, computed again: profiles, files, sun, chance.

Every draw is made again from its own stream.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.chance import (
    correlation_over,
    growth_factor,
    next_normal,
    noise_factor,
)
from hmesh.environment.cloudiness import clearness
from hmesh.environment.standard_profiles import StandardProfiles
from hmesh.environment.streams import Streams
from hmesh.environment.sunshine import ClearSky, Orientation
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.scenarios.member_groups import (
    BusinessMembers,
    DatasetMembers,
    FileMembers,
    ProfileMembers,
)
from hmesh.runs.world.members import businesses_of, measured_in, measured_loads

type Group = ProfileMembers | FileMembers | DatasetMembers | BusinessMembers


@dataclass(frozen=True, slots=True)
class GroupEnergy:
    """What a group of members would use and generate with supply in every step [kWh].

    Where an event cuts them off for a part of a step it is what they do in the rest of it.

    Attributes
    ----------
    load : array, shape (steps,)
        What they use.
    consumed : array, shape (steps,)
        Likewise, those left out that feed in.
    generated : array, shape (steps,)
        What their photovoltaics deliver, at least 0.
    users : array of int, shape (steps,)
        How many of them use energy.
    missed, missed_generated : array, shape (steps,)
        What they would use and generate in the parts of steps for which an event cuts them off.
    """

    load: FloatArray
    consumed: FloatArray
    generated: FloatArray
    users: NDArray[np.intp]
    missed: FloatArray
    missed_generated: FloatArray


type Energies = Mapping[tuple[str, str], GroupEnergy | None]


def member_energies(inputs: RunInputs) -> Energies:
    """Return what every group of members would use and generate with supply.

    Returns
    -------
    mapping
        By community and name of the group; None where the loads stand in a file that is gone or
        has changed.
    """
    steps = inputs.steps
    clear, parts = sky_clearness(inputs), _lost_in_part(inputs)
    energies: dict[tuple[str, str], GroupEnergy | None] = {}
    for key, group, meters in _meters(inputs):
        if meters is None:
            energies[key] = None
            continue
        kind = metered_as(group.kind)
        load, consumed = _varied(inputs, key, kind, meters.each_kwh, meters.count)
        sun = meters.count * _sunshine(inputs, group) * clear[key[0]]
        measured = meters.generation_kwh
        followed = np.zeros(steps) if measured is None else measured.sum(axis=1)
        alike = meters.count if meters.each_kwh.shape[1] == 1 else 1
        users = alike * (meters.each_kwh > 0).sum(axis=1)
        lost = parts[key[0]]
        on = 1.0 - lost
        generated = sun + followed
        missed = consumed * lost, generated * lost
        energies[key] = GroupEnergy(load * on, consumed, generated * on, users, *missed)
    return energies


def each_load(
    inputs: RunInputs,
) -> Iterator[tuple[tuple[str, str], str, int, Iterator[FloatArray]]]:
    """Yield every group of members with the loads of each of them.

    Groups whose loads stand in a file that is gone or has changed are left out.

    Yields
    ------
    key : tuple of str
        Community and name of the group; those of one kind in the order of their members' numbers.
    kind : str
        "household", "building" or "prosumer".
    count : int
        How many members it has.
    loads : iterator of array, shape (members,)
        What each would use with supply in each step [kWh].
    """
    for key, group, meters in _meters(inputs):
        if meters is not None:
            loads = _loads(inputs, key, metered_as(group.kind), meters)
            yield key, group.kind, meters.count, loads


def metered_as(kind: str) -> str:
    """Return the type of consumer that the load of members of a kind is of."""
    return "household" if kind == "prosumer" else kind


def each_generation(inputs: RunInputs) -> dict[tuple[str, str], FloatArray]:
    """Return what each member of every group would generate with supply [kWh].

    Returns
    -------
    dict
        By community and name of the group, of shape (steps, members), or (steps, 1) where all
        members generate the same; groups whose files are gone or have changed are left out.
    """
    clear, parts = sky_clearness(inputs), _lost_in_part(inputs)
    found = {}
    for key, group, meters in _meters(inputs):
        if meters is not None:
            sun = (_sunshine(inputs, group) * clear[key[0]])[:, None]
            each = sun if meters.generation_kwh is None else sun + meters.generation_kwh
            found[key] = each * (1.0 - parts[key[0]])[:, None]
    return found


def _lost_in_part(inputs: RunInputs) -> dict[str, FloatArray]:
    """Return for which part of steps events cut each community off, whole steps left out."""
    parts = lost_parts(inputs.scenario)
    return dict(zip(inputs.communities, np.where(parts < 1.0, parts, 0.0).T, strict=True))


def _loads(
    inputs: RunInputs, key: tuple[str, str], kind: str, meters: "_Meters"
) -> Iterator[FloatArray]:
    growth = getattr(inputs.scenario.growth.demand_per_year, kind)
    noise = getattr(inputs.scenario.chance.demand_noise, kind)
    normal, lost = np.empty(0), _lost_in_part(inputs)[key[0]]
    for step in range(inputs.steps):
        load = meters.each_kwh[step] * growth_factor(growth, step * inputs.step_h)
        if noise is not None:
            normal = _next(inputs, key, kind, meters.count, step, normal)
            load = load * noise_factor(normal, noise.sigma)
        yield np.array(np.broadcast_to(load * (1.0 - lost[step]), meters.count))


@dataclass(frozen=True, slots=True)
class _Meters:
    """What a group follows before growth and noise.

    Attributes
    ----------
    each_kwh : array, shape (steps, members or 1)
        Load of each member, or of all where they are alike.
    count : int
        How many members there are.
    generation_kwh : array, shape (steps, members), or None
        What is measured that each generates; None where nothing is.
    """

    each_kwh: FloatArray
    count: int
    generation_kwh: FloatArray | None = None


def _meters(inputs: RunInputs) -> Iterator[tuple[tuple[str, str], Group, _Meters | None]]:
    """Yield every group with what it follows, None where that is gone or has changed."""
    scenario, steps = inputs.scenario, inputs.steps
    groups: dict[tuple[str, str], Group] = {
        (community, group.name): group
        for community, section in scenario.communities.items()
        for group in section.members
    }
    profiles = list(
        dict.fromkeys(g.profile for g in groups.values() if isinstance(g, ProfileMembers))
    )
    standard = StandardProfiles(inputs.calendar, profiles)
    power_kw = np.array([standard.power_kw(step) for step in range(steps)])
    measured = [g for g in groups.values() if isinstance(g, FileMembers | DatasetMembers)]
    tables = {
        measured_in(group): measured_loads(scenario, inputs.calendar, group)
        for group in {measured_in(group): group for group in measured}.values()
        if _readable(inputs, group)
    }
    for key, group in groups.items():
        if isinstance(group, ProfileMembers):
            each_kwh = power_kw[:, [profiles.index(group.profile)]] * inputs.step_h
            yield key, group, _Meters(each_kwh * (group.annual_kwh / 1000.0), group.count)
        elif isinstance(group, BusinessMembers):
            buildings = businesses_of(scenario, inputs.calendar, "/".join(key), group)
            each_kwh = np.array([buildings.load_kwh(step) for step in range(steps)])
            yield key, group, _Meters(each_kwh, group.businesses)
        elif measured_in(group) in tables:
            table = tables[measured_in(group)]
            chosen = table.members if group.members is None else group.members
            columns = [table.members.index(member) for member in chosen]
            generation = table.generation_kwh
            if generation is not None:
                generation = group.scale * generation[:, columns]
            loads = group.scale * table.load_kwh[:, columns]
            yield key, group, _Meters(loads, len(columns), generation)
        else:
            yield key, group, None


def _readable(inputs: RunInputs, group: FileMembers | DatasetMembers) -> bool:
    """Return whether what a group was measured in still holds what the run read."""
    if isinstance(group, FileMembers):
        return group.file in inputs.files
    folder = f"{group.dataset}/"
    named = [file for file in inputs.scenario.files() if file.startswith(folder)]
    return inputs.files.issuperset(named)


def feeders_out(inputs: RunInputs) -> NDArray[np.bool_]:
    """Return which communities are without supply in each step, shape (steps, communities)."""
    out: NDArray[np.bool_] = lost_parts(inputs.scenario) == 1.0
    return out


def _varied(
    inputs: RunInputs,
    key: tuple[str, str],
    kind: str,
    each_kwh: FloatArray,
    count: int,
) -> tuple[FloatArray, FloatArray]:
    """Return the load of a group, grown and noisy, and that of its members that do not feed in.

    The columns of ``each_kwh`` are the members, or one for all of them.
    """
    scenario = inputs.scenario
    growth = getattr(scenario.growth.demand_per_year, kind)
    noise = getattr(scenario.chance.demand_noise, kind)
    hours = (np.arange(inputs.steps) * inputs.step_h).tolist()
    grown = np.array([growth_factor(growth, hour) for hour in hours])
    if noise is None:
        alike = count if each_kwh.shape[1] == 1 else 1
        total = each_kwh.sum(axis=1), np.maximum(each_kwh, 0.0).sum(axis=1)
        return grown * alike * total[0], grown * alike * total[1]
    load, consumed = np.empty(inputs.steps), np.empty(inputs.steps)
    normal = np.empty(0)
    for step in range(inputs.steps):
        normal = _next(inputs, key, kind, count, step, normal)
        each = grown[step] * each_kwh[step] * noise_factor(normal, noise.sigma)
        load[step], consumed[step] = each.sum(), np.maximum(each, 0.0).sum()
    return load, consumed


def _next(
    inputs: RunInputs,
    key: tuple[str, str],
    kind: str,
    count: int,
    step: int,
    normal: FloatArray,
) -> FloatArray:
    """Return the normal values behind the noise of a step, from those of the step before."""
    noise = getattr(inputs.scenario.chance.demand_noise, kind)
    correlation = correlation_over(inputs.step_h, noise.correlation_h)
    name = f"{kind} {'/'.join(key)}"
    stream = Streams(inputs.scenario.seed).generator("demand noise", name, step)
    draw = stream.standard_normal(count)
    return next_normal(normal, draw, correlation) if step else draw


def _sunshine(inputs: RunInputs, group: Group) -> FloatArray:
    """Return what the modules of one member deliver under a clear sky [kWh], shape (steps,)."""
    place = inputs.scenario.location
    if place is None or not group.pv_kw:
        return np.zeros(inputs.steps)
    modules = Orientation(group.pv_tilt, group.pv_azimuth, group.pv_performance_ratio)
    sky = ClearSky(inputs.calendar, place.latitude, place.longitude, place.altitude_m, [modules])
    each_kw = [float(sky.generation_kwh(step)[0]) for step in range(inputs.steps)]
    return group.pv_kw * np.array(each_kw)


def sky_clearness(inputs: RunInputs) -> dict[str, FloatArray]:
    """Return what clouds let through in every step, by community, each of shape (steps,)."""
    given, steps = inputs.scenario.chance.cloudiness, inputs.steps
    if given is None or not inputs.scenario.sunlit:
        return {name: np.ones(steps) for name in inputs.communities}
    streams = Streams(inputs.scenario.seed)
    correlation = correlation_over(inputs.step_h, given.correlation_h)
    skies: dict[str, FloatArray] = {}
    for name in ("all communities",) if given.common else inputs.communities:
        normal = np.empty(steps)
        for step in range(steps):
            draw = streams.generator("cloudiness", name, step).standard_normal(1)
            before = normal[step - 1 : step]
            normal[step] = (next_normal(before, draw, correlation) if step else draw)[0]
        skies[name] = clearness(normal, given.mean, given.deviation)
    return {name: skies["all communities" if given.common else name] for name in inputs.communities}
