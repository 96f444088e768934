"""What those exchange at every price that follow thresholds: one jump at each of them."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import Answers, no_lines
from hmesh.markets.vehicle_response import FloatOrArray


def threshold_answers(
    price: FloatOrArray, below_kwh: FloatOrArray, above_kwh: FloatOrArray = 0.0
) -> Answers:
    """Return the answers of those that exchange one energy up to a price and another above it.

    Parameters
    ----------
    price : float or array, shape (n,)
        Highest price at which each exchanges the first energy [money/kWh].
    below_kwh, above_kwh : float or array, shape (n,)
        The two energies [kWh], ``above_kwh <= below_kwh``.
    """
    jumps, below, above = (
        np.atleast_1d(np.asarray(column, dtype=np.float64))
        for column in np.broadcast_arrays(price, below_kwh, above_kwh)
    )
    saturated_kwh = float(below.sum())
    return Answers(saturated_kwh, no_lines(), no_lines(), no_lines(), 0, jumps, below - above)


def two_threshold_answers(
    charge_below: FloatOrArray,
    sell_above: FloatOrArray,
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> Answers:
    """Return the answers of those that charge up to a price and discharge above another.

    Parameters
    ----------
    charge_below, sell_above : float or array, shape (n,)
        The prices [money/kWh]; infinite: charges at any price, discharges at none.
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange at least and at most [kWh], ``lower_kwh <= 0 <= upper_kwh``.
    """
    jumps, falls = [], []
    for price, fall in ((charge_below, upper_kwh), (sell_above, np.negative(lower_kwh))):
        at = np.broadcast_to(price, fall.shape)
        there = (fall > 0.0) & (at < np.inf)
        jumps.append(at[there])
        falls.append(fall[there])
    saturated_kwh = float(upper_kwh.sum())
    lines = no_lines(), no_lines(), no_lines()
    return Answers(saturated_kwh, *lines, 0, np.concatenate(jumps), np.concatenate(falls))


def chosen_threshold_answers(
    charge_below: FloatArray,
    sell_above: FloatArray,
    chosen: NDArray[np.intp],
    lower_kwh: FloatArray,
    upper_kwh: FloatArray,
) -> Answers:
    """Return the answers of many that have chosen among a few pairs of thresholds.

    Parameters
    ----------
    charge_below, sell_above : array, shape (pairs,)
        The prices, as in `two_threshold_answers`.
    chosen : array of int, shape (n,)
        Which pair each has chosen.
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange at least and at most [kWh], ``lower_kwh <= 0 <= upper_kwh``.

    Notes
    -----
    All that have chosen the same pair jump together: there are as many jumps as thresholds.
    """
    most = np.bincount(chosen, upper_kwh, len(charge_below))
    least = np.bincount(chosen, lower_kwh, len(charge_below))
    return two_threshold_answers(charge_below, sell_above, least, most)
