"""The published study of a community's storage scheduled on forecasts, simulated again.

Source: Community energy storage scheduled on LSTM forecasts, ICT Express, 2022. Its loads are not
public, and it gives neither the size of storage and plant nor the weather of its days, 8 to 10
November 2020. The built-in scenario `community-storage` assumes sizes, two fair days of January and
loads, with demands scaled to those of Table 3.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.community_storage_bounds import (
    largest_demands_kwh,
    most_delivered,
    most_delivered_lp,
    most_in_turns,
)
from hmesh.markets.printed_discharge import printed_dischargers
from hmesh.runs.scenarios.scenario import load_scenario
from hmesh.runs.studies.community_storage.better_forecasts import forecast_sections
from hmesh.runs.studies.community_storage.case import EVERYTHING, StorageCase, cases_of
from hmesh.runs.studies.community_storage.forecasts import (
    forecast_errors_section,
    printed_errors_section,
)
from hmesh.runs.studies.community_storage.network import network_section, refuse_unlearnable
from hmesh.runs.studies.community_storage.openings import OPENINGS, openings_section
from hmesh.runs.studies.community_storage.options import options_section
from hmesh.runs.studies.published_figures import PublishedFigure, published_figures
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection, StudyReport
from hmesh.runs.world.setting import Setting, make_setting

TITLE = "A community's storage scheduled on forecasts: published and simulated"
SCENARIO = "community-storage"
HOUSES = ("H1", "H2", "H3")
SEEDS = tuple(range(1, 9))
# Parts that the training of networks counts for.
EPOCHS = 50
# Published to two decimals, with sums that are off by up to 0.05 kWh.
ROUNDING_KWH = 0.05
ROUNDING_SHARE = 0.5


def replicate_community_storage(
    progress: Callable[[int, int], None], data: Path | None = None
) -> StudyReport:
    """Simulate the study and set its figures beside those of the source.

    Parameters
    ----------
    progress
        Told the parts done and the parts there are.
    data
        Dataset of measured loads on which the network of Table 1 is trained, or None.
    """
    done, total = 0, len(SEEDS) + len(OPENINGS) + 5 + (0 if data is None else EPOCHS)

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    if data is not None:
        refuse_unlearnable(data)
    progress(0, total)
    figures = {(f.where, f.item, f.metric): f for f in published_figures("community_storage")}
    settings, cases = [], []
    for seed in SEEDS:
        settings.append(study_setting(seed))
        cases.append(scaled_case(settings[-1], figures))
        tick()
    table3, shares, passed, verdict = compared(figures, cases)
    sections = [table3, shares]
    tick()
    sections.append(printed_errors_section(figures))
    sections.append(forecast_errors_section(settings[0]))
    tick()
    if data is not None:
        before = done
        sections.append(
            network_section(data, None, lambda a, b: progress(before + a * EPOCHS // b, total))
        )
        done = before + EPOCHS
    sections += [arithmetic(figures), bounds_section(cases)]
    tick()
    sections.append(options_section(figures, cases))

    def case_of(seed: int, changes: tuple[str, ...]) -> StorageCase:
        return scaled_case(study_setting(seed, *changes), figures)

    sections.append(openings_section(figures, cases, case_of, SEEDS, tick))
    tick()
    sections += forecast_sections()
    sections.append(run_time(figures, cases[0]))
    tick()
    return StudyReport("community_storage", TITLE, passed, verdict, tuple(sections))


def study_setting(seed: int, *changes: str) -> Setting:
    """Return the world of the built-in scenario with plans on what will be, as in the source."""
    made = ("community_storage.plan_on=actual", *changes)
    return make_setting(load_scenario(SCENARIO, made, seed))


def scaled_case(
    setting: Setting, figures: dict[tuple[str, str, str], PublishedFigure]
) -> StorageCase:
    """Return the two days of a world with the demands of Table 3."""
    (case,) = cases_of(setting)
    published = np.array([figures["Table 3", house, "demand, 2 days"].value for house in HOUSES])
    return case.scaled(published / case.ahead.demand_kwh.sum(axis=0))


def compared(
    figures: dict[tuple[str, str, str], PublishedFigure], cases: list[StorageCase]
) -> tuple[ReportSection, ReportSection, bool, str]:
    """Set Tables 3 and 4 beside what comes of every seed.

    Returns
    -------
    kwh, shares : ReportSection
        Tables 3 and 4.
    passed : bool
        Whether what the study holds for reproducible is.
    verdict : str
        That in a sentence.
    """
    demand = np.array([case.ahead.demand_kwh.sum(axis=0) for case in cases])
    ours = {
        "normal": np.array([case.normal() for case in cases]),
        "optimal": np.array([case.optimal()[0] for case in cases]),
    }
    rows: list[tuple[Cell, ...]] = []
    shares: list[tuple[Cell, ...]] = []
    totals: dict[str, tuple[float, NDArray[np.float64]]] = {}
    for mode, energy in ours.items():
        metric = f"from community storage, {mode}"
        published = [figures["Table 3", house, metric].value for house in HOUSES]
        for column, house in enumerate((*HOUSES, "all")):
            value = sum(published) if house == "all" else published[column]
            found = energy.sum(axis=1) if house == "all" else energy[:, column]
            rows.append(_row(house, mode, value, found))
            if house == "all":
                totals[mode] = value, found
                continue
            share = figures["Table 4", house, f"storage share, {mode}"].value
            shares.append(_row(f"{house}, {mode}", mode, share, 100 * found / demand[:, column]))
    within = {mode: bool(f.min() <= value <= f.max()) for mode, (value, f) in totals.items()}
    optimal, normal = totals["optimal"], totals["normal"]
    more = bool((optimal[1] > normal[1]).all())
    passed = all(within.values()) and more
    text = (
        f"Eight pairs of days (seeds {SEEDS[0]} to {SEEDS[-1]}), two fair weekdays of January, "
        "each with its own loads and sky, in place of the printed days, 8 to 10 November 2020, "
        "whose weather and loads are not published. "
        "Demands are scaled to the published 11.81, 12.09 and 13.11 kWh, so that they agree by "
        "construction. From the grid comes what the storage does not deliver.",
        "Normal operation keeps alpha at 1, optimal operation raises it until the energy left "
        f"changes by less than 0.001 kWh, at alpha {_alphas(cases)}.",
        *(_apart(mode, value, found) for mode, (value, found) in totals.items()),
        "Who gets how much hangs on the loads and forecasts of the two days: each household's "
        "share spreads by several kWh between seeds, while the total spreads with the sky.",
    )
    kwh = ReportSection(
        "table_3", "Table 3: energy from the storage in two days [kWh]", _columns(".2f"),
        tuple(rows), text,
    )  # fmt: skip
    percent = ReportSection(
        "table_4", "Table 4: share of the demand that the storage serves [%]", _columns(".1f"),
        tuple(shares), ("The grid serves the rest of 100 %.",),
        Bars("household", ("published", "mean"), "share of the demand [%]"),
    )  # fmt: skip
    missed = [f"{mode} ({_off(*totals[mode])})" for mode, among in within.items() if not among]
    verdict = "the published totals of normal and optimal operation lie among ours"
    if missed:
        verdict = f"not every published total lies among ours: {' and '.join(missed)}"
    elif not more:
        verdict = "optimal operation does not always deliver more than normal operation"
    return kwh, percent, passed, verdict


def _columns(form: str) -> tuple[Column, ...]:
    return (
        Column("household"),
        Column("operation"),
        Column("published", form),
        Column("mean", form),
        Column("lowest", form),
        Column("highest", form),
        Column("among ours"),
    )


def _row(house: str, mode: str, value: float, found: NDArray[np.float64]) -> tuple[Cell, ...]:
    lowest, highest = float(found.min()), float(found.max())
    return house, mode, value, float(found.mean()), lowest, highest, lowest <= value <= highest


def _off(value: float, found: NDArray[np.float64]) -> str:
    nearest = float(found[np.abs(found - value).argmin()])
    return f"{value:.2f} kWh, our nearest {nearest:.2f} kWh"


def _apart(mode: str, value: float, found: NDArray[np.float64]) -> str:
    """Say how far a total is off what was published."""
    mean = float(found.mean())
    return (
        f"All households in {mode} operation: published {value:.2f} kWh, ours {mean:.2f} kWh "
        f"on average ({mean / value - 1:+.0%}), from {found.min():.2f} to {found.max():.2f} kWh."
    ).replace("%", " %")


def _alphas(cases: list[StorageCase]) -> str:
    chosen = [case.optimal()[1].chosen for case in cases]
    return f"{min(chosen)} to {max(chosen)}"


def arithmetic(figures: dict[tuple[str, str, str], PublishedFigure]) -> ReportSection:
    """Ask whether Tables 3 and 4 agree with themselves and each other."""
    rows: list[tuple[Cell, ...]] = []
    for house in HOUSES:
        demand = figures["Table 3", house, "demand, 2 days"].value
        for mode in ("normal", "optimal"):
            grid, storage = (
                figures["Table 3", house, f"{source}, {mode}"].value
                for source in ("from grid", "from community storage")
            )
            share = figures["Table 4", house, f"storage share, {mode}"].value
            told = figures["Table 4", house, f"grid share, {mode}"].value
            off = grid + storage - demand
            implied = 100 * storage / demand
            agrees = abs(off) <= ROUNDING_KWH and abs(implied - share) <= ROUNDING_SHARE
            rows.append((house, mode, demand, grid + storage, off, share, implied, share + told,
                         agrees))  # fmt: skip
    columns = (
        Column("household"),
        Column("operation"),
        Column("demand [kWh]", ".2f"),
        Column("grid + storage", ".2f"),
        Column("off", "+.2f"),
        Column("storage share [%]", ".2f"),
        Column("from Table 3 [%]", ".2f"),
        Column("both shares [%]", ".2f"),
        Column("agrees"),
    )
    gains = {
        house: figures["Table 4", house, "storage share, optimal"].value
        - figures["Table 4", house, "storage share, normal"].value
        for house in HOUSES
    }
    relative = 100 * gains["H3"] / figures["Table 4", "H3", "storage share, normal"].value
    text = (
        f"Agreement allows {ROUNDING_KWH} kWh and {ROUNDING_SHARE} points of rounding.",
        f"The source tells that optimal operation serves from {gains['H1']:.2f} to "
        f"{gains['H3']:.2f} % more; these are percentage points of the demand (H3 gets "
        f"{relative:.0f} % more energy), and H2's {gains['H2']:.2f} lies between them.",
    )
    return ReportSection("arithmetic", "Do Tables 3 and 4 agree?", columns, tuple(rows), text)


def bounds_section(cases: list[StorageCase]) -> ReportSection:
    """Set the rule beside the printed one and three exact bounds."""
    rows: list[tuple[Cell, ...]] = []
    orders = []
    for seed, case in enumerate(cases, start=SEEDS[0]):
        alike = (case.stored_kwh, case.ratings, case.step_h)
        demand = case.ahead.demand_kwh
        two = largest_demands_kwh(demand, case.dischargers)
        printed = float(case.served_with(printed_dischargers(case.averages()), EVERYTHING).sum())
        rule = float(case.served_with(None, EVERYTHING).sum())
        turns = most_in_turns(case.generation_kwh, case.bright, two, *alike)
        at_most_two = most_delivered_lp(case.generation_kwh, demand, *alike, case.dischargers)
        everyone = most_delivered(case.generation_kwh, demand.sum(axis=1), *alike)
        least = float(case.ratings.soc_min * case.ratings.capacity_kwh)
        stock = case.stored_kwh - least + float(case.generation_kwh.sum())
        chain = [printed, rule, turns, at_most_two, everyone, stock]
        orders.append(all(a <= b + 1e-2 for a, b in pairwise(chain)))
        rows.append((str(seed), *chain, 100 * rule / turns))
    columns = (
        Column("seed"),
        Column("as printed", ".2f"),
        Column("rule", ".2f"),
        Column("in turns", ".2f"),
        Column("two at once", ".2f"),
        Column("all at once", ".2f"),
        Column("stock and sun", ".2f"),
        Column("rule of in turns [%]", ".0f"),
    )
    share = np.array([float(row[-1] or 0) for row in rows])
    text = (
        "All demand of those served is allowed (alpha without end), in kWh of two days. 'In turns' "
        "is the exact optimum where a storage that is charged serves nobody and two households "
        "are served at once, by a dynamic programme over whole Wh; 'two at once' charges and "
        "serves together, a linear programme; 'all at once' is Lindley's recursion.",
        f"The rule reaches {share.min():.0f} to {share.max():.0f} % of what its own regime allows. "
        "What it gives away on top is given away by the regime: nobody is served while the sun "
        "shines.",
        "As printed, Algorithm 2 serves nobody where the third household is expected to need "
        "most, and drops the first where that is.",
        f"The order printed <= rule <= bounds holds in {sum(orders)} of {len(orders)} cases.",
    )
    return ReportSection("bounds", "The rule against exact bounds", columns, tuple(rows), text)


def run_time(
    figures: dict[tuple[str, str, str], PublishedFigure], case: StorageCase
) -> ReportSection:
    """Tell how long the allowance of two days takes to be found."""
    published = figures["section 3", "optimisation", "run time"].value
    begin = perf_counter()
    _, found = case.optimal()
    seconds = perf_counter() - begin
    rows: tuple[tuple[Cell, ...], ...] = (("192 slots, 3 households", published, seconds),)
    columns = (
        Column("plan"), Column("published [s]", ".2f"), Column("here [s]", ".3f"),
    )  # fmt: skip
    text = (
        f"Here {len(found.alpha)} alphas are lived through side by side, in one process; the "
        "source used a Xeon Silver 4210R and does not tell what it counts. The time varies with "
        "the machine.",
    )
    return ReportSection("run_time", "How long a plan takes", columns, rows, text)
