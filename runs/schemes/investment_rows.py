"""Whether an investment pays: rows of the summary table that several schemes have."""

from collections.abc import Callable, Sequence
from math import isfinite

from hmesh.environment.last_digits import anything
from hmesh.markets.payback import discounted_payback
from hmesh.markets.present_value import net_present_value
from hmesh.runs.scenarios.economics_section import Economics
from hmesh.runs.summary_rows import Row, Totals, money, one

YEAR_H = 8760.0
# Of a year, without which payback is not stated.
WHOLE_YEAR = 0.98


def investment_figures(
    prefix: str, economics: Economics, investment: float, hours: float
) -> dict[str, float]:
    """Return the figures of the summary that `investment_rows` reads, but for the cost.

    Parameters
    ----------
    prefix : str
        With which the figures of the scheme begin.
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


def investment_rows(
    every: Sequence[Totals], prefix: str, cost: Callable[[Totals], float], whose: str = ""
) -> list[Row]:
    """Return payback and net present value of what a scheme invests, of a year or more.

    Costs are compared with those of the first strategy that invests nothing. A shorter run is no
    year, for seasons differ.

    Parameters
    ----------
    every
        The totals of each strategy.
    prefix
        With which the figures of the scheme begin: `..._investment`, `..._years`,
        `..._interest_rate` and `..._lifetime_years`.
    cost
        What is paid over the run under a strategy [money].
    whose
        What stands before the labels, such as "batteries' ".
    """
    names = [f"{prefix}_{each}" for each in ("investment", "years", "interest_rate")]
    investment, years, rate = names
    without = next((t for t in every if not anything(t.get(investment, 0.0))), None)
    if without is None or without.get(years, 0.0) < WHOLE_YEAR:
        return []

    def saving(totals: Totals) -> float:
        return (cost(without) - cost(totals)) / float(totals[years])

    def payback(totals: Totals) -> float | None:
        if not anything(totals[investment]):
            return None
        after = discounted_payback(saving(totals), totals[investment], totals[rate])
        return after if isfinite(after) else None

    def worth(totals: Totals) -> float | None:
        if not anything(totals[investment]):
            return None
        life = totals[f"{prefix}_lifetime_years"]
        return net_present_value(saving(totals), totals[investment], totals[rate], life)

    return [
        (f"{whose}payback [a]", payback, one, False),
        (f"{whose}net present value [{{currency}}]", worth, money, False),
    ]
