"""What a run came to, in a short table."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from environment.last_digits import DUST_KWH, anything
from runs.run_notes import Totals
from runs.run_notes import notes as notes
from runs.strategy_names import strategy_label

if TYPE_CHECKING:
    from rich.table import Table

type _Row = tuple[str, Callable[[Totals], float | None], Callable[[float], str], bool]

# With more strategies than this, changes stand below their numbers and not beside them.
MOST_BESIDE = 3
MOST_GROUPS = 4


def summary_table(
    summary: Mapping[str, Totals], currency: str, strategies: Sequence[str] | None = None
) -> "Table":
    """Return what a run came to, with changes against its first strategy.

    Parameters
    ----------
    summary
        The totals of every strategy, as `runs.start_run` returns them.
    currency
        The currency of the scenario.
    strategies
        The strategies in the order of their columns; that of the summary if not given.

    Returns
    -------
    rich.table.Table
        A column for each strategy.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = list(summary) if strategies is None else list(strategies)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("")
    for name in names:
        table.add_column(strategy_label(name).replace(" ", "\n", 1), justify="right")
    for label, value, form, compared in _rows(summary[names[0]]):
        values = [value(summary[name]) for name in names]
        unit, size = currency, 1.0
        if form is _money and max(abs(number or 0.0) for number in values) >= 1e7:
            unit, size = f"M {currency}", 1e6
        cells = [Text("-" if number is None else form(number / size)) for number in values]
        for cell, number in zip(cells[1:], values[1:], strict=True):
            change = _change(number, values[0]) if compared else ""
            below = f"\n{change}" if change else ""
            cell.append(f"{change:>9}" if len(names) <= MOST_BESIDE else below, style="dim")
        table.add_row(Text(label.format(currency=unit)), *cells)
    return table


def _rows(totals: Totals) -> list[_Row]:
    """Return the label, value and form of every row, and whether changes are told.

    A scheme's rows stand there where its figures are among the totals of a run.
    """
    of_vehicles: list[_Row] = [
        ("vehicles' energy [MWh]", _energy_mwh, "{:,.2f}".format, True),
        ("vehicles' bill [{currency}]", lambda totals: totals["ev_bill"], _money, True),
        ("paid per kWh [{currency}/kWh]", _price, "{:,.2f}".format, True),
    ]
    of_homes = _of_homes(totals) if "homes" in totals else []
    if of_homes and not anything(totals["peak_kw"]):
        # Homes without a grid: nothing is drawn from it, and nothing is paid.
        return [*of_homes, ("messages sent", _sent, "{:,.0f}".format, False)]
    return [
        ("peak [kW]", lambda totals: totals["peak_kw"], _power, True),
        ("peak to average [-]", lambda totals: totals["par"], "{:.3f}".format, True),
        *of_homes,
        *(of_vehicles if "ev_bill" in totals else []),
        *(_of_houses() if "house_running_cost" in totals else []),
        *(_of_batteries() if "battery_bill" in totals else []),
        *(_of_community_storage() if "storage_credit" in totals else []),
        *(_of_school_buses() if "school_bill" in totals else []),
        ("aggregators' profit [{currency}]", lambda t: t["aggregator_profit"], _money, True),
        ("utility's profit [{currency}]", lambda t: t["utility_profit"], _money, True),
        ("overloads [lines x steps]", _overloaded, "{:,.0f}".format, True),
        ("messages sent", _sent, "{:,.0f}".format, False),
    ]


def _of_homes(totals: Totals) -> list[_Row]:
    """Return the rows of smart homes, their losses by group where there are few."""
    groups = list(totals["homes"]) if 1 < len(totals["homes"]) <= MOST_GROUPS else []
    return [
        ("homes' losses [kWh]", lambda t: t["home_losses_kwh"], _loss, True),
        *(
            (f"  {group} [kWh]", lambda t, g=group: t["homes"][g]["losses_kwh"], _loss, True)
            for group in groups
        ),
        ("homes serve [%]", _served, "{:.1f}".format, False),
        *(
            (
                f"  {group} [%]",
                lambda t, g=group: _share(t["homes"][g]),
                "{:.1f}".format,
                False,
            )
            for group in groups
        ),
        *(
            [("homes' bill [{currency}]", lambda t: t["home_bill"], _money, True)]
            if anything(totals["peak_kw"])
            else []
        ),
    ]


def _served(totals: Totals) -> float | None:
    """Return how much of what homes want they serve themselves, in per cent."""
    return _share({name: totals[f"home_{name}"] for name in ("served_kwh", "wanted_kwh")})


def _share(energies: Mapping[str, float]) -> float | None:
    wanted = energies["wanted_kwh"]
    return 100.0 * energies["served_kwh"] / wanted if anything(wanted) else None


def _loss(value: float) -> str:
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _of_houses() -> list[_Row]:
    return [
        ("houses buy [MWh]", lambda t: t["house_import_kwh"] / 1e3, _mwh, True),
        ("houses deliver [MWh]", lambda t: t["house_export_kwh"] / 1e3, _mwh, True),
        ("self-consumption [%]", _self_consumption, "{:.2f}".format, False),
        ("houses' emissions [t]", lambda t: t["house_co2_kg"] / 1e3, "{:,.3f}".format, True),
        ("houses' bill [{currency}]", lambda t: t["house_bill"], _money, True),
        ("running cost [{currency}]", lambda t: t["house_running_cost"], _money, True),
        ("price of storages [{currency}]", lambda t: t["house_investment"], _money, False),
    ]


def _self_consumption(totals: Totals) -> float | None:
    """Return how much of what houses generate they use themselves, in per cent."""
    generated = totals["house_generation_kwh"]
    return 100.0 * (1.0 - totals["house_export_kwh"] / generated) if anything(generated) else None


def _of_batteries() -> list[_Row]:
    daily = "load_deviation_daily_rms_kwh"
    return [
        ("load's standard deviation [kWh]", lambda t: t["load_deviation_kwh"], _power, True),
        ("  within days [kWh]", lambda t: t[daily], _power, True),
        ("batteries' capacity [MWh]", lambda t: t["battery_capacity_kwh"] / 1e3, _mwh, False),
        ("batteries give [MWh]", lambda t: t["battery_discharged_kwh"] / 1e3, _mwh, False),
        ("  to other buildings [MWh]", lambda t: t["battery_exchanged_kwh"] / 1e3, _mwh, False),
        ("  lost on lines [MWh]", lambda t: t["battery_line_loss_kwh"] / 1e3, _mwh, False),
        ("lost in batteries [MWh]", lambda t: t["battery_conversion_loss_kwh"] / 1e3, _mwh, False),
        ("batteries' bill [{currency}]", lambda t: t["battery_bill"], _money, False),
    ]


def _of_community_storage() -> list[_Row]:
    return [
        ("households use [kWh]", lambda t: t["storage_households_kwh"], _loss, False),
        ("  from the storage [kWh]", lambda t: t["storage_delivered_kwh"], _loss, False),
        ("  from the storage [%]", _from_storage, "{:.1f}".format, False),
        ("plants' energy stored [kWh]", lambda t: t["plant_stored_kwh"], _loss, False),
        ("  spilled [kWh]", lambda t: t["plant_spilled_kwh"], _loss, False),
        ("households' credit [{currency}]", lambda t: t["storage_credit"], _money, False),
    ]


def _from_storage(totals: Totals) -> float | None:
    """Return how much of what households use comes from their storage, in per cent."""
    names = {"served_kwh": "storage_delivered_kwh", "wanted_kwh": "storage_households_kwh"}
    return _share({name: totals[figure] for name, figure in names.items()})


def _of_school_buses() -> list[_Row]:
    return [
        ("school buses charge [MWh]", lambda t: t["school_charged_kwh"] / 1e3, _mwh, True),
        ("school buses sell [MWh]", lambda t: t["school_sold_kwh"] / 1e3, _mwh, False),
        ("schools' bill less income [{currency}]", lambda t: t["school_bill"], _money, True),
        ("incentives paid [{currency}]", lambda t: t["school_income"], _money, False),
        ("generation cost [{currency}]", lambda t: t["generation_cost"], _money, True),
        ("  with incentives [{currency}]", _with_incentives, _money, True),
        ("  replacing nothing sold [{currency}]", _without_replacing, _money, True),
    ]


def _with_incentives(totals: Totals) -> float:
    """Return what generation and incentives cost the utility together."""
    return float(totals["generation_cost"]) + float(totals["school_income"])


def _without_replacing(totals: Totals) -> float:
    """Return what generation would cost if energy sold were never bought back."""
    cost = float(totals["generation_cost"])
    return cost - float(totals["school_replaced_generation_cost"])


def _mwh(value: float) -> str:
    return f"{value:,.2f}"


def _energy_mwh(totals: Totals) -> float:
    return float(totals["vehicle_kwh"]) / 1000


def _price(totals: Totals) -> float | None:
    """Return what vehicles pay for a kWh that they keep; None where they keep none."""
    energy = float(totals["vehicle_kwh"])
    return float(totals["ev_bill"]) / energy if energy > DUST_KWH else None


def _overloaded(totals: Totals) -> float:
    return float(sum(totals["overloaded_steps"].values()))


def _sent(totals: Totals) -> float:
    return float(sum(count["sent"] for count in totals["messages"].values()))


def _power(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _money(value: float) -> str:
    # Adding zero turns -0.0 into 0.0.
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 2) + 0.0:,.2f}"


def _change(value: float | None, first: float | None) -> str:
    """Return a change in per cent or as a factor, "" where nothing above zero stands first."""
    if value is None or first is None or first <= DUST_KWH:
        return ""
    if value >= 10 * first:
        return f"x {value / first:,.1f}"
    return f"{value / first - 1:+,.1%}".replace("%", " %")
