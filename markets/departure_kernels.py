"""Kernels of batteries of which some want energy at their next departure.

They give what `hmesh.markets.departure_value` says, bit for bit, where nobody turns from charging
to discharging at one price.
"""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel


@kernel(
    "f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] i8 i8 i8 i8 f8[]! f8[]! f8[]! f8[]! f8[]! f8[]!"
)
def lines_before_departure(
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    wanted: FloatArray,
    weight: FloatArray,
    losing: int,
    losing_wanting: int,
    lossless: int,
    lossless_wanting: int,
    full: FloatArray,
    empty: FloatArray,
    slope: FloatArray,
    most_plain: FloatArray,
    most_below: FloatArray,
    most_above: FloatArray,
) -> bool:
    """Write the lines of all: first of those with losses that charge, then that discharge.

    Each of these, and the lines of those without losses, begin with batteries that want nothing,
    followed by the parts of the others below the energy wanted and above it.

    Parameters
    ----------
    lam, theta, usable, lower, upper, charge_efficiency, discharge_efficiency, wanted, weight : \
array, shape (n,)
        As those of `hmesh.markets.departure_value.StoreColumns`.
    losing, losing_wanting, lossless, lossless_wanting : int
        How many with losses want nothing or something, and how many without losses do.
    full, empty, slope : array
        Room for the lines.
    most_plain, most_below, most_above : array
        Room for what those that want nothing, and both parts of the others, take at most [kWh].

    Returns
    -------
    bool
        Whether nobody gains by charging and by discharging at one price; else nothing of use is
        written.
    """
    bands = losing + 2 * losing_wanting
    # Where the next line of each kind of battery goes: plain, below and above, with losses or not.
    with_losses = np.array([0, losing, losing + losing_wanting])
    first = 2 * bands
    without = np.array([first, first + lossless, first + lossless + lossless_wanting])
    plain = parted = 0
    for k in range(len(usable)):
        into, out_of = charge_efficiency[k], discharge_efficiency[k]
        loses = into != 1.0 or out_of != 1.0
        wants = weight[k] > 0.0
        drawn = bought = 0.0
        if wants:
            gap = wanted[k] - usable[k]
            if loses:
                value = lam[k] - theta[k] * usable[k]
                more = value + weight[k] if gap > 0.0 else value
                less = value + weight[k] if gap >= 0.0 else value
                if into * more > less / out_of:
                    return False
            split = gap / into if gap > 0.0 else gap * out_of
            split = split if split > lower[k] else lower[k]
            split = split if split < upper[k] else upper[k]
            drawn = split if split < 0.0 else 0.0
            bought = split if split > 0.0 else 0.0
            most_below[parted], most_above[parted] = bought, upper[k] - bought
            parted += 1
        else:
            most_plain[plain] = upper[k]
            plain += 1
        for part in range(2 if wants else 1):
            kind, worth = 0, lam[k]
            held, least, most = usable[k], lower[k], upper[k]
            if wants and part == 0:
                kind, worth = 1, lam[k] + weight[k]
                held, least, most = usable[k] + drawn / out_of, lower[k] - drawn, bought
            elif wants:
                kind = 2
                held, least, most = usable[k] + bought * into, drawn, upper[k] - bought
            if not loses:
                at = without[kind]
                without[kind] = at + 1
                full[at] = worth - (held + most) * theta[k]
                empty[at] = worth - (held + least) * theta[k]
                slope[at] = 1.0 / theta[k]
                continue
            value = worth - theta[k] * held
            if value < 0.0:
                return False
            at = with_losses[kind]
            with_losses[kind] = at + 1
            nothing, falls = value * into, theta[k] * (into * into)
            full[at], empty[at], slope[at] = nothing - most * falls, nothing, 1.0 / falls
            at += bands
            nothing, falls = value / out_of, theta[k] / (out_of * out_of)
            full[at], empty[at], slope[at] = nothing, nothing - least * falls, 1.0 / falls
    return True


@kernel("f8 f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8 f8[]!")
def respond_before_departure(
    price: float,
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    wanted: FloatArray,
    weight: FloatArray,
    rounding: float,
    energy: FloatArray,
) -> bool:
    """Write the best exchanges at a price of those that want energy; others stay as they are.

    Parameters
    ----------
    price : float
        Price of energy at the plug [money/kWh].
    rounding : float
        Share of a bound that two parts of it may differ by in sum [-].
    energy : array, shape (n,)
        Exchanges at the plug [kWh].

    Returns
    -------
    bool
        Whether nobody gains by charging and by discharging at one price; else nothing of use is
        written.
    """
    for k in range(len(usable)):
        if not weight[k] > 0.0:
            continue
        into, out_of = charge_efficiency[k], discharge_efficiency[k]
        loses = into != 1.0 or out_of != 1.0
        gap = wanted[k] - usable[k]
        if loses:
            value = lam[k] - theta[k] * usable[k]
            more = value + weight[k] if gap > 0.0 else value
            less = value + weight[k] if gap >= 0.0 else value
            if into * more > less / out_of:
                return False
        split = gap / into if gap > 0.0 else gap * out_of
        split = split if split > lower[k] else lower[k]
        split = split if split < upper[k] else upper[k]
        drawn = split if split < 0.0 else 0.0
        bought = split if split > 0.0 else 0.0
        total = 0.0
        for part in range(2):
            if part == 0:
                worth = lam[k] + weight[k]
                held, least, most = usable[k] + drawn / out_of, lower[k] - drawn, bought
            else:
                worth = lam[k]
                held, least, most = usable[k] + bought * into, drawn, upper[k] - bought
            if not loses:
                answer = (worth - price) / theta[k] - held
                answer = answer if answer > least else least
                total += answer if answer < most else most
                continue
            value = worth - theta[k] * held
            if value < 0.0:
                return False
            charge = (value - price / into) / (theta[k] * into)
            charge = charge if charge > 0.0 else 0.0
            charge = charge if charge < most else most
            discharge = (value - price * out_of) * (out_of / theta[k])
            discharge = discharge if discharge > least else least
            discharge = discharge if discharge < 0.0 else 0.0
            total += charge + discharge
        total = lower[k] if abs(total - lower[k]) <= rounding * abs(lower[k]) else total
        total = upper[k] if abs(total - upper[k]) <= rounding * abs(upper[k]) else total
        total = total if total > lower[k] else lower[k]
        energy[k] = total if total < upper[k] else upper[k]
    return True
