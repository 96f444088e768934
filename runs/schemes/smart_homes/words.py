"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.environment.last_digits import anything
from hmesh.runs.bill_rows import parts_of_the_bill
from hmesh.runs.investment_rows import investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, loss, money, one, share

MOST_GROUPS = 4

NOTES: Mapping[str, Note] = {
    "home_slots_refused": Note(
        "a slot that an appliance wanted could neither be served nor moved", 100
    ),
    "home_slots_unmet": Note("an appliance stayed off in a slot it had been promised", 100),
    "homes_rescheduled": Note(
        "a home's appliances got other slots for the day than they asked for", 100
    ),
    "home_offers_refused": Note("an appliance refused slots it was offered", 100),
    "home_days_searched": Note(
        "a home had too many choices of slots to try all, so that they were exchanged one by one",
        100,
    ),
    "home_messages_unheard": Note(
        "a message between a device and its controller was not heard, so that it was left out",
        100,
    ),
    "home_offers": Note(None, 130),
}

# Energies that are stated where there are any.
ENERGIES: Mapping[str, Note] = {
    "home_curtailed_kwh": Note("generation of smart homes that nothing could take", 50),
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return the rows of smart homes, their losses by group where there are few."""
    totals = every[0]
    groups = list(totals["homes"]) if 1 < len(totals["homes"]) <= MOST_GROUPS else []
    return [
        ("homes' losses [kWh]", lambda t: t["home_losses_kwh"], loss, True),
        *(
            (f"  {group} [kWh]", lambda t, g=group: t["homes"][g]["losses_kwh"], loss, True)
            for group in groups
        ),
        ("homes serve [%]", _served, one, False),
        *(
            (
                f"  {group} [%]",
                lambda t, g=group: share(t["homes"][g]),
                one,
                False,
            )
            for group in groups
        ),
        *(
            [
                ("homes' bill [{currency}]", lambda t: t["home_bill"], money, True),
                *parts_of_the_bill(every, "smart_home_bill_"),
            ]
            if anything(totals["peak_kw"])
            else []
        ),
        *_whether_it_pays(every),
    ]


def _whether_it_pays(every: Sequence[Totals]) -> list[Row]:
    """Return rows for what storages of homes cost and save; none without prices."""
    if "home_running_cost" not in every[0]:
        return []
    return [
        ("homes' running cost [{currency}]", lambda t: t["home_running_cost"], money, True),
        ("price of homes' storages [{currency}]", lambda t: t["home_investment"], money, False),
        *investment_rows(every, "home", "homes' storages, "),
    ]


def _served(totals: Totals) -> float | None:
    """Return how much of what homes want they serve themselves, in per cent."""
    return share({name: totals[f"home_{name}"] for name in ("served_kwh", "wanted_kwh")})
