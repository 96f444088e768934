"""What an investment earns whose incomes differ from year to year."""

import math

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.capacity_fade import share_left
from hmesh.markets.present_value import annuity_factor

# Beyond this interest of a year no investment is compared [-].
HIGHEST_RATE = 1e3


def discount_factors(interest_rate: float, years: float) -> FloatArray:
    """Return what 1 earned in each year is worth today [-].

    Parameters
    ----------
    interest_rate : float
        Interest of a year, above -1 [-].
    years : float
        How long incomes last, above 0; the last year may be a part of one [a].

    Returns
    -------
    array, shape (whole years, rounded up,)
        Their sum is the annuity factor.
    """
    ends = [*range(1, math.ceil(years)), years]
    factors = np.array([annuity_factor(interest_rate, end) for end in ends])
    return np.diff(factors, prepend=0.0)


def worth_today(
    incomes: FloatArray, investment: float, interest_rate: float, years: float
) -> float:
    """Return the net present value of incomes that differ from year to year [money].

    Parameters
    ----------
    incomes : array, shape (whole years, rounded up,)
        Income of each year, as of a whole one [money/a].
    investment : float
        What is invested now [money].
    interest_rate : float
        Interest of a year [-].
    years : float
        How long incomes last [a].
    """
    return float(incomes @ discount_factors(interest_rate, years)) - investment


def internal_rate_of_return(incomes: FloatArray, investment: float, years: float) -> float:
    """Return the interest at which an investment is worth nothing today [-].

    Parameters
    ----------
    incomes, investment, years : array, float, float
        As in `worth_today`; incomes of one sign.

    Returns
    -------
    float
        NaN where there is none between -1 and `HIGHEST_RATE`: without an investment, or without
        any income.

    Notes
    -----
    The worth falls as the interest rises where all incomes are positive, so bisection finds the
    only rate.
    """
    if investment <= 0 or not (incomes >= 0).all() or not incomes.any():
        return math.nan
    low, high = -1.0 + 1e-6, HIGHEST_RATE
    ends = (worth_today(incomes, investment, rate, years) for rate in (low, high))
    if not next(ends) >= 0 >= next(ends):
        return math.nan
    while high - low > 1e-13 * max(1.0, abs(low)):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if worth_today(incomes, investment, middle, years) >= 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def payback_years(
    incomes: FloatArray, investment: float, interest_rate: float, years: float
) -> float:
    """Return after how many years incomes have paid an investment and its interest [a].

    Parameters
    ----------
    incomes, investment, interest_rate, years : array, float, float, float
        As in `worth_today`.

    Returns
    -------
    float
        Infinite where they have not within these years. Within a year its income counts as in
        `discounted_payback`, which this is where all incomes are equal.
    """
    if investment <= 0:
        return 0.0
    paid, start = 0.0, 0.0
    for income, factor in zip(incomes, discount_factors(interest_rate, years), strict=True):
        if income > 0 and paid + income * factor >= investment * (1.0 - 1e-14):
            needed = annuity_factor(interest_rate, start) + (investment - paid) / income
            if interest_rate == 0:
                return float(needed)
            return float(-math.log1p(-interest_rate * needed) / math.log1p(interest_rate))
        paid += income * factor
        start += 1.0
    return math.inf


def capacity_left(
    years: float, calendar_fade: float, cycle_fade: float, cycles_per_year: float
) -> FloatArray:
    """Return the mean capacity of a battery in each year, as a share of the new one [-].

    Parameters
    ----------
    years : float
        How long it is used [a].
    calendar_fade : float
        Share of the new capacity lost in a year, used or not [1/a].
    cycle_fade : float
        Share of it lost in a full cycle [-].
    cycles_per_year : float
        Full cycles of a year: energy discharged over the new capacity [1/a].

    Notes
    -----
    `hmesh.environment.capacity_fade.share_left` at the middle of each year.
    """
    ends = np.array([*range(1, math.ceil(years)), years])
    middle = 0.5 * (ends + np.concatenate([[0.0], ends[:-1]]))
    return share_left(middle, cycles_per_year * middle, calendar_fade, cycle_fade)
