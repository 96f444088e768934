"""The controls beside the page: what is watched, how it goes on, its values, and a file of it."""

import time
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import solara
from mesa.visualization.utils import force_update, update_counter

from hmesh.environment.errors import InputError
from hmesh.runs.live.choice import Choice, offered
from hmesh.runs.live.parameters import Parameter
from hmesh.runs.live.source import Source
from hmesh.runs.live.world import LiveWorld

# Two steps a second: slow enough to be followed, and for a slow browser to keep up.
PLAY_INTERVAL_MS = 500
LONGEST_PLAY_INTERVAL_MS = 2000
MOST_STEPS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class BrowserWindow:
    """What a window of a browser holds, each a `solara.Reactive`.

    Attributes
    ----------
    chosen : Choice
        What is chosen; it holds from the next reset.
    begun : Choice
        What was chosen when the world began.
    world : LiveWorld
        What is watched.
    opening : str
        The name of a scenario that is being opened, "" for none.
    playing : bool
        Whether steps follow each other until somebody stops them.
    interval_ms, at_once : int
        Pause between two pictures [ms], and how many steps pass between them.
    """

    chosen: Any
    begun: Any
    world: Any
    opening: Any
    playing: Any
    interval_ms: Any
    at_once: Any

    def begin(self) -> None:
        """Begin the world that is chosen."""
        self.playing.set(False)
        choice: Choice = self.chosen.value
        self.begun.set(choice)
        self.world.set(LiveWorld(**choice.arguments))

    def advance(self) -> None:
        """Run the steps between two pictures, and let them be drawn."""
        world: LiveWorld = self.world.value
        for _ in range(self.at_once.value):
            world.step()
        force_update()

    def play(self) -> None:
        """Run steps until somebody stops them, or the run ends."""
        world: LiveWorld = self.world.value
        while self.playing.value and self.world.value is world and world.running:
            time.sleep(self.interval_ms.value / 1000)
            self.advance()


@solara.component  # type: ignore[untyped-decorator]
def Controls(window: BrowserWindow, first: Source) -> None:
    """Show all controls; `first` is what the command line named."""
    with solara.Sidebar(), solara.Column(gap="8px"):
        _Scenario(window.chosen, window.opening, first)
        _Run(window)
        if window.chosen.value.source.parameters:
            _Values(window.chosen)
        _Share(window.chosen)


@solara.component  # type: ignore[untyped-decorator]
def _Run(window: BrowserWindow) -> None:
    """Show what begins, plays and stops the steps."""
    update_counter.get()
    playing, running = window.playing.value, window.world.value.running
    solara.lab.use_task(window.play, dependencies=[playing], prefer_threaded=True)
    with solara.Card("Run", margin=0):
        with solara.Row(justify="space-between"):
            solara.Button("Reset", color="primary", on_click=window.begin)
            solara.Button(
                "\u275a\u275a" if playing and running else "\u25b6",
                color="primary",
                on_click=lambda: window.playing.set(not playing),
                disabled=not running,
            )
            solara.Button(
                "Step", color="primary", on_click=window.advance, disabled=playing or not running
            )
        if window.begun.value != window.chosen.value:
            _note("Changed; Reset starts with it.")
        _Slider("pause between pictures", window.interval_ms, 1, LONGEST_PLAY_INTERVAL_MS, "ms")
        _Slider("steps between pictures", window.at_once, 1, MOST_STEPS_AT_ONCE, "")


@solara.component  # type: ignore[untyped-decorator]
def _Scenario(chosen: Any, opening: Any, first: Source) -> None:
    """Show which scenario is watched, which of its strategies, and the seed."""
    choice: Choice = chosen.value
    names = list(offered(first))
    with solara.Card("Scenario", margin=0):
        solara.Select("scenario", names, value=opening.value or choice.name, on_value=opening.set)
        if opening.value:
            _note(f"Preparing {opening.value}...")
            solara.ProgressLinear(True)
        _select("strategy", choice.strategy, chosen)
        if len(choice.source.strategies) > 1:
            _select("compared", choice.compared, chosen, "compared with")
        solara.InputText(
            "seed",
            value=choice.seed,
            on_value=lambda seed: chosen.set(replace(chosen.value, seed=seed)),
        )


def _select(key: str, value: str, chosen: Any, label: str = "") -> None:
    solara.Select(
        label or key,
        list(chosen.value.source.strategies),
        value=value,
        on_value=lambda name: chosen.set(replace(chosen.value, **{key: name})),
    )


@solara.component  # type: ignore[untyped-decorator]
def _Values(chosen: Any) -> None:
    """Show the sliders, and what takes them back to the scenario."""
    choice: Choice = chosen.value
    with solara.Card("Values", margin=0):
        for parameter in choice.source.parameters:
            _ParameterSlider(parameter, chosen)
        solara.Button(
            "Back to the scenario",
            on_click=lambda: chosen.set(replace(chosen.value, values={})),
            disabled=not choice.source.moved(choice.values),
            outlined=True,
            small=True,
        )


@solara.component  # type: ignore[untyped-decorator]
def _ParameterSlider(parameter: Parameter, chosen: Any) -> None:
    value = chosen.value.values.get(parameter.name, parameter.value)
    slider = solara.SliderInt if parameter.whole else solara.SliderFloat
    with solara.Div(classes=["hmesh-slider"]):
        slider(
            parameter.words,
            value=value,
            on_value=lambda moved: chosen.set(chosen.value.with_value(parameter.name, moved)),
            min=parameter.lowest,
            max=parameter.highest,
            step=parameter.step,
            thumb_label=False,
        )
        solara.HTML("output", parameter.reported(value))


@solara.component  # type: ignore[untyped-decorator]
def _Slider(label: str, value: Any, lowest: int, highest: int, unit: str) -> None:
    with solara.Div(classes=["hmesh-slider"]):
        solara.SliderInt(label, value=value, min=lowest, max=highest, thumb_label=False)
        solara.HTML("output", f"{value.value:,} {unit}".strip())


@solara.component  # type: ignore[untyped-decorator]
def _Share(chosen: Any) -> None:
    """Offer what is chosen as a file that others can run, or show why it cannot be one."""
    choice: Choice = chosen.value
    name, problems = solara.use_memo(lambda: _name_of(choice), [choice])
    # Always the same function, since another one would take back a request that is under way.
    content = solara.use_memo(lambda: lambda: chosen.value.shared()[1](), [])
    with solara.Card("Share", margin=0):
        for problem in problems:
            _note(problem, "hmesh-problem")
        if not problems:
            solara.FileDownload(content, name, label="Scenario file")
            _note(f"{name} holds what is chosen here; hmesh run takes it.")


def _name_of(choice: Choice) -> tuple[str, list[str]]:
    """Return the name of the file of what is chosen, and why there can be none."""
    try:
        return choice.shared()[0], []
    except InputError as error:
        return "", [str(problem) for problem in error.problems]


def _note(text: str, kind: str = "hmesh-note") -> None:
    solara.HTML("p", unsafe_innerHTML=escape(text), classes=[kind])
