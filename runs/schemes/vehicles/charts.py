"""The charts of electric vehicles: how full they are, and where."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import first_highest
from hmesh.runs.pictures.chart import ALL, QUIET, Chart, Series, of_strategies
from hmesh.runs.pictures.chart_figure import draw_charts
from hmesh.runs.pictures.figure_layout import Drawing, group_colour
from hmesh.runs.pictures.quantity_text import percents
from hmesh.runs.pictures.run_data import RunData, named_to_park
from hmesh.runs.pictures.timeline import MEAN_DAY_FROM_H, MeanDay
from hmesh.runs.strategy_names import strategy_name

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_GREY = "#666666"


def vehicle_charts(data: RunData) -> list[Chart]:
    """Return the charts of vehicles, as far as the run recorded them."""
    charts = (state_of_charge(data), _whereabouts(data) if data.vehicles else None)
    return [chart for chart in charts if isinstance(chart, Chart)]


def state_of_charge(data: RunData) -> Chart | Drawing:
    """Return how the state of charge is spread over the vehicles, strategy by strategy."""
    if data.vehicles == 0:
        return Drawing("No state of charge to draw: the scenario has no vehicles")
    if data.recorded == 0:
        return Drawing("No state of charge to draw: record.vehicles is none in the scenario")
    soc = 100 * data.soc_quantiles(SHARES)
    limits = _limits(data.scenario["vehicles"])

    def of(s: int, colour: str) -> tuple[str, list[Series]]:
        lowest, quarter, median, three_quarters, highest = soc[s]
        all_but_few, half = (
            Series(name, upper, colour, "area", lower, opacity=opacity, in_tooltip=False)
            for name, upper, lower, opacity in (
                ("5 % to 95 % of the vehicles", highest, lowest, 0.16),
                ("middle half", three_quarters, quarter, 0.4),
            )
        )
        quantiles = [
            Series(name, values, colour, width=width, legend=name == "median", spread=False)
            for name, values, width in (
                ("95 %", highest, 0.0), ("75 %", three_quarters, 0.0), ("median", median, 2.0),
                ("25 %", quarter, 0.0), ("5 %", lowest, 0.0),
            )
        ]  # fmt: skip
        bounds = [
            Series(
                "limits of charging", np.full(data.steps, limit), _GREY, width=1.0, dashed=True,
                in_tooltip=False, legend=n == 0, spread=False,
            )
            for n, limit in enumerate(limits)
        ]  # fmt: skip
        series = [all_but_few, half, *quantiles, *bounds]
        end = data.total(data.strategies[s], "final_mean_soc")
        if end is None:
            return "", series
        mark = Series("mean at the end", np.array([100.0 * end]), colour, "end", in_tooltip=False)
        return f"batteries end {end:.0%} full on average".replace("%", " %"), [*series, mark]

    few = data.recorded < data.vehicles
    return Chart(
        data, "soc", "State of charge", what="state of charge", unit="%", range=(0.0, 100.0),
        note=f"the first {data.recorded:,} of {data.vehicles:,} vehicles" if few else "",
        finding=soc_finding(data), **of_strategies(data, of),
    )  # fmt: skip


def _limits(vehicles: Mapping[str, Any]) -> list[float]:
    """Return the limits of charging that all vehicles share [%]."""
    groups = vehicles.get("groups") or [vehicles]
    found = []
    for name in ("soc_min", "soc_max"):
        values = [group[name] for group in groups]
        if isinstance(values[0], int | float) and values.count(values[0]) == len(values):
            found.append(100.0 * values[0])
    return found


def draw_whereabouts(data: RunData) -> Drawing:
    """Draw how many vehicles are in every community and on the road, of long runs on a mean day."""
    if data.vehicles == 0:
        return Drawing("Nowhere to draw vehicles: the scenario has none")
    return draw_charts([_whereabouts(data, mean_day=data.timeline.span_h > MEAN_DAY_FROM_H)])


def _whereabouts(data: RunData, *, mean_day: bool = False) -> Chart:
    # Trips are the same under every strategy.
    present = data.grouped(data.hours("vehicles_present"))[0]
    where = np.vstack([present, data.there - present.sum(axis=0)])
    most = first_highest(where[-1] / np.maximum(data.there, 1))
    share = f"{where[-1, most] / max(int(data.there[most]), 1):.0%}".replace("%", " %")
    away = _away(data)
    elsewhere = away if away != "on the road" else "on the road or cut off"
    finding = f"at most {share} are {elsewhere}, {data.timeline.clock(most)}"
    if where[-1, most] == 0:
        finding = "nobody is on the road for a whole step"
    timeline = MeanDay(data.timeline) if mean_day else data.timeline
    if mean_day:
        where = data.timeline.mean_day(where)
    looks = [(group.name, group_colour(n)) for n, group in enumerate(data.groups)]
    looks.append((away, QUIET))
    series = [
        Series(name, values, colour, "layer")
        for (name, colour), values in zip(looks, where, strict=True)
    ]
    return Chart(
        data, "whereabouts", "Where the vehicles are", {ALL: finding}, {ALL: series}, "vehicles",
        finding=road_finding(where[-1], where.sum(axis=0), away, mean_day, data), panel_in=3.4,
        timeline=timeline, range=(0.0, float(data.vehicles)),
    )  # fmt: skip


def _away(data: RunData) -> str:
    """Return what vehicles do that take part in no community."""
    vehicles = data.scenario["vehicles"]
    groups = vehicles.get("groups") or [vehicles]
    some_stay_unplugged = any(each.get("plug_in", "always") != "always" for each in groups) or any(
        named_to_park(each) for each in data.scenario["communities"].values()
    )
    if some_stay_unplugged:
        return "on the road or not plugged in"
    cut_off = data.total(data.strategies[0], "counts").get("vehicles_cut_off", 0) > 0
    return "on the road or cut off" if cut_off else "on the road"


def road_finding(
    road: FloatArray,
    there: FloatArray,
    away: str,
    mean_day: bool,
    data: RunData,
) -> str:
    """State when most vehicles are in no community."""
    most = first_highest(road)
    if road[most] == 0:
        driven_km = float(data.total(data.strategies[0], "driven_km"))
        if driven_km > 0:
            return f"Vehicles drive {driven_km:,.0f} km, and no trip takes a whole step"
        return "No vehicle leaves its community"
    share = f"{road[most] / there[most]:.0%}".replace("%", " %")
    when = f"{most:02d}:00" if mean_day else data.timeline.clock(most)
    if len(road) == 1:
        return f"{share} of the vehicles are {away} in the only step"
    text = f"{share} of the vehicles are {away} at {when}; at no other time are there more"
    return f"On a mean day {text}" if mean_day else text


def soc_finding(data: RunData) -> str:
    """State how full the whole fleet ends under the last strategy against the first."""
    first, last = data.strategies[0], data.strategies[-1]
    begin, end = percents([float(data.total(name, "final_mean_soc")) for name in (first, last)])
    text = f"Batteries end {end} full on average under {strategy_name(last)}"
    return text + (f", {begin} under {strategy_name(first)}" if first != last else "")
