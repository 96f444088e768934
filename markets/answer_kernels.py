"""Kernels of what batteries answer to prices: their lines, and their best exchange at one price.

They give what `hmesh.markets.best_response` and `hmesh.markets.answers.battery_answers`
say of batteries that value what they hold, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel


@kernel("f8[] f8[] f8[]= f8[]= f8[]= f8[]! f8[]!")
def one_line(
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    full: FloatArray,
    empty: FloatArray,
) -> None:
    """Write the prices at which the lines of batteries without losses begin and end."""
    if lam.strides[0] == 0 and theta.strides[0] == 0 and len(full) > 0:
        value, falls = lam[0], theta[0]
        for k in range(len(full)):
            full[k] = value - (usable[k] + upper[k]) * falls
            empty[k] = value - (usable[k] + lower[k]) * falls
        return
    for k in range(len(full)):
        full[k] = lam[k] - (usable[k] + upper[k]) * theta[k]
        empty[k] = lam[k] - (usable[k] + lower[k]) * theta[k]


@kernel("f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[]! f8[]! f8[]! f8[]! f8[]! f8[]!")
def two_lines(
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    full: FloatArray,
    empty: FloatArray,
    slope: FloatArray,
    discharging_full: FloatArray,
    discharging_empty: FloatArray,
    discharging_slope: FloatArray,
) -> bool:
    """Write the lines of batteries with losses, on which they charge and on which they discharge.

    Returns
    -------
    bool
        Whether none holds more than it values; else lines jump, and nothing of use is written.
    """
    for k in range(len(usable)):
        into, out_of = charge_efficiency[k], discharge_efficiency[k]
        value = lam[k] - theta[k] * usable[k]
        if value < 0.0:
            return False
        nothing = value * into
        falls = theta[k] * (into * into)
        full[k], empty[k] = nothing - upper[k] * falls, nothing
        slope[k] = 1.0 / falls
        nothing = value / out_of
        falls = theta[k] / (out_of * out_of)
        discharging_full[k], discharging_empty[k] = nothing, nothing - lower[k] * falls
        discharging_slope[k] = 1.0 / falls
    return True


@kernel("f8 f8[] f8[] f8[]= f8[]= f8[]= f8[]!")
def respond_lossless(
    price: float,
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    energy: FloatArray,
) -> None:
    """Write the best exchanges of batteries without losses at a price."""
    if lam.strides[0] == 0 and theta.strides[0] == 0 and len(energy) > 0:
        most = (lam[0] - price) / theta[0]
        for k in range(len(energy)):
            wanted = most - usable[k]
            wanted = wanted if wanted > lower[k] else lower[k]
            energy[k] = wanted if wanted < upper[k] else upper[k]
        return
    for k in range(len(energy)):
        wanted = (lam[k] - price) / theta[k] - usable[k]
        wanted = wanted if wanted > lower[k] else lower[k]
        energy[k] = wanted if wanted < upper[k] else upper[k]


@kernel("f8[] f8[] f8[] f8[] f8[] f8[] f8[,]!")
def respond_to_prices(
    prices: FloatArray,
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    energy: FloatArray,
) -> None:
    """Write the best exchanges of batteries without losses at several prices, one row for each."""
    count = energy.shape[1]
    # Contiguous copies, so that several batteries are worked on at once.
    value, fall = np.empty(count), np.empty(count)
    held, least, most = np.empty(count), np.empty(count), np.empty(count)
    for k in range(count):
        value[k], fall[k] = lam[k], theta[k]
        held[k], least[k], most[k] = usable[k], lower[k], upper[k]
    for row in range(len(prices)):
        price, answers = prices[row], energy[row]
        for k in range(count):
            wanted = (value[k] - price) / fall[k] - held[k]
            wanted = wanted if wanted > least[k] else least[k]
            answers[k] = wanted if wanted < most[k] else most[k]


@kernel("f8 f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[]!")
def respond_with_losses(
    price: float,
    lam: FloatArray,
    theta: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    energy: FloatArray,
) -> bool:
    """Write the best exchanges at a price of batteries of which some have losses.

    Returns
    -------
    bool
        Whether none with losses holds more than it values; else nothing of use is written.
    """
    for k in range(len(energy)):
        into, out_of = charge_efficiency[k], discharge_efficiency[k]
        if into == 1.0 and out_of == 1.0:
            wanted = (lam[k] - price) / theta[k] - usable[k]
            wanted = wanted if wanted > lower[k] else lower[k]
            energy[k] = wanted if wanted < upper[k] else upper[k]
            continue
        value = lam[k] - theta[k] * usable[k]
        if value < 0.0:
            return False
        charge = (value - price / into) / (theta[k] * into)
        charge = charge if charge > 0.0 else 0.0
        charge = charge if charge < upper[k] else upper[k]
        discharge = (value - price * out_of) * (out_of / theta[k])
        discharge = discharge if discharge > lower[k] else lower[k]
        discharge = discharge if discharge < 0.0 else 0.0
        energy[k] = charge + discharge
    return True


@kernel("f8[]= f8[]= f8[]= f8[]=")
def bounded(
    exchange: FloatArray, lower: FloatArray, upper: FloatArray, usable: FloatArray
) -> tuple[int, int]:
    """Count those that would exchange more if bounds allowed it, and those that hold too little."""
    at_bound = below = 0
    for k in range(len(exchange)):
        ends = (exchange[k] <= lower[k]) | (exchange[k] >= upper[k])
        at_bound += 1 if ends & (lower[k] < upper[k]) else 0
        below += 1 if usable[k] < -1e-9 else 0
    return at_bound, below


@kernel("i8[] f8[] f8[] f8[] f8[] f8[]!")
def exchange_energy(
    rows: NDArray[np.int64],
    held: FloatArray,
    exchange: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    energy: FloatArray,
) -> None:
    """Write what batteries of some rows hold after an exchange at their plugs."""
    for k in range(len(rows)):
        at_plug = exchange[k]
        into = at_plug * charge_efficiency[k]
        stored = into if at_plug > 0.0 else at_plug / discharge_efficiency[k]
        energy[rows[k]] = held[k] + stored


@kernel("i8[] f8[] f8 f8[]! f8[]! f8[]! f8[]!")
def pay_for_exchange(
    rows: NDArray[np.int64],
    exchange: FloatArray,
    price: float,
    bought: FloatArray,
    sold: FloatArray,
    paid: FloatArray,
    received: FloatArray,
) -> None:
    """Add to accounts what some rows pay and receive at a price for what they exchange."""
    for k in range(len(rows)):
        energy, row = exchange[k], rows[k]
        if energy > 0.0:
            bought[row] += energy
            paid[row] += price * energy
        elif energy < 0.0:
            sold[row] += -energy
            received[row] += price * -energy


@kernel("f8[]=")
def exchanged_sums(exchange: FloatArray) -> tuple[float, float, float]:
    """Return the sums of exchanges, of what of them is charged, and of what is discharged.

    Numbers are added in the order of `numpy.sum`: pairs of halves, and blocks of at most 128
    numbers by eight sums side by side.
    """

    def part(energy: float, kind: int) -> float:
        if kind == 0:
            return energy
        if kind == 1:
            return energy if energy > 0.0 else 0.0
        return -energy if energy < 0.0 else 0.0

    def leaf(exchange: FloatArray, kind: int) -> float:
        total, whole = 0.0, len(exchange) // 8
        if whole > 0:
            one = two = three = four = five = six = seven = eight = 0.0
            for k in range(whole):
                one += part(exchange[8 * k], kind)
                two += part(exchange[8 * k + 1], kind)
                three += part(exchange[8 * k + 2], kind)
                four += part(exchange[8 * k + 3], kind)
                five += part(exchange[8 * k + 4], kind)
                six += part(exchange[8 * k + 5], kind)
                seven += part(exchange[8 * k + 6], kind)
                eight += part(exchange[8 * k + 7], kind)
            total = ((one + two) + (three + four)) + ((five + six) + (seven + eight))
        for k in range(8 * whole, len(exchange)):
            total += part(exchange[k], kind)
        return total

    total = charged = discharged = 0.0
    # A stack of halves that are still to be added; each half of them is on it at most once.
    begins, ends = np.empty(64, np.int64), np.empty(64, np.int64)
    depth = np.empty(64, np.int64)
    sums = np.empty((64, 3))
    levels = np.empty(64, np.int64)
    waiting = done = 0
    begins[0], ends[0], depth[0] = 0, len(exchange), 0
    waiting = 1
    while waiting:
        waiting -= 1
        begin, end, level = begins[waiting], ends[waiting], depth[waiting]
        count = end - begin
        if count > 128:
            half = count // 2
            half -= half % 8
            begins[waiting], ends[waiting], depth[waiting] = begin + half, end, level + 1
            waiting += 1
            begins[waiting], ends[waiting], depth[waiting] = begin, begin + half, level + 1
            waiting += 1
            continue
        total, charged, discharged = (
            leaf(exchange[begin:end], 0), leaf(exchange[begin:end], 1),
            leaf(exchange[begin:end], 2),
        )  # fmt: skip
        # A half whose other half is known already is added to it.
        while done and levels[done - 1] == level:
            done -= 1
            total = sums[done, 0] + total
            charged = sums[done, 1] + charged
            discharged = sums[done, 2] + discharged
            level -= 1
        sums[done, 0], sums[done, 1], sums[done, 2] = total, charged, discharged
        levels[done] = level
        done += 1
    return total, charged, discharged
