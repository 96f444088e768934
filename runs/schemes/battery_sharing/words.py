"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.runs.investment_rows import capacity_rows, investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, money, mwh, power

NOTES: Mapping[str, Note] = {
    "battery_clipped": Note(
        "a battery could not do all of its part in a step, being full, empty or too weak", 70
    ),
    "battery_unplaced": Note(
        "a battery was to give energy in a step that nobody took, and kept it", 70
    ),
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return its rows of the summary table."""
    daily = "load_deviation_daily_rms_kwh"
    return [
        ("load's standard deviation [kWh]", lambda t: t["load_deviation_kwh"], power, True),
        ("  within days [kWh]", lambda t: t[daily], power, True),
        *_measured(every[0]),
        ("batteries' capacity [MWh]", lambda t: t["battery_capacity_kwh"] / 1e3, mwh, False),
        *capacity_rows(every, "battery", "batteries'"),
        ("batteries deliver [MWh]", lambda t: t["battery_discharged_kwh"] / 1e3, mwh, False),
        ("  to other buildings [MWh]", lambda t: t["battery_exchanged_kwh"] / 1e3, mwh, False),
        ("  lost on lines [MWh]", lambda t: t["battery_line_loss_kwh"] / 1e3, mwh, False),
        ("lost in batteries [MWh]", lambda t: t["battery_conversion_loss_kwh"] / 1e3, mwh, False),
        ("batteries' bill [{currency}]", lambda t: t["battery_bill"], money, False),
        *_whether_it_pays(every),
    ]


def _measured(totals: Totals) -> list[Row]:
    """Return the deviations over chosen days, where the scenario chooses some."""
    year, daily = "measured_load_deviation_kwh", "measured_load_deviation_daily_rms_kwh"
    if year not in totals:
        return []
    return [
        ("  of chosen days [kWh]", lambda t: t[year], power, True),
        ("  within chosen days [kWh]", lambda t: t[daily], power, True),
    ]


def _whether_it_pays(every: Sequence[Totals]) -> list[Row]:
    """Return price, payback and net present value of batteries, where the scenario has prices."""
    if "battery_running_cost" not in every[0]:
        return []
    return [
        ("batteries save [{currency}]", lambda t: 0.0 - t["battery_running_cost"], money, False),
        ("price of batteries [{currency}]", lambda t: t["battery_investment"], money, False),
        *investment_rows(every, "battery", "batteries' "),
    ]
