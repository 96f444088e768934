"""How something spreads on a social network, month by month: by Bass's model, or by thresholds.

Sources: F. Bass, A new product growth for model consumer durables, Management Science 15 (1969)
215-227, with the share of one's own acquaintances in place of that of all; M. Granovetter,
Threshold models of collective behavior, American Journal of Sociology 83 (1978) 1420-1443.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.social_network import SocialNetwork

MONTHS_A_YEAR = 12.0


def share_of_acquaintances(network: SocialNetwork, adopted: NDArray[np.bool_]) -> FloatArray:
    """Return which share of the acquaintances of each has adopted, 0 of nobody, shape (n,) [-]."""
    reached = np.concatenate(([0.0], np.cumsum(adopted[network.neighbours], dtype=np.float64)))
    count = reached[network.first[1:]] - reached[network.first[:-1]]
    degree = network.degree
    return np.asarray(np.divide(count, degree, out=np.zeros(len(degree)), where=degree > 0))


def adopts_by_bass(
    share: FloatArray, innovation: float, imitation: float, draw: FloatArray
) -> NDArray[np.bool_]:
    """Return who adopts in a month by Bass's model, of those who have not, shape (n,).

    Parameters
    ----------
    share : array, shape (n,)
        Share of the acquaintances of each that has adopted [-].
    innovation, imitation : float
        Rate at which each adopts by itself, and more of it where all acquaintances have [1/year].
    draw : array, shape (n,)
        A uniform draw of each, 0 <= draw < 1.

    Notes
    -----
    ``1 - exp(-(p + q share) / 12)``: the chance that a hazard of ``p + q share`` strikes in a
    month.
    """
    hazard = (innovation + imitation * share) / MONTHS_A_YEAR
    return np.asarray(draw < -np.expm1(-hazard))


def adopts_by_threshold(
    share: FloatArray, threshold: FloatArray, innovation: float, draw: FloatArray
) -> NDArray[np.bool_]:
    """Return who adopts in a month since enough acquaintances have, or by itself, shape (n,).

    Parameters
    ----------
    share, innovation, draw : array, float, array
        As `adopts_by_bass` takes them.
    threshold : array, shape (n,)
        From which share of its acquaintances on each adopts [-].
    """
    alone = draw < -np.expm1(-innovation / MONTHS_A_YEAR)
    return np.asarray((share >= threshold) | alone)
