"""Energy that must flow within some steps, spread so that a load becomes as flat as it can."""

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray

_HALVINGS = 80


def within_steps(need_kwh: FloatArray, limit_kwh: FloatArray, steps: int) -> FloatArray:
    """Return how much of what batteries need flows in 0, 1, ... steps at most [kWh].

    Parameters
    ----------
    need_kwh, limit_kwh : array, shape (batteries,)
        What each needs, and what may flow in a step [kWh].
    steps : int
        Number of steps.

    Returns
    -------
    array
        Of all together, shape (steps + 1,).
    """
    return np.array([np.minimum(need_kwh, k * limit_kwh).sum() for k in range(steps + 1)])


def flattest(load_kwh: FloatArray, within_kwh: FloatArray) -> FloatArray:
    """Return the energy of each step that makes a load flattest [kWh], shape (steps,).

    Parameters
    ----------
    load_kwh : array, shape (steps,)
        Load of each step before.
    within_kwh : array
        What may flow in 0, 1, ... steps [kWh], of falling gains; all of its last is to flow.

    Notes
    -----
    The lowest steps are filled first. Any k of them take no more than ``within_kwh[k]``; where the
    lowest of some take all they may they stay lower than the others, else all have one level.
    """
    order = np.argsort(load_kwh, kind="stable")
    full = load_kwh[order] + np.diff(within_kwh)
    # Neighbours that would change their order by it are filled to a common level.
    blocks: list[list[float]] = []
    for level in full.tolist():
        blocks.append([level, 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            level_after, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + level_after * count) / (before[1] + count)
            before[1] += count
    levels = np.repeat([level for level, _ in blocks], [int(count) for _, count in blocks])
    energy = np.empty(len(load_kwh))
    energy[order] = np.maximum(levels - load_kwh[order], 0.0)
    return energy


def dealt_out(
    energy_kwh: FloatArray, need_kwh: FloatArray, limit_kwh: FloatArray, group: NDArray[np.intp]
) -> FloatArray:
    """Return what each battery takes of the energy of its group in a step [kWh].

    Those whose needs take longest come first: all that need more than some number of steps are
    brought down to it, as far as one step allows.
    """
    groups = len(energy_kwh)
    if not energy_kwh.any():
        return np.zeros(len(need_kwh))

    def beyond(steps: FloatArray) -> FloatArray:
        kept = steps[group] * limit_kwh
        return np.minimum(need_kwh, kept + limit_kwh) - np.minimum(need_kwh, kept)

    low, high = np.zeros(groups), np.zeros(groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        lasts = np.where(limit_kwh > 0, need_kwh / limit_kwh, 0.0)
    np.maximum.at(high, group, lasts)
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        more = np.bincount(group, beyond(middle), groups) > energy_kwh
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    # Between the last two guesses the energy of a group that must be met lies.
    least, most = beyond(high), beyond(low)
    least_sum, most_sum = (np.bincount(group, dealt, groups) for dealt in (least, most))
    wide = most_sum > least_sum
    share = np.divide(
        energy_kwh - least_sum, most_sum - least_sum, out=np.zeros(groups), where=wide
    )
    dealt: FloatArray = least + np.clip(share, 0.0, 1.0)[group] * (most - least)
    return np.where((energy_kwh > 0)[group], dealt, 0.0)
