"""What members that answer to a price would exchange at every price, as one type for all.

An answer never rises with the price. It is a constant, less clipped lines, less jumps: a battery
without losses is one clipped line, one with losses two lines with a dead band between them, a load
with a price elasticity one line, a threshold a jump. The demand of a community is the sum of the
answers of all its members.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import is_one
from hmesh.environment.compiled import compiled_for, whole
from hmesh.environment.row_threads import over_rows
from hmesh.markets.answer_kernels import one_line, two_lines
from hmesh.markets.vehicle_response import FloatOrArray, best_response, switching_price


def no_lines() -> FloatArray:
    """Return the prices and energies of no line and no jump."""
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Answers:
    """The sum of several answers.

    Attributes
    ----------
    saturated_kwh : float
        What all together exchange when the price is low enough, loads that do not answer included
        [kWh].
    full_price, empty_price : array, shape (lines,)
        Prices at which each line begins and ceases to fall [money/kWh];
        ``full_price <= empty_price``.
    slope : array, shape (lines,)
        kWh less for every money/kWh in between, at least 0.
    dead_bands : int
        How many batteries have two lines: the first so many lines are their charging, as many after
        these their discharging, in the same order. All other lines stand alone.
    jump_price, jump_kwh : array, shape (jumps,)
        Prices above which the answers fall at once [money/kWh], and by how much [kWh]; at the
        price itself they have not fallen yet.
    parts : tuple of Answers, or of Bends
        The same lines and jumps block by block, of batteries whose rows are in several fixed
        blocks (`hmesh.environment.row_blocks`): demand curves are made of them, whichever process
        holds a block. Empty where they are in one. Lines that the parts list may be left out of
        the columns above (`with_lines`).
    curves : dict
        Demand curves that were computed of them, by the ends of each.
    limits : dict
        Prices that keep limits, as `prices_within` found them, by what it was asked.
    """

    saturated_kwh: float
    full_price: FloatArray
    empty_price: FloatArray
    slope: FloatArray
    dead_bands: int = 0
    jump_price: FloatArray = field(default_factory=no_lines)
    jump_kwh: FloatArray = field(default_factory=no_lines)
    parts: tuple[Any, ...] = field(default=(), repr=False, compare=False)
    curves: dict[tuple[float, float], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    limits: dict[tuple[float, float, float, float], tuple[float, float]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def lines(self) -> int:
        """How many lines there are, in all blocks."""
        return sum(part.lines for part in self.parts) if self.parts else len(self.slope)

    @property
    def answering(self) -> bool:
        """Whether anybody answers, even if the bounds of all allow one energy only."""
        return bool(self.parts) or len(self.slope) > 0 or len(self.jump_price) > 0


def demand_at(answers: Answers, price: float) -> float:
    """Return what several answers amount to at one price, up to rounding [kWh].

    It needs no sorting, so that for a few prices it is much faster than a demand curve.

    Parameters
    ----------
    answers : Answers
        The sum of several answers.
    price : float
        Price [money/kWh].
    """
    answers = with_lines(answers)
    fallen = np.clip(price, answers.full_price, answers.empty_price)
    fallen -= answers.full_price
    demand = answers.saturated_kwh - float(np.einsum("i,i->", fallen, answers.slope))
    if len(answers.jump_price):
        demand -= float(answers.jump_kwh[answers.jump_price < price].sum())
    return demand


def unbounded_line(answers: Answers, price: float) -> tuple[float, float]:
    """Return the line on which the answers would be at a price if no bound were met.

    Parameters
    ----------
    answers : Answers
        The sum of several answers.
    price : float
        Price [money/kWh]. A battery with a dead band is taken on its charging line up to the middle
        of it, and on its discharging line above; minus infinity takes all that charge.

    Returns
    -------
    intercept_kwh, slope : float
        The answers amount to ``intercept_kwh - slope * p`` [kWh, kWh^2/money].
    """
    answers = with_lines(answers)
    bands, slope, full = answers.dead_bands, answers.slope, answers.full_price
    intercepts = slope * full
    if bands:
        empty = answers.empty_price[:bands]
        discharging = price > 0.5 * (empty + full[bands : 2 * bands])
        used = np.ones(len(slope), dtype=np.bool_)
        used[:bands] = ~discharging
        used[bands : 2 * bands] = discharging
        charged = slope[:bands] * (empty - full[:bands])
        intercepts = np.where(used, intercepts, 0.0)
        intercepts[:bands] -= np.where(discharging, charged, 0.0)
        slope = np.where(used, slope, 0.0)
    intercept = answers.saturated_kwh + intercepts.sum()
    if len(answers.jump_price):
        intercept -= answers.jump_kwh[answers.jump_price < price].sum()
    return float(intercept), float(slope.sum())


def inelastic_answer(energy_kwh: float) -> Answers:
    """Return the answer of a load that does not answer to prices [kWh]."""
    return Answers(energy_kwh, no_lines(), no_lines(), no_lines())


def battery_answers(
    fixed_kwh: float,
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
    charge_efficiency: FloatOrArray = 1.0,
    discharge_efficiency: FloatOrArray = 1.0,
) -> Answers:
    """Return what batteries exchange at every price, plus an inelastic load.

    Parameters
    ----------
    fixed_kwh : float
        Load that does not answer to prices [kWh].
    lam, theta : float or array, shape (n,)
        As in `hmesh.markets.best_response`.
    usable_kwh, lower_kwh, upper_kwh : array, shape (n,)
        Likewise.
    charge_efficiency, discharge_efficiency : float or array, shape (n,), optional
        Likewise. A battery without losses has one line.

    Notes
    -----
    It charges all it can up to the price ``eta_c (v - theta eta_c upper)`` and nothing from
    ``eta_c v`` on; it discharges from ``v / eta_d`` on and all it can from
    ``(v - theta lower / eta_d) / eta_d`` on, ``v = lam - theta usable``. Where ``v`` is below 0
    its answer jumps from one line to the other at `hmesh.markets.switching_price`. Source:
    Khwanrit (2024), eq. (5.16) with bounds, extended by losses.
    """
    saturated_kwh = fixed_kwh + float(upper_kwh.sum())
    if is_one(charge_efficiency) and is_one(discharge_efficiency):
        return Answers(
            saturated_kwh, *_one_line(lam, theta, usable_kwh, lower_kwh, upper_kwh)
        )  # fmt: skip
    columns: tuple[FloatOrArray, ...] = (
        lam, theta, usable_kwh, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency
    )  # fmt: skip
    lossless = np.equal(charge_efficiency, 1.0) & np.equal(discharge_efficiency, 1.0)
    if not lossless.any():
        return _two_lines(saturated_kwh, *columns)
    lossless = np.broadcast_to(lossless, usable_kwh.shape)
    some = [_rows(column, lossless) for column in columns[:5]]
    others = [_rows(column, ~lossless) for column in columns]
    return sum_of_answers(
        (_two_lines(saturated_kwh, *others), Answers(0.0, *_one_line(*some))),
    )  # fmt: skip


def sum_of_answers(parts: Sequence[Answers]) -> Answers:
    """Return what all of several answers amount to together."""

    def joined(name: str) -> FloatArray:
        columns = [(getattr(part, name), part.dead_bands) for part in parts]
        return np.concatenate(
            [column[:bands] for column, bands in columns]
            + [column[bands : 2 * bands] for column, bands in columns]
            + [column[2 * bands :] for column, bands in columns]
        )

    blocks: tuple[Any, ...] = ()
    if any(part.parts for part in parts):
        blocks = tuple(block for part in parts for block in part.parts or (part,))
    return Answers(
        sum(part.saturated_kwh for part in parts),
        joined("full_price"),
        joined("empty_price"),
        joined("slope"),
        sum(part.dead_bands for part in parts),
        np.concatenate([part.jump_price for part in parts]),
        np.concatenate([part.jump_kwh for part in parts]),
        blocks,
    )


def with_lines(answers: Answers) -> Answers:
    """Return answers with all of their lines, of which the parts may list some alone.

    Raises
    ------
    NotImplementedError
        When some lines are known as a curve alone.
    """
    if not all(isinstance(part, Answers) for part in answers.parts):
        raise NotImplementedError("single lines are unknown of batteries that workers hold")
    if not answers.parts or len(answers.slope) or len(answers.jump_price):
        return answers
    whole = sum_of_answers(answers.parts)
    return replace(whole, saturated_kwh=answers.saturated_kwh, parts=answers.parts)


def _rows(column: FloatOrArray, chosen: NDArray[np.bool_]) -> FloatArray:
    """Return some rows of a column, which may be one number for all."""
    return np.asarray(np.broadcast_to(column, chosen.shape)[chosen])


def _one_line(
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return where the lines of batteries without losses begin and end, and their slopes."""
    if compiled_for(len(usable_kwh)):
        full, empty = np.empty((2, len(usable_kwh)))
        columns = (whole(each, usable_kwh) for each in (lam, theta))
        bounds = (np.ascontiguousarray(each) for each in (usable_kwh, lower_kwh, upper_kwh))
        over_rows(one_line, *columns, *bounds, full, empty)
        return full, empty, np.broadcast_to(1.0 / np.asarray(theta), usable_kwh.shape)
    return (
        _price_at_bound(lam, theta, usable_kwh, upper_kwh),
        _price_at_bound(lam, theta, usable_kwh, lower_kwh),
        np.broadcast_to(1.0 / np.asarray(theta), usable_kwh.shape),
    )


def _price_at_bound(
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatArray,
    bound_kwh: FloatArray,
) -> FloatArray:
    """Return the price at which the unbounded answer meets a bound."""
    held = usable_kwh + bound_kwh
    held *= theta
    return np.subtract(lam, held, out=held)


def _two_lines(
    saturated_kwh: float,
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatOrArray,
    lower_kwh: FloatOrArray,
    upper_kwh: FloatOrArray,
    charge_efficiency: FloatOrArray,
    discharge_efficiency: FloatOrArray,
) -> Answers:
    """Return the answers of batteries with losses."""
    if isinstance(usable_kwh, np.ndarray) and compiled_for(len(usable_kwh)):
        count = len(usable_kwh)
        lines = np.empty((3, 2 * count))
        given = (
            lam, theta, usable_kwh, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency
        )  # fmt: skip
        room = (*lines[:, :count], *lines[:, count:])
        if all(over_rows(two_lines, *(whole(each, usable_kwh) for each in given), *room)):
            return Answers(saturated_kwh, lines[0], lines[1], lines[2], count)
    value = np.asarray(lam - np.multiply(theta, usable_kwh))
    count = len(value)
    full, empty, slope = np.empty((3, 2 * count))
    charging, discharging = slice(0, count), slice(count, 2 * count)
    np.multiply(value, charge_efficiency, out=empty[charging])
    falls = np.multiply(theta, np.multiply(charge_efficiency, charge_efficiency))
    np.multiply(upper_kwh, falls, out=full[charging])
    np.subtract(empty[charging], full[charging], out=full[charging])
    slope[charging] = 1.0 / falls
    np.divide(value, discharge_efficiency, out=full[discharging])
    falls = theta / np.multiply(discharge_efficiency, discharge_efficiency)
    np.multiply(lower_kwh, falls, out=empty[discharging])
    np.subtract(full[discharging], empty[discharging], out=empty[discharging])
    slope[discharging] = 1.0 / falls
    jump_price = jump_kwh = no_lines()
    unwanted = value < 0.0
    if unwanted.any():
        rows = np.flatnonzero(unwanted)
        columns = [
            _rows(column, unwanted)
            for column in (theta, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency)
        ]
        switch = switching_price(value[rows], *columns)
        below, above = (
            best_response(price, value[rows], columns[0], 0.0, *columns[1:])
            for price in (switch, np.nextafter(switch, np.inf))
        )
        # Each line without what lies on the other side of the jump.
        empty[rows] = np.maximum(np.minimum(switch, empty[rows]), full[rows])
        rows += count
        full[rows] = np.minimum(np.maximum(switch, full[rows]), empty[rows])
        jumps = below > above
        jump_price, jump_kwh = switch[jumps], (below - above)[jumps]
    return Answers(saturated_kwh, full, empty, slope, count, jump_price, jump_kwh)
