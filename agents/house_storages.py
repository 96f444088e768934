"""What storages and heat pumps of houses can do in a step, and what they do."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery import supplied_part
from hmesh.agents.house_populations import HousePopulations
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, exchange_bounds, usable_kwh
from hmesh.environment.last_digits import without_dust
from hmesh.environment.thermal_tank import heat_after, heat_bounds, kept_share
from hmesh.markets.home_energy_rules import HouseState, HouseStep
from hmesh.markets.store_remainder import pump_room, room_left

type Mask = NDArray[np.bool_]


def device_state(columns: HousePopulations, step_h: float) -> HouseState:
    """Return what the devices of every house can do in this step."""
    battery, tank, pump = columns.batteries, columns.tanks, columns.heat_pumps
    # Nothing passes while the feeder is out; a tank loses heat all the same.
    part = supplied_part(columns.households)
    low, high = exchange_bounds(
        battery["energy_kwh"], battery["capacity_kwh"], battery["soc_min"],
        battery["soc_max"], battery["power_kw"] * part, step_h,
        battery["charge_efficiency"], battery["discharge_efficiency"],
    )  # fmt: skip
    tank_low, tank_high = heat_bounds(
        tank["heat_kwh"], tank["capacity_kwh"], tank["power_kw"] * part, step_h,
        tank["efficiency"], tank["loss_per_h"],
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
        pump_kwh=pump["power_kw"] * part * step_h,
        cop=pump["cop"],
        # The rules know one efficiency, which is that of both ways.
        battery_efficiency=battery["charge_efficiency"],
        tank_efficiency=tank["efficiency"],
        battery_wear=battery["wear"],
        tank_wear=tank["wear"],
    )


def room_beside(state: HouseState, decided: HouseStep) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what batteries and tanks hold, and what they can exchange beside what was decided.

    Energies of a tank are those of the electricity with which its heat pump fills it.

    Parameters
    ----------
    state : HouseState
        What their devices can do in this step.
    decided : HouseStep
        What houses do.

    Returns
    -------
    usable_kwh, lower_kwh, upper_kwh : array, shape (2 houses,)
        Energies as of `hmesh.markets.best_response`, of all batteries and then of all tanks
        [kWh].
    """
    battery = decided.battery_kwh
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


def planned_step(
    columns: HousePopulations,
    state: HouseState,
    battery_kwh: FloatArray,
    tank_kwh: FloatArray,
    there: Mask,
) -> HouseStep:
    """Return what houses do that follow a plan, as far as their storages can.

    Parameters
    ----------
    columns : HousePopulations
        The houses.
    state : HouseState
        What their devices can do in this step.
    battery_kwh, tank_kwh : array, shape (houses,)
        Planned exchange of battery and tank, above 0 charging [kWh, kWh of heat].
    there : array of bool, shape (houses,)
        Houses that take part; the storages of the others stay idle.
    """
    heat = columns.households["heat_kwh"]
    battery = np.clip(battery_kwh, state.battery_low_kwh, state.battery_high_kwh)
    tank = np.clip(tank_kwh, state.tank_low_kwh, state.tank_high_kwh)
    battery, tank = np.where(there, battery, 0.0), np.where(there, tank, 0.0)
    wanted = np.maximum(heat + tank, 0.0) / state.cop
    pump = np.minimum(wanted, state.pump_kwh)
    unmet = np.where(wanted > pump * (1.0 + 1e-9), (wanted - pump) * state.cop, 0.0)
    net = columns.households["load_kwh"] + pump + battery
    net = without_dust(net - columns.photovoltaics["generation_kwh"])
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


def carried_out(
    columns: HousePopulations,
    step_h: float,
    decided: HouseStep,
    orders: tuple[FloatArray, FloatArray, FloatArray],
    reached: Mask,
) -> HouseStep:
    """Return what houses do where devices heard something else than was decided.

    A device does what it hears, as far as it can; what is bought or delivered follows.

    Parameters
    ----------
    columns : HousePopulations
        The houses.
    step_h : float
        Length of a step [h].
    decided : HouseStep
        What managers decided.
    orders : tuple of array, shape (houses,)
        What batteries, tanks and heat pumps heard [kWh, kWh of heat, kWh].
    reached : array of bool, shape (houses,)
        The houses all of whose devices heard it.
    """
    due = (decided.battery_kwh, decided.tank_kwh, decided.heat_pump_kwh)
    other = np.zeros(len(reached), dtype=np.bool_)
    for heard, meant in zip(orders, due, strict=True):
        other |= reached & (heard != meant)
    if not other.any():
        return decided
    state = device_state(columns, step_h)
    battery = np.clip(orders[0], state.battery_low_kwh, state.battery_high_kwh)
    tank = np.clip(orders[1], state.tank_low_kwh, state.tank_high_kwh)
    pump = np.clip(orders[2], 0.0, state.pump_kwh)
    # Heat that is neither needed nor stored is not made.
    wanted = np.maximum(columns.households["heat_kwh"] + tank, 0.0) / state.cop
    pump = np.minimum(pump, wanted)
    net = columns.households["load_kwh"] + pump + battery
    net = without_dust(net - columns.photovoltaics["generation_kwh"])
    done = {
        "battery_kwh": battery,
        "tank_kwh": tank,
        "heat_pump_kwh": pump,
        "unmet_heat_kwh": np.maximum(wanted - pump, 0.0) * state.cop,
        "import_kwh": np.maximum(net, 0.0),
        "export_kwh": np.maximum(0.0 - net, 0.0),
    }
    done = {name: np.where(other, values, getattr(decided, name)) for name, values in done.items()}
    return replace(decided, **done)


def move_storages(columns: HousePopulations, step_h: float, decided: HouseStep) -> None:
    """Let the storages do what was decided."""
    columns.batteries.heard["set_point_kwh"] = decided.battery_kwh.copy()
    columns.tanks.heard["set_point_kwh"] = decided.tank_kwh.copy()
    columns.heat_pumps.heard["set_point_kwh"] = decided.heat_pump_kwh.copy()
    columns.heat_pumps.heard["taken_kwh"] = decided.heat_pump_kwh.copy()
    battery, tank = columns.batteries, columns.tanks
    ways = battery["charge_efficiency"], battery["discharge_efficiency"]
    after = charged(battery["energy_kwh"], decided.battery_kwh, *ways)
    # Rounding leaves no battery beyond the limits that bound its exchange. What a battery held as
    # it lost capacity it keeps.
    size = battery["capacity_kwh"]
    most = np.maximum(battery["soc_max"] * size, battery["energy_kwh"])
    battery["energy_kwh"][:] = np.clip(after, battery["soc_min"] * size, most)
    left = heat_after(
        tank["heat_kwh"], decided.tank_kwh, step_h, tank["efficiency"],
        tank["loss_per_h"],
    )  # fmt: skip
    tank["heat_kwh"][:] = np.clip(left, 0.0, tank["capacity_kwh"])
