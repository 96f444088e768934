"""Energy that vehicles carry between communities, as arrows on the map of the live view."""

import numpy as np

from hmesh.environment.last_digits import DUST_KWH, descending
from hmesh.runs.live.chart_style import Look, Option, amount, pointed_at
from hmesh.runs.live.world import LiveWorld

MOST_ARROWS = 40
WIDEST_PX, THINNEST_PX = 7.0, 1.0
COLOUR = "#009e73"


def flow_series(world: LiveWorld) -> tuple[list[Option], str]:
    """Return a series of arrows for each community that they lead from, and what they show.

    The largest flows of the step are drawn. Each series has an entry of the legend, by which it is
    hidden and shown.
    """
    names, road = world.setting.communities, world.on_the_road
    if len(names) < 2 or road is None or road.carried_kwh is None:
        return [], ""
    carried = road.carried_kwh
    origin, destination = np.nonzero(carried > DUST_KWH)
    kwh = carried[origin, destination]
    drawn = descending(kwh)[:MOST_ARROWS]
    most = float(kwh.max(initial=0.0))
    arrows: list[list[Option]] = [[] for _ in names]
    for row in drawn.tolist():
        start, end, energy = int(origin[row]), int(destination[row]), float(kwh[row])
        width = THINNEST_PX + (WIDEST_PX - THINNEST_PX) * energy / most
        text = f"{names[start]} to {names[end]}: {amount(energy, 1)} kWh carried by vehicles"
        arrows[start].append(
            {
                "coords": world.places[[start, end]].tolist(),
                "lineStyle": {"width": round(width, 2)},
                "tooltip": pointed_at(text),
            }
        )
    series: list[Option] = [
        {
            "type": "lines",
            "name": f"from {name}",
            "coordinateSystem": "cartesian2d",
            "data": data,
            "symbol": ["none", "arrow"],
            "symbolSize": 9,
            "lineStyle": {"color": COLOUR, "opacity": 0.8, "curveness": 0.22},
            "z": 3,
        }
        for name, data in zip(names, arrows, strict=True)
    ]
    total = f"{amount(float(kwh.sum()), 0)} kWh carried between communities"
    more = f", {len(drawn)} of {len(kwh)} arrows drawn" if len(drawn) < len(kwh) else ""
    return series, total + more


def _below_words_px(lines: int) -> int:
    """Return where the title ends with a line of words and so many more below it."""
    return 50 + 16 * lines


def map_top_px(lines: int, arrows: list[Option]) -> int:
    """Return where the map begins: below words and legend, with room for the highest label."""
    return _below_words_px(lines) + 22 * bool(arrows) + 24


def flow_legend(series: list[Option], look: Look, lines: int) -> Option:
    """Return the legend by which arrows are filtered, below so many more lines of words."""
    if not series:
        return {}
    return {
        "legend": {
            "type": "scroll",
            "top": _below_words_px(lines),
            "left": "center",
            "itemWidth": 14,
            "itemHeight": 4,
            "data": [one["name"] for one in series],
            "textStyle": {"color": look.ink},
            "pageTextStyle": {"color": look.ink},
            "tooltip": {"show": False},
        }
    }
