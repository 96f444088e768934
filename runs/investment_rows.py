"""Whether devices pay: payback, net present value and internal rate of return of any scheme.

One rule for all schemes: a scheme's totals hold, under its own prefix, `_running_cost` and
`_investment` [money], `_years` of the run [a], `_interest_rate` [-] and `_lifetime_years` [a]; and
where its batteries lose capacity `_fade_per_year` of what they save [1/a] and `_capacity_left`
at the end of the run [-].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from hmesh.environment.capacity_fade import FadingCapacity
from hmesh.environment.last_digits import anything
from hmesh.markets.cash_flows import (
    capacity_left,
    internal_rate_of_return,
    payback_years,
    worth_today,
)
from hmesh.runs.scenarios.economics_section import Economics
from hmesh.runs.summary_rows import Row, Totals, money, one, two

# Of a year, without which nothing is stated: seasons differ.
WHOLE_YEAR = 0.98
YEAR_H = 8760.0


@dataclass(frozen=True, slots=True)
class Worth:
    """What an investment earns.

    Attributes
    ----------
    payback_years : float
        After which it has paid for itself with interest; infinite where it never does [a].
    net_present_value : float
        What it is worth today beyond its price [money].
    internal_rate : float
        Interest at which it is worth its price, NaN where there is none [-].
    """

    payback_years: float
    net_present_value: float
    internal_rate: float


def worth_of(
    saving_per_year: float,
    investment: float,
    interest_rate: float,
    lifetime_years: float,
    fade_per_year: float = 0.0,
) -> Worth:
    """Return what an investment earns that saves so much in its first year.

    Parameters
    ----------
    saving_per_year : float
        What is saved in a year with new devices [money/a].
    investment : float
        Their price [money].
    interest_rate : float
        Interest of a year [-].
    lifetime_years : float
        How long they last [a].
    fade_per_year : float
        Share of the saving that is lost with each year, as the capacity of batteries [1/a].
    """
    incomes = saving_per_year * capacity_left(lifetime_years, fade_per_year, 0.0, 0.0)
    return Worth(
        payback_years(incomes, investment, interest_rate, lifetime_years),
        worth_today(incomes, investment, interest_rate, lifetime_years),
        internal_rate_of_return(incomes, investment, lifetime_years),
    )


def compared_worth(totals: Totals, without: Totals, prefix: str) -> Worth | None:
    """Return what the devices of a strategy earn against one without, None where it has none."""
    investment = totals[f"{prefix}_investment"] - without[f"{prefix}_investment"]
    if not anything(investment) or investment < 0:
        return None
    saved = without[f"{prefix}_running_cost"] - totals[f"{prefix}_running_cost"]
    return worth_of(
        saved / totals[f"{prefix}_years"],
        investment,
        totals[f"{prefix}_interest_rate"],
        totals[f"{prefix}_lifetime_years"],
        totals.get(f"{prefix}_fade_per_year", 0.0),
    )


def investment_figures(
    prefix: str, economics: Economics, investment: float, hours: float
) -> dict[str, float]:
    """Return the figures of a scheme's investment, but for its running cost.

    Parameters
    ----------
    prefix : str
        Prefix of the scheme's figures.
    economics : Economics
        What the scenario states.
    investment : float
        What is invested under the strategy [money].
    hours : float
        Length of the run [h].
    """
    return {
        f"{prefix}_investment": investment,
        f"{prefix}_interest_rate": economics.interest_rate,
        f"{prefix}_lifetime_years": economics.lifetime_years,
        f"{prefix}_years": hours / YEAR_H,
    }


def fade_figures(
    prefix: str, fade: FadingCapacity | None, hours: float, part: float = 1.0
) -> dict[str, float]:
    """Return what is left of the capacity of a scheme's batteries, and what each year takes.

    Parameters
    ----------
    prefix : str
        Prefix of the scheme's figures.
    fade : FadingCapacity or None
        Its batteries; None where they lose nothing.
    hours : float
        Length of the run [h].
    part : float
        Which part of what is saved is theirs: their part of the price of all devices, 0..1 [-].
    """
    if fade is None:
        return {}
    return {
        f"{prefix}_capacity_left": fade.share_left,
        f"{prefix}_fade_per_year": fade.loss_per_year(hours) * part,
    }


def capacity_rows(every: Sequence[Totals], prefix: str, whose: str) -> list[Row]:
    """Return the row of the capacity that is left, none where batteries lose nothing."""
    name = f"{prefix}_capacity_left"
    if not any(anything(1.0 - t.get(name, 1.0)) for t in every):
        return []

    def left(totals: Totals) -> float | None:
        lost = anything(totals.get(f"{prefix}_fade_per_year", 0.0)) or anything(
            1.0 - totals.get(name, 1.0)
        )
        return 100.0 * totals[name] if lost else None

    return [(f"{whose} capacity left [%]", left, two, False)]


def investment_rows(every: Sequence[Totals], prefix: str, whose: str = "") -> list[Row]:
    """Return payback, net present value and internal rate of the devices of a scheme.

    Running costs are compared with those of the first strategy without an investment. A run of less
    than a year has none of these rows, for seasons differ.

    Parameters
    ----------
    every : sequence of mapping
        The totals of every strategy.
    prefix : str
        Prefix of the scheme's figures.
    whose : str, optional
        What stands before the labels, such as "batteries' ".
    """
    without = next((t for t in every if not anything(t[f"{prefix}_investment"])), None)
    if without is None or without.get(f"{prefix}_years", 0.0) < WHOLE_YEAR:
        return []
    if not any(anything(t[f"{prefix}_investment"]) for t in every):
        return []

    def figure(of: Callable[[Worth], float]) -> Callable[[Totals], float | None]:
        def value(totals: Totals) -> float | None:
            worth = compared_worth(totals, without, prefix)
            found = None if worth is None else of(worth)
            return found if found is not None and isfinite(found) else None

        return value

    return [
        (f"{whose}payback [a]", figure(lambda w: w.payback_years), one, False),
        (
            f"{whose}net present value [{{currency}}]",
            figure(lambda w: w.net_present_value),
            money,
            False,
        ),
        (
            f"{whose}internal rate of return [%]",
            figure(lambda w: 100.0 * w.internal_rate),
            one,
            False,
        ),
    ]
