"""Tables 3 and 4 of the study: what the storage serves of each household's demand."""

from collections.abc import Callable

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.studies.community_storage.case import StorageCase
from hmesh.runs.studies.community_storage.openings import FITTED_DAYS, ORDINARY_SKY
from hmesh.runs.studies.community_storage.storage_study import HOUSES, SEEDS, StorageStudy
from hmesh.runs.studies.published_figures import PublishedFigure
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection
from hmesh.runs.studies.verdicts import Ours

# Published to two decimals, with sums that are off by up to 0.05 kWh.
ROUNDING_KWH = 0.05
ROUNDING_SHARE = 0.5

READINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("printed days", ()),
    ("printed days, sky of any day", ORDINARY_SKY),
    ("January, fitted", FITTED_DAYS),
)
STATIC = "printed days, static averages rank"


def found_of(cases: list[StorageCase], *, static: bool = False) -> dict[tuple[str, str], Ours]:
    """Return what some cases amount to by item and metric of Tables 3 and 4, for each seed.

    Parameters
    ----------
    cases : list of StorageCase
        The days, a case for each seed.
    static : bool, optional
        Whether the static averages of eq. (11) rank households, as (35) is printed.
    """
    demand = np.array([case.ahead.demand_kwh.sum(axis=0) for case in cases])
    served = {
        "normal": np.array([case.normal(static=static) for case in cases]),
        "optimal": np.array([case.optimal(static=static)[0] for case in cases]),
    }
    found: dict[tuple[str, str], Ours] = {}
    for column, house in enumerate(HOUSES):
        found[house, "demand, 2 days"] = demand[:, column].tolist()
        for mode, energy in served.items():
            storage, whole = energy[:, column], demand[:, column]
            share = 100 * storage / whole
            found[house, f"from community storage, {mode}"] = storage.tolist()
            found[house, f"from grid, {mode}"] = (whole - storage).tolist()
            found[house, f"storage share, {mode}"] = share.tolist()
            found[house, f"grid share, {mode}"] = (100 - share).tolist()
    return found


def compared(
    figures: dict[tuple[str, str, str], PublishedFigure], cases: list[StorageCase]
) -> tuple[ReportSection, ReportSection]:
    """Set Tables 3 and 4 beside what comes of every seed.

    Returns
    -------
    kwh, shares : ReportSection
        Tables 3 and 4.
    """
    demand = np.array([case.ahead.demand_kwh.sum(axis=0) for case in cases])
    ours = {
        "normal": np.array([case.normal() for case in cases]),
        "optimal": np.array([case.optimal()[0] for case in cases]),
    }
    rows: list[tuple[Cell, ...]] = []
    shares: list[tuple[Cell, ...]] = []
    totals: dict[str, tuple[float, FloatArray]] = {}
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
    text = (
        f"The printed days, from 8 November 2020, with eight draws (seeds {SEEDS[0]} to "
        f"{SEEDS[-1]}) of their loads and of a fair sky, which are not published. "
        "Demands are scaled to the published 11.81, 12.09 and 13.11 kWh, so that they agree by "
        "construction. From the grid comes what the storage does not deliver.",
        "Normal operation keeps alpha at 1, optimal operation raises it until the energy left "
        f"changes by less than 0.001 kWh, at alpha {_alphas(cases)}.",
        *(_apart(mode, value, found) for mode, (value, found) in totals.items()),
        "Who gets how much depends on the loads and forecasts of the two days: each household's "
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
    return kwh, percent


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


def _row(house: str, mode: str, value: float, found: FloatArray) -> tuple[Cell, ...]:
    lowest, highest = float(found.min()), float(found.max())
    return house, mode, value, float(found.mean()), lowest, highest, lowest <= value <= highest


def _apart(mode: str, value: float, found: FloatArray) -> str:
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
            reported = figures["Table 4", house, f"grid share, {mode}"].value
            off = grid + storage - demand
            implied = 100 * storage / demand
            agrees = abs(off) <= ROUNDING_KWH and abs(implied - share) <= ROUNDING_SHARE
            rows.append((house, mode, demand, grid + storage, off, share, implied, share + reported,
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
        f"The source states that optimal operation serves from {gains['H1']:.2f} to "
        f"{gains['H3']:.2f} % more; these are percentage points of the demand (H3 gets "
        f"{relative:.0f} % more energy), and H2's {gains['H2']:.2f} lies between them.",
    )
    return ReportSection("arithmetic", "Do Tables 3 and 4 agree?", columns, tuple(rows), text)


def by_household(shared: StorageStudy, tick: Callable[[], None] = lambda: None) -> ReportSection:
    """Set each household of Table 3 beside what each reading amounts to."""
    rows: list[tuple[Cell, ...]] = []
    readings: list[tuple[str, dict[tuple[str, str], Ours]]] = [
        (name, found_of(shared.cases(changes))) for name, changes in READINGS
    ]
    readings += [
        (STATIC, found_of(shared.cases(), static=True)),
        ("January, static averages rank", found_of(shared.cases(FITTED_DAYS), static=True)),
    ]
    tick()
    inside: dict[str, list[str]] = {}
    for name, found in readings:
        inside[name] = []
        for mode in ("normal", "optimal"):
            metric = f"from community storage, {mode}"
            columns = np.array([found[house, metric] for house in HOUSES])
            for house, energy in zip(
                (*HOUSES, "all"), (*columns, columns.sum(axis=0)), strict=True
            ):
                values = [shared.figures["Table 3", each, metric].value for each in HOUSES]
                value = sum(values) if house == "all" else values[HOUSES.index(house)]
                row = _row(house, mode, value, energy)
                rows.append((name, *row))
                if not row[-1]:
                    inside[name].append(f"{house} {mode}")
    text = tuple(
        f"{name}: outside the range of the seeds {', '.join(out) if out else 'nothing'}."
        for name, out in inside.items()
    )
    title = "Table 3 by household, under each reading [kWh]"
    return ReportSection(
        "table_3_readings", title, (Column("reading"), *_columns(".2f")), tuple(rows), text
    )
