"""What a run came to, in a short table."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from environment.last_digits import DUST_KWH, anything
from runs.number_text import change, fixed
from runs.run_notes import Totals
from runs.run_notes import notes as notes
from runs.strategy_names import strategy_label

if TYPE_CHECKING:
    from rich.table import Table

# The label of a row, its value, how many decimal places its largest value has, and whether changes
# are shown.
type _Row = tuple[str, Callable[[Totals], float | None], Callable[[float], int], bool]

# With more strategies than this, changes stand below their numbers and not beside them.
MOST_BESIDE = 3
MOST_GROUPS = 4
_UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"))


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
    from rich.text import Text

    from runs.wide_table import WideTable

    names = list(summary) if strategies is None else list(strategies)
    table = WideTable()
    table.add_column("")
    for name in names:
        table.add_column(strategy_label(name), justify="right")
    for label, value, places, compared in _rows([summary[name] for name in names]):
        values = [value(summary[name]) for name in names]
        largest = max((abs(number or 0.0) for number in values), default=0.0)
        size, sign = _unit_of_money(largest) if places is _money else (1.0, "")
        unit, digits = f"{sign} {currency}".strip(), places(largest / size)
        cells = [Text("-" if number is None else fixed(number / size, digits)) for number in values]
        for cell, number in zip(cells[1:], values[1:], strict=True):
            moved = change(number, values[0]) if compared else ""
            # Eight characters at most, so that they never touch the figure before them.
            beside = f"{moved:>9}" if compared else ""
            below = f"\n{moved}" if moved else ""
            cell.append(beside if len(names) <= MOST_BESIDE else below, style="dim")
        table.add_row(Text(label.format(currency=unit)), *cells)
    return table


def _unit_of_money(largest: float) -> tuple[float, str]:
    """Return the unit in which all amounts of a row are short: its size and its sign."""
    return next(((size, sign) for size, sign in _UNITS if largest >= 10 * size), (1.0, ""))


def _rows(every: Sequence[Totals]) -> list[_Row]:
    """Return the label, value and form of every row, and whether changes are shown.

    A scheme's rows stand there where its figures are among the totals of a run.
    """
    totals = every[0]
    of_homes = _of_homes(totals) if "homes" in totals else []
    if of_homes and not anything(totals["peak_kw"]):
        # Homes without a grid: nothing is drawn from it, and nothing is paid.
        return [*of_homes, ("messages sent", _sent, _whole, False)]
    return [
        ("peak [kW]", lambda totals: totals["peak_kw"], _power, True),
        ("peak to average [-]", lambda totals: totals["par"], _three, True),
        *of_homes,
        *(_of_vehicles(every) if "ev_bill" in totals else []),
        *(_of_houses() if "house_running_cost" in totals else []),
        *(_of_batteries() if "battery_bill" in totals else []),
        *(_of_community_storage() if "storage_credit" in totals else []),
        *(_of_school_buses() if "school_bill" in totals else []),
        ("aggregators' profit [{currency}]", lambda t: t["aggregator_profit"], _money, True),
        ("utility's profit [{currency}]", lambda t: t["utility_profit"], _money, True),
        ("overloads [lines x steps]", _overloaded, _whole, True),
        ("messages sent", _sent, _whole, False),
    ]


def _of_vehicles(every: Sequence[Totals]) -> list[_Row]:
    """Return the rows of vehicles, what they sell where they sell anything.

    What they pay for a kWh that they charge and earn by one that they sell stand apart: the bill
    per kWh that they keep lies above every price where they sell for less than they pay, and has
    no meaning where they keep little.
    """
    sell = any(totals["vehicle_discharged_kwh"] > 0 for totals in every)
    rows: list[_Row] = [("vehicles' energy [MWh]", _energy_mwh, _two, True)]
    if sell:
        rows += [
            ("  charged [MWh]", lambda t: t["vehicle_charged_kwh"] / 1e3, _two, True),
            ("  sold [MWh]", lambda t: t["vehicle_discharged_kwh"] / 1e3, _two, True),
        ]
    rows += [
        ("vehicles' bill [{currency}]", lambda t: t["ev_bill"], _money, True),
        ("  charged at [{currency}/kWh]", _paid, _price, True),
    ]
    return [*rows, ("  sold at [{currency}/kWh]", _earned, _price, True)] if sell else rows


def _of_homes(totals: Totals) -> list[_Row]:
    """Return the rows of smart homes, their losses by group where there are few."""
    groups = list(totals["homes"]) if 1 < len(totals["homes"]) <= MOST_GROUPS else []
    return [
        ("homes' losses [kWh]", lambda t: t["home_losses_kwh"], _loss, True),
        *(
            (f"  {group} [kWh]", lambda t, g=group: t["homes"][g]["losses_kwh"], _loss, True)
            for group in groups
        ),
        ("homes serve [%]", _served, _one, False),
        *(
            (
                f"  {group} [%]",
                lambda t, g=group: _share(t["homes"][g]),
                _one,
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


def _of_houses() -> list[_Row]:
    return [
        ("houses buy [MWh]", lambda t: t["house_import_kwh"] / 1e3, _two, True),
        ("houses deliver [MWh]", lambda t: t["house_export_kwh"] / 1e3, _two, True),
        ("self-consumption [%]", _self_consumption, _two, False),
        ("houses' emissions [t]", lambda t: t["house_co2_kg"] / 1e3, _loss, True),
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
        (
            "batteries' capacity [MWh]",
            lambda t: t["battery_capacity_kwh"] / 1e3,
            _two,
            False,
        ),
        ("batteries give [MWh]", lambda t: t["battery_discharged_kwh"] / 1e3, _two, False),
        (
            "  to other buildings [MWh]",
            lambda t: t["battery_exchanged_kwh"] / 1e3,
            _two,
            False,
        ),
        ("  lost on lines [MWh]", lambda t: t["battery_line_loss_kwh"] / 1e3, _two, False),
        (
            "lost in batteries [MWh]",
            lambda t: t["battery_conversion_loss_kwh"] / 1e3,
            _two,
            False,
        ),
        ("batteries' bill [{currency}]", lambda t: t["battery_bill"], _money, False),
    ]


def _of_community_storage() -> list[_Row]:
    return [
        ("households use [kWh]", lambda t: t["storage_households_kwh"], _loss, False),
        ("  from the storage [kWh]", lambda t: t["storage_delivered_kwh"], _loss, False),
        ("  from the storage [%]", _from_storage, _one, False),
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
        ("school buses charge [MWh]", lambda t: t["school_charged_kwh"] / 1e3, _two, True),
        ("school buses sell [MWh]", lambda t: t["school_sold_kwh"] / 1e3, _two, False),
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


def _overloaded(totals: Totals) -> float:
    return float(sum(totals["overloaded_steps"].values()))


def _sent(totals: Totals) -> float:
    return float(sum(count["sent"] for count in totals["messages"].values()))


def _whole(_: float) -> int:
    return 0


def _one(_: float) -> int:
    return 1


def _two(_: float) -> int:
    return 2


def _three(_: float) -> int:
    return 3


def _loss(largest: float) -> int:
    return 3 if largest < 100 else 1


def _power(largest: float) -> int:
    return 0 if largest >= 100 else 2


def _price(largest: float) -> int:
    return 2 if largest >= 10 else 3


def _money(largest: float) -> int:
    return 0 if largest >= 1000 else 2
