"""How well prices are found in the vehicle study, and where they are lowest."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.three_level_game import solve_exact, solve_grid
from hmesh.runs.schemes.vehicles.step import vehicles_of
from hmesh.runs.studies.days import DAY_STEPS, case_study, live_day, par_of
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.world.simulation import Simulation
from hmesh.runs.world.step_games import game_of

# First step, tenfold refinements, and what an independent implementation reported of it.
GRIDS = (
    (1.0, 0, "3e-4 to 1e-3", "100"),
    (0.1, 0, "3e-6 to 1e-5", "10"),
    (0.05, 0, "1e-6", "5"),
    (0.1, 3, None, None),
)
SAME_PRICE = 1e-9


def enumeration() -> ReportSection:
    """Compare prices enumerated on grids with exact ones, in hours with all vehicles parked."""
    gaps: list[list[float]] = []
    energies: list[list[float]] = []
    clocks: list[float] = []

    def record(hour: Simulation) -> None:
        if vehicles_of(hour).present.sum() < len(vehicles_of(hour).fleet):
            return
        game = game_of(hour)
        exact = solve_exact(game)
        best = _profit(game, exact)
        found = [solve_grid(game, step, zooms) for step, zooms, *_ in GRIDS]
        clocks.append(hour.calendar.hour_of_day(hour.step_index))
        gaps.append([(best - _profit(game, each)) / abs(best) for each in found])
        total = exact.demand_kwh.sum()
        energies.append([abs(float(each.demand_kwh.sum() - total)) for each in found])

    live_day(case_study(), "three_level", record)
    one = clocks.index(12.0) if 12.0 in clocks else len(clocks) // 2
    rows: list[tuple[Cell, ...]] = []
    for at, (step, zooms, gap, energy) in enumerate(GRIDS):
        gap_of, energy_of = (np.array(table)[:, at] for table in (gaps, energies))
        name = f"{step:g} and {zooms} refined" if zooms else f"{step:g}"
        rows.append(
            (
                name,
                float(gap_of[one]),
                float(np.median(gap_of)),
                float(gap_of.max()),
                gap,
                float(energy_of[one]),
                float(np.median(energy_of)),
                float(energy_of.max()),
                energy,
            )
        )
    hour = f"{clocks[one]:.0f} h"
    columns = (
        Column("grid step [JPY/kWh]"),
        Column(f"profit gap, {hour}", ".0e"),
        Column("profit gap, median", ".0e"),
        Column("profit gap, largest", ".0e"),
        Column("other code, profit"),
        Column(f"demand gap, {hour} [kWh]", ".3g"),
        Column("demand gap, median", ".3g"),
        Column("demand gap, largest", ".3g"),
        Column("other code, demand"),
    )
    text = (
        "The utility's prices on a grid, aggregators answering exactly. Profit gap: share of the "
        f"exact profit that is missed. Over the {len(clocks)} hours of the day in which all "
        "vehicles are parked. A step ten times finer gains about a hundredfold in profit and "
        "tenfold in demand, where the best price is no kink.",
    )
    title = "Enumerated prices against exact ones"
    return ReportSection("enumeration", title, columns, tuple(rows), text)


def _profit(game: Game, outcome: Outcome) -> float:
    demand = outcome.demand_kwh.sum()
    return outcome.utility_price * float(demand) - float(game.cost.total(demand))


def negotiation() -> ReportSection:
    """Compare a day of prices found by messages alone with exact ones, hour by hour."""
    setting = case_study(solver="negotiate")
    width = setting.bounds.aggregator_upper - setting.bounds.aggregator_lower
    prices: list[float] = []
    energies: list[float] = []

    def record(hour: Simulation) -> None:
        exact = solve_exact(game_of(hour))
        decision = hour.market.decision
        prices.append(abs(decision.utility_price - exact.utility_price) / width)
        prices.extend(np.abs(decision.community_price - exact.community_price) / width)
        energies.append(abs(float(hour.net_kwh.sum() - exact.demand_kwh.sum())))

    found = live_day(setting, "three_level", record)
    exact = live_day(case_study(), "three_level")
    counts, sent = found.totals.counts, found.bus.statistics.values()
    communities = DAY_STEPS * len(found.aggregators) - counts["communities_without_vehicles"]
    bills = [each.totals.sums["ev_bill"] for each in (found, exact)]
    rows: tuple[tuple[Cell, ...], ...] = (
        ("largest price difference [share of the price range]", f"{max(prices):.1e}"),
        ("largest difference of an hour's demand [kWh]", f"{max(energies):.1e}"),
        ("difference of the day's PAR", f"{abs(_par(found) - _par(exact)):.1e}"),
        ("difference of the day's bill [JPY]", f"{abs(bills[0] - bills[1]):.1e}"),
        ("messages in an hour", f"{sum(each.sent for each in sent) / DAY_STEPS:,.0f}"),
        (
            "questions of the utility in an hour",
            f"{counts['utility_questions'] / DAY_STEPS:.1f}",
        ),
        (
            "questions of an aggregator to its vehicles in an hour",
            f"{counts['vehicle_questions'] / communities:.1f}",
        ),
        ("vehicles not understood in the day", str(counts["unexplained_vehicles"])),
    )
    text = (
        "Leaders ask prices and hear energies, nothing else; every hour is compared with the "
        "exact prices of that hour. A question to n vehicles and its answers are 2 n messages.",
    )
    columns = (Column("3OEP by messages alone"), Column("value"))
    return ReportSection("negotiation", "Prices found by messages alone", columns, rows, text)


def _par(simulation: Simulation) -> float:
    return par_of(simulation.totals)


def price_levels() -> ReportSection:
    """Ask which community is cheapest under 3OEP, by the rule for those without vehicles."""
    rows: list[tuple[Cell, ...]] = []
    means: dict[str, FloatArray] = {}
    names: tuple[str, ...] = ()
    for rule in ("pass_through", "profit_max"):
        price, present = _prices(rule)
        lowest = price <= price.min(axis=1, keepdims=True) + SAME_PRICE
        alone = lowest & (lowest.sum(axis=1, keepdims=True) == 1)
        means[rule] = price.mean(axis=0)
        names = case_study().communities
        for m, name in enumerate(names):
            here = present[:, m] > 0
            rows.append(
                (
                    rule.replace("_", " "),
                    name,
                    float(price[:, m].mean()),
                    float(price[here, m].mean()),
                    int(here.sum()),
                    int(alone[:, m].sum()),
                    int(lowest[:, m].sum()),
                )
            )
    columns = (
        Column("without vehicles"),
        Column("community"),
        Column("mean price [JPY/kWh]", ".2f"),
        Column("with vehicles", ".2f"),
        Column("hours with vehicles", "d"),
        Column("hours cheapest alone", "d"),
        Column("hours cheapest or equal", "d"),
    )
    return ReportSection(
        "price-levels",
        "Is community 1 the cheapest?",
        columns,
        tuple(rows),
        (_about_levels(rows, names, means),),
    )


def _prices(rule: str) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return prices and vehicles of every hour and community under 3OEP."""
    prices: list[FloatArray] = []
    present: list[NDArray[np.int64]] = []

    def record(hour: Simulation) -> None:
        prices.append(hour.market.decision.community_price.copy())
        present.append(vehicles_of(hour).present.copy())

    live_day(case_study(f"prices.without_vehicles={rule}"), "three_level", record)
    return np.array(prices), np.array(present)


def _about_levels(
    rows: list[tuple[Cell, ...]], names: tuple[str, ...], means: dict[str, FloatArray]
) -> str:
    lines = [f"Published: community 1 ({names[0]}) is generally the cheapest."]
    for (rule, mean), row in zip(means.items(), (rows[0], rows[len(names)]), strict=True):
        order = int((mean < mean[0] - SAME_PRICE).sum())
        hours = f"cheapest alone in {row[5]} and cheapest or equal in {row[6]} of {DAY_STEPS} hours"
        verdict = "so it is" if order == 0 and int(row[6] or 0) > DAY_STEPS // 2 else "it is not"
        lines.append(f"With {rule.replace('_', ' ')} {verdict}: {hours}.")
    lines.append(
        "Energy and profits of the utility are the same: the rule sets prices only where no "
        "vehicle hears them."
    )
    return " ".join(lines)
