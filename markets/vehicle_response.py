"""The best response of a battery to a price: how much it buys or sells."""

from functools import partial

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import is_one
from hmesh.environment.compiled import compiled_for, whole
from hmesh.environment.row_threads import over_rows
from hmesh.markets.answer_kernels import respond_lossless, respond_with_losses

type FloatOrArray = float | FloatArray


def best_response(
    price: FloatOrArray,
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatOrArray,
    lower_kwh: FloatOrArray,
    upper_kwh: FloatOrArray,
    charge_efficiency: FloatOrArray = 1.0,
    discharge_efficiency: FloatOrArray = 1.0,
) -> FloatArray:
    """Return the energy that maximises a vehicle's satisfaction less its payment.

    The satisfaction of holding ``h`` is ``lam * h - theta / 2 * h**2``. Charging ``x`` at the plug
    leaves ``h = usable_kwh + charge_efficiency * x``, drawing ``-x`` from it
    ``h = usable_kwh + x / discharge_efficiency``.

    Parameters
    ----------
    price : float or array, shape (n,)
        Price of energy at the plug [money/kWh].
    lam : float or array, shape (n,)
        Marginal utility at zero [money/kWh].
    theta : float or array, shape (n,)
        Slope of marginal utility: its decrease with every kWh held [money/kWh^2], above 0.
    usable_kwh : float or array, shape (n,)
        Stored energy above the lowest permitted state of charge [kWh]; may be negative.
    lower_kwh, upper_kwh : float or array, shape (n,)
        Bounds of the exchange at the plug in this step [kWh], ``lower_kwh <= upper_kwh``; with an
        efficiency below 1 also ``lower_kwh <= 0 <= upper_kwh``.
    charge_efficiency, discharge_efficiency : float or array, shape (n,), optional
        From the plug to the store and from the store to the plug, 0 < efficiency <= 1 [-].

    Returns
    -------
    array, shape (n,)
        Energy exchanged at the plug [kWh], above 0 when charging.

    Notes
    -----
    With the marginal value ``v = lam - theta * usable_kwh`` it charges below the price
    ``charge_efficiency * v``, discharges above ``v / discharge_efficiency``, and stays idle between
    them. Where ``v`` is below 0 the two ranges overlap; `switching_price` parts them. Source:
    Khwanrit (2024), eq. (5.16), with the bounds of eq. (5.2) applied; the source has no losses.
    """
    lossless_all = is_one(charge_efficiency) and is_one(discharge_efficiency)
    if isinstance(price, float) and isinstance(usable_kwh, np.ndarray) and usable_kwh.ndim == 1:
        found = _by_kernel(
            price, lam, theta, usable_kwh, lower_kwh, upper_kwh, charge_efficiency,
            discharge_efficiency, lossless=lossless_all,
        )  # fmt: skip
        if found is not None:
            return found
    if lossless_all:
        return _lossless(price, lam, theta, usable_kwh, lower_kwh, upper_kwh)
    value = np.asarray(np.subtract(lam, np.multiply(theta, usable_kwh)))
    charge = np.asarray(np.subtract(value, np.divide(price, charge_efficiency)))
    np.divide(charge, np.multiply(theta, charge_efficiency), out=charge)
    np.maximum(charge, 0.0, out=charge)
    np.minimum(charge, upper_kwh, out=charge)
    discharge = np.asarray(np.subtract(value, np.multiply(price, discharge_efficiency)))
    np.multiply(discharge, np.divide(discharge_efficiency, theta), out=discharge)
    np.maximum(discharge, lower_kwh, out=discharge)
    np.minimum(discharge, 0.0, out=discharge)
    if (value < 0.0).any():
        switch = switching_price(
            value, theta, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency
        )
        either = np.where(np.less_equal(price, switch), charge, discharge)
        energy = np.where(value < 0.0, either, charge + discharge)
    else:
        energy = np.add(charge, discharge, out=charge)
    lossless = np.equal(charge_efficiency, 1.0) & np.equal(discharge_efficiency, 1.0)
    if lossless.any():
        plain = _lossless(price, lam, theta, usable_kwh, lower_kwh, upper_kwh)
        energy = np.where(lossless, plain, energy)
    return energy


def _by_kernel(
    price: float,
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatArray,
    *others: FloatOrArray,
    lossless: bool,
) -> FloatArray | None:
    """Return the best exchange by a kernel; None for few batteries, or where some have a jump."""
    if not compiled_for(len(usable_kwh)):
        return None
    columns = [whole(column, usable_kwh) for column in (lam, theta, usable_kwh, *others)]
    energy = np.empty(len(usable_kwh))
    if lossless:
        contiguous = (np.ascontiguousarray(each) for each in columns[2:5])
        over_rows(partial(respond_lossless, price), *columns[:2], *contiguous, energy)
        return energy
    known = over_rows(partial(respond_with_losses, price), *columns, energy)
    return energy if all(known) else None


def _lossless(
    price: FloatOrArray,
    lam: FloatOrArray,
    theta: FloatOrArray,
    usable_kwh: FloatOrArray,
    lower_kwh: FloatOrArray,
    upper_kwh: FloatOrArray,
) -> FloatArray:
    """Return the best exchange without losses: the unbounded one or the feasible one next to it."""
    wanted = np.asarray(np.subtract(lam, price) / theta - usable_kwh)
    np.maximum(wanted, lower_kwh, out=wanted)
    return np.minimum(wanted, upper_kwh, out=wanted)


def switching_price(
    value: FloatOrArray,
    theta: FloatOrArray,
    lower_kwh: FloatOrArray,
    upper_kwh: FloatOrArray,
    charge_efficiency: FloatOrArray,
    discharge_efficiency: FloatOrArray,
) -> FloatArray:
    """Return the highest price at which a battery that holds more than it values still charges.

    Parameters
    ----------
    value : float or array, shape (n,)
        Marginal value of the energy held [money/kWh], below 0; losses are welcome then, and both
        charging and discharging can be better than staying idle.
    theta, lower_kwh, upper_kwh, charge_efficiency, discharge_efficiency : float or array
        As in `best_response`, shape (n,).

    Returns
    -------
    array, shape (n,)
        Price [money/kWh] at which it gains as much by charging as by discharging; what it gains by
        charging falls with the price, what it gains by discharging rises. It charges there, and
        discharges above. Of no meaning where ``value`` is not below 0.
    """
    into, out_of = np.asarray(charge_efficiency), np.asarray(discharge_efficiency)
    most_in, most_out = np.asarray(upper_kwh), np.negative(lower_kwh)
    with np.errstate(all="ignore"):
        held_in, held_out = into * most_in, most_out / out_of
        full = into * (value - theta * held_in)
        empty = (value + theta * held_out) / out_of
        gain_in, gain_out = 0.5 * theta * held_in * held_in, 0.5 * theta * held_out * held_out
        # Each gain is a parabola that its bound continues as a line.
        by_discharge = _gain(out_of * full - value, theta, held_out)
        by_charge = _gain(value - empty / into, theta, held_in)
        all_in, all_out = gain_in <= by_discharge, by_charge >= gain_out
        spread = value * (into - 1.0 / out_of)
        surplus = _positive_root(most_in * spread - gain_in, most_in / out_of, theta)
        lack = _positive_root(most_out * spread - gain_out, most_out * into, theta)
        lines = 2.0 * value * into / (1.0 + into * out_of)
        sums = most_in * into * value + most_out * value / out_of - gain_in + gain_out
        bounds = sums / (most_in + most_out)
        price = np.where(
            all_in,
            np.where(all_out, bounds, (value + surplus) / out_of),
            np.where(all_out, into * (value - lack), lines),
        )
    # Who can exchange nothing switches anywhere; rounding may leave the range.
    price = np.where(np.isnan(price), into * value, price)
    return np.asarray(np.clip(price, value / out_of, into * value))


def _gain(margin: FloatArray, theta: FloatOrArray, most_held_kwh: FloatArray) -> FloatArray:
    """Return the gain of changing what is held at a margin on each kWh [money]."""
    held = np.minimum(np.maximum(margin, 0.0) / theta, most_held_kwh)
    return np.asarray(held * (margin - 0.5 * theta * held))


def _positive_root(constant: FloatArray, linear: FloatArray, theta: FloatOrArray) -> FloatArray:
    """Return the root of ``s**2 / (2 theta) + linear s = constant``, in the form that is exact."""
    divisor = linear + np.sqrt(np.maximum(linear * linear + 2.0 * constant / theta, 0.0))
    root = np.divide(2.0 * constant, divisor, out=np.zeros_like(divisor), where=divisor > 0)
    return np.maximum(root, 0.0)
