"""The storages of a scenario before anybody acts: columns, sunshine, history and forecasters."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.community_storage import CommunityStorage, ServedHousehold
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.capacity_fade import FadingCapacity
from hmesh.environment.day_slots import slot_by_clock, slots_by_clock
from hmesh.environment.forecasters import Forecaster
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams
from hmesh.runs.scenarios.chance_section import GrowthSettings
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.community_storage.forecaster_keys import PluginForecaster
from hmesh.runs.schemes.community_storage.forecasters import check_forecaster, make_forecaster
from hmesh.runs.schemes.community_storage.pilot_world import PilotWorld, Watched
from hmesh.runs.schemes.community_storage.plants import StoragePlants, calendar_of_history
from hmesh.runs.schemes.community_storage.section import CONNECTION
from hmesh.runs.schemes.community_storage.section import CommunityStorage as Rules
from hmesh.runs.world.members import make_members
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.tariff import prices_of_economics

UNUSED, NORMAL, OPTIMAL = (
    "no_community_storage", "community_storage_normal", "community_storage_optimal",
)  # fmt: skip
STORAGE_COLUMNS = (
    "capacity_kwh", "soc_min", "soc_max", "charge_efficiency", "discharge_efficiency",
    "dischargers", "charge_above_kw",
)  # fmt: skip


class CommunityStorageSetting:
    """What all strategies share of the storages.

    Parameters
    ----------
    rules : Rules
        The scenario's section.
    setting : Setting
        What all strategies share beside them.

    Attributes
    ----------
    names : tuple of str
        Names of the storages.
    storages, households : Population
        Their columns; each world forks them.
    groups : tuple of str
        Community and group of every household.
    watched : sequence of (type, slice)
        Which consumers the households are.
    community, nodes : array of int, shape (storages,)
        Where each storage stands, and its node of the grid.
    plants : StoragePlants
        What the plants generate.
    history_slots : int
        Steps before the start that were seen.
    demand_history_kwh : array, shape (history_slots, households)
        What the households used in them [kWh].
    generation_history_kwh : array, shape (history_slots, storages)
        What the plants generated in them [kWh].
    least_kwh : array, shape (slots of a day, households)
        Least demand seen in each slot of the clock's day [kWh].
    most_kwh : array, shape (households,)
        Highest demand seen [kWh].
    tariff : array, shape (steps,), or None
        Prices at which energy is valued, None for those paid [money/kWh].
    """

    def __init__(self, rules: Rules, setting: Setting) -> None:
        scenario, calendar = setting.scenario, setting.calendar
        check_forecaster(rules.forecaster, rules.history_days, slots_by_clock(calendar.step_h))
        self.rules = rules
        self.calendar = calendar
        self.names = tuple(storage.name for storage in rules.storages)
        communities = list(scenario.communities)
        self.community = np.array(
            [communities.index(storage.community) for storage in rules.storages], dtype=np.intp
        )
        self.nodes = np.array(
            [setting.grid.node_index[f"{s.community}/{CONNECTION}"] for s in rules.storages],
            dtype=np.intp,
        )
        members = _members_of(setting, rules)
        self.watched: Watched = [(kind, rows) for _, _, kind, rows in members]
        self.groups = tuple(
            name for _, name, _, rows in members for _ in range(rows.stop - rows.start)
        )
        self.storages = _storages(rules, self.community)
        self.households = Population(ServedHousehold.attributes(), len(self.groups))
        self.households.set(
            "storage",
            np.repeat(
                [storage for storage, *_ in members],
                [rows.stop - rows.start for *_, rows in members],
            ).astype(np.int32),
        )
        earlier, self.history_slots = calendar_of_history(calendar, rules)
        past = _before(setting, earlier, self.history_slots)
        self.plants = StoragePlants(scenario, rules, earlier, self.history_slots, self.community)
        self._setting = setting
        self.tariff = prices_of_economics(rules.economics, scenario, calendar, "community_storage")
        seen = PilotWorld(past, self.watched)
        slots = range(-self.history_slots, 0)
        self.demand_history_kwh = np.maximum(seen.loads_kwh(0, self.history_slots), 0.0)
        clear = seen.clearness(0, self.history_slots)
        self.generation_history_kwh = np.array(
            [self.plants.generation_kwh(slot, sky) for slot, sky in zip(slots, clear, strict=True)]
        )
        self.least_kwh = _least(calendar, slots, self.demand_history_kwh)
        self.most_kwh = self.demand_history_kwh.max(axis=0, initial=0.0)
        if isinstance(rules.forecaster, PluginForecaster):
            # It fails before anything is written, if it does.
            _ = self.demand_forecaster, self.generation_forecaster

    @cached_property
    def pilot(self) -> PilotWorld:
        """The households simulated ahead of the run."""
        return PilotWorld(self._setting, self.watched)

    @property
    def investment(self) -> float:
        """Price of all storages and plants, 0 where the scenario has none [money]."""
        economics = self.rules.economics
        if economics is None:
            return 0.0
        return sum(
            economics.storage_price_per_kwh * storage.capacity_kwh
            + (economics.pv_price_per_kw or 0.0) * (storage.pv_kw if storage.sunlit else 0.0)
            for storage in self.rules.storages
        )

    @property
    def storages_part(self) -> float:
        """Which part of that price is that of storages, 0..1."""
        whole, economics = self.investment, self.rules.economics
        if economics is None or not whole:
            return 0.0
        size = sum(storage.capacity_kwh for storage in self.rules.storages)
        return economics.storage_price_per_kwh * size / whole

    def fade(self) -> FadingCapacity | None:
        """Return what is left of storages from now on; None where none loses capacity."""
        storages = self.rules.storages
        by_age, by_use = (
            np.array([getattr(storage, name) for storage in storages])
            for name in ("calendar_fade", "cycle_fade")
        )
        return FadingCapacity.where_asked(self.storages["capacity_kwh"], by_age, by_use)

    def coming_demand_kwh(self, first: int, last: int) -> FloatArray:
        """Return what households will use from a step to before another, (steps, households)."""
        return np.maximum(self.pilot.loads_kwh(first, last), 0.0)

    def coming_generation_kwh(self, first: int, last: int) -> FloatArray:
        """Return what plants will generate likewise [kWh], shape (steps, storages)."""
        clear = self.pilot.clearness(first, last)
        return np.array(
            [
                self.plants.generation_kwh(step, sky)
                for step, sky in zip(range(first, last), clear, strict=True)
            ]
        ).reshape(last - first, len(self.names))

    @cached_property
    def demand_forecaster(self) -> Forecaster:
        """The forecaster of the demand of households, made when it is first asked."""
        return self._forecaster(
            self.demand_history_kwh, self.coming_demand_kwh, "storage households"
        )

    @cached_property
    def generation_forecaster(self) -> Forecaster:
        """The forecaster of the generation of plants, made when it is first asked."""
        return self._forecaster(
            self.generation_history_kwh, self.coming_generation_kwh, "storage plants"
        )

    def _forecaster(self, history: FloatArray, actual: Any, whom: str) -> Forecaster:
        day = slots_by_clock(self.calendar.step_h)
        streams, seed = self._setting.streams, self._setting.scenario.seed
        return make_forecaster(self.rules.forecaster, history, day, actual, streams, seed, whom)


def _members_of(setting: Setting, rules: Rules) -> list[tuple[int, str, Any, slice]]:
    """Return storage, name, type and rows of every group that is served."""
    groups = {
        group.name: (kind, group.rows)
        for kind, named in setting.members.groups.items()
        for group in named
    }
    return [
        (row, f"{storage.community}/{group}", *groups[f"{storage.community}/{group}"])
        for row, storage in enumerate(rules.storages)
        for group in served_groups(setting.scenario, rules, row)
    ]


def served_groups(scenario: Scenario, rules: Rules, row: int) -> tuple[str, ...]:
    """Return the names of the groups that a storage serves."""
    storage = rules.storages[row]
    there = tuple(group.name for group in scenario.communities[storage.community].members)
    return there if storage.serves is None else storage.serves


def _storages(rules: Rules, community: NDArray[np.intp]) -> Population:
    storages = Population(CommunityStorage.attributes(), len(rules.storages))
    storages.set("community", community.astype(np.int16))
    for name in STORAGE_COLUMNS:
        storages.set(name, [getattr(storage, name) for storage in rules.storages])
    storages.set("power_kw", [storage.power_kw or np.inf for storage in rules.storages])
    if rules.price_response is not None:
        storages.set("lam", rules.price_response.lam)
        storages.set("theta", rules.price_response.theta)
    storages.set("energy_kwh", [s.soc_start * s.capacity_kwh for s in rules.storages])
    return storages


def _before(setting: Setting, earlier: Calendar, slots: int) -> Setting:
    """Return the world before the run: the same members, chances of its own, and no outages."""
    scenario = setting.scenario
    chance = scenario.chance.model_copy(update={"feeder_outages": None, "charger_outages": None})
    past = scenario.model_copy(
        update={
            "hours": slots * earlier.step_h,
            "growth": GrowthSettings(),
            "chance": chance,
        }
    )
    seed = int(setting.streams.generator("history of community storage").integers(2**62))
    return replace(
        setting,
        scenario=past,
        calendar=earlier,
        members=make_members(past, earlier, setting.grid),
        streams=Streams(seed),
    )


def _least(calendar: Calendar, slots: range, demand_kwh: FloatArray) -> FloatArray:
    """Return the least demand of each slot of the clock's day; 0 where none was seen."""
    least = np.full((slots_by_clock(calendar.step_h), demand_kwh.shape[1]), np.inf)
    by_clock = np.array([slot_by_clock(calendar, slot) for slot in slots])
    np.minimum.at(least, by_clock, demand_kwh)
    return np.where(np.isfinite(least), least, 0.0)
