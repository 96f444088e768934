"""What members have paid so far, compared with the first strategy of the same run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.distribution import gini, net_bill, savings, share_of_largest, share_worse_off

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

TOP = 0.1


def bills_of(simulation: "Simulation", price: float) -> dict[str, FloatArray]:
    """Return the bill of every member by kind, the change of its stored energy valued.

    Parameters
    ----------
    simulation : Simulation
        A world; where it keeps no account of every member there are no bills.
    price : float
        What a kWh in store is worth [money/kWh].

    Returns
    -------
    dict of array, shape (members,)
        What each has paid less what it was paid and what it has more in store [money].
    """
    accounts = simulation.accounts
    if accounts is None or not accounts.by_member:
        return {}
    stored, found = accounts.stored_kwh(), {}
    for kind, held in accounts.kinds.items():
        change = np.zeros(len(held.community))
        if kind in stored:
            change = stored[kind] - accounts.stored_first_kwh[kind]
        found[kind] = net_bill(held.total("paid"), held.total("received"), change, price)
    return found


def compare_with_first(simulations: Sequence["Simulation"]) -> None:
    """Let worlds that make each step one after another know the first of them."""
    for each in simulations:
        each.first = simulations[0]


class ComparedBills:
    """The bills of one world before the step that is settled, beside those of the first strategy.

    Energy in store and payments are those of the same moment, the end of the step before: what is
    bought in a step is in store after it alone.

    Attributes
    ----------
    bills : dict of array, shape (members,)
        By kind [money].
    price : float
        What a kWh in store is worth: the mean price of the utility so far [money/kWh].
    """

    def __init__(self) -> None:
        self.bills: Mapping[str, FloatArray] = {}
        self.price = float("nan")

    def read(self, simulation: "Simulation") -> None:
        """Read the bills, before anybody pays for the step."""
        accounts, step = simulation.accounts, simulation.step_index
        if accounts is None or not step:
            self.bills = {}
            return
        first = simulation.first
        if first is None or first is simulation or first.recent is None:
            self.price = accounts.utility_price_sum / step
        else:
            self.price = first.recent.compared.price
        self.bills = bills_of(simulation, self.price)

    def saved(self, simulation: "Simulation", kind: str) -> FloatArray | None:
        """Return what each member of a kind has saved, None where that is not known [money]."""
        first = simulation.first
        if first is None or first.recent is None or kind not in self.bills:
            return None
        return savings(self.bills[kind], first.recent.compared.bills[kind])


def worse_off(simulation: "Simulation", kinds: Sequence[str] = ()) -> float:
    """Return the share of members that have paid more than under the first strategy [-].

    Parameters
    ----------
    simulation : Simulation
        A world that records measures.
    kinds : sequence of str, optional
        Kinds of members, none given: all.

    Returns
    -------
    float
        NaN before the second step, where there are no such members, and in a world that is
        simulated alone.
    """
    return share_worse_off(_all_saved(simulation, kinds))


def worse_off_by_place(simulation: "Simulation") -> FloatArray:
    """Return that share of all members at home in each community, shape (communities,) [-]."""
    assert simulation.recent is not None
    places = len(simulation.setting.communities)
    worse, count = np.zeros((2, places))
    for kind in simulation.recent.compared.bills:
        saved = simulation.recent.compared.saved(simulation, kind)
        if saved is not None and simulation.accounts is not None:
            homes = simulation.accounts.kinds[kind].homes
            there = homes >= 0
            worse += np.bincount(homes[there], saved[there] < 0.0, places)
            count += np.bincount(homes[there], minlength=places)
    return np.asarray(np.divide(worse, count, out=np.full(places, np.nan), where=count > 0))


def gini_of_savings(simulation: "Simulation") -> float:
    """Return the Gini coefficient of what all members have saved [-]; NaN where nobody has."""
    return gini(_all_saved(simulation, ()))


def top_tenth_of_savings(simulation: "Simulation") -> float:
    """Return the share of what all save or lose that the tenth saves that saves most [-]."""
    return share_of_largest(_all_saved(simulation, ()), TOP)


def _all_saved(simulation: "Simulation", kinds: Sequence[str]) -> FloatArray:
    assert simulation.recent is not None
    compared = simulation.recent.compared
    found = (compared.saved(simulation, kind) for kind in kinds or compared.bills)
    return np.concatenate([np.empty(0), *(each for each in found if each is not None)])
