"""Charts over time: load, prices, energies, and how full storages are."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything
from hmesh.runs.live.chart_style import ENERGY_COLOURS, ENERGY_NAMES, Look, Option
from hmesh.runs.live.readings import Reading
from hmesh.runs.live.world import STEPS_SHOWN, LiveWorld
from hmesh.runs.pictures.chart import Series
from hmesh.runs.pictures.figure_layout import group_colour, strategy_colour
from hmesh.runs.pictures.local_energy import LOCAL_USES
from hmesh.runs.schemes.registry import scheme as descriptor
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.world.simulation import ENERGIES

# More lines than these say nothing.
MOST_COMMUNITIES = 8
ONE_DAY_H = 24.0


def load_chart(world: LiveWorld, look: Look) -> Option:
    """Return the load of the whole system under both strategies, and of each community."""
    step_h = world.setting.calendar.step_h
    series = []
    for name, readings in world.history.items():
        watched = name == world.strategy
        colour = strategy_colour(world.given.strategies, name) if watched else "#8c8c8c"
        loads = _of(float(reading.net_kwh.sum()) / step_h for reading in readings)
        label = strategy_label(name)
        series.append(Series(label, loads, colour, width=2.5, dashed=not watched))
    names = world.setting.communities
    if 1 < len(names) <= MOST_COMMUNITIES:
        for m, name in enumerate(names):
            loads = _of(float(reading.net_kwh[m]) / step_h for reading in _watched(world))
            series.append(Series(name, loads, group_colour(m), width=1.2))
    return _course(world, look, "Load", "kW", series, _off_grid(world))


def price_chart(world: LiveWorld, look: Look) -> Option:
    """Return what the utility asks and what every community pays."""
    readings, names = _watched(world), world.setting.communities
    series = [
        Series(
            name,
            _of(reading.community_price[m] for reading in readings),
            group_colour(m),
            width=1.5,
        )
        for m, name in enumerate(names[:MOST_COMMUNITIES])
    ]
    asked = _of(reading.utility_price for reading in readings)
    series.append(Series("utility", asked, "#8c8c8c", width=1.5, dashed=True))
    for name in readings[-1].paid if readings else ():
        paid = _of(reading.paid[name] for reading in readings)
        series.append(Series(name, paid, "#d55e00", "points"))
    unit = f"{world.given.currency}/kWh"
    chart = _course(world, look, "Price", unit, series, _off_grid(world))
    chart["yAxis"]["scale"] = True
    return chart


def energy_chart(world: LiveWorld, look: Look) -> Option:
    """Return who draws and who delivers, stacked; within homes where these have no grid."""
    readings = _watched(world)
    homes = [reading.within for reading in readings]
    if homes and not any(anything(energies) for energies in readings[-1].hour_kwh.values()):
        return _homes_chart(world, look, homes)
    series = []
    for name, sign in ENERGIES.items():
        values = _of(sign * float(reading.hour_kwh[name].sum()) for reading in readings)
        if values.any():
            series.append(Series(ENERGY_NAMES[name], values, ENERGY_COLOURS[name], "layer"))
    return _course(world, look, "Who draws, who delivers", "kWh", series)


def _homes_chart(world: LiveWorld, look: Look, homes: Sequence[Mapping[str, float]]) -> Option:
    series = []
    for number, text in enumerate(homes[-1]):
        values = _of(energies[text] for energies in homes)
        if text == "wanted":
            series.append(Series("wanted by appliances", values, look.ink))
        elif values.any():
            away = text in ("into storages", "to the grid", "curtailed")
            colour = group_colour(number)
            series.append(Series(text, -values if away else values, colour, "layer"))
    return _course(world, look, "Within the homes", "kWh", series)


def soc_chart(world: LiveWorld, look: Look) -> Option:
    """Return how full the storages of every scheme are."""
    readings = _watched(world)
    schemes = dict.fromkeys(scheme for reading in readings for scheme in reading.soc)
    series = [
        Series(
            descriptor(scheme).title or scheme.replace("_", " "),
            _of(100 * reading.soc.get(scheme, float("nan")) for reading in readings),
            group_colour(number),
        )
        for number, scheme in enumerate(schemes)
    ]
    chart = _course(world, look, "State of charge, on average", "%", series)
    chart["yAxis"] |= {"min": 0, "max": 100}
    return chart


def local_chart(world: LiveWorld, look: Look) -> Option:
    """Return who uses what members generate, and the local prices of the last step."""
    readings = _watched(world)
    series = [
        Series(
            label, _of(reading.local_kwh.get(name, 0.0) for reading in readings), colour, "layer"
        )
        for name, label, colour in LOCAL_USES
    ]
    unit = f"{world.given.currency}/kWh"
    remarks = [
        f"{place}: {local:.2f} {unit}, between {feed_in:.2f} and {retail:.2f}"
        for place, (feed_in, local, retail) in (
            readings[-1].local_prices if readings else {}
        ).items()
    ]
    shown = [one for one in series if one.values.any()]
    return _course(world, look, "Local exchange", "kWh", shown, "; ".join(remarks))


def _watched(world: LiveWorld) -> Sequence[Reading]:
    return list(world.history[world.strategy])


def _of(values: Iterable[float]) -> FloatArray:
    return np.fromiter(values, dtype=np.float64)


def _off_grid(world: LiveWorld) -> str:
    """Return a remark where nobody has drawn anything from the utility so far."""
    readings = _watched(world)
    drawn = any(anything(reading.net_kwh) for reading in readings)
    return "" if drawn or not readings else "nothing is drawn from the utility"


def _course(
    world: LiveWorld, look: Look, title: str, unit: str, series: list[Series], remark: str = ""
) -> Option:
    step_h, done, steps = world.setting.calendar.step_h, world.steps_done, world.given.steps
    first = max(done - STEPS_SHOWN, 0)
    # The axis has room for two days, and grows with what there is.
    shown = range(first, max(done, min(steps, round(2 * ONE_DAY_H / step_h)), 1))
    form = "%H:%M" if steps * step_h <= ONE_DAY_H else "%a %d %b %H:%M"
    times = [format(world.setting.calendar.time_of(step), form) for step in shown]
    # The unit stands above the axis, and below a remark.
    top = 80 if remark else 62
    # Numbers beside the axis leave room for half of the first time, which without them has none.
    left = 30 if done else 56
    return look.chart(title, remark) | {
        "grid": {"left": left, "right": 24, "top": top, "bottom": 34, "containLabel": True},
        "legend": look.legend(),
        "tooltip": look.tooltip(trigger="axis"),
        "xAxis": look.axis("category", data=times),
        "yAxis": look.axis("value", name=unit),
        "series": [_option(one, look) for one in series],
    }


def _option(series: Series, look: Look) -> Option:
    """Return a series as the library of the page takes it."""
    data = [_rounded(value) for value in series.values.tolist()]
    common: Option = {"name": series.name, "data": data, "color": look.tone(series.colour)}
    if series.kind == "layer":
        return common | {"type": "bar", "stack": "all", "barCategoryGap": "10%"}
    points = series.kind == "points"
    line = {
        "width": 0.0 if points else series.width,
        "type": "dashed" if series.dashed else "solid",
    }
    # A value holds for its step, as a bar does.
    common |= {"type": "line", "step": "middle", "showSymbol": len(data) == 1, "lineStyle": line}
    dots = {"step": False, "showSymbol": True, "showAllSymbol": True, "symbolSize": 7}
    return common | (dots if points else {})


def _rounded(value: float | None) -> float | None:
    """Return a number as the pointer shows it; none where there is none."""
    if value is None or not isfinite(value):
        return None
    return round(value, 1) if abs(value) >= 100 else float(f"{value:.4g}")
