"""The series that sites follow: measurements, standard profiles, and the sun."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.demand import LoadTable, read_loads
from hmesh.environment.drawn_generation import Sky, drawn_generation
from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.standard_profiles import StandardProfiles
from hmesh.environment.streams import Streams
from hmesh.environment.sunshine import Orientation
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.metered_sites.section import (
    MEASURED,
    MeteredSites,
    SiteGroup,
    SiteLoad,
    SitePhotovoltaics,
)
from hmesh.runs.world.dataset_files import load_dataset


@dataclass(frozen=True, slots=True)
class GroupSeries:
    """What the sites of a group use and generate.

    Attributes
    ----------
    names : list of str
        Name of each site.
    load_kwh, generation_kwh : array, shape (steps, sites)
        Energies of each [kWh].
    pv_kw : float
        Peak power behind each meter, 0 where it is not known [kW].
    members : int
        How many members are behind each meter.
    """

    names: list[str]
    load_kwh: FloatArray
    generation_kwh: FloatArray
    pv_kw: float
    members: int


class SiteSources:
    """The series that groups of sites follow.

    Parameters
    ----------
    sites : MeteredSites
        The scenario's section.
    scenario : Scenario
        The scenario, whose folder holds the files.
    calendar : Calendar
        Its calendar.
    streams : Streams
        From which the clearness of days is drawn.
    """

    def __init__(
        self, sites: MeteredSites, scenario: Scenario, calendar: Calendar, streams: Streams
    ) -> None:
        self.sites, self.scenario = sites, scenario
        self.calendar, self.streams = calendar, streams

    def read(self) -> list[GroupSeries]:
        """Return what each group uses and generates.

        Raises
        ------
        InputError
            If a file or a dataset cannot be used, names no such member, or has a load below 0.
        """
        return [
            self._group(group, f"metered_sites.groups.{g}")
            for g, group in enumerate(self.sites.groups)
        ]

    def _group(self, group: SiteGroup, place: str) -> GroupSeries:
        names, load = self._load(group, f"{place}.load")
        members = 1
        if group.meter == "together":
            members = len(names)
            names, load = [group.name], load.sum(axis=1, keepdims=True)
        else:
            names = [f"{group.name}/{name}" for name in names]
        sun, pv_kw = np.zeros((len(load), 1)), 0.0
        if (roof := group.photovoltaics) is not None:
            sun = self._sun(group, roof, f"{place}.photovoltaics")
            pv_kw = roof.pv_kw or 0.0
            if group.meter == "together":
                sun = sun.sum(axis=1, keepdims=True)
        if sun.shape[1] not in (1, len(names)):
            message = f"{sun.shape[1]} members generate behind {len(names)} meters"
            allowed = "one for all, or one for each meter"
            raise InputError([Problem(f"{place}.photovoltaics", message, allowed)])
        generation: FloatArray = np.array(np.broadcast_to(sun, load.shape))
        return GroupSeries(names, load, generation, pv_kw, members)

    def _load(self, group: SiteGroup, place: str) -> tuple[list[str], FloatArray]:
        load = group.load
        if load.measured:
            return self._measured(load, place, generation=False)
        assert load.annual_kwh is not None
        profile = StandardProfiles(self.calendar, [load.profile])
        steps = self.scenario.steps
        power = np.array([profile.power_kw(step)[0] for step in range(steps)])
        # Profiles are those of 1,000 kWh a year.
        series = load.annual_kwh / 1000.0 * power * self.calendar.step_h
        return [str(n) for n in range(group.count)], np.tile(series[:, None], group.count)

    def _sun(self, group: SiteGroup, roof: SitePhotovoltaics, place: str) -> FloatArray:
        if roof.measured:
            return self._measured(roof, place, generation=True)[1]
        where, steps = self.scenario.location, self.scenario.steps
        assert roof.pv_kw is not None
        if not roof.pv_kw:
            return np.zeros((steps, 1))
        assert where is not None
        sky = Sky(
            group.community, where.latitude, where.longitude, where.altitude_m, roof.clearness,
            roof.clearness_deviation,
        )  # fmt: skip
        modules = Orientation(roof.tilt, roof.azimuth, roof.performance_ratio)
        series = drawn_generation(roof.pv_kw, sky, modules, self.calendar, steps, self.streams)
        return series[:, None]

    def _measured(
        self, source: SiteLoad | SitePhotovoltaics, place: str, *, generation: bool
    ) -> tuple[list[str], FloatArray]:
        members, values, name = self._table(source, generation=generation)
        chosen = members if source.members is None else source.members
        problems = [
            Problem(
                f"{place}.members.{index}",
                f"{name} has no member {member!r}{' that generates' if generation else ''}",
                ", ".join(members[:8]),
                nearest(member, members),
            )
            for index, member in enumerate(chosen)
            if member not in members
        ]
        if not chosen:
            what = "generates" if generation else "has a load"
            problems = [Problem(place, f"nobody in {name} {what}")]
        refuse_all(problems)
        series = source.scale * values[:, [members.index(member) for member in chosen]]
        for m, member in enumerate(chosen):
            if series[:, m].min(initial=0.0) < 0.0:
                step = int(series[:, m].argmin())
                at = self.calendar.time_of(step).astimezone(self.calendar.zone)
                message = f"{member} has {series[step, m]:g} kWh at {at:%Y-%m-%d %H:%M}"
                problems.append(Problem(f"{place}: {name}", message, "0 or more"))
        refuse_all(problems)
        return list(chosen), series

    def _table(
        self, source: SiteLoad | SitePhotovoltaics, *, generation: bool
    ) -> tuple[tuple[str, ...], FloatArray, str]:
        steps = self.scenario.steps
        if source.file is not None:
            table: LoadTable = read_loads(self.scenario.path_of(source.file), self.calendar, steps)
            return table.members, table.load_kwh, source.file
        assert source.dataset is not None
        dataset = load_dataset(self.scenario.path_of(source.dataset), MEASURED)
        if generation:
            measured = dataset.generation(self.calendar, steps)
            return measured.members, measured.energy_kwh, source.dataset
        table = dataset.loads(self.calendar, steps)
        return table.members, table.load_kwh, source.dataset
