"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.runs.bill_rows import parts_of_the_bill
from hmesh.runs.investment_rows import investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, money, mwh

NOTES: Mapping[str, Note] = {
    "incentive_price_at_bound": Note("the incentive price was at one of its bounds in a step", 90),
    "purchases_rationed": Note(
        "the utility took less than schools offered at its price in a step", 90
    ),
    "unmet_rounds": Note("a school bus could not finish its round, its battery being empty", 90),
    "school_schedules_missed": Note(
        "an outage kept a school from charging what was agreed for a step", 90
    ),
    "schools_without_schedule": Note(
        "a school could not be reached in time for the night, and charged at once",
        90,
    ),
    "critical_steps": Note(None, 120),
    "incentive_questions": Note(None, 140),
}

# Energies that are stated where there are any.
ENERGIES: Mapping[str, Note] = {
    "school_unmet_kwh": Note("energy that school rounds took and batteries lacked", 20),
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return its rows of the summary table."""
    return [
        ("school buses charge [MWh]", lambda t: t["school_charged_kwh"] / 1e3, mwh, True),
        ("school buses sell [MWh]", lambda t: t["school_sold_kwh"] / 1e3, mwh, False),
        ("schools' net cost [{currency}]", lambda t: t["school_bill"], money, True),
        *parts_of_the_bill(every, "bus_bill_"),
        ("incentives paid [{currency}]", lambda t: t["school_income"], money, False),
        ("generation cost [{currency}]", lambda t: t["generation_cost"], money, True),
        ("  with incentives [{currency}]", _with_incentives, money, True),
        ("  replacing nothing sold [{currency}]", _without_replacing, money, True),
        *_whether_it_pays(every),
    ]


def _whether_it_pays(every: Sequence[Totals]) -> list[Row]:
    """Return rows for what buses that sell cost and earn; none without prices."""
    if "school_running_cost" not in every[0]:
        return []
    return [
        ("buses' running cost [{currency}]", lambda t: t["school_running_cost"], money, True),
        ("price of buses' chargers [{currency}]", lambda t: t["school_investment"], money, False),
        *investment_rows(every, "school", "buses' "),
    ]


def _with_incentives(totals: Totals) -> float:
    """Return what generation and incentives cost the utility together."""
    return float(totals["generation_cost"]) + float(totals["school_income"])


def _without_replacing(totals: Totals) -> float:
    """Return what generation would cost if energy sold were never bought back."""
    cost = float(totals["generation_cost"])
    return cost - float(totals["school_replaced_generation_cost"])
