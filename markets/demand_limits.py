"""The demands at which the lines of a community alone stay within their limits."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.line_tree import Places, arriving_kwh, sent_kwh


def demand_limits(
    places: Places, node_kwh: FloatArray, passive_kwh: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return between which demands of each community its own lines stay within their limits.

    Parameters
    ----------
    places : Places
        Where communities are.
    node_kwh : array, shape (nodes,)
        What every node takes whatever the price [kWh].
    passive_kwh : array, shape (communities,)
        What every community takes whatever the price [kWh].

    Returns
    -------
    least_kwh, most_kwh : array, shape (communities,)
        Bounds of the demand [kWh]. ``least_kwh > most_kwh`` where no demand keeps all limits.

    Notes
    -----
    Only the lines above the node of the answers can be relieved by a price. What these carry rises
    with the demand, so each limit is taken down the path to the node.
    """
    tree = places.tree
    received = tree.received_kwh(node_kwh)
    limits = np.empty((2, len(passive_kwh)))
    for m, node in enumerate(places.answering.tolist()):
        path = [line for line in tree.path(node) if places.own[line] == m]
        # What the far node of each line takes without the line below it on the path.
        beside = [float(received[line]) for line in path]
        for k in range(1, len(path)):
            beside[k] -= float(sent_kwh(received[path[k - 1]], tree.loss_rate[path[k - 1]]))
        for side, sign in enumerate((-1.0, 1.0)):
            bound = sign * np.inf
            for k in range(len(path) - 1, -1, -1):
                limit = sign * float(tree.limit_kwh[path[k]])
                bound = max(bound, limit) if sign < 0 else min(bound, limit)
                if k > 0:
                    bound = arriving_kwh(bound - beside[k], float(tree.loss_rate[path[k - 1]]))
            if path:
                bound += float(passive_kwh[m]) - beside[0]
            limits[side, m] = bound
    return limits[0], limits[1]
