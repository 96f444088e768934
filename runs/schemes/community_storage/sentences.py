"""The results of storages of communities, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Figure, Sentence, Totals, energy, money, share


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return the results of the storages of communities under a strategy."""
    delivered, used = totals["storage_delivered_kwh"], totals["storage_households_kwh"]
    if not anything([delivered, totals["plant_stored_kwh"]]):
        return ("No storage serves households. ",)
    return (
        "Storages deliver ", energy(totals, "storage_delivered_kwh"), " of the ",
        energy(totals, "storage_households_kwh"), f" that households use{share(delivered, used)}"
        ", for a credit of ",
        Figure("storage_credit", totals["storage_credit"],
               money(totals["storage_credit"], currency)),
        "; plants curtail ", energy(totals, "plant_spilled_kwh"), ". ",
    )  # fmt: skip
