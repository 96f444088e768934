"""All houses with storages of a world: their managers hear devices and retailer, and decide."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.house_conversation import HouseConversation, LocalTariff
from hmesh.agents.house_devices import HeatPump, HouseBattery, RooftopPhotovoltaics, ThermalTank
from hmesh.agents.house_populations import HousePopulations
from hmesh.agents.house_storages import (
    carried_out,
    device_state,
    move_storages,
    planned_step,
    room_beside,
)
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.storage_household import HomeEnergyManager, StorageHousehold
from hmesh.environment.arrays import FloatArray
from hmesh.markets.home_energy_rules import (
    HouseState,
    HouseStep,
    Targets,
    TariffSignal,
    expected,
    manage_step,
    targets_of,
)

type Mask = NDArray[np.bool_]

# Of the results of a day, and of what is expected of one.
BOUNDS = ("battery_low_kwh", "battery_high_kwh", "tank_low_kwh", "tank_high_kwh")
OF_A_DAY = ("lack_kwh", "surplus_kwh", "lack_heat_kwh", "surplus_heat_kwh")


class StorageHouses:
    """All houses with storages of a world.

    Parameters
    ----------
    model : World
        The world of their run, with ``bus`` and ``step_h``.
    columns : HousePopulations
        Their quantities.
    memory : float
        Weight of the last day in what a manager expects of the next, 0 < memory <= 1 [-].

    Attributes
    ----------
    households, managers, photovoltaics, heat_pumps, batteries, tanks : AgentGroup
        The agents, a row for each house.
    unheard : int
        Houses that left their storages idle in the step because a message did not arrive in time.
    """

    def __init__(self, model: Any, columns: HousePopulations, memory: float = 0.3) -> None:
        self.model = model
        self.columns = columns
        self.memory = memory
        self.households = AgentGroup(model, StorageHousehold, columns.households)
        self.managers = AgentGroup(model, HomeEnergyManager, columns.managers)
        self.photovoltaics = AgentGroup(model, RooftopPhotovoltaics, columns.photovoltaics)
        self.heat_pumps = AgentGroup(model, HeatPump, columns.heat_pumps)
        self.batteries = AgentGroup(model, HouseBattery, columns.batteries)
        self.tanks = AgentGroup(model, ThermalTank, columns.tanks)
        self._begin(0)
        columns.managers.heard["houses"] = self
        for each in (columns.batteries, columns.tanks, columns.heat_pumps):
            each.heard |= {"set_point_kwh": np.zeros(len(each)), "taken_kwh": np.zeros(len(each))}
        self._tariff: TariffSignal | None = None
        self._state: HouseState | None = None
        self._reached: Mask = np.zeros(len(columns.managers), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.households)

    def begin_step(
        self, load_kwh: FloatArray, heat_kwh: FloatArray, generation_kwh: FloatArray
    ) -> None:
        """Let every house see what it needs and generates in this step [kWh]."""
        self.columns.households["load_kwh"][:] = load_kwh
        self.columns.households["heat_kwh"][:] = heat_kwh
        self.columns.photovoltaics["generation_kwh"][:] = generation_kwh

    def begin_day(self) -> None:
        """Let managers learn from the day that has ended, and begin a new one."""
        own = self.columns.managers
        for name in OF_A_DAY:
            own[f"expected_{name}"][:] = expected(own[f"expected_{name}"], own[name], self.memory)
            own[name][:] = 0.0

    def device_state(self) -> HouseState:
        """Return what the devices of every house can do in this step."""
        return device_state(self.columns, self.model.step_h)

    def targets(self) -> Targets:
        """Return what storages should hold when energy gets expensive, by what managers expect."""
        own = self.columns.managers
        return targets_of(
            own["expected_lack_kwh"],
            own["expected_surplus_kwh"],
            own["expected_lack_heat_kwh"],
            own["expected_surplus_heat_kwh"],
            self.columns.batteries["charge_efficiency"],
            self.columns.tanks["efficiency"],
        )

    @property
    def unheard(self) -> int:
        """Houses of the step whose storages stay idle since a message was not heard."""
        return self._talk.unreached

    def _begin(self, step: int) -> None:
        """Begin to talk with the retailer and the devices."""
        self._talk = HouseConversation(self.model.bus, self.columns, step)

    def decide(
        self, step: int, tariff: TariffSignal | Sequence[LocalTariff], there: Mask
    ) -> HouseStep:
        """Let all managers decide by their rules.

        Parameters
        ----------
        step : int
            The step.
        tariff : TariffSignal or sequence of LocalTariff
            What the retailer states, or what each community states to its houses.
        there : array of bool, shape (houses,)
            Houses that take part; the storages of the others stay idle.
        """
        self._begin(step)
        delivery, state, heard = self._talk.hear(step, tariff, self.device_state())
        heard &= there
        decided = self._manage(heard, state, delivery)
        orders, reached = self._talk.order(step, decided)
        reached &= heard
        if (heard & ~reached).any():
            decided = self._manage(reached, state, delivery)
        decided = carried_out(self.columns, self.model.step_h, decided, orders, reached)
        self._tariff, self._state, self._reached = delivery, state, reached
        self._talk.buy(step, decided)
        self._talk.fall_back(there & ~reached)
        own = self.columns.managers
        for name in OF_A_DAY:
            own[name][:] += getattr(decided, name)
        return decided

    def step_of(self, manager: HomeEnergyManager) -> None:
        """Let one manager decide by what it heard, and instruct its devices, as `decide` does."""
        if self._tariff is None or self._state is None:
            return
        row, columns = manager.row, self.columns
        state, targets = _row(self._state, row), _row(self.targets(), row)
        if not self._reached[row]:
            state = replace(state, **dict.fromkeys(BOUNDS, np.zeros(1)))
        needs = (
            float(columns.households["load_kwh"][row]),
            float(columns.households["heat_kwh"][row]),
            float(columns.photovoltaics["generation_kwh"][row]),
        )
        decided = manager.decide(*needs, state, _signal_of(self._tariff, row), targets)
        for name in OF_A_DAY:
            columns.managers[name][row] += getattr(decided, name)[0]
        for devices, energy in (
            (columns.batteries, decided.battery_kwh),
            (columns.tanks, decided.tank_kwh),
            (columns.heat_pumps, decided.heat_pump_kwh),
        ):
            devices.heard["set_point_kwh"][row] = energy[0]

    def _manage(self, heard: Mask, state: HouseState, tariff: TariffSignal) -> HouseStep:
        """Return what houses do; the storages of those that did not hear stay idle."""
        if not heard.all():
            state = replace(
                state, **{name: np.where(heard, getattr(state, name), 0.0) for name in BOUNDS}
            )
        needs = (
            self.columns.households["load_kwh"],
            self.columns.households["heat_kwh"],
            self.columns.photovoltaics["generation_kwh"],
        )
        targets = self.targets()
        decided = manage_step(*needs, state, tariff, targets)
        for row in self.managers.self_willed.tolist():
            one = self.managers[row].decide(
                *(float(need[row]) for need in needs),
                _row(state, row),
                _signal_of(tariff, row),
                _row(targets, row),
            )
            for field in fields(HouseStep):
                getattr(decided, field.name)[row] = getattr(one, field.name)[0]
        return decided

    def follow(
        self, step: int, battery_kwh: FloatArray, tank_kwh: FloatArray, there: Mask
    ) -> HouseStep:
        """Let all houses follow a plan, as far as their storages can.

        Parameters
        ----------
        step : int
            The step.
        battery_kwh, tank_kwh : array, shape (houses,)
            Planned exchange of battery and tank, above 0 charging [kWh, kWh of heat].
        there : array of bool, shape (houses,)
            Houses that take part; the storages of the others stay idle.
        """
        self._begin(step)
        state = self.device_state()
        decided = planned_step(self.columns, state, battery_kwh, tank_kwh, there)
        orders, reached = self._talk.order(step, decided)
        reached &= there
        if (there & ~reached).any():
            decided = planned_step(self.columns, state, battery_kwh, tank_kwh, reached)
        decided = carried_out(self.columns, self.model.step_h, decided, orders, reached)
        self._talk.buy(step, decided)
        self._talk.fall_back(there & ~reached)
        return decided

    def room_left(self, decided: HouseStep) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what storages hold and can exchange beside what was decided, as `room_beside`."""
        return room_beside(self.device_state(), decided)

    def with_response(self, decided: HouseStep, exchange_kwh: FloatArray) -> HouseStep:
        """Return what devices do in all, of what was decided and what answers to the price.

        Parameters
        ----------
        decided : HouseStep
            What houses do by their own rules.
        exchange_kwh : array, shape (2 houses,)
            What all batteries and then all tanks exchange besides [kWh].
        """
        battery, pump = np.split(exchange_kwh, 2)
        return replace(
            decided,
            battery_kwh=decided.battery_kwh + battery,
            heat_pump_kwh=decided.heat_pump_kwh + pump,
            tank_kwh=decided.tank_kwh + self.columns.heat_pumps["cop"] * pump,
        )

    def move(self, decided: HouseStep) -> None:
        """Let the storages do what was decided."""
        move_storages(self.columns, self.model.step_h, decided)


def _signal_of(tariff: TariffSignal, row: int) -> TariffSignal:
    """Return what one house hears of a tariff."""
    if np.ndim(tariff.purchase) == 0:
        return tariff
    values = {field.name: getattr(tariff, field.name)[row].item() for field in fields(tariff)}
    return TariffSignal(**values)


def _row[T: (HouseState, Targets)](columns: T, row: int) -> T:
    """Return a row of arrays over houses, each of shape (1,)."""
    values: Any = {
        field.name: getattr(columns, field.name)[row : row + 1] for field in fields(columns)
    }
    return replace(columns, **values)
