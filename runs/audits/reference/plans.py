"""What a battery answers that plans at expected prices, stated plainly.

A kWh more is worth what it brings at best: charged into the store at the price of a later step,
taken from it, or left in it. So the value before a step follows from that after it, at every energy
by itself.
"""

from dataclasses import dataclass

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray

# Prices nearer than this to the end of a line count as on both sides of it, of the price.
_CLOSE = 1e-9
# A line that is no wider is a jump [money/kWh].
_JUMP = 1e-9


@dataclass(frozen=True, slots=True)
class PlanningBatteries:
    """Batteries that plan; arrays of shape (n,).

    Attributes
    ----------
    lam, theta : array
        Marginal utility at zero of energy held at the end [money/kWh], and its slope [money/kWh^2].
    room_kwh : array
        Energy above the lowest state of charge that each can hold [kWh].
    charge_kwh, discharge_kwh : array
        What each can draw and deliver at its plug in a step [kWh].
    into, out_of : array
        Stored for each kWh drawn, and delivered for each kWh taken from the store [-].
    """

    lam: FloatArray
    theta: FloatArray
    room_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    into: FloatArray
    out_of: FloatArray

    def values(self, prices: FloatArray, levels: int) -> FloatArray:
        """Return what one more kWh is worth before some steps, shape (n, levels) [money/kWh].

        Parameters
        ----------
        prices : array, shape (steps, n)
            Of each battery in the coming steps, the next one first.
        levels : int
            How many energies are looked at, from empty to full.
        """
        last = levels - 1
        apart = self.room_kwh / last
        rise, fall = self.charge_kwh * self.into / apart, self.discharge_kwh / self.out_of / apart
        value = np.stack([self.lam - self.theta * (k * apart) for k in range(levels)], axis=1)
        for price in prices[::-1]:
            cost, income = price / self.into, price * self.out_of
            before = np.empty_like(value)
            for k in range(levels):
                # Above full nothing is bought; below empty everything is sold.
                more = np.where(k + rise > last, -np.inf, _between(value, k + rise))
                less = np.where(k - fall < 0, np.inf, _between(value, k - fall))
                kept = np.minimum(cost, value[:, k])
                before[:, k] = np.maximum(np.maximum(more, np.minimum(income, less)), kept)
            value = before
        return value

    def wrong_by(
        self,
        value: FloatArray,
        usable_kwh: FloatArray,
        bounds: tuple[FloatArray, FloatArray],
        price: FloatArray,
        exchange_kwh: FloatArray,
    ) -> FloatArray:
        """Return how far exchanges are from what the values of a plan ask for [kWh].

        Parameters
        ----------
        value : array
            As of `values`, after the step.
        usable_kwh : array
            Energy above the lowest state of charge that each holds [kWh].
        bounds : pair of array
            What each can exchange at least and at most [kWh].
        price : array
            That it pays [money/kWh].
        exchange_kwh : array
            What it exchanges [kWh].
        """
        near = _CLOSE * (1.0 + np.abs(price))
        most = self._exchange(value, usable_kwh, bounds, price - near)
        least = self._exchange(value, usable_kwh, bounds, price + near)
        return np.maximum(np.maximum(least - exchange_kwh, exchange_kwh - most), 0.0)

    def _exchange(
        self,
        value: FloatArray,
        usable_kwh: FloatArray,
        bounds: tuple[FloatArray, FloatArray],
        price: FloatArray,
    ) -> FloatArray:
        """Return what each exchanges at a price [kWh]."""
        lower, upper = bounds

        def worth(held: FloatArray) -> FloatArray:
            at = np.clip(held / self.room_kwh, 0.0, 1.0) * (value.shape[1] - 1)
            return np.maximum(_between(value, at), 0.0)

        now = worth(usable_kwh)
        full, empty = worth(usable_kwh + self.into * upper), worth(usable_kwh + lower / self.out_of)
        bought = _falling(price, self.into * full, self.into * now)
        kept = _falling(price, now / self.out_of, empty / self.out_of)
        return upper * bought - -lower * (1.0 - kept)


def _between(value: FloatArray, at: FloatArray) -> FloatArray:
    """Return values between two levels, of which each has its place."""
    low = np.clip(np.floor(at), 0, value.shape[1] - 2).astype(np.intp)
    every = np.arange(len(value))
    part = np.clip(at - low, 0.0, 1.0)
    first, second = value[every, low], value[every, low + 1]
    return np.asarray(first + part * (second - first))


def _falling(price: FloatArray, begins: FloatArray, ends: FloatArray) -> FloatArray:
    """Return 1 below a price, 0 above another, and a line between them [-]."""
    width = ends - begins
    wide = width > _JUMP
    line = (ends - price) / np.where(wide, width, 1.0)
    return np.where(wide, np.clip(line, 0.0, 1.0), np.where(price <= begins, 1.0, 0.0))


def expected_prices(
    asked: FloatArray, steps: int, start: float, kind: str, day_slots: int
) -> FloatArray:
    """Return the prices that members expect from a step on, shape (steps, communities).

    Parameters
    ----------
    asked : array, shape (steps, communities)
        What communities asked in the steps before, all of them known.
    steps : int
        How many are expected.
    start : float
        The price of the days before the run [money/kWh].
    kind : str
        ``yesterday``, ``last_week``, ``last`` or ``constant``.
    day_slots : int
        Steps of a day.
    """
    places = asked.shape[1]
    if kind == "constant":
        return np.full((steps, places), start)
    found = np.full((steps, places), start)
    season = {"yesterday": day_slots, "last_week": 7 * day_slots, "last": 1}[kind]
    for k in range(steps):
        back = len(asked) - season + k % season
        if back >= 0:
            found[k] = asked[back]
    return found
