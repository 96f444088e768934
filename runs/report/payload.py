"""What the scripts of the page are given of a run."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything
from hmesh.runs.pictures.figure_layout import group_colour, strategy_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.energy_paths import EnergyPaths, energy_paths
from hmesh.runs.report.flows import flows
from hmesh.runs.report.grid_lines import grid_lines
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.map_selection import Window
from hmesh.runs.report.payments import payments
from hmesh.runs.report.places import ON_SCREEN
from hmesh.runs.report.scheme_charts import charts
from hmesh.runs.report.step_charts import close_view
from hmesh.runs.report.traces import plain_chart
from hmesh.runs.report.vehicle_traces import vehicle_traces
from hmesh.runs.results.result_tables import TABLES
from hmesh.runs.results.road_lines import RoadLines
from hmesh.runs.strategy_names import strategy_label

_ALWAYS = ("net_kwh", "community_price", "utility_price")


def payload(data: RunData, name: str, window: Window, share: float = 1.0) -> dict[str, Any]:
    """Return everything about a run that moves or is drawn, as plain data and arrays.

    Parameters
    ----------
    data : RunData
        The run.
    name : str
        What the page calls it.
    window : Window
        The part of it that the moving map shows.
    share : float, optional
        The run's share of the page.
    """
    paths = energy_paths(data, window)
    paid, left_out = payments(data)
    drawn = charts(data)
    return {
        "name": name,
        "steps": data.steps,
        "step_h": data.step_h,
        "start_ms": round(data.timeline.calendar.start.timestamp() * 1000),
        "time_zone": data.timeline.calendar.zone.key,
        "currency": data.currency,
        "window": [window.first, window.last],
        "strategies": [
            {
                "name": strategy,
                "label": strategy_label(strategy),
                "colour": strategy_colour(data.strategies, strategy),
            }
            for strategy in data.strategies
        ],
        "communities": _communities(data),
        "map": _map(data),
        "hours": _hours(data, window),
        "vehicles": vehicle_traces(data, window),
        "drawn": {"vehicles": len(window.vehicles), "recorded": data.recorded},
        "flows": flows(data, window, paths),
        "paths": None if paths is None else _paths(paths),
        "grid": grid_lines(data, window),
        "charts": [plain_chart(chart) for chart in drawn],
        "close": close_view(data, window, drawn, share),
        "payments": {
            "rows": {strategy: [asdict(row) for row in rows] for strategy, rows in paid.items()},
            "left_out": left_out,
        },
    }


def _communities(data: RunData) -> list[dict[str, Any]]:
    """Return names and colours; communities of one group have one colour."""
    colour = {m: group_colour(n) for n, group in enumerate(data.groups) for m in group.members}
    return [{"name": name, "colour": colour[m]} for m, name in enumerate(data.communities)]


def _map(data: RunData) -> dict[str, Any]:
    """Return places and roads; positions are to the east and to the south, in km where known."""
    geometry = geometry_of_run(data, ON_SCREEN)
    return {
        "to_scale": geometry.to_scale,
        "places": geometry.places.tolist(),
        "roads": geometry.roads,
        # Other ways are straight.
        "routes": {f"{a}-{b}": way for (a, b), way in geometry.routes.items() if len(way) > 2},
        "network": None if geometry.lines is None else _network(geometry.lines),
        "areas": [[m, _strung(rings)] for m, rings in geometry.areas.items()],
    }


def _network(lines: RoadLines) -> dict[str, Any]:
    """Return the roads of a network, and the ways between communities as numbers of roads."""
    ways = list(lines.ways.items())
    return {
        "roads": _strung(lines.lines),
        "hours": lines.hours.astype(np.float32),
        "km": lines.km.astype(np.float32),
        "others": _strung(lines.others),
        "left_out": lines.left_out,
        "ends": np.array([ends for ends, _ in ways], dtype=np.uint16).reshape(-1, 2),
        "first": np.cumsum([0, *(len(way) for _, way in ways)]).astype(np.uint32),
        "ways": np.array([road for _, way in ways for road in way], dtype=np.uint32),
    }


def _strung(lines: Sequence[FloatArray]) -> dict[str, Any]:
    """Return lines as the points of all of them, and where each begins."""
    first = np.cumsum([0, *(len(line) for line in lines)])
    points = np.concatenate([np.empty((0, 2)), *lines])
    return {"first": first.astype(np.uint32), "points": points.astype(np.float32)}


def _hours(data: RunData, window: Window) -> dict[str, Any]:
    """Return the columns that say anything, each of shape (strategies, communities, steps)."""
    found = {}
    for column in TABLES["hours"]:
        if column.kind not in ("number", "whole") or column.name == "step":
            continue
        values = data.hours(column.name)
        if column.name in _ALWAYS or anything(values):
            found[column.name] = values[:, :, window.first : window.last].astype(np.float32)
    waiting = data.chargers("waiting")
    if waiting is not None and anything(np.nan_to_num(waiting)):
        found["waiting"] = waiting[:, :, window.first : window.last].astype(np.float32)
    return found


def _paths(paths: EnergyPaths) -> dict[str, Any]:
    return {
        "groups": paths.groups,
        "exchanged": paths.exchanged_kwh.astype(np.float32),
        "delivered": paths.delivered_kwh,
        "driven": paths.driven_kwh,
        "kept": paths.kept_kwh,
        "charged": paths.charged_kwh,
    }
