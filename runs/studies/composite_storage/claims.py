"""Which published statements on a house with storages exclude each other, by identities alone.

None of it needs a simulation: the energy balance, the envelope theorem and the annuity factor hold
for every house, dispatch and tariff.
"""

from collections.abc import Mapping

from hmesh.markets.payback import investment_paid_back, saving_implied_by_tax
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.studies.composite_storage.simulated_years import YEAR_H
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Cell, Column, ReportSection

PSR, CO2, PAYBACK, COST = (
    "PV self-consumption rate", "CO2 emissions", "payback period", "total electricity cost",
)  # fmt: skip
WITH = ("2 BESS", "3 TESS", "4 HESS")
TAX_USD_PER_KG = 0.039

type Published = Mapping[tuple[str, str], float]


def table_5(figures: tuple[PublishedFigure, ...]) -> Published:
    """Return the figures of Table 5 by case and metric."""
    return {(f.item, f.metric): f.value for f in figures if f.where == "Table 5"}


def losses_implied(
    figures: tuple[PublishedFigure, ...], setting: CompositeStorageSetting
) -> ReportSection:
    """Work out the losses that the published self-consumption and emissions together imply.

    ``imp = imp_1 - (PSR - PSR_1) PV + extra``: what is bought more than the sun explains was lost.
    """
    reported = table_5(figures)
    factor = setting.settings.emission_factor
    share_of_year = setting.steps * setting.step_h / YEAR_H
    generated = float(setting.demand(0).generation_kwh.sum()) / share_of_year
    rows: list[tuple[Cell, ...]] = []
    for case in WITH:
        more_bought = (reported[case, CO2] - reported["1", CO2]) / factor
        more_used = (reported[case, PSR] - reported["1", PSR]) / 100 * generated
        sizes = {f.metric: f.value for f in figures if f.where == "Table 4" and f.item == case}
        battery = sizes.get("battery capacity", 0.0)
        tank = sizes.get("thermal tank capacity", 0.0)
        # A full cycle a day; a tank's cycle in electricity, and what stands in it lost besides.
        cycle = 365 * (0.8 * battery + tank)
        lost = more_bought + more_used
        rows.append((case, more_bought, more_used, lost, cycle, lost / cycle, lost <= cycle))
    columns = (
        Column("case"),
        Column("bought more [kWh/a]", ",.0f"),
        Column("sun used more [kWh/a]", ",.0f"),
        Column("so lost more [kWh/a]", ",.0f"),
        Column("a full cycle each day [kWh/a]", ",.0f"),
        Column("share that must be lost", ".0%"),
        Column("possible"),
    )
    text = (
        f"Table 5 with {factor:g} kg/kWh and {generated:,.0f} kWh of sun a year. A house that uses "
        "more of its sun and yet buys more has lost both. The storages would have to lose as much "
        "as, or more than, all they can take in a day, every day: no efficiency does that. With "
        "less sun the first column alone remains, and a higher factor lowers it in proportion.",
    )
    title = "Losses that Table 5 implies"
    return ReportSection("losses", title, columns, tuple(rows), text)


def exclusions(figures: tuple[PublishedFigure, ...]) -> ReportSection:
    """Compare the published statements with each other by the identities."""
    reported = table_5(figures)
    co2 = {case: reported[case, CO2] - reported["1", CO2] for case in WITH}
    paid = {case: reported[case, PAYBACK] for case in WITH}
    lowest = min(reported["1", CO2], *(reported[case, CO2] for case in WITH))
    rows: tuple[tuple[Cell, ...], ...] = (
        (
            "payback lengthens from 2009 to 2021 (Figure 17)",
            "dF/dFiT = -(change of self-consumption) x PV, at one purchase price",
            "nothing: purchase prices vary in Figure 17 too",
            None,
        ),
        (
            "payback lengthens with a carbon tax (Figure 19)",
            "dF/dtax = -(change of emissions)",
            "so storage raises emissions",
            all(change > 0 for change in co2.values()),
        ),
        (
            "storage raises self-consumption (Table 5)",
            "bought = bought_1 - more sun used + losses",
            "so emissions fall but for losses",
            all(change < 0 for change in co2.values()),
        ),
        (
            "the tank has the lowest emissions (abstract)",
            "Table 5",
            f"it has the highest: {reported['3 TESS', CO2]:,.0f} kg",
            reported["3 TESS", CO2] == lowest,
        ),
        (
            "case 2 has the lowest emissions (section 4)",
            "Table 5",
            f"case 1 has: {lowest:,.0f} kg",
            reported["2 BESS", CO2] == lowest,
        ),
        (
            "payback of case 2 is always the shortest (section 4)",
            "Table 5",
            f"case 3 has {paid['3 TESS']} years, case 2 {paid['2 BESS']}",
            paid["2 BESS"] == min(paid.values()),
        ),
    )
    columns = (
        Column("published"),
        Column("identity"),
        Column("what follows"),
        Column("as published"),
    )
    text = (
        "Self-consumption that rises belongs to low feed-in tariffs; emissions that rise, and a "
        "payback that lengthens with a carbon tax, to high ones, under which a house sells its sun "
        "and stores the night. One model gives both only with the losses of the next table. A "
        "payback that lengthens from year to year excludes nothing, for Figure 17 varies selling "
        "and purchasing prices together, and a higher purchase price shortens payback; the part "
        "'both-prices' varies both.",
    )
    return ReportSection(
        "exclusions", "Which published statements exclude each other", columns, rows, text
    )


def investments_implied(
    figures: tuple[PublishedFigure, ...], interest_rate: float
) -> ReportSection:
    """Work out the investments that published paybacks imply, with and without a carbon tax."""
    reported = table_5(figures)
    later = {f.item: f.value for f in figures if f.where == "Figure 19"}
    rows: list[tuple[Cell, ...]] = []
    for case in WITH:
        sizes = {f.metric: f.value for f in figures if f.where == "Table 4" and f.item == case}
        size, years = sum(sizes.values()), reported[case, PAYBACK]
        by_cost = reported["1", COST] - reported[case, COST]
        of_cost = investment_paid_back(by_cost, years, interest_rate) / size
        saving: float | None = None
        of_tax: float | None = None
        if case in later:
            tax = TAX_USD_PER_KG * (reported[case, CO2] - reported["1", CO2])
            saving = saving_implied_by_tax(tax, years, later[case], interest_rate)
            of_tax = investment_paid_back(saving, years, interest_rate) / size
        rows.append((case, by_cost, of_cost, saving, of_tax))
    columns = (
        Column("case"),
        Column("saving by Table 5's costs [USD/a]", ",.0f"),
        Column("so investment [USD/kWh]", ",.0f"),
        Column("saving by Figure 19's tax [USD/a]", ",.0f"),
        Column("then investment [USD/kWh]", ",.0f"),
    )
    text = (
        "Two paybacks of one investment, without and with a tax, state the saving behind them: "
        "F = tax / (1 - a(t1) / a(t2)). They give a plausible price of both storages; the "
        "differences of the costs in Table 5 give others. The simulated paybacks use 294 USD/kWh "
        "for the battery, as Figure 19 implies, and 240 USD per kWh of electricity for the tank, "
        "which its published payback implies with the saving of an independent implementation.",
    )
    title = "Investments that the published paybacks imply"
    return ReportSection("investments", title, columns, tuple(rows), text)
