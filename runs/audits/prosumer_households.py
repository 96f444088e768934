"""What prosumers own, and what their households buy and sell beside that, worked out again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.member_energies import Energies, each_load
from hmesh.runs.audits.others_answers import UNHEARD
from hmesh.runs.audits.reference.loads import LoadsWithElasticity
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.scheme_audit import MemberFlows
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.member_groups import ProsumerMembers
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL


@dataclass(frozen=True, slots=True)
class ProsumerGroup:
    """The prosumers of a group: their community, its number, and the first of them."""

    community: str
    place: int
    members: ProsumerMembers
    first: int

    @property
    def all(self) -> NDArray[np.intp]:
        """Their numbers."""
        return self.first + np.arange(self.members.count)

    def owning(self, seed: int, key: str) -> NDArray[np.intp]:
        """Return which of them own a part."""
        if key not in self.members.owns:
            return np.empty(0, dtype=np.intp)
        whom = f"{self.community}/{self.members.name} {key}"
        draws = Streams(seed).generator("what prosumers own", whom).random(self.members.count)
        share, each = (self.members.owns[key].get(name, 1) for name in ("share", "each"))
        own = [k for k in self.all.tolist() if draws[k - self.first] < share]
        return np.array([k for k in own for _ in range(each)], dtype=np.intp)


def household_flows(
    inputs: RunInputs, hours: Columns, energies: Energies, groups: Sequence[ProsumerGroup]
) -> MemberFlows | str:
    """Return what each buys for its own load, and sells of its own photovoltaics.

    Parameters
    ----------
    inputs, hours : RunInputs, dict of array
        What the scenario of the run settles, and the columns of hours.parquet.
    energies : mapping of (str, str) to GroupEnergy or None
        As `member_energies` gives them.
    groups : sequence of ProsumerGroup
        The prosumers.

    Returns
    -------
    MemberFlows or str
        Shape (steps, strategies, prosumers), or why it is not known.
    """
    scenario = inputs.scenario
    if scenario.grid.shed:
        return "how much of each member's load was shed is not written down"
    storages = getattr(scenario.section("community_storage"), "storages", ())
    served = {each.community for each in storages}
    if any(group.community in served for group in groups):
        return "what a community storage delivered to each is not compared"
    elastic = any(group.members.elasticity is not None for group in groups)
    if elastic and (not inputs.reliable or OWN_RULE in inputs.pricing):
        return UNHEARD
    there = supplied(hours)
    price = np.where(there, hours["community_price"], 0.0)
    held = {key: loads for key, kind, _, loads in each_load(inputs) if kind == "prosumer"}
    shape = (inputs.steps, len(inputs.strategies), sum(g.members.count for g in groups))
    bought, sold = np.zeros((2, *shape))
    paid, received = np.zeros((2, *shape))
    answers = np.array([rule != RETAIL for rule in inputs.pricing])
    for group in groups:
        m, rows = group.place, slice(group.first, group.first + group.members.count)
        key = (group.community, group.members.name)
        energy = energies[key]
        assert energy is not None
        sun = energy.generated / group.members.count
        for step, load in enumerate(held[key]):
            used = np.where(there[step, :, m, None], load, 0.0)
            more = _more_kwh(group, load, hours["community_price"][step, :, m])
            used += more * answers[:, None]
            bought[step, :, rows] = used
            sold[step, :, rows] = np.where(there[step, :, m, None], sun[step], 0.0)
        paid[:, :, rows] = price[:, :, m, None] * bought[:, :, rows]
        received[:, :, rows] = price[:, :, m, None] * sold[:, :, rows]
    place = np.concatenate([np.full(g.members.count, g.place) for g in groups])
    return MemberFlows(bought, sold, paid, received, np.broadcast_to(place, shape))


def _more_kwh(group: ProsumerGroup, load: FloatArray, price: FloatArray) -> FloatArray:
    """Return what an elastic load uses more at the prices of a step, (strategies, members)."""
    given = group.members.elasticity
    if given is None:
        return np.zeros((len(price), len(load)))
    loads = LoadsWithElasticity(
        np.maximum(load, 0.0),
        *(np.full(len(load), value) for value in (
            given.value, given.reference_price, given.lower_share, given.upper_share,
        )),
    )  # fmt: skip
    return np.array([np.zeros(len(load)) if np.isnan(p) else loads.more_kwh(p) for p in price])


def household_range(
    inputs: RunInputs, hours: Columns, energies: Energies, groups: Sequence[ProsumerGroup]
) -> tuple[FloatArray, FloatArray]:
    """Return what loads less photovoltaics draw at least and at most, whatever the price [kWh].

    Both have the shape (steps, strategies, prosumers); the parameters are those of
    `household_flows`.
    """
    shape = (inputs.steps, len(inputs.strategies), sum(g.members.count for g in groups))
    least, most = np.zeros((2, *shape))
    there = supplied(hours)
    for group in groups:
        key, m, rows = (group.community, group.members.name), group.place, group.all
        energy, given = energies[key], group.members.elasticity
        assert energy is not None
        sun = energy.generated / group.members.count
        loads = next(loads for k, _, _, loads in each_load(inputs) if k == key)
        low, high = (1.0, 1.0) if given is None else (given.lower_share, given.upper_share)
        for step, load in enumerate(loads):
            on = there[step, :, m, None]
            used = np.where(load > 0, load, 0.0)
            least[step][:, rows] += np.where(on, load + (low - 1) * used - sun[step], 0.0)
            most[step][:, rows] += np.where(on, load + (high - 1) * used - sun[step], 0.0)
    return least, most
