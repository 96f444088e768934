"""The series that houses with storages follow: built-in shapes, sun, and measurements."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.demand import LoadTable, read_loads
from hmesh.environment.drawn_generation import Sky, drawn_generation
from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.house_profiles import Need, house_need
from hmesh.environment.number_words import counted
from hmesh.environment.streams import Streams
from hmesh.environment.sunshine import Orientation
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.composite_storage.house_keys import (
    HouseNeed,
    HousePhotovoltaics,
    StorageHouseGroup,
)
from hmesh.runs.schemes.composite_storage.section import CompositeStorage
from hmesh.runs.world.dataset_files import load_dataset


@dataclass(frozen=True, slots=True)
class HouseSeries:
    """What houses follow: columns of series, and factors on them, a row for each house.

    Attributes
    ----------
    load_kwh, heat_kwh, generation_kwh : array, shape (steps, sources)
        Series [kWh].
    load_source, heat_source, generation_source : array of int, shape (houses,)
        Column that each house follows.
    load_scale, heat_scale, generation_scale : array, shape (houses,)
        Factor of each house on it.
    """

    load_kwh: FloatArray
    heat_kwh: FloatArray
    generation_kwh: FloatArray
    load_source: NDArray[np.intp]
    heat_source: NDArray[np.intp]
    generation_source: NDArray[np.intp]
    load_scale: FloatArray
    heat_scale: FloatArray
    generation_scale: FloatArray

    def of_step(self, step: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return load, heat and generation of every house in a step, shape (houses,) [kWh]."""
        return (
            self.load_kwh[step, self.load_source] * self.load_scale,
            self.heat_kwh[step, self.heat_source] * self.heat_scale,
            self.generation_kwh[step, self.generation_source] * self.generation_scale,
        )

    def of_house(self, house: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return load, heat and generation of a house in all steps, shape (steps,) [kWh]."""
        return (
            self.load_kwh[:, self.load_source[house]] * self.load_scale[house],
            self.heat_kwh[:, self.heat_source[house]] * self.heat_scale[house],
            self.generation_kwh[:, self.generation_source[house]] * self.generation_scale[house],
        )

    def key(self, house: int) -> tuple[float, ...]:
        """Return what is equal of houses that need and generate the same."""
        names = ("load", "heat", "generation")
        return tuple(
            float(getattr(self, f"{name}_{what}")[house])
            for name in names
            for what in ("source", "scale")
        )


class HouseSources:
    """The series that groups of houses follow."""

    def __init__(
        self,
        settings: CompositeStorage,
        scenario: Scenario,
        calendar: Calendar,
        streams: Streams,
    ) -> None:
        self.settings, self.scenario = settings, scenario
        self.calendar, self.streams = calendar, streams
        self._tables: dict[str, LoadTable] = {}

    def read(self) -> tuple[HouseSeries, list[int]]:
        """Return the series of all houses, and how many houses each group has."""
        columns: dict[str, list[FloatArray]] = {"load": [], "heat": [], "generation": []}
        sources: dict[str, list[int]] = {name: [] for name in columns}
        scales: dict[str, list[float]] = {name: [] for name in columns}
        sizes = []
        for g, group in enumerate(self.settings.groups):
            place = f"composite_storage.groups.{g}"
            measured = self._needs(group.appliances, f"{place}.appliances", "appliances")
            houses = len(measured) if group.appliances.measured else group.count
            sizes.append(houses)
            factors = self._factors(group, houses)
            heat = self._needs(group.heat, f"{place}.heat", "heat")
            sun = self._sun(group, group.photovoltaics, f"{place}.photovoltaics")
            for name, series, factor in (
                ("load", measured, factors[0]),
                ("heat", heat, factors[1]),
                ("generation", sun, np.ones(houses)),
            ):
                if len(series) not in (1, houses):
                    message = f"{counted(len(series), 'member')} for {counted(houses, 'house')}"
                    allowed = "one for all, or one for each house"
                    raise InputError([Problem(f"{place}.{name}", message, allowed)])
                first = len(columns[name])
                columns[name] += series
                sources[name] += [first + (k if len(series) > 1 else 0) for k in range(houses)]
                scales[name] += factor.tolist()

        def stacked(name: str) -> tuple[FloatArray, NDArray[np.intp], FloatArray]:
            return (
                np.stack(columns[name], axis=1),
                np.array(sources[name], dtype=np.intp),
                np.array(scales[name]),
            )

        load, heat_of, sun_of = (stacked(name) for name in columns)
        return HouseSeries(
            load[0], heat_of[0], sun_of[0], load[1], heat_of[1], sun_of[1], load[2], heat_of[2],
            sun_of[2],
        ), sizes  # fmt: skip

    def _factors(self, group: StorageHouseGroup, houses: int) -> FloatArray:
        """Return the factors on appliances and heat of each house, shape (2, houses)."""
        draw = self.streams.generator("need of a house", group.name).random((houses, 2)).T
        return 1.0 + group.variation * (2.0 * draw - 1.0)

    def _needs(self, need: HouseNeed, place: str, kind: Need) -> list[FloatArray]:
        if need.measured:
            return self._measured(need, place, generation=False)
        assert need.annual_kwh is not None
        return [house_need(kind, need.annual_kwh, self.calendar, self.scenario.steps)]

    def _sun(
        self, group: StorageHouseGroup, roof: HousePhotovoltaics, place: str
    ) -> list[FloatArray]:
        if roof.measured:
            return self._measured(roof, place, generation=True)
        steps = self.scenario.steps
        if not roof.pv_kw:
            return [np.zeros(steps)]
        where = self.scenario.location
        assert where is not None
        modules = Orientation(roof.tilt, roof.azimuth, roof.performance_ratio)
        sky = Sky(
            group.community, where.latitude, where.longitude, where.altitude_m, roof.clearness,
            roof.clearness_deviation,
        )  # fmt: skip
        return [drawn_generation(roof.pv_kw, sky, modules, self.calendar, steps, self.streams)]

    def _measured(
        self, source: HouseNeed | HousePhotovoltaics, place: str, *, generation: bool
    ) -> list[FloatArray]:
        name = source.file or source.dataset
        assert name is not None
        table = self._table(name, from_dataset=source.dataset is not None)
        values = table.generation_kwh if generation else table.load_kwh
        if generation and source.file is not None:
            values = table.load_kwh
        if values is None:
            message = f"{name} states no generation"
            raise InputError([Problem(place, message, "a column pv_kwh")])
        chosen = table.members if source.members is None else source.members
        problems = [
            Problem(
                f"{place}.members.{index}",
                f"{name} has no member {member!r}",
                ", ".join(table.members[:8]),
                nearest(member, table.members),
            )
            for index, member in enumerate(chosen)
            if member not in table.members
        ]
        refuse_all(problems)
        series = [source.scale * values[:, table.members.index(member)] for member in chosen]
        for member, energies in zip(chosen, series, strict=True):
            if energies.min(initial=0.0) < 0.0:
                step = int(energies.argmin())
                message = f"{member} has {energies[step]:g} kWh in step {step}"
                problems.append(Problem(f"{place}: {name}", message, "0 or more"))
        refuse_all(problems)
        return series

    def _table(self, name: str, *, from_dataset: bool) -> LoadTable:
        if name not in self._tables:
            path = self.scenario.path_of(name)
            self._tables[name] = (
                load_dataset(path, ("members", "profiles")).loads(
                    self.calendar, self.scenario.steps
                )
                if from_dataset
                else read_loads(path, self.calendar, self.scenario.steps)
            )
        return self._tables[name]
