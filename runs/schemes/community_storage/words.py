"""What the summary says of it: rows of the table, and notes below it."""

from collections.abc import Mapping, Sequence

from hmesh.runs.investment_rows import capacity_rows, investment_rows
from hmesh.runs.schemes.descriptor import Note
from hmesh.runs.summary_rows import Row, Totals, loss, money, one, share

NOTES: Mapping[str, Note] = {
    "storage_messages_unheard": Note(
        "a message about a community's storage was not heard, so that the storage was not "
        "charged or a household not served",
        80,
    ),
    "households_not_ranked": Note(
        "a household reported nothing of its demand in a step, and was not served", 80
    ),
    "households_served_less_than_allowed": Note(
        "a household got less than it was allowed in a step, its storage being empty or too weak",
        80,
    ),
    "demands_above_history": Note(
        "a household used more in a step than in any step of its history, and was allowed no more",
        80,
    ),
    "plants_cut_off": Note("an outage kept a plant from charging its storage for a step", 80),
    "plant_readings_filled": Note(
        "a plant's reading was missing, and filled from those around it", 80
    ),
    "allowances_not_settled": Note(
        "a plan reached the highest alpha before its allowance had settled", 80
    ),
}


def rows(every: Sequence[Totals]) -> list[Row]:
    """Return its rows of the summary table."""
    return [
        ("households use [kWh]", lambda t: t["storage_households_kwh"], loss, False),
        ("  from the storage [kWh]", lambda t: t["storage_delivered_kwh"], loss, False),
        ("  from the storage [%]", _from_storage, one, False),
        ("plants' energy stored [kWh]", lambda t: t["plant_stored_kwh"], loss, False),
        ("  curtailed [kWh]", lambda t: t["plant_spilled_kwh"], loss, False),
        *_from_grid(every),
        *capacity_rows(every, "storage", "storages'"),
        ("households' credit [{currency}]", lambda t: t["storage_credit"], money, False),
        *_whether_it_pays(every),
    ]


def _from_grid(every: Sequence[Totals]) -> list[Row]:
    """Return what storages charge from the grid by the clock, where they may."""
    if "storage_grid_kwh" not in every[0]:
        return []
    return [("charged from the grid [kWh]", lambda t: t["storage_grid_kwh"], loss, False)]


def _whether_it_pays(every: Sequence[Totals]) -> list[Row]:
    """Return price, payback and net present value of storages, where the scenario has prices."""
    if "storage_running_cost" not in every[0]:
        return []
    return [
        ("storages save [{currency}]", lambda t: 0.0 - t["storage_running_cost"], money, False),
        ("price of storages and plants [{currency}]", lambda t: t["storage_investment"], money,
         False),
        *investment_rows(every, "storage", "storages' "),
    ]  # fmt: skip


def _from_storage(totals: Totals) -> float | None:
    """Return how much of what households use comes from their storage, in per cent."""
    names = {"served_kwh": "storage_delivered_kwh", "wanted_kwh": "storage_households_kwh"}
    return share({name: totals[figure] for name, figure in names.items()})
