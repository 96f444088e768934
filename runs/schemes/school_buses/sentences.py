"""The results of school buses, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Figure, Sentence, Totals, bill, energy, money


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return the results of the school buses under a strategy."""
    reported: Sentence = ("School buses charge ", energy(totals, "school_charged_kwh"))
    if anything(totals["school_sold_kwh"]):
        income = totals["school_income"]
        reported += (
            ", sell ", energy(totals, "school_sold_kwh"), " for ",
            Figure("school_income", income, money(income, currency)),
        )  # fmt: skip
    reported += (" and ", *bill(totals, "school_bill", currency), " in all. ")
    if anything(totals["school_unmet_kwh"]):
        reported += ("Their rounds lack ", energy(totals, "school_unmet_kwh"), ". ")
    return reported
