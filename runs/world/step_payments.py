"""What all members of a world buy and sell in a step, and pay and receive for it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.world.member_payments import MemberPayments, at_price

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


def step_payments(simulation: "Simulation", *, by_member: bool) -> Iterator[MemberPayments]:
    """Yield what members buy and sell in a step at their own prices.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy, its prices being set.
    by_member : bool
        Whether agents of schemes are among them; else households and buildings alone.
    """
    price = simulation.paid_price()
    paid_for_generation = simulation.setting.scenario.photovoltaics
    for kind, group in simulation.consumers.items():
        if not len(group):
            continue
        where, load = group.population["community"], group.population["load_kwh"]
        generated = simulation.meters.generated_kwh.get(kind)
        if generated is None or not paid_for_generation:
            generated = np.zeros(len(load))
        yield at_price(f"{kind.scenario_name}s", price[where], load, generated)
    for each in simulation.schemes.values():
        yield from each.consumer_payments()
        if by_member:
            yield from each.member_payments()
