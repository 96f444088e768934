"""Learning which of several strategies to play from the regret of not having played others.

Source: S. Hart and A. Mas-Colell, A Simple Adaptive Procedure Leading to Correlated Equilibrium,
Econometrica 68 (2000) 1127-1150. With unconditional regrets (their section 4), the average regret
of every player falls as 1/sqrt(T) whatever the others do; with conditional ones (their theorem A)
the joint play tends to the set of correlated equilibria when all play so.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def regret_gained(gains: FloatArray, played: NDArray[np.intp]) -> FloatArray:
    """Return how much better each strategy would have done than the one that was played.

    Parameters
    ----------
    gains : array, shape (n, strategies)
        What each player would have gained in a step by each strategy, all else as it was [money].
    played : array of int, shape (n,)
        What it played.

    Returns
    -------
    array, shape (n, strategies)
        Gains beyond that of the strategy played [money], 0 for itself.
    """
    return np.asarray(gains - np.take_along_axis(gains, played[:, None], axis=1))


def play_unconditional(regret: FloatArray, draw: FloatArray) -> NDArray[np.intp]:
    """Return the strategy of each: with a probability proportional to its positive regret.

    Parameters
    ----------
    regret : array, shape (n, strategies)
        Sum of the regrets of each so far [money].
    draw : array, shape (n,)
        A uniform draw of each, 0 <= draw < 1.

    Returns
    -------
    array of int, shape (n,)
        Strategies, all equally likely where no regret is above 0.

    Notes
    -----
    With gains within a range of width D, the largest average regret is at most
    ``D sqrt(strategies / T)`` in expectation: Blackwell's approachability of the negative orthant.
    """
    weights = np.maximum(regret, 0.0)
    nothing = ~weights.any(axis=1)
    if nothing.any():
        weights[nothing] = 1.0
    return drawn_by_weight(weights, draw)


def play_conditional(
    regret: FloatArray, last: NDArray[np.intp], inertia: FloatArray, draw: FloatArray
) -> NDArray[np.intp]:
    """Return the strategy of each: it leaves its last one by the regrets of having played that.

    Parameters
    ----------
    regret : array, shape (n, strategies)
        Sum of the regrets of each over the steps in which it played its last strategy [money].
    last : array of int, shape (n,)
        Its last strategy, -1 where it has played none.
    inertia : array, shape (n,)
        What a regret is divided by to give a probability [money]: ``mu T``, with ``mu`` above
        ``2 (strategies - 1)`` times the largest gain.
    draw : array, shape (n,)
        A uniform draw of each, 0 <= draw < 1.
    """
    count = regret.shape[1]
    known = last >= 0
    own = np.maximum(last, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        leave = np.maximum(regret, 0.0) / inertia[:, None]
    leave = np.where(np.isfinite(leave), leave, 0.0)
    np.put_along_axis(leave, own[:, None], 0.0, axis=1)
    stays = np.maximum(1.0 - leave.sum(axis=1), 0.0)
    np.put_along_axis(leave, own[:, None], stays[:, None], axis=1)
    leave[~known] = 1.0 / count
    return drawn_by_weight(leave, draw)


def drawn_by_weight(weights: FloatArray, draw: FloatArray) -> NDArray[np.intp]:
    """Return a column for each row, drawn with a probability proportional to its weight.

    Parameters
    ----------
    weights : array, shape (n, columns)
        Weights of at least 0, at least one of each row above 0 [-].
    draw : array, shape (n,)
        A uniform draw of each, 0 <= draw < 1.
    """
    # Column by column: rows are short, and there are many of them.
    reached = np.array(weights.T, dtype=np.float64, order="C")
    for k in range(1, len(reached)):
        reached[k] += reached[k - 1]
    # The last column takes what rounding leaves.
    aim, found = draw * reached[-1], np.zeros(len(draw), dtype=np.intp)
    for passed in reached[:-1]:
        found += aim >= passed
    return found
