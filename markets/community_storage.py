"""Who may draw from a community's storage in a slot, and how much.

A storage that photovoltaics alone charge serves, in every slot in which it is not charged, the few
households of which most is still expected on the day. What stands here is Algorithm 2 of the source
with its misprints mended, for any number of households and of those served at once; as printed it
is kept in `hmesh.markets.printed_discharge`.

Source: Community energy storage scheduled on LSTM forecasts, ICT Express, 2022, equations (10) to
(43) and Algorithm 2.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import exchange_bounds
from hmesh.environment.last_digits import descending

type Sharing = Literal["priority", "proportional"]

# A storage is full where less than this share of its size is left.
AT_LIMIT = 1e-9


@dataclass(frozen=True, slots=True)
class StorageRatings:
    """What storages are able to do; every field is a number or an array, a row for each storage.

    Attributes
    ----------
    capacity_kwh : float or array
        Size [kWh].
    soc_min, soc_max : float or array
        Limits of the state of charge, 0..1 [-].
    power_kw : float or array
        Rating in each direction [kW]; may be infinite, as in the source.
    charge_efficiency, discharge_efficiency : float or array
        From the plant to the store and from the store to the households, 0 < efficiency <= 1 [-].
        The source takes both as 1.
    """

    capacity_kwh: float | FloatArray
    soc_min: float | FloatArray = 0.1
    soc_max: float | FloatArray = 0.95
    power_kw: float | FloatArray = np.inf
    charge_efficiency: float | FloatArray = 1.0
    discharge_efficiency: float | FloatArray = 1.0

    def bounds(self, stored_kwh: FloatArray, step_h: float) -> tuple[FloatArray, FloatArray]:
        """Return what can at most be delivered and taken in in a slot [kWh], both at least 0."""
        lower, upper = exchange_bounds(
            stored_kwh,
            self.capacity_kwh,
            self.soc_min,
            self.soc_max,
            self.power_kw,
            step_h,
            self.charge_efficiency,
            self.discharge_efficiency,
        )
        return 0.0 - lower, upper


@dataclass(frozen=True, slots=True)
class SlotExchange:
    """What storages do in a slot.

    Attributes
    ----------
    charge_kwh, spilled_kwh : array
        What of the plant's generation is taken in, or given to households at once where the storage
        serves while it is charged, and what is lost, shape (...) [kWh].
    discharge_kwh : array
        What each household in the order is given, shape (..., k) [kWh].
    """

    charge_kwh: FloatArray
    spilled_kwh: FloatArray
    discharge_kwh: FloatArray


def average_left(
    forecast_kwh: FloatArray,
    used_kwh: FloatArray,
    slots_left: float | FloatArray,
) -> FloatArray:
    """Return the mean demand of the slots that are left of a day, were its forecast right.

    Parameters
    ----------
    forecast_kwh : array
        Demand forecast for the whole day [kWh].
    used_kwh : array
        Demand of the day before this slot [kWh].
    slots_left : float or array
        Slots of the day from this one on, at least 1.

    Notes
    -----
    Equations (10) and (12), ``A = (sum of F - sum of D before s) / (e - s)``; with nothing used and
    all slots left it is the static average (11).
    """
    return (forecast_kwh - used_kwh) / slots_left


def allowance_kwh(
    demand_kwh: FloatArray,
    least_kwh: FloatArray,
    most_kwh: FloatArray,
    weight: float | FloatArray,
) -> FloatArray:
    """Return what households that are served may draw in a slot [kWh].

    Parameters
    ----------
    demand_kwh : array
        Demand of the slot [kWh]; what is below 0 is served nothing.
    least_kwh : array
        Least demand seen in this slot of the day, at least 0 [kWh].
    most_kwh : array
        Highest demand seen in any slot, at least 0 [kWh].
    weight : float or array
        Weight 1 / alpha of the least demand, 0..1 [-]. At 1 only what exceeds it is served, at 0
        all demand.

    Notes
    -----
    Equations (38) to (41), ``clip(D - w D_min, 0, D_max)``. It never exceeds the demand.
    """
    wanted = np.asarray(demand_kwh - weight * least_kwh)
    return (
        np.clip(wanted, 0.0, most_kwh, out=wanted)
        if wanted.ndim
        else np.clip(wanted, 0.0, most_kwh)
    )


def allowances_together_kwh(
    demand_kwh: FloatArray,
    least_kwh: FloatArray,
    most_kwh: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """Return what households that are served may draw together, for each of many weights [kWh].

    Parameters
    ----------
    demand_kwh, least_kwh, most_kwh : array, shape (k,)
        As in `allowance_kwh`.
    weights : array, shape (weights,)
        Weights of the least demand, 0..1 [-].

    Returns
    -------
    array, shape (weights,)
        Sums of `allowance_kwh` over the households, but for rounding: within
        ``k * 1e-15`` of the sum of demands.

    Notes
    -----
    The allowance of a household is a line in the weight between two corners: up to
    ``(D - D_max) / D_min`` it is ``D_max``, from ``D / D_min`` on it is nothing. Sums over corners
    give it for all weights in a time that grows with households plus weights, not with their
    product.
    """
    order = np.argsort(weights)
    ascending = weights[order]
    falls = least_kwh > 0.0
    constant = np.clip(demand_kwh[~falls], 0.0, most_kwh[~falls]).sum()
    demand, least, most = demand_kwh[falls], least_kwh[falls], most_kwh[falls]
    # Rows of weights from which on the line replaces the highest demand, and nothing the line.
    line_from = np.searchsorted(ascending, (demand - most) / least)
    none_from = np.searchsorted(ascending, demand / least)

    def before(rows: NDArray[np.intp], amount: FloatArray) -> FloatArray:
        """Return, for each weight, the amounts of those whose row comes later."""
        at_row = np.bincount(rows, amount, len(weights) + 1)
        # Sums from the end, so that beyond the last corner they are exactly nothing.
        later: FloatArray = np.cumsum(at_row[::-1], dtype=np.float64)[::-1][1:]
        return later

    line = before(none_from, demand) - before(line_from, demand)
    line -= ascending * (before(none_from, least) - before(line_from, least))
    together = np.empty(len(weights))
    # Differences of sums may be a rounding below nothing.
    together[order] = np.maximum(before(line_from, most) + line, 0.0) + constant
    return together


def served_first(average_kwh: FloatArray, dischargers: int) -> NDArray[np.intp]:
    """Return the households that may draw from one storage, those of the highest average first.

    Parameters
    ----------
    average_kwh : array, shape (..., households)
        Averages left; NaN where a household has not stated any, which is never served.
    dischargers : int
        How many are served at most.

    Returns
    -------
    array of int, shape (..., min(dischargers, households))
        Rows of the households, -1 where nobody is. Ties go to the lower row.
    """
    wanted = np.where(np.isnan(average_kwh), -np.inf, average_kwh)
    order = descending(wanted)[..., :dischargers]
    reported = np.take_along_axis(wanted, order, axis=-1) > -np.inf
    chosen: NDArray[np.intp] = np.where(reported, order, -1)
    return chosen


def served_by_storage(
    average_kwh: FloatArray,
    storage_of: NDArray[np.intp],
    dischargers: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Return the households that may draw from each of several storages.

    Parameters
    ----------
    average_kwh : array, shape (households,)
        Averages left; NaN where a household has not stated any.
    storage_of : array of int, shape (households,)
        Row of the storage of each.
    dischargers : array of int, shape (storages,)
        How many each storage serves at most.

    Returns
    -------
    array of int, shape (storages, most served)
        As `served_first` of each storage has them, -1 where nobody is.
    """
    households = len(average_kwh)
    own = np.bincount(storage_of, minlength=len(dischargers))
    width = int(np.minimum(own, dischargers).max(initial=0))
    if width == 0:
        return np.empty((len(dischargers), 0), dtype=np.intp)
    wanted = np.where(np.isnan(average_kwh), -np.inf, average_kwh)
    order = np.lexsort((-wanted, storage_of))
    begins = np.cumsum(own) - own
    place = np.minimum(begins[:, None] + np.arange(width), households - 1)
    there = np.arange(width) < np.minimum(own, dischargers)[:, None]
    rows = order[place]
    chosen: NDArray[np.intp] = np.where(there & (wanted[rows] > -np.inf), rows, -1)
    return chosen


def exchange(
    stored_kwh: FloatArray,
    generation_kwh: FloatArray | float,
    bright: NDArray[np.bool_] | bool,
    allowed_kwh: FloatArray,
    ratings: StorageRatings,
    step_h: float,
    sharing: Sharing = "priority",
    *,
    serves_while_charging: bool = False,
) -> SlotExchange:
    """Return what storages do in a slot.

    Parameters
    ----------
    stored_kwh : array, shape (...)
        What each holds [kWh].
    generation_kwh : array or float, shape (...)
        What its plant generates, at least 0 [kWh].
    bright : array of bool or bool, shape (...)
        Whether its plant generates enough to charge.
    allowed_kwh : array, shape (..., k)
        What each household that may draw wants, in the order in which they are served [kWh].
    ratings : StorageRatings
        What the storages are able to do.
    step_h : float
        Length of the slot [h].
    sharing : {"priority", "proportional"}
        Where the energy is short: those first in the order are served first, or all alike.
    serves_while_charging : bool, optional
        Whether households are served in bright slots too, from the plant first.

    Notes
    -----
    Equations (22) to (25). A storage that can be charged from a bright sky is charged and serves
    nobody; the plant never feeds households directly. What the plant generates beside that, the
    sky not bright or the storage full, is spilled.

    A storage that serves while it is charged gives households what its plant generates under a
    bright sky, which then passes no store and loses nothing, and adds of its own what they lack;
    it takes in what they leave. The difference alone passes the store,
    ``charge_kwh - discharge_kwh.sum(-1)``, within its bounds; no equation of the source says so.
    """
    most_out, most_in = ratings.bounds(stored_kwh, step_h)
    if serves_while_charging:
        usable = np.where(bright, generation_kwh, 0.0)
        discharge = dealt_kwh(allowed_kwh, usable + most_out, sharing)
        charge = np.minimum(usable, discharge.sum(axis=-1) + most_in)
        return SlotExchange(charge, generation_kwh - charge, discharge)
    full = most_in <= AT_LIMIT * np.asarray(ratings.capacity_kwh)
    charging = np.asarray(bright) & ~full
    charge = np.where(charging, np.minimum(generation_kwh, most_in), 0.0)
    available = np.where(charging, 0.0, most_out)
    discharge = dealt_kwh(allowed_kwh, available, sharing)
    return SlotExchange(charge, generation_kwh - charge, discharge)


def charge_from_grid(
    exchange_kwh: FloatArray,
    stored_kwh: FloatArray,
    level_kwh: FloatArray,
    ratings: StorageRatings,
    step_h: float,
) -> FloatArray:
    """Return what storages charge from the grid in a slot to reach a level [kWh].

    Parameters
    ----------
    exchange_kwh : array, shape (...)
        What passes each store for plant and households [kWh], above 0 when charging.
    stored_kwh : array, shape (...)
        What each holds [kWh].
    level_kwh : array, shape (...)
        Up to what each charges [kWh].
    ratings : StorageRatings
        What the storages are able to do.
    step_h : float
        Length of the slot [h].

    Notes
    -----
    Plant and grid fill the store together, within its rating. One that holds the level or more
    takes nothing from the grid, whatever it delivers.
    """
    _, most_in = ratings.bounds(stored_kwh, step_h)
    wanted = np.minimum(most_in, (level_kwh - stored_kwh) / ratings.charge_efficiency)
    more = np.maximum(wanted - exchange_kwh, 0.0)
    charge: FloatArray = np.where(level_kwh > stored_kwh, more, 0.0)
    return charge


def bounds_at_a_price(
    exchange_kwh: FloatArray,
    stored_kwh: FloatArray,
    ratings: StorageRatings,
    step_h: float,
    *,
    grid_charging: bool,
) -> tuple[FloatArray, FloatArray]:
    """Return between what storages may exchange in a slot in all, where the price decides the rest.

    Parameters
    ----------
    exchange_kwh : array, shape (...)
        What passes each store for plant and households [kWh], above 0 when charging.
    stored_kwh : array, shape (...)
        What each holds [kWh].
    ratings : StorageRatings
        What the storages are able to do.
    step_h : float
        Length of the slot [h].
    grid_charging : bool
        Whether they may charge from the grid. Else they charge from their plant alone, and answer
        a price by what they deliver to their community.
    """
    most_out, most_in = ratings.bounds(stored_kwh, step_h)
    if not grid_charging:
        most_in = np.minimum(np.maximum(exchange_kwh, 0.0), most_in)
    return 0.0 - most_out, most_in


def dealt_kwh(wanted_kwh: FloatArray, available_kwh: FloatArray, sharing: Sharing) -> FloatArray:
    """Return what households get of an energy that may not be enough for all.

    Parameters
    ----------
    wanted_kwh : array, shape (..., k)
        What each wants, at least 0, in the order in which they are served [kWh].
    available_kwh : array, shape (...)
        What there is, at least 0 [kWh].
    sharing : {"priority", "proportional"}
        Whether the first are served first, or everybody gets the same share.
    """
    if sharing == "proportional":
        total = wanted_kwh.sum(axis=-1)
        share = np.divide(
            available_kwh, total, out=np.ones_like(total), where=total > available_kwh
        )
        return wanted_kwh * share[..., None]
    # In one array, which stays near the processor.
    left = np.cumsum(wanted_kwh, axis=-1)
    left -= wanted_kwh
    np.subtract(available_kwh[..., None], left, out=left)
    np.maximum(left, 0.0, out=left)
    return np.minimum(wanted_kwh, left, out=left)
