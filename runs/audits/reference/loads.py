"""Loads that fall as their price rises: what each uses, and what using it is worth to it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.stores import Answer, Numbers, elastic_load


@dataclass(frozen=True, slots=True)
class LoadsWithElasticity:
    """Loads that answer to the price of a step; arrays of shape (n,).

    Attributes
    ----------
    load_kwh : array
        Load at the reference price [kWh], at least 0.
    elasticity : array
        Fall of the load in shares of it, for a rise of the price in shares of the reference.
    reference_price : array
        Above 0 [money/kWh].
    least, most : array
        Shares of the load between which it stays.
    """

    load_kwh: FloatArray
    elasticity: FloatArray
    reference_price: FloatArray
    least: FloatArray
    most: FloatArray

    def rows(self, chosen: NDArray[np.bool_]) -> "LoadsWithElasticity":
        """Return some of them."""
        return LoadsWithElasticity(
            self.load_kwh[chosen],
            self.elasticity[chosen],
            self.reference_price[chosen],
            self.least[chosen],
            self.most[chosen],
        )

    def more_kwh(self, price: Numbers) -> FloatArray:
        """Return what each uses more than its load at a price, below 0 less [kWh]."""
        share = 1 - self.elasticity * (price / self.reference_price - 1)
        more: FloatArray = self.load_kwh * (np.clip(share, self.least, self.most) - 1)
        return more

    def worth(self, price: Numbers) -> FloatArray:
        """Return what the change of its load at a price is worth to each [money].

        The area under the demand curve, added up along the price: each kWh that it does without
        is worth the price at which it ceases to use it.
        """
        full_to, empty_from = self._ends()
        reached = np.clip(price, full_to, empty_from)
        fall = self.load_kwh * self.elasticity / self.reference_price
        worth: FloatArray = -fall * (reached**2 - self.reference_price**2) / 2
        return worth

    def at_bound(self, price: Numbers) -> NDArray[np.bool_]:
        """Return which of them a price takes to the least or the most they use."""
        full_to, empty_from = self._ends()
        bound: NDArray[np.bool_] = (price <= full_to) | (price >= empty_from)
        return bound

    def answer(self) -> Answer:
        """Return what each uses more than its load at every price, as lines."""
        used = elastic_load(
            self.load_kwh, self.elasticity, self.reference_price, self.least, self.most
        )
        return replace(used, offset=used.offset - self.load_kwh)

    def _ends(self) -> tuple[FloatArray, FloatArray]:
        """Return up to which price each uses the most, and from which on the least."""
        rise = self.reference_price / self.elasticity
        return (
            self.reference_price - rise * (self.most - 1),
            self.reference_price + rise * (1 - self.least),
        )
