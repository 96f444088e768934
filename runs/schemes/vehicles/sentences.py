"""What vehicles came to, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Sentence, Totals, bill, energy


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return what the vehicles came to under a strategy."""
    if not anything(totals["vehicle_charged_kwh"]):
        return ()
    told: Sentence = ("Vehicles take ", energy(totals, "vehicle_charged_kwh"))
    if anything(totals["vehicle_discharged_kwh"]):
        told += (", give ", energy(totals, "vehicle_discharged_kwh"), " back")
    told += (" and ", *bill(totals, "ev_bill", currency), ". ")
    if totals.get("unmet_trip_kwh"):
        told += ("Their trips lack ", energy(totals, "unmet_trip_kwh"), ". ")
    return told
