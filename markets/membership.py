"""Whether members take part in a scheme for the next month, by what it saved them.

Source: D. McFadden, Conditional logit analysis of qualitative choice behavior, in P. Zarembka
(ed.), Frontiers in Econometrics (1974) 105-142: of two alternatives, one that is worth more by
``x`` is chosen with the probability ``1 / (1 + exp(-s x))``.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.imitation import fermi


def expected_savings(
    saved: FloatArray, takes_part: NDArray[np.bool_], kind: NDArray[np.intp]
) -> FloatArray:
    """Return what each member expects to save by taking part [money].

    Parameters
    ----------
    saved : array, shape (members,)
        What those that take part have saved [money]; of others it is not looked at.
    takes_part : array of bool, shape (members,)
        Who takes part.
    kind : array of int, shape (members,)
        Of which kind each is: others of its kind are like it.

    Returns
    -------
    array, shape (members,)
        What it saved itself, of others the mean of those of their kind that take part, and 0 where
        none of the kind does.
    """
    count = np.bincount(kind, takes_part)
    total = np.bincount(kind, np.where(takes_part, saved, 0.0))
    mean = np.divide(total, count, out=np.zeros(len(total)), where=count > 0.0)
    return np.where(takes_part, saved, mean[kind])


def savings_beside_others(
    gain: FloatArray, takes_part: NDArray[np.bool_], kind: NDArray[np.intp]
) -> FloatArray:
    """Return what each expects to save by taking part, from what it and others gained [money].

    Parameters
    ----------
    gain : array, shape (members,)
        What each gained, whether it takes part or not [money].
    takes_part : array of bool, shape (members,)
        Who takes part.
    kind : array of int, shape (members,)
        Of which kind each is: others of its kind are like it.

    Returns
    -------
    array, shape (members,)
        Of one that takes part what it gained beyond the mean of those of its kind that do not, of
        one that does not the mean of those that do beyond what it gained; 0 where nobody of its
        kind does otherwise.
    """
    kinds = int(kind.max(initial=-1)) + 1
    other = np.zeros(len(gain))
    known = np.zeros(len(gain), dtype=np.bool_)
    for there in (True, False):
        mine = takes_part == there
        count = np.bincount(kind, mine, kinds)
        total = np.bincount(kind, np.where(mine, gain, 0.0), kinds)
        mean = np.divide(total, count, out=np.zeros(len(total)), where=count > 0.0)
        other = np.where(mine, other, mean[kind])
        known = np.where(mine, known, count[kind] > 0.0)
    saving = np.where(takes_part, gain - other, other - gain)
    return np.where(known, saving, 0.0)


def chance_to_take_part(saving: FloatArray, cost: float, sensitivity: float) -> FloatArray:
    """Return how likely each takes part in the next month, shape (members,) [-].

    Parameters
    ----------
    saving : array, shape (members,)
        What each expects to save in a month [money].
    cost : float
        What taking part costs in a month [money].
    sensitivity : float
        How strongly the difference counts, at least 0 [1/money]; 0 tosses a coin.
    """
    return fermi(np.full_like(saving, cost), saving, sensitivity)
