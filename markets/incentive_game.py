"""The game of critical hours: which price a utility offers schools for the energy of their buses.

The utility offers ``p``, every school best-responds with what it sells. What the utility pays for a
demand it meets with the schools' help is ``p S(p) + C(D_peak - S(p)) - C(D_base)``. Read with
``-S`` as the energy it sells, that is the loss of a utility that sells at ``p`` what costs it
``C(D_peak - S)``; so profits, lines and searches of `hmesh.markets.utility_profit` and
`hmesh.markets.price_search` hold here too. Three solvers stand here that know what every school
knows of itself; the fourth, by messages alone, asks through `search_incentive`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import first_lowest
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_search import SearchedPrice, search_price
from hmesh.markets.school_response import price_of_surplus, school_response
from hmesh.markets.supply_curve import supply_curve
from hmesh.markets.utility_profit import Numbers, best_on_line, utility_profit


@dataclass(frozen=True, slots=True)
class IncentiveTerms:
    """What the utility knows before anybody answers.

    Attributes
    ----------
    cost : GenerationCost
        What generation costs in one step.
    base_kwh : float
        Demand that the utility meets without help [kWh].
    required_kwh : float
        Demand above that [kWh], at least 0.
    lowest_price, highest_price : float
        Incentive prices it may offer [money/kWh].
    capped : bool
        Whether it buys no more than it requires.

    Raises
    ------
    ValueError
        If a number is not finite, the bounds are crossed, or less than nothing is required.
    """

    cost: GenerationCost
    base_kwh: float
    required_kwh: float
    lowest_price: float
    highest_price: float
    capped: bool = True

    def __post_init__(self) -> None:
        numbers = (self.base_kwh, self.required_kwh, self.lowest_price, self.highest_price)
        if not np.isfinite(numbers).all():
            raise ValueError(f"the terms of an incentive must be finite, got {numbers}")
        if self.lowest_price > self.highest_price:
            raise ValueError(
                f"the lowest incentive price {self.lowest_price} is above the highest "
                f"{self.highest_price}"
            )
        if self.required_kwh < 0:
            raise ValueError(f"required demand must be at least 0 kWh, got {self.required_kwh}")

    @property
    def peak_kwh(self) -> float:
        """Demand to be met [kWh]."""
        return self.base_kwh + self.required_kwh

    @property
    def most_kwh(self) -> float:
        """The most it buys [kWh]."""
        return self.required_kwh if self.capped else np.inf

    @property
    def selling_cost(self) -> GenerationCost:
        """What generation costs where ``-S`` is sold beyond the peak: ``C(D_peak - S)``."""
        a, peak = self.cost.quadratic, self.peak_kwh
        return GenerationCost(a, self.cost.marginal(peak), self.cost.total(peak))

    @property
    def cost_without(self) -> float:
        """Additional cost of the required demand where nothing is bought [money], eq. (4.8)."""
        return self.cost.total(self.peak_kwh) - self.cost.total(self.base_kwh)

    def additional_cost(self, price: Numbers, bought_kwh: Numbers) -> FloatArray:
        """Return what meeting the required demand costs [money]; shapes broadcast.

        Notes
        -----
        ``p S + C(D_peak - S) - C(D_base)``: Khwanrit (2024), eq. (4.8) and (4.35).
        """
        profit = utility_profit(self.selling_cost, price, np.negative(bought_kwh))
        return np.asarray(-profit - self.cost.total(self.base_kwh))

    def worth_kwh(self, price: Numbers) -> FloatArray:
        """Return the purchase at which one more kWh costs as much to generate as ``price``."""
        a, marginal = self.cost.quadratic, self.cost.marginal(self.peak_kwh)
        if a == 0:
            return np.where(np.less(price, marginal), np.inf, 0.0)
        return np.asarray((marginal - np.asarray(price)) / (2 * a))


@dataclass(frozen=True, slots=True)
class IncentiveGame:
    """Everything that decides the incentive price of one step; arrays have shape (schools,).

    Attributes
    ----------
    terms : IncentiveTerms
        What the utility knows.
    lam, theta, average_price, stored_kwh, upper_kwh : array, shape (schools,)
        What the schools know of themselves, as in `hmesh.markets.school_response`.
    saturates : bool
        Whether satisfaction has the saturated branch.
    discharge_efficiency : float or array, shape (schools,)
        Delivered per energy taken from the stores [-].

    Raises
    ------
    ValueError
        If a number is not finite, ``theta`` is not above 0, ``upper_kwh`` is below 0 or an
        efficiency is not above 0 and at most 1.
    """

    terms: IncentiveTerms
    lam: FloatArray
    theta: FloatArray
    average_price: FloatArray
    stored_kwh: FloatArray
    upper_kwh: FloatArray
    saturates: bool = True
    discharge_efficiency: float | FloatArray = 1.0

    def __post_init__(self) -> None:
        columns = (self.lam, self.theta, self.average_price, self.stored_kwh, self.upper_kwh)
        if not all(np.isfinite(column).all() for column in columns):
            raise ValueError("what schools know of themselves must be finite")
        if not (self.theta > 0).all():
            raise ValueError("theta must be above 0: without it a school's answer is not unique")
        if not (self.upper_kwh >= 0).all():
            raise ValueError("a school cannot sell at most less than nothing")
        efficiency = np.asarray(self.discharge_efficiency)
        if not ((efficiency > 0) & (efficiency <= 1)).all():
            raise ValueError(f"efficiencies must be above 0 and at most 1, got {efficiency}")

    def offers(self, price: Numbers) -> FloatArray:
        """Return what every school sells at ``price`` [kWh]; shape (..., schools)."""
        return school_response(
            np.asarray(price)[..., None], self.lam, self.theta, self.average_price,
            self.stored_kwh, self.upper_kwh, saturates=self.saturates,
            discharge_efficiency=self.discharge_efficiency,
        )  # fmt: skip

    def bought(self, price: Numbers) -> FloatArray:
        """Return what the utility buys at ``price`` [kWh]."""
        return np.minimum(self.offers(price).sum(axis=-1), self.terms.most_kwh)


@dataclass(frozen=True, slots=True)
class IncentiveOutcome:
    """The trade of one critical step.

    Attributes
    ----------
    price : float
        Incentive price [money/kWh].
    energy_kwh : array, shape (schools,)
        What the utility takes from every school [kWh].
    additional_cost : float
        What meeting the required demand costs the utility [money].
    rationed : bool
        Whether it takes less than is offered.
    """

    price: float
    energy_kwh: FloatArray
    additional_cost: float
    rationed: bool = False


def ration(
    offered_kwh: FloatArray, wanted_kwh: float, firm_kwh: FloatArray | float = 0.0
) -> FloatArray:
    """Return what is taken of several offers where less is wanted than offered.

    Parameters
    ----------
    offered_kwh : array, shape (schools,)
        Energy offered [kWh].
    wanted_kwh : float
        Energy wanted in all [kWh].
    firm_kwh : array, shape (schools,), optional
        Part of it that is offered at any lower price too, and taken first [kWh].

    Returns
    -------
    array, shape (schools,)
        Energy taken [kWh]; pro rata of what is offered beyond the firm part, or of the firm part
        where not even that is wanted.
    """
    if wanted_kwh >= float(offered_kwh.sum()):
        return offered_kwh
    firm = np.broadcast_to(firm_kwh, offered_kwh.shape)
    if wanted_kwh <= float(firm.sum()):
        share = wanted_kwh / float(firm.sum()) if wanted_kwh > 0 else 0.0
        return np.asarray(firm * share)
    loose = offered_kwh - firm
    share = (wanted_kwh - float(firm.sum())) / float(loose.sum())
    return np.asarray(firm + loose * share)


def closed_form_price(terms: IncentiveTerms, alpha: float, beta: float) -> float:
    """Return the best incentive price where the supply is ``alpha p + beta`` [money/kWh].

    Parameters
    ----------
    terms : IncentiveTerms
        What the utility knows.
    alpha, beta : float
        The supply of all schools [kWh^2/money, kWh], ``alpha > 0``.

    Notes
    -----
    ``p = [c' + p0 (1 + 2 a alpha)] / [2 (1 + a alpha)]`` with the reservation price
    ``p0 = -beta / alpha`` and ``c' = C'(D_peak)``. The source derives it from eq. (4.36), which is
    printed wrongly, and does not give it. Where no more than the required demand is bought the
    price ends at ``p0 + D_req / alpha``.
    """
    a, reservation = terms.cost.quadratic, -beta / alpha
    marginal = terms.cost.marginal(terms.peak_kwh)
    price = (marginal + reservation * (1 + 2 * a * alpha)) / (2 * (1 + a * alpha))
    price = min(price, reservation + terms.most_kwh / alpha)
    return min(max(price, terms.lowest_price), terms.highest_price)


def solve_closed_form(game: IncentiveGame) -> IncentiveOutcome:
    """Return the clipped closed-form price; the equilibrium where no school is at a bound.

    Schools that have nothing to sell are not counted.
    """
    able = game.upper_kwh > 0
    if not able.any():
        return _outcome(game, game.terms.lowest_price)
    theta = game.theta[able]
    out_of = np.broadcast_to(game.discharge_efficiency, able.shape)[able]
    wanted = game.stored_kwh[able] - (game.lam + game.average_price)[able] / theta
    alpha, beta = float((out_of * out_of / theta).sum()), float((out_of * wanted).sum())
    price = closed_form_price(game.terms, alpha, beta)
    return _outcome(game, price)


def solve_grid(game: IncentiveGame, step: float = 0.1, zooms: int = 3) -> IncentiveOutcome:
    """Find the best price on a grid, refined around its best point.

    Parameters
    ----------
    game : IncentiveGame
        What decides the price.
    step : float
        First spacing of the grid [money/kWh], above 0.
    zooms : int
        How often the grid is laid ten times finer between the neighbours of its best point.

    Notes
    -----
    Source: Khwanrit (2024), Algorithm 1, repaired: the best price is set before the first
    comparison, the lowest of equally good ones is kept, and schools answer within their bounds.
    """
    if step <= 0:
        raise ValueError(f"grid step must be above 0, got {step}")
    lower, upper = game.terms.lowest_price, game.terms.highest_price
    best = lower
    for zoom in range(zooms + 1):
        spacing = step / 10**zoom
        low = lower if zoom == 0 else max(lower, best - 10 * spacing)
        high = upper if zoom == 0 else min(upper, best + 10 * spacing)
        grid = np.append(np.minimum(np.arange(low, high, spacing), high), high)
        best = float(grid[first_lowest(game.terms.additional_cost(grid, game.bought(grid)))])
    return _outcome(game, best)


def solve_exact(game: IncentiveGame) -> IncentiveOutcome:
    """Find the best price by comparing every piece of the supply.

    The additional cost is convex on each piece, so its ends, its stationary point and, where the
    purchase is capped, the point where the supply meets the cap are enough. At a price to which
    schools are indifferent the utility takes of their offers what suits it.

    Notes
    -----
    Ties go to the lowest price. ``O(n log n)`` for n schools.
    """
    terms = game.terms
    curve = supply_curve(
        game.lam, game.theta, game.average_price, game.stored_kwh, game.upper_kwh,
        terms.lowest_price, terms.highest_price, saturates=game.saturates,
        discharge_efficiency=game.discharge_efficiency,
    )  # fmt: skip
    low, high = curve.price[:-1], curve.price[1:]
    least, most = curve.supply_kwh[:-1], curve.supply_kwh[1:]
    wide = high > low
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(wide, (most - least) / (high - low), 0.0)
        capped = np.where(gain > 0, low + (terms.most_kwh - least) / gain, low)
    stationary = best_on_line(terms.selling_cost, low, high, gain * low - least, -gain)
    capped = np.clip(np.where(np.isfinite(capped), capped, low), low, high)
    # On a jump the price stands and the purchase is free.
    free = np.clip(terms.worth_kwh(low), least, most)
    prices = np.stack((low, stationary, capped, high), axis=1)
    supply = least[:, None] + gain[:, None] * (prices - low[:, None])
    supply[:, 1] = np.where(wide, supply[:, 1], free)
    supply[:, 3] = most
    supply = np.clip(supply, least[:, None], most[:, None])
    costs = terms.additional_cost(prices, np.minimum(supply, terms.most_kwh))
    best = costs.min()
    segment, which = np.nonzero(costs == best)
    first = int(np.argmin(prices[segment, which]))
    chosen = segment[first], which[first]
    return _outcome(game, float(prices[chosen]), float(supply[chosen]))


def search_incentive(
    ask: Callable[[float], float],
    terms: IncentiveTerms,
    tolerance: float = 1e-6,
    go_on: Callable[[], bool] = lambda: True,
) -> SearchedPrice:
    """Find the best price from the total supply heard at the prices offered, and nothing else.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] to all schools and returns the energy they offer in all [kWh],
        which never falls with the price.
    terms : IncentiveTerms
        What the utility knows.
    tolerance : float
        Distance between prices that count as equal, as a share of the price range.
    go_on : callable
        Whether there is time for another question; at least one is asked.

    Returns
    -------
    SearchedPrice
        With rigorous bounds, since there may be several local minima; its profit is the additional
        cost with the sign turned, less ``C(D_base)``.
    """
    return search_price(
        lambda price: 0.0 - min(ask(price), terms.most_kwh),
        terms.selling_cost,
        terms.lowest_price,
        terms.highest_price,
        tolerance,
        go_on=go_on,
    )


def _outcome(
    game: IncentiveGame, price: float, wanted_kwh: float = float("inf")
) -> IncentiveOutcome:
    """Let the schools answer, and take what is wanted."""
    offered = game.offers(price)
    total = float(offered.sum())
    surplus_price = price_of_surplus(game.average_price, game.discharge_efficiency)
    indifferent = game.saturates & (surplus_price == price)
    firm = np.where(indifferent, 0.0, offered)
    # What the schools offer and the curve's sum differ by rounding, which rations nobody.
    if wanted_kwh >= total * (1 - 1e-12):
        wanted_kwh = total
    wanted = min(wanted_kwh, game.terms.most_kwh)
    energy = ration(offered, wanted, firm)
    cost = float(game.terms.additional_cost(price, min(wanted, total)))
    return IncentiveOutcome(price, energy, cost, wanted < total * (1 - 1e-12))
