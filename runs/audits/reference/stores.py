"""What a battery exchanges at a price: by comparing the best charge, the best discharge and none.

A battery that holds ``e`` kWh above its lowest state of charge values it at
``lam e - theta e^2 / 2``. At price ``p`` it exchanges ``x`` at its plug, of which ``eta_c x`` is
stored when ``x >= 0``, and pays ``p x``; ``x / eta_d`` leaves the store when ``x < 0``.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray

type Numbers = float | FloatArray

# Halvings after which two neighbouring floating-point numbers bracket a price.
_HALVINGS = 1100


@dataclass(frozen=True, slots=True)
class AnsweringStores:
    """Batteries that answer to the price of a step; arrays of shape (n,) or any common shape.

    Attributes
    ----------
    lam, theta : array
        Marginal utility at zero [money/kWh], and its slope [money/kWh^2].
    usable_kwh : array
        Energy held above the lowest state of charge [kWh].
    lower_kwh, upper_kwh : array
        Bounds of the exchange at the plug [kWh], ``lower_kwh <= 0 <= upper_kwh``.
    charge_efficiency, discharge_efficiency : float or array
        Stored for each kWh drawn, and delivered for each kWh taken from the store [-]; one number
        for all or an array.
    wanted_kwh, miss_weight : float or array
        Energy above the lowest state of charge that each wants at its departure [kWh], and what a
        kWh below it is worth more [money/kWh]; one number for all or an array.
    """

    lam: FloatArray
    theta: FloatArray
    usable_kwh: FloatArray
    lower_kwh: FloatArray
    upper_kwh: FloatArray
    charge_efficiency: Numbers = 1.0
    discharge_efficiency: Numbers = 1.0
    wanted_kwh: Numbers = 0.0
    miss_weight: Numbers = 0.0

    @property
    def wants(self) -> bool:
        """Whether any of them wants energy at its departure."""
        weight = self.miss_weight
        return weight > 0.0 if isinstance(weight, float) else bool((weight > 0.0).any())

    def rows(self, chosen: NDArray[np.bool_]) -> "AnsweringStores":
        """Return some of them."""
        return replace(
            self,
            lam=self.lam[chosen],
            theta=self.theta[chosen],
            usable_kwh=self.usable_kwh[chosen],
            lower_kwh=self.lower_kwh[chosen],
            upper_kwh=self.upper_kwh[chosen],
            charge_efficiency=_some(self.charge_efficiency, chosen),
            discharge_efficiency=_some(self.discharge_efficiency, chosen),
            wanted_kwh=_some(self.wanted_kwh, chosen),
            miss_weight=_some(self.miss_weight, chosen),
        )

    def stored(self, exchange_kwh: Numbers) -> FloatArray:
        """Return what an exchange adds to each store [kWh]."""
        exchange = np.asarray(exchange_kwh)
        return np.where(
            exchange > 0,
            self.charge_efficiency * exchange,
            exchange / self.discharge_efficiency,
        )

    def satisfaction(self, exchange_kwh: Numbers) -> FloatArray:
        """Return what each values the energy at that it holds after an exchange [money]."""
        held = self.usable_kwh + self.stored(exchange_kwh)
        worth: FloatArray = self.lam * held - self.theta * held**2 / 2
        if self.wants:
            worth = worth + self.miss_weight * np.minimum(held, self.wanted_kwh)
        return worth

    def gain(self, price: Numbers, exchange_kwh: Numbers) -> FloatArray:
        """Return what an exchange is worth beyond none, its payment subtracted [money]."""
        stored, exchange = self.stored(exchange_kwh), np.asarray(exchange_kwh)
        marginal = self.lam - self.theta * self.usable_kwh
        worth: FloatArray = stored * (marginal - self.theta * stored / 2)
        if self.wants:
            lacked = np.maximum(self.wanted_kwh - self.usable_kwh, 0.0)
            lacks = np.maximum(self.wanted_kwh - self.usable_kwh - stored, 0.0)
            worth = worth + self.miss_weight * (lacked - lacks)
        return worth - price * exchange

    def best_charge(self, price: Numbers) -> FloatArray:
        """Return the best exchange among those that charge, or 0 [kWh]."""
        if not self.wants:
            return np.clip(self._charge_worth(self.lam, price), 0.0, self.upper_kwh)
        # It charges further than what it wants only if that alone is worth it.
        until = self._wanted_by_charging()
        urgent = np.clip(self._charge_worth(self.lam + self.miss_weight, price), 0.0, until)
        beyond = np.clip(self._charge_worth(self.lam, price), until, self.upper_kwh)
        return np.where(urgent < until, urgent, beyond)

    def best_discharge(self, price: Numbers) -> FloatArray:
        """Return the best exchange among those that discharge, or 0 [kWh]."""
        if not self.wants:
            return np.clip(self._discharge_worth(self.lam, price), self.lower_kwh, 0.0)
        until = self._wanted_by_discharging()
        spare = np.clip(self._discharge_worth(self.lam, price), until, 0.0)
        urgent = self._discharge_worth(self.lam + self.miss_weight, price)
        return np.where(spare > until, spare, np.clip(urgent, self.lower_kwh, until))

    def _charge_worth(self, lam: Numbers, price: Numbers) -> FloatArray:
        """Return the charge after which a kWh more is worth its price, bounds aside [kWh]."""
        eta = self.charge_efficiency
        worth: FloatArray = (lam - self.theta * self.usable_kwh - price / eta) / (self.theta * eta)
        return worth

    def _discharge_worth(self, lam: Numbers, price: Numbers) -> FloatArray:
        """Return the discharge after which a kWh more is not worth its price [kWh], below 0."""
        eta = self.discharge_efficiency
        worth: FloatArray = -eta * (eta * price - lam + self.theta * self.usable_kwh) / self.theta
        return worth

    def _wanted_by_charging(self) -> FloatArray:
        """Return the charge by which each holds what it wants, as far as its bounds let it."""
        lacks = np.where(np.asarray(self.miss_weight) > 0.0, self.wanted_kwh - self.usable_kwh, 0.0)
        return np.clip(lacks / self.charge_efficiency, 0.0, self.upper_kwh)

    def _wanted_by_discharging(self) -> FloatArray:
        """Return the discharge that leaves each what it wants, as far as its bounds let it."""
        spare = self.usable_kwh - self.wanted_kwh
        spare = np.where(np.asarray(self.miss_weight) > 0.0, spare, np.inf)
        return np.clip(-spare * self.discharge_efficiency, self.lower_kwh, 0.0)

    def best_exchange(self, price: Numbers) -> FloatArray:
        """Return what suits each best at a price [kWh]; of two equally good, it charges."""
        charge, discharge = self.best_charge(price), self.best_discharge(price)
        better = self.gain(price, charge) >= self.gain(price, discharge)
        return np.where(better, charge, discharge)

    def wrong_by(self, price: Numbers, exchange_kwh: FloatArray) -> FloatArray:
        """Return how far an exchange is from the nearest best one [kWh].

        Two are best where charging and discharging earn the same to within rounding.
        """
        charge, discharge = self.best_charge(price), self.best_discharge(price)
        charged, discharged = self.gain(price, charge), self.gain(price, discharge)
        turned_over = np.abs(price * charge) + np.abs(price * discharge)
        same = np.abs(charged - discharged) <= 16 * np.finfo(np.float64).eps * turned_over
        off = np.abs(exchange_kwh - self.best_exchange(price))
        both = (charge != 0) & (discharge != 0) & same
        other = np.minimum(np.abs(exchange_kwh - charge), np.abs(exchange_kwh - discharge))
        return np.where(both, np.minimum(off, other), off)

    def answer(self) -> "Answer":
        """Return the exchange at every price, as lines."""
        if self.wants:
            return self._answer_before_departure()
        eta_c, eta_d, theta = self.charge_efficiency, self.discharge_efficiency, self.theta
        value = self.lam - theta * self.usable_kwh
        empty_from = (value - theta * self.lower_kwh / eta_d) / eta_d
        full_to = eta_c * (value - theta * eta_c * self.upper_kwh)
        charge_to, discharge_from = eta_c * value, value / eta_d
        # One that holds more than it values gains by charging and by discharging at some prices.
        turn = self._turn(discharge_from, charge_to, value < 0)
        there = np.isfinite(turn)
        cuts = np.stack(
            (
                np.minimum(full_to, turn),
                np.minimum(charge_to, turn),
                np.where(there, np.maximum(discharge_from, turn), discharge_from),
                np.where(there, np.maximum(empty_from, turn), empty_from),
            )
        )
        nothing = np.zeros_like(value)
        charging, discharging = value / (theta * eta_c), eta_d * value / theta
        offset = np.stack((self.upper_kwh, charging, nothing, discharging, self.lower_kwh))
        per_charge, per_discharge = -1 / (theta * eta_c**2), -(eta_d**2) / theta
        gain = np.stack((nothing, per_charge, nothing, per_discharge, nothing))
        return Answer(cuts, offset, gain)

    def _answer_before_departure(self) -> "Answer":
        """Return the exchange at every price of those that want energy at their departure.

        From low prices to high ones: all it can, charging beyond what it wants, what it wants,
        charging up to that, nothing, discharging down to what it wants, that, discharging further,
        all it can. Lines that a battery lacks have no width.
        """
        eta_c, eta_d, theta, weight = (
            np.broadcast_to(each, self.usable_kwh.shape)
            for each in (
                self.charge_efficiency, self.discharge_efficiency, self.theta, self.miss_weight
            )
        )  # fmt: skip
        value = self.lam - theta * self.usable_kwh
        urgent = value + weight
        bought, sold = self._wanted_by_charging(), self._wanted_by_discharging()
        full_to = eta_c * (value - theta * eta_c * self.upper_kwh)
        beyond_to = eta_c * (value - theta * eta_c * bought)
        wanted_to, charge_to = eta_c * (urgent - theta * eta_c * bought), eta_c * urgent
        # Nothing is bought urgently where nothing is lacking, nothing beyond where all is urgent.
        wanted_to = np.where(bought > 0, wanted_to, beyond_to)
        charge_to = np.where(bought > 0, charge_to, beyond_to)
        all_urgent = (bought > 0) & (bought >= self.upper_kwh)
        full_to, beyond_to = (np.where(all_urgent, wanted_to, e) for e in (full_to, beyond_to))
        lacking = (weight > 0) & (self.wanted_kwh >= self.usable_kwh)
        from_0 = np.where(lacking, urgent, value) / eta_d
        spare_to = np.where(lacking, from_0, (value - theta * sold / eta_d) / eta_d)
        more_from = (urgent - theta * sold / eta_d) / eta_d
        empty_from = (urgent - theta * self.lower_kwh / eta_d) / eta_d
        all_spare = sold <= self.lower_kwh
        more_from, empty_from = (np.where(all_spare, spare_to, e) for e in (more_from, empty_from))
        more_from = np.where(lacking, from_0, more_from)
        empty_from = np.where(all_spare & lacking, from_0, empty_from)
        turn = self._turn(from_0, charge_to, from_0 < charge_to)
        cuts = np.stack(
            (
                *(np.minimum(cut, turn) for cut in (full_to, beyond_to, wanted_to, charge_to)),
                *(
                    np.where(np.isfinite(turn), np.maximum(cut, turn), cut)
                    for cut in (from_0, spare_to, more_from, empty_from)
                ),
            )
        )
        nothing = np.zeros_like(value)
        charging, discharging = 1 / (theta * eta_c), eta_d / theta
        offset = np.stack(
            (
                self.upper_kwh, value * charging, bought, urgent * charging, nothing,
                value * discharging, sold, urgent * discharging, self.lower_kwh,
            )
        )  # fmt: skip
        c, d = -1 / (theta * eta_c**2), -(eta_d**2) / theta
        gain = np.stack((nothing, c, nothing, c, nothing, d, nothing, d, nothing))
        return Answer(cuts, offset, gain)

    def _turn(self, low: FloatArray, high: FloatArray, turns: NDArray[np.bool_]) -> FloatArray:
        """Return the highest price at which charging earns no less than discharging.

        Infinite for those that do not turn from one to the other.
        """
        if not turns.any():
            return np.full(low.shape, np.inf)
        low, high = np.minimum(low, high), np.maximum(low, high)
        low, high = np.where(high < 0, low, 0.0), np.where(high < 0, high, 0.0)
        charges = self.gain(high, self.best_charge(high))
        at_high = charges >= self.gain(high, self.best_discharge(high))
        for _ in range(_HALVINGS):
            middle = low + (high - low) / 2
            if ((middle == low) | (middle == high)).all():
                break
            charges = self.gain(middle, self.best_charge(middle))
            at_least = charges >= self.gain(middle, self.best_discharge(middle))
            low, high = np.where(at_least, middle, low), np.where(at_least, high, middle)
        return np.where(turns, np.where(at_high, high, low), np.inf)


def _some(values: Numbers, chosen: NDArray[np.bool_]) -> Numbers:
    return values if isinstance(values, float) else values[chosen]


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines between prices: what each of n answers at any price.

    Attributes
    ----------
    cuts : array, shape (lines - 1, n)
        Prices at which a line ends [money/kWh], ascending.
    offset, gain : array, shape (lines, n)
        Line ``k`` holds from ``cuts[k - 1]`` to ``cuts[k]``: ``offset + gain * price`` [kWh].
    """

    cuts: FloatArray
    offset: FloatArray
    gain: FloatArray


def elastic_load(
    load_kwh: FloatArray,
    elasticity: FloatArray,
    reference_price: FloatArray,
    least: FloatArray,
    most: FloatArray,
) -> Answer:
    """Return the answer of loads that fall as their price rises.

    Parameters
    ----------
    load_kwh : array, shape (n,)
        Load at the reference price [kWh], at least 0.
    elasticity : array
        Fall of the load in shares of it, for a rise of the price in shares of the reference.
    reference_price : array
        Above 0 [money/kWh].
    least, most : array
        Shares of the load between which it stays.
    """
    fall = load_kwh * elasticity / reference_price
    bends = fall > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        most_to = np.where(bends, reference_price * (1 - (most - 1) / elasticity), -np.inf)
        least_from = np.where(bends, reference_price * (1 + (1 - least) / elasticity), np.inf)
    steady = np.clip(1.0, least, most) * load_kwh
    bent = np.where(bends, load_kwh * (1 + elasticity), steady)
    offset = (most * load_kwh, bent, least * load_kwh)
    nothing = np.zeros_like(fall)
    return Answer(
        np.stack((most_to, least_from)), np.stack(offset), np.stack((nothing, -fall, nothing))
    )
