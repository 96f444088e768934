"""The values of a scenario that a slider may change, and how far."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios.prosumer_parts import given_groups
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import prosumer_parts
from hmesh.runs.schemes.registry import scheme as descriptor

STEPS_UP = 20
SHARE_STEP = 0.05
MOST_SHOWN = 40
_UNIT = re.compile(r" \[(.+)\]$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of a scenario on a slider.

    Attributes
    ----------
    key : str
        Its place in the scenario, as ``--set`` names it.
    label : str
        The label of the slider, with its unit.
    value : float or int
        What the scenario gives.
    lowest, highest, step : float or int
        Where the slider ends, and how far apart its places lie; the value is one of them.
    """

    key: str
    label: str
    value: float
    lowest: float
    highest: float
    step: float

    @property
    def name(self) -> str:
        """Return the key as the name of an argument."""
        return self.key.replace(".", "__")

    @property
    def words(self) -> str:
        """The label without its unit."""
        return _UNIT.sub("", self.label)

    def reported(self, value: float) -> str:
        """Return a value with its unit."""
        unit = _UNIT.search(self.label)
        return f"{value:,.12g} {unit[1]}" if unit else f"{value:,.12g}"

    @property
    def whole(self) -> bool:
        """Return whether it is a whole number."""
        return isinstance(self.value, int)

    def check(self, value: Any) -> Problem | None:
        """Return what is wrong with a value of it; None within its range."""
        return check_slider(self.label, value, self.lowest, self.highest, whole=self.whole)


def check_slider(
    label: str, value: Any, lowest: float, highest: float, *, whole: bool
) -> Problem | None:
    """Return what is wrong with a value that a slider was set to; None within its range.

    Parameters
    ----------
    label : str
        The label of the slider.
    value : object
        What came from the browser, of any type.
    lowest, highest : float
        The ends of the slider.
    whole : bool
        Whether it must be a whole number.
    """
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    # A place of a slider is a sum of steps, which may end a rounding beyond the range.
    room = 1e-9 * max(abs(lowest), abs(highest))
    if right and lowest - room <= value <= highest + room:
        return None
    kind = "a whole number" if whole else "a number"
    return Problem(label, f"the value {shown(value)}", f"{kind} from {lowest:,g} to {highest:,g}")


def shown(value: Any) -> str:
    """Return what came from a browser as a message shows it."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\u2026"


# Numbers between 0 and 1, by the end of their keys: efficiencies may be 1 and not 0, rates
# otherwise. The start of a battery lies within its limits.
_SHARES = ("soc_start", "efficiency", "loss_rate", "sigma")
MOST_PARAMETERS = 12
# Of plants: what counts under the sky, what counts where a plant was measured, and by what.
_OF_MODELS = {"capacity_kwh", "power_kw", "consumption_kwh_per_km"}
_OF_SKY = frozenset({"pv_kw"})
_OF_MEASURED = frozenset({"pv_scale", "scale"})
_MEASURED_BY = ("pv_dataset", "dataset", "file")


def parameters_of(scenario: Scenario) -> list[Parameter]:
    """Return the parameters that matter for the schemes of a scenario.

    What is no single number in it, such as bounds to draw between, is left out.
    """
    given = scenario.model_dump(mode="json") | _own_sections(scenario)
    found = [
        [
            _parameter(key, label, value, given)
            for pattern, words in descriptor(scheme).parameters
            for key, label, value in _numbers(given, pattern.split("."), words, scenario.currency)
        ]
        for scheme in scenario.schemes
    ]
    # Every scheme has its turn before another one has its next.
    in_turn = [one for each in zip_longest(*found) for one in each if one is not None]
    kept = in_turn[:MOST_PARAMETERS]
    return [one for each in found for one in each if one is not None and one in kept]


def _own_sections(scenario: Scenario) -> dict[str, Any]:
    """Return the sections of schemes without what prosumers own, which their members say."""
    owned = (each.name for each in prosumer_parts().values())
    sections = {name: getattr(scenario, name) for name in owned}
    return {
        name: section.without_owned(given_groups(name, section, scenario.communities)).model_dump(
            mode="json"
        )
        for name, section in sections.items()
        if section is not None
    }


def _numbers(
    part: Any, keys: list[str], label: str, currency: str, before: str = "", name: str = ""
) -> Iterator[tuple[str, str, float]]:
    """Yield the full key, the label and the value of every number that a key stands for."""
    if not keys:
        if isinstance(part, int | float) and not isinstance(part, bool):
            yield before.removeprefix("."), label.format(name=name, currency=currency), part
        return
    key, *rest = keys
    if key == "*" and isinstance(part, list):
        for index, one in enumerate(part):
            called = f"{name} {one['name']}".strip()
            yield from _numbers(one, rest, label, currency, f"{before}.{index}", called)
    elif isinstance(part, list) and key.isdecimal() and int(key) < len(part):
        yield from _numbers(part[int(key)], rest, label, currency, f"{before}.{key}", name)
    elif isinstance(part, dict) and part.get(key) is not None and not _idle(part, key):
        yield from _numbers(part[key], rest, label, currency, f"{before}.{key}", name)


def _idle(part: Mapping[str, Any], key: str) -> bool:
    """Return whether a number changes nothing.

    Of a measured plant there is only a factor, a table of models gives what it has, and where every
    group gives its own number, that of all is none of theirs.
    """
    groups = part.get("groups")
    if groups and all(one.get(key) is not None for one in groups):
        return True
    model = part.get("model")
    if key in _OF_MODELS and isinstance(model, Mapping) and model.get("file") is not None:
        return True
    if key not in _OF_SKY | _OF_MEASURED:
        return False
    measured = any(part.get(source) is not None for source in _MEASURED_BY)
    return measured if key in _OF_SKY else not measured


def _parameter(key: str, label: str, value: float, given: Mapping[str, Any]) -> Parameter | None:
    last = key.rpartition(".")[2]
    if last.endswith(_SHARES):
        lowest, highest = 0.0, 1.0
        if last == "soc_start":
            section = given[key.partition(".")[0]]
            limits = section["soc_min"], section["soc_max"]
            if not all(isinstance(limit, int | float) for limit in limits):
                return None
            lowest, highest = limits
        elif last.endswith("efficiency"):
            lowest = SHARE_STEP
        elif last.endswith("loss_rate"):
            highest = 1.0 - SHARE_STEP
        return Parameter(key, label, value, *_places(value, SHARE_STEP, lowest, highest))
    whole = isinstance(value, int)
    step = max(round_step(value / STEPS_UP), 1) if whole else round_step(value / STEPS_UP)
    section, _, rest = key.partition(".")
    lowest = 0 if rest == "count" and descriptor(section).always_there else step
    if last == "1":
        # The upper one of two bounds.
        lowest = _at(given, key.split(".")[:-1])[0]
    places = _places(value, step, lowest, value + STEPS_UP * step)
    return Parameter(key, label, value, *((round(p) for p in places) if whole else places))


def _at(part: Any, keys: list[str]) -> Any:
    for key in keys:
        part = part[int(key)] if isinstance(part, list) else part[key]
    return part


def _places(value: float, step: float, lowest: float, highest: float) -> tuple[float, float, float]:
    """Return the ends of a slider of which a value is a place, and its step."""
    down = math.floor((value - lowest) / step + 1e-9)
    up = math.floor((highest - value) / step + 1e-9)
    return round(value - down * step, 12), round(value + up * step, 12), step


def round_step(about: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is at most a number; 1 for 0."""
    if about <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(about) + 1e-9)
    step = max((m * power for m in (1, 2, 5) if m * power <= about * (1 + 1e-9)), default=power)
    return round(step, 12)
