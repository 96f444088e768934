"""The results of smart homes, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Sentence, Totals, bill, energy, share


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return the results of the smart homes under a strategy."""
    served, wanted = totals["home_served_kwh"], totals["home_wanted_kwh"]
    text: Sentence = (
        "Smart homes serve ", energy(totals, "home_served_kwh"), " of the ",
        energy(totals, "home_wanted_kwh"), f" that they want{share(served, wanted)}, and lose ",
        energy(totals, "home_losses_kwh"), " in storages. ",
    )  # fmt: skip
    if anything([totals["home_imported_kwh"], totals["home_exported_kwh"]]):
        text += (
            "They draw ", energy(totals, "home_imported_kwh"), " from the grid",
            *((", feed in ", energy(totals, "home_exported_kwh"))
              if totals["home_exported_kwh"] else ()),
            " and ", *bill(totals, "home_bill", currency), ". ",
        )  # fmt: skip
    return text
