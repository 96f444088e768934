"""How money is spread over those who pay it: Gini coefficients and who is worse off."""

import numpy as np

from hmesh.environment.arrays import FloatArray

# Amounts that differ by a smaller share are equal but for rounding.
ROUNDING = 1e-9


def net_bill(
    paid: FloatArray, received: FloatArray, stored_change_kwh: FloatArray, stored_price: float
) -> FloatArray:
    """Return what each member pays, less what it was paid and what it has more in store.

    Parameters
    ----------
    paid, received : array, shape (members,)
        Money it paid and was paid over a time [money].
    stored_change_kwh : array, shape (members,)
        Energy in its batteries at the end less at the start [kWh].
    stored_price : float
        What a kWh of it is worth [money/kWh].

    Returns
    -------
    array, shape (members,)
        Bills [money]; below 0 for those who earn more than they pay.

    Notes
    -----
    Without the third term a battery that is emptied in the last hours would look like a saving.
    """
    return np.asarray(paid - received - stored_price * stored_change_kwh)


def gini(amounts: FloatArray) -> float:
    """Return the Gini coefficient of amounts that may be below 0.

    Parameters
    ----------
    amounts : array, shape (members,)
        Bills or savings [money].

    Returns
    -------
    float
        ``sum_i sum_j |x_i - x_j| / (2 n sum_i |x_i|)``: 0 where all are equal, at most
        ``(n - 1) / n``; NaN where there are no members or all amounts are 0. What is within
        `ROUNDING` of 0 is 0.

    Notes
    -----
    Where no amount is below 0 this is the coefficient of Gini (1912), with the mean below the
    fraction. With amounts on both sides of 0 that mean may vanish; the mean of the absolute
    amounts, the normalisation of Raffinetti, Siletti and Vernizzi (2015), "On the Gini coefficient
    normalization when attributes with negative values are considered", Statistical Methods &
    Applications 24, 507-521, keeps the coefficient between 0 and 1.
    """
    count, size = len(amounts), float(np.abs(amounts).sum())
    if size == 0.0:
        return float("nan")
    # In ascending order x_i is the larger one of i pairs and the smaller one of n - 1 - i.
    rank = 2.0 * np.arange(count) - count + 1.0
    found = float(rank @ np.sort(amounts)) / (count * size)
    return found if found > ROUNDING else 0.0


def lorenz_curve(amounts: FloatArray) -> FloatArray:
    """Return how much of all amounts falls to the smallest of them, one after another.

    Parameters
    ----------
    amounts : array, shape (members,)
        Bills or savings, some of which may be below 0 [money].

    Returns
    -------
    array, shape (members + 1,)
        From 0 on, the sum of the smallest amounts as a share of the sum of all absolute ones [-].
        NaN where there are no members or all amounts are 0.

    Notes
    -----
    The curve of Lorenz (1905), "Methods of measuring the concentration of wealth", Publications of
    the American Statistical Association 9, 209-219, where no amount is below 0. Else it falls first
    and ends below 1. `gini` is its last value less twice the area below it.
    """
    size = float(np.abs(amounts).sum())
    if size == 0.0:
        return np.full(len(amounts) + 1, np.nan)
    return np.concatenate(([0.0], np.cumsum(np.sort(amounts)))) / size


def share_of_largest(amounts: FloatArray, top: float) -> float:
    """Return the share of all absolute amounts that the largest amounts add up to [-].

    Parameters
    ----------
    amounts : array, shape (members,)
        Bills or savings, some of which may be below 0 [money].
    top : float
        Which part of the members have the largest, 0..1 [-]; part of one counts in part.
    """
    curve = lorenz_curve(amounts)
    below = np.interp((1.0 - top) * len(amounts), np.arange(len(curve)), curve)
    return float(curve[-1] - below)


def savings(bill: FloatArray, first_bill: FloatArray) -> FloatArray:
    """Return how much less each member pays than it did.

    Parameters
    ----------
    bill, first_bill : array, shape (members,)
        What each pays, and what it paid [money].

    Returns
    -------
    array, shape (members,)
        Savings [money], below 0 for those who pay more; 0 where the bills differ by no more than
        `ROUNDING` of the larger.
    """
    saved = first_bill - bill
    room = ROUNDING * np.maximum(np.abs(bill), np.abs(first_bill))
    return np.where(np.abs(saved) > room, saved, 0.0)


def share_worse_off(saved: FloatArray) -> float:
    """Return the share of members who save less than nothing, NaN where there are no members.

    Parameters
    ----------
    saved : array, shape (members,)
        What `savings` returns [money].
    """
    return float(np.count_nonzero(saved < 0.0)) / len(saved) if len(saved) else float("nan")
