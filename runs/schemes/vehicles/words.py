"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Iterator, Mapping, Sequence

from runs.schemes.descriptor import Note
from runs.summary_rows import Row, Totals, money

NOTES: Mapping[str, Note] = {
    "vehicles_at_bound": Note(
        "a vehicle exchanged all that its plug or battery allows", 20, of_games=True
    ),
    "parked_below_soc_min": Note(
        "driving left a parked vehicle less than the lowest state of charge for discharging",
        20,
    ),
    "vehicles_cut_off": Note(
        "an outage kept a parked vehicle from charging or discharging for a step",
        50,
    ),
    "unmet_trips": Note("a vehicle drove farther than its battery could take it", 50),
    "tours_with_shorter_stays": Note(
        "a drawn tour had its stays shortened, to be home before the next", 110
    ),
    "tours_departing_earlier": Note(
        "a drawn tour set out earlier, to be home before the next", 110
    ),
    "tours_driving_less": Note("a drawn tour was shortened, since it drove longer than a day", 110),
    "vehicles_joined": Note(None, 110),
}

# Energies that are told where there are any.
ENERGIES: Mapping[str, Note] = {
    "unmet_trip_kwh": Note("energy that driving took and batteries lacked", 10),
}


def rows(totals: Totals) -> list[Row]:
    """Return the rows of vehicles."""
    return [
        ("vehicles' energy [MWh]", _energy_mwh, "{:,.2f}".format, True),
        ("vehicles' bill [{currency}]", lambda totals: totals["ev_bill"], money, True),
        ("paid per kWh [{currency}/kWh]", _price, "{:,.2f}".format, True),
    ]


def _energy_mwh(totals: Totals) -> float:
    return float(totals["vehicle_kwh"]) / 1000


def _price(totals: Totals) -> float | None:
    """Return what vehicles pay for a kWh that they keep; None where they keep none."""
    energy = float(totals["vehicle_kwh"])
    return float(totals["ev_bill"]) / energy if energy > 0 else None


NOTICEABLE = 0.01


def stored(
    summary: Mapping[str, Totals], names: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Warn of bills that buy different energy."""
    stored = {name: float(summary[name]["stored_change_kwh"]) for name in names}
    moved = max(float(summary[name]["vehicle_charged_kwh"]) for name in names)
    if max(stored.values()) - min(stored.values()) > NOTICEABLE * moved:
        told = {name: f"{energy / 1000:+,.2f} MWh" for name, energy in stored.items()}
        yield (
            "vehicles end with more or less energy than they began with, "
            "so that bills pay for different energy",
            told,
        )
