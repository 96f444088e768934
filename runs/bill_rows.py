"""Rows of the summary table on bills by part, of all that pay by a stated tariff."""

from collections.abc import Sequence

from hmesh.environment.last_digits import anything
from hmesh.runs.summary_rows import Row, Totals, money, two

# The parts in the order of a bill; fees follow what energy costs.
PART_NAMES = {
    "purchase": "energy",
    "tier_charge": "energy beyond thresholds",
    "demand_charge": "demand charge",
    "base_charge": "base charge",
    "value_added_tax": "value added tax",
    "feed_in": "less feed-in",
    "net_metering": "less net metering",
}


def parts_of_the_bill(
    every: Sequence[Totals], prefix: str, credits: Sequence[str] = ()
) -> list[Row]:
    """Return a row for each part of a bill that is anything under any strategy.

    Parameters
    ----------
    every : sequence of mapping
        The totals of all strategies.
    prefix : str
        What the figures of the parts begin with: ``site_bill_``.
    credits : sequence of str, optional
        Parts that the figures have as amounts received, which the rows have as less paid.
    """
    there = [name for name in every[0] if name.startswith(prefix)]
    there = [name for name in there if any(anything(totals[name]) for totals in every)]

    def row(name: str) -> Row:
        kind = name.removeprefix(prefix)
        sign = -1.0 if kind in credits else 1.0
        label = PART_NAMES.get(kind) or kind.removeprefix("fee_").replace("_", " ")
        return (f"  {label} [{{currency}}]", lambda t: sign * t[name], money, True)

    known = [name for part in PART_NAMES if (name := f"{prefix}{part}") in there]
    fees = [name for name in there if name not in known]
    return [row(name) for name in (*known[:1], *fees, *known[1:])]


def rows_of_members(every: Sequence[Totals]) -> list[Row]:
    """Return the rows on members with a tariff of their own, none where nobody has one."""
    if "member_bill" not in every[0]:
        return []
    return [
        ("bills of members with a tariff [{currency}]", lambda t: t["member_bill"], money, True),
        *parts_of_the_bill(every, "member_bill_"),
        ("  they buy [MWh]", lambda t: t["member_tariff_import_kwh"] / 1e3, two, True),
    ]
