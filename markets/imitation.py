"""Imitating those who do better: pairwise comparison by the Fermi rule.

Source: A. Traulsen, M. Nowak and J. Pacheco, Stochastic dynamics of invasion and fixation, Physical
Review E 74 (2006) 011909; F. Santos and J. Pacheco, Scale-free networks provide a unifying
framework for the emergence of cooperation, Physical Review Letters 95 (2005) 098104.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def fermi(own: FloatArray, others: FloatArray, selection: float) -> FloatArray:
    """Return how likely each adopts the strategy of another, shape (n,).

    Parameters
    ----------
    own, others : array, shape (n,)
        What each has gained, and what the other has [money].
    selection : float
        Strength of selection, at least 0 [1/money]: 0 tosses a coin, infinite always follows the
        better one, and never an equal one.

    Notes
    -----
    ``1 / (1 + exp(-selection (others - own)))``.
    """
    better = others - own
    if np.isinf(selection):
        return np.asarray((better > 0.0).astype(np.float64))
    # Beyond this the exponential is 0 or overflows, and the probability 1 or 0 to the last digit.
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(selection * better, -700.0, 700.0))))


def best_of(peers: NDArray[np.intp], gain: FloatArray) -> NDArray[np.intp]:
    """Return the one of several peers of each that has gained most, of equal ones the first.

    Parameters
    ----------
    peers : array of int, shape (n, k)
        The peers of each, by number.
    gain : array, shape (players,)
        What everybody has gained [money].
    """
    which = gain[peers].argmax(axis=1)
    return np.asarray(np.take_along_axis(peers, which[:, None], axis=1)[:, 0])
