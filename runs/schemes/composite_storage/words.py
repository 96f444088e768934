"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.environment.last_digits import anything
from hmesh.runs.investment_rows import investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, loss, money, two

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

# Energies that are told where there are any.
ENERGIES: Mapping[str, Note] = {
    "house_unmet_heat_kwh": Note("heat that houses needed and did not get", 30),
    "house_unserved_kwh": Note("consumption of houses that outages left unserved", 30),
}


_PART = "house_bill_"
_PART_NAMES = {
    "purchase": "energy",
    "tier_charge": "energy beyond thresholds",
    "demand_charge": "demand charge",
    "base_charge": "base charge",
    "value_added_tax": "value added tax",
    "feed_in": "less feed-in",
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return its rows of the summary table."""
    return [
        ("houses buy [MWh]", lambda t: t["house_import_kwh"] / 1e3, two, True),
        ("houses deliver [MWh]", lambda t: t["house_export_kwh"] / 1e3, two, True),
        ("self-consumption [%]", _self_consumption, two, False),
        ("houses' emissions [t]", lambda t: t["house_co2_kg"] / 1e3, loss, True),
        ("houses' bill [{currency}]", lambda t: t["house_bill"], money, True),
        *_parts_of_the_bill(every[0]),
        ("running cost [{currency}]", lambda t: t["house_running_cost"], money, True),
        ("battery of a house [kWh]", lambda t: t["house_battery_kwh"], two, False),
        ("tank of a house [kWh]", lambda t: t["house_tank_kwh"], two, False),
        ("price of storages [{currency}]", lambda t: t["house_investment"], money, False),
        *investment_rows(every, "house"),
    ]


def _parts_of_the_bill(totals: Totals) -> list[Row]:
    """Return a row for each part of a bill under a stated tariff."""
    parts = [name for name in totals if name.startswith(_PART) and anything(totals[name])]

    def row(name: str) -> Row:
        sign = -1.0 if name == f"{_PART}feed_in" else 1.0
        label = _PART_NAMES.get(name.removeprefix(_PART)) or name.removeprefix(
            f"{_PART}fee_"
        ).replace("_", " ")
        return (f"  {label} [{{currency}}]", lambda t: sign * t[name], money, True)

    order = list(_PART_NAMES)
    known = [name for part in order if (name := f"{_PART}{part}") in parts]
    fees = [name for name in parts if name not in known]
    return [row(name) for name in (*known[:1], *fees, *known[1:])]


def _self_consumption(totals: Totals) -> float | None:
    """Return how much of what houses generate they use themselves, in per cent."""
    generated = totals["house_generation_kwh"]
    return 100.0 * (1.0 - totals["house_export_kwh"] / generated) if anything(generated) else None
