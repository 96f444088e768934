"""The results of metered sites, in a sentence."""

from hmesh.runs.report.sentence import Sentence, Totals, energy


def sentence(totals: Totals, _: str) -> Sentence:
    """Return what sites buy and deliver."""
    return (
        "Metered sites use ", energy(totals, "site_load_kwh"), ", buy ",
        energy(totals, "site_import_kwh"), " and deliver ", energy(totals, "site_export_kwh"), ". ",
    )  # fmt: skip
