"""Learning what each strategy is worth in each state by trying it.

Source: C. Watkins and P. Dayan, Q-learning, Machine Learning 8 (1992) 279-292.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def exploration_after(first: float, decay: float, plays: FloatArray) -> FloatArray:
    """Return how likely each tries any strategy after so many plays, shape (n,).

    Parameters
    ----------
    first : float
        Probability in the first play, 0..1 [-].
    decay : float
        By how much it falls with every play, ``first / (1 + decay * plays)``, at least 0 [-].
    plays : array, shape (n,)
        How often each has played [-].
    """
    return np.asarray(first / (1.0 + decay * plays))


def choose(values: FloatArray, explores: FloatArray, draw: FloatArray) -> NDArray[np.intp]:
    """Return the strategy of each: the best known, of equal ones the first, or any.

    Parameters
    ----------
    values : array, shape (n, strategies)
        What each strategy is worth to each in its state [money].
    explores : array, shape (n,)
        How likely it takes any one, 0..1 [-].
    draw : array, shape (n,)
        A uniform draw of each, 0 <= draw < 1, by which it explores and what.
    """
    best = values.argmax(axis=1)
    count = values.shape[1]
    tries = draw < explores
    with np.errstate(divide="ignore", invalid="ignore"):
        which = np.where(tries, draw / explores, 0.0) * count
    return np.where(tries, np.minimum(which, count - 1).astype(np.intp), best)


def value_learned(
    value: FloatArray, reward: FloatArray, best_next: FloatArray, rate: float, discount: float
) -> FloatArray:
    """Return what a strategy is worth in a state once its reward and what followed are known.

    Parameters
    ----------
    value : array, shape (n,)
        What it was thought to be worth [money].
    reward : array, shape (n,)
        What it brought at once [money].
    best_next : array, shape (n,)
        What the state is worth that followed, by its best strategy [money].
    rate : float
        Part of the difference that is learned, 0..1 [-].
    discount : float
        What something counts a play later, 0..1 [-].

    Notes
    -----
    ``Q <- Q + rate (reward + discount max Q' - Q)``.
    """
    return np.asarray(value + rate * (reward + discount * best_next - value))
