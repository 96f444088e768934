"""What an investment is worth today."""

import numpy as np


def annuity_factor(interest_rate: float, years: float) -> float:
    """Return what 1 paid at the end of each year is worth today [-].

    Parameters
    ----------
    interest_rate : float
        Interest of a year, above -1 [-].
    years : float
        How long it is paid, at least 0 [a].

    Notes
    -----
    ``(1 - (1 + i)**-Y) / i``, and ``Y`` without interest.
    """
    if interest_rate == 0:
        return float(years)
    return float(-np.expm1(-years * np.log1p(interest_rate)) / interest_rate)


def net_present_value(
    income_per_year: float, investment: float, interest_rate: float, years: float
) -> float:
    """Return what equal incomes are worth today, less the investment [money].

    Notes
    -----
    Source: Frontiers in Energy Research 10 (2022) 929693, eq. (15), whose sum over the years is
    that of a geometric series.
    """
    return income_per_year * annuity_factor(interest_rate, years) - investment


def break_even_income(investment: float, interest_rate: float, years: float) -> float:
    """Return the yearly income with which an investment is worth nothing today [money/a]."""
    return investment / annuity_factor(interest_rate, years)
