"""What energy held is worth to a battery that plans its next hours at expected prices.

The plan maximises what the energy left at its end is worth, less what is bought and plus what is
sold until then. Its value is concave in the energy held, so that its slope, the shadow price of
energy, falls with every kWh: each step of the plan caps it by the price at which energy can be
bought then, and floors it by the price at which it can be sold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.answer_curves import FIRST, JUMP, SECOND, SECOND_JUMP, constant_curves

type Array = NDArray[np.float64]

# Batteries whose values stay in the cache of a core.
CACHED = 2**11
# A line of less width than this is a jump [money/kWh].
NARROW = 1e-9


@dataclass(frozen=True, slots=True)
class PlanningStores:
    """Batteries that plan.

    Attributes
    ----------
    lam, theta : array, shape (n,)
        Value of the first kWh held at the end [money/kWh], and its fall [money/kWh^2].
    most_kwh : array, shape (n,)
        Energy above the lowest state of charge that each can hold [kWh], above 0.
    charge_kwh, discharge_kwh : array, shape (n,)
        What each can exchange at its plug in a step of the plan [kWh].
    charge_efficiency, discharge_efficiency : array, shape (n,)
        From the plug to the store and back, 0 < efficiency <= 1 [-].
    """

    lam: Array
    theta: Array
    most_kwh: Array
    charge_kwh: Array
    discharge_kwh: Array
    charge_efficiency: Array
    discharge_efficiency: Array

    def rows(self, here: slice) -> "PlanningStores":
        """Return some of them."""
        names = PlanningStores.__slots__
        return PlanningStores(*(getattr(self, name)[here] for name in names))


def value_of_energy(stores: PlanningStores, price: Array, levels: int) -> Array:
    """Return what one more kWh is worth before some steps of known prices.

    Parameters
    ----------
    stores : PlanningStores
        The batteries.
    price : array, shape (steps, n)
        Prices at the plug of each in the coming steps, the next one first [money/kWh].
    levels : int
        How many energies are looked at, evenly from empty to full, at least 2.

    Returns
    -------
    array, shape (n, levels)
        Marginal value at each energy [money/kWh], falling along a row.

    Notes
    -----
    With ``v`` the value after a step, ``c = p / eta_c`` what a stored kWh costs in it and ``s = p
    eta_d`` what a stored kWh brings, the value before it is ``max(c, v(e + eta_c x_max))`` where
    ``v(e) > c``, ``min(s, v(e - x_min / eta_d))`` where ``v(e) < s``, and ``v(e)`` between. Between
    two levels ``v`` is taken as a line.
    """
    found = np.empty((len(stores.lam), levels))
    for start in range(0, len(found), CACHED):
        here = slice(start, start + CACHED)
        found[here] = _values(stores.rows(here), price[:, here], levels)
    return found


def _values(stores: PlanningStores, price: Array, levels: int) -> Array:
    spacing = stores.most_kwh / (levels - 1)
    energy = np.arange(levels) * spacing[:, None]
    value = stores.lam[:, None] - stores.theta[:, None] * energy
    into, out_of = stores.charge_efficiency, stores.discharge_efficiency
    up = _Shift.of(stores.charge_kwh * into / spacing, levels)
    down = _Shift.of(-stores.discharge_kwh / out_of / spacing, levels)
    for at in price[::-1]:
        cost, income = (at / into)[:, None], (at * out_of)[:, None]
        filled = np.maximum(cost, up.moved(value, -np.inf))
        emptied = np.minimum(income, down.moved(value, np.inf))
        value = np.where(value > cost, filled, np.where(value < income, emptied, value))
    return value


@dataclass(frozen=True, slots=True)
class _Shift:
    """By how many levels energy moves in a step, and where that is beyond empty or full."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    part: Array
    beyond: NDArray[np.bool_]

    @classmethod
    def of(cls, by: Array, levels: int) -> "_Shift":
        at = np.arange(levels) + by[:, None]
        first = np.floor(at)
        beyond = (at > levels - 1) | (at < 0)
        low = np.clip(first, 0, levels - 1).astype(np.intp)
        return cls(low, np.minimum(low + 1, levels - 1), at - first, beyond)

    def moved(self, value: Array, beyond: float) -> Array:
        low = np.take_along_axis(value, self.first, axis=1)
        high = np.take_along_axis(value, self.second, axis=1)
        return np.where(self.beyond, beyond, low + self.part * (high - low))


def value_at(value: Array, energy_kwh: Array, most_kwh: Array) -> Array:
    """Return what one more kWh is worth to each at an energy that it holds [money/kWh].

    Parameters
    ----------
    value : array, shape (n, levels)
        As of `value_of_energy`.
    energy_kwh, most_kwh : array, shape (n,)
        Energy above the lowest state of charge, and the most that each can hold [kWh].
    """
    levels = value.shape[1]
    at = np.clip(energy_kwh / most_kwh, 0.0, 1.0) * (levels - 1)
    low = np.minimum(at.astype(np.intp), levels - 2)
    first = np.take_along_axis(value, low[:, None], axis=1)[:, 0]
    second = np.take_along_axis(value, low[:, None] + 1, axis=1)[:, 0]
    return np.asarray(first + (at - low) * (second - first))


def planned_curves(
    stores: PlanningStores, value: Array, usable_kwh: Array, lower_kwh: Array, upper_kwh: Array
) -> Array:
    """Return the answer of each to every price, two clipped lines, rows of `answer_curves.COLUMNS`.

    Parameters
    ----------
    stores : PlanningStores
        The batteries.
    value : array, shape (n, levels)
        What energy is worth after the step.
    usable_kwh : array, shape (n,)
        Energy above the lowest state of charge that each holds [kWh].
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange in the step at least and at most, ``lower_kwh <= 0 <= upper_kwh``.

    Notes
    -----
    It charges up to ``eta_c`` times the value of the energy held, falling to that of the energy
    held with all it can charge; it discharges from the value over ``eta_d`` on likewise. Between
    these ends the value is taken as a line. A value below 0 counts as 0.
    """
    into, out_of, most = stores.charge_efficiency, stores.discharge_efficiency, stores.most_kwh
    now, full, empty = (
        np.maximum(value_at(value, held, most), 0.0)
        for held in (usable_kwh, usable_kwh + into * upper_kwh, usable_kwh + lower_kwh / out_of)
    )
    curves = constant_curves(upper_kwh)
    lines = (
        (FIRST, JUMP, into * full, into * now, upper_kwh),
        (SECOND, SECOND_JUMP, now / out_of, empty / out_of, -lower_kwh),
    )
    for line, jump, begins, ends, falls in lines:
        width = ends - begins
        wide = width > NARROW
        slope = np.divide(falls, width, out=np.zeros_like(width), where=wide)
        curves[:, line] = np.stack((begins, ends, slope), axis=1)
        curves[:, jump] = np.stack((begins, np.where(wide, 0.0, falls)), axis=1)
    return curves
