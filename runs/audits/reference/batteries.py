"""What a battery may exchange in a step, and what it holds afterwards."""

import numpy as np

from hmesh.runs.audits.reference.stores import Array, Numbers


def held_after(
    held_kwh: Array, exchange_kwh: Array, charge_efficiency: Numbers, discharge_efficiency: Numbers
) -> Array:
    """Return the energy held after an exchange at the plug [kWh].

    Of what is drawn ``charge_efficiency`` is stored; of what is taken from the store
    ``discharge_efficiency`` is delivered.
    """
    drawn, delivered = np.maximum(exchange_kwh, 0.0), np.maximum(-exchange_kwh, 0.0)
    after: Array = held_kwh + charge_efficiency * drawn - delivered / discharge_efficiency
    return after


def most_charge(
    held_kwh: Array, highest_kwh: Numbers, rated_kwh: Numbers, charge_efficiency: Numbers
) -> Array:
    """Return the most that may be drawn [kWh]: until it is full, and no more than its rating."""
    room = np.maximum(highest_kwh - held_kwh, 0.0)
    return np.minimum(room / charge_efficiency, rated_kwh)


def most_discharge(
    held_kwh: Array, kept_kwh: Numbers, rated_kwh: Numbers, discharge_efficiency: Numbers
) -> Array:
    """Return the most that may be delivered [kWh]: what is not kept, no more than its rating."""
    spare = np.maximum(held_kwh - kept_kwh, 0.0)
    return np.minimum(spare * discharge_efficiency, rated_kwh)


def plugged_rating(power_kw: Numbers, step_h: float, plugged_part: Array) -> Array:
    """Return what the plug lets pass in the part of a step in which it is plugged in [kWh]."""
    in_use = np.greater(plugged_part, 0.0)
    # A rating may be infinite, of which no part is nothing.
    hours = np.where(in_use, plugged_part * step_h, 1.0)
    return np.where(in_use, power_kw * hours, 0.0)
