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
    if anything(totals.get("on_the_way_kwh", 0.0)):
        told += ("They charge ", energy(totals, "on_the_way_kwh"), " of it on their way. ")
    if not_made := totals["counts"].get("trips_not_made"):
        told += (f"{not_made:,} trips are not made. " if not_made > 1 else "1 trip is not made. ",)
    return told
