"""All houses with storages of a world: their managers hear devices and retailer, and decide."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.house_devices import HeatPump, HouseBattery, RooftopPhotovoltaics, ThermalTank
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.storage_household import HomeEnergyManager, StorageHousehold
from hmesh.environment.ask_and_answer import Conversation
from hmesh.environment.battery import charged, exchange_bounds, usable_kwh
from hmesh.environment.house_messages import (
    DeviceSetPoint,
    HouseStorageReport,
    RetailExchange,
    TariffNotice,
)
from hmesh.environment.last_digits import without_dust
from hmesh.environment.population import Population
from hmesh.environment.thermal_tank import heat_after, heat_bounds, kept_share
from hmesh.markets.home_energy_rules import (
    HouseState,
    HouseStep,
    Targets,
    TariffSignal,
    expected,
    manage_step,
    targets_of,
)
from hmesh.markets.store_remainder import pump_room, room_left

type Each = NDArray[np.float64]
type Mask = NDArray[np.bool_]

HOUSES, BATTERIES, TANKS, PUMPS, RETAILER = (
    "home energy managers", "house batteries", "thermal tanks", "heat pumps", "retailer",
)  # fmt: skip
# Of what a day came to, and what is expected of one.
BOUNDS = ("battery_low_kwh", "battery_high_kwh", "tank_low_kwh", "tank_high_kwh")
OF_A_DAY = ("lack_kwh", "surplus_kwh", "lack_heat_kwh", "surplus_heat_kwh")
KINDS = {
    "households": StorageHousehold,
    "managers": HomeEnergyManager,
    "photovoltaics": RooftopPhotovoltaics,
    "heat_pumps": HeatPump,
    "batteries": HouseBattery,
    "tanks": ThermalTank,
}


@dataclass(frozen=True, slots=True)
class LocalTariff:
    """What the houses of one community hear of a step's prices.

    Attributes
    ----------
    teller : str
        Who sends it.
    rows : array of int, shape (n,)
        These houses.
    signal : TariffSignal
        What they hear.
    """

    teller: str
    rows: NDArray[np.intp] | slice
    signal: TariffSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePopulations:
    """The columns of all houses, a row for each in every one of them."""

    households: Population
    managers: Population
    photovoltaics: Population
    heat_pumps: Population
    batteries: Population
    tanks: Population

    @classmethod
    def of(cls, houses: int) -> "HousePopulations":
        """Return the columns of some houses, filled with defaults."""
        return cls(**{name: Population(kind.attributes(), houses) for name, kind in KINDS.items()})

    def fork(self) -> "HousePopulations":
        """Return the same houses for another world."""
        return HousePopulations(**{name: getattr(self, name).fork() for name in KINDS})

    def rows(self, houses: NDArray[np.intp]) -> "HousePopulations":
        """Return the columns of some of the houses, copied."""
        some = HousePopulations.of(len(houses))
        for name in KINDS:
            columns, own = getattr(some, name), getattr(self, name)
            for attribute in own.attributes:
                columns[attribute][:] = own[attribute][houses]
        return some

    def state(self) -> dict[str, Any]:
        """Return the columns that change during a run; they are live, not copies."""
        return {name: getattr(self, name).state() for name in KINDS}

    def restore(self, state: dict[str, Any]) -> None:
        """Write back the columns of an earlier `state`."""
        for name in KINDS:
            getattr(self, name).restore(state[name])


class StorageHouses:
    """All houses with storages of a world.

    Parameters
    ----------
    model : World
        The world they live in, with ``bus`` and ``step_h``.
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

    def begin_step(self, load_kwh: Each, heat_kwh: Each, generation_kwh: Each) -> None:
        """Let every house see what it needs and generates in this step [kWh]."""
        self.columns.households["load_kwh"][:] = load_kwh
        self.columns.households["heat_kwh"][:] = heat_kwh
        self.columns.photovoltaics["generation_kwh"][:] = generation_kwh

    def begin_day(self) -> None:
        """Let managers learn from the day that was, and begin a new one."""
        own = self.columns.managers
        for name in OF_A_DAY:
            own[f"expected_{name}"][:] = expected(own[f"expected_{name}"], own[name], self.memory)
            own[name][:] = 0.0

    def device_state(self) -> HouseState:
        """Return what the devices of every house can do in this step."""
        battery, tank, pump = self.columns.batteries, self.columns.tanks, self.columns.heat_pumps
        step_h = self.model.step_h
        low, high = exchange_bounds(
            battery["energy_kwh"], battery["capacity_kwh"], battery["soc_min"],
            battery["soc_max"], battery["power_kw"], step_h,
            battery["charge_efficiency"], battery["discharge_efficiency"],
        )  # fmt: skip
        tank_low, tank_high = heat_bounds(
            tank["heat_kwh"], tank["capacity_kwh"], tank["power_kw"], step_h, tank["efficiency"],
            tank["loss_per_h"],
        )  # fmt: skip
        return HouseState(
            battery_low_kwh=low,
            battery_high_kwh=high,
            battery_held_kwh=usable_kwh(
                battery["energy_kwh"], battery["capacity_kwh"], battery["soc_min"]
            ),
            tank_low_kwh=tank_low,
            tank_high_kwh=tank_high,
            tank_held_kwh=tank["heat_kwh"] * kept_share(tank["loss_per_h"], step_h),
            pump_kwh=pump["power_kw"] * step_h,
            cop=pump["cop"],
            # The rules know one efficiency, which is that of both ways.
            battery_efficiency=battery["charge_efficiency"],
            tank_efficiency=tank["efficiency"],
            battery_wear=battery["wear"],
            tank_wear=tank["wear"],
        )

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
        self._talk = Conversation(self.model.bus, HOUSES, step, keeps_waits=0)

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
        delivery, state, heard = self._hear(step, tariff, self.device_state())
        heard &= there
        decided = self._manage(heard, state, delivery)
        orders, reached = self._order(step, decided)
        reached &= heard
        if (heard & ~reached).any():
            decided = self._manage(reached, state, delivery)
        decided = self._carried_out(decided, orders, reached)
        self._tariff, self._state, self._reached = delivery, state, reached
        self._buy(step, decided)
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

    def follow(self, step: int, battery_kwh: Each, tank_kwh: Each, there: Mask) -> HouseStep:
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
        decided = self._planned(battery_kwh, tank_kwh, there, state)
        orders, reached = self._order(step, decided)
        reached &= there
        if (there & ~reached).any():
            decided = self._planned(battery_kwh, tank_kwh, reached, state)
        decided = self._carried_out(decided, orders, reached)
        self._buy(step, decided)
        self._talk.fall_back(there & ~reached)
        return decided

    def _planned(
        self, battery_kwh: Each, tank_kwh: Each, there: Mask, state: HouseState
    ) -> HouseStep:
        heat = self.columns.households["heat_kwh"]
        battery = np.clip(battery_kwh, state.battery_low_kwh, state.battery_high_kwh)
        tank = np.clip(tank_kwh, state.tank_low_kwh, state.tank_high_kwh)
        battery, tank = np.where(there, battery, 0.0), np.where(there, tank, 0.0)
        wanted = np.maximum(heat + tank, 0.0) / state.cop
        pump = np.minimum(wanted, state.pump_kwh)
        unmet = np.where(wanted > pump * (1.0 + 1e-9), (wanted - pump) * state.cop, 0.0)
        net = self.columns.households["load_kwh"] + pump + battery
        net = without_dust(net - self.columns.photovoltaics["generation_kwh"])
        nothing = np.zeros_like(net)
        return HouseStep(
            import_kwh=np.maximum(net, 0.0),
            export_kwh=np.maximum(0.0 - net, 0.0),
            battery_kwh=battery,
            heat_pump_kwh=pump,
            tank_kwh=tank,
            unmet_heat_kwh=unmet,
            lack_kwh=nothing,
            surplus_kwh=nothing,
            lack_heat_kwh=nothing,
            surplus_heat_kwh=nothing,
        )

    def room_left(self, decided: HouseStep) -> tuple[Each, Each, Each]:
        """Return what batteries and tanks hold, and what they can exchange beside what was decided.

        A tank is what its heat pump makes of it: its energies are those of the electricity that
        fills it.

        Parameters
        ----------
        decided : HouseStep
            What houses do.

        Returns
        -------
        usable_kwh, lower_kwh, upper_kwh : array, shape (2 houses,)
            Energies as of `hmesh.markets.best_response`, of all batteries and then of all tanks
            [kWh].
        """
        state, battery = self.device_state(), decided.battery_kwh
        filled, drawn = np.maximum(decided.tank_kwh, 0.0), np.maximum(0.0 - decided.tank_kwh, 0.0)
        left = room_left(
            state.battery_low_kwh, state.battery_high_kwh,
            np.maximum(battery, 0.0), np.maximum(0.0 - battery, 0.0),
        )  # fmt: skip
        pump_left = pump_room(
            state.tank_low_kwh, state.tank_high_kwh, filled, drawn, decided.heat_pump_kwh,
            state.pump_kwh, state.cop,
        )  # fmt: skip
        eta, eta_tank = state.battery_efficiency, state.tank_efficiency
        held = charged(state.battery_held_kwh, battery, eta, eta)
        heat = charged(state.tank_held_kwh, decided.tank_kwh, eta_tank, eta_tank)
        lower, upper = (np.concatenate(both) for both in zip(left, pump_left, strict=True))
        return np.concatenate([held, heat / state.cop]), lower, upper

    def with_response(self, decided: HouseStep, exchange_kwh: Each) -> HouseStep:
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
        self.columns.batteries.heard["set_point_kwh"] = decided.battery_kwh.copy()
        self.columns.tanks.heard["set_point_kwh"] = decided.tank_kwh.copy()
        self.columns.heat_pumps.heard["set_point_kwh"] = decided.heat_pump_kwh.copy()
        self.columns.heat_pumps.heard["taken_kwh"] = decided.heat_pump_kwh.copy()
        battery, tank = self.columns.batteries, self.columns.tanks
        ways = battery["charge_efficiency"], battery["discharge_efficiency"]
        after = charged(battery["energy_kwh"], decided.battery_kwh, *ways)
        # Rounding leaves no battery beyond the limits that bound its exchange.
        size = battery["capacity_kwh"]
        battery["energy_kwh"][:] = np.clip(
            after, battery["soc_min"] * size, battery["soc_max"] * size
        )
        left = heat_after(
            tank["heat_kwh"], decided.tank_kwh, self.model.step_h, tank["efficiency"],
            tank["loss_per_h"],
        )  # fmt: skip
        tank["heat_kwh"][:] = np.clip(left, 0.0, tank["capacity_kwh"])

    def _hear(
        self, step: int, tariff: TariffSignal | Sequence[LocalTariff], state: HouseState
    ) -> tuple[TariffSignal, HouseState, Mask]:
        """Let managers hear the tariff and their storages; return both, and who heard all."""
        bus, count = self.model.bus, len(self)
        about: dict[str, Any] = {"step": step, "round": 0, "count": count}
        signal, heard = self._hear_tariff(step, tariff)
        reports: dict[str, Each] = {}
        for name, sender, held in (
            ("battery", BATTERIES, self.columns.batteries["energy_kwh"]),
            ("tank", TANKS, self.columns.tanks["heat_kwh"]),
        ):
            report = bus.deliver(
                HouseStorageReport(
                    sender=sender,
                    receiver=HOUSES,
                    energy_kwh=held,
                    usable_kwh=getattr(state, f"{name}_held_kwh"),
                    lowest_kwh=getattr(state, f"{name}_low_kwh"),
                    highest_kwh=getattr(state, f"{name}_high_kwh"),
                    **about,
                )
            )
            heard &= report.heard
            reports |= {
                f"{name}_held_kwh": report.message.usable_kwh,
                f"{name}_low_kwh": report.message.lowest_kwh,
                f"{name}_high_kwh": report.message.highest_kwh,
            }
        bus.wait()
        return signal, replace(state, **reports), heard

    def _hear_tariff(
        self, step: int, tariff: TariffSignal | Sequence[LocalTariff]
    ) -> tuple[TariffSignal, Mask]:
        """Let managers hear what energy costs; return what they hear, and who does."""
        if isinstance(tariff, TariffSignal):
            everybody = LocalTariff(RETAILER, slice(None), tariff)
            return self._hear_notice(step, everybody, len(self))
        heard = np.zeros(len(self), dtype=np.bool_)
        signals: dict[str, NDArray[Any]] = {}
        for local in tariff:
            signal, of_rows = self._hear_notice(step, local, len(heard[local.rows]))
            heard[local.rows] = of_rows
            for field in fields(signal):
                value = getattr(signal, field.name)
                column = signals.setdefault(
                    field.name, np.zeros(len(self), np.asarray(value).dtype)
                )
                column[local.rows] = value
        return TariffSignal(**signals), heard

    def _hear_notice(self, step: int, local: LocalTariff, count: int) -> tuple[TariffSignal, Mask]:
        """Let the managers of some houses hear a tariff."""
        of_tariff: dict[str, Any] = {
            field.name: getattr(local.signal, field.name) for field in fields(local.signal)
        }
        price = of_tariff.pop("purchase")
        delivery = self.model.bus.deliver(
            TariffNotice(
                sender=local.teller, receiver=HOUSES, step=step, round=0, count=count,
                price=price, **of_tariff,
            )
        )  # fmt: skip
        notice = delivery.message
        signal = TariffSignal(
            purchase=notice.price, **{name: getattr(notice, name) for name in of_tariff}
        )
        return signal, delivery.rows.copy()

    def _order(self, step: int, decided: HouseStep) -> tuple[tuple[Each, Each, Each], Mask]:
        """Instruct devices.

        Returns
        -------
        orders : tuple of array, shape (houses,)
            What batteries, tanks and heat pumps hear [kWh, kWh of heat, kWh].
        reached : array of bool, shape (houses,)
            The houses all of whose devices hear it.
        """
        bus, count = self.model.bus, len(self)
        about: dict[str, Any] = {"step": step, "round": 1, "count": count}
        reached = np.ones(count, dtype=np.bool_)
        orders = []
        for receiver, energy in (
            (BATTERIES, decided.battery_kwh),
            (TANKS, decided.tank_kwh),
            (PUMPS, decided.heat_pump_kwh),
        ):
            delivery = bus.deliver(
                DeviceSetPoint(sender=HOUSES, receiver=receiver, energy_kwh=energy, **about)
            )
            reached &= delivery.heard
            orders.append(delivery.message.energy_kwh)
        bus.wait()
        battery, tank, pump = orders
        return (battery, tank, pump), reached

    def _carried_out(
        self, decided: HouseStep, orders: tuple[Each, Each, Each], reached: Mask
    ) -> HouseStep:
        """Return what houses do where devices heard something else than was decided.

        A device does what it hears, as far as it can; what is bought or delivered follows.
        """
        due = (decided.battery_kwh, decided.tank_kwh, decided.heat_pump_kwh)
        other = np.zeros(len(self), dtype=np.bool_)
        for heard, meant in zip(orders, due, strict=True):
            other |= reached & (heard != meant)
        if not other.any():
            return decided
        state = self.device_state()
        battery = np.clip(orders[0], state.battery_low_kwh, state.battery_high_kwh)
        tank = np.clip(orders[1], state.tank_low_kwh, state.tank_high_kwh)
        pump = np.clip(orders[2], 0.0, state.pump_kwh)
        own = self.columns
        # Heat that is neither needed nor stored is not made.
        wanted = np.maximum(own.households["heat_kwh"] + tank, 0.0) / state.cop
        pump = np.minimum(pump, wanted)
        net = own.households["load_kwh"] + pump + battery
        net = without_dust(net - own.photovoltaics["generation_kwh"])
        done = {
            "battery_kwh": battery,
            "tank_kwh": tank,
            "heat_pump_kwh": pump,
            "unmet_heat_kwh": np.maximum(wanted - pump, 0.0) * state.cop,
            "import_kwh": np.maximum(net, 0.0),
            "export_kwh": np.maximum(0.0 - net, 0.0),
        }
        done = {
            name: np.where(other, values, getattr(decided, name)) for name, values in done.items()
        }
        return replace(decided, **done)

    def _buy(self, step: int, decided: HouseStep) -> None:
        """Report to the retailer what is bought; its meters know it also where this is lost."""
        traded = decided.import_kwh - decided.export_kwh
        self.model.bus.send(
            RetailExchange(
                step=step,
                round=2,
                sender=HOUSES,
                receiver=RETAILER,
                count=len(self),
                energy_kwh=traded,
            )
        )


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
