"""Charts over time: load, prices, energies, and how full storages are."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from hmesh.environment.last_digits import anything
from hmesh.runs.live.chart_style import (
    ENERGY_COLOURS,
    ENERGY_NAMES,
    Look,
    Option,
)
from hmesh.runs.live.readings import Reading
from hmesh.runs.live.world import STEPS_SHOWN, LiveWorld
from hmesh.runs.pictures.figure_layout import group_colour, strategy_colour
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
        loads = [float(reading.net_kwh.sum()) / step_h for reading in readings]
        kind = "solid" if watched else "dashed"
        series.append(_line(strategy_label(name), loads, colour, width=2.5, kind=kind))
    names = world.setting.communities
    if 1 < len(names) <= MOST_COMMUNITIES:
        for m, name in enumerate(names):
            loads = [float(reading.net_kwh[m]) / step_h for reading in _watched(world)]
            series.append(_line(name, loads, group_colour(m), width=1.2))
    return _course(world, look, "Load", "kW", series, _off_grid(world))


def price_chart(world: LiveWorld, look: Look) -> Option:
    """Return what the utility asks and what every community pays."""
    readings, names = _watched(world), world.setting.communities
    series = [
        _line(name, [reading.price(m) for reading in readings], group_colour(m))
        for m, name in enumerate(names[:MOST_COMMUNITIES])
    ]
    asked = [reading.utility_price for reading in readings]
    series.append(_line("utility", asked, "#8c8c8c", kind="dashed"))
    for name in readings[-1].paid if readings else ():
        paid = [reading.paid[name] for reading in readings]
        series.append(_dots(name, paid, "#d55e00"))
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
        values = [sign * float(reading.hour_kwh[name].sum()) for reading in readings]
        if any(values):
            series.append(_bar(ENERGY_NAMES[name], values, ENERGY_COLOURS[name]))
    return _course(world, look, "Who draws, who delivers", "kWh", series)


def _homes_chart(world: LiveWorld, look: Look, homes: Sequence[Mapping[str, float]]) -> Option:
    series = []
    for number, text in enumerate(homes[-1]):
        values = [energies[text] for energies in homes]
        if text == "wanted":
            series.append(_line("wanted by appliances", values, look.ink, width=2.0))
        elif any(values):
            away = text in ("into storages", "to the grid", "curtailed")
            signed = [-value if away else value for value in values]
            series.append(_bar(text, signed, group_colour(number)))
    return _course(world, look, "Within the homes", "kWh", series)


def soc_chart(world: LiveWorld, look: Look) -> Option:
    """Return how full the storages of every scheme are."""
    readings = _watched(world)
    schemes = dict.fromkeys(scheme for reading in readings for scheme in reading.soc)
    series = [
        _line(
            descriptor(scheme).title or scheme.replace("_", " "),
            [100 * reading.soc.get(scheme, float("nan")) for reading in readings],
            group_colour(number),
            width=2.0,
        )
        for number, scheme in enumerate(schemes)
    ]
    chart = _course(world, look, "State of charge, on average", "%", series)
    chart["yAxis"] |= {"min": 0, "max": 100}
    return chart


def _watched(world: LiveWorld) -> Sequence[Reading]:
    return list(world.history[world.strategy])


def _off_grid(world: LiveWorld) -> str:
    """Return a remark where nobody has drawn anything from the utility so far."""
    readings = _watched(world)
    drawn = any(anything(reading.net_kwh) for reading in readings)
    return "" if drawn or not readings else "nothing is drawn from the utility"


def _course(
    world: LiveWorld, look: Look, title: str, unit: str, series: list[Option], remark: str = ""
) -> Option:
    step_h, done, steps = world.setting.calendar.step_h, world.steps_done, world.given.steps
    first = max(done - STEPS_SHOWN, 0)
    # The axis has room for two days, and grows with what there is.
    shown = range(first, max(done, min(steps, round(2 * ONE_DAY_H / step_h)), 1))
    form = "%H:%M" if steps * step_h <= ONE_DAY_H else "%a %d %b %H:%M"
    times = [format(world.setting.calendar.time_of(step), form) for step in shown]
    return look.chart(title, remark) | {
        "grid": {"left": 30, "right": 24, "top": 62, "bottom": 34, "containLabel": True},
        "legend": look.legend(),
        "tooltip": look.tooltip(trigger="axis"),
        "xAxis": look.axis("category", data=times),
        "yAxis": look.axis("value", name=unit),
        "series": [one | {"color": look.tone(one["color"])} for one in series],
    }


def _line(
    name: str,
    values: Iterable[float | None],
    colour: str,
    *,
    width: float = 1.5,
    kind: str = "solid",
) -> dict[str, Any]:
    data = [_rounded(value) for value in values]
    return {
        "name": name,
        "type": "line",
        # A value holds for its step, as a bar does.
        "step": "middle",
        "showSymbol": len(data) == 1,
        "data": data,
        "lineStyle": {"width": width, "type": kind},
        "color": colour,
    }


def _dots(name: str, values: Iterable[float | None], colour: str) -> dict[str, Any]:
    look = {"type": "line", "step": False, "showSymbol": True, "showAllSymbol": True}
    return _line(name, values, colour, width=0.0) | look | {"symbolSize": 7}


def _bar(name: str, values: Iterable[float], colour: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "bar",
        "stack": "all",
        "barCategoryGap": "10%",
        "data": [_rounded(value) for value in values],
        "color": colour,
    }


def _rounded(value: float | None) -> float | None:
    """Return a number as the pointer shows it; none where there is none."""
    if value is None or not isfinite(value):
        return None
    return round(value, 1) if abs(value) >= 100 else float(f"{value:.4g}")
