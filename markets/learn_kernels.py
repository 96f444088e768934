"""The kernel of an aggregator that learns what vehicles want from what they answer.

It gives what `hmesh.markets.learned_lines` says of vehicles that all answered, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel

type Flags = NDArray[np.bool_]

# What `learn_lines` returns as its first number: all went well; or the array rule has to do it,
# since somebody was silent or holds more than it values.
DONE, LEFT = 0, 1
# More than prices are ever asked.
SEEN = 2**20


@kernel(
    "f8[] f8[,]! f8[] f8[] f8 f8[]! f8[]! f8[]! f8[]! b1[]! f8[]! b1[]! b1[]! "
    "f8[]! f8[]! f8[]! f8[]!"
)
def learn_lines(
    prices: FloatArray,
    answers: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    agreement: float,
    full: FloatArray,
    empty: FloatArray,
    slope: FloatArray,
    taken: FloatArray,
    unexplained: Flags,
    inelastic: FloatArray,
    two: Flags,
    unknown: Flags,
    value: FloatArray,
    theta: FloatArray,
    least_kwh: FloatArray,
    most_kwh: FloatArray,
) -> tuple[int, float, float]:
    """Write the line, or the two lines, of every vehicle.

    Parameters
    ----------
    prices : array, shape (prices,)
        Prices asked, ascending [money/kWh].
    answers : array, shape (prices, n)
        What every vehicle answered [kWh].
    charge_efficiency, discharge_efficiency : array, shape (n,)
        What its plug states [-].
    agreement : float
        How far an answer may be from a line that explains it.
    full, empty, slope : array, shape (n,)
        Room for one line of each that has one.
    taken : array, shape (n,)
        Room for what each exchanges at the lowest price, or for what is assumed of it.
    unexplained : array of bool, shape (n,)
        Room for whether neither one line nor two explain it.
    inelastic : array, shape (n,)
        Room for the energy assumed of those.
    two : array of bool, shape (n,)
        Room for who has two lines; of the others the next four say nothing.
    unknown : array of bool, shape (n,)
        Room for whose lines more answers would show.
    value, theta, least_kwh, most_kwh : array, shape (n,)
        Room for marginal value [money/kWh], its fall with the energy held [money/kWh^2], and bounds
        [kWh].

    Returns
    -------
    what : int
        `DONE` or `LEFT`.
    below, above : float
        Prices between which the widest gap is in what is known of a vehicle; equal for none.
    """
    count, size = len(prices), answers.shape[1]
    middle_row = count // 2
    widest = gap_below = gap_above = 0.0
    asked = np.empty(count)
    # One price after another for all and without a branch, so that several are looked at at once:
    # how many answers are the first one or more, how many are above the last one, and how many are
    # none above the one before.
    seen = np.zeros(size, np.int64)
    highest, lowest = answers[0].copy(), answers[count - 1].copy()
    for k in range(count):
        row, before_row = answers[k], answers[max(k - 1, 0)]
        for j in range(size):
            energy = row[j]
            seen[j] += (
                (1 if energy >= highest[j] else 0)
                + (SEEN if energy > lowest[j] else 0)
                + (SEEN * SEEN if energy <= before_row[j] else 0)
            )
    lines, allowed_of, farthest = np.empty(size, np.int64), np.empty(size), np.zeros(size)
    line_price, line_kwh = np.empty(size), np.empty(size)
    for j in range(size):
        into, out_of = charge_efficiency[j], discharge_efficiency[j]
        losing = into != 1.0 or out_of != 1.0
        most, least = highest[j], lowest[j]
        points = first = drop = bottom = 0
        last = count - 1
        constant, largest = True, 0.0
        if not losing and seen[j] >= count * SEEN * SEEN:
            # Answers that never rise: places follow from numbers.
            constant = most == least
            size_of, largest = most if most > 0.0 else -most, least if least > 0.0 else -least
            largest = size_of if size_of > largest else largest
            if not constant:
                drop, bottom = seen[j] % SEEN, (seen[j] // SEEN) % SEEN
                points = bottom - drop
                if points > 0:
                    first, last = drop, bottom - 1
        else:
            bottom_found = False
            for k in range(count):
                energy = answers[k, j]
                if energy != energy:
                    return LEFT, 0.0, 0.0
                asked[k] = energy
                size_of = energy if energy > 0.0 else -energy
                largest = size_of if size_of > largest else largest
                constant = constant and energy == most
                if not bottom_found and energy <= least:
                    bottom, bottom_found = k, True
                if energy < most:
                    if drop == 0:
                        drop = k
                    if energy > least and not (losing and energy == 0.0):
                        if points == 0:
                            first = k
                        last = k
                        points += 1
        before = drop - 1 if drop > 0 else 0
        unknown[j] = points < 2 and most != least
        if unknown[j]:
            below, above = prices[before], prices[bottom]
            if points == 1:
                middle = prices[drop]
                if middle - below > above - middle:
                    above = middle
                else:
                    below = middle
            if losing:
                longest, at = 0.0, 0
                for k in range(count - 1):
                    if asked[k] > asked[k + 1] and prices[k + 1] - prices[k] > longest:
                        longest, at = prices[k + 1] - prices[k], k
                below, above = prices[at], prices[at + 1]
            if above - below > widest:
                widest, gap_below, gap_above = above - below, below, above
        unexplained[j], inelastic[j], two[j] = False, 0.0, False
        lines[j], line_price[j], line_kwh[j], slope[j] = 0, prices[0], most, 1.0
        if losing and points >= 2:
            change_first = asked[first] * into if asked[first] > 0.0 else asked[first] / out_of
            value_first = prices[first] / into if asked[first] > 0.0 else prices[first] * out_of
            change_last = asked[last] * into if asked[last] > 0.0 else asked[last] / out_of
            value_last = prices[last] / into if asked[last] > 0.0 else prices[last] * out_of
            falls = (value_last - value_first) / (change_first - change_last)
            worth = value_first + falls * change_first
            if np.isfinite(falls) and falls > 0.0 and np.isfinite(worth):
                upper = most if most > 0.0 else 0.0
                lower = least if least < 0.0 else 0.0
                if worth < 0.0:
                    return LEFT, 0.0, 0.0
                ends = most if most > 0.0 else -most
                other = least if least > 0.0 else -least
                allowed = agreement * (1.0 + (ends if ends > other else other))
                close = True
                for k in range(count):
                    charge = (worth - prices[k] / into) / (falls * into)
                    charge = charge if charge > 0.0 else 0.0
                    charge = charge if charge < upper else upper
                    discharge = (worth - prices[k] * out_of) * (out_of / falls)
                    discharge = discharge if discharge > lower else lower
                    discharge = discharge if discharge < 0.0 else 0.0
                    off = (charge + discharge) - asked[k]
                    close = close and (off if off > 0.0 else -off) <= allowed
                if close:
                    two[j] = True
                    value[j], theta[j] = worth, falls
                    least_kwh[j], most_kwh[j] = lower, upper
                    continue
        full[j], empty[j], taken[j] = prices[0], prices[0], most
        if constant:
            continue
        anchor = first if points >= 1 else before
        at_kwh = answers[anchor, j]
        if points >= 2:
            steep = (at_kwh - answers[last, j]) / (prices[last] - prices[first])
        elif points == 1:
            left = (most - at_kwh) / (prices[first] - prices[before])
            right = (at_kwh - least) / (prices[bottom] - prices[first])
            steep = left if left > right else right
        else:
            steep = (most - least) / (prices[bottom] - prices[before])
        line_price[j], line_kwh[j] = prices[anchor], at_kwh
        if steep > 0.0 and np.isfinite(steep):
            lines[j], slope[j] = 1, steep
        else:
            lines[j] = -1
        allowed_of[j] = agreement * (1.0 + largest)
    # What lines say, one price after another again.
    for k in range(count):
        row, price = answers[k], prices[k]
        for j in range(size):
            off = line_kwh[j] - (price - line_price[j]) * slope[j]
            off = off if off > lowest[j] else lowest[j]
            off = off if off < highest[j] else highest[j]
            off -= row[j]
            off = off if off > 0.0 else -off
            farthest[j] = off if off > farthest[j] else farthest[j]
    for j in range(size):
        if lines[j] == 0:
            continue
        if lines[j] == 1 and farthest[j] <= allowed_of[j]:
            full[j] = line_price[j] - (highest[j] - line_kwh[j]) / slope[j]
            empty[j] = line_price[j] + (line_kwh[j] - lowest[j]) / slope[j]
        else:
            slope[j] = 1.0
            unexplained[j] = True
            inelastic[j] = taken[j] = answers[middle_row, j]
    return DONE, gap_below, gap_above
