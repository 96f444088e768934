"""What one house with photovoltaics, heat pump, battery and tank does, hour by hour, by rules.

Scientific Reports 14 (2024) 6279: the sun serves the house, then the battery, then the heat pump
for the tank, then the grid. While energy is cheap a manager charges what it expects that expensive
hours lack and the sun does not fill; while it is expensive it discharges. All energies in kWh.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
class DayOfHouse:
    """Totals of a day, observed or expected.

    Attributes
    ----------
    lack_kwh, lack_heat_kwh : float
        What expensive steps need of a battery, and of a tank.
    surplus_kwh, surplus_heat_kwh : float
        What the sun leaves for them.
    """

    lack_kwh: float = 0.0
    surplus_kwh: float = 0.0
    lack_heat_kwh: float = 0.0
    surplus_heat_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a house does in a step, in the names of the tables."""

    import_kwh: float
    export_kwh: float
    charge_kwh: float
    discharge_kwh: float
    heat_pump_kwh: float
    tank_charge_kwh: float
    tank_discharge_kwh: float
    unmet_heat_kwh: float


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
class House:
    """A house, and what its storages hold.

    Attributes
    ----------
    devices, step_h, memory : Devices, float, float
        Its devices, the length of a step [h], and the weight of the last day in what its manager
        expects of the next [1].
    stored_kwh, tank_kwh : float
        Energy in the battery and heat in the tank at the start of the step.
    day, expected : DayOfHouse
        The day so far, and what the manager expects of one.
    """

    devices: Devices
    step_h: float
    memory: float
    stored_kwh: float
    tank_kwh: float = 0.0
    day: DayOfHouse = field(default_factory=DayOfHouse)
    expected: DayOfHouse = field(default_factory=DayOfHouse)

    def begin_day(self) -> None:
        """Let the manager learn from the day that was."""
        for name in DayOfHouse.__slots__:
            old, found = getattr(self.expected, name), getattr(self.day, name)
            setattr(self.expected, name, (1 - self.memory) * old + self.memory * found)
        self.day = DayOfHouse()

    def step(
        self,
        load_kwh: float,
        heat_kwh: float,
        sun_kwh: float,
        tariff: Tariff,
        *,
        there: bool,
        answer_kwh: tuple[float, float] = (0.0, 0.0),
    ) -> Done:
        """Decide and do what the rules say; storages without supply stay idle.

        Besides, battery and heat pump draw ``answer_kwh`` at the price of the step, or deliver it
        where below 0. It changes what the storages hold, and is no part of what is returned.
        """
        d = self.devices
        pump_most = d.pump_kw * self.step_h
        charge_most, discharge_most, fill_most, draw_most = 0.0, 0.0, 0.0, 0.0
        if there:
            charge_most, discharge_most = self.battery_bounds()
            fill_most, draw_most = self.tank_bounds()
        # What a kWh that is stored now saves in expensive hours.
        worth = d.battery_efficiency**2 * (tariff.peak_price - d.battery_wear)
        worth_heat = d.tank_efficiency**2 * (tariff.peak_price - d.cop * d.tank_wear)
        cheap = tariff.cheap_steps > 0

        # Heat for now: by night of the heat pump; by day of the sun, the tank, then the heat pump.
        if cheap:
            pump = min(heat_kwh / d.cop, pump_most)
            draw = min(_beyond(heat_kwh - d.cop * pump, heat_kwh), draw_most)
        else:
            sunny = max(sun_kwh - load_kwh, 0.0) if worth_heat > tariff.feed_in else 0.0
            lack_heat = _beyond(
                heat_kwh - d.cop * min(heat_kwh / d.cop, pump_most, sunny), heat_kwh
            )
            draw = min(lack_heat, draw_most)
            pump = min(max(heat_kwh - draw, 0.0) / d.cop, pump_most)
            self.day.lack_heat_kwh += lack_heat
        unmet = _beyond(heat_kwh - d.cop * pump - draw, heat_kwh)

        # The battery: from the sun that is left, by night for the day, by day for the house.
        need = load_kwh + pump
        spare = max(sun_kwh - need, 0.0)
        night_is_costlier = tariff.feed_in <= tariff.cheapest
        kept = spare if worth > tariff.feed_in and night_is_costlier else 0.0
        charge, discharge = min(kept, charge_most), 0.0
        left = max(spare - charge, 0.0)
        self.day.surplus_kwh += kept
        if cheap:
            if worth > tariff.purchase:
                charge = max(charge, min(self._missing() / tariff.cheap_steps, charge_most))
        else:
            # The sun that sells for more than the most expensive hour costs is not used in the
            # house.
            lack = need if tariff.feed_in > tariff.peak_price else max(need - sun_kwh, 0.0)
            self.day.lack_kwh += lack
            if charge == 0.0:
                discharge = min(lack, discharge_most)

        # The tank: the heat pump makes of the sun that is left, or of the night, what it can.
        room = min(d.cop * (pump_most - pump), fill_most) if draw == 0.0 else 0.0
        kept = left if worth_heat > tariff.feed_in and night_is_costlier else 0.0
        self.day.surplus_heat_kwh += d.cop * kept
        fill = min(d.cop * kept, max(room, 0.0))
        if cheap and worth_heat > tariff.purchase:
            fill = max(fill, min(self._missing_heat() / tariff.cheap_steps, max(room, 0.0)))

        pump += fill / d.cop
        net = load_kwh + pump + charge - discharge - sun_kwh
        net = net if abs(net) > _DUST_KWH else 0.0
        done = Done(max(net, 0.0), max(-net, 0.0), charge, discharge, pump, fill, draw, unmet)
        self.move(done, answer_kwh)
        return done

    def battery_bounds(self) -> tuple[float, float]:
        """Return the most that the battery may be charged, and discharged, at its plug."""
        d = self.devices
        rated = d.battery_kw * self.step_h
        room = max(d.soc_max * d.battery_kwh - self.stored_kwh, 0.0)
        spare = max(self.stored_kwh - d.soc_min * d.battery_kwh, 0.0)
        return min(room / d.battery_efficiency, rated), min(spare * d.battery_efficiency, rated)

    def tank_bounds(self) -> tuple[float, float]:
        """Return the most heat that may be filled into the tank, and drawn from it."""
        d, kept = self.devices, self._kept_heat()
        rated = d.tank_kw * self.step_h
        room = max(d.tank_kwh - kept, 0.0)
        return min(room / d.tank_efficiency, rated), min(kept * d.tank_efficiency, rated)

    def move(self, done: Done, answer_kwh: tuple[float, float] = (0.0, 0.0)) -> None:
        """Change what the storages hold."""
        d = self.devices
        battery = done.charge_kwh - done.discharge_kwh + answer_kwh[0]
        stored = self.stored_kwh + _gained(battery, d.battery_efficiency)
        # A battery that has lost capacity keeps what it held.
        most = max(d.soc_max * d.battery_kwh, self.stored_kwh)
        self.stored_kwh = min(max(stored, d.soc_min * d.battery_kwh), most)
        tank = done.tank_charge_kwh - done.tank_discharge_kwh + d.cop * answer_kwh[1]
        heat = self._kept_heat() + _gained(tank, d.tank_efficiency)
        self.tank_kwh = min(max(heat, 0.0), d.tank_kwh)

    def _kept_heat(self) -> float:
        kept: float = self.tank_kwh * (1 - self.devices.tank_loss_per_h) ** self.step_h
        return kept

    def _missing(self) -> float:
        """Return what must be drawn for the battery to hold what is expected to be used."""
        d, eta = self.devices, self.devices.battery_efficiency
        wanted = max(self.expected.lack_kwh / eta - eta * self.expected.surplus_kwh, 0.0)
        held = self.stored_kwh - d.soc_min * d.battery_kwh
        return max(wanted - held, 0.0) / eta

    def _missing_heat(self) -> float:
        eta = self.devices.tank_efficiency
        wanted = self.expected.lack_heat_kwh / eta - eta * self.expected.surplus_heat_kwh
        return max(max(wanted, 0.0) - self._kept_heat(), 0.0) / eta


def _gained(exchange_kwh: float, efficiency: float) -> float:
    """Return what an exchange adds to a store, less than 0 where it takes from it."""
    return exchange_kwh * efficiency if exchange_kwh > 0.0 else exchange_kwh / efficiency


def _beyond(lack_kwh: float, need_kwh: float) -> float:
    """Return what lacks of a need, nothing where it is rounding."""
    return lack_kwh if lack_kwh > _NEGLIGIBLE * need_kwh else 0.0
