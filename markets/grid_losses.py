"""What the tree of lines needs: losses, limits and generation for given demands.

The tree is given by arrays. Line ``i`` feeds node ``i + 1`` from node ``parents[i]``, which comes
before it; node 0 is the utility. A line that receives ``r`` at its far end is sent
``r + loss_rate * abs(r)``, so that losses add to a demand and reduce an export.
"""

from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tree:
    """The lines below the utility.

    Attributes
    ----------
    parents : array of int, shape (lines,)
        Node at the utility's end of each line, ``parents[i] <= i``.
    loss_rate : array, shape (lines,)
        Energy lost for each kWh that the far end receives or delivers [-].
    limit_kwh : array, shape (lines,)
        What the far end of each line may receive or deliver in a step [kWh]; infinite where that is
        not limited.
    """

    parents: NDArray[np.intp]
    loss_rate: NDArray[np.float64]
    limit_kwh: NDArray[np.float64]

    def received_kwh(self, node_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the far end of every line receives, shape (lines,) or (lines, k) [kWh].

        Parameters
        ----------
        node_kwh : array, shape (nodes,) or (nodes, k)
            What every node takes, negative where it generates [kWh].
        """
        taken = np.array(node_kwh, dtype=np.float64)
        for line in range(len(self.parents) - 1, -1, -1):
            taken[self.parents[line]] += _sent(taken[line + 1], self.loss_rate[line])
        return taken[1:]

    def path(self, node: int) -> list[int]:
        """Return the lines from a node up to the utility."""
        lines = []
        while node > 0:
            lines.append(node - 1)
            node = int(self.parents[node - 1])
        return lines


def _sent(received: NDArray[np.float64], loss_rate: float) -> NDArray[np.float64]:
    """Return what a line is sent so that its far end receives something [kWh]."""
    return received + loss_rate * np.abs(received)


def _received(sent_kwh: float, loss_rate: float) -> float:
    """Return what the far end of a line receives of what is sent [kWh]."""
    return sent_kwh / (1.0 + loss_rate if sent_kwh > 0 else 1.0 - loss_rate)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The lines of a tree that lose energy or that communities share with a limit.

    Attributes
    ----------
    above : array of int, shape (nodes,)
        Place among them of the next of these lines above each node, -1 for the utility.
    lines : list of tuple
        For each the place of the next one above, its loss rate, its limit, infinite where it is not
        shared, and the communities whose answers are drawn there.
    answering : tuple of int
        Communities whose answers are drawn above all of them.
    loss_free, limited : bool
        Whether no line loses energy, and whether a shared one has a limit.
    """

    above: NDArray[np.intp]
    lines: list[tuple[int, float, float, tuple[int, ...]]]
    answering: tuple[int, ...]
    loss_free: bool
    limited: bool


def _kept_of(tree: Tree, answering: NDArray[np.intp], own: NDArray[np.intp]) -> _Kept:
    """Return the lines of a tree that change prices."""
    shared = np.isfinite(tree.limit_kwh) & (own < 0)
    kept = np.flatnonzero((tree.loss_rate > 0) | shared).tolist()
    place = {line: k for k, line in enumerate(kept)}
    above = np.empty(len(tree.parents) + 1, dtype=np.intp)
    above[0] = -1
    for line in range(len(tree.parents)):
        above[line + 1] = place.get(line, int(above[tree.parents[line]]))
    at = above[answering].tolist()

    def drawn_at(k: int) -> tuple[int, ...]:
        return tuple(m for m, where in enumerate(at) if where == k)

    return _Kept(
        above,
        [
            (
                int(above[tree.parents[line]]),
                float(tree.loss_rate[line]),
                float(tree.limit_kwh[line]) if shared[line] else np.inf,
                drawn_at(k),
            )
            for k, line in enumerate(kept)
        ],
        drawn_at(-1),
        not (tree.loss_rate > 0).any(),
        bool(shared.any()),
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where communities are on a tree.

    Attributes
    ----------
    tree : Tree
        The lines.
    answering : array of int, shape (communities,)
        Node at which each community's answers to a price are drawn.
    owner : array of int, shape (nodes,)
        Community that draws energy at each node, -1 where none does.
    own : array of int, shape (lines,)
        Community to which a line belongs, since no other draws energy beyond it; -1 for a line that
        several communities share, or none.
    kept : _Kept
        The lines that change prices, found once for all steps.
    """

    tree: Tree
    answering: NDArray[np.intp]
    owner: NDArray[np.intp]
    own: NDArray[np.intp]
    kept: _Kept = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", _kept_of(self.tree, self.answering, self.own))


def places_of(tree: Tree, answering: NDArray[np.intp], owner: NDArray[np.intp]) -> Places:
    """Return where communities are on a tree, with the lines of each."""
    beyond: list[set[int]] = [set() if m < 0 else {m} for m in owner.tolist()]
    for line in range(len(tree.parents) - 1, -1, -1):
        beyond[int(tree.parents[line])] |= beyond[line + 1]
    own = [next(iter(found)) if len(found) == 1 else -1 for found in beyond[1:]]
    return Places(tree, answering, owner, np.array(own, dtype=np.intp))


def demand_limits(
    places: Places, node_kwh: NDArray[np.float64], passive_kwh: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
            beside[k] -= float(_sent(received[path[k - 1]], tree.loss_rate[path[k - 1]]))
        for side, sign in enumerate((-1.0, 1.0)):
            bound = sign * np.inf
            for k in range(len(path) - 1, -1, -1):
                limit = sign * float(tree.limit_kwh[path[k]])
                bound = max(bound, limit) if sign < 0 else min(bound, limit)
                if k > 0:
                    bound = _received(bound - beside[k], float(tree.loss_rate[path[k - 1]]))
            if path:
                bound += float(passive_kwh[m]) - beside[0]
            limits[side, m] = bound
    return limits[0], limits[1]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with losses or a limit: what its far end takes, and the next such line above it.

    Attributes
    ----------
    above : int
        Place of the next line above it among those kept, -1 for the utility.
    loss_rate, limit_kwh : float
        Of the line [-, kWh].
    passive_kwh : float
        Taken at its far end whatever the price, down to the next lines that are kept [kWh].
    answering : tuple of int
        Communities whose demand is taken there.
    """

    above: int
    loss_rate: float
    limit_kwh: float
    passive_kwh: float
    answering: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Demand and generation as affine functions of the utility's price, piece by piece.

    Attributes
    ----------
    source : array of int, shape (pieces,)
        Which of the pieces given each belongs to.
    starts, ends : array, shape (pieces,)
        Prices between which each holds [money/kWh].
    offset, gain : array, shape (pieces,)
        Generation is ``offset + gain * price`` [kWh, kWh^2/money].
    """

    source: NDArray[np.intp]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    offset: NDArray[np.float64]
    gain: NDArray[np.float64]


class Feed:
    """The tree of one step as its utility sees it: only the demands of communities are open.

    Parameters
    ----------
    places : Places
        Where communities are.
    node_kwh : array, shape (nodes,)
        What every node takes whatever the price [kWh].
    passive_kwh : array, shape (communities,)
        What every community takes whatever the price [kWh].

    Notes
    -----
    Lines without losses, and without a limit that communities share, carry what arrives: they are
    left out.
    """

    def __init__(
        self, places: Places, node_kwh: NDArray[np.float64], passive_kwh: NDArray[np.float64]
    ) -> None:
        kept = places.kept
        fixed = np.array(node_kwh, dtype=np.float64)
        # The demand of a community, its inelastic part included, is drawn where it answers.
        np.subtract.at(fixed, places.answering, passive_kwh)
        # At the utility's node, place -1, stands what no kept line carries.
        taken = np.bincount(kept.above + 1, fixed, len(kept.lines) + 1).tolist()
        self.communities = len(places.answering)
        self.loss_free, self.limited = kept.loss_free, kept.limited
        self.passive_kwh, self.answering = taken[0], kept.answering
        self.lines = [
            _Line(above, loss_rate, limit_kwh, passive, answering)
            for (above, loss_rate, limit_kwh, answering), passive in zip(
                kept.lines, taken[1:], strict=True
            )
        ]

    def without_limits(self) -> "Feed":
        """Return the same lines without limits."""
        feed = copy(self)
        feed.limited = False
        feed.lines = [replace(line, limit_kwh=np.inf) for line in self.lines]
        return feed

    def received_kwh(self, demand_kwh: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return what each line kept receives, and at last what is generated; each shape (k,).

        Parameters
        ----------
        demand_kwh : array, shape (communities, k)
            Demand of every community [kWh].
        """
        taken = self._taken(demand_kwh)
        for k in range(len(self.lines) - 1, -1, -1):
            line = self.lines[k]
            taken[line.above] = taken[line.above] + _sent(taken[k], line.loss_rate)
        return taken

    def _taken(self, demand_kwh: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return what is taken at the far end of each line kept, and at last at the utility."""
        places = [(line.passive_kwh, line.answering) for line in self.lines]
        places.append((self.passive_kwh, self.answering))
        taken = []
        for passive, answering in places:
            if len(answering) == 1:
                taken.append(passive + demand_kwh[answering[0]])
            elif answering:
                taken.append(passive + demand_kwh[list(answering)].sum(axis=0))
            else:
                taken.append(np.full(demand_kwh.shape[1:], passive))
        return taken

    def generation_kwh(self, demand_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is generated for demands of shape (communities, k), shape (k,) [kWh]."""
        return self.received_kwh(demand_kwh)[-1]

    def excess_kwh(
        self, demand_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far shared lines are over their limits, drawing and delivering [kWh].

        Parameters
        ----------
        demand_kwh : array, shape (communities, k)
            Demand of every community [kWh].

        Returns
        -------
        drawn, delivered : array, shape (k,)
            Largest excess over the limit of a shared line in each direction; below 0 where all are
            kept, minus infinity where none is limited.
        """
        shape = demand_kwh.shape[1:]
        drawn, delivered = np.full(shape, -np.inf), np.full(shape, -np.inf)
        for line, received in zip(self.lines, self.received_kwh(demand_kwh)[:-1], strict=True):
            drawn = np.maximum(drawn, received - line.limit_kwh)
            delivered = np.maximum(delivered, -received - line.limit_kwh)
        return drawn, delivered

    def lost_kwh(
        self, least_kwh: NDArray[np.float64], most_kwh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the most that can be lost for demands within bounds.

        Parameters
        ----------
        least_kwh, most_kwh : array, shape (communities, k)
            Bounds of the demand of every community [kWh].

        Returns
        -------
        least, most : array, shape (k,)
            What is generated more than all communities demand [kWh].
        """
        low, high = self._taken(least_kwh), self._taken(most_kwh)
        # What nodes take that belong to no community is generated too, but sold to none.
        beyond = self.passive_kwh + sum(line.passive_kwh for line in self.lines)
        least, most = np.full((2, *least_kwh.shape[1:]), beyond)
        for k in range(len(self.lines) - 1, -1, -1):
            line = self.lines[k]
            nearest_0 = np.minimum(np.maximum(0.0, low[k]), high[k])
            least = least + line.loss_rate * np.abs(nearest_0)
            most = most + line.loss_rate * np.maximum(np.abs(low[k]), np.abs(high[k]))
            low[line.above] = low[line.above] + _sent(low[k], line.loss_rate)
            high[line.above] = high[line.above] + _sent(high[k], line.loss_rate)
        return least, most

    def pieces(
        self,
        starts: NDArray[np.float64],
        ends: NDArray[np.float64],
        offset: NDArray[np.float64],
        gain: NDArray[np.float64],
    ) -> Pieces:
        """Return generation as a piecewise affine function of the utility's price.

        Parameters
        ----------
        starts, ends : array, shape (pieces,)
            Prices between which demands are affine [money/kWh].
        offset, gain : array, shape (communities, pieces)
            There, the demand is ``offset + gain * price`` [kWh, kWh^2/money].

        Notes
        -----
        A piece is cut where the flow of a line changes its direction, since losses bend there.
        """
        source = np.arange(len(starts))
        held = [
            *((line.passive_kwh, line.answering) for line in self.lines),
            (self.passive_kwh, self.answering),
        ]
        offsets = [passive + offset[list(where)].sum(axis=0) for passive, where in held]
        gains = [gain[list(where)].sum(axis=0) for _, where in held]
        for k in range(len(self.lines) - 1, -1, -1):
            line = self.lines[k]
            if line.loss_rate > 0:
                at_start, at_end = (offsets[k] + gains[k] * edge for edge in (starts, ends))
                turns = np.flatnonzero(at_start * at_end < 0)
                if len(turns):
                    share = at_start[turns] / (at_start[turns] - at_end[turns])
                    turn = starts[turns] + share * (ends[turns] - starts[turns])
                    each = np.insert(np.arange(len(starts)), turns + 1, turns)
                    source = source[each]
                    starts, ends = np.insert(starts, turns + 1, turn), np.insert(ends, turns, turn)
                    offsets = [values[each] for values in offsets]
                    gains = [values[each] for values in gains]
            middle = offsets[k] + gains[k] * (0.5 * (starts + ends))
            factor = 1.0 + line.loss_rate * np.sign(middle)
            offsets[line.above] = offsets[line.above] + factor * offsets[k]
            gains[line.above] = gains[line.above] + factor * gains[k]
        return Pieces(source, starts, ends, offsets[-1], gains[-1])


def shed_kwh(
    tree: Tree, node_kwh: NDArray[np.float64], inelastic_kwh: NDArray[np.float64]
) -> NDArray[np.float64]:
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


def _served_share(
    tree: Tree, line: int, other: NDArray[np.float64], served: NDArray[np.float64]
) -> float:
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
