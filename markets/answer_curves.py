"""Answers to every price at once, as batteries send them: a row of numbers for each battery."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import Answers, battery_answers
from hmesh.markets.school_response import price_of_surplus, school_response
from hmesh.markets.vehicle_response import FloatOrArray

# What all together say of a battery: what it buys at the lowest price, its line or its charging
# line, its discharging line, its jump, a line more where it wants energy by its departure, and a
# jump more where a behaviour has two. A slope or an energy of 0 means that there is none.
COLUMNS = (
    "saturated_kwh",
    "full_price", "empty_price", "slope",
    "second_full_price", "second_empty_price", "second_slope",
    "jump_price", "jump_kwh",
    "third_full_price", "third_empty_price", "third_slope",
    "second_jump_price", "second_jump_kwh",
)  # fmt: skip
SUPPLY_COLUMNS = ("from_price", "to_price", "slope", "surplus_price", "surplus_kwh")
SATURATED, FIRST, SECOND, JUMP, THIRD = 0, slice(1, 4), slice(4, 7), slice(7, 9), slice(9, 12)
SECOND_JUMP = slice(12, 14)


def battery_curves(
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
    charge_efficiency: FloatOrArray = 1.0,
    discharge_efficiency: FloatOrArray = 1.0,
) -> FloatArray:
    """Return the answer of each battery to every price.

    Parameters
    ----------
    lam, theta, usable_kwh, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency : \
    float or array, float or array, array, array, array, float or array, float or array
        As in `hmesh.markets.answers.battery_answers`.

    Returns
    -------
    array, shape (n, 14)
        The quantities of `COLUMNS` of each [kWh, money/kWh, kWh^2/money].
    """
    count = len(usable_kwh)
    curves = np.zeros((count, len(COLUMNS)))
    curves[:, SATURATED] = upper_kwh
    columns = [
        np.broadcast_to(column, count)
        for column in (
            lam, theta, usable_kwh, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency
        )
    ]  # fmt: skip
    lossless = (columns[5] == 1.0) & (columns[6] == 1.0)
    for rows in (np.flatnonzero(lossless), np.flatnonzero(~lossless)):
        if not len(rows):
            continue
        reported = battery_answers(0.0, *(column[rows] for column in columns))
        lines = np.stack((reported.full_price, reported.empty_price, reported.slope), axis=1)
        curves[rows, FIRST] = lines[: len(rows)]
        if reported.dead_bands:
            curves[rows, SECOND] = lines[len(rows) :]
        if len(reported.jump_price):
            # A battery that holds more than it values may jump from one line to the other.
            unwanted = columns[0][rows] - columns[1][rows] * columns[2][rows] < 0.0
            for row in rows[unwanted]:
                one = battery_answers(0.0, *(column[row : row + 1] for column in columns))
                curves[row] = answer_curve(one)
    return curves


def answer_curve(answers: Answers) -> FloatArray:
    """Return the answers of one battery as a row, shape (14,)."""
    curve = np.zeros(len(COLUMNS))
    curve[SATURATED] = answers.saturated_kwh
    lines = np.stack((answers.full_price, answers.empty_price, answers.slope), axis=1)
    for place, line in zip((FIRST, SECOND, THIRD), lines, strict=False):
        curve[place] = line
    if len(answers.jump_price):
        curve[JUMP] = answers.jump_price[0], answers.jump_kwh[0]
    return curve


def sum_of_curves(fixed_kwh: float, curves: FloatArray) -> Answers:
    """Return what batteries that stated their curves buy together, plus an inelastic load.

    Parameters
    ----------
    fixed_kwh : float
        Load that does not answer to prices [kWh].
    curves : array, shape (n, 14)
        As of `battery_curves`.
    """
    dead_band, jumps = curves[:, SECOND][:, 2] > 0.0, curves[:, JUMP][:, 1] > 0.0
    second_jump = curves[:, SECOND_JUMP][:, 1] > 0.0
    banded = curves[dead_band]
    lines = np.concatenate((banded[:, FIRST], banded[:, SECOND], curves[~dead_band, FIRST]))
    third = curves[:, THIRD][:, 2] > 0.0
    if third.any():
        lines = np.concatenate((lines, curves[third, THIRD]))
    full, empty, slope = np.ascontiguousarray(lines.T)
    jump_price, jump_kwh = np.ascontiguousarray(
        np.concatenate((curves[jumps, JUMP], curves[second_jump, SECOND_JUMP])).T
    )
    saturated = fixed_kwh + float(np.ascontiguousarray(curves[:, SATURATED]).sum())
    return Answers(saturated, full, empty, slope, len(banded), jump_price, jump_kwh)


def energy_of_curves(curves: FloatArray, price: float) -> FloatArray:
    """Return what each buys at a price by its curve [kWh], shape (n,).

    Parameters
    ----------
    curves : array, shape (n, 14)
        As of `battery_curves`.
    price : float
        Price of energy at the plug [money/kWh].
    """
    energy = curves[:, SATURATED].copy()
    for line in (FIRST, SECOND, THIRD):
        full, empty, slope = curves[:, line].T
        if slope.any():
            energy -= slope * (np.clip(price, full, empty) - full)
    for jump in (JUMP, SECOND_JUMP):
        at, fall = curves[:, jump].T
        if fall.any():
            energy -= np.where(at < price, fall, 0.0)
    return energy


def constant_curves(energy_kwh: FloatArray) -> FloatArray:
    """Return the curves of those that buy one energy whatever the price, shape (n, 14)."""
    curves = np.zeros((len(energy_kwh), len(COLUMNS)))
    curves[:, SATURATED] = energy_kwh
    return curves


def threshold_curves(
    charge_below: FloatOrArray,
    sell_above: FloatOrArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> FloatArray:
    """Return the curves of those that charge or discharge all they can by two prices.

    Parameters
    ----------
    charge_below : float or array, shape (n,)
        Price up to which each charges all it can [money/kWh]; infinite: at any price.
    sell_above : float or array, shape (n,)
        Price above which it discharges all it can [money/kWh], no lower; infinite: at none.
    lower_kwh, upper_kwh : array, shape (n,)
        What it can exchange at least and at most [kWh].

    Returns
    -------
    array, shape (n, 14)
        The quantities of `COLUMNS` of each.
    """
    curves = constant_curves(upper_kwh)
    idle = np.clip(0.0, lower_kwh, upper_kwh)
    curves[:, JUMP] = np.stack(np.broadcast_arrays(charge_below, upper_kwh - idle), axis=1)
    curves[:, SECOND_JUMP] = np.stack(np.broadcast_arrays(sell_above, idle - lower_kwh), axis=1)
    # A price that never comes is no jump.
    for jump in (JUMP, SECOND_JUMP):
        never = np.isposinf(curves[:, jump][:, 0])
        curves[never, jump] = 0.0
    return curves


def school_curves(
    lam: FloatArray,
    theta: FloatArray,
    average_price: FloatArray,
    stored_kwh: FloatArray,
    upper_kwh: FloatArray,
    *,
    saturates: bool | NDArray[np.bool_] = True,
    discharge_efficiency: FloatOrArray = 1.0,
) -> FloatArray:
    """Return what each school sells at every incentive price.

    Parameters
    ----------
    lam, theta, average_price, stored_kwh, upper_kwh, saturates, discharge_efficiency : array, \
    array, array, array, array, bool or array of bool, float or array
        As in `hmesh.markets.school_response.school_response`.

    Returns
    -------
    array, shape (schools, 5)
        The quantities of `SUPPLY_COLUMNS` of each: the prices between which it sells more with
        the price, how much more, and what it sells at once from the price of its surplus on
        [money/kWh, kWh^2/money, kWh].
    """
    columns = (lam, theta, average_price, stored_kwh, upper_kwh)
    marginal = lam + average_price - theta * stored_kwh
    begins = marginal / discharge_efficiency
    slope = np.square(discharge_efficiency) / theta
    ends = begins + upper_kwh / slope
    surplus_price = price_of_surplus(average_price, discharge_efficiency)
    at_once = np.where(
        saturates,
        school_response(
            surplus_price, *columns, saturates=saturates, discharge_efficiency=discharge_efficiency
        ),
        0.0,
    )
    # What it would sell below the price of its surplus it sells at once when that is reached.
    first = np.where(saturates, np.maximum(begins, surplus_price), begins)
    return np.stack((np.minimum(first, ends), ends, slope, surplus_price, at_once), axis=1)


def supply_kwh(curves: FloatArray, price: float) -> FloatArray:
    """Return what each school sells at a price by its curve [kWh], shape (schools,).

    Parameters
    ----------
    curves : array, shape (schools, 5)
        As of `school_curves`.
    price : float
        Incentive price [money/kWh].
    """
    first, ends, slope, surplus_price, at_once = curves.T
    on_line = slope * (np.clip(price, first, ends) - first)
    return np.asarray(on_line + np.where(price >= surplus_price, at_once, 0.0))
