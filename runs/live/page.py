"""The page in the browser: the parts of Mesa's viewer with the charts of hMESH."""

from collections.abc import Callable
from html import escape
from typing import Any

import solara
from mesa.visualization.solara_viz import ComponentsView
from mesa.visualization.utils import update_counter

from hmesh.environment.errors import InputError
from hmesh.runs.live import figure_boxes, map_and_grid, time_charts
from hmesh.runs.live.chart_style import Look, Option
from hmesh.runs.live.choice import Choice, offered, opened
from hmesh.runs.live.controls import PLAY_INTERVAL_MS, BrowserWindow, Controls
from hmesh.runs.live.source import Source
from hmesh.runs.live.world import LiveWorld

_STYLE = """
.hmesh-card { height: 100%; overflow: auto; padding: 4px 10px; font-size: 14px; }
.hmesh-card h2 { font-size: 15px; margin: 4px 0 8px; }
.hmesh-card table { border-collapse: collapse; }
.hmesh-card th[scope=row] { font-weight: normal; text-align: left; padding-right: 16px; }
.hmesh-card th.part[scope=row] { padding-left: 1em; }
.hmesh-card td, .hmesh-card th { text-align: right; padding: 1px 8px 1px 0; }
.hmesh-card td { font-variant-numeric: tabular-nums; white-space: pre; }
.hmesh-card ul { margin: 8px 0 0; padding-left: 18px; }
.hmesh-card p { margin: 10px 0 0; }
.hmesh-card { --good: #00694b; --bad: #b0480f; --edge: #8884; --faint: #888; }
.theme--dark .hmesh-card { --good: #2fb88a; --bad: #e8834a; }
.hmesh-problem { color: #b0480f; }
.theme--dark .hmesh-problem { color: #e8834a; }
.hmesh-note { font-size: 12px; margin: 0; opacity: 0.8; }
/* A slider below its name, and its value at the right of the name. */
.hmesh-slider { margin-top: 8px; position: relative; }
.hmesh-slider .v-input__slot { flex-wrap: wrap; }
.hmesh-slider .v-label { flex: 0 0 100%; font-size: 13px; height: auto; line-height: 1.3;
  padding-right: 84px; }
.hmesh-slider output { font-size: 13px; font-weight: bold; position: absolute; right: 0; top: 2px;
  font-variant-numeric: tabular-nums; }
/* White on the bright blue of a dark page is hard to read. */
.theme--dark .v-app-bar, .theme--dark .v-btn.primary:not(.v-btn--disabled) {
  background-color: #1565c0 !important;
}
/* There is one page, and nothing to choose. */
.v-tabs { display: none; }
/* Parts stand below each other where there is no room beside each other. */
@media (max-width: 760px) {
  .vue-grid-layout { height: auto !important; }
  .vue-grid-item {
    left: 0 !important;
    margin: 0 6px 12px;
    position: relative !important;
    touch-action: pan-y !important;
    transform: none !important;
    width: auto !important;
  }
  .vue-grid-item:has(.hmesh-card) { height: auto !important; }
  .vue-resizable-handle { display: none; }
  /* Who taps beside the controls closes them. */
  .v-navigation-drawer { max-width: 85vw !important; min-width: 0 !important; }
}
"""

# Whether the page is dark, in each window for itself.
_dark = solara.reactive(False)
# What a browser was refused, in each window for itself.
_refused: solara.Reactive[list[str]] = solara.reactive([])
# What the page shows; the server sets it before it answers.
_source: Source | None = None


def show(source: Source) -> None:
    """Let the page show a scenario."""
    global _source
    _source = source


def refuse(problems: list[str]) -> None:
    """Report what a browser tried to set and may not; nothing where all was right."""
    _refused.set(problems)


@solara.component  # type: ignore[untyped-decorator]
def Page() -> None:
    """Show a scenario and its controls; every window of a browser has its own world."""
    first = _source
    assert first is not None, "show() comes first"
    initial = solara.use_memo(lambda: Choice.of(next(iter(offered(first))), first), [])
    begun = solara.use_memo(lambda: LiveWorld(**initial.arguments), [])
    window = BrowserWindow(
        chosen=solara.use_reactive(initial),
        begun=solara.use_reactive(initial),
        world=solara.use_reactive(begun),
        opening=solara.use_reactive(""),
        playing=solara.use_reactive(False),
        interval_ms=solara.use_reactive(PLAY_INTERVAL_MS),
        at_once=solara.use_reactive(1),
    )

    def open_chosen() -> None:
        if not window.opening.value:
            return
        try:
            window.chosen.set(opened(window.opening.value, first))
        except InputError as error:
            refuse([str(problem) for problem in error.problems])
        else:
            refuse([])
            window.begin()
        window.opening.set("")

    solara.use_thread(open_chosen, dependencies=[window.opening.value], intrusive_cancel=False)
    solara.Style(_STYLE)
    _Theme(event_report=_dark.set)
    world: LiveWorld = window.world.value
    with solara.AppBar():
        solara.AppBarTitle(f"hMESH: {world.source.scenario.name}")
        solara.lab.ThemeToggle()
    Controls(window, first)
    # Another scenario has other parts, which are laid out again.
    parts = [(part, 0) for part in parts_of(world.source)]
    ComponentsView(parts, world).key(f"parts {id(world.source)}")


@solara.component_vue("theme.vue")  # type: ignore[untyped-decorator]
def _Theme(event_report: Callable[[bool], None]) -> None:
    """Listen to the browser, which alone knows whether the page is dark."""


@solara.component  # type: ignore[untyped-decorator]
def Now(world: LiveWorld) -> None:
    """Show the figures of the last step, or why nothing can be run."""
    update_counter.get()
    refused = figure_boxes.problems_html(
        _refused.value, "This was refused; the value before stays in force."
    ) if _refused.value else ""  # fmt: skip
    if world.problems:
        _card("This cannot be run", refused + figure_boxes.problems_html(world.problems))
    else:
        _card(world.given.description, refused + figure_boxes.now_html(world))


@solara.component  # type: ignore[untyped-decorator]
def SoFar(world: LiveWorld) -> None:
    """Show the results so far."""
    update_counter.get()
    _card("So far", "" if world.problems else figure_boxes.so_far_html(world))


@solara.component  # type: ignore[untyped-decorator]
def Gains(world: LiveWorld) -> None:
    """Show who gains and who pays so far."""
    update_counter.get()
    _card("Who gains, who pays", "" if world.problems else figure_boxes.gains_html(world))


def _card(title: str, content: str) -> None:
    html = f"<h2>{escape(title)}</h2>{content}"
    solara.HTML("div", unsafe_innerHTML=html, classes=["hmesh-card"])


def _chart(draw: Callable[[LiveWorld, Look], Option]) -> Any:
    """Return a part of the page that shows a chart."""

    @solara.component  # type: ignore[untyped-decorator]
    def Chart(world: LiveWorld) -> None:
        update_counter.get()
        look = Look(dark=_dark.value)
        option = {} if world.problems else draw(world, look)
        style = {"style": "height: 100%; width: 100%;"}
        solara.FigureEcharts(option, attributes=style, responsive=True)

    return Chart


# In the order in which they stand on the page. Made once: a new component would be drawn again.
PARTS = (
    Now,
    _chart(map_and_grid.map_chart),
    _chart(time_charts.load_chart),
    _chart(time_charts.price_chart),
    SoFar,
    _chart(time_charts.energy_chart),
    _chart(map_and_grid.grid_chart),
    _chart(time_charts.soc_chart),
)
LOCAL = _chart(time_charts.local_chart)


def parts_of(source: Source) -> list[Any]:
    """Return the parts of the page that have anything to show of a scenario."""
    scenario = source.scenario
    gains = len(scenario.strategies) > 1 and scenario.record.accounts != "none"
    local = any(place.local_exchange is not None for place in scenario.communities.values())
    return [*PARTS, *([Gains] if gains else []), *([LOCAL] if local else [])]
