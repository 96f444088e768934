"""Measured values that can hardly be what they are given for: spikes, signs, registers, units."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import Problem, shortened
from hmesh.environment.exchange_rates import UNITS_PER_USD, exchange_rate
from hmesh.environment.local_times import HOUR_US, shown
from hmesh.environment.number_words import counted
from hmesh.environment.table_file import SHOWN

# A value so many times the highest of all others is rather a wrong decimal point or unit.
SPIKE = 100.0
SPIKE_SHARE = 0.01
FEWEST = 4
# A register counts up; as many readings do not rise by chance, and a meter may be replaced.
FEWEST_OF_A_REGISTER = 24
FALLS_OF_A_REGISTER = 0.005
# Energy of a household in a year [kWh]. Loads in Wh are above, those in MWh below; some hundred
# homes that are called a household are not.
HOUSEHOLD_KWH = (50.0, 1e6)
YEAR_H = 8760.0
# Mean energy of a part of a year, as a multiple of the year's, at most; by its shortest length [h].
TOLERANCES = ((360 * 24.0, 1.1), (24.0, 4.0), (0.0, 20.0))
# No retail or wholesale price stays as high [EUR/kWh]; those per MWh and in cents do.
HIGHEST_PRICE_EUR = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """A quantity that was measured in equal intervals.

    Attributes
    ----------
    place : str
        Where it stands, as messages name it.
    keys : tuple of str
        Whose readings they are; one "" where there is one series only.
    values : array, shape (intervals, keys)
        The readings, NaN where there is none.
    start_us, interval_us : int
        When the first interval starts, in microseconds of UTC since 1970; length of each [µs].
    zone : ZoneInfo
        Zone whose clocks name the times.
    unit : str
        Unit of the readings.
    """

    place: str
    keys: tuple[str, ...]
    values: FloatArray
    start_us: int
    interval_us: int
    zone: ZoneInfo
    unit: str = "kWh"

    @property
    def hours(self) -> float:
        """Length of the measurement [h]."""
        return len(self.values) * self.interval_us / HOUR_US

    def time(self, interval: int) -> str:
        """Return when an interval starts."""
        return shown(self.start_us + interval * self.interval_us, self.zone)

    def whose(self, key: int) -> str:
        """Return the name of a series in a message."""
        return f"'{self.keys[key]}'" if self.keys[key] else "the series"

    def annual(self) -> FloatArray:
        """Return the mean of each series over a year, NaN where it has no reading, shape (keys,).

        The mean power goes on for 8,760 hours, whatever the season.
        """
        there = np.count_nonzero(~np.isnan(self.values), axis=0)
        total = np.nansum(self.values, axis=0)
        per_year = YEAR_H * HOUR_US / self.interval_us
        return np.where(there > 0, total / np.maximum(there, 1) * per_year, np.nan)


def spikes(readings: Readings) -> Iterator[Problem]:
    """Yield warnings of values above 100 times the highest of all others of their series."""
    values = readings.values
    most = max(int(len(values) * SPIKE_SHARE), 1)
    if len(values) < FEWEST:
        return
    size = np.nan_to_num(np.abs(values))
    top = -np.sort(-np.partition(size, len(size) - most - 1, axis=0)[-most - 1 :], axis=0)
    gap = (top[:-1] > SPIKE * top[1:]) & (top[1:] > 0)
    found = []
    for key in np.flatnonzero(gap.any(axis=0)).tolist():
        last = int(np.flatnonzero(gap[:, key]).max())
        lowest, others = float(top[last, key]), float(top[last + 1, key])
        at = np.flatnonzero((size[:, key] >= lowest) & (values[:, key] > 0))
        if at.size == 0:
            continue
        more = f" and {at.size - 1:,} more values" if at.size > 1 else ""
        found.append(
            f"{readings.whose(key)} has {values[at[0], key]:,g} {readings.unit} at "
            f"{readings.time(int(at[0]))}{more}, above {SPIKE:g} times the highest of all others, "
            f"{others:,g}"
        )
    yield from _at(readings, found)


def negative(readings: Readings, generates: NDArray[np.bool_]) -> Iterator[Problem]:
    """Yield warnings of loads below 0 of members without generation.

    Parameters
    ----------
    readings : Readings
        Loads.
    generates : array of bool, shape (keys,)
        Whether a member is known to generate energy.
    """
    below = readings.values < 0
    found = []
    for key in np.flatnonzero(below.any(axis=0) & ~generates).tolist():
        at = int(np.nanargmin(readings.values[:, key]))
        count = int(np.count_nonzero(below[:, key]))
        found.append(
            f"{readings.whose(key)} is below 0 in {count:,} of {len(below):,} intervals, lowest "
            f"{readings.values[at, key]:,g} {readings.unit} at {readings.time(at)}: plausible only "
            "where it generates energy"
        )
    yield from _at(readings, found)


def registers(readings: Readings) -> Iterator[Problem]:
    """Yield warnings of series that only rise, as the register of a meter does."""
    found = []
    for key in range(len(readings.keys)):
        column = readings.values[:, key]
        there = column[~np.isnan(column)]
        steps = np.diff(there)
        if there.size < FEWEST_OF_A_REGISTER or not (steps > 0).mean() > 0.5:
            continue
        if (steps < 0).mean() <= FALLS_OF_A_REGISTER:
            found.append(
                f"{readings.whose(key)} only rises, from {there[0]:,g} to {there.max():,g} "
                f"{readings.unit}: "
                "readings of a meter's register are no energies of intervals, their differences are"
            )
    yield from _at(readings, found)


def household_energy(readings: Readings, households: NDArray[np.bool_]) -> Iterator[Problem]:
    """Yield warnings of households that use too much or too little to be one.

    Parameters
    ----------
    readings : Readings
        Loads.
    households : array of bool, shape (keys,)
        Which members are households.
    """
    if readings.hours < 24.0:
        return
    annual = np.where(households, readings.annual(), np.nan)
    found = [
        f"{readings.whose(key)} amounts to {unusual}"
        for key in np.flatnonzero(~np.isnan(annual)).tolist()
        if (unusual := unusual_household(float(annual[key])))
    ]
    yield from _at(readings, found)


def unusual_household(annual_kwh: float) -> str:
    """Return what is unusual about the energy of a household in a year; "" where nothing is."""
    low, high = HOUSEHOLD_KWH
    # A negative mean is that of a household that generates, of which `negative` warns.
    if 0 < annual_kwh < low or annual_kwh > high:
        unit = "Wh" if annual_kwh > high else "MWh"
        shown_kwh = f"{annual_kwh:,.0f}" if annual_kwh > high else f"{annual_kwh:.3g}"
        return (
            f"{shown_kwh} kWh in a year, outside the {low:,.0f} to {high:,.0f} kWh of a household: "
            f"perhaps it is in {unit}"
        )
    return ""


def other_consumption(readings: Readings, stated_kwh: FloatArray) -> Iterator[Problem]:
    """Yield a warning of members whose load adds up to another consumption than is stated.

    Parameters
    ----------
    readings : Readings
        Loads, of any length: their mean power is compared with that of the year, within 10 % for a
        year, a factor of 4 for a part of one, and of 20 for less than a day.
    stated_kwh : array, shape (keys,)
        Stated consumption of a year, NaN for none [kWh].
    """
    tolerance = next(factor for least_h, factor in TOLERANCES if readings.hours >= least_h)
    annual = readings.annual()
    with np.errstate(invalid="ignore"):
        off = (annual > tolerance * stated_kwh) | (annual < stated_kwh / tolerance)
    which = np.flatnonzero(off)
    if which.size == 0:
        return
    first = int(which[0])
    # Loads in Wh, allowing for the season.
    unit = "; perhaps they are in Wh" if 250 < annual[first] / stated_kwh[first] < 4000 else ""
    yield Problem(
        readings.place,
        f"the profiles of {counted(which.size, 'member')} amount to another consumption than "
        f"annual_kwh: "
        f"{readings.whose(first)} to {annual[first]:,.0f} kWh in a year, not "
        f"{stated_kwh[first]:,.0f}{unit}",
    )


def highest_price(currency: str) -> float:
    """Return the highest plausible price [money/kWh]; infinity where no exchange rate is known."""
    if currency not in UNITS_PER_USD:
        return np.inf
    return HIGHEST_PRICE_EUR * exchange_rate("EUR", currency)


def unlikely_price(currency: str) -> str:
    """Return why a price is too high to be per kWh."""
    return (
        f"above {highest_price(currency):,.3g} {currency}/kWh: perhaps they are per MWh, or in "
        "hundredths"
    )


def price_unit(readings: Readings, currency: str) -> Iterator[Problem]:
    """Yield a warning of prices that are too high to be per kWh."""
    mean = float(np.nanmean(np.abs(readings.values)))
    if mean > highest_price(currency):
        yield Problem(
            readings.place,
            f"prices are {mean:,.4g} {currency}/kWh in the mean, {unlikely_price(currency)}",
        )


def _at(readings: Readings, messages: list[str]) -> list[Problem]:
    return shortened([Problem(readings.place, message) for message in messages], SHOWN)
