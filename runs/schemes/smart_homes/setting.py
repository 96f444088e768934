"""What all strategies of a run share of its smart homes: devices, sources and storages."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.home_devices import (
    AirConditioner,
    Appliance,
    FuelCell,
    HomeDevice,
    HomeGenerator,
    HomeStorage,
    Photovoltaics,
    VentilationFan,
)
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.demand import LoadTable
from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams
from hmesh.environment.sunshine import ClearSky, MeasuredSky, Orientation
from hmesh.markets.home_layout import HomeLayout
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.smart_homes.device_keys import ApplianceSettings, HomeGeneratorSettings
from hmesh.runs.schemes.smart_homes.section import HomeGroupSettings, SmartHomesSettings
from hmesh.runs.schemes.smart_homes.sources import (
    ByMeter,
    BySky,
    DeviceSource,
    comfort_source,
    in_hours,
    published_source,
    scheduled_source,
)
from hmesh.runs.world.dataset_files import load_dataset
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.tariff import prices_of_economics
from hmesh.runs.world.tariff_meters import MeterGroup, Payers, meter_group

# What adds up over the steps of a run, for every group and for all of them.
SUMS = (
    "generation_kwh", "wanted_kwh", "served_kwh", "direct_kwh", "charged_kwh", "discharged_kwh",
    "losses_kwh", "curtailed_kwh", "imported_kwh", "exported_kwh",
)  # fmt: skip
KINDS: Mapping[str, type[HomeDevice]] = MappingProxyType(
    {
        "photovoltaics": Photovoltaics,
        "fuel_cell": FuelCell,
        "generator": HomeGenerator,
        "air_conditioner": AirConditioner,
        "ventilation_fan": VentilationFan,
        "appliance": Appliance,
    }
)
type _Device = HomeGeneratorSettings | ApplianceSettings


@dataclass(frozen=True, slots=True)
class HomeGroup:
    """Homes with the same devices.

    Attributes
    ----------
    settings : HomeGroupSettings
        Their settings in the scenario.
    community, node : int
        Where they stand, and the node of the grid they draw from; -1 where they draw from none.
    homes : int
        How many there are.
    names : tuple of str
        What each home is called; empty where they have numbers alone.
    layout : HomeLayout
        Their devices.
    generators, appliances : tuple of DeviceSource
        What each kind of device generates or wants.
    storages : Population
        The storages at the start, home by home.
    """

    settings: HomeGroupSettings
    community: int
    node: int
    homes: int
    names: tuple[str, ...]
    layout: HomeLayout
    generators: tuple[DeviceSource, ...]
    appliances: tuple[DeviceSource, ...]
    storages: Population

    def windows(
        self, calendar: Calendar, first: int, wanted_kwh: FloatArray, k: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the slots an appliance could be shifted to, and those it accepts.

        Parameters
        ----------
        calendar : Calendar
            The calendar of the run.
        first : int
            First step of the day ahead.
        wanted_kwh : array, shape (steps, homes)
            What it wants [kWh].
        k : int
            Which appliance.

        Returns
        -------
        window, accepted : array of bool, shape (steps, homes)
            A mask each.
        """
        appliance = self.settings.appliances[k]
        clock = np.array([calendar.hour_of_day(first + t) for t in range(len(wanted_kwh))])
        accepted = np.broadcast_to(~in_hours(clock, appliance.refuses)[:, None], wanted_kwh.shape)
        window = (wanted_kwh > 0.0) & appliance.shiftable
        if appliance.window is not None:
            wants = (wanted_kwh > 0.0).any(axis=0)
            window = window | (in_hours(clock, appliance.window)[:, None] & wants)
        return window, accepted


@dataclass(frozen=True, slots=True)
class SmartHomeSetting:
    """The smart homes of a run, before anybody acts.

    Attributes
    ----------
    settings : SmartHomesSettings
        Their settings in the scenario.
    groups : tuple of HomeGroup
        The homes.
    tariff : array, shape (steps,), optional
        The prices at which energy is valued, where they are not those paid [money/kWh].
    own_tariffs : tuple of MeterGroup
        The meters of homes that pay by a tariff of their own.
    """

    settings: SmartHomesSettings
    groups: tuple[HomeGroup, ...]
    tariff: FloatArray | None = None
    own_tariffs: tuple[MeterGroup, ...] = ()


# Who pays by the meters of homes.
PAYERS = Payers("homes", "homes", "smart_home")


def make_smart_home_setting(settings: SmartHomesSettings, setting: Setting) -> SmartHomeSetting:
    """Make the smart homes of a scenario.

    Raises
    ------
    InputError
        If a file cannot be used, or its parts do not fit together.
    """
    maker = _Maker(settings, setting.scenario, setting.calendar, setting.streams)
    communities, grid = list(setting.communities), setting.grid
    groups = []
    for index, group in enumerate(settings.groups):
        node = grid.node_index.get(f"{group.community}/{group.name}", -1)
        groups.append(maker.group(index, group, communities.index(group.community), node))
    given = settings.economics, setting.scenario, setting.calendar
    tariff = prices_of_economics(*given, "smart_homes")
    ends = np.cumsum([0, *(group.homes for group in groups)]).tolist()
    meters = tuple(
        meter_group(
            settings.groups[n].name, np.arange(ends[n], ends[n + 1]), own, setting.scenario,
            setting.calendar, f"smart_homes.groups.{n}.tariff", PAYERS.prefix,
        )
        for n, own in settings.tariffs
    )  # fmt: skip
    return SmartHomeSetting(settings, tuple(groups), tariff, meters)


class _Maker:
    """Makes groups of homes, reading every file once."""

    def __init__(
        self,
        settings: SmartHomesSettings,
        scenario: Scenario,
        calendar: Calendar,
        streams: Streams,
    ) -> None:
        self.settings, self.scenario = settings, scenario
        self.calendar, self.streams = calendar, streams
        self._tables: dict[str, LoadTable] = {}
        self._weather: dict[str, FloatArray] | None = None

    def group(self, index: int, group: HomeGroupSettings, community: int, node: int) -> HomeGroup:
        """Make one group."""
        rows, names = self._members(index, group)
        homes = len(rows) if group.dataset is not None else group.count
        place = f"smart_homes.groups.{index}"
        made = HomeGroup(
            settings=group,
            community=community,
            node=node,
            homes=homes,
            names=names,
            layout=_layout(group),
            generators=tuple(
                self._source(f"{place}.generators.{k}", group, device, homes, rows)
                for k, device in enumerate(group.generators)
            ),
            appliances=tuple(
                self._source(f"{place}.appliances.{k}", group, device, homes, rows)
                for k, device in enumerate(group.appliances)
            ),
            storages=_storages(group, homes),
        )
        self._check_slots(place, made)
        return made

    def _members(
        self, index: int, group: HomeGroupSettings
    ) -> tuple[NDArray[np.intp], tuple[str, ...]]:
        """Return the columns of the dataset that are homes of a group, and their names."""
        if group.dataset is None:
            return np.empty(0, dtype=np.intp), ()
        table = self._table(group.dataset)
        names = table.members if group.members is None else group.members
        unknown = [
            Problem(
                f"smart_homes.groups.{index}.members",
                f"{group.dataset} has no member {name!r}",
                ", ".join(table.members[:8]) + (", ..." if len(table.members) > 8 else ""),
                nearest(name, table.members),
            )
            for name in names
            if name not in table.members
        ]
        refuse_all(unknown)
        return np.array([table.members.index(name) for name in names], dtype=np.intp), names

    def _table(self, dataset: str) -> LoadTable:
        if dataset not in self._tables:
            held = load_dataset(self.scenario.path_of(dataset), ("members", "profiles"))
            self._tables[dataset] = held.loads(self.calendar, self.scenario.steps)
        return self._tables[dataset]

    def _source(
        self,
        place: str,
        group: HomeGroupSettings,
        device: _Device,
        homes: int,
        rows: NDArray[np.intp],
    ) -> DeviceSource:
        """Return what a device follows."""
        scale = self._scale(group, device, homes)
        if device.profile is not None:
            return published_source(self.calendar, device.profile, device.kind, scale)
        if device.measured:
            return ByMeter(scale, self._measured(place, group, device, rows))
        if isinstance(device, HomeGeneratorSettings) and device.pv_kw is not None:
            sky, clouded = self._sky(place, device)
            return BySky(scale * device.pv_kw, sky, 0, clouded)
        assert device.power_kw is not None
        if isinstance(device, ApplianceSettings) and device.comfort is not None:
            outdoor = self._weather_of(place, "temp_air")
            return comfort_source(self.calendar, device.power_kw, device.comfort, outdoor, scale)
        return scheduled_source(self.calendar, device.power_kw, device.hours, scale)

    def _scale(self, group: HomeGroupSettings, device: _Device, homes: int) -> FloatArray:
        draw = self.streams.generator("scale", f"{device.name} of {group.name}").random(homes)
        if isinstance(device.scale, FromFile):
            return device.scale.read(self.scenario.path_of(device.scale.file), draw, 0.0)
        return preference_values(device.scale, draw)

    def _measured(
        self, place: str, group: HomeGroupSettings, device: _Device, rows: NDArray[np.intp]
    ) -> FloatArray:
        assert group.dataset is not None
        table = self._table(group.dataset)
        measured: FloatArray | None = table.load_kwh
        if isinstance(device, HomeGeneratorSettings):
            measured = table.generation_kwh
        if measured is None:
            message = f"{group.dataset} states no generation"
            raise InputError([Problem(f"{place}.measured", message, "a column pv_kwh")])
        energies: FloatArray = measured[:, rows]
        if energies.min(initial=0.0) < 0.0:
            step, home = np.unravel_index(int(energies.argmin()), energies.shape)
            raise InputError(
                [
                    Problem(
                        f"{group.dataset}, step {step}",
                        f"{device.name} of {table.members[rows[home]]} has "
                        f"{energies[step, home]:g} kWh",
                        "0 or more",
                    )
                ]
            )
        return energies

    def _sky(
        self, place: str, device: HomeGeneratorSettings
    ) -> tuple[ClearSky | MeasuredSky, bool]:
        """Return the sky above modules, and whether clouds that chance draws are in it."""
        where = self.scenario.location
        if where is None:
            message = "the place is not known"
            raise InputError([Problem(f"{place}.pv_kw", message, "location beside smart_homes")])
        modules = (Orientation(device.tilt, device.azimuth, device.performance_ratio),)
        at = (where.latitude, where.longitude, where.altitude_m)
        if self.settings.weather is None:
            return ClearSky(self.calendar, *at, modules), True
        measured = self._measured_weather()
        return MeasuredSky(
            self.calendar,
            *at,
            modules,
            self._weather_of(place, "ghi"),
            measured.get("dhi"),
            measured.get("dni"),
        ), False

    def _weather_of(self, place: str, name: str) -> FloatArray:
        measured = self._measured_weather()
        if name not in measured:
            message = f"{self.settings.weather} states no {name}"
            raise InputError([Problem(place, message, "a table weather with this column")])
        return measured[name]

    def _measured_weather(self) -> dict[str, FloatArray]:
        """Return the weather over the run by name, each of shape (steps,)."""
        if self._weather is None:
            assert self.settings.weather is not None
            held = load_dataset(self.scenario.path_of(self.settings.weather), ("weather",))
            series = held.series.get("weather")
            names = () if series is None else tuple(series.values)
            self._weather = {
                name: series.over(name, self.calendar, self.scenario.steps)[:, 0]
                for name in names
                if series is not None
            }
        return self._weather

    def _check_slots(self, place: str, group: HomeGroup) -> None:
        """Refuse shiftable appliances whose slots differ: another slot would be another energy."""
        steps = min(round(24.0 / self.calendar.step_h), self.scenario.steps)
        problems = []
        for k, appliance in enumerate(group.settings.appliances):
            if not appliance.shiftable:
                continue
            wanted = group.appliances[k].steps_kwh(0, steps)
            slot = wanted.max(axis=0)
            if np.any((wanted > 0.0) & (wanted < slot * (1.0 - 1e-9))):
                problems.append(
                    Problem(
                        f"{place}.appliances.{k}.shiftable",
                        f"{appliance.name!r} wants another energy in some steps than in others",
                        "hours that begin and end with steps, or shiftable: false",
                    )
                )
        refuse_all(problems)


def _layout(group: HomeGroupSettings) -> HomeLayout:
    storages = [storage.name for storage in group.storages]
    return HomeLayout(
        storages=len(storages),
        generator_storage=tuple(storages.index(device.storage) for device in group.generators),
        load_storage=tuple(storages.index(device.storage) for device in group.appliances),
        generator_rank=tuple(device.rank for device in group.generators),
        load_rank=tuple(device.rank for device in group.appliances),
        priority=tuple(device.priority for device in group.appliances),
    )


def _storages(group: HomeGroupSettings, homes: int) -> Population:
    population = Population(HomeStorage.attributes(), homes * len(group.storages))
    population.set("home", np.repeat(np.arange(homes, dtype=np.int32), len(group.storages)))
    for name in ("capacity_kwh", "soc_min", "soc_max", "charge_efficiency", "discharge_efficiency"):
        population.set(name, np.tile([getattr(s, name) for s in group.storages], homes))
    power = [np.inf if s.power_kw is None else s.power_kw for s in group.storages]
    population.set("power_kw", np.tile(power, homes))
    start = np.array([storage.soc_start for storage in group.storages])
    population.set("energy_kwh", np.tile(start, homes) * population["capacity_kwh"])
    return population
