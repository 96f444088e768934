"""The values of a sweep as a person writes them: lists, ranges and seeds."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.environment.streams import Streams
from hmesh.runs.scenarios.yaml_reader import read_yaml

type Sample = Literal["grid", "latin", "sobol", "morris"]

# What points that are not all combinations of values are.
SAMPLED: Mapping[Sample, str] = {
    "latin": "a Latin hypercube",
    "sobol": "Sobol's design",
    "morris": "Morris' design",
}

MOST_SEEDS = 1_000_000
SEEDS_BELOW = 2**32

_NUMBER = r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")
_OPENING, _CLOSING = "[{", "]}"


@dataclass(frozen=True, slots=True)
class Variation:
    """A key of a scenario and the values that a sweep gives it.

    Attributes
    ----------
    key : str
        Dotted path of the key.
    texts : tuple of str
        The values in YAML; none where they are drawn from a range.
    lowest, highest : float
        The range from which they are drawn.
    whole : bool
        Whether only whole numbers are drawn.
    """

    key: str
    texts: tuple[str, ...] = ()
    lowest: float = 0.0
    highest: float = 0.0
    whole: bool = False


def read_variation(text: str, scenario: Mapping[str, Any], sample: Sample) -> Variation:
    """Read `key=a,b,c`, `key=lowest:highest:number` or, to be drawn from, `key=lowest:highest`.

    Parameters
    ----------
    text : str
        What the person wrote.
    scenario : mapping
        The scenario as plain data, which states whether a key holds whole numbers.
    sample : {"grid", "latin", "sobol", "morris"}
        How points are chosen; only a Latin hypercube draws from a range.

    Raises
    ------
    InputError
        When it is neither a list nor a range that can be used.
    """
    key, equals, given = (part.strip() for part in text.partition("="))
    if not equals or not key or not given:
        allowed = "key.of.section=a,b,c or key.of.section=lowest:highest:number"
        raise _refusal("", f"{text!r} varies nothing", allowed)
    if key == "seed":
        raise _refusal(key, "seeds are not varied, they repeat every point", "--seeds")
    before = value_of(scenario, key)
    found = _RANGE.fullmatch(given)
    numeric = isinstance(before, int | float) and not isinstance(before, bool)
    if found and (numeric or before is None):
        whole = isinstance(before, int) and not isinstance(before, bool)
        return _read_range(key, found, whole, sample)
    if numeric and ":" in given:
        raise _refusal(key, f"{given!r} is no range", _range_form(sample))
    return _read_list(key, given)


def read_seeds(given: str | int | Sequence[int] | None, scenario_seed: int) -> tuple[int, ...]:
    """Return the seeds of a sweep.

    Parameters
    ----------
    given : str, int, or sequence of int, or None
        How many, the seeds themselves ("1,2,3"), or None for that of the scenario alone.
    scenario_seed : int
        The seed of the scenario, from which others follow; fewer seeds are the first of more.

    Raises
    ------
    InputError
        When they are no whole numbers in the range of seeds, or one is given twice.
    """
    allowed = f"how many, 1 to {MOST_SEEDS:,}, or seeds such as 1,2,3"
    if given is None:
        return (scenario_seed,)
    if isinstance(given, str):
        words = [word.strip() for word in given.rstrip().removesuffix(",").split(",")]
        wrong = [word for word in words if not re.fullmatch(r"\d{1,19}", word)]
        if wrong:
            problems = [Problem("--seeds", f"{word!r} is no seed", allowed) for word in wrong]
            raise InputError(problems)
        numbers = [int(word) for word in words]
        given = numbers if "," in given else numbers[0]
    if isinstance(given, int):
        if not 1 <= given <= MOST_SEEDS:
            raise InputError([Problem("--seeds", f"{given:,} seeds cannot be made", allowed)])
        return _derived_seeds(given, scenario_seed)
    seeds = tuple(given)
    problems = [
        Problem("--seeds", f"the seed {seed} is given twice", "each seed once")
        for index, seed in enumerate(seeds)
        if seed in seeds[:index]
    ]
    problems += [
        Problem("--seeds", f"{seed} is no seed", "a whole number from 0 to below 2**63")
        for seed in seeds
        if not 0 <= seed < 2**63
    ]
    if problems or not seeds:
        raise InputError(problems or [Problem("--seeds", "there is no seed", allowed)])
    return seeds


def as_text(key: str, values: str | Sequence[Any]) -> str:
    """Return values given from Python as a person would write them."""
    if isinstance(values, str):
        return f"{key}={values}"
    return f"{key}={','.join(json.dumps(value) for value in values)}"


def value_of(scenario: Mapping[str, Any], key: str) -> Any:
    """Return what stands at a dotted path of keys and positions; None where nothing does."""
    value: Any = scenario
    for part in key.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _derived_seeds(number: int, scenario_seed: int) -> tuple[int, ...]:
    generator = Streams(scenario_seed).generator("seeds of a sweep")
    seeds: dict[int, None] = {}
    while len(seeds) < number:
        # Drawn one by one they may repeat; a repeated one is left out, never used twice.
        for seed in generator.integers(SEEDS_BELOW, size=number - len(seeds)).tolist():
            seeds[seed] = None
    return tuple(seeds)


def _read_list(key: str, given: str) -> Variation:
    texts = _apart(given)
    problems: list[Problem] = []
    values: list[Any] = []
    for text in texts:
        try:
            value = read_yaml(text, f"--vary: {key}")
        except InputError as error:
            problems += error.problems
            continue
        if not text:
            problems.append(Problem(f"--vary: {key}", "a value is empty", "null for none"))
        elif any(type(value) is type(other) and value == other for other in values):
            problems.append(Problem(f"--vary: {key}", f"{text} is given twice", "each value once"))
        values.append(value)
    refuse_all(problems)
    return Variation(key, tuple(texts))


def _apart(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and no quotation marks."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        if character == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _read_range(key: str, found: re.Match[str], whole: bool, sample: Sample) -> Variation:
    lowest, highest = Fraction(found[1]), Fraction(found[2])
    shown = found[0]
    if lowest >= highest:
        raise _refusal(key, f"the range {shown} is empty", "a lowest value below the highest")
    if whole and not (lowest.denominator == highest.denominator == 1):
        raise _refusal(key, f"{shown} does not begin and end with a whole number", "whole numbers")
    if sample != "grid":
        if found[3] is not None:
            message = (
                f"{shown} states a number of values, which {SAMPLED[sample]} takes from points"
            )
            raise _refusal(key, message, _range_form(sample))
        return Variation(key, (), float(lowest), float(highest), whole)
    if found[3] is None or not found[3].isdecimal() or not 2 <= int(found[3]) <= MOST_SEEDS:
        raise _refusal(key, f"{shown} states no number of values", _range_form(sample))
    # Exact, so that 0:1:11 holds 0.3 and not its neighbour.
    step = (highest - lowest) / (int(found[3]) - 1)
    if whole and step.denominator != 1:
        raise _refusal(
            key,
            f"{shown} has {found[3]} values that are not all whole numbers",
            f"a number of values that leaves equal whole steps from {found[1]} to {found[2]}",
        )
    values = [lowest + index * step for index in range(int(found[3]))]
    return Variation(key, tuple(str(int(v)) if whole else repr(float(v)) for v in values))


def _range_form(sample: Sample) -> str:
    if sample != "grid":
        return "lowest:highest"
    return "lowest:highest:number with at least 2 values"


def _refusal(key: str, message: str, allowed: str) -> InputError:
    return InputError([Problem(f"--vary: {key}" if key else "--vary", message, allowed)])
