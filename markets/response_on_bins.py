"""Best answers of an aggregator of very many members, without sorting all that they want.

Kinks are counted into bins of prices once. When the utility asks a price, the bins show in which of
them the best answer must lie; only what is there is sorted, and kept for the next question, which
most often lies near by.
"""

from dataclasses import dataclass, field

from hmesh.markets.aggregator_response import ResponseOnDemand
from hmesh.markets.answers import Answers
from hmesh.markets.demand_curve import Bends, bends_of, merged
from hmesh.markets.price_windows import FEW_KINKS, DemandBins, demand_bins, price_window

# Answers of more lines than this are counted into bins: the last digits of prices differ then.
MANY_LINES = 2**15
# Windows whose kinks are kept.
MOST_WINDOWS = 64
# After as many looks at all kinks sorting them once is less work.
MOST_LOOKS = 16


@dataclass(slots=True)
class _Window:
    """Kinks between two prices, and what was computed of them."""

    bends: Bends
    _bins: DemandBins | None = None
    _response: ResponseOnDemand | None = None

    @property
    def bins(self) -> DemandBins:
        if self._bins is None:
            self._bins = demand_bins(self.bends)
        return self._bins

    @property
    def response(self) -> ResponseOnDemand:
        if self._response is None:
            self._response = ResponseOnDemand(self.bends.curve())
        return self._response

    def within(self, utility_price: float) -> "_Window":
        """Return the part in which the best answer to a price lies."""
        first, last = price_window(self.bins, utility_price)
        return _Window(self.bins.between(first, last))


@dataclass(slots=True)
class ResponseOnBins:
    """Best answers of an aggregator, each found when the utility asks a price.

    Answers are those of a `hmesh.markets.ResponseMap` up to rounding.

    Parameters
    ----------
    answers : Answers
        The sum of all that its members answer.
    lowest_price, highest_price : float
        What it may ask [money/kWh].
    """

    answers: Answers
    lowest_price: float
    highest_price: float
    _whole: _Window = field(init=False)
    _windows: list[_Window] = field(init=False, default_factory=list)
    _looked_at: int = field(init=False, default=0)
    _found: dict[float, tuple[float, float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        bends = bends_of(self.answers, self.lowest_price, self.highest_price)
        self._whole = _Window(merged(bends))

    def price(self, utility_price: float) -> float:
        """Best community price [money/kWh]; the lowest of equally good ones."""
        return self._answer(utility_price)[0]

    def demand_kwh(self, utility_price: float) -> float:
        """Demand [kWh] at the best community price."""
        return self._answer(utility_price)[1]

    def _answer(self, utility_price: float) -> tuple[float, float]:
        """Return the best price and the demand there."""
        if utility_price not in self._found:
            response = self._around(utility_price)
            found = response.price(utility_price), response.demand_kwh(utility_price)
            self._found[utility_price] = found
        return self._found[utility_price]

    def _around(self, utility_price: float) -> ResponseOnDemand:
        """Return the answers where the best one to a price lies."""
        kinks = self._whole.bends.kinks
        sorting = kinks <= FEW_KINKS or self._looked_at > MOST_LOOKS * kinks
        if sorting or self.lowest_price == self.highest_price:
            return self._whole.response
        bins = self._whole.bins
        low, high = bins.edges[list(price_window(bins, utility_price))].tolist()
        holding = [w for w in self._windows if w.bends.low <= low and high <= w.bends.high]
        window = min(holding, key=lambda w: w.bends.kinks, default=self._whole)
        while window.bends.kinks > FEW_KINKS:
            part = window.within(utility_price)
            self._looked_at += window.bends.kinks
            if len(self._windows) < MOST_WINDOWS:
                self._windows.append(part)
            little = part.bends.kinks > 0.7 * window.bends.kinks
            window = part
            if little:
                break
        return window.response


def many(answers: Answers) -> bool:
    """Return whether an aggregator counts answers into bins instead of sorting all."""
    return len(answers.slope) > MANY_LINES
