"""The inelastic loads that lines with limits leave unserved."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.line_tree import Tree


def shed_kwh(tree: Tree, node_kwh: FloatArray, inelastic_kwh: FloatArray) -> FloatArray:
    """Return what inelastic loads must do without so that lines keep their limits.

    From the ends of the tree upwards, each line that would receive more than its limit leaves an
    equal share of every inelastic load beyond it unserved, at most all of it.

    Parameters
    ----------
    tree : Tree
        The lines and their limits.
    node_kwh : array, shape (nodes,)
        What every node takes [kWh].
    inelastic_kwh : array, shape (nodes,)
        The part of it that is inelastic load, at least 0 [kWh].

    Returns
    -------
    array, shape (nodes,)
        What remains unserved at each node [kWh].
    """
    served = np.array(inelastic_kwh, dtype=np.float64)
    other = np.asarray(node_kwh, dtype=np.float64) - served
    over = np.flatnonzero(tree.received_kwh(node_kwh) > tree.limit_kwh)
    for line in over[::-1].tolist():
        beyond = np.zeros(len(served), dtype=bool)
        beyond[line + 1] = True
        for below in range(line + 1, len(tree.parents)):
            beyond[below + 1] = beyond[tree.parents[below]]
        share = _served_share(tree, line, other, np.where(beyond, served, 0.0))
        served[beyond] *= share
    return np.asarray(inelastic_kwh - served)


def _served_share(tree: Tree, line: int, other: FloatArray, served: FloatArray) -> float:
    """Return the share of inelastic loads that a line can serve within its limit.

    What the line receives is non-decreasing, convex and piecewise linear in the share, so Newton's
    method from above ends after as many steps as there are lines below, at the root of a piece.
    """
    limit = float(tree.limit_kwh[line])

    def excess(share: float) -> float:
        return float(tree.received_kwh(other + share * served)[line]) - limit

    high, low = 1.0, 0.0
    if excess(high) <= 0:
        return high
    if excess(low) >= 0:
        return low
    at_high, at_low = excess(high), excess(low)
    for _ in range(200):
        share = low + (high - low) * at_low / (at_low - at_high)
        over = excess(share)
        if abs(over) <= 1e-13 * max(limit, 1.0) or not low < share < high:
            return share
        # Bisection where the secant alone would crawl along a bend.
        if over > 0:
            high, at_high = share, over
        else:
            low, at_low = share, over
        middle = 0.5 * (low + high)
        over = excess(middle)
        if over > 0:
            high, at_high = middle, over
        else:
            low, at_low = middle, over
    return low
