"""Learning what vehicles want from what they answer to a few prices, and from nothing else.

An aggregator, which hears each of its vehicles, needs about a dozen prices to know its whole demand
curve: what `hmesh.markets.learned_lines` makes of the answers leaves few lines hidden between two
prices, and further prices find those.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.energy_at_prices import Answer, EnergyAtPrice, answers_of_rows
from hmesh.markets.heard_answers import HiddenLines, rows_of_column
from hmesh.markets.learned_lines import LearnedDemand, explained, look
from hmesh.markets.price_search import ends_first
from hmesh.markets.vehicle_response import FloatOrArray

FIRST_PROBES = 11
MOST_PROBES = 200
# A gap between prices is none below this share of their range.
NARROW = 1e-9


class Learner[A](Protocol):
    """Learns what some vehicles want, price by price."""

    @property
    def gap(self) -> tuple[float, float]:
        """Prices between which the widest gap is in what is known of one [money/kWh]."""
        ...

    def hear(self, price: float, answer: A, *, silent: bool) -> None:
        """Take the answer to a further price, which may be silence of all that were asked."""
        ...


def learn_demand(
    ask: Callable[[float], Answer],
    fixed_kwh: float,
    lowest_price: float,
    highest_price: float,
    most_probes: int = MOST_PROBES,
    charge_efficiency: FloatOrArray = 1.0,
    discharge_efficiency: FloatOrArray = 1.0,
) -> LearnedDemand:
    """Learn the demand curve of a community from the answers to a few prices.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] and returns what every vehicle answers [kWh], shape (n,), NaN
        where no answer came; or an `EnergyAtPrice`, which is worked out for some at a time.
    fixed_kwh : float
        Load of the community that does not answer to prices [kWh].
    lowest_price, highest_price : float
        Prices worth learning about [money/kWh].
    most_probes : int
        Prices asked at most; vehicles not understood by then count as unexplained.
    charge_efficiency, discharge_efficiency : float or array, shape (n,), optional
        What the plug of each vehicle implies for its losses, as in
        `hmesh.markets.best_response`.

    Returns
    -------
    LearnedDemand
        Exact, up to rounding, for vehicles that answer by a line between two bounds, and for those
        that answer as `hmesh.markets.best_response` does with losses.
    """
    plugs = charge_efficiency, discharge_efficiency
    prices = first_prices(lowest_price, highest_price)
    answers = [ask(float(price)) for price in prices]
    order = np.argsort(prices)
    prices, answers = prices[order], [answers[k] for k in order]
    learning = Learning(prices, answers, plugs, fixed_kwh)
    further = most_probes - len(prices)
    ask_further(learning, ask, is_silent, highest_price - lowest_price, further)
    return learning.learned()


def first_prices(lowest_price: float, highest_price: float) -> FloatArray:
    """Return the prices that are always asked, in their order [money/kWh]."""
    evenly = np.arange(1, FIRST_PROBES - 1) / (FIRST_PROBES - 1)
    return np.array(ends_first(lowest_price, highest_price, evenly))


def ask_further[A](
    learner: Learner[A],
    ask: Callable[[float], A],
    silent: Callable[[A], bool],
    price_range: float,
    most_probes: int,
) -> int:
    """Ask prices in the middle of the widest gap until none is left, or nobody answers.

    Parameters
    ----------
    learner : Learner
        Hears the answers, and knows the gaps.
    ask : callable
        Sends a price [money/kWh] and returns what was answered.
    silent : callable
        Returns whether nobody has answered.
    price_range : float
        Length of the range of prices [money/kWh].
    most_probes : int
        Prices asked at most.

    Returns
    -------
    int
        Prices asked that were answered.
    """
    probes = 0
    while probes < most_probes:
        below, above = learner.gap
        if above - below <= NARROW * price_range:
            break
        price = 0.5 * (below + above)
        answer = ask(price)
        unheard = silent(answer)
        learner.hear(price, answer, silent=unheard)
        if unheard:
            break
        probes += 1
    return probes


class Learning:
    """What is learned of some vehicles from what they answer, one price after another.

    Parameters
    ----------
    prices : array, shape (prices,)
        Prices asked first, ascending [money/kWh].
    answers : sequence of Answer
        What was answered to each.
    plugs : tuple
        Efficiencies of charging and discharging [-], each one number or of shape (n,).
    fixed_kwh : float
        Load that does not answer to prices [kWh].
    """

    def __init__(
        self,
        prices: FloatArray,
        answers: Sequence[Answer],
        plugs: tuple[FloatOrArray, FloatOrArray],
        fixed_kwh: float,
    ) -> None:
        self._prices, self._answers = prices, list(answers)
        self._plugs, self._fixed_kwh = plugs, fixed_kwh
        self._learned: LearnedDemand | None = None
        self._hidden = HiddenLines(np.empty(0, dtype=np.intp))
        if len(answers[0]):
            # Of who was silent at one of these prices nothing more is asked.
            self._learned, self._hidden = look(prices, answers, plugs, fixed_kwh)
        # Who is known stays known: of the others alone all answers are looked at again.
        self._there = answers_of_rows(self._answers, self._hidden.rows)

    @property
    def gap(self) -> tuple[float, float]:
        """Prices between which the widest gap is in what is known of one [money/kWh]."""
        return self._hidden.below, self._hidden.above

    def hear(self, price: float, answer: Answer, *, silent: bool = False) -> None:
        """Take the answer to a further price, which may be silence of all that were asked."""
        self._learned = None
        place = int(self._prices.searchsorted(price))
        self._prices = np.concatenate((self._prices[:place], [price], self._prices[place:]))
        self._answers.insert(place, answer)
        rows, there = self._hidden.rows, self._there
        if silent or not len(rows):
            return
        found = answers_of_rows([answer], rows)
        there = np.concatenate((there[:place], found, there[place:]))
        some = rows_of_column(self._plugs[0], rows), rows_of_column(self._plugs[1], rows)
        _, hidden = look(self._prices, there, some, 0.0)
        self._hidden = replace(hidden, rows=rows[hidden.rows])
        self._there = there[:, hidden.rows]

    def learned(self) -> LearnedDemand:
        """Return what all answers say together."""
        if self._learned is None:
            self._learned = explained(self._prices, self._answers, self._plugs, self._fixed_kwh)
        return self._learned


def is_silent(answer: Answer) -> bool:
    """Return whether nobody answered."""
    if isinstance(answer, EnergyAtPrice) or len(answer) == 0 or not np.isnan(answer[0]):
        return False
    return bool(np.isnan(answer).all())
