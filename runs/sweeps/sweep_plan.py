"""What a sweep runs: every point with every seed, all checked before anything is run."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all, shortened
from hmesh.environment.streams import Streams
from hmesh.runs.scenarios.check import check_setting
from hmesh.runs.scenarios.overrides import Changes, as_texts
from hmesh.runs.scenarios.resolved_scenario import scenario_hash
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.scenarios.yaml_reader import read_yaml
from hmesh.runs.sweeps.key_sensitivity import SensitivityDesign, make_design
from hmesh.runs.sweeps.plan_differences import SCHEMA, value_text, within
from hmesh.runs.sweeps.values import (
    SAMPLED,
    Sample,
    Variation,
    read_seeds,
    read_variation,
    value_of,
)

SAMPLES: tuple[Sample, ...] = ("grid", *SAMPLED)
MOST_POINTS = 100_000
NAME_CHARACTERS = 100
HASH_DIGITS = 12

# A thousand runs with every vehicle and every picture fill a disk; --set asks for them.
_DEFAULTS = ("record.vehicles=none", "plots=false")

# What two points may differ in without another world having to be made to check them.
_NOT_OF_THE_SETTING = (
    "name", "description", "seed", "currency", "strategies", "generation_cost", "prices", "game",
    "messages", "record", "checkpoint_every_h", "checkpoint_every_minutes", "plots",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One choice of values for the varied keys.

    Attributes
    ----------
    values : dict
        The value of every varied key, as the scenario understands it.
    resolved : dict
        The scenario as plain data, which every seed but its own is put into.
    """

    values: dict[str, Any]
    resolved: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of a sweep: the point with its number, the seed, and the name of its folder."""

    name: str
    number: int
    seed: int
    point: Point

    @property
    def resolved(self) -> dict[str, Any]:
        """The scenario of the run as plain data."""
        return self.point.resolved | {"seed": self.seed}


@dataclass(frozen=True)
class SweepPlan:
    """All runs of a sweep, in an order that depends on nothing but what was asked for.

    Attributes
    ----------
    scenario : dict
        The scenario that is varied, as plain data.
    keys : tuple of str
        The varied keys.
    sample : {"grid", "latin", "sobol", "morris"}
        How points were chosen.
    points, seeds : tuple of Point, tuple of int
        Every point is run with every seed, the same ones.
    folders : mapping of str
        The names of runs that have a folder already, by the digest of their scenario.
    design, rows : SensitivityDesign or None, tuple of int
        The design of an analysis of sensitivity, and the number of the point of each of its rows;
        None and empty where there is none.
    """

    scenario: dict[str, Any]
    keys: tuple[str, ...]
    sample: Sample
    points: tuple[Point, ...]
    seeds: tuple[int, ...]
    folders: Mapping[str, str] = field(default_factory=dict)
    design: SensitivityDesign | None = None
    rows: tuple[int, ...] = ()

    @cached_property
    def short_keys(self) -> dict[str, str]:
        """The last part of every varied key, or all of it where two end alike."""
        last = [key.rpartition(".")[2] for key in self.keys]
        return {
            key: name if last.count(name) == 1 else key
            for key, name in zip(self.keys, last, strict=True)
        }

    @cached_property
    def runs(self) -> tuple[PlannedRun, ...]:
        """The runs, point by point and seed by seed."""
        return tuple(
            PlannedRun(self._name(point, seed), number, seed, point)
            for number, point in enumerate(self.points)
            for seed in self.seeds
        )

    def values(self, key: str) -> list[Any]:
        """Return the different values of a key, in the order of the points."""
        return distinct(point.values[key] for point in self.points)

    def label(self, key: str, value: Any) -> str:
        """Return a key and its value as short as the plan allows."""
        return f"{self.short_keys[key]}={value_text(value)}"

    def described(self) -> dict[str, Any]:
        """Return the plan as plain data, as sweep.json states it."""
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "sample": self.sample,
            "vary": {key: self.values(key) for key in self.keys},
            "seeds": list(self.seeds),
            "points": [point.values for point in self.points],
            "runs": [
                {"directory": f"runs/{run.name}", "point": run.number, "seed": run.seed}
                for run in self.runs
            ],
        }

    def _name(self, point: Point, seed: int) -> str:
        digest = scenario_hash(point.resolved | {"seed": seed})[:HASH_DIGITS]
        if digest in self.folders:
            return self.folders[digest]
        parts = [self.label(key, value) for key, value in point.values.items()]
        wording = re.sub(r"[^A-Za-z0-9.+=_-]+", "-", "_".join([*parts, f"seed={seed}"]))
        return f"{wording[:NAME_CHARACTERS].rstrip('.-')}_{digest}"


def make_plan(
    scenario: str | Path,
    vary: Sequence[str] = (),
    seeds: str | int | Sequence[int] | None = None,
    changes: Changes = (),
    sample: str = "grid",
    points: int | None = None,
    plugins: Sequence[str] = (),
) -> SweepPlan:
    """Plan a sweep and check every point of it.

    Parameters
    ----------
    scenario : str or Path
        The name of a built-in scenario, or the path of a YAML file.
    vary : sequence of str, optional
        Each `key=a,b,c` or `key=lowest:highest:number`; for a Latin hypercube also
        `key=lowest:highest`.
    seeds : str, int, or sequence of int, optional
        How many, or which; None for the scenario's own.
    changes : mapping or sequence of str, optional
        Changes of the scenario that all points share, as `load_scenario` takes them.
    sample : str, optional
        "grid" for all combinations of values, "latin" for a Latin hypercube, "sobol" or "morris"
        for the design of an analysis of sensitivity.
    points : int, optional
        How many points a Latin hypercube has; see `make_design` for the others.
    plugins : sequence of str, optional
        As `load_scenario` takes them.

    Raises
    ------
    InputError
        When something is wrong: every problem of all points at once.
    """
    problems = _sample_problems(sample, points)
    kind: Sample = next((each for each in SAMPLES if each == sample), "grid")
    scenario = str(scenario)
    changes = [*_DEFAULTS, *as_texts(changes)]
    base = load_scenario(scenario, changes, plugins=plugins).resolved()
    variations, found = _read_all(vary, base, kind)
    problems += found
    chosen_seeds: tuple[int, ...] = ()
    try:
        chosen_seeds = read_seeds(seeds, base["seed"])
    except InputError as error:
        problems += error.problems
    refuse_all(problems)
    keys = tuple(variation.key for variation in variations)
    design = None
    if kind == "grid":
        chosen = _grid(variations)
    elif kind == "latin":
        chosen = _latin_hypercube(variations, points or 1, base["seed"])
    else:
        design = make_design(kind, keys, points or 1, base["seed"])
        chosen = _of_design(variations, design)
    made, rows = _checked(scenario, changes, keys, chosen, plugins)
    if design is None:
        return SweepPlan(base, keys, kind, made, chosen_seeds)
    return SweepPlan(base, keys, kind, made, chosen_seeds, design=design, rows=rows)


def _sample_problems(sample: str, points: int | None) -> list[Problem]:
    if sample not in SAMPLES:
        near = nearest(sample, SAMPLES)
        return [Problem("--sample", f"{sample!r} is no way to sample", ", ".join(SAMPLES), near)]
    if sample == "grid":
        if points is None:
            return []
        message = "a grid has as many points as its values make"
        return [Problem("--points", message, f"--points with --sample {', '.join(SAMPLED)}")]
    if points is None or not 1 <= points <= MOST_POINTS:
        message = "is missing" if points is None else f"{points:,} points cannot be made"
        kind = next(each for each in SAMPLES if each == sample)
        return [Problem("--points", message, f"1 to {MOST_POINTS:,} points of {SAMPLED[kind]}")]
    return []


def _read_all(
    vary: Sequence[str], base: Mapping[str, Any], sample: Sample
) -> tuple[list[Variation], list[Problem]]:
    variations: list[Variation] = []
    problems: list[Problem] = []
    for text in vary:
        try:
            variation = read_variation(text, base, sample)
        except InputError as error:
            problems += error.problems
            continue
        if variation.key in [other.key for other in variations]:
            place = f"--vary: {variation.key}"
            problems.append(
                Problem(place, "is varied twice", "each key once, all its values in it")
            )
        variations.append(variation)
    if sample != "grid" and not vary:
        problems.append(Problem("--vary", f"{SAMPLED[sample]} varies at least one key"))
    return variations, problems


def _grid(variations: Sequence[Variation]) -> list[tuple[str, ...]]:
    number = 1
    for variation in variations:
        number *= len(variation.texts)
    if number > MOST_POINTS:
        message = f"all combinations of the values are {number:,} points"
        raise InputError([Problem("--vary", message, f"at most {MOST_POINTS:,}")])
    return list(itertools.product(*(variation.texts for variation in variations)))


def _latin_hypercube(
    variations: Sequence[Variation], number: int, seed: int
) -> list[tuple[str, ...]]:
    """Draw points whose values of each key cover its range evenly, one in each equal part."""
    from scipy.stats import qmc

    columns = []
    for variation in variations:
        # A stream for each key, so that a further key leaves the values of the others alone.
        stream = Streams(seed).generator("latin hypercube", variation.key)
        shares = qmc.LatinHypercube(d=1, rng=stream).random(number)[:, 0]
        columns.append([_drawn(variation, share) for share in shares])
    return distinct(zip(*columns, strict=True))


def _of_design(variations: Sequence[Variation], design: SensitivityDesign) -> list[tuple[str, ...]]:
    """Return the values of the rows of a design."""
    if len(design.shares) > MOST_POINTS:
        message = f"the design has {len(design.shares):,} points"
        raise InputError([Problem("--points", message, f"at most {MOST_POINTS:,}")])
    columns = [
        [_drawn(variation, share) for share in design.shares[:, k]]
        for k, variation in enumerate(variations)
    ]
    narrow = [
        Problem(f"--vary: {each.key}", "is the same all over its range", "at least two values")
        for each, column in zip(variations, columns, strict=True)
        if len(set(column)) == 1
    ]
    refuse_all(narrow)
    return list(zip(*columns, strict=True))


def _drawn(variation: Variation, share: np.float64) -> str:
    """Return the value that stands at a share of a range or a list, 0 <= share <= 1."""
    if variation.texts:
        return variation.texts[min(int(share * len(variation.texts)), len(variation.texts) - 1)]
    lowest, highest = variation.lowest, variation.highest
    if variation.whole:
        return str(min(int(lowest) + int(share * (highest - lowest + 1)), int(highest)))
    # Six digits are distinguished and read more easily than sixteen.
    value = float(f"{lowest + share * (highest - lowest):.6g}")
    return repr(min(max(value, lowest), highest))


def _checked(
    scenario: str,
    changes: Sequence[str],
    keys: Sequence[str],
    chosen: Sequence[tuple[str, ...]],
    plugins: Sequence[str],
) -> tuple[tuple[Point, ...], tuple[int, ...]]:
    """Make every point, or report what is wrong with any; and the number of that of each choice."""
    problems: dict[Problem, None] = {}
    made: dict[str, Point] = {}
    digests: list[str] = []
    settings: dict[str, Scenario] = {}
    for texts in chosen:
        own = [f"{key}={text}" for key, text in zip(keys, texts, strict=True)]
        try:
            loaded = load_scenario(scenario, [*changes, *own], plugins=plugins)
        except InputError as error:
            problems.update(dict.fromkeys(_placed(problem, keys) for problem in error.problems))
            continue
        resolved = loaded.resolved()
        pairs = zip(keys, texts, strict=True)
        values = {key: _as_given(value_of(resolved, key), text) for key, text in pairs}
        digests.append(scenario_hash(resolved))
        made.setdefault(digests[-1], Point(values, resolved))
        part = {key: resolved[key] for key in resolved if key not in _NOT_OF_THE_SETTING}
        settings.setdefault(json.dumps(part), loaded)
    for loaded in settings.values() if not problems else ():
        try:
            check_setting(loaded)
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InputError(shortened(list(problems)))
    numbers = {digest: number for number, digest in enumerate(made)}
    return tuple(made.values()), tuple(numbers[digest] for digest in digests)


def _as_given(value: Any, text: str) -> Any:
    """Return the value of a key, the number that was given where a section adds to it.

    So the vehicles of prosumers, which join those of `vehicles.count`, do not rename its values.
    """
    given = read_yaml(text, "--vary")
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (value, given))
    return given if numbers and given != value else value


def _placed(problem: Problem, keys: Sequence[str]) -> Problem:
    """Return a problem placed where the person gave the value."""
    _source, colon, key = problem.place.partition(": ")
    if colon and within(key, keys):
        return replace(problem, place=f"--vary: {key}")
    return problem


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return values, each once, in the order of their first appearance."""
    kept: dict[str, Any] = {}
    for value in values:
        kept.setdefault(json.dumps(value), value)
    return list(kept.values())
