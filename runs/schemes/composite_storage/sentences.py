"""What houses came to, in a sentence or two."""

from runs.report.sentence import Sentence, Totals, bill, energy


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return what the houses came to under a strategy."""
    used = totals["house_generation_kwh"] - totals["house_export_kwh"]
    share = 100 * used / totals["house_generation_kwh"] if totals["house_generation_kwh"] else 100
    return (
        "Houses buy ", energy(totals, "house_import_kwh"), ", deliver ",
        energy(totals, "house_export_kwh"), f", use {share:.0f} % of their sun and ",
        *bill(totals, "house_bill", currency), ". ",
    )  # fmt: skip
