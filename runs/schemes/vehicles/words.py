"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.bill_rows import parts_of_the_bill
from hmesh.runs.investment_rows import investment_rows
from hmesh.runs.number_text import rounded
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, money, mwh, price, whole

NOTES: Mapping[str, Note] = {
    "vehicles_at_bound": Note(
        "a vehicle exchanged all that its plug or battery allows in a step", 20, of_games=True
    ),
    "parked_below_soc_min": Note(
        "a parked vehicle was below the lowest state of charge for discharging in a step",
        20,
    ),
    "vehicles_cut_off": Note(
        "an outage kept a parked vehicle from charging or discharging for a step",
        50,
    ),
    "departures_short": Note(
        "a vehicle set out with less than the state of charge that it wanted", 45
    ),
    "arrivals_without_plug": Note(
        "a vehicle found no free charger, and none became free in the step", 46
    ),
    "trips_not_made": Note(
        "a trip was not made, since the battery did not reach a fast charger on its way, or the "
        "vehicle was not where it begins",
        47,
    ),
    "stops_on_the_way": Note("a vehicle stopped at a fast charger on its way", 48),
    "unmet_trips": Note("a vehicle on the road lacked the energy to drive in a step", 50),
    "tours_with_shorter_stays": Note(
        "a drawn tour had its stays shortened, to be home before the next", 110
    ),
    "tours_departing_earlier": Note(
        "a drawn tour set out earlier, to be home before the next", 110
    ),
    "tours_driving_less": Note("a drawn tour was shortened, since it drove longer than a day", 110),
    "vehicles_joined": Note(None, 110),
}

# Energies that are stated where there are any.
ENERGIES: Mapping[str, Note] = {
    "unmet_trip_kwh": Note("energy that driving took and batteries lacked", 10),
    "on_the_way_kwh": Note("energy that vehicles charged on their way", 12),
    "departure_short_kwh": Note("energy that vehicles lacked of what they wanted as they left", 11),
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return the rows of vehicles, what they sell where they sell anything.

    What they pay for a kWh that they charge and earn by one that they sell stand apart: the bill
    per kWh that they keep lies above every price where they sell for less than they pay, and has
    no meaning where they keep little.
    """
    sell = any(totals["vehicle_discharged_kwh"] > 0 for totals in every)
    found: list[Row] = [("vehicles' energy [MWh]", _energy_mwh, mwh, True)]
    if sell:
        found += [
            ("  charged [MWh]", lambda t: t["vehicle_charged_kwh"] / 1e3, mwh, True),
            ("  sold [MWh]", lambda t: t["vehicle_discharged_kwh"] / 1e3, mwh, True),
        ]
    found += [
        ("vehicles' bill [{currency}]", lambda t: t["ev_bill"], money, True),
        ("  charged at [{currency}/kWh]", _paid, price, True),
    ]
    found += [("  sold at [{currency}/kWh]", _earned, price, True)] if sell else []
    if "vehicle_bill" in every[0]:
        found += [
            ("  bills of those with a tariff [{currency}]", _figure("vehicle_bill"), money, True),
            *parts_of_the_bill(every, "vehicle_bill_"),
        ]
    return found + group_rows(every) + _of_chargers(every)


def _of_chargers(every: Sequence[Totals]) -> list[Row]:
    """Return rows for what chargers for both directions cost and earn; none without prices."""
    if "ev_running_cost" not in every[0]:
        return []
    return [
        ("vehicles' running cost [{currency}]", lambda t: t["ev_running_cost"], money, True),
        ("price of chargers [{currency}]", lambda t: t["ev_investment"], money, False),
        *investment_rows(every, "ev", "chargers' "),
    ]


def group_rows(every: Sequence[Totals]) -> list[Row]:
    """Return rows for energy, bill and trips of each group; none without groups."""
    names = [key.partition("@")[2] for key in every[0] if key.startswith("ev_bill@")]
    found: list[Row] = []
    for name in names:
        found += [
            (f"  {name}, energy [MWh]", _of_group(name), mwh, True),
            (f"  {name}, bill [{{currency}}]", _figure(f"ev_bill@{name}"), money, True),
            (f"  {name}, trips [-]", _figure(f"trips@{name}"), whole, False),
        ]
        if any(totals.get(f"departures_short@{name}") for totals in every):
            short = _figure(f"departures_short@{name}")
            found.append((f"  {name}, short trips [-]", short, whole, False))
    return found


def _of_group(name: str) -> Callable[[Totals], float]:
    def energy_mwh(totals: Totals) -> float:
        charged = float(totals[f"vehicle_charged_kwh@{name}"])
        return (charged - float(totals[f"vehicle_discharged_kwh@{name}"])) / 1e3

    return energy_mwh


def _figure(key: str) -> Callable[[Totals], float]:
    return lambda totals: float(totals[key])


def _energy_mwh(totals: Totals) -> float:
    return float(totals["vehicle_kwh"]) / 1000


def _paid(totals: Totals) -> float | None:
    """Return what vehicles pay for a kWh that they charge; None where they charge none."""
    return _per_kwh(totals, "ev_charging_bill", "vehicle_charged_kwh")


def _earned(totals: Totals) -> float | None:
    """Return what vehicles earn by a kWh that they sell; None where they sell none."""
    return _per_kwh(totals, "ev_discharging_income", "vehicle_discharged_kwh")


def _per_kwh(totals: Totals, money: str, energy: str) -> float | None:
    """Return money per energy; None without energy, and in runs that did not write the money."""
    paid, kwh = totals.get(money), float(totals[energy])
    return float(paid) / kwh if paid is not None and kwh > DUST_KWH else None


NOTICEABLE = 0.01


def stored(
    summary: Mapping[str, Totals], names: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Warn of bills that buy different energy."""
    stored = {name: float(summary[name]["stored_change_kwh"]) for name in names}
    moved = max(float(summary[name]["vehicle_charged_kwh"]) for name in names)
    if max(stored.values()) - min(stored.values()) > NOTICEABLE * moved:
        stated = {name: f"{rounded(energy / 1000, 2):+,.2f} MWh" for name, energy in stored.items()}
        yield (
            "vehicles end with more or less energy than they began with, "
            "so that bills pay for different energy",
            stated,
        )
