"""The published study of a community's storage scheduled on forecasts, simulated again.

Source: Community energy storage scheduled on LSTM forecasts, ICT Express, 2022. It prints its days,
8 to 10 November 2020, which are the default here; its loads are not public, and it gives neither
the size of storage and plant nor the weather. Sizes, sky and loads are assumed as in the built-in
scenario `community-storage`, with demands scaled to those of Table 3.
"""

from collections.abc import Callable
from importlib.util import find_spec
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
from hmesh.runs.studies.changes import study_scenario
from hmesh.runs.studies.community_storage.better_forecasts import forecast_sections
from hmesh.runs.studies.community_storage.case import EVERYTHING, StorageCase, cases_of
from hmesh.runs.studies.community_storage.figures import community_storage_figures
from hmesh.runs.studies.community_storage.forecasts import (
    forecast_errors_section,
    printed_errors_section,
)
from hmesh.runs.studies.community_storage.measured_days import measured_days
from hmesh.runs.studies.community_storage.network import network_section, refuse_unlearnable
from hmesh.runs.studies.community_storage.openings import (
    FITTED_DAYS,
    OPENINGS,
    ORDINARY_SKY,
    PRINTED_DAYS,
    openings_section,
)
from hmesh.runs.studies.community_storage.options import options_section
from hmesh.runs.studies.published_figures import PublishedFigure, published_figures
from hmesh.runs.studies.study_parts import Study, StudyPart
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection
from hmesh.runs.studies.verdicts import Ours, verdict_sections
from hmesh.runs.world.setting import Setting, make_setting

TITLE = "A community's storage scheduled on forecasts: published and simulated"
SCENARIO = "community-storage"
HOUSES = ("H1", "H2", "H3")
SEEDS = tuple(range(1, 9))
# Steps that the training of networks counts for.
EPOCHS = 50
READINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("printed days", ()),
    ("printed days, sky of any day", ORDINARY_SKY),
    ("January, fitted", FITTED_DAYS),
)
NETWORK_NEEDS = ("jax", "equinox", "optax")
NETWORK = ("community_storage.forecaster={kind: lstm}",)
STATIC = "printed days, static averages rank"
# Published to two decimals, with sums that are off by up to 0.05 kWh.
ROUNDING_KWH = 0.05
ROUNDING_SHARE = 0.5


type Figures = dict[tuple[str, str, str], PublishedFigure]


class StorageStudy:
    """What the parts of the study share, each worked out when it is first used.

    Parameters
    ----------
    data : Path, optional
        Dataset of measured loads on which the network of Table 1 is trained.
    """

    published = published_figures("community_storage")
    figures: Figures = {(f.where, f.item, f.metric): f for f in published}  # noqa: RUF012

    def __init__(self, data: Path | None) -> None:
        if data is not None:
            refuse_unlearnable(data)
        self.data = data
        self._cases: dict[tuple[str, ...], list[StorageCase]] = {}

    def cases(self, changes: tuple[str, ...] = ()) -> list[StorageCase]:
        """Return the days of the study with some keys changed, a case for each seed."""
        if changes not in self._cases:
            self._cases[changes] = [self.case_of(seed, changes) for seed in SEEDS]
        return self._cases[changes]

    def case_of(self, seed: int, changes: tuple[str, ...]) -> StorageCase:
        """Return the days of a seed with some keys changed."""
        return scaled_case(study_setting(seed, *changes), self.figures)


def found_of(cases: list[StorageCase], *, static: bool = False) -> dict[tuple[str, str], Ours]:
    """Return what some cases amount to by item and metric of Tables 3 and 4, for each seed.

    Parameters
    ----------
    cases
        The days, a case for each seed.
    static
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


def with_network(shared: StorageStudy, tick: Callable[[], None]) -> ReportSection:
    """Let the network of Table 1 rank the households of one seed, in place of noise."""
    seed = SEEDS[0]
    title = "Table 3 driven by the network of the title [kWh]"
    missing = [name for name in NETWORK_NEEDS if find_spec(name) is None]
    if missing:
        # A replication of everything else must not end for an extra that is not installed.
        text = f"Not made: {', '.join(missing)} of the extra hmesh[forecast] is not installed."
        return ReportSection("table_3_network", title, text=(text,))
    noise = shared.cases()[0]
    network = shared.case_of(seed, NETWORK)
    rows: list[tuple[Cell, ...]] = []
    for mode in ("normal", "optimal"):
        metric = f"from community storage, {mode}"
        both = [
            case.normal() if mode == "normal" else case.optimal()[0] for case in (noise, network)
        ]
        for column, house in enumerate(HOUSES):
            value = shared.figures["Table 3", house, metric].value
            rows.append((house, mode, value, *(float(energy[column]) for energy in both)))
        totals = [float(energy.sum()) for energy in both]
        rows.append(("all", mode, sum(float(str(row[2])) for row in rows[-3:]), *totals))
    words = (
        f"Seed {seed}. Everywhere else what is expected of the households is what they will use, "
        "with noise of the size of the published errors. Here the network of Table 1 expects it, "
        "trained on the 14 days before, one network for each household; it expects a day slot by "
        "slot from what it expected before. Networks are kept and used again.",
    )
    columns = (
        Column("household"), Column("operation"), Column("published", ".2f"),
        Column("noise ranks", ".2f"), Column("the network ranks", ".2f"),
    )  # fmt: skip
    return ReportSection("table_3_network", title, columns, tuple(rows), words)


def on_measured_days(shared: StorageStudy) -> ReportSection:
    """Let noise, the network and what will be rank measured households on their last days."""
    assert shared.data is not None
    seed, changes = SEEDS[0], measured_days(shared.data, HOUSES)
    ranking = {
        "what will be ranks": ("community_storage.forecaster.sigma=0",),
        "noise ranks": (),
        "the network ranks": NETWORK,
    }
    cases = [cases_of(study_setting(seed, *changes, *each))[0] for each in ranking.values()]
    demand = cases[0].ahead.demand_kwh.sum(axis=0)
    rows: list[tuple[Cell, ...]] = []
    for mode in ("normal", "optimal"):
        served = [case.normal() if mode == "normal" else case.optimal()[0] for case in cases]
        for column, house in enumerate(HOUSES):
            found = (float(energy[column]) for energy in served)
            rows.append((house, mode, float(demand[column]), *found))
        totals = (float(energy.sum()) for energy in served)
        rows.append(("all", mode, float(demand.sum()), *totals))
    text = (
        f"The last two whole days of the first three members of {shared.data.name}, with the "
        "storage of the study. The network of Table 1 has learned from the 14 days before them, "
        "which nothing here has seen else; what will be is the best that a forecast can do.",
    )
    columns = (
        Column("household"), Column("operation"), Column("demand", ".2f"),
        *(Column(name, ".2f") for name in ranking),
    )  # fmt: skip
    title = "Measured households, ranked by the network of the title [kWh]"
    return ReportSection("table_3_measured", title, columns, tuple(rows), text)


def _network(shared: StorageStudy, tick: Callable[[], None]) -> list[ReportSection]:
    sections = [with_network(shared, tick)]
    if shared.data is not None and all(find_spec(name) is not None for name in NETWORK_NEEDS):
        sections.append(on_measured_days(shared))
    return sections


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
        StudyPart("network", _network, seconds=90),
        StudyPart("run-time", lambda s, tick: run_time(s.figures, s.cases()[0])),
    ),
    community_storage_figures,
    takes_data=True,
)


def study_setting(seed: int, *changes: str) -> Setting:
    """Return the world of the study: the printed days, with plans on what will be."""
    base = ("community_storage.plan_on=actual", *PRINTED_DAYS)
    return make_setting(study_scenario(SCENARIO, *changes, base=base, seed=seed))


def scaled_case(
    setting: Setting, figures: dict[tuple[str, str, str], PublishedFigure]
) -> StorageCase:
    """Return the two days of a world with the demands of Table 3."""
    (case,) = cases_of(setting)
    published = np.array([figures["Table 3", house, "demand, 2 days"].value for house in HOUSES])
    return case.scaled(published / case.ahead.demand_kwh.sum(axis=0))


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


def _row(house: str, mode: str, value: float, found: NDArray[np.float64]) -> tuple[Cell, ...]:
    lowest, highest = float(found.min()), float(found.max())
    return house, mode, value, float(found.mean()), lowest, highest, lowest <= value <= highest


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
