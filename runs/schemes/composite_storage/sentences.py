"""The results of houses, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Sentence, Totals, bill, energy


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return the results of the houses under a strategy."""
    generated = totals["house_generation_kwh"]
    share = 100 * (1 - totals["house_export_kwh"] / generated) if anything(generated) else None
    return (
        "Houses buy ", energy(totals, "house_import_kwh"),
        *(() if share is None else (
            ", deliver ", energy(totals, "house_export_kwh"),
            f", use {share:.0f} % of what they generate",
        )), " and ", *bill(totals, "house_bill", currency), ". ",
    )  # fmt: skip
