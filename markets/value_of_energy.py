"""What energy held is worth to a battery that plans its next hours at expected prices.

The plan maximises what the energy left at its end is worth, less what is bought and plus what is
sold until then. Its value is concave in the energy held, so that its slope, the shadow price of
energy, falls with every kWh: each step of the plan caps it by the price at which energy can be
bought then, and floors it by the price at which it can be sold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.markets.answer_curves import FIRST, JUMP, SECOND, SECOND_JUMP, constant_curves
from hmesh.markets.answers import Answers
from hmesh.markets.plan_kernels import plan_values

# Batteries whose values stay in the cache of a core.
CACHED = 2**11
# What a step of a plan is in rows of other rules.
ROWS_A_STEP = 10
# Rows that are looked at before all are compared.
SAMPLE = 1000
# A line of less width than this is a jump [money/kWh].
NARROW = 1e-9


@dataclass(frozen=True, slots=True)
class PlanningStores:
    """Batteries that plan.

    Attributes
    ----------
    lam, theta : array, shape (n,)
        Marginal utility of energy held at the end: at zero [money/kWh], and its slope
        [money/kWh^2].
    most_kwh : array, shape (n,)
        Energy above the lowest state of charge that each can hold [kWh], above 0.
    charge_kwh, discharge_kwh : array, shape (n,)
        What each can exchange at its plug in a step of the plan [kWh].
    charge_efficiency, discharge_efficiency : array, shape (n,)
        From the plug to the store and back, 0 < efficiency <= 1 [-].
    """

    lam: FloatArray
    theta: FloatArray
    most_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray

    def rows(self, here: NDArray[np.intp]) -> "PlanningStores":
        """Return some of them."""
        names = PlanningStores.__slots__
        return PlanningStores(*(getattr(self, name)[here] for name in names))


def value_of_energy(
    stores: PlanningStores, price: FloatArray, place: NDArray[np.intp], levels: int
) -> FloatArray:
    """Return what one more kWh is worth before some steps of known prices.

    Parameters
    ----------
    stores : PlanningStores
        The batteries.
    price : array, shape (steps, places)
        Prices at the plugs of each place in the coming steps, the next one first [money/kWh].
    place : array of int, shape (n,)
        Where each battery is.
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
    ``v(e) > c``, ``min(s, v(e - x_min / eta_d))`` where ``v(e) < s``, and ``v(e)`` between. Since
    ``v`` falls, that is the largest of ``v(e + eta_c x_max)``, ``min(s, v(e - x_min / eta_d))``
    and ``min(c, v(e))``. Between two levels ``v`` is taken as a line. Batteries that are alike at
    the same place have the same value, which is worked out once.
    """
    names = PlanningStores.__slots__
    first, kind = alike([place, *(getattr(stores, name) for name in names)])
    some = PlanningStores(*(getattr(stores, name)[first] for name in names))
    there, moves = place[first], _Moves.of(some, levels)
    found = np.empty((len(first), levels))
    if compiled_for(ROWS_A_STEP * len(first) * len(price)):
        plan_values(
            some.lam, some.theta, some.most_kwh, some.charge_efficiency, some.discharge_efficiency,
            price, there.astype(np.int64), moves.up, moves.part_up, moves.down, moves.part_down,
            found,
        )  # fmt: skip
        return found if len(found) == len(place) else found[kind]
    for here in moves.in_blocks():
        found[here] = _values(some.rows(here), price[:, there[here]], moves.rows(here), levels).T
    return found if len(found) == len(place) else found[kind]


def alike(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first of each kind of rows, and the kind of each row.

    Parameters
    ----------
    columns : sequence of array, shape (n,)
        Quantities; rows are of one kind where all are equal.

    Returns
    -------
    first : array of int, shape (kinds,)
        A row of each kind.
    kind : array of int, shape (n,)
        The kind of each row. Where a quarter of the rows or more are different kinds, looking for
        others costs more than it saves, and each is a kind of its own.
    """
    count = len(columns[0])
    own = np.arange(count)
    kind, kinds = np.zeros(count, dtype=np.intp), 1
    first = own[:1]
    for column in columns:
        if count and (column == column[0]).all():
            continue
        if 4 * len(np.unique(column[:: max(count // SAMPLE, 1)])) > min(count, SAMPLE):
            return own, own
        values, code = np.unique(column, return_inverse=True)
        if 4 * len(values) > count:
            return own, own
        _, first, kind = np.unique(
            kind * len(values) + code, return_index=True, return_inverse=True
        )
        kinds = len(first)
        if 4 * kinds > count:
            return own, own
    return first, kind


@dataclass(frozen=True, slots=True)
class _Moves:
    """By how many levels energy moves where a step is used for charging or discharging alone.

    Charging moves it up by ``up`` whole levels and a part, discharging down by ``down`` whole
    levels less a part.
    """

    up: NDArray[np.intp]
    part_up: FloatArray
    down: NDArray[np.intp]
    part_down: FloatArray

    @classmethod
    def of(cls, stores: PlanningStores, levels: int) -> "_Moves":
        spacing = stores.most_kwh / (levels - 1)
        rise = stores.charge_kwh * stores.charge_efficiency / spacing
        fall = stores.discharge_kwh / stores.discharge_efficiency / spacing
        up, down = np.floor(rise), np.ceil(fall)
        # Beyond all levels one more makes no difference.
        most = (np.minimum(each, levels).astype(np.intp) for each in (up, down))
        return cls(next(most), rise - up, next(most), down - fall)

    def rows(self, here: NDArray[np.intp]) -> "_Moves":
        return _Moves(self.up[here], self.part_up[here], self.down[here], self.part_down[here])

    def in_blocks(self) -> Iterator[NDArray[np.intp]]:
        """Yield rows that move by the same whole levels, few enough for the cache of a core."""
        code = self.up * (int(self.down.max(initial=0)) + 1) + self.down
        order = np.argsort(code, kind="stable")
        ends = np.flatnonzero(np.diff(code[order])) + 1
        for same in np.split(order, ends):
            yield from np.split(same, range(CACHED, len(same), CACHED))


def _values(stores: PlanningStores, price: FloatArray, moves: _Moves, levels: int) -> FloatArray:
    """Return the values of batteries that move by the same whole levels, shape (levels, n)."""
    if not len(stores.lam):
        return np.empty((levels, 0))
    last, up, down = levels - 1, int(moves.up[0]), int(moves.down[0])
    energy = np.arange(levels)[:, None] * (stores.most_kwh / last)
    value, before = stores.lam - stores.theta * energy, np.empty_like(energy)
    falls, moved = np.empty((last, len(stores.lam))), np.empty_like(energy)
    for at in price[::-1]:
        cost, income = at / stores.charge_efficiency, at * stores.discharge_efficiency
        np.subtract(value[1:], value[:-1], out=falls)
        np.minimum(value, cost, out=before)
        # Beyond empty a kWh is worth more than any price, so that it is sold.
        moved[:down] = income
        if down == 0:
            np.minimum(value, income, out=moved)
        elif down <= last:
            np.multiply(falls[: levels - down], moves.part_down, out=moved[down:])
            np.add(moved[down:], value[: levels - down], out=moved[down:])
            np.minimum(moved[down:], income, out=moved[down:])
        np.maximum(before, moved, out=before)
        # Beyond full it is worth less than any, so that it is not bought.
        if up < last:
            filled = moved[: last - up]
            np.multiply(falls[up:], moves.part_up, out=filled)
            np.add(filled, value[up:last], out=filled)
            np.maximum(before[: last - up], filled, out=before[: last - up])
        if up <= last:
            just_full = np.where(moves.part_up == 0.0, value[last], -np.inf)
            np.maximum(before[last - up], just_full, out=before[last - up])
        value, before = before, value
    return value


def value_at(value: FloatArray, energy_kwh: FloatArray, most_kwh: FloatArray) -> FloatArray:
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
    cell, held = np.arange(0, value.size, levels) + low, value.reshape(-1)
    first = np.take(held, cell, mode="clip")
    rise = np.take(held, cell + 1, mode="clip") - first
    return np.asarray(first + (at - low) * rise)


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """What each battery buys at every price by its plan: a falling line, and another one below 0.

    Attributes
    ----------
    upper_kwh : array, shape (n,)
        What it buys at the lowest price [kWh].
    begins, ends, falls : array, shape (2, n)
        Between which prices it buys less, and how much less in all [money/kWh, kWh]: charging
        first, then discharging.
    """

    upper_kwh: FloatArray
    begins: FloatArray
    ends: FloatArray
    falls: FloatArray

    @property
    def wide(self) -> NDArray[np.bool_]:
        """Whether each fall is a line, and not a jump, shape (2, n)."""
        return np.asarray(self.ends - self.begins > NARROW)

    @property
    def slope(self) -> FloatArray:
        """By how much each falls with the price where it is a line [kWh^2/money], shape (2, n)."""
        width, wide = self.ends - self.begins, self.wide
        return np.asarray(np.divide(self.falls, width, out=np.zeros_like(width), where=wide))

    def curves(self) -> FloatArray:
        """Return the rows of `answer_curves.COLUMNS`, shape (n, 14)."""
        curves, wide, slope = constant_curves(self.upper_kwh), self.wide, self.slope
        for k, (line, jump) in enumerate(((FIRST, JUMP), (SECOND, SECOND_JUMP))):
            curves[:, line] = np.stack((self.begins[k], self.ends[k], slope[k]), axis=1)
            fall = np.where(wide[k], 0.0, self.falls[k])
            curves[:, jump] = np.stack((self.begins[k], fall), axis=1)
        return curves

    def together(self) -> Answers:
        """Return what all buy together at every price; equal jumps are one."""
        slope, wide = self.slope, self.wide
        charges, discharges = slope > 0.0
        both = charges & discharges
        one = np.flatnonzero(charges & ~both), np.flatnonzero(discharges & ~both)
        if not (both.any() or wide.any() or self.falls.any()):
            one = np.arange(len(slope[0])), one[1]  # Those that answer by one energy answer.
        full, empty, steep = (
            np.concatenate((each[0][both], each[1][both], each[0][one[0]], each[1][one[1]]))
            for each in (self.begins, self.ends, slope)
        )
        jumps = ~wide & (self.falls > 0.0)
        at, which = np.unique(self.begins[jumps], return_inverse=True)
        fall = np.bincount(which, self.falls[jumps], len(at))
        count = int(np.count_nonzero(both))
        return Answers(float(self.upper_kwh.sum()), full, empty, steep, count, at, fall)

    def energy_kwh(self, price: float) -> FloatArray:
        """Return what each buys at a price [kWh], shape (n,)."""
        begins, ends, falls, wide = self.begins, self.ends, self.falls, self.wide
        on_line = self.slope * (np.clip(price, begins, ends) - begins)
        fallen = np.where(wide, on_line, np.where(begins < price, falls, 0.0))
        return np.asarray(self.upper_kwh - fallen[0] - fallen[1])


def planned_answer(
    stores: PlanningStores,
    value: FloatArray,
    usable_kwh: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> PlannedAnswer:
    """Return the answer of each to every price: two clipped lines.

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
    begins, ends = np.stack((into * full, now / out_of)), np.stack((into * now, empty / out_of))
    return PlannedAnswer(upper_kwh, begins, ends, np.stack((upper_kwh, -lower_kwh)))
