"""Measures of what emerges when many decide: synchrony, herding, peaks, prices, inequality.

Each is a function of arrays; those that look back take the last steps, the latest last.
"""

import numpy as np

from hmesh.environment.arrays import FloatArray


def synchronisation(charged_kwh: FloatArray) -> float:
    """Return how much the charging of a day is concentrated on one time of day, 0..1 [-].

    Parameters
    ----------
    charged_kwh : array, shape (steps,)
        What was charged in each step of a day [kWh].

    Notes
    -----
    The order parameter of Kuramoto (Chemical Oscillations, Waves, and Turbulence, 1984): every kWh
    points to its time on a clock of one day, and the length of the mean is 0 where all times are
    equally used and 1 where all is charged at once. NaN where nothing was charged.
    """
    total = float(charged_kwh.sum())
    if total <= 0.0:
        return float("nan")
    angle = 2.0 * np.pi * np.arange(len(charged_kwh)) / len(charged_kwh)
    return float(np.hypot(charged_kwh @ np.cos(angle), charged_kwh @ np.sin(angle)) / total)


def herding(charging: FloatArray, plugged: FloatArray) -> float:
    """Return how much more vehicles charge together in the last step than by independent draws [-].

    Parameters
    ----------
    charging, plugged : array, shape (steps,)
        How many vehicles charged, and how many could, in each step [-].

    Notes
    -----
    The measure of Lakonishok, Shleifer and Vishny (Journal of Financial Economics 32 (1992) 23-43):
    ``|p - m| - E|p - m|``, ``p`` the share that charges, ``m`` its mean over all steps and the
    expectation that of a binomial share around ``m``, in its normal approximation. NaN where no
    vehicle could charge.
    """
    could = float(plugged.sum())
    count = float(plugged[-1])
    if count == 0.0:
        return float("nan")
    mean = float(charging.sum()) / could
    expected = np.sqrt(2.0 * mean * (1.0 - mean) / (np.pi * count))
    return float(abs(charging[-1] / count - mean) - expected)


def rebound_peak(net_kwh: FloatArray, vehicle_kwh: FloatArray) -> float:
    """Return the highest load over the highest one without vehicles [-].

    Parameters
    ----------
    net_kwh, vehicle_kwh : array, shape (steps,)
        What is drawn in each step, and what of it by vehicles [kWh].

    Notes
    -----
    Above 1 vehicles have made a new peak. NaN where nothing is drawn without them.
    """
    others = float((net_kwh - vehicle_kwh).max())
    return float(net_kwh.max()) / others if others > 0.0 else float("nan")


def volatility(price: FloatArray) -> float:
    """Return the standard deviation of prices [money/kWh]."""
    return float(price.std())


def autocorrelation(values: FloatArray, lag: int) -> float:
    """Return the correlation of values with those some steps before [-].

    NaN where there are too few of them, or all are equal.
    """
    if len(values) < lag + 2:
        return float("nan")
    centred = values - values.mean()
    spread = float(centred @ centred)
    if spread <= 1e-18 * max(1.0, float(np.abs(values).max())) ** 2 * len(values):
        return float("nan")
    return float(centred[lag:] @ centred[:-lag]) / spread


def cycle_steps(values: FloatArray) -> float:
    """Return the period with which values repeat, by their autocorrelation [steps].

    Notes
    -----
    The lag of the highest autocorrelation, up to half of the values, after it has first fallen
    below 0: before that it is high since values change slowly. NaN where it never does, or where
    the highest is below the 95 % bound of white noise, ``1.96 / sqrt(steps)``.
    """
    lags = np.arange(1, len(values) // 2 + 1)
    found = np.array([autocorrelation(values, int(lag)) for lag in lags])
    below = np.flatnonzero(found < 0.0)
    if not len(below):
        return float("nan")
    best = int(below[0]) + int(np.argmax(found[below[0] :]))
    return float(lags[best]) if found[best] > 1.96 / np.sqrt(len(values)) else float("nan")


def entropy(counts: FloatArray) -> float:
    """Return the entropy of the strategies that are followed, as a share of the highest [-].

    Parameters
    ----------
    counts : array, shape (strategies,)
        How many follow each.

    Notes
    -----
    Shannon's ``-sum s log s`` over ``log(strategies)``: 1 where all are equally many, 0 where all
    follow one. NaN of fewer than two strategies, or where nobody follows any.
    """
    total = float(counts.sum())
    if total == 0.0 or len(counts) < 2:
        return float("nan")
    shares = counts[counts > 0] / total
    return float(-(shares @ np.log(shares)) / np.log(len(counts)))


def gini(amounts: FloatArray) -> float:
    """Return the Gini coefficient of amounts of at least 0 [-].

    Notes
    -----
    Half of the mean difference of two of them over their mean: 0 where all are equal. NaN where
    they add up to nothing.
    """
    ordered = np.sort(amounts)
    total = float(ordered.sum())
    if total <= 0.0:
        return float("nan")
    place = np.arange(1, len(ordered) + 1)
    return float((2.0 * place - len(ordered) - 1.0) @ ordered) / (len(ordered) * total)


def lorenz_share(amounts: FloatArray, top: float) -> float:
    """Return the share of the sum that falls to the largest amounts [-].

    Parameters
    ----------
    amounts : array, shape (n,)
        Amounts of at least 0.
    top : float
        Which part of all are the largest, 0..1 [-]; part of one counts in part.
    """
    ordered = np.sort(amounts)[::-1]
    total = float(ordered.sum())
    if total <= 0.0:
        return float("nan")
    reached = np.concatenate(([0.0], np.cumsum(ordered)))
    return float(np.interp(top * len(ordered), np.arange(len(reached)), reached)) / total
