"""Losses and flows of the lines that change prices, for demands that are still open."""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.line_tree import Places, sent_kwh


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
    starts: FloatArray
    ends: FloatArray
    offset: FloatArray
    gain: FloatArray


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

    def __init__(self, places: Places, node_kwh: FloatArray, passive_kwh: FloatArray) -> None:
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

    def received_kwh(self, demand_kwh: FloatArray) -> list[FloatArray]:
        """Return what each line kept receives, and at last what is generated; each shape (k,).

        Parameters
        ----------
        demand_kwh : array, shape (communities, k)
            Demand of every community [kWh].
        """
        taken = self._taken(demand_kwh)
        for k in range(len(self.lines) - 1, -1, -1):
            line = self.lines[k]
            taken[line.above] = taken[line.above] + sent_kwh(taken[k], line.loss_rate)
        return taken

    def _taken(self, demand_kwh: FloatArray) -> list[FloatArray]:
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

    def generation_kwh(self, demand_kwh: FloatArray) -> FloatArray:
        """Return what is generated for demands of shape (communities, k), shape (k,) [kWh]."""
        return self.received_kwh(demand_kwh)[-1]

    def excess_kwh(self, demand_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
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
        self, least_kwh: FloatArray, most_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
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
            low[line.above] = low[line.above] + sent_kwh(low[k], line.loss_rate)
            high[line.above] = high[line.above] + sent_kwh(high[k], line.loss_rate)
        return least, most

    def pieces(
        self,
        starts: FloatArray,
        ends: FloatArray,
        offset: FloatArray,
        gain: FloatArray,
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
