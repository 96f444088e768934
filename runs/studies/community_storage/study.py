"""The published study of a community's storage scheduled on forecasts, simulated again.

Source: Community energy storage scheduled on LSTM forecasts, ICT Express, 2022. It prints its days,
8 to 10 November 2020, which are the default here; its loads are not public, and it gives neither
the size of storage and plant nor the weather. Sizes, sky and loads are assumed as in the built-in
scenario `community-storage`, with demands scaled to those of Table 3.
"""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter

import numpy as np

from hmesh.markets.community_storage_bounds import (
    largest_demands_kwh,
    most_delivered,
    most_delivered_lp,
    most_in_turns,
)
from hmesh.markets.printed_discharge import printed_dischargers
from hmesh.runs.studies.community_storage.better_forecasts import forecast_sections
from hmesh.runs.studies.community_storage.case import EVERYTHING, StorageCase
from hmesh.runs.studies.community_storage.figures import community_storage_figures
from hmesh.runs.studies.community_storage.forecasts import (
    forecast_errors_section,
    printed_errors_section,
)
from hmesh.runs.studies.community_storage.network import network_section
from hmesh.runs.studies.community_storage.openings import FITTED_DAYS, OPENINGS, openings_section
from hmesh.runs.studies.community_storage.options import options_section
from hmesh.runs.studies.community_storage.ranked_by_network import network_sections
from hmesh.runs.studies.community_storage.served_tables import (
    arithmetic,
    by_household,
    compared,
    found_of,
)
from hmesh.runs.studies.community_storage.storage_study import SEEDS, StorageStudy, study_setting
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_parts import Study, StudyPart
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.studies.verdicts import verdict_sections

TITLE = "A community's storage scheduled on forecasts: published and simulated"
# Steps that the training of networks counts for.
EPOCHS = 50


def _judged(shared: StorageStudy, tick: Callable[[], None]) -> list[ReportSection]:
    found = found_of(shared.cases())
    tick()
    others = {
        "January, fitted": found_of(shared.cases(FITTED_DAYS)),
        "static averages": found_of(shared.cases(), static=True),
    }
    text = (
        "Not compared: the errors of Table 2, which need the measured loads of the source and "
        "contradict each other, and the run time, which depends on the machine.",
    )
    return verdict_sections("community_storage", found, others, text)


def _tables(shared: StorageStudy, tick: Callable[[], None]) -> list[ReportSection]:
    table3, shares = compared(shared.figures, shared.cases())
    tick()
    return [table3, shares, by_household(shared, tick), arithmetic(shared.figures)]


def _table_2(shared: StorageStudy, tick: Callable[[], None]) -> list[ReportSection]:
    sections = [
        printed_errors_section(shared.figures),
        forecast_errors_section(study_setting(SEEDS[0])),
    ]
    tick()
    if shared.data is not None:
        done = 0

        def epochs(a: int, b: int) -> None:
            nonlocal done
            while done < a * EPOCHS // b:
                done += 1
                tick()

        sections.append(network_section(shared.data, None, epochs))
    return sections


STUDY = Study(
    "community_storage",
    TITLE,
    StorageStudy,
    (
        StudyPart("figures", _judged, 2, 15),
        StudyPart("tables-3-4", _tables, 2, 10),
        StudyPart("table-2", _table_2, EPOCHS + 1),
        StudyPart("bounds", lambda s, tick: bounds_section(s.cases()), seconds=5),
        StudyPart("options", lambda s, tick: options_section(s.figures, s.cases()), seconds=10),
        StudyPart(
            "openings",
            lambda s, tick: openings_section(s.figures, s.cases(), s.case_of, SEEDS, tick),
            len(OPENINGS),
            45,
        ),
        StudyPart("forecasts", lambda s, tick: forecast_sections(), seconds=60),
        StudyPart("network", network_sections, seconds=90),
        StudyPart("run-time", lambda s, tick: run_time(s.figures, s.cases()[0])),
    ),
    community_storage_figures,
    takes_data=True,
)


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
    """State how long the allowance of two days takes to be found."""
    published = figures["section 3", "optimisation", "run time"].value
    begin = perf_counter()
    _, found = case.optimal()
    seconds = perf_counter() - begin
    rows: tuple[tuple[Cell, ...], ...] = (("192 slots, 3 households", published, seconds),)
    columns = (
        Column("plan"), Column("published [s]", ".2f"), Column("here [s]", ".3f"),
    )  # fmt: skip
    text = (
        f"Here {len(found.alpha)} alphas are simulated side by side, in one process; the "
        "source used a Xeon Silver 4210R and does not state what it counts. The time varies with "
        "the machine.",
    )
    return ReportSection("run_time", "How long a plan takes", columns, rows, text)
