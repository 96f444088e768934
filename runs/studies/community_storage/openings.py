"""What the community storage study leaves open: its sky, how its loads vary, and other days."""

from collections.abc import Callable, Sequence

from hmesh.runs.studies.community_storage.case import StorageCase
from hmesh.runs.studies.community_storage.options import (
    Outcome,
    outcome_columns,
    outcome_row,
    published_row,
)
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Cell, ReportSection

USUAL = "as the study"
NOISE = "chance.demand_noise.household={{sigma: {0}, correlation_h: {1}}}"
SKY = "chance.cloudiness={{mean: {0}, deviation: {1}, correlation_h: 6}}"

# The days that the source prints below Table 2, and those that were chosen because both published
# totals of Table 3 then lie among ours.
PRINTED_DAYS = ("start='2020-11-08T00:00'",)
FITTED_DAYS = ("start='2021-01-12T00:00'",)
ORDINARY_SKY = (SKY.format(0.7, 0.2),)

# What is open, how it is taken instead, and the change of the scenario.
OPENINGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("days", "Tuesday and Wednesday in January, fitted", FITTED_DAYS),
    ("days and sky", "in January, sky of any day", (*FITTED_DAYS, SKY.format(0.7, 0.2))),
    ("days", "Saturday and Sunday in January", ("start='2021-01-16T00:00'",)),
    ("days", "Tuesday and Wednesday in April", ("start='2021-04-13T00:00'",)),
    ("days", "in July", ("start='2021-07-13T00:00'",)),
    ("days", "in October", ("start='2021-10-12T00:00'",)),
    ("sky", "of any day: clearness 0.7, deviation 0.2", ORDINARY_SKY),
    ("sky", "dull: clearness 0.4, deviation 0.1", (SKY.format(0.4, 0.1),)),
    ("loads", "rougher: sigma 0.5 over 2 h", (NOISE.format(0.5, 2),)),
    ("loads", "smoother: sigma 0.21, of no memory", (NOISE.format(0.21, 0),)),
    ("least demand", "of 3 days before", ("community_storage.history_days=3",)),
    ("least demand", "of 60 days before", ("community_storage.history_days=60",)),
)


def openings_section(
    figures: dict[tuple[str, str, str], PublishedFigure],
    usual: Sequence[StorageCase],
    case_of: Callable[[int, tuple[str, ...]], StorageCase],
    seeds: Sequence[int],
    simulated: Callable[[], None] = lambda: None,
) -> ReportSection:
    """Simulate the study on other days, under another sky and with other loads.

    Parameters
    ----------
    figures : dict of (str, str, str) to PublishedFigure
        What was published.
    usual : sequence of StorageCase
        The days of the study, a case for each seed.
    case_of : callable
        Returns the case of a seed where the scenario has some changes.
    seeds : sequence of int
        Seeds of the study.
    simulated : callable, optional
        Called after each row.
    """
    rows: list[tuple[Cell, ...]] = [published_row(figures)]
    rows.append(outcome_row("", USUAL, [_totals(case) for case in usual]))
    for what, taken, changes in OPENINGS:
        rows.append(outcome_row(what, taken, [_totals(case_of(seed, changes)) for seed in seeds]))
        simulated()
    return ReportSection(
        "openings", "What the source leaves open: days, sky and loads",
        outcome_columns("what is open", "taken as"), tuple(rows), (_text(rows, len(seeds)),
        "The source prints its days, 8 to 10 November 2020, which the study takes, but neither "
        "their weather nor its loads. The sky is fair, as the source's storage stays full in "
        "normal operation. Its loads vary so that 0.21 of them (the deviation of the logarithm) "
        "cannot be foreseen a quarter of an hour ahead, as the published errors of 16 to 18 % ask, "
        "and keep their level for about an hour, as six measured households do. The days in "
        "January are a fit: they were chosen because both published totals then lie among ours.",
        "Normal operation depends on the least demand, and with it on how rough loads are and how "
        "long they were watched; optimal operation on sun and season."),
    )  # fmt: skip


def _totals(case: StorageCase) -> Outcome:
    return float(case.normal().sum()), float(case.optimal()[0].sum())


def _text(rows: list[tuple[Cell, ...]], seeds: int) -> str:
    """State how far the totals move, and where both published ones lie among ours."""
    published, *ours = rows
    normal, optimal = ([float(row[at] or 0) for row in ours] for at in (2, 5))
    both = [
        f"{row[0]} {row[1]}".strip()
        for row in ours
        if all(_among(row, at, float(published[at] or 0)) for at in (2, 5))
    ]
    found = f"with: {'; '.join(both)}" if both else "with none of them"
    return (
        f"The mean and range of {seeds} seeds. The mean of normal operation moves from "
        f"{min(normal):.1f} to {max(normal):.1f} kWh, that of optimal operation from "
        f"{min(optimal):.1f} to {max(optimal):.1f} kWh. Both published totals lie among ours "
        f"{found}."
    )


def _among(row: tuple[Cell, ...], at: int, value: float) -> bool:
    return float(row[at + 1] or 0) <= value <= float(row[at + 2] or 0)
