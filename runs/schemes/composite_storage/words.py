"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.environment.last_digits import anything
from hmesh.runs.bill_rows import parts_of_the_bill
from hmesh.runs.investment_rows import YEAR_H, capacity_rows, investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, loss, money, mwh, two

NOTES: Mapping[str, Note] = {
    "houses_without_enough_heat": Note(
        "heat pump and tank of a house gave less heat than it needed in a step", 30
    ),
    "houses_unheard": Note(
        "a message did not arrive in time, so that the storages of a house stayed idle for a step",
        30,
    ),
    "house_plans_missed": Note("the storages of a house could not follow their plan in a step", 30),
}

# Energies that are stated where there are any.
ENERGIES: Mapping[str, Note] = {
    "house_unmet_heat_kwh": Note("heat that houses needed and did not get", 30),
    "house_unserved_kwh": Note("consumption of houses that outages left unserved", 30),
}


_CREDITS = ("feed_in", "net_metering")


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return its rows of the summary table."""
    return [
        ("houses buy [MWh]", lambda t: t["house_import_kwh"] / 1e3, mwh, True),
        ("houses deliver [MWh]", lambda t: t["house_export_kwh"] / 1e3, mwh, True),
        ("self-consumption [%]", _self_consumption, two, False),
        ("houses' emissions [t]", lambda t: t["house_co2_kg"] / 1e3, loss, True),
        ("houses' bill [{currency}]", lambda t: t["house_bill"], money, True),
        *parts_of_the_bill(every, "house_bill_", _CREDITS),
        ("running cost [{currency}]", lambda t: t["house_running_cost"], money, True),
        ("battery of a house [kWh]", lambda t: t["house_battery_kwh"], two, False),
        *capacity_rows(every, "house", "batteries'"),
        *_heat_store(every),
        ("price of storages [{currency}]", lambda t: t["house_investment"], money, False),
        *investment_rows(every, "house"),
    ]


def _heat_store(every: Sequence[Totals]) -> list[Row]:
    """Return the rows of what stores heat: a tank, or rooms and by how much they are warmer."""
    size: list[Row] = [("tank of a house [kWh]", lambda t: t["house_tank_kwh"], two, False)]
    if "house_rooms_warmer_kh" not in every[0]:
        return size
    return [
        ("rooms of a house store [kWh]", lambda t: t["house_tank_kwh"], two, False),
        ("rooms above the lowest [K]", _warmer, two, False),
    ]


def _warmer(totals: Totals) -> float:
    """Return by how much rooms are warmer than the lowest comfortable temperature [K]."""
    warmer: float = totals["house_rooms_warmer_kh"] / (totals["house_years"] * YEAR_H)
    return warmer


def _self_consumption(totals: Totals) -> float | None:
    """Return how much of what houses generate they use themselves, in per cent."""
    generated = totals["house_generation_kwh"]
    return 100.0 * (1.0 - totals["house_export_kwh"] / generated) if anything(generated) else None
