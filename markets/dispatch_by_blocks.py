"""A cheap dispatch of a house whose days cannot be proved one by one: block after block of days.

One programme of many days with binary variables may take hours, and with a time limit its result
would depend on the machine. Blocks of a few days end soon, wherever they are solved. Each begins
with what the one before left, and sees some days more than are kept of it, after which what it
holds is worth what filling the storages costs around that midnight. That is a dispatch, though
perhaps not the cheapest; a bound comes from elsewhere.
"""

from dataclasses import fields

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.dispatch_by_days import worth_at_midnights
from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HouseFlows, HousePrices
from hmesh.markets.house_programme import HouseProgramme, Stored, burning

DAYS_OF_A_BLOCK = 7
DAYS_AHEAD = 3


def dispatch_by_blocks(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    start: Stored,
    gap: float = 1e-6,
    most_nodes: int = 1000,
) -> HouseFlows:
    """Return a dispatch that is the cheapest within every block of days.

    Parameters
    ----------
    demand, devices, prices, start : HouseDemand, HouseDevices, HousePrices, Stored
        As for `dispatch_exactly`.
    gap : float, optional
        Share of the cost by which a cheaper dispatch of a block may be missed.
    most_nodes : int, optional
        Nodes of the search tree of a block after which the best found so far is taken.

    Raises
    ------
    InputError
        If what a block leaves is too little for the heat of the next, or nothing was found.
    """
    first = np.flatnonzero(np.diff(demand.day, prepend=demand.day[:1] - 1))
    worth = worth_at_midnights(devices, prices, first)
    edges = np.append(first, demand.steps)
    held, blocks = start, []
    for day in range(0, len(first), DAYS_OF_A_BLOCK):
        seen = min(day + DAYS_OF_A_BLOCK + DAYS_AHEAD, len(first))
        cut = slice(int(edges[day]), int(edges[seen]))
        block = demand.between(cut.start, cut.stop), devices, prices.of_steps(cut)
        flows = _block(*block, held, worth[seen], gap, most_nodes)
        kept = int(edges[min(day + DAYS_OF_A_BLOCK, len(first))] - edges[day])
        blocks.append({each.name: getattr(flows, each.name)[:kept] for each in fields(flows)})
        held = Stored(float(flows.stored_kwh[kept - 1]), float(flows.tank_kwh[kept - 1]))
    return HouseFlows(
        **{each.name: np.concatenate([b[each.name] for b in blocks]) for each in fields(HouseFlows)}
    )


def _block(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    held: Stored,
    worth: FloatArray,
    gap: float,
    most_nodes: int,
) -> HouseFlows:
    """Return the cheapest dispatch of a block, what it holds at last being worth something."""
    for everywhere in (False, True):
        programme = HouseProgramme(demand, devices, prices, start=held)
        programme.forbid_at_once(everywhere=everywhere)
        for level, value in zip(("eb", "et"), worth.tolist(), strict=True):
            programme.cost[programme.of[level][-1]] -= value
        flows = programme.flows(programme.solution(gap, most_nodes).x)
        if not burning(flows):
            break
    return flows
