"""What a home energy manager decides in a step without knowing those to come.

Photovoltaic energy serves the house first, then the battery, then the heat pump for the tank, then
the grid. While energy is cheap the manager charges what it expects photovoltaics not to fill and
the expensive hours to use; while it is expensive it discharges. Every rule is for all houses at
once, arrays of shape (houses,).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import without_dust

# What is lacking of a need by less than this share of it is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffSignal:
    """What the retailer states of a step; the tariff is published, so it is no foresight.

    Where houses pay different prices, each quantity is an array of shape (houses,).

    Attributes
    ----------
    purchase, feed_in : float or array
        Price of what is bought and of what is delivered now [money/kWh].
    cheap : bool or array of bool
        Whether this is the cheapest price of its day, and the day has a more expensive one.
    peak_price : float or array
        Highest price of the time until energy is cheap again [money/kWh].
    cheapest : float or array
        Lowest price of the day [money/kWh]; infinite where all its hours cost the same.
    cheap_steps : int or array of int
        Steps until energy is expensive, this one counted; 0 where it is expensive.
    """

    purchase: float | FloatArray
    feed_in: float | FloatArray
    cheap: bool | NDArray[np.bool_]
    peak_price: float | FloatArray
    cheapest: float | FloatArray
    cheap_steps: int | NDArray[np.intp]

    @property
    def left(self) -> int | NDArray[np.intp]:
        """Steps until energy is expensive, at least this one."""
        return np.maximum(self.cheap_steps, 1)

    def keeps_sun(self, worth: FloatArray) -> NDArray[np.bool_]:
        """Return where photovoltaics fill a store: it pays, and more than filling by night."""
        return (worth > self.feed_in) & (self.feed_in <= self.cheapest)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseState:
    """What the devices of every house report to their manager at the start of a step.

    Attributes
    ----------
    battery_low_kwh, battery_high_kwh : array
        What the battery can exchange at its plug, low <= 0 <= high [kWh].
    battery_held_kwh : array
        What it holds above its lowest state of charge [kWh].
    tank_low_kwh, tank_high_kwh : array
        Heat the tank can exchange, low <= 0 <= high [kWh].
    tank_held_kwh : array
        Heat it will have kept at the end of the step [kWh].
    pump_kwh, cop : array
        Electricity the heat pump can take [kWh], and heat it makes of each unit [-].
    battery_efficiency, tank_efficiency : array
        Of charging and of discharging each [-].
    battery_wear, tank_wear : array
        Upkeep per energy given [money/kWh].
    """

    battery_low_kwh: FloatArray
    battery_high_kwh: FloatArray
    battery_held_kwh: FloatArray
    tank_low_kwh: FloatArray
    tank_high_kwh: FloatArray
    tank_held_kwh: FloatArray
    pump_kwh: FloatArray
    cop: FloatArray
    battery_efficiency: FloatArray
    tank_efficiency: FloatArray
    battery_wear: FloatArray
    tank_wear: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What battery and tank should hold when energy gets expensive, from plug and pipes [kWh]."""

    battery_kwh: FloatArray
    tank_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseStep:
    """What the manager of every house decides [kWh].

    Attributes
    ----------
    import_kwh, export_kwh : array
        Bought and delivered; never both.
    battery_kwh : array
        Exchange at the battery's plug, above 0 charging.
    heat_pump_kwh : array
        Electricity of the heat pump.
    tank_kwh : array
        Heat into the tank, below 0 out of it.
    unmet_heat_kwh : array
        Heat that neither heat pump nor tank can give.
    lack_kwh, surplus_kwh : array
        Electricity that a battery could have given in this step, and could have taken of the sun.
    lack_heat_kwh, surplus_heat_kwh : array
        Heat that a tank could have given, and could have taken of the sun.
    """

    import_kwh: FloatArray
    export_kwh: FloatArray
    battery_kwh: FloatArray
    heat_pump_kwh: FloatArray
    tank_kwh: FloatArray
    unmet_heat_kwh: FloatArray
    lack_kwh: FloatArray
    surplus_kwh: FloatArray
    lack_heat_kwh: FloatArray
    surplus_heat_kwh: FloatArray


def manage_step(
    load_kwh: FloatArray,
    heat_kwh: FloatArray,
    generation_kwh: FloatArray,
    state: HouseState,
    tariff: TariffSignal,
    targets: Targets,
) -> HouseStep:
    """Return what every house does in a step.

    Parameters
    ----------
    load_kwh, heat_kwh, generation_kwh : array, shape (houses,)
        Electricity of the appliances, heat needed, and photovoltaic generation, at least 0 [kWh].
    state : HouseState
        What the devices can do.
    tariff : TariffSignal
        Prices of the step and of the hours ahead.
    targets : Targets
        What the storages should hold when energy gets expensive.

    Notes
    -----
    A store pays where what it saves in expensive hours, after its losses and upkeep, is more than
    its filling costs: for the battery ``eta^2 (peak_price - wear)`` against the price of the night
    or the feed-in of the sun, for the tank likewise with its wear per electricity, ``COP wear``.
    Where the sun sells for more than the night costs, stores are filled by night; where it sells
    for more than the most expensive hour costs, the battery serves the house while the sun is sold.
    """
    eta2, eta2_tank = state.battery_efficiency**2, state.tank_efficiency**2
    worth = eta2 * (tariff.peak_price - state.battery_wear)
    worth_tank = eta2_tank * (tariff.peak_price - state.cop * state.tank_wear)
    sells_sun = tariff.feed_in > tariff.peak_price

    spare = np.maximum(generation_kwh - load_kwh, 0.0)
    pump, drawn, lack_heat = _heat_now(heat_kwh, spare, worth_tank, state, tariff)
    need = load_kwh + pump
    spare = np.maximum(generation_kwh - need, 0.0)
    lack = np.where(sells_sun, need, np.maximum(need - generation_kwh, 0.0))

    kept = np.where(tariff.keeps_sun(worth), spare, 0.0)
    from_sun = np.minimum(kept, state.battery_high_kwh)
    missing = np.maximum(targets.battery_kwh - state.battery_held_kwh, 0.0)
    each = missing / state.battery_efficiency / tariff.left
    by_night = np.minimum(each, state.battery_high_kwh)
    pays = tariff.cheap & (worth > tariff.purchase)
    charge = np.maximum(from_sun, np.where(pays, by_night, 0.0))
    waits = tariff.cheap | (from_sun > 0.0)
    discharge = np.where(waits, 0.0, np.minimum(lack, 0.0 - state.battery_low_kwh))

    left = np.maximum(spare - from_sun, 0.0)
    filled = _heat_for_later(left, pump, drawn, worth_tank, state, tariff, targets)
    pump_all = pump + filled / state.cop
    unmet = np.maximum(heat_kwh - pump * state.cop - drawn, 0.0)
    net = without_dust(load_kwh + pump_all + charge - discharge - generation_kwh)
    return HouseStep(
        import_kwh=np.maximum(net, 0.0),
        export_kwh=np.maximum(0.0 - net, 0.0),
        battery_kwh=charge - discharge,
        heat_pump_kwh=pump_all,
        tank_kwh=filled - drawn,
        unmet_heat_kwh=np.where(unmet > ROUNDING * heat_kwh, unmet, 0.0),
        lack_kwh=np.where(tariff.cheap, 0.0, lack),
        surplus_kwh=kept,
        lack_heat_kwh=lack_heat,
        surplus_heat_kwh=np.where(tariff.keeps_sun(worth_tank), left * state.cop, 0.0),
    )


def _heat_now(
    heat_kwh: FloatArray,
    spare_kwh: FloatArray,
    worth_tank: FloatArray,
    state: HouseState,
    tariff: TariffSignal,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return electricity and heat of the tank for the heat of now, and what a tank could give."""
    wanted = np.minimum(heat_kwh / state.cop, state.pump_kwh)
    available = 0.0 - state.tank_low_kwh
    # While energy is cheap the tank gives what the heat pump cannot, and nothing else.
    short = heat_kwh - wanted * state.cop
    short = np.minimum(np.where(short > ROUNDING * heat_kwh, short, 0.0), available)
    # The sun makes heat at once where what the tank holds is worth more later than its feed-in.
    direct = np.where(worth_tank > tariff.feed_in, np.minimum(wanted, spare_kwh), 0.0)
    lack = heat_kwh - direct * state.cop
    lack = np.where(lack > ROUNDING * heat_kwh, lack, 0.0)
    drawn = np.minimum(lack, available)
    pump = np.minimum(np.maximum(heat_kwh - drawn, 0.0) / state.cop, state.pump_kwh)
    return (
        np.where(tariff.cheap, wanted, pump),
        np.where(tariff.cheap, short, drawn),
        np.where(tariff.cheap, 0.0, lack),
    )


def _heat_for_later(
    left_kwh: FloatArray,
    pump_kwh: FloatArray,
    drawn_kwh: FloatArray,
    worth_tank: FloatArray,
    state: HouseState,
    tariff: TariffSignal,
    targets: Targets,
) -> FloatArray:
    """Return the heat with which tanks are filled: of the sun that is left, and by night."""
    room = np.minimum((state.pump_kwh - pump_kwh) * state.cop, state.tank_high_kwh)
    room = np.where(drawn_kwh > 0.0, 0.0, np.maximum(room, 0.0))
    kept = np.where(tariff.keeps_sun(worth_tank), left_kwh, 0.0)
    of_sun = np.minimum(kept * state.cop, room)
    missing = np.maximum(targets.tank_kwh - state.tank_held_kwh, 0.0)
    by_night = np.minimum(missing / state.tank_efficiency / tariff.left, room)
    pays = tariff.cheap & (worth_tank > tariff.purchase)
    filled: FloatArray = np.maximum(of_sun, np.where(pays, by_night, 0.0))
    return filled


def targets_of(
    lack_kwh: FloatArray,
    surplus_kwh: FloatArray,
    lack_heat_kwh: FloatArray,
    surplus_heat_kwh: FloatArray,
    battery_efficiency: FloatArray,
    tank_efficiency: FloatArray,
) -> Targets:
    """Return what storages should hold when energy gets expensive: what sunshine will not fill.

    Parameters
    ----------
    lack_kwh, surplus_kwh, lack_heat_kwh, surplus_heat_kwh : array, shape (houses,)
        What a day's expensive hours are expected to need, and its sun to leave [kWh].
    battery_efficiency, tank_efficiency : array, shape (houses,)
        Of charging and of discharging each [-].

    Notes
    -----
    Energies in store: ``lack / eta - eta surplus``, at least 0. What does not fit is not charged.
    """

    def held(lack: FloatArray, surplus: FloatArray, efficiency: FloatArray) -> FloatArray:
        target: FloatArray = np.maximum(lack / efficiency - efficiency * surplus, 0.0)
        return target

    return Targets(
        battery_kwh=held(lack_kwh, surplus_kwh, battery_efficiency),
        tank_kwh=held(lack_heat_kwh, surplus_heat_kwh, tank_efficiency),
    )


def expected(past_kwh: FloatArray, day_kwh: FloatArray, weight: float) -> FloatArray:
    """Return what is expected of the next day, from what was expected of a day and what it was.

    Parameters
    ----------
    past_kwh, day_kwh : array
        What was expected, and what was measured on the day [kWh].
    weight : float
        Weight of the day, 0 < weight <= 1 [-].
    """
    return past_kwh + weight * (day_kwh - past_kwh)


def tariff_signals(
    purchase: FloatArray, day: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], FloatArray, FloatArray, NDArray[np.intp]]:
    """Return what a published tariff states of each of its steps.

    Parameters
    ----------
    purchase : array, shape (steps,)
        Price of what is bought [money/kWh].
    day : array of int, shape (steps,)
        Local day of each step, never falling.

    Returns
    -------
    cheap : array of bool, shape (steps,)
        Whether energy is at its cheapest of the day, and the day has a more expensive price.
    peak_price : array, shape (steps,)
        Highest price of the expensive time that is, or comes next [money/kWh].
    cheapest : array, shape (steps,)
        Lowest price of the day [money/kWh]; infinite where all its hours cost the same.
    cheap_steps : array of int, shape (steps,)
        Steps until energy is expensive, this one counted; 0 where it is expensive.
    """
    steps = len(purchase)
    first = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    count = np.diff(np.append(first, steps))
    lowest = np.repeat(np.minimum.reduceat(purchase, first), count)
    highest = np.repeat(np.maximum.reduceat(purchase, first), count)
    cheap = (purchase <= lowest) & (highest > lowest)
    # Step by step in plain numbers, which arrays are slow to hand out.
    price, is_cheap = purchase.tolist(), cheap.tolist()
    peak_price = np.where(cheap, highest, purchase).astype(np.float64).tolist()
    left = [int(each) for each in is_cheap]
    for step in range(steps - 2, -1, -1):
        if is_cheap[step]:
            left[step] += left[step + 1]
            peak_price[step] = peak_price[step + 1]
        elif not is_cheap[step + 1]:
            peak_price[step] = max(price[step], peak_price[step + 1])
    cheapest = np.where(highest > lowest, lowest, np.inf)
    return cheap, np.array(peak_price), cheapest, np.array(left, dtype=np.intp)
