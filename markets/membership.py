"""Whether members take part in a scheme for the next month, by what it saved them.

Source: D. McFadden, Conditional logit analysis of qualitative choice behavior, in P. Zarembka
(ed.), Frontiers in Econometrics (1974) 105-142: of two alternatives, one that is worth more by
``x`` is chosen with the probability ``1 / (1 + exp(-s x))``.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.imitation import fermi

type Array = NDArray[np.float64]


def expected_savings(saved: Array, takes_part: NDArray[np.bool_], kind: NDArray[np.intp]) -> Array:
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
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0.0)
    return np.where(takes_part, saved, mean[kind])


def chance_to_take_part(saving: Array, cost: float, sensitivity: float) -> Array:
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
