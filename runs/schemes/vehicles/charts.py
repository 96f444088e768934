"""The charts of electric vehicles: how full they are, and where."""

import numpy as np

from hmesh.environment.last_digits import first_highest
from hmesh.runs.pictures.figure_layout import group_colour, strategy_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.chart import ALL, QUIET, Chart, Trace, band, course, stacked
from hmesh.runs.schemes.vehicles.pictures import SHARES


def vehicle_charts(data: RunData) -> list[Chart]:
    """Return the charts of vehicles, as far as the run recorded them."""
    if data.vehicles == 0:
        return []
    charts = [_state_of_charge(data)] if data.recorded else []
    return [*charts, _whereabouts(data)]


def _state_of_charge(data: RunData) -> Chart:
    soc = 100 * data.soc_quantiles(SHARES)
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        colour = strategy_colour(data.strategies, strategy)
        lowest, quarter, _, three_quarters, highest = data.timeline.mean(soc[s])
        traces[strategy] = [
            *band(data, "5 % to 95 % of the vehicles", lowest, highest, colour, 0.16),
            *band(data, "middle half", quarter, three_quarters, colour, 0.4),
        ]
        for name, share in (("95 %", 4), ("75 %", 3), ("median", 2), ("25 %", 1), ("5 %", 0)):
            width = 2.0 if name == "median" else 0.0
            quantile = course(
                data, name, soc[s, share], colour, line={"width": width},
                meta="%", showlegend=name == "median",
            )[-1:]  # fmt: skip
            traces[strategy] += quantile
        end = data.total(strategy, "final_mean_soc")
        if end is not None:
            findings[strategy] = f"batteries end {end:.0%} full on average".replace("%", " %")
    few = data.recorded < data.vehicles
    notes = [data.timeline.note, f"the first {data.recorded:,} vehicles" if few else ""]
    return Chart(
        "soc", "State of charge", findings, traces, "state of charge [%]", (0.0, 100.0),
        "; ".join(filter(None, notes)),
    )  # fmt: skip


def _whereabouts(data: RunData) -> Chart:
    # Trips are the same under every strategy.
    present = data.grouped(data.hours("vehicles_present"))[0]
    away = data.there - present.sum(axis=0)
    traces = [
        stacked(data, group.name, present[number], group_colour(number))
        for number, group in enumerate(data.groups)
    ]
    traces.append(stacked(data, "on the road or cut off", away, QUIET))
    for trace in traces:
        trace["meta"] = ""
    most = first_highest(away / np.maximum(data.there, 1))
    share = f"{away[most] / max(int(data.there[most]), 1):.0%}".replace("%", " %")
    finding = f"at most {share} are on the road or cut off, {data.timeline.clock(most)}"
    return Chart(
        "whereabouts", "Where the vehicles are", {ALL: finding}, {ALL: traces}, "vehicles",
        (0.0, 1.04 * data.vehicles), data.timeline.note,
    )  # fmt: skip
