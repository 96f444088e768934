"""Colours and common parts of the charts, for a light and a dark page."""

from dataclasses import dataclass
from html import escape
from typing import Any

from hmesh.runs.number_text import rounded

type Option = dict[str, Any]

# From empty to full: cividis, which looks alike for every kind of colour vision.
SCALE = ["#00204d", "#31446b", "#666970", "#958f78", "#cab969", "#ffea46"]
# Okabe and Ito's colours of lines that carry at most so much of their rating.
LINE_COLOURS = ((0.5, "#56b4e9"), (0.8, "#0072b2"), (1.0, "#e69f00"))
OVERLOADED = "#d55e00"
# From the lowest price to the highest, on a light page and on a dark one.
PRICE_COLOURS = (("#d7c6e8", "#5f3387"), ("#3d2f52", "#b08adf"))
# How far colours go towards white on a dark page.
LIGHTENED = 0.35
# The energies of a step, in the order of the results.
ENERGY_COLOURS = {
    "fixed_load_kwh": "#9a9a9a",
    "generation_kwh": "#e6b800",
    "home_storage_kwh": "#44aa99",
    "shared_storage_kwh": "#117733",
    "school_bus_kwh": "#cc6677",
    "ev_kwh": "#0072b2",
}
ENERGY_NAMES = {
    "fixed_load_kwh": "members' loads",
    "generation_kwh": "generation",
    "home_storage_kwh": "storages of members",
    "shared_storage_kwh": "shared storages",
    "school_bus_kwh": "school buses",
    "ev_kwh": "vehicles",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What the page looks like.

    Attributes
    ----------
    dark : bool
        Whether it is dark.
    """

    dark: bool = False

    @property
    def ink(self) -> str:
        """Colour of texts."""
        return "#e6e6e6" if self.dark else "#222222"

    @property
    def pale(self) -> str:
        """Colour of lines that only guide the eye."""
        return "#4a4a4a" if self.dark else "#dddddd"

    @property
    def paper(self) -> str:
        """Colour behind everything."""
        return "#1e1e1e" if self.dark else "#ffffff"

    def tone(self, colour: str) -> str:
        """Return a colour that contrasts with the page: on a dark one lighter."""
        if not self.dark:
            return colour
        parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return "#" + "".join(f"{round(part + LIGHTENED * (255 - part)):02x}" for part in parts)

    def price_colour(self, share: float) -> str:
        """Return the colour of a price, by its place between the lowest and the highest."""
        ends = (
            [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
            for colour in PRICE_COLOURS[self.dark]
        )
        return "#" + "".join(
            f"{round(a + share * (b - a)):02x}" for a, b in zip(*ends, strict=True)
        )

    def chart(self, title: str, subtitle: str = "") -> Option:
        """Return what all charts have in common."""
        return {
            "animation": False,
            "backgroundColor": "transparent",
            "textStyle": {"color": self.ink},
            "title": {
                "text": title,
                "subtext": subtitle,
                "left": 8,
                "top": 4,
                "textStyle": {"fontSize": 15, "color": self.ink},
                "subtextStyle": {"fontSize": 12, "lineHeight": 16, "color": self.ink},
            },
        }

    def axis(self, kind: str, **more: Any) -> Option:
        """Return an axis."""
        # The last time would reach beyond the chart.
        last = {"showMaxLabel": False} if kind == "category" else {}
        return {
            "type": kind,
            "axisLine": {"lineStyle": {"color": self.pale}},
            "axisLabel": {"color": self.ink} | last,
            "splitLine": {"show": kind == "value", "lineStyle": {"color": self.pale}},
            "nameTextStyle": {"color": self.ink, "align": "left"},
            **more,
        }

    def legend(self, **more: Any) -> Option:
        """Return the legend of a chart, below it."""
        return {
            "type": "scroll",
            "bottom": 0,
            "left": 8,
            "right": 8,
            "textStyle": {"color": self.ink},
            "pageTextStyle": {"color": self.ink},
            **more,
        }

    def tooltip(self, **more: Any) -> Option:
        """Return what is shown under the pointer."""
        return {
            "confine": True,
            "backgroundColor": self.paper,
            "borderColor": self.pale,
            "textStyle": {"color": self.ink},
            **more,
        }


def pointed_at(*lines: str) -> Option:
    """Return what is shown where the pointer is; the library takes it as HTML."""
    return {"formatter": "<br>".join(map(escape, lines))}


def amount(value: float, places: int) -> str:
    """Return an amount with so many decimal places; with two more where it is a small one."""
    places += 2 if 0 < abs(value) < 10 else 0
    return f"{rounded(value, places):,.{places}f}"


def line_colour(loading: float) -> str:
    """Return the colour of a line that carries so much of its rating."""
    return next((colour for most, colour in LINE_COLOURS if loading <= most), OVERLOADED)
