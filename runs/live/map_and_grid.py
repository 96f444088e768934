"""The two pictures of the moment: the map with its vehicles, and the grid with its lines."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.grid import Grid
from hmesh.environment.number_words import counted
from hmesh.runs.live.chart_style import SCALE, Look, Option, amount, line_colour, pointed_at
from hmesh.runs.live.grid_tree import DrawnLine, DrawnTree, drawn_tree
from hmesh.runs.live.map_flows import flow_legend, flow_series, map_top_px
from hmesh.runs.live.readings import Reading, Stores, live_of
from hmesh.runs.live.roadmap import OnTheRoad
from hmesh.runs.live.world import LiveWorld

SMALLEST = 8.0


@dataclass(frozen=True, slots=True)
class Room:
    """How much room the map has for a community.

    Attributes
    ----------
    ring : tuple of float
        How far storages stand around it, to the side and above [axis].
    label_px : int
        How far its label stands below or above it.
    stores, store_px : int
        How many storages are drawn, and how large they are.
    largest_px : float
        How large it is itself when it draws most.
    whole_label : bool
        Whether the label shows everything; else only what is drawn and its price.
    """

    ring: tuple[float, float]
    label_px: int
    stores: int
    store_px: int
    largest_px: float
    whole_label: bool = True


ALONE = Room((0.5, 0.65), 82, 60, 11, 46.0)
AMONG_FEW = Room((0.34, 0.34), 46, 24, 9, 46.0)
AMONG_MANY = Room((0.2, 0.2), 28, 12, 7, 24.0, whole_label=False)
FEW = 4


def room_of(world: LiveWorld) -> Room:
    """Return how much room the map has for every community."""
    communities = len(world.setting.communities)
    if communities == 1:
        return ALONE
    return AMONG_FEW if communities <= FEW else AMONG_MANY


def map_chart(world: LiveWorld, look: Look) -> Option:
    """Return the communities on their roads, vehicles under way, and storages that stay."""
    reading = world.last
    at, names = world.places, world.setting.communities
    roads = [
        {
            "coords": at[[start, end]].tolist(),
            "tooltip": pointed_at(f"{names[start]} - {names[end]}: {km:g} km"),
        }
        for start, end, km in world.geometry.roads
    ]
    network = world.geometry.lines
    if network is not None:
        roads += [{"coords": line.tolist()} for line in (*network.others, *network.lines)]
    dots, subtitle = _dots(world.on_the_road, look)
    stores = _store_dots(world)
    kept = sum(len(held.names) for held in world.stores.values())
    if kept:
        drawn = f", {len(stores)} drawn" if len(stores) < kept else ""
        subtitle = f"{subtitle}\nsmall circles: storages{drawn}".lstrip()
    prices = price_range(world)
    if prices is not None:
        low, high = prices
        text = f"colour: price {low:,.2f} to {high:,.2f} {world.given.currency}/kWh"
        subtitle = f"{subtitle}\n{text}".lstrip()
    arrows, carried = flow_series(world)
    if carried:
        subtitle = f"{subtitle}\n{carried}".lstrip()
    lines = subtitle.count("\n")
    room = room_of(world)
    # Labels of several lines stand below the legend and above the scale of the batteries.
    labelled = room is AMONG_FEW and reading is not None
    above_px = map_top_px(lines, arrows) + (16 if labelled else 0)
    below_px = 80 if labelled else 50
    wide = 1.0 if room is ALONE else 1.75
    # Labels and storages stand above the highest community and below the lowest one.
    high = 1.05 if room is ALONE or not (stores or room is AMONG_MANY) else 1.35
    hidden = {"show": False, "type": "value"}
    return look.chart("Map", subtitle) | {
        # Below the words there is the legend of the arrows, where there are any.
        "grid": {"left": 20, "right": 20, "top": above_px, "bottom": below_px},
        "xAxis": hidden | {"min": -wide, "max": wide},
        "yAxis": hidden | {"min": -high, "max": high},
        "tooltip": look.tooltip(trigger="item"),
        # The wheel enlarges the map around the pointer, and dragging moves it.
        "dataZoom": [
            {"type": "inside", axis: 0, "filterMode": "none"}
            for axis in ("xAxisIndex", "yAxisIndex")
        ],
        "visualMap": {
            "type": "continuous",
            "show": bool(dots or stores),
            "seriesIndex": [2, 3],
            "dimension": 2,
            "min": 0,
            "max": 1,
            "inRange": {"color": SCALE},
            "orient": "horizontal",
            "left": "center",
            "bottom": 4,
            "itemHeight": 90,
            "itemWidth": 12,
            "text": ["full", "battery empty"],
            "textStyle": {"color": look.ink},
            "calculable": False,
        },
        "series": [
            {
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "polyline": network is not None,
                "data": roads,
                "lineStyle": {
                    "color": look.pale,
                    "width": 7 if network is None else 2,
                    "opacity": 1,
                    "cap": "round",
                },
                "z": 1,
            },
            {
                "type": "scatter",
                "data": _communities(world, reading, look, room),
                "labelLayout": {"moveOverlap": "shiftY"},
                "itemStyle": {"color": "#0072b2", "opacity": 0.85},
                "z": 2,
            },
            {
                "type": "scatter",
                "data": dots,
                "symbolSize": 6,
                "itemStyle": {"borderColor": look.pale, "borderWidth": 0.5},
                "silent": True,
                "z": 4,
            },
            {
                "type": "scatter",
                "data": stores,
                "symbolSize": room.store_px,
                "itemStyle": {"borderColor": "#8c8c8c", "borderWidth": 1},
                "z": 3,
            },
            *arrows,
        ],
        **flow_legend(arrows, look, lines),
    }


def price_range(world: LiveWorld) -> tuple[float, float] | None:
    """Return the lowest and the highest price of a community so far; None where all are alike."""
    past = [reading.community_price for reading in world.history[world.strategy]]
    prices = np.concatenate([np.empty(0), *past])
    prices = prices[np.isfinite(prices)]
    if len(prices) == 0 or np.ptp(prices) <= 1e-9 * max(abs(float(prices.max())), 1.0):
        return None
    return float(prices.min()), float(prices.max())


def _colour(world: LiveWorld, reading: Reading | None, community: int, look: Look) -> Option:
    """Return the colour of a community by its price; nothing where prices are alike or missing."""
    prices = price_range(world)
    price = None if reading is None else reading.price(community)
    if prices is None or price is None:
        return {}
    share = (price - prices[0]) / (prices[1] - prices[0])
    return {"itemStyle": {"color": look.price_colour(min(max(share, 0.0), 1.0))}}


def _communities(world: LiveWorld, reading: Reading | None, look: Look, room: Room) -> list[Option]:
    names, step_h = world.setting.communities, world.setting.calendar.step_h
    loads = np.zeros(len(names)) if reading is None else reading.net_kwh / step_h
    most = max(
        (float(np.abs(past.net_kwh).max()) / step_h for past in world.history[world.strategy]),
        default=0.0,
    )
    shown = []
    for m, name in enumerate(names):
        share = abs(float(loads[m])) / most if most > 0 else 0.0
        lines = community_lines(world, reading, m)
        label = [f"{{name|{name}}}", *(lines if room.whole_label else lines[:1])]
        below = world.places[m][1] <= 0
        shown.append(
            {
                "name": name,
                "value": world.places[m].tolist(),
                "symbolSize": SMALLEST + (room.largest_px - SMALLEST) * share**0.5,
                "label": {
                    "show": True,
                    "position": "bottom" if below else "top",
                    "distance": room.label_px if world.stores else 6,
                    "color": look.ink,
                    "lineHeight": 16,
                    # Stated from the roads that it lies on.
                    "textBorderColor": look.paper,
                    "textBorderWidth": 3,
                    # In short lines, which a phone has room for.
                    "formatter": "\n".join(label).replace(", ", "\n"),
                    "rich": {"name": {"fontWeight": "bold", "fontSize": 13, "color": look.ink}},
                },
                "tooltip": pointed_at(name, *lines),
                **_colour(world, reading, m, look),
            }
        )
    return shown


def community_lines(world: LiveWorld, reading: Reading | None, community: int) -> list[str]:
    """Return what a community does in the step, in a few short lines."""
    if reading is None:
        return []
    load = float(reading.net_kwh[community]) / world.setting.calendar.step_h
    price = reading.price(community)
    paid = "no supply" if price is None else f"{price:,.2f} {world.given.currency}/kWh"
    lines = [f"{amount(load, 0)} kW · {paid}"]
    # Who moves between communities is stated first.
    last = world.watched.schemes
    order = sorted(last, key=lambda name: name not in world.roads)
    of_schemes = (live_of(name).line(last[name], reading, community) for name in order)
    return [*lines, *filter(None, of_schemes)]


def _dots(road: OnTheRoad | None, look: Look) -> tuple[list[Option], str]:
    """Return the vehicles under way, and how many they are."""
    if road is None:
        return [], ""
    dots = [
        {"value": [round(float(x), 4), round(float(y), 4), round(float(soc), 3)]}
        for (x, y), soc in zip(road.at, road.soc, strict=True)
    ]
    each = f", a dot for every {road.each}" if road.each > 1 else ""
    return dots, f"{counted(road.vehicles, 'vehicle')} on the road{each}"


def _store_dots(world: LiveWorld) -> list[Option]:
    """Return the storages that stay, in rings around their communities."""
    room, dots = room_of(world), list[Option]()
    for m in range(len(world.setting.communities)):
        there = [
            (held, row)
            for held in world.stores.values()
            for row in np.flatnonzero((held.community == m) & (held.capacity_kwh > 0)).tolist()
        ]
        every = max(-(-len(there) // room.stores), 1)
        dots += _ring(there[::every], world.places[m], room.ring)
    return dots


def _ring(stores: list[tuple[Stores, int]], centre: Any, size: tuple[float, float]) -> list[Option]:
    dots, (wide, high) = [], size
    for number, (held, row) in enumerate(stores):
        angle = 2 * np.pi * number / len(stores) + np.pi / 2
        soc = float(held.energy_kwh[row] / held.capacity_kwh[row])
        x, y = float(centre[0] + wide * np.cos(angle)), float(centre[1] + high * np.sin(angle))
        text = f"{held.names[row]}: {amount(held.energy_kwh[row], 1)} kWh, {soc:.0%}"
        dots.append(
            {
                "name": held.names[row],
                "value": [round(x, 4), round(y, 4), round(soc, 3)],
                "tooltip": pointed_at(text),
            }
        )
    return dots


def grid_chart(world: LiveWorld, look: Look) -> Option:
    """Return the lines of the grid, and how much of their rating they carry."""
    grid, reading = world.setting.grid, world.last
    loading = np.zeros(len(grid.lines)) if reading is None else reading.loading
    tree = drawn_tree(grid)
    nodes = [_node(grid, node, tree, look) for node in tree.places]
    links = [_link(grid, line, loading, tree, look) for line in tree.lines]
    worst = float(loading.max()) if len(loading) else 0.0
    hidden = {"show": False, "type": "value"}
    left_out = f" · {counted(tree.left_out, 'line')} not drawn" if tree.left_out else ""
    subtitle = f"the fullest line carries {worst:.0%} of its rating{left_out}"
    levels, heights = zip(*tree.places.values(), strict=True)
    return look.chart("Grid", subtitle) | {
        "grid": {"left": 40, "right": 150, "top": 70, "bottom": 40},
        "xAxis": hidden | {"min": 0, "max": max(levels)},
        "yAxis": hidden | {"min": min(heights) - 0.5, "max": 0.5},
        "tooltip": look.tooltip(trigger="item"),
        "series": [
            {"type": "graph", "coordinateSystem": "cartesian2d", "data": nodes, "links": links}
        ],
    }


def _node(grid: Grid, node: int, tree: DrawnTree, look: Look) -> Option:
    name, kind = grid.nodes[node], grid.kinds[node]
    parent = grid.nodes[grid.parents[node]]
    return {
        "name": name,
        "value": list(tree.places[node]),
        "symbolSize": 16 if kind in ("utility", "community") and not tree.listed else 8,
        "itemStyle": {"color": look.ink if kind == "utility" else "#8c8c8c"},
        "tooltip": pointed_at(name),
        "label": {
            "show": not name.endswith("/feeder"),
            "position": "right" if kind == "connection" or tree.listed else "bottom",
            "color": look.ink,
            # The community is said once, where its own node feeds what is connected.
            "formatter": name.removeprefix(f"{parent}/"),
        },
    }


def _link(
    grid: Grid, drawn: DrawnLine, loadings: FloatArray, tree: DrawnTree, look: Look
) -> Option:
    line = drawn.fullest(loadings)
    loading, rating_kw = float(loadings[line]), float(grid.rating_kw[line])
    start, end = grid.lines[line]
    of = f", the fullest of {len(drawn.lines)}" if len(drawn.lines) > 1 else ""
    return {
        "source": grid.nodes[drawn.start],
        "target": grid.nodes[drawn.end],
        "lineStyle": {
            "color": line_colour(loading),
            "width": 2 + 8 * min(loading, 1.5),
            "opacity": 1,
        },
        "label": {
            "show": grid.kinds[drawn.end] not in ("community", "connection") and not tree.listed,
            "formatter": f"{loading:.0%}",
            "color": look.ink,
            "fontWeight": "bold" if loading > 1 else "normal",
        },
        "tooltip": pointed_at(
            f"{start} - {end}{of}: {amount(loading * rating_kw, 0)} kW, "
            f"{loading:.1%} of {rating_kw:,.0f} kW"
        ),
    }
