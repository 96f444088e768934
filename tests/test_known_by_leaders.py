"""No leader reads a column of its followers: while it decides, they are under guard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import numpy as np
import pytest

from hmesh.agents.battery_coordinator import BatteryCoordinator
from hmesh.agents.building_battery import BatteryBank
from hmesh.agents.community_energy_aggregator import CommunityEnergyAggregator
from hmesh.agents.demand_response import DemandResponse
from hmesh.agents.home_devices import Appliances, DevicesOfADay, Generators, Storages
from hmesh.agents.house_conversation import HouseConversation
from hmesh.agents.parked_vehicles import ParkedVehicles
from hmesh.agents.school_district import SchoolDistrict
from hmesh.agents.served_households import ServedHouseholds
from hmesh.agents.smart_homes import SmartHomes
from hmesh.agents.storage_controllers import StorageControllers
from hmesh.agents.storage_conversation import StorageConversation
from hmesh.agents.storage_houses import StorageHouses
from hmesh.agents.utility_company import UtilityCompany
from hmesh.environment.population import Population
from hmesh.runs.world.simulation import Simulation
from tests.test_lying_bus import CASES, setting_of

LEADERS: list[tuple[type, tuple[str, ...]]] = [
    (UtilityCompany, ("negotiate", "announce")),
    (CommunityEnergyAggregator, ("begin_step", "announce")),
    (DemandResponse, ("negotiate", "order", "fill_valley")),
    (BatteryCoordinator, ("send_schedule", "send_prices", "exchange")),
    (StorageControllers, ("act",)),
    (StorageConversation, ("hear_outlooks",)),
    (SmartHomes, ("plan_day",)),
    (StorageHouses, ("_manage",)),
    (HouseConversation, ("order",)),
]
# What followers do when they are asked or hear something: there they read what is theirs.
FOLLOWERS: list[tuple[type, tuple[str, ...]]] = [
    (ParkedVehicles, ("hear", "hear_curves", "follow")),
    (SchoolDistrict, ("hear", "hear_valley", "follow")),
    (BatteryBank, ("report", "carry_out", "forget_prices", "hear_prices", "hear_meter")),
    (ServedHouseholds, ("status", "draws", "bought_kwh")),
    (Generators, ("forecast",)),
    (Appliances, ("request", "hear_schedule", "answer", "hear_commitment")),
    (Storages, ("report",)),
]
# What plugs state of themselves when they are plugged in.
STATED = {"charge_efficiency", "discharge_efficiency"}
OF_VEHICLES = {"energy_kwh", "usable_kwh", "lower_kwh", "upper_kwh", "lam", "theta"}
OF_DEVICES = {"steps_kwh", "window", "accepted", "committed_kwh"}


class Trespass(Exception):
    """A leader reads what belongs to a follower."""


class Guard:
    """Whether a leader decides just now, and what it must not read meanwhile."""

    def __init__(self) -> None:
        self.on = False
        self.times = 0
        self.guarded: dict[int, set[str] | None] = {}

    @contextmanager
    def set(self, on: bool) -> Iterator[None]:
        before, self.on = self.on, on
        self.times += on
        try:
            yield
        finally:
            self.on = before

    def around(self, method: Callable[..., Any], on: bool) -> Callable[..., Any]:
        if isgeneratorfunction(method):

            @wraps(method)
            def talking(*given: Any, **named: Any) -> Iterator[Any]:
                talk = method(*given, **named)
                while True:
                    with self.set(on):
                        try:
                            said = next(talk)
                        except StopIteration:
                            return
                    yield said

            return talking

        @wraps(method)
        def guarded(*given: Any, **named: Any) -> Any:
            with self.set(on):
                return method(*given, **named)

        return guarded


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Guard:
    guard = Guard()
    for kinds, on in ((LEADERS, True), (FOLLOWERS, False)):
        for kind, names in kinds:
            for name in names:
                monkeypatch.setattr(kind, name, guard.around(getattr(kind, name), on))
    read = Population.__getitem__

    def column(population: Population, name: str) -> Any:
        names = guard.guarded.get(id(population), set())
        if guard.on and name not in STATED and (names is None or name in names):
            raise Trespass(name)
        return read(population, name)

    monkeypatch.setattr(Population, "__getitem__", column)
    for kind, theirs in ((ParkedVehicles, OF_VEHICLES), (DevicesOfADay, OF_DEVICES)):

        def attribute(self: Any, name: str, theirs: set[str] = theirs) -> Any:
            if guard.on and name in theirs:
                raise Trespass(name)
            return object.__getattribute__(self, name)

        monkeypatch.setattr(kind, "__getattribute__", attribute, raising=False)
    return guard


def followers_of(simulation: Simulation) -> Iterator[tuple[Population, set[str] | None]]:
    """Return populations that follow, and which columns nobody else may read; None for all."""
    for name, each in simulation.schemes.items():
        scheme: Any = each
        if name == "vehicles":
            yield scheme.fleet.population, None
        elif name == "school_buses":
            yield scheme.district.population, None
            yield scheme.district.buses.population, None
        elif name == "battery_sharing":
            yield scheme.batteries, None
        elif name == "community_storage":
            yield scheme.households.population, None
        elif name == "smart_homes":
            for homes in scheme.groups:
                for group in (*homes.generators, *homes.appliances, homes.storages):
                    yield group.population, None
        elif name == "composite_storage":
            yield scheme.houses.columns.batteries, {"energy_kwh"}
            yield scheme.houses.columns.tanks, {"heat_kwh"}


WORLDS = [
    ("vehicles", "three_level"),
    ("schools", "optimal_energy_price"),
    ("batteries", "shared_battery"),
    ("batteries", "priced_battery"),
    ("storage", "community_storage_optimal"),
    ("homes", "mpfa_mg_shifting"),
    ("houses", "hybrid_storage"),
]


@pytest.mark.parametrize(("case", "strategy"), WORLDS)
def test_leaders_read_no_column_of_their_followers(case: str, strategy: str, guard: Guard) -> None:
    simulation = Simulation(setting_of(case), strategy)
    guard.guarded = {id(population): names for population, names in followers_of(simulation)}
    assert guard.guarded
    for _ in range(CASES[case][2]):
        simulation.step()
    assert guard.times


def test_the_guard_stops_a_leader_that_looks(guard: Guard) -> None:
    simulation = Simulation(setting_of("vehicles"), "three_level")
    guard.guarded = {id(population): names for population, names in followers_of(simulation)}
    simulation.step()
    parked = next(each for each in simulation.market.answering["vehicles"] if len(each))
    with guard.set(on=True):
        with pytest.raises(Trespass, match="lam"):
            np.mean(parked.lam)
        with pytest.raises(Trespass, match="energy_kwh"):
            parked.fleet.population["energy_kwh"].sum()
