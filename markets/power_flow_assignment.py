"""Who feeds whom in a home: the four power-flow assignments, for one step of many homes.

In a single power flow (SPFA) every storage stands between its own generators and its own loads,
and the chains know nothing of each other. In a multiple power flow (MPFA) every generator may feed
every load. Loads are taken whole or not at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_layout import Assignment, HomeLayout

# What rounding may lack; a storage that lacks a tenth of a watt-hour does refuse a load.
TOLERANCE_KWH = 1e-9


@dataclass(frozen=True, slots=True)
class StepFlows:
    """What flows in one step of many homes [kWh].

    Attributes
    ----------
    served : array of bool, shape (homes, loads)
        Loads that wanted energy and got it.
    direct_kwh : array, shape (homes, generators, loads)
        From generators straight to loads.
    drawn_kwh : array, shape (homes, loads)
        From storages to loads, at the plug.
    stored_kwh : array, shape (homes, generators)
        From generators to storages, at the plug.
    curtailed_kwh : array, shape (homes, generators)
        What the storages had no room or rating for.
    charge_kwh, discharge_kwh : array, shape (homes, storages)
        What each storage takes and delivers, at its plug.
    energy_kwh : array, shape (homes, storages)
        Stored energy after the step.
    """

    served: NDArray[np.bool_]
    direct_kwh: FloatArray
    drawn_kwh: FloatArray
    stored_kwh: FloatArray
    curtailed_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    energy_kwh: FloatArray


def settle_step(
    assignment: Assignment,
    layout: HomeLayout,
    generation_kwh: FloatArray,
    demand_kwh: FloatArray,
    energy_kwh: FloatArray,
    bank: StorageBank,
    step_h: float,
) -> StepFlows:
    """Settle the power flow of one step in many homes.

    - `spfa_s`: generation charges the storage of its chain, which then serves the chain's loads,
      in the same step already.
    - `spfa_gs`: generators feed the loads of their chain directly; what lacks comes from the
      chain's storage as it was at the start of the step, what is left charges it.
    - `mpfa_sg`: every generator feeds every load directly; what lacks comes from the load's own
      storage, what is left charges the generator's own storage.
    - `mpfa_mg`: the same, but every storage gives and takes an equal share; where one cannot, the
      others bear the rest.

    If not all wanted loads can be met, they are admitted one by one by their priority, each
    whole or not at all; a load not admitted stays off.

    Parameters
    ----------
    assignment : str
        Which of `ASSIGNMENTS`.
    layout : HomeLayout
        Devices of the homes.
    generation_kwh : array, shape (homes, generators)
        Generation of the step [kWh], at least 0.
    demand_kwh : array, shape (homes, loads)
        What each load wants [kWh], at least 0.
    energy_kwh : array, shape (homes, storages)
        Stored energy at the start of the step [kWh].
    bank : StorageBank
        The storages.
    step_h : float
        Length of the step [h].

    Returns
    -------
    StepFlows
        Generation equals direct + stored + curtailed for each generator, a served demand equals
        direct + drawn for each load.

    Notes
    -----
    Source: eNMES thesis, section 3.4 (flow charts 3.7 to 3.9), and Designs 2024, 8, 11. What the
    charts leave open was found from tables 3.2 to 3.4: charging first in SPFA/S, all or nothing,
    direct supply in the order of ranks. Adding a load never lowers what another lacks, so admitting
    one by one finds the admissible set that is first in the order of priorities.
    """
    served_kwh = np.array(demand_kwh, dtype=np.float64, order="F")
    if assignment == "spfa_s":
        takeable = bank.takeable_kwh(energy_kwh, step_h)
        charge, stored = _charge(False, layout, generation_kwh, takeable)
        energy_kwh = bank.after(energy_kwh, charge)
        direct = _zeros(len(served_kwh), layout.generators, layout.loads)
        deliverable = bank.deliverable_kwh(energy_kwh, step_h)
        _admit(assignment, layout, generation_kwh, served_kwh, deliverable)
        drawn = served_kwh.copy(order="F")
        discharge = _draw(False, layout, drawn, deliverable)
        after = bank.after(energy_kwh, 0.0 - discharge)
        left = generation_kwh
    else:
        pooled = assignment == "mpfa_mg"
        least, takeable = bank.exchange_bounds(energy_kwh, step_h)
        deliverable = 0.0 - least
        direct, drawn, left = _admit(assignment, layout, generation_kwh, served_kwh, deliverable)
        discharge = _draw(pooled, layout, drawn, deliverable)
        charge, stored = _charge(pooled, layout, left, takeable)
        after = bank.after(bank.after(energy_kwh, charge), 0.0 - discharge)
    return StepFlows(
        served=(served_kwh > 0.0),
        direct_kwh=direct,
        drawn_kwh=drawn,
        stored_kwh=stored,
        curtailed_kwh=left - stored,
        charge_kwh=charge,
        discharge_kwh=discharge,
        energy_kwh=after,
    )


def storage_edges(
    assignment: Assignment, layout: HomeLayout, flows: StepFlows
) -> tuple[FloatArray, FloatArray]:
    """Return which generator charged which storage, and which storage fed which load [kWh].

    Returns
    -------
    charged : array, shape (homes, generators, storages)
        From each generator to each storage.
    drawn : array, shape (homes, storages, loads)
        From each storage to each load. Where storages are shared, generators and loads share in
        each of them as they share in the whole.
    """
    homes = len(flows.served)
    charged = _zeros(homes, layout.generators, layout.storages)
    drawn = _zeros(homes, layout.storages, layout.loads)
    if assignment == "mpfa_mg":
        charged[...] = flows.stored_kwh[:, :, None] * _shares(flows.charge_kwh)[:, None, :]
        drawn[...] = flows.drawn_kwh[:, None, :] * _shares(flows.discharge_kwh)[:, :, None]
    else:
        for g, s in enumerate(layout.generator_storage):
            charged[:, g, s] = flows.stored_kwh[:, g]
        for load, s in enumerate(layout.load_storage):
            drawn[:, s, load] = flows.drawn_kwh[:, load]
    return charged, drawn


def dispatch(
    assignment: Assignment, layout: HomeLayout, generation_kwh: FloatArray, served_kwh: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Let generators feed loads directly, in the order of their ranks.

    Parameters
    ----------
    assignment, layout : str, HomeLayout
        As of `settle_step`.
    generation_kwh : array, shape (rows, generators)
        Generation [kWh].
    served_kwh : array, shape (rows, loads)
        What the admitted loads use [kWh].

    Returns
    -------
    direct_kwh : array, shape (rows, generators, loads)
        What flows [kWh].
    lack_kwh : array, shape (rows, loads)
        What storages must deliver [kWh].
    left_kwh : array, shape (rows, generators)
        What storages may take [kWh].
    """
    direct = _zeros(len(served_kwh), layout.generators, layout.loads)
    lack = served_kwh.copy(order="F")
    left = np.array(generation_kwh, dtype=np.float64, order="F")
    for g in layout.generators_in_order:
        for load in layout.loads_in_order:
            if layout.feeds_directly(assignment, g, load):
                flow = np.minimum(left[:, g], lack[:, load])
                direct[:, g, load] = flow
                left[:, g] -= flow
                lack[:, load] -= flow
    return direct, lack, left


def unbounded_exchange(
    assignment: Assignment, layout: HomeLayout, generation_kwh: FloatArray, served_kwh: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what storages would take and deliver if none were ever full, empty or rated.

    Parameters as of `dispatch`.

    Returns
    -------
    charge_kwh, discharge_kwh : array, shape (rows, storages)
        Energies at the plug [kWh].
    """
    _, lack, left = dispatch(assignment, layout, generation_kwh, served_kwh)
    if assignment == "mpfa_mg":
        charge = np.repeat(_total(left)[:, None] / layout.storages, layout.storages, axis=1)
        discharge = np.repeat(_total(lack)[:, None] / layout.storages, layout.storages, axis=1)
        return charge, discharge
    if assignment == "spfa_s":
        lack, left = served_kwh, generation_kwh
    charge = np.stack(_by_storage(layout.generator_storage, layout.storages, left), axis=1)
    discharge = np.stack(_by_storage(layout.load_storage, layout.storages, lack), axis=1)
    return charge, discharge


def _admit(
    assignment: Assignment,
    layout: HomeLayout,
    generation_kwh: FloatArray,
    served_kwh: FloatArray,
    deliverable_kwh: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Set to 0 what loads want that cannot be met, in place; return the dispatch of the rest."""
    pooled = assignment == "mpfa_mg"

    def met(
        generation: FloatArray, wanted: FloatArray, deliverable: FloatArray
    ) -> NDArray[np.bool_]:
        lack = dispatch(assignment, layout, generation, wanted)[1]
        return _suffices(pooled, layout, lack, deliverable)

    dispatched = dispatch(assignment, layout, generation_kwh, served_kwh)
    enough = _suffices(pooled, layout, dispatched[1], deliverable_kwh)
    if enough.all():
        return dispatched
    short = np.flatnonzero(~enough)
    generation, wanted = generation_kwh[short], served_kwh[short]
    deliverable = deliverable_kwh[short]
    admitted = np.zeros_like(wanted)
    for load in layout.loads_by_priority:
        admitted[:, load] = wanted[:, load]
        admitted[~met(generation, admitted, deliverable), load] = 0.0
    served_kwh[short] = admitted
    return dispatch(assignment, layout, generation_kwh, served_kwh)


def _suffices(
    pooled: bool, layout: HomeLayout, lack_kwh: FloatArray, deliverable_kwh: FloatArray
) -> NDArray[np.bool_]:
    """Return for each home whether its storages can deliver what its loads lack."""
    if pooled:
        enough: NDArray[np.bool_] = _total(lack_kwh) <= _total(deliverable_kwh) + TOLERANCE_KWH
        return enough
    enough = np.ones(len(lack_kwh), dtype=np.bool_)
    for s, wanted in enumerate(_by_storage(layout.load_storage, layout.storages, lack_kwh)):
        enough &= wanted <= deliverable_kwh[:, s] + TOLERANCE_KWH
    return enough


def _draw(
    pooled: bool, layout: HomeLayout, drawn_kwh: FloatArray, deliverable_kwh: FloatArray
) -> FloatArray:
    """Return what each storage delivers of what loads draw, shape (homes, storages)."""
    if pooled:
        return _shared_equally(_total(drawn_kwh), deliverable_kwh)
    discharge = _zeros(len(drawn_kwh), layout.storages)
    for s, wanted in enumerate(_by_storage(layout.load_storage, layout.storages, drawn_kwh)):
        discharge[:, s] = wanted
    return discharge


def _charge(
    pooled: bool,
    layout: HomeLayout,
    left_kwh: FloatArray,
    takeable_kwh: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return what each storage takes of what generators have left, and of which generator.

    Where a storage cannot take all, its generators are cut back in proportion.
    """
    stored = np.array(left_kwh, dtype=np.float64, order="F")
    if pooled:
        offered = _total(left_kwh)
        able = np.minimum(offered, _total(takeable_kwh))
        charge = _shared_equally(able, takeable_kwh)
        if np.any(able < offered):
            stored *= _ratio(able, offered)[:, None]
        return charge, stored
    charge = _zeros(len(left_kwh), layout.storages)
    for s, offer in enumerate(_by_storage(layout.generator_storage, layout.storages, left_kwh)):
        charge[:, s] = np.minimum(offer, takeable_kwh[:, s])
        if np.any(charge[:, s] < offer):
            ratio = _ratio(charge[:, s], offer)
            for g, line in enumerate(layout.generator_storage):
                if line == s:
                    stored[:, g] *= ratio
    return charge, stored


def _shared_equally(amount_kwh: FloatArray, limits_kwh: FloatArray) -> FloatArray:
    """Share amounts equally among storages, those that cannot bear it giving to the others.

    Parameters
    ----------
    amount_kwh : array, shape (homes,)
        What is to be shared [kWh]; to within rounding not more than the limits bear.
    limits_kwh : array, shape (homes, storages)
        The most for each storage [kWh].

    Returns
    -------
    array, shape (homes, storages)
        The shares; their sum is the amount.
    """
    storages = limits_kwh.shape[1]
    shares = np.empty(limits_kwh.shape, order="F")
    shares[...] = (amount_kwh / storages)[:, None]
    uneven = np.flatnonzero((shares > limits_kwh).any(axis=1))
    if uneven.size == 0:
        return shares
    limits, left = limits_kwh[uneven], amount_kwh[uneven]
    order = np.argsort(limits, axis=1, kind="stable")
    ascending = np.take_along_axis(limits, order, axis=1)
    for k in range(storages - 1):
        ascending[:, k] = np.minimum(ascending[:, k], left / (storages - k))
        left = left - ascending[:, k]
    # The largest bears what is left, rounding included, so that nothing is lost.
    ascending[:, -1] = left
    filled = np.empty_like(ascending)
    np.put_along_axis(filled, order, ascending, axis=1)
    shares[uneven] = filled
    return shares


def _by_storage(
    lines: tuple[int, ...], storages: int, energies_kwh: FloatArray
) -> list[FloatArray]:
    """Return the total of the devices on each storage's lines."""
    totals = [np.zeros(len(energies_kwh)) for _ in range(storages)]
    for device, s in enumerate(lines):
        totals[s] += energies_kwh[:, device]
    return totals


def _total(energies_kwh: FloatArray) -> FloatArray:
    """Return the sum over devices, added one by one: the same bits for one home and for many."""
    total = np.zeros(len(energies_kwh))
    for device in range(energies_kwh.shape[1]):
        total += energies_kwh[:, device]
    return total


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.ones_like(whole), where=whole > 0.0)


def _shares(energies_kwh: FloatArray) -> FloatArray:
    """Return the share of each storage in the total of its home; 0 where there is none."""
    total = _total(energies_kwh)[:, None]
    shares: FloatArray = np.divide(
        energies_kwh, total, out=np.zeros(energies_kwh.shape), where=total > 0.0
    )
    return shares


def _zeros(*shape: int) -> FloatArray:
    """Return zeros whose column of each device lies together in memory."""
    return np.zeros(shape, order="F")
