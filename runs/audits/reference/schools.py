"""What schools sell of the energy in their buses, and the price at which a utility pays least."""

from dataclasses import dataclass

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.generation import Generation
from hmesh.runs.audits.reference.stores import Numbers


@dataclass(frozen=True, slots=True)
class Schools:
    """What schools know of themselves in a critical step; arrays of shape (schools,).

    Attributes
    ----------
    lam, theta : array
        Marginal utility at zero [money/kWh], and its slope [money/kWh^2].
    average_price : array
        What the energy held has cost [money/kWh].
    held_kwh : array
        Energy that satisfaction counts [kWh].
    upper_kwh : array
        The most that may be delivered at the plugs in the step [kWh].
    discharge_efficiency : float
        Delivered for each kWh taken from the batteries [-].
    saturates : bool
        Whether energy beyond ``lam / theta`` is worth nothing more.
    """

    lam: FloatArray
    theta: FloatArray
    average_price: FloatArray
    held_kwh: FloatArray
    upper_kwh: FloatArray
    discharge_efficiency: float = 1.0
    saturates: bool = True

    def worth(self, held_kwh: Numbers) -> FloatArray:
        """Return the satisfaction of holding an energy [money]."""
        counted = np.minimum(held_kwh, self.lam / self.theta) if self.saturates else held_kwh
        return np.asarray(self.lam * counted - self.theta * counted**2 / 2)

    def gain(self, price: Numbers, sold_kwh: Numbers) -> FloatArray:
        """Return what selling an energy is worth beyond selling none [money].

        It is paid for, less what the energy taken from the batteries has cost, and less the
        satisfaction of holding it.
        """
        taken = np.asarray(sold_kwh) / self.discharge_efficiency
        lost = self.worth(self.held_kwh) - self.worth(self.held_kwh - taken)
        gained: FloatArray = price * np.asarray(sold_kwh) - self.average_price * taken - lost
        return gained

    def offers(self, price: Numbers, *, least: bool = False) -> FloatArray:
        """Return what suits each best [kWh]; of equally good energies the most, or the least."""
        left_over = price * self.discharge_efficiency - self.average_price
        taken = self.held_kwh + (left_over - self.lam) / self.theta
        if self.saturates:
            # Below what it has cost nothing is sold. At that price what is worth nothing may be.
            costs = self.average_price / self.discharge_efficiency
            sells = price > costs if least else price >= costs
            taken = np.where(sells, taken, 0.0)
        most = self.upper_kwh / self.discharge_efficiency
        sold: FloatArray = np.clip(taken, 0.0, most) * self.discharge_efficiency
        return np.where(taken >= most, self.upper_kwh, sold)

    def bends(self) -> FloatArray:
        """Return the prices at which the offer of a school bends or jumps, shape (n,)."""
        most = self.upper_kwh / self.discharge_efficiency
        begins = self.average_price + self.lam - self.theta * self.held_kwh
        prices = [begins, begins + self.theta * most]
        prices += [self.average_price] if self.saturates else []
        return np.concatenate(prices) / self.discharge_efficiency


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a utility pays to meet a peak with the help of schools.

    Attributes
    ----------
    generation : Generation
        What generation costs.
    base_kwh, required_kwh : float
        Demand that it meets without help, and demand above that [kWh].
    lowest_price, highest_price : float
        What it may offer [money/kWh].
    capped : bool
        Whether it buys no more than it requires.
    """

    generation: Generation
    base_kwh: float
    required_kwh: float
    lowest_price: float
    highest_price: float
    capped: bool

    @property
    def most_kwh(self) -> float:
        """The most it buys [kWh]."""
        return self.required_kwh if self.capped else np.inf

    def cost[T: (float, FloatArray)](self, price: T, bought_kwh: T) -> T:
        """Return what the demand above the base costs, ``p S + C(D_peak - S) - C(D_base)``."""
        generated = self.base_kwh + self.required_kwh - bought_kwh
        before = self.generation.total(self.base_kwh)
        return price * bought_kwh + self.generation.total(generated) - before

    @property
    def rounding(self) -> float:
        """By how much a cost may be off for rounding [money]: it is a difference of whole costs."""
        whole = abs(self.generation.total(self.base_kwh + self.required_kwh))
        whole += abs(self.generation.total(self.base_kwh))
        return 64 * float(np.finfo(np.float64).eps) * whole


def least_cost(schools: Schools, purchase: Purchase) -> float:
    """Return the least that the utility can pay, by comparing all prices at which an offer bends.

    Between two of them the supply is a line and the cost a parabola that opens upwards, so both
    ends, its bottom and the price at which no more is bought are all that needs to be compared.
    Where the supply jumps the price stands, and any energy between is bought.
    """
    low, high = purchase.lowest_price, purchase.highest_price
    bends = schools.bends()
    inside = np.unique(bends[(bends > low) & (bends < high)])
    prices = np.concatenate(([low], inside, [high]))
    most = np.array([schools.offers(price).sum() for price in prices])
    least = np.array([schools.offers(price, least=True).sum() for price in prices])
    cap = purchase.most_kwh
    best = _cheapest_on_jumps(purchase, prices, np.minimum(least, cap), np.minimum(most, cap))
    from_price, to_price = prices[:-1], prices[1:]
    from_kwh, to_kwh = most[:-1], np.maximum(least[1:], most[:-1])
    a, peak = purchase.generation.quadratic, purchase.base_kwh + purchase.required_kwh
    width, more = to_price - from_price, to_kwh - from_kwh
    with np.errstate(divide="ignore", invalid="ignore"):
        until_cap = np.where(more > 0, (cap - from_kwh) / more, 1.0)
    # With a share s of the way the cost is a parabola in s.
    bend = width * more + a * more**2
    rise = from_price * more + width * from_kwh
    rise = rise - purchase.generation.marginal(peak - from_kwh) * more
    with np.errstate(divide="ignore", invalid="ignore"):
        bottom = np.where(bend > 0, -rise / (2 * bend), 0.0)
    for share in (np.zeros_like(width), bottom, until_cap, np.ones_like(width)):
        at = np.clip(np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
        bought = np.minimum(from_kwh + at * more, cap)
        best = min(best, float(purchase.cost(from_price + at * width, bought).min()))
    return best


def _cheapest_on_jumps(
    purchase: Purchase, prices: FloatArray, least: FloatArray, most: FloatArray
) -> float:
    """Return the least cost at prices at which any energy between two may be bought."""
    a, b = purchase.generation.quadratic, purchase.generation.linear
    bought = [least, most]
    if a > 0:
        wanted = purchase.base_kwh + purchase.required_kwh - (prices - b) / (2 * a)
        bought.append(np.clip(wanted, least, most))
    return min(float(purchase.cost(prices, energy).min()) for energy in bought)


def closed_form_price(schools: Schools, purchase: Purchase) -> float:
    """Return the best price where no school meets a bound, within the prices allowed.

    ``p = [c' + p0 (1 + 2 a alpha)] / [2 (1 + a alpha)]`` where the supply is
    ``alpha (p - p0)``, and no more than the price at which it reaches the cap.
    """
    able = schools.upper_kwh > 0
    if not able.any():
        return purchase.lowest_price
    eta, theta = schools.discharge_efficiency, schools.theta[able]
    alpha = float((eta**2 / theta).sum())
    first = schools.held_kwh[able] - (schools.lam + schools.average_price)[able] / theta
    nothing_below = -float((eta * first).sum()) / alpha
    a, peak = purchase.generation.quadratic, purchase.base_kwh + purchase.required_kwh
    price = purchase.generation.marginal(peak) + nothing_below * (1 + 2 * a * alpha)
    price /= 2 * (1 + a * alpha)
    price = min(price, nothing_below + purchase.most_kwh / alpha)
    return min(max(price, purchase.lowest_price), purchase.highest_price)


def grid_cost(schools: Schools, purchase: Purchase, step: float, zooms: int) -> float:
    """Return the least cost on a grid of prices, laid ten times finer around its best point."""
    lowest, highest = purchase.lowest_price, purchase.highest_price
    best, least = lowest, np.inf
    for zoom in range(zooms + 1):
        spacing = step / 10**zoom
        around = 10 * spacing
        low = lowest if zoom == 0 else max(lowest, best - around)
        high = highest if zoom == 0 else min(highest, best + around)
        costs = {}
        for price in [*(min(p, high) for p in np.arange(low, high, spacing).tolist()), high]:
            bought = min(float(schools.offers(price).sum()), purchase.most_kwh)
            costs[price] = purchase.cost(price, bought)
        best = min(costs, key=lambda price: (costs[price], price))
        least = costs[best]
    return least
