"""What a battery answers that wants to hold some energy by its next departure.

Below the energy that it wants, every kWh held is worth a weight more to it, so that it buys it
before the trip. Its value stays concave and is quadratic on either side of that energy; so it
answers as two batteries do that stand end to end: one below the energy wanted, worth more, and one
above. Each has at most two clipped lines, and between them no price moves it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, is_one
from hmesh.environment.compiled import compiled_for, whole
from hmesh.markets.answer_curves import FIRST, JUMP, SATURATED, SECOND, THIRD, battery_curves
from hmesh.markets.answers import Answers, battery_answers, sum_of_answers
from hmesh.markets.departure_kernels import lines_before_departure, respond_before_departure
from hmesh.markets.vehicle_response import FloatOrArray, best_response
from hmesh.markets.welfare import satisfaction

# Of a bound that is a sum of two.
_ROUNDING = 4 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class StoreColumns:
    """Batteries that answer to prices, some of which want energy by their next departure.

    Attributes
    ----------
    lam, theta : float or array, shape (n,)
        As in `hmesh.markets.best_response`.
    usable_kwh, lower_kwh, upper_kwh : array, shape (n,)
        Likewise.
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        Likewise.
    wanted_kwh : array, shape (n,)
        Energy above the lowest state of charge that each wants [kWh].
    miss_weight : array, shape (n,)
        What a kWh is worth more below it [money/kWh], at least 0; 0 for one that wants none.
    """

    lam: FloatOrArray
    theta: FloatOrArray
    usable_kwh: FloatArray
    lower_kwh: FloatArray
    upper_kwh: FloatArray
    charge_efficiency: FloatOrArray
    discharge_efficiency: FloatOrArray
    wanted_kwh: FloatArray
    miss_weight: FloatArray

    @property
    def plain(self) -> tuple[Any, ...]:
        """The columns of a battery that wants nothing."""
        return (
            self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip

    @property
    def whole(self) -> tuple[FloatArray, ...]:
        """All columns, each with as many rows as there are batteries."""
        names = StoreColumns.__slots__
        return tuple(whole(getattr(self, name), self.usable_kwh) for name in names)

    def rows(self, chosen: NDArray[np.intp]) -> "StoreColumns":
        """Return some of them, every column an array."""
        count = len(self.usable_kwh)
        names = StoreColumns.__slots__
        return StoreColumns(
            *(np.broadcast_to(getattr(self, name), count)[chosen] for name in names)
        )


def best_response_before_departure(price: FloatOrArray, stores: StoreColumns) -> FloatArray:
    """Return the energy that maximises each battery's satisfaction less its payment.

    The satisfaction of holding ``h`` is ``lam h - theta h^2 / 2 + weight min(h, wanted)``.

    Parameters
    ----------
    price : float or array, shape (n,)
        Price of energy at the plug [money/kWh].
    stores : StoreColumns
        The batteries.

    Returns
    -------
    array, shape (n,)
        Energy exchanged at the plug [kWh], above 0 when charging; of two equally good, it charges.

    Notes
    -----
    Source of the value without a weight: Khwanrit (2024), eq. (5.16). A kWh missing at departure
    costs the weight, a linear penalty; the sum stays concave in ``h``.
    """
    energy = best_response(price, *stores.plain)
    if isinstance(price, float) and compiled_for(len(energy)):
        found = energy.copy()
        if respond_before_departure(price, *stores.whole, _ROUNDING, found):
            return found
    wanting = np.flatnonzero(stores.miss_weight > 0.0)
    if len(wanting):
        asked = np.broadcast_to(price, energy.shape)[wanting]
        energy[wanting] = _response_with_weight(asked, stores.rows(wanting))
    return energy


def _response_with_weight(price: FloatArray, stores: StoreColumns) -> FloatArray:
    below, above = _parts(stores)
    low, high = best_response(price, *below), best_response(price, *above)
    energy = low + high
    rows = _overlapping(stores)
    if len(rows):
        some = stores.rows(rows)
        lines, switch = _charging_or_discharging(some)
        charging = _at(lines[:2], price[rows], _most(lines[:2]))
        discharging = _at(lines[2:], price[rows], 0.0)
        energy[rows] = np.where(price[rows] <= switch, charging, discharging)
    # The two parts of a bound may add up to a rounding more or less than it.
    for bound in (stores.lower_kwh, stores.upper_kwh):
        energy = np.where(np.abs(energy - bound) <= _ROUNDING * np.abs(bound), bound, energy)
    return np.clip(energy, stores.lower_kwh, stores.upper_kwh)


def answers_before_departure(fixed_kwh: float, stores: StoreColumns) -> Answers:
    """Return what batteries exchange at every price, plus an inelastic load [kWh]."""
    if compiled_for(len(stores.usable_kwh)):
        found = _answers_by_kernel(fixed_kwh, stores)
        if found is not None:
            return found
    wanting = np.flatnonzero(stores.miss_weight > 0.0)
    others = np.flatnonzero(stores.miss_weight == 0.0)
    turning = wanting[_overlapping(stores.rows(wanting))]
    count = len(stores.usable_kwh)
    plain = (np.broadcast_to(column, count)[others] for column in stores.plain)
    parts = [battery_answers(fixed_kwh, *plain)]
    steady = np.setdiff1d(wanting, turning, assume_unique=True)
    parts += [battery_answers(0.0, *part) for part in _parts(stores.rows(steady))]
    if len(turning):
        lines, switch = _charging_or_discharging(stores.rows(turning))
        jump_kwh = _at(lines[:2], switch, _most(lines[:2]))
        jump_kwh -= _at(lines[2:], np.nextafter(switch, np.inf), 0.0)
        most = float(_most(lines[:2]).sum())
        full, empty, slope = (
            np.concatenate(each) for each in zip(*_cut(lines, switch), strict=True)
        )
        jumps = jump_kwh > 0.0
        parts.append(Answers(most, full, empty, slope, 0, switch[jumps], jump_kwh[jumps]))
    return sum_of_answers(parts)


def _answers_by_kernel(fixed_kwh: float, stores: StoreColumns) -> Answers | None:
    """Do as `answers_before_departure`; None where some gain by both at one price."""
    wants = stores.miss_weight > 0.0
    loses = np.not_equal(stores.charge_efficiency, 1.0)
    loses = np.broadcast_to(loses | np.not_equal(stores.discharge_efficiency, 1.0), wants.shape)
    wanting, losing = int(np.count_nonzero(wants)), int(np.count_nonzero(loses))
    both = int(np.count_nonzero(wants & loses))
    # Without losses: those that want nothing, and those that want something.
    others = len(wants) - wanting - (losing - both), wanting - both
    bands = losing + both
    full, empty, slope = np.empty((3, 2 * bands + others[0] + 2 * others[1]))
    most = np.empty(len(wants) - wanting), np.empty(wanting), np.empty(wanting)
    written = lines_before_departure(
        *stores.whole, losing - both, both, *others, full, empty, slope, *most
    )
    if not written:
        return None
    plain, below, above = (float(each.sum()) for each in most)
    return Answers(fixed_kwh + plain + below + above, full, empty, slope, bands)


def curves_before_departure(stores: StoreColumns) -> FloatArray:
    """Return the answer of each battery to every price, a row of `answer_curves.COLUMNS` each."""
    curves = battery_curves(*stores.plain)
    wanting = np.flatnonzero(stores.miss_weight > 0.0)
    curves[wanting] = _curves_with_weight(stores.rows(wanting))
    return curves


def _curves_with_weight(stores: StoreColumns) -> FloatArray:
    below, above = _parts(stores)
    curves, other_part = battery_curves(*below), battery_curves(*above)
    # Of both parts together three lines have a width: the part that the battery is in has two.
    crossed = stores.usable_kwh > stores.wanted_kwh
    curves[crossed], other_part[crossed] = other_part[crossed], curves[crossed]
    curves[:, SATURATED] += other_part[:, SATURATED]
    # Above the energy wanted the other part is what it may discharge below it, else charge above.
    second = crossed & (other_part[:, SECOND][:, 2] > 0.0)
    curves[:, THIRD] = np.where(second[:, None], other_part[:, SECOND], other_part[:, FIRST])
    for row in _overlapping(stores).tolist():
        curves[row] = 0.0
        lines, switch = _charging_or_discharging(stores.rows(np.array([row])))
        cut = [np.concatenate(line) for line in _cut(lines, switch)]
        wide = [line for line in cut if line[1] > line[0]]
        curves[row, SATURATED] = _most(lines[:2])[0]
        for place, line in zip((FIRST, SECOND, THIRD), wide, strict=False):
            curves[row, place] = line
        before = _at(lines[:2], switch, _most(lines[:2]))
        after = _at(lines[2:], np.nextafter(switch, np.inf), 0.0)
        curves[row, JUMP] = switch[0], max(float((before - after)[0]), 0.0)
    return curves


def worth_before_departure(stores: StoreColumns, exchange_kwh: FloatArray) -> FloatArray:
    """Return what each values after an exchange [money], shape (n,)."""
    held = charged(
        stores.usable_kwh, exchange_kwh, stores.charge_efficiency, stores.discharge_efficiency
    )
    worth = satisfaction(stores.lam, stores.theta, held)
    return np.asarray(worth + stores.miss_weight * np.minimum(held, stores.wanted_kwh))


def gain_since(
    stores: StoreColumns, exchange_kwh: FloatArray, paid: FloatArray, worth_before: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what each has gained since its last exchange, and what its energy is worth now.

    Parameters
    ----------
    stores : StoreColumns
        The stores before the exchange.
    exchange_kwh, paid : array, shape (n,)
        What each exchanges [kWh], and pays for it [money].
    worth_before : array, shape (n,)
        Worth of what each held after its last exchange, NaN for none [money]; so that what driving
        has taken since then counts too.

    Returns
    -------
    array, shape (n,)
        The gain [money].
    array, shape (n,)
        The worth after the exchange [money].
    """
    now = worth_before_departure(stores, np.zeros(len(exchange_kwh)))
    after = worth_before_departure(stores, exchange_kwh)
    gain = after - np.where(np.isnan(worth_before), now, worth_before) - paid
    return gain, after


def wanted_usable_kwh(
    departure_soc: FloatOrArray, soc_min: FloatOrArray, capacity_kwh: FloatOrArray
) -> FloatArray:
    """Return the energy above the lowest state of charge that is wanted at departure [kWh]."""
    return np.asarray(np.multiply(np.subtract(departure_soc, soc_min), capacity_kwh))


def _parts(stores: StoreColumns) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the columns of the part below the energy wanted, and of that above it."""
    into, out_of = stores.charge_efficiency, stores.discharge_efficiency
    gap = stores.wanted_kwh - stores.usable_kwh
    split = np.where(gap > 0.0, gap / into, gap * out_of)
    split = np.clip(split, stores.lower_kwh, stores.upper_kwh)
    drawn, bought = np.minimum(split, 0.0), np.maximum(split, 0.0)
    held_low, held_high = stores.usable_kwh + drawn / out_of, stores.usable_kwh + bought * into
    below = (
        np.add(stores.lam, stores.miss_weight), stores.theta, held_low,
        stores.lower_kwh - drawn, bought, into, out_of,
    )  # fmt: skip
    above = (
        stores.lam, stores.theta, held_high, drawn, stores.upper_kwh - bought, into, out_of
    )  # fmt: skip
    return below, above


def _overlapping(stores: StoreColumns) -> NDArray[np.intp]:
    """Return the batteries that gain by charging and by discharging at some prices.

    Such a one holds more than it values, and losses are welcome to it; see
    `hmesh.markets.vehicle_response.switching_price`.
    """
    into, out_of = stores.charge_efficiency, stores.discharge_efficiency
    if is_one(into) and is_one(out_of):
        return np.empty(0, dtype=np.intp)
    value = stores.lam - np.multiply(stores.theta, stores.usable_kwh)
    gap = stores.wanted_kwh - stores.usable_kwh
    more = np.where(gap > 0.0, value + stores.miss_weight, value)
    less = np.where(gap >= 0.0, value + stores.miss_weight, value)
    return np.flatnonzero(np.multiply(into, more) > np.divide(less, out_of))


# Where a line begins and ends to fall, and how steeply, of one battery each.
type _Line = tuple[FloatArray, FloatArray, FloatArray]


def _charging_or_discharging(stores: StoreColumns) -> tuple[list[_Line], FloatArray]:
    """Return the lines of charging above and below the energy wanted, of discharging likewise.

    Each is what the battery would do if it could do nothing else, with the highest price at which
    it charges rather than discharges, shape (n,).
    """
    below, above = _parts(stores)
    into, out_of = np.asarray(stores.charge_efficiency), np.asarray(stores.discharge_efficiency)
    charging, discharging = [], []
    for lam, theta, held, lower, upper, _, _ in (above, below):
        value = np.asarray(lam - np.multiply(theta, held))
        falls = np.multiply(theta, into * into)
        charging.append((into * value - falls * upper, into * value, 1.0 / falls))
        falls = np.divide(theta, out_of * out_of)
        discharging.append((value / out_of, value / out_of - falls * lower, 1.0 / falls))
    lines = [*charging, *discharging]
    return lines, _switch(charging, discharging)


def _switch(charging: list[_Line], discharging: list[_Line]) -> FloatArray:
    """Return the highest price at which charging gains no less than discharging, shape (n,).

    What charging gains is the energy bought, summed over all prices above; what discharging gains
    is the energy sold, summed over all prices below. Their difference falls with the price, is a
    parabola between two kinks, and 0 at the price looked for.
    """
    low = np.min([full for full, _, _ in discharging], axis=0)
    high = np.max([empty for _, empty, _ in charging], axis=0)
    kinks = [np.clip(kink, low, high) for line in (*charging, *discharging) for kink in line[:2]]
    cuts = np.sort(np.stack((low, high, *kinks)), axis=0)
    bought = _at(charging, cuts, _most(charging))
    sold = -_at(discharging, cuts, 0.0)
    widths = np.diff(cuts, axis=0)
    nothing = np.zeros((1, cuts.shape[1]))
    # Trapezoids are exact between kinks.
    gains = np.concatenate((0.5 * widths * (bought[1:] + bought[:-1]), nothing))
    gain_in = np.cumsum(gains[::-1], axis=0)[::-1]
    gain_out = np.cumsum(np.concatenate((nothing, 0.5 * widths * (sold[1:] + sold[:-1]))), axis=0)
    left = gain_in - gain_out
    # The last kink at which charging still gains no less.
    column = np.arange(cuts.shape[1])
    k = np.minimum(np.sum(left >= 0.0, axis=0) - 1, len(cuts) - 2)
    begin, width = cuts[k, column], widths[k, column]
    rate = bought[k, column] + sold[k, column]
    change = bought[k + 1, column] + sold[k + 1, column] - rate
    bend = np.divide(change, width, out=np.zeros_like(width), where=width > 0.0)
    surplus = np.maximum(left[k, column], 0.0)
    divisor = rate + np.sqrt(np.maximum(rate * rate + 2.0 * bend * surplus, 0.0))
    step = np.divide(2.0 * surplus, divisor, out=np.zeros_like(divisor), where=divisor > 0.0)
    return np.asarray(begin + np.minimum(step, width))


def _most(lines: list[_Line]) -> FloatArray:
    """Return what some lines fall in all [kWh], shape (n,)."""
    return np.asarray(sum(slope * (empty - full) for full, empty, slope in lines))


def _at(lines: list[_Line], price: FloatArray, saturated_kwh: FloatOrArray) -> FloatArray:
    """Return what some lines amount to at prices of shape (..., n) [kWh]."""
    fallen = sum(slope * (np.clip(price, full, empty) - full) for full, empty, slope in lines)
    return np.asarray(saturated_kwh - fallen)


def _cut(lines: list[_Line], switch: FloatArray) -> list[_Line]:
    """Return the lines of charging up to a price, and those of discharging from it on."""
    cut = []
    for number, (full, empty, slope) in enumerate(lines):
        if number < 2:
            cut.append((np.minimum(full, switch), np.minimum(empty, switch), slope))
        else:
            cut.append((np.maximum(full, switch), np.maximum(empty, switch), slope))
    return cut


def gain_of_exchange(
    stores: StoreColumns, exchange_kwh: FloatArray, price: FloatOrArray
) -> FloatArray:
    """Return what each gains by an exchange over doing nothing, once it is paid [money].

    Parameters
    ----------
    stores : StoreColumns
        The batteries.
    exchange_kwh : array, shape (n,)
        Energy exchanged at the plug, above 0 when charging [kWh].
    price : float or array, shape (n,)
        Price of it [money/kWh].
    """
    idle = worth_before_departure(stores, np.zeros_like(exchange_kwh))
    worth = worth_before_departure(stores, exchange_kwh)
    return np.asarray(worth - idle - np.multiply(price, exchange_kwh))
