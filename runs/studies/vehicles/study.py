"""The published study of three communities and 2,000 vehicles, simulated again.

Source: R. Khwanrit, Hierarchical Multi-Communities Energy Sharing Management System using Energy
Storage, dissertation, JAIST, 2024, chapter 5. It compares typical charging, two-level V2G (2LV)
and the three-level optimal energy price (3OEP).
"""

from collections.abc import Callable
from functools import cached_property
from itertools import product

import numpy as np

from hmesh.runs.schemes.vehicles.step import vehicles_of
from hmesh.runs.studies.days import Reductions, case_study, live_day, par_of, reduction, reductions
from hmesh.runs.studies.published_figures import PublishedFigure, published_figures
from hmesh.runs.studies.study_parts import Study, StudyPart
from hmesh.runs.studies.study_report import Cell, Column, ReportSection
from hmesh.runs.studies.vehicles.figures import vehicle_figures
from hmesh.runs.studies.vehicles.inputs import fixed_inputs
from hmesh.runs.studies.vehicles.prices import enumeration, negotiation, price_levels
from hmesh.runs.studies.vehicles.sensitivity import (
    VARIATIONS,
    equal_energy,
    price_bound,
    sensitivity,
)
from hmesh.runs.studies.verdicts import verdict_sections
from hmesh.runs.world.simulation import Simulation

TITLE = "Energy sharing of 2,000 vehicles among three communities: published and simulated"
STRATEGY = {"typical": "typical", "2LV": "two_level", "3OEP": "three_level"}
PAR, BILL = "PAR reduction", "EV bill reduction"
# The two other bills rule this one out, as `contradictions` computes.
IMPOSSIBLE = ("2LV vs typical", BILL)
OTHER_TARIFF = {"on_peak": 15, "off_peak": 10}  # [JPY/kWh]
# What an independent implementation found [%], with the tariff of the scenario and the other one.
OTHER_CODE = {
    ("3OEP vs typical", PAR): 40.7,
    ("3OEP vs 2LV", PAR): 31.3,
    ("2LV vs typical", PAR): 13.9,
    ("3OEP vs typical", BILL): 8.3,
    ("3OEP vs 2LV", BILL): 6.1,
    ("2LV vs typical", BILL): 1.6,
}
OTHER_CODE_OTHER_TARIFF = {
    ("2LV vs typical", PAR): 14.2,
    ("3OEP vs 2LV", BILL): -16.9,
    ("2LV vs typical", BILL): 21.0,
}
ROUNDING = 0.05  # published to one decimal [percentage points]

type Days = dict[str, Simulation]


class VehicleStudy:
    """The days that the parts of the study share, each simulated when it is first used."""

    figures = published_figures("vehicles")

    @cached_property
    def formulas(self) -> Days:
        """Under the closed forms of the source."""
        return simulated_days("closed_form")

    @cached_property
    def exact(self) -> Days:
        """In the equilibrium with all limits, which runs find unless set otherwise."""
        return simulated_days("exact")

    @property
    def found(self) -> dict[tuple[str, str], float]:
        """What the exact days amount to, by item and metric of the published figures."""
        return found_of(self.exact)


def found_of(days: Days) -> dict[tuple[str, str], float]:
    """Return what some days amount to, by item and metric of the published figures."""
    return {(f.item, f.metric): _ours(days, f) for f in VehicleStudy.figures}


def _judged(shared: VehicleStudy, tick: Callable[[], None]) -> list[ReportSection]:
    """Judge every published figure under the default solver."""
    texts = (
        _about(shared.figures, shared.exact),
        _why_they_differ(shared.formulas["two_level"], shared.exact["two_level"]),
        _about_other_code(),
    )
    others = {"closed forms": found_of(shared.formulas)}
    return verdict_sections("vehicles", found_of(shared.exact), others, texts)


STUDY = Study(
    "vehicles",
    TITLE,
    lambda data: VehicleStudy(),
    (
        StudyPart("figures", _judged, seconds=3),
        StudyPart("energy", lambda shared, tick: _energy(shared.exact)),
        StudyPart("tariff", lambda shared, tick: _other_tariff(shared.figures, shared.formulas)),
        StudyPart("contradictions", lambda shared, tick: contradictions(shared.figures)),
        StudyPart("inputs", lambda shared, tick: fixed_inputs(shared.exact["typical"].setting)),
        StudyPart("sensitivity", lambda shared, tick: sensitivity(tick), len(VARIATIONS), 20),
        StudyPart("price-bound", lambda shared, tick: price_bound()),
        StudyPart("equal-energy", lambda shared, tick: equal_energy(), seconds=5),
        StudyPart("enumeration", lambda shared, tick: enumeration()),
        StudyPart("negotiation", lambda shared, tick: negotiation()),
        StudyPart("price-levels", lambda shared, tick: price_levels()),
    ),
    vehicle_figures,
)


def simulated_days(solver: str, *changes: str) -> Days:
    """Return the day of the case study under every strategy, with prices found by a solver."""
    setting = case_study(*changes, solver=solver)
    return {strategy: live_day(setting, strategy) for strategy in STRATEGY.values()}


def _reductions(days: Days, item: str) -> Reductions:
    """Return the reductions of a pair such as ``3OEP vs typical``."""
    fewer, reference = (STRATEGY[name] for name in item.split(" vs "))
    return reductions(days[fewer].totals, days[reference].totals)


def _ours(days: Days, figure: PublishedFigure) -> float:
    """Return what the days amount to where a figure was published."""
    found = _reductions(days, figure.item)
    return found.par if figure.metric == PAR else found.bill


def _about(figures: tuple[PublishedFigure, ...], exact: Days) -> str:
    """Return what the columns are."""
    places = ", ".join(sorted({figure.where for figure in figures}))
    tariff = exact["typical"].setting.scenario.prices.time_of_use
    return (
        f"Published: {places}. PAR is the peak-to-average ratio of the hourly demand. Time-of-use "
        f"tariff of 2LV: {tariff.on_peak:g} and {tariff.off_peak:g} JPY/kWh. 'exact' is the "
        "equilibrium of the games with the limits of every battery and plug, which runs find "
        "unless set otherwise; it counts. 'closed forms' are those of the source, corrected and "
        "clipped to the price bounds, as its algorithm uses them."
    )


def _why_they_differ(formulas: Simulation, exact: Simulation) -> str:
    """Say where the formulas leave the equilibrium of 2LV."""
    demand = []
    bound = np.zeros(0, dtype=np.int64)
    for simulation in (formulas, exact):
        kwh: list[float] = []
        limited: list[int] = []

        def record(hour: Simulation, kwh: list[float] = kwh, limited: list[int] = limited) -> None:
            kwh.append(float(hour.net_kwh.sum()))
            limited.append(hour.totals.counts["vehicles_at_bound"])

        live_day(simulation.setting, simulation.strategy, record)
        demand.append(np.array(kwh))
        bound = np.diff(limited, prepend=0)
    less = demand[0] - demand[1]
    limited_hours = np.flatnonzero(bound)
    clock = exact.calendar.hour_of_day
    peak = exact.totals.peak_step
    hours = ", ".join(f"{clock(int(step)):.0f}" for step in limited_hours)
    return (
        f"Under 2LV the two part in the hours that begin at {hours}, when up to "
        f"{bound.max():.0f} vehicles are at a limit that the formulas do not see: exact "
        f"aggregators ask more and sell {less[limited_hours].sum():.0f} kWh less in these hours, "
        f"and {-less[peak]:.0f} kWh more at the peak, which begins at {clock(peak):.0f} "
        f"(PAR {par_of(formulas.totals):.3f} and {par_of(exact.totals):.3f})."
    )


def _about_other_code() -> str:
    """State what an independent implementation found, and whether it agrees with itself."""
    wording = ", ".join(f"{value}" for value in OTHER_CODE.values())
    item, _ = IMPOSSIBLE
    implied = _implied(item, OTHER_CODE["3OEP vs typical", BILL], OTHER_CODE["3OEP vs 2LV", BILL])
    return (
        f"An independent implementation found, in this order, {wording} %. Its figures against 2LV "
        f"are those of the formulas; its last does not follow from the two before it, which give "
        f"{implied:.1f} % as here."
    )


def _energy(days: Days) -> ReportSection:
    """Say how much energy stands behind the bills."""
    rows: list[tuple[Cell, ...]] = []
    for name, strategy in STRATEGY.items():
        simulation = days[strategy]
        sums, fleet = simulation.totals.sums, vehicles_of(simulation).fleet.population
        driven = sums["driven_km"] * simulation.setting.scenario.vehicles.consumption_kwh_per_km
        soc = float((fleet["energy_kwh"] / fleet["capacity_kwh"]).mean())
        bought, bill = sums["vehicle_kwh"], sums["ev_bill"]
        rows.append((name, bought / 1e3, driven / 1e3, 100 * soc, bill / 1e3, bill / bought))
    columns = (
        Column("strategy"),
        Column("bought [MWh]", ".2f"),
        Column("driven [MWh]", ".2f"),
        Column("final charge [%]", ".1f"),
        Column("bill [1000 JPY]", ",.0f"),
        Column("JPY per kWh bought", ".2f"),
    )
    paid = {row[0]: float(row[5] or 0.0) for row in rows}
    costlier = -reduction(paid["3OEP"], paid["typical"])
    text = (
        "The bills of one day do not buy the same: vehicles under 3OEP end the day with less "
        f"energy in store. Per kWh bought, 3OEP is {costlier:.0f} % above typical charging.",
    )
    return ReportSection("energy", "What the bills bought (exact)", columns, tuple(rows), text)


def _other_tariff(figures: tuple[PublishedFigure, ...], formulas: Days) -> ReportSection:
    """Ask which tariff gives the published bill of 2LV, and what else it gives."""
    changes = [f"prices.time_of_use.{name}={price}" for name, price in OTHER_TARIFF.items()]
    others = [simulated_days(solver, *changes) for solver in ("closed_form", "exact")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            figure.item,
            _of(figure.metric),
            figure.value,
            *(_ours(days, figure) for days in (formulas, *others)),
            OTHER_CODE_OTHER_TARIFF.get((figure.item, figure.metric)),
        )
        for figure in figures
        if "2LV" in figure.item
    )
    now = formulas["two_level"].setting.scenario.prices.time_of_use
    on_off = f"{OTHER_TARIFF['on_peak']}/{OTHER_TARIFF['off_peak']}"
    columns = (
        Column("compared"),
        Column("reduction [%] of"),
        Column("published", ".1f"),
        Column(f"formulas {now.on_peak:g}/{now.off_peak:g}", ".2f"),
        Column(f"formulas {on_off}", ".2f"),
        Column(f"exact {on_off}", ".2f"),
        Column(f"other code {on_off}", ".1f"),
    )
    there = _reductions(others[0], "2LV vs typical").bill
    then = _reductions(others[0], "3OEP vs 2LV").bill
    published = {(figure.item, figure.metric): figure.value for figure in figures}
    text = (
        f"A tariff of {on_off} JPY/kWh gives the bill reduction of 2LV that was published "
        f"({published[IMPOSSIBLE]} %): {there:.1f} %. But then 3OEP is {-then:.1f} % above "
        f"2LV, not {published['3OEP vs 2LV', BILL]} % cheaper.",
    )
    return ReportSection("tariff", "2LV under another time-of-use tariff", columns, rows, text)


def contradictions(figures: tuple[PublishedFigure, ...]) -> ReportSection:
    """Compute every published reduction from the two others of its kind.

    With shares left r = 1 - reduction, r(3OEP vs typical) = r(3OEP vs 2LV) * r(2LV vs typical).
    """
    rows: list[tuple[Cell, ...]] = []
    sums = []
    for metric in (PAR, BILL):
        published = {f.item: f.value for f in figures if f.metric == metric}
        for item, value in published.items():
            others = [published[other] for other in published if other != item]
            implied = _implied(item, *others)
            shifts = product((-ROUNDING, ROUNDING), repeat=2)
            ends = [_implied(item, others[0] + a, others[1] + b) for a, b in shifts]
            agrees = min(ends) <= value + ROUNDING and max(ends) >= value - ROUNDING
            rows.append((item, _of(metric), value, implied, min(ends), max(ends), agrees))
            if not agrees and item == "3OEP vs 2LV":
                left = [1 - published[name] / 100 for name in ("3OEP vs typical", "2LV vs typical")]
                ratio = left[0] / left[1]
                sums.append(
                    f"{metric}: {left[0]:.3f} / {left[1]:.3f} = {ratio:.3f}, so that 3OEP would "
                    f"cost {100 * ratio - 100:.1f} % more than 2LV, and not {value} % less."
                )
    columns = (
        Column("compared"),
        Column("reduction [%] of"),
        Column("published", ".1f"),
        Column("from the two others", ".1f"),
        Column("at least", ".1f"),
        Column("at most", ".1f"),
        Column("agrees"),
    )
    wrong = sorted({str(row[1]) for row in rows if not row[-1]})
    right = sorted({_of(PAR), _of(BILL)} - set(wrong))
    text = (
        f"At least and at most allow for figures rounded to {2 * ROUNDING:g} point.",
        *sums,
        f"Any two of the figures of the {' and of the '.join(wrong)} rule out the third."
        if wrong
        else "No published figure contradicts the others.",
        *(f"Those of the {metric} agree with each other." for metric in right),
    )
    return ReportSection(
        "contradictions", "Do the published figures agree?", columns, tuple(rows), text
    )


def _of(metric: str) -> str:
    """Return what is reduced."""
    return metric.removesuffix(" reduction")


def _implied(item: str, first: float, second: float) -> float:
    """Return the reduction [%] that follows from the two others, in the order of the source."""
    one, other = 1 - first / 100, 1 - second / 100
    return 100 * (1 - (one * other if item == "3OEP vs typical" else one / other))
