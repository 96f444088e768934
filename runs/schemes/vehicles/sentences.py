"""What vehicles came to, in a sentence or two."""

from runs.report.sentence import Figure, Sentence, Totals, bill, energy


def sentence(totals: Totals, currency: str) -> Sentence:
    """Return what the vehicles came to under a strategy."""
    if not totals["vehicle_charged_kwh"]:
        return ()
    told: Sentence = ("Vehicles take ", energy(totals, "vehicle_charged_kwh"))
    if totals["vehicle_discharged_kwh"]:
        told += (", give ", energy(totals, "vehicle_discharged_kwh"), " back")
    told += (" and ", *bill(totals, "ev_bill", currency), ". ")
    if unmet := totals["counts"].get("unmet_trips", 0):
        told += (Figure("counts.unmet_trips", unmet, f"{unmet:,}"), " drives lack energy. ")
    return told
