"""The results of batteries of buildings, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Sentence, Totals, energy


def sentence(totals: Totals, _: str) -> Sentence:
    """Return the results of the batteries of buildings under a strategy."""
    if not anything(totals["battery_capacity_kwh"]):
        return ("Buildings have no batteries. ",)
    text: Sentence = (
        "Batteries of ", energy(totals, "battery_capacity_kwh"), " give ",
        energy(totals, "battery_discharged_kwh"),
    )  # fmt: skip
    if anything(totals["battery_exchanged_kwh"]):
        text += (", ", energy(totals, "battery_exchanged_kwh"), " of it to other buildings,")
    return (*text, " and lose ", energy(totals, "battery_conversion_loss_kwh"), ". ")
