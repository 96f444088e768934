"""What houses with photovoltaics, heat pump, battery and tank do, hour by hour, by rules.

Scientific Reports 14 (2024) 6279: the sun serves the house, then the battery, then the heat pump
for the tank, then the grid. While energy is cheap a manager charges what it expects that expensive
hours lack and the sun does not fill; while it is expensive it discharges. All energies in kWh.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.stores import Numbers

# Rounding: of a need, and of nothing at all [kWh].
_NEGLIGIBLE, _DUST_KWH = 1e-9, 1e-9


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices of a house.

    Attributes
    ----------
    battery_kwh, soc_min, soc_max : float
        Size of the battery, and limits of its state of charge [-].
    battery_kw, battery_efficiency, battery_wear : float
        Rating at its plug, efficiency each way [-], upkeep per energy delivered [money/kWh].
    tank_kwh, tank_kw, tank_efficiency, tank_loss_per_h, tank_wear : float
        The same of the tank in heat, and the share of its heat that it loses in an hour [1/h].
    battery_exports : bool
        Whether a dispatch may deliver what the battery gives.
    pump_kw, cop : float
        Most electricity of the heat pump [kW], and the heat it makes of each unit [-].
    """

    battery_kwh: float
    soc_min: float
    soc_max: float
    battery_kw: float
    battery_efficiency: float
    battery_wear: float
    tank_kwh: float
    tank_kw: float
    tank_efficiency: float
    tank_loss_per_h: float
    tank_wear: float
    pump_kw: float
    cop: float
    battery_exports: bool = False


@dataclass(frozen=True, slots=True)
class Tariff:
    """What is known of prices in a step.

    Attributes
    ----------
    purchase, feed_in : float
        Price of what is bought, taxes on it included, and of what is delivered [money/kWh].
    cheap_steps : int
        Steps until energy is expensive, this one counted; 0 where it is expensive.
    peak_price : float
        Highest price of the expensive time that is, or comes next [money/kWh].
    cheapest : float
        Lowest price of the day, infinite where all its steps cost the same [money/kWh].
    """

    purchase: float
    feed_in: float
    cheap_steps: int
    peak_price: float
    cheapest: float


@dataclass(slots=True)
class DayOfHouses:
    """Totals of a day of each house, observed or expected.

    Attributes
    ----------
    lack_kwh, lack_heat_kwh : float or array, shape (houses,)
        What expensive steps need of a battery, and of a tank.
    surplus_kwh, surplus_heat_kwh : float or array, shape (houses,)
        What the sun leaves for them.
    """

    lack_kwh: Numbers = 0.0
    surplus_kwh: Numbers = 0.0
    lack_heat_kwh: Numbers = 0.0
    surplus_heat_kwh: Numbers = 0.0


@dataclass(slots=True)
class Done:
    """What each house does in a step, in the names of the tables; arrays of shape (houses,)."""

    import_kwh: FloatArray
    export_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    heat_pump_kwh: FloatArray
    tank_charge_kwh: FloatArray
    tank_discharge_kwh: FloatArray
    unmet_heat_kwh: FloatArray


def tariffs(
    purchase: Sequence[float], feed_in: Sequence[float], day: Sequence[int]
) -> list[Tariff]:
    """Return what a published tariff states of each of its steps.

    A step is cheap where no other of its day costs less, and one costs more.
    """
    of_day: dict[int, list[float]] = {}
    for price, d in zip(purchase, day, strict=True):
        of_day.setdefault(d, []).append(price)
    extremes = {d: (min(prices), max(prices)) for d, prices in of_day.items()}
    cheap = [p == extremes[d][0] < extremes[d][1] for p, d in zip(purchase, day, strict=True)]
    tariffs: list[Tariff] = []
    # From the last step on: what is expensive later is known, and how long a night still lasts.
    nights, peak_price = 0, 0.0
    for step in range(len(purchase) - 1, -1, -1):
        lowest, highest = extremes[day[step]]
        last = step == len(purchase) - 1
        if cheap[step]:
            nights += 1
            # A night at the end of the tariff knows no expensive time but that of its own day.
            peak_price = highest if last else peak_price
        else:
            begins = last or cheap[step + 1]
            peak_price = purchase[step] if begins else max(purchase[step], peak_price)
            nights = 0
        cheapest = lowest if lowest < highest else float("inf")
        tariffs.append(Tariff(purchase[step], feed_in[step], nights, peak_price, cheapest))
    return tariffs[::-1]


@dataclass(slots=True)
class Houses:
    """Houses with the same devices and tariff, and what their storages hold.

    Attributes
    ----------
    devices, step_h, memory : Devices, float, float
        The devices of each, the length of a step [h], and the weight of the last day in what
        managers expect of the next [1].
    stored_kwh, tank_kwh : array, shape (houses,)
        Energy in each battery and heat in each tank at the start of the step.
    battery_kwh, part : float or array, shape (houses,)
        Size that is left of each battery, and the part of the step in which its feeder works [-].
    day, expected : DayOfHouses
        The day so far, and what managers expect of one.
    """

    devices: Devices
    step_h: float
    memory: float
    stored_kwh: FloatArray
    tank_kwh: FloatArray
    battery_kwh: Numbers
    part: Numbers = 1.0
    day: DayOfHouses = field(default_factory=DayOfHouses)
    expected: DayOfHouses = field(default_factory=DayOfHouses)

    def begin_day(self) -> None:
        """Let managers learn from the day that was."""
        for name in DayOfHouses.__slots__:
            old, found = getattr(self.expected, name), getattr(self.day, name)
            setattr(self.expected, name, (1 - self.memory) * old + self.memory * found)
        self.day = DayOfHouses()

    def step(
        self,
        load_kwh: FloatArray,
        heat_kwh: FloatArray,
        sun_kwh: FloatArray,
        tariff: Tariff,
        *,
        there: NDArray[np.bool_],
        answer_kwh: tuple[Numbers, Numbers] = (0.0, 0.0),
    ) -> Done:
        """Decide and do what the rules say; storages without supply stay idle.

        Besides, battery and heat pump draw ``answer_kwh`` at the price of the step, or deliver it
        where below 0. It changes what the storages hold, and is no part of what is returned.
        """
        d, nothing = self.devices, np.zeros_like(load_kwh)
        pump_most = d.pump_kw * self.part * self.step_h
        charge_most, discharge_most = (there * most for most in self.battery_bounds())
        fill_most, draw_most = (there * most for most in self.tank_bounds())
        # What a kWh that is stored now saves in expensive hours.
        worth = d.battery_efficiency**2 * (tariff.peak_price - d.battery_wear)
        worth_heat = d.tank_efficiency**2 * (tariff.peak_price - d.cop * d.tank_wear)
        cheap = tariff.cheap_steps > 0

        # Heat for now: by night of the heat pump; by day of the sun, the tank, then the heat pump.
        if cheap:
            pump = np.minimum(heat_kwh / d.cop, pump_most)
            draw = np.minimum(_beyond(heat_kwh - d.cop * pump, heat_kwh), draw_most)
        else:
            sunny = _above_0(sun_kwh - load_kwh) if worth_heat > tariff.feed_in else nothing
            pumped = np.minimum(np.minimum(heat_kwh / d.cop, pump_most), sunny)
            lack_heat = _beyond(heat_kwh - d.cop * pumped, heat_kwh)
            draw = np.minimum(lack_heat, draw_most)
            pump = np.minimum(_above_0(heat_kwh - draw) / d.cop, pump_most)
            self.day.lack_heat_kwh = self.day.lack_heat_kwh + lack_heat
        unmet = _beyond(heat_kwh - d.cop * pump - draw, heat_kwh)

        # The battery: from the sun that is left, by night for the day, by day for the house.
        need = load_kwh + pump
        spare = _above_0(sun_kwh - need)
        night_is_costlier = tariff.feed_in <= tariff.cheapest
        kept = spare if worth > tariff.feed_in and night_is_costlier else nothing
        charge, discharge = np.minimum(kept, charge_most), nothing
        left = _above_0(spare - charge)
        self.day.surplus_kwh = self.day.surplus_kwh + kept
        if cheap:
            if worth > tariff.purchase:
                by_night = np.minimum(self._missing() / tariff.cheap_steps, charge_most)
                charge = np.maximum(charge, by_night)
        else:
            # The sun that sells for more than the most expensive hour costs is not used in the
            # house.
            lack = need if tariff.feed_in > tariff.peak_price else _above_0(need - sun_kwh)
            self.day.lack_kwh = self.day.lack_kwh + lack
            discharge = np.where(charge == 0.0, np.minimum(lack, discharge_most), 0.0)

        # The tank: the heat pump makes of the sun that is left, or of the night, what it can.
        room = np.minimum(d.cop * (pump_most - pump), fill_most)
        room = np.where(draw == 0.0, _above_0(room), 0.0)
        kept = left if worth_heat > tariff.feed_in and night_is_costlier else nothing
        self.day.surplus_heat_kwh = self.day.surplus_heat_kwh + d.cop * kept
        fill = np.minimum(d.cop * kept, room)
        if cheap and worth_heat > tariff.purchase:
            fill = np.maximum(fill, np.minimum(self._missing_heat() / tariff.cheap_steps, room))

        pump = pump + fill / d.cop
        net = load_kwh + pump + charge - discharge - sun_kwh
        net = np.where(np.abs(net) > _DUST_KWH, net, 0.0)
        done = Done(_above_0(net), _above_0(0.0 - net), charge, discharge, pump, fill, draw, unmet)
        self.move(done, answer_kwh)
        return done

    def battery_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the most that batteries may be charged, and discharged, at their plugs."""
        d = self.devices
        rated = d.battery_kw * self.part * self.step_h
        room = _above_0(d.soc_max * self.battery_kwh - self.stored_kwh)
        spare = _above_0(self.stored_kwh - d.soc_min * self.battery_kwh)
        return (
            np.minimum(room / d.battery_efficiency, rated),
            np.minimum(spare * d.battery_efficiency, rated),
        )

    def tank_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the most heat that may be filled into tanks, and drawn from them."""
        d, kept = self.devices, self._kept_heat()
        rated = d.tank_kw * self.part * self.step_h
        room = _above_0(d.tank_kwh - kept)
        return (
            np.minimum(room / d.tank_efficiency, rated),
            np.minimum(kept * d.tank_efficiency, rated),
        )

    def move(self, done: Done, answer_kwh: tuple[Numbers, Numbers] = (0.0, 0.0)) -> None:
        """Change what the storages hold."""
        d = self.devices
        battery = done.charge_kwh - done.discharge_kwh + answer_kwh[0]
        stored = self.stored_kwh + _gained(battery, d.battery_efficiency)
        # A battery that has lost capacity keeps what it held.
        most = np.maximum(d.soc_max * self.battery_kwh, self.stored_kwh)
        self.stored_kwh = np.minimum(np.maximum(stored, d.soc_min * self.battery_kwh), most)
        tank = done.tank_charge_kwh - done.tank_discharge_kwh + d.cop * answer_kwh[1]
        heat = self._kept_heat() + _gained(tank, d.tank_efficiency)
        self.tank_kwh = np.minimum(_above_0(heat), d.tank_kwh)

    def _kept_heat(self) -> FloatArray:
        kept: FloatArray = self.tank_kwh * (1 - self.devices.tank_loss_per_h) ** self.step_h
        return kept

    def _missing(self) -> FloatArray:
        """Return what must be drawn for batteries to hold what is expected to be used."""
        d, eta = self.devices, self.devices.battery_efficiency
        wanted = _above_0(self.expected.lack_kwh / eta - eta * self.expected.surplus_kwh)
        held = self.stored_kwh - d.soc_min * self.battery_kwh
        return _above_0(wanted - held) / eta

    def _missing_heat(self) -> FloatArray:
        eta = self.devices.tank_efficiency
        wanted = self.expected.lack_heat_kwh / eta - eta * self.expected.surplus_heat_kwh
        return _above_0(_above_0(wanted) - self._kept_heat()) / eta


def _above_0(energy_kwh: Numbers) -> FloatArray:
    return np.asarray(np.maximum(energy_kwh, 0.0))


def _gained(exchange_kwh: FloatArray, efficiency: float) -> FloatArray:
    """Return what an exchange adds to a store, less than 0 where it takes from it."""
    return np.where(exchange_kwh > 0.0, exchange_kwh * efficiency, exchange_kwh / efficiency)


def _beyond(lack_kwh: FloatArray, need_kwh: FloatArray) -> FloatArray:
    """Return what lacks of a need, nothing where it is rounding."""
    return np.where(lack_kwh > _NEGLIGIBLE * need_kwh, lack_kwh, 0.0)
