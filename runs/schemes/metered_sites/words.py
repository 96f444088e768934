"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.environment.last_digits import anything
from hmesh.runs.bill_rows import parts_of_the_bill
from hmesh.runs.investment_rows import capacity_rows, investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, loss, money, mwh, power, two

NOTES: Mapping[str, Note] = {
    "sites_curtailed": Note("modules of a site generated less than they could in a step", 35),
    "sites_unserved": Note("a limit or an outage left load of a site unserved in a step", 35),
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return its rows of the summary table: whether devices pay first, then why."""
    return [
        ("sites' bill [{currency}]", lambda t: t["site_bill"], money, True),
        *parts_of_the_bill(every, "site_bill_"),
        *_where_any(every, "  wear of batteries [{currency}]", "site_wear", money),
        ("price of devices [{currency}]", lambda t: t["site_investment"], money, False),
        *capacity_rows(every, "site", "batteries'"),
        *investment_rows(every, "site"),
        ("sites buy [MWh]", lambda t: t["site_import_kwh"] / 1e3, mwh, True),
        *_where_any(every, "sites deliver [MWh]", "site_export_kwh", mwh, 1e-3),
        *_self_consumption(every),
        ("sum of highest powers [kW]", lambda t: t["site_highest_kw"], power, True),
        *_where_any(every, "curtailed [MWh]", "site_curtailed_kwh", loss, 1e-3),
        *_where_any(every, "  worth, as feed-in [{currency}]", "site_curtailed_worth", money),
        *_where_any(every, "load unserved [MWh]", "site_unserved_kwh", loss, 1e-3),
    ]


def _where_any(
    every: Sequence[Totals], label: str, name: str, places: object, factor: float = 1.0
) -> list[Row]:
    """Return the row of a figure, none where it is nothing under every strategy."""
    if not any(anything(totals[name]) for totals in every):
        return []
    return [(label, lambda t: factor * t[name], places, False)]  # type: ignore[list-item]


def _self_consumption(every: Sequence[Totals]) -> list[Row]:
    if not any(anything(totals["site_generation_kwh"]) for totals in every):
        return []

    def share(totals: Totals) -> float | None:
        """Return how much of what sites generate they use themselves, in per cent."""
        generated = totals["site_generation_kwh"]
        return 100.0 * (1.0 - totals["site_export_kwh"] / generated) if generated else None

    def sufficiency(totals: Totals) -> float | None:
        """Return how much of what sites use they do not draw, in per cent."""
        used = totals["site_load_kwh"]
        return 100.0 * (1.0 - totals["site_import_kwh"] / used) if used else None

    return [
        ("self-consumption [%]", share, two, False),
        ("self-sufficiency [%]", sufficiency, two, False),
    ]
