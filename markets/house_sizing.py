"""Sizes of a house's battery and tank: the exact ones of one programme, and those of a search."""

from collections.abc import Callable

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.exact_dispatch import ExactDispatch, dispatch_exactly
from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HousePrices
from hmesh.markets.present_value import annuity_factor

# Of a kWh that is not to be bought [money/kWh].
PROHIBITIVE = 1e7


def annuity(price: float, interest_rate: float, lifetime_years: float, years: float) -> float:
    """Return what some years bear of the price of a device [money].

    Parameters
    ----------
    price : float
        What the device costs [money].
    interest_rate : float
        Interest of a year [-].
    lifetime_years : float
        Its life [a].
    years : float
        The years, at most its life [a].
    """
    return price / annuity_factor(interest_rate, lifetime_years) * years


def size_exactly(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    annuities: tuple[float, float],
) -> ExactDispatch:
    """Return the sizes with the least cost of running and investing, and their dispatch.

    Parameters
    ----------
    demand, devices, prices : HouseDemand, HouseDevices, HousePrices
        The house; the sizes of its devices do not matter.
    annuities : (float, float)
        What a kWh of battery, and of heat in the tank, costs over the steps [money/kWh].

    Notes
    -----
    Sizes enter the dispatch linearly, so upper and lower layer of the source are one linear
    programme; its cost is a convex, piecewise linear function of the sizes.
    """
    return dispatch_exactly(demand, devices, prices, annuities=annuities)


def cost_of_sizes(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    annuities: tuple[float, float],
) -> Callable[[FloatArray], FloatArray]:
    """Return the cost of many sizes: the lower layer as the upper one asks for it.

    Returns
    -------
    callable
        Takes sizes, shape (n, 2) [kWh, kWh of heat], returns costs of running and investing, shape
        (n,) [money].
    """

    def costs(sizes: FloatArray) -> FloatArray:
        found = [
            dispatch_exactly(demand, devices.sized(*size), prices).objective
            for size in sizes.tolist()
        ]
        total: FloatArray = np.array(found) + sizes @ np.array(annuities)
        return total

    return costs
