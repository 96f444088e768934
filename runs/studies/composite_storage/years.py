"""What a year of a house with storages is made of: its energy identity and its typical days."""

from collections.abc import Mapping

import numpy as np

from hmesh.runs.schemes.composite_storage.setting import NO_STORAGE, CompositeStorageSetting
from hmesh.runs.studies.composite_storage.cases import CASES, Years
from hmesh.runs.studies.study_report import Cell, Column, ReportSection

SEASONS = (("spring", (3, 4, 5)), ("summer", (6, 7, 8)), ("autumn", (9, 10, 11)),
           ("winter", (12, 1, 2)))  # fmt: skip


def identities(setting: CompositeStorageSetting, known: dict[float, Years]) -> ReportSection:
    """Show the energy identity in every case, given its years by feed-in tariff."""
    demand = setting.demand(0)
    generated = float(demand.generation_kwh.sum())
    rows: list[tuple[Cell, ...]] = []
    for feed_in, years in known.items():
        first = years[NO_STORAGE]
        for name, case in CASES.items():
            if case == NO_STORAGE:
                continue
            year = years[case]
            more_used = (year.self_consumption - first.self_consumption) * generated
            lost = float((year.flows.charge_kwh - year.flows.discharge_kwh).sum())
            pumped = float((year.flows.heat_pump_kwh - first.flows.heat_pump_kwh).sum())
            left = year.import_kwh - (first.import_kwh - more_used + lost + pumped)
            rows.append(
                (
                    name,
                    feed_in,
                    year.import_kwh - first.import_kwh,
                    -more_used,
                    lost,
                    pumped,
                    abs(left),
                    -(year.self_consumption - first.self_consumption) * generated,
                    -(year.co2_kg - first.co2_kg),
                )
            )
    columns = (
        Column("case"),
        Column("feed-in [JPY]", "g"),
        Column("bought more [kWh]", "+,.0f"),
        Column("by sun used", "+,.0f"),
        Column("battery loss", "+,.0f"),
        Column("heat pump", "+,.0f"),
        Column("left over", ".0e"),
        Column("dF/dFiT [kWh]", "+,.0f"),
        Column("dF/dtax [kg]", "+,.0f"),
    )
    text = (
        "What a house buys more is what of the sun it sells more, what its battery loses and what "
        "its heat pump takes more. The saving F changes with the feed-in tariff by the energy "
        "sold more, and with a carbon tax by the emissions avoided (envelope theorem).",
    )
    title = "The energy identity in every case"
    return ReportSection("identities", title, columns, tuple(rows), text)


def tank_units(by_unit: Mapping[str, Mapping[str, Years]], order: tuple[str, ...]) -> ReportSection:
    """Tabulate self-consumption with tanks sized by electricity and by heat.

    Parameters
    ----------
    by_unit : mapping of mapping of dict of HouseYear
        Years by the unit of the tank's size, and by who manages the house.
    order : tuple of str
        The cases in the published order of self-consumption.
    """
    rows: list[tuple[Cell, ...]] = []
    for unit, by_manager in by_unit.items():
        for who, years in by_manager.items():
            rates = [100.0 * years[CASES[item]].self_consumption for item in order]
            rows.append((unit, who, *rates, rates == sorted(rates)))
    columns = (
        Column("tank sized by"),
        Column("managed by"),
        *(Column(f"{item} [%]", ".1f") for item in order),
        Column("as published"),
    )
    text = (
        "Self-consumption with the tanks of Table 4 read as the electricity that fills them, and "
        "as the heat that they hold: 4.7 kWh of heat are about 80 litres of water. Only the first "
        "gives the published order.",
    )
    title = "The unit of the tank's size"
    return ReportSection("tank_units", title, columns, tuple(rows), text)


def typical_days(setting: CompositeStorageSetting, years: Years, feed_in: float) -> ReportSection:
    """Show a mean day of each season in every case, at a feed-in tariff [JPY/kWh]."""
    demand = setting.demand(0)
    month = setting.months
    per_day = 24.0 / setting.step_h
    rows: list[tuple[Cell, ...]] = []
    for season, months in SEASONS:
        there = np.isin(month, months)
        if not there.any():
            continue

        def mean(values: np.ndarray, there: np.ndarray = there) -> float:
            return float(values[there].mean() * per_day)

        for item, case in CASES.items():
            flows = years[case].flows
            rows.append(
                (
                    season,
                    item,
                    mean(demand.load_kwh),
                    mean(demand.heat_kwh),
                    mean(demand.generation_kwh),
                    mean(flows.import_kwh),
                    mean(flows.export_kwh),
                    mean(flows.discharge_kwh),
                    mean(flows.heat_pump_kwh),
                    mean(flows.tank_discharge_kwh),
                )
            )
    columns = (
        Column("season"),
        Column("case"),
        *(
            Column(f"{name} [kWh]", ".2f")
            for name in (
                "appliances", "heat", "sun", "bought", "sold", "battery gives", "heat pump",
                "tank gives",
            )
        ),
    )  # fmt: skip
    text = (f"Energy of a mean day, with foresight at {feed_in:g} JPY of feed-in.",)
    return ReportSection("typical_days", "Typical days by season", columns, tuple(rows), text)
