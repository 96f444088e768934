"""The results of vehicles, in a sentence or two."""

from hmesh.environment.last_digits import anything
from hmesh.runs.report.sentence import Sentence, Totals, bill, energy


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return the results of the vehicles under a strategy."""
    if not anything(totals["vehicle_charged_kwh"]):
        return ()
    reported: Sentence = ("Vehicles charge ", energy(totals, "vehicle_charged_kwh"))
    if anything(totals["vehicle_discharged_kwh"]):
        reported += (", discharge ", energy(totals, "vehicle_discharged_kwh"))
    reported += (" and ", *bill(totals, "ev_bill", currency), ". ")
    if totals.get("unmet_trip_kwh"):
        reported += ("Their trips lack ", energy(totals, "unmet_trip_kwh"), ". ")
    if anything(totals.get("on_the_way_kwh", 0.0)):
        reported += ("They charge ", energy(totals, "on_the_way_kwh"), " of it on their way. ")
    if not_made := totals.get("counts", {}).get("trips_not_made"):
        reported += (
            f"{not_made:,} trips are not made. " if not_made > 1 else "1 trip is not made. ",
        )
    return reported
