"""The charts of school buses: the load they shave, what they charge, sell and are paid."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import DUST_KWH, anything, first_lowest
from hmesh.runs.pictures.figure_layout import (
    Part,
    energy_text,
    power_text,
    power_unit,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.step_sums import StepSums
from hmesh.runs.report.chart import (
    INK,
    QUIET,
    Chart,
    Trace,
    balance,
    band,
    compared,
    course,
    limits,
)
from hmesh.runs.schemes.school_buses.pictures import CHARGING, SELLING, base_kw, demand_kw
from hmesh.runs.strategy_names import strategy_name

STORED = "#009E73"


def school_bus_charts(data: RunData) -> list[Chart]:
    """Return the charts of school buses, as far as the run recorded them."""
    charged = data.paid_power_kw("school_charging", "payer", "schools").sum(axis=1)
    sold = data.paid_power_kw("incentive", "payee", "schools").sum(axis=1)
    schools = StepSums(data, "schools", ["stored_kwh", "average_price"])
    found = [_shaved(data), _power(data, charged, sold)]
    if anything(sold):
        found += [_critical_hours(data, sold), _prices(data, sold, schools)]
    if schools.strategies:
        found.append(_stored(data, schools))
    return [chart for chart in found if chart is not None]


def _shaved(data: RunData) -> Chart:
    without, base = demand_kw(data), base_kw(data)
    buses = data.power_kw("school_bus_kwh").sum(axis=1)
    size, unit = power_unit(without)
    room = limits([without / size, (without - buses) / size, base / size], zero=False)
    ground = np.full(len(data.timeline.edges_h) - 1, room[0])
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        served = without[s] - buses[s]
        alone = data.timeline.mean(without[s] / size)
        colour = strategy_colour(data.strategies, strategy)
        dashed = {"line": {"width": 1.4, "dash": "dash"}, "meta": unit}
        traces[strategy] = [
            *band(data, "without school buses", ground, alone, QUIET, 1.0, meta=unit),
            *course(data, "with school buses", served / size, colour, meta=unit),
            *course(data, "critical above", base / size, INK, **dashed)[-1:],
        ]
        findings[strategy] = (
            f"the highest load is {power_text(served.max())} with school buses, "
            f"{power_text(without[s].max())} without; critical are "
            f"{np.count_nonzero(without[s] > base):,} of {data.steps:,} steps"
        )
    begins = "" if room[0] == 0 else "the vertical axis does not begin at zero"
    notes = "; ".join(filter(None, (data.timeline.note_with_range, begins)))
    return Chart(
        "school_load", "Load with and without school buses", findings, traces, f"load [{unit}]",
        room, notes,
    )  # fmt: skip


def _power(data: RunData, charged: NDArray[np.float64], sold: NDArray[np.float64]) -> Chart | None:
    findings = {}
    for s, strategy in enumerate(data.strategies):
        energies = [float(power[s].sum()) * data.step_h for power in (charged, sold)]
        told = [energy_text(energy) for energy in energies]
        findings[strategy] = f"school buses charge {told[0]} and sell " + (
            told[1] if energies[1] else "nothing"
        )
    return balance(
        data, "school_power", "What school buses charge and sell", findings,
        [Part("charged", charged, CHARGING)], [Part("sold to the utility", sold, SELLING)],
    )  # fmt: skip


def _critical_hours(data: RunData, sold: NDArray[np.float64]) -> Chart:
    above = np.maximum(demand_kw(data) - base_kw(data), 0.0)
    size, unit = power_unit(above)
    traces: dict[str, list[Trace]] = {}
    findings = {}
    nothing = np.zeros(len(data.timeline.edges_h) - 1)
    for s, strategy in enumerate(data.strategies):
        asked = data.timeline.mean(above[s] / size)
        colour = strategy_colour(data.strategies, strategy)
        traces[strategy] = [
            *band(data, "demand above the base", nothing, asked, QUIET, 1.0, meta=unit),
            *course(data, "sold by school buses", sold[s] / size, colour, meta=unit),
        ]
        given, required = (
            float(data.total(strategy, key)) for key in ("school_sold_kwh", "required_kwh")
        )
        findings[strategy] = (
            f"school buses sell {energy_text(given) if given else 'nothing'}; demand stands "
            f"{energy_text(required)} above the base"
        )
    return Chart(
        "school_critical", "Energy sold in critical hours", findings, traces, f"power [{unit}]",
        limits([above / size, sold / size]), data.timeline.note_with_range,
    )  # fmt: skip


def _prices(data: RunData, sold: NDArray[np.float64], schools: StepSums) -> Chart:
    """Show what is paid for sold energy beside the retail price and what stored energy cost."""
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = sold * data.step_h
        paid = np.where(sold > DUST_KWH, data.paid_amount("incentive") / energy, np.nan)
    retail, cost = data.hours("utility_price")[:, 0], schools.mean("average_price")
    unit = f"{data.currency}/kWh"
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        dashed = {"line": {"width": 1.4, "dash": "dash"}, "meta": unit}
        traces[strategy] = course(data, "retail price", retail[s], INK, **dashed)[-1:]
        if schools.strategies:
            look = {"line": {"width": 1.4}, "meta": unit}
            traces[strategy] += course(data, "cost of stored energy", cost[s], STORED, **look)[-1:]
        known = paid[s][np.isfinite(paid[s])]
        findings[strategy] = "schools sell nothing"
        if known.size:
            colour = strategy_colour(data.strategies, strategy)
            dots = course(data, "paid to schools", paid[s], colour, meta=unit)[-1]
            traces[strategy].append(dots | {"mode": "markers"})
            findings[strategy] = (
                f"schools are paid {known.min():,.2f} to {known.max():,.2f} {unit} in "
                f"{known.size:,} steps"
            )
    return Chart(
        "school_prices", "Price paid to schools", findings, traces, unit,
        limits([paid, retail, cost]), data.timeline.note,
    )  # fmt: skip


def _stored(data: RunData, schools: StepSums) -> Chart:
    stored = schools.of("stored_kwh")
    size, unit = power_unit(stored)
    lowest = first_lowest(stored.min(axis=1))
    step = first_lowest(stored[lowest])
    recorded = data.scenario["record"]["schools"]
    count = sum(group["schools"] for group in data.scenario["school_buses"]["groups"])
    few = isinstance(recorded, int) and recorded < count
    return compared(
        data, "school_stored", "Energy in the school buses",
        f"the least is {energy_text(stored[lowest, step])} under "
        f"{strategy_name(data.strategies[lowest])}, {data.timeline.clock(step)}",
        dict(zip(data.strategies, stored / size, strict=True)), f"{unit}h",
        note=f"the first {recorded:,} of {count:,} schools" if few else "",
    )  # fmt: skip
