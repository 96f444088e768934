"""What each scheme came to under a strategy, in a sentence or two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from environment.last_digits import anything
from runs.number_text import fixed

type Totals = Mapping[str, Any]

# A change by a smaller share is not worth a sentence.
NOTICEABLE = 0.01


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the summary within a sentence.

    Attributes
    ----------
    key
        Its key in the section of its strategy.
    value
        Its value.
    text
        How it is told.
    """

    key: str
    value: float
    text: str


type Sentence = tuple[str | Figure, ...]


def of_schemes(totals: Totals, currency: str, first: Totals | None = None) -> Sentence:
    """Return what the schemes whose figures are among the totals came to.

    Parameters
    ----------
    totals
        What a strategy came to.
    currency
        The currency of the run.
    first
        What the first strategy came to; schemes that hardly differ from it are left out.
    """
    told: Sentence = ()
    for figure, sentence in _SENTENCES.items():
        if figure not in totals:
            continue
        said = sentence(totals, currency)
        if first is None or figure not in first or _differs(said, sentence(first, currency)):
            told += said
    return told


def _differs(sentence: Sentence, other: Sentence) -> bool:
    """Return whether two sentences of a scheme say different things, or noticeably other numbers.

    A bill moves a little with prices that other schemes move; that is no news of the scheme.
    """
    if len(sentence) != len(other):
        return True
    for part, before in zip(sentence, other, strict=True):
        if isinstance(part, str) or isinstance(before, str):
            if part != before:
                return True
        elif abs(part.value - before.value) > NOTICEABLE * max(abs(part.value), abs(before.value)):
            return True
    return False


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency."""
    return f"{fixed(amount, 0 if amount >= 1000 else 2)} {currency}"


def _energy(totals: Totals, key: str) -> Figure:
    energy = float(totals[key])
    size, unit = (1000.0, "MWh") if abs(energy) >= 2000 else (1.0, "kWh")
    amount = energy / size
    digits = 2 if abs(amount) < 10 else 1 if abs(amount) < 100 or size > 1 else 0
    return Figure(key, totals[key], f"{fixed(amount, digits)} {unit}")


def _bill(totals: Totals, key: str, currency: str) -> Sentence:
    """Return what is paid, or earned where it is below zero."""
    verb = "pay " if totals[key] >= 0 else "earn "
    return (verb, Figure(key, totals[key], money(abs(totals[key]), currency)))


def _share(part: float, whole: float) -> str:
    return f", {100 * part / whole:.1f} %" if anything(whole) else ""


def _of_homes(totals: Totals, currency: str) -> Sentence:
    served, wanted = totals["home_served_kwh"], totals["home_wanted_kwh"]
    told: Sentence = (
        "Smart homes serve ", _energy(totals, "home_served_kwh"), " of the ",
        _energy(totals, "home_wanted_kwh"), f" that they want{_share(served, wanted)}, and lose ",
        _energy(totals, "home_losses_kwh"), " in storages. ",
    )  # fmt: skip
    if anything([totals["home_imported_kwh"], totals["home_exported_kwh"]]):
        told += (
            "They draw ", _energy(totals, "home_imported_kwh"), " from the grid",
            *((", feed in ", _energy(totals, "home_exported_kwh"))
              if totals["home_exported_kwh"] else ()),
            " and ", *_bill(totals, "home_bill", currency), ". ",
        )  # fmt: skip
    return told


def _of_houses(totals: Totals, currency: str) -> Sentence:
    generated = totals["house_generation_kwh"]
    share = 100 * (1 - totals["house_export_kwh"] / generated) if anything(generated) else None
    return (
        "Houses buy ", _energy(totals, "house_import_kwh"),
        *(() if share is None else (
            ", deliver ", _energy(totals, "house_export_kwh"),
            f", use {share:.0f} % of what they generate",
        )), " and ", *_bill(totals, "house_bill", currency), ". ",
    )  # fmt: skip


def _of_batteries(totals: Totals, _: str) -> Sentence:
    if not anything(totals["battery_capacity_kwh"]):
        return ("Buildings have no batteries. ",)
    told: Sentence = (
        "Batteries of ", _energy(totals, "battery_capacity_kwh"), " give ",
        _energy(totals, "battery_discharged_kwh"),
    )  # fmt: skip
    if anything(totals["battery_exchanged_kwh"]):
        told += (", ", _energy(totals, "battery_exchanged_kwh"), " of it to other buildings,")
    return (*told, " and lose ", _energy(totals, "battery_conversion_loss_kwh"), ". ")


def _of_community_storage(totals: Totals, currency: str) -> Sentence:
    delivered, used = totals["storage_delivered_kwh"], totals["storage_households_kwh"]
    if not anything([delivered, totals["plant_stored_kwh"]]):
        return ("No storage serves households. ",)
    return (
        "Storages deliver ", _energy(totals, "storage_delivered_kwh"), " of the ",
        _energy(totals, "storage_households_kwh"), f" that households use{_share(delivered, used)}"
        ", for a credit of ",
        Figure("storage_credit", totals["storage_credit"],
               money(totals["storage_credit"], currency)),
        "; plants spill ", _energy(totals, "plant_spilled_kwh"), ". ",
    )  # fmt: skip


def _of_school_buses(totals: Totals, currency: str) -> Sentence:
    told: Sentence = ("School buses charge ", _energy(totals, "school_charged_kwh"))
    if anything(totals["school_sold_kwh"]):
        income = totals["school_income"]
        told += (
            ", sell ", _energy(totals, "school_sold_kwh"), " for ",
            Figure("school_income", income, money(income, currency)),
        )  # fmt: skip
    told += (" and ", *_bill(totals, "school_bill", currency), " in all. ")
    if anything(totals["school_unmet_kwh"]):
        told += ("Their rounds lack ", _energy(totals, "school_unmet_kwh"), ". ")
    return told


def _of_vehicles(totals: Totals, currency: str) -> Sentence:
    if not anything(totals["vehicle_charged_kwh"]):
        return ()
    told: Sentence = ("Vehicles take ", _energy(totals, "vehicle_charged_kwh"))
    if anything(totals["vehicle_discharged_kwh"]):
        told += (", give ", _energy(totals, "vehicle_discharged_kwh"), " back")
    told += (" and ", *_bill(totals, "ev_bill", currency), ". ")
    if totals.get("unmet_trip_kwh"):
        told += ("Their trips lack ", _energy(totals, "unmet_trip_kwh"), ". ")
    return told


# A figure that only the totals of a scheme have, and what is told of the scheme.
_SENTENCES: dict[str, Callable[[Totals, str], Sentence]] = {
    "homes": _of_homes,
    "house_running_cost": _of_houses,
    "battery_bill": _of_batteries,
    "storage_credit": _of_community_storage,
    "school_bill": _of_school_buses,
    "ev_bill": _of_vehicles,
}
