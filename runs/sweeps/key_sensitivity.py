"""Which keys an outcome depends on: designs and indices of Sobol and of Morris, by SALib."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.streams import Streams
from hmesh.runs.strategy_names import strategy_name
from hmesh.runs.sweeps.outcomes import Shapes

if TYPE_CHECKING:
    from hmesh.runs.sweeps.ensemble import Ensemble

type Method = Literal["sobol", "morris"]

LEVELS = 4  # of Morris' grid
RESAMPLES = 200
# What is reported for each key, and what its columns are called.
COLUMNS = {
    "sobol": ("first_order", "first_order_95", "total_order", "total_order_95"),
    "morris": (
        "mean_effect",
        "effect_size",
        "effect_size_95",
        "effect_deviation",
    ),
}
_OF_SALIB = {
    "sobol": ("S1", "S1_conf", "ST", "ST_conf"),
    "morris": ("mu", "mu_star", "mu_star_conf", "sigma"),
}
# By which column of each method keys are ranked.
RANKED_BY = {"sobol": "total_order", "morris": "effect_size"}


@dataclass(frozen=True, slots=True)
class SensitivityDesign:
    """The rows of a design, each a point of the unit cube.

    Attributes
    ----------
    method : str
        "sobol" or "morris".
    keys : tuple of str
        The varied keys.
    shares : array, shape (rows, keys)
        Where each row is in the range of each key, 0 to 1.
    """

    method: Method
    keys: tuple[str, ...]
    shares: FloatArray


def make_design(method: Method, keys: Sequence[str], size: int, seed: int) -> SensitivityDesign:
    """Return a design.

    Parameters
    ----------
    method : str
        "sobol" [1]_ or "morris" [2]_.
    keys : sequence of str
        The varied keys.
    size : int
        Base points of Sobol's design, a power of 2, which then has ``size (keys + 2)`` rows; twice
        as many begin with the same rows. Trajectories of Morris', of ``keys + 1`` rows each.
    seed : int
        That of the scenario.

    Raises
    ------
    InputError
        When SALib is not installed, or the size does not fit.

    References
    ----------
    .. [1] A. Saltelli et al., "Variance based sensitivity analysis of model output", Comput. Phys.
       Commun. 181 (2010).
    .. [2] M. D. Morris, "Factorial sampling plans for preliminary computational experiments",
       Technometrics 33 (1991).
    """
    sample = _salib("sample", method)
    problem = _problem(keys)
    # SALib takes a seed of 32 bits.
    own = int(Streams(seed).generator(f"{method} design").integers(2**32))
    if method == "sobol":
        if size & (size - 1):
            message = f"{size} base points are no power of 2"
            near = 2 ** max(size - 1, 1).bit_length()
            raise InputError([Problem("--points", message, f"such as {near // 2} or {near}")])
        shares = sample.sample(problem, size, calc_second_order=False, seed=own)
    else:
        if size < 2:
            message = "one trajectory has no spread of effects"
            raise InputError([Problem("--points", message, "at least 2 trajectories")])
        shares = sample.sample(problem, size, num_levels=LEVELS, seed=own)
    return SensitivityDesign(method, tuple(keys), np.asarray(shares, dtype=np.float64))


def indices(
    design: SensitivityDesign, outcomes: FloatArray, seed: int = 0
) -> list[dict[str, float]]:
    """Return the indices of an outcome, one mapping for each key.

    Parameters
    ----------
    design : SensitivityDesign
        The design.
    outcomes : array, shape (rows,)
        The outcome at each row.
    seed : int
        That of the scenario, from which the resamples for confidence follow.

    Returns
    -------
    list of dict
        The `COLUMNS` of the method. Of Sobol, the share of the variance that a key causes alone,
        and in all with others, with half their 95 % intervals [-]. Of Morris, the mean effect of a
        key from one end of its range to the other, the mean of its size with half its interval,
        and its standard deviation, in the unit of the outcome.
    """
    analyze = _salib("analyze", design.method)
    given: dict[str, Any] = {"num_resamples": RESAMPLES, "seed": seed % 2**32}
    if design.method == "sobol":
        found = analyze.analyze(_problem(design.keys), outcomes, calc_second_order=False, **given)
    else:
        found = analyze.analyze(
            _problem(design.keys), design.shares, outcomes, num_levels=LEVELS, **given
        )
    columns = zip(COLUMNS[design.method], _OF_SALIB[design.method], strict=True)
    named = {column: np.asarray(found[name], dtype=np.float64) for column, name in columns}
    return [
        {column: float(values[k]) for column, values in named.items()}
        for k in range(len(design.keys))
    ]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How an outcome under a strategy depends on each key.

    Attributes
    ----------
    strategy : int
        Number of the strategy.
    quantity : str
        The outcome, its mean over seeds.
    by_key : dict
        What `indices` returned, by key.
    """

    strategy: int
    quantity: str
    by_key: dict[str, dict[str, float]]


def sensitivities(ensemble: "Ensemble") -> list[Sensitivity]:
    """Return how the outcomes of a sweep depend on its keys; none where runs are missing."""
    plan = ensemble.plan
    if plan.design is None:
        return []
    found = []
    for quantity in Shapes(ensemble).quantities:
        for strategy in range(len(ensemble.strategies)):
            means = ensemble.of(quantity)[:, :, strategy].mean(axis=1)[list(plan.rows)]
            # What differs by rounding alone depends on nothing.
            if not np.isfinite(means).all() or np.ptp(means) <= 1e-9 * abs(means).max():
                continue
            of_keys = indices(plan.design, means, plan.scenario["seed"])
            by_key = dict(zip(plan.design.keys, of_keys, strict=True))
            found.append(Sensitivity(strategy, quantity, by_key))
    return found


def sensitivity_rows(ensemble: "Ensemble") -> Iterator[dict[str, Any]]:
    """Yield a row for each strategy, outcome and key."""
    for each in sensitivities(ensemble):
        for key, reported in each.by_key.items():
            strategy = ensemble.strategies[each.strategy]
            yield {"strategy": strategy, "quantity": each.quantity, "key": key, **reported}


def sensitivity_lines(ensemble: "Ensemble") -> Iterator[str]:
    """Yield what outcomes depend on most under the last strategy."""
    design = ensemble.plan.design
    if design is None:
        return
    column = RANKED_BY[design.method]
    for each in sensitivities(ensemble):
        if each.strategy != len(ensemble.strategies) - 1:
            continue
        key, reported = max(each.by_key.items(), key=lambda pair: pair[1][column])
        under = strategy_name(ensemble.strategies[each.strategy])
        amount = f"{reported[column]:.2f} ± {reported[f'{column}_95']:.2f}"
        if design.method == "morris":
            amount = f"{reported[column]:,.4g} ± {reported[f'{column}_95']:,.4g}"
        called = "total-order index" if design.method == "sobol" else "mean size of its effect"
        yield f"{each.quantity} under {under} depends most on {key} ({called} {amount})"


def _problem(keys: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(keys), "names": list(keys), "bounds": [[0.0, 1.0]] * len(keys)}


def _salib(part: str, method: Method) -> ModuleType:
    """Return a module of SALib.

    Raises
    ------
    InputError
        When it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"SALib.{part}.{method}")
    except ImportError:
        remedy = "install hMESH with its extra: pip install 'hmesh[sensitivity]'"
        raise InputError(
            [Problem("--sample", f"{method} needs SALib, which is not installed; {remedy}")]
        ) from None
