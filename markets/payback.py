"""How soon an investment has paid for itself."""

import math

from hmesh.markets.present_value import annuity_factor


def discounted_payback(saving_per_year: float, investment: float, interest_rate: float) -> float:
    """Return the years after which savings have paid an investment and its interest [a].

    Parameters
    ----------
    saving_per_year : float
        What is saved at the end of each year [money/a].
    investment : float
        What is invested now, at least 0 [money].
    interest_rate : float
        Interest of a year, above -1 [-].

    Returns
    -------
    float
        Years [a]; infinite where savings do not even pay the interest.

    Notes
    -----
    ``-ln(1 - r I / F) / ln(1 + r)``, the t at which ``-I + sum F / (1 + r)^t`` is 0: eq. (15) of
    Scientific Reports 14 (2024) 6279, which as printed subtracts running costs once more and lacks
    the investment. It takes F at the end of each year; t need not be whole.
    """
    if investment == 0:
        return 0.0
    if interest_rate == 0:
        return simple_payback(saving_per_year, investment)
    if saving_per_year <= 0 or interest_rate * investment >= saving_per_year:
        return math.inf
    return -math.log1p(-interest_rate * investment / saving_per_year) / math.log1p(interest_rate)


def simple_payback(saving_per_year: float, investment: float) -> float:
    """Return the years after which savings have paid an investment without interest [a]."""
    if investment == 0:
        return 0.0
    return investment / saving_per_year if saving_per_year > 0 else math.inf


def investment_paid_back(saving_per_year: float, years: float, interest_rate: float) -> float:
    """Return the investment that is paid back after some years [money].

    The inverse of `discounted_payback`.
    """
    return saving_per_year * annuity_factor(interest_rate, years)


def saving_implied_by_tax(
    tax_change_per_year: float, years_before: float, years_after: float, interest_rate: float
) -> float:
    """Return the yearly saving that two paybacks of one investment imply, without and with a tax.

    Parameters
    ----------
    tax_change_per_year : float
        What the storage adds to the tax of a year, below 0 where it avoids some [money/a].
    years_before, years_after : float
        Payback without and with the tax [a].
    interest_rate : float
        Interest of a year [-].

    Notes
    -----
    The investment is the same: ``F a(t1) = (F - tax) a(t2)``, hence ``F = tax / (1 - a(t1) /
    a(t2))`` with the annuity factor a. Two figures of one study so state what it must have used.
    """
    before = annuity_factor(interest_rate, years_before)
    after = annuity_factor(interest_rate, years_after)
    return tax_change_per_year / (1.0 - before / after)
