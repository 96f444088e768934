"""The price of a utility that follows its cost, and what a cartel makes of it, found exactly.

Aggregators outside a cartel answer a price of the utility by their response maps, so that their
demand is piecewise affine in it. A marginal cost is affine in the demand; so the price at which
both agree is piecewise affine in what the cartel draws, and the profit of the cartel is a parabola
on each piece: its ends and stationary points suffice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.aggregator_response import response_map
from hmesh.markets.demand_curve import DemandCurve, demand_curve
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.shared_limits import TOLERANCE_KWH

# How many prices inside a cartel are looked at beside its best ones where shared lines are limited,
# how often such a grid narrows, and how often the distance to a limit is halved.
POINTS, ZOOMS, HALVINGS = 61, 8, 60


@dataclass(frozen=True, slots=True)
class _Sum:
    """What some communities pay and draw, piecewise affine in one price.

    Attributes
    ----------
    starts : array, shape (pieces,)
        Ascending prices from which each piece holds [money/kWh].
    highest : float
        End of the last piece [money/kWh].
    places : list of int
        Communities that answer.
    price_offset, price_gain, demand_offset, demand_gain : array, shape (places, pieces)
        Their prices and demands on each piece.
    """

    starts: FloatArray
    highest: float
    places: list[int]
    price_offset: FloatArray
    price_gain: FloatArray
    demand_offset: FloatArray
    demand_gain: FloatArray

    @classmethod
    def of(
        cls, curves: dict[int, DemandCurve], lowest: float, highest: float, cut: float
    ) -> "_Sum":
        """Return how communities answer to prices between two; a piece begins at a cut."""
        maps = {m: response_map(curve, lowest, highest) for m, curve in curves.items()}
        edges = [np.array([lowest]), *(each.starts for each in maps.values())]
        if lowest < cut < highest:
            edges.append(np.array([cut]))
        starts = np.unique(np.concatenate(edges))
        middle = 0.5 * (starts + np.append(starts[1:], highest))
        found = np.zeros((4, len(maps), len(starts)))
        for k, each in enumerate(maps.values()):
            piece = each.piece(middle)
            columns = each.price_offset, each.price_gain, each.demand_offset, each.demand_gain
            found[:, k] = [column[piece] for column in columns]
        return cls(starts, highest, list(maps), *found)

    @property
    def ends(self) -> FloatArray:
        """Prices up to which each piece holds [money/kWh], shape (pieces,)."""
        return np.append(self.starts[1:], self.highest)

    def drawn(self) -> tuple[FloatArray, FloatArray]:
        """Return offset and gain of what all of them draw, each of shape (pieces,)."""
        return self.demand_offset.sum(axis=0), self.demand_gain.sum(axis=0)

    def income(self, price: FloatArray, piece: NDArray[np.intp]) -> FloatArray:
        """Return what all of them take at prices, shape (k,) [money]."""
        asked = self.price_offset[:, piece] + self.price_gain[:, piece] * price
        return np.asarray((asked * self.demand(price, piece)).sum(axis=0))

    def demand(self, price: FloatArray, piece: NDArray[np.intp]) -> FloatArray:
        """Return what each of them draws at prices, shape (places, k) [kWh]."""
        return self.demand_offset[:, piece] + self.demand_gain[:, piece] * price


@dataclass(frozen=True, slots=True)
class PriceAtCost:
    """The price of a utility by its cost, for anything that some communities draw.

    Segment ``k`` holds from ``starts_kwh[k]`` to ``starts_kwh[k + 1]`` of what they draw; there the
    price is ``offset[k] + gain[k] * drawn``, and the others answer by ``piece[k]`` of theirs.

    Attributes
    ----------
    starts_kwh : array, shape (segments,)
        Ascending, the first of them minus infinity [kWh].
    offset, gain : array, shape (segments,)
        [money/kWh, money/kWh^2].
    piece : array of int, shape (segments,)
        Piece of the others' answers.
    """

    starts_kwh: FloatArray
    offset: FloatArray
    gain: FloatArray
    piece: NDArray[np.intp]

    @classmethod
    def of(cls, game: Game, factor: float, others: _Sum, fixed_kwh: float) -> "PriceAtCost":
        """Return the price that is ``factor`` times the cost of the last kWh.

        Parameters
        ----------
        game : Game
            What decides the prices.
        factor : float
            One and the markup [-].
        others : _Sum
            How the others answer the price of the utility.
        fixed_kwh : float
            What others draw who do not answer [kWh].

        Notes
        -----
        Where the others' demand jumps the price stays at the jump as long as it covers the cost
        behind it and not the one before.
        """
        starts, ends = others.starts, others.ends
        rises = 2.0 * game.cost.quadratic * factor
        if rises == 0.0:
            price = float(np.clip(factor * game.cost.linear, starts[0], ends[-1]))
            there = max(int(np.searchsorted(starts, price)) - 1, 0)
            return cls(np.array([-np.inf]), np.array([price]), np.zeros(1), np.array([there]))
        offset, gain = others.drawn()
        offset = offset + fixed_kwh + game.cost.linear / (2.0 * game.cost.quadratic)
        # What the communities draw where a piece begins and ends; it rises with the price.
        first = starts / rises - (offset + gain * starts)
        last = ends / rises - (offset + gain * ends)
        count = len(starts)
        bounds = np.empty(2 * count + 1)
        bounds[0], bounds[1::2], bounds[2::2] = -np.inf, first, last
        price_offset, price_gain = np.zeros((2, 2 * count + 1))
        price_offset[0], price_offset[2::2] = starts[0], ends
        price_offset[1::2] = rises * offset / (1.0 - rises * gain)
        price_gain[1::2] = rises / (1.0 - rises * gain)
        pieces = np.arange(count)
        piece = np.concatenate(([0], np.repeat(pieces, 2)[1:], [count - 1, count - 1]))
        return cls(np.maximum.accumulate(bounds), price_offset, price_gain, piece[: 2 * count + 1])

    def segment(self, drawn_kwh: FloatArray) -> NDArray[np.intp]:
        """Return the segment that holds for what is drawn; the upper one at a common end."""
        return np.asarray(self.starts_kwh.searchsorted(drawn_kwh, side="right") - 1)

    def price(self, drawn_kwh: FloatArray, segment: NDArray[np.intp]) -> FloatArray:
        """Return the price for what is drawn, by the line of a segment [money/kWh]."""
        return self.offset[segment] + self.gain[segment] * drawn_kwh


def solve_at_cost(game: Game, factor: float, cartel: NDArray[np.bool_] | None = None) -> Outcome:
    """Return the prices of a utility that follows its cost, with or without a cartel.

    Parameters
    ----------
    game : Game
        What decides the prices.
    factor : float
        What the utility asks over the cost of the last kWh [-].
    cartel : array of bool, shape (communities,), or None
        Communities whose aggregators share their profit; all others best-respond.

    Returns
    -------
    Outcome
        Of a cartel that of the price inside at which it earns most, the lowest of equally good
        ones. Where communities share limited lines, of those that overload none, or else least.

    Notes
    -----
    The members of a cartel buy as if energy cost one price inside it, by which the income of the
    last kWh is the same for all. It earns ``sum (p_m(y) - q) D_m(y)`` at the price ``y`` inside,
    where the utility asks ``q = factor C'(D(y) + E(q))`` and outsiders draw ``E(q)``. All of these
    are affine between the kinks of response maps and the prices at which the others' answers
    bend, so that the profit is a parabola there.
    """
    inside = np.zeros(len(game.kinks), dtype=np.bool_) if cartel is None else cartel
    return _Cartel(game, factor, inside).outcome()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A price inside a cartel, what it earns, and how far it overloads shared lines [kWh]."""

    price: float
    over: float
    profit: float
    piece: int
    segment: int


class _Cartel:
    """A cartel at the prices of a step, and everybody else."""

    def __init__(self, game: Game, factor: float, inside: NDArray[np.bool_]) -> None:
        self.game = game
        bounds, answering = game.bounds, game.answering()
        curves = {
            m: demand_curve(game.kinks[m], *game.aggregator_bounds(m))
            for m in np.flatnonzero(answering).tolist()
        }
        mine = {m: curve for m, curve in curves.items() if inside[m]}
        others = {m: curve for m, curve in curves.items() if not inside[m]}
        # Where nobody answers, the price of the utility is passed through from here on.
        self.others = _Sum.of(
            others, bounds.utility_lower, bounds.utility_upper, bounds.aggregator_lower
        )
        self.captive = ~answering
        self.fixed = np.array([0.0 if k.answering else k.saturated_kwh for k in game.kinks])
        self.fixed_inside = float(self.fixed[inside].sum())
        self.at_cost = PriceAtCost.of(game, factor, self.others, float(self.fixed.sum()))
        # A cartel moves the price by at most this much with all that it draws or delivers.
        rises = 2.0 * game.cost.quadratic * factor
        most = sum(float(curve.demand_kwh(curve.edges[0])) for curve in mine.values())
        least = sum(float(curve.demand_kwh(curve.edges[-1])) for curve in mine.values())
        most, least = most + max(self.fixed_inside, 0.0), least + min(self.fixed_inside, 0.0)
        low = bounds.utility_lower + rises * min(least, 0.0)
        high = bounds.utility_upper + rises * max(most, 0.0)
        self.mine = _Sum.of(mine, low, high, low)

    def outcome(self) -> Outcome:
        """Return the prices of the cartel's best price inside."""
        starts, ends = self._cuts()
        ruled = self._ruled(starts, ends)
        at = [self._profit(price, *ruled) for price in (starts, 0.5 * (starts + ends), ends)]
        best = starts + _highest_on_parabola(*at) * (ends - starts)
        prices = np.stack((starts, best, ends), axis=1)
        feed = self.game.feed
        if feed is not None and feed.limited:
            return self._limited(np.unique(prices))
        profit = np.stack((at[0], self._profit(best, *ruled), at[2]), axis=1)
        k, place = divmod(int(np.argmax(profit)), 3)
        return self._at(float(prices[k, place]), *(int(each[k]) for each in ruled))

    def _ruled(
        self, starts: FloatArray, ends: FloatArray
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return which piece of its members and which segment of the price holds between prices."""
        middle = 0.5 * (starts + ends)
        piece = np.maximum(self.mine.starts.searchsorted(middle) - 1, 0)
        offset, gain = self.mine.drawn()
        return piece, self.at_cost.segment(offset[piece] + gain[piece] * middle)

    def _limited(self, prices: FloatArray) -> Outcome:
        """Return the best price inside that overloads no shared line, or else overloads least.

        Between two of its best prices, of which one overloads a line, the last one that does not is
        the best of them.
        """
        low, high = float(prices[0]), float(prices[-1])
        found = self._kept(np.unique(np.append(prices, np.linspace(low, high, POINTS))))
        for _ in range(ZOOMS):
            if found.over <= 0.0:
                break
            step = (high - low) / (POINTS - 1)
            low, high = max(low, found.price - step), min(high, found.price + step)
            inside = prices[(prices > low) & (prices < high)]
            again = self._kept(np.unique(np.append(inside, np.linspace(low, high, POINTS))))
            found = min(found, again, key=lambda each: (max(each.over, 0.0), -each.profit))
        return self._at(found.price, found.piece, found.segment)

    def _kept(self, edges: FloatArray) -> "_Kept":
        """Return the best of some prices, or of those between them at which a line is full."""
        starts, ends = (edges, edges) if len(edges) == 1 else (edges[:-1], edges[1:])
        piece, segment = self._ruled(starts, ends)
        over = [self._over(price, piece, segment) for price in (starts, ends)]
        turns = np.flatnonzero((over[0] <= 0.0) != (over[1] <= 0.0))
        first = over[0][turns] <= 0.0
        kept, out = (
            np.where(first, starts[turns], ends[turns]),
            np.where(first, ends[turns], starts[turns]),
        )
        ruled = piece[turns], segment[turns]
        for _ in range(HALVINGS):
            middle = 0.5 * (kept + out)
            fits = self._over(middle, *ruled) <= 0.0
            kept, out = np.where(fits, middle, kept), np.where(fits, out, middle)
        price = np.concatenate((starts, ends, kept))
        piece, segment = (np.concatenate((each, each, each[turns])) for each in (piece, segment))
        over_kwh = np.maximum(self._over(price, piece, segment), 0.0)
        profit = self._profit(price, piece, segment)
        k = int(np.lexsort((price, -profit, over_kwh))[0])
        return _Kept(
            float(price[k]), float(over_kwh[k]), float(profit[k]), int(piece[k]), int(segment[k])
        )

    def _cuts(self) -> tuple[FloatArray, FloatArray]:
        """Return between which prices inside everything is affine."""
        starts, ends = self.mine.starts, self.mine.ends
        offset, gain = self.mine.drawn()
        bends = self.at_cost.starts_kwh[1:]
        # What the cartel draws falls with its price: each bend is met once at most.
        piece = np.searchsorted(-(offset + gain * ends), -bends, side="right")
        there = piece < len(starts)
        bends, piece = bends[there], piece[there]
        there = (offset + gain * starts)[piece] > bends
        bends, piece = bends[there], piece[there]
        met = (bends - offset[piece]) / gain[piece]
        met = np.clip(met, starts[piece], ends[piece])
        edges = np.unique(np.concatenate((starts, met, [self.mine.highest])))
        if len(edges) == 1:
            return edges, edges
        return edges[:-1], edges[1:]

    def _profit(
        self, price: FloatArray, piece: NDArray[np.intp], segment: NDArray[np.intp]
    ) -> FloatArray:
        """Return what the cartel earns at prices inside, shape (k,) [money]."""
        drawn = self.mine.demand(price, piece).sum(axis=0)
        asked = self.at_cost.price(drawn, segment)
        earned = self.mine.income(price, piece) - asked * drawn
        if self.fixed_inside:
            earned = earned + (self._captive_price(asked) - asked) * self.fixed_inside
        return np.asarray(earned)

    def _captive_price(self, asked: FloatArray) -> FloatArray:
        """Return what communities pay where nobody answers [money/kWh]."""
        bounds = self.game.bounds
        if self.game.without_vehicles == "profit_max":
            return np.full_like(asked, bounds.aggregator_upper)
        return np.clip(asked, bounds.aggregator_lower, bounds.aggregator_upper)

    def _demands(
        self, price: FloatArray, piece: NDArray[np.intp], segment: NDArray[np.intp]
    ) -> FloatArray:
        """Return what every community draws at prices inside, shape (communities, k) [kWh]."""
        demand = np.repeat(self.fixed[:, None], len(price), axis=1)
        demand[self.mine.places] = self.mine.demand(price, piece)
        drawn = demand[self.mine.places].sum(axis=0)
        asked = self.at_cost.price(drawn, segment)
        demand[self.others.places] = self.others.demand(asked, self.at_cost.piece[segment])
        return demand

    def _over(
        self, price: FloatArray, piece: NDArray[np.intp], segment: NDArray[np.intp]
    ) -> FloatArray:
        """Return how far shared lines are overloaded at prices inside, shape (k,) [kWh]."""
        feed = self.game.feed
        assert feed is not None
        drawn, delivered = feed.excess_kwh(self._demands(price, piece, segment))
        return np.asarray(np.maximum(drawn, delivered) - TOLERANCE_KWH)

    def _at(self, price: float, piece: int, segment: int) -> Outcome:
        """Return the prices that go with a price inside."""
        pieces, segments = np.array([piece]), np.array([segment])
        demand = self._demands(np.array([price]), pieces, segments)[:, 0]
        drawn = demand[self.mine.places].sum(keepdims=True)
        asked = self.at_cost.price(drawn, segments)
        community = np.repeat(self._captive_price(asked), len(demand))
        other = self.at_cost.piece[segment]
        for of, at, k in ((self.mine, price, piece), (self.others, float(asked[0]), other)):
            community[of.places] = of.price_offset[:, k] + of.price_gain[:, k] * at
        return Outcome(float(asked[0]), community, demand)


def _highest_on_parabola(
    at_start: FloatArray, at_middle: FloatArray, at_end: FloatArray
) -> FloatArray:
    """Return where in [0, 1] the parabola through its values at 0, 1/2 and 1 is highest, or 0."""
    square = 2.0 * (at_start - 2.0 * at_middle + at_end)
    linear = -3.0 * at_start + 4.0 * at_middle - at_end
    place = np.divide(-0.5 * linear, square, out=np.zeros_like(square), where=square < 0.0)
    return np.clip(place, 0.0, 1.0)
