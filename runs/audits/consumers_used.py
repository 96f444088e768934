"""What single households and buildings used, computed again: loads, outages, answers to prices."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.member_energies import Energies, each_load
from hmesh.runs.audits.reference.loads import LoadsWithElasticity
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.member_groups import Elasticity
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL


@dataclass(frozen=True, slots=True)
class GroupUse:
    """What the members of a group used.

    Attributes
    ----------
    community, group : str
        Name of the community, and of the group.
    kind : str
        "household" or "building".
    count : int
        How many members it has.
    steps : iterator of array
        What each used in each step under each strategy [kWh], arrays (strategies, members).
    """

    community: str
    group: str
    kind: str
    count: int
    steps: Iterator[FloatArray]


def unknown_use(inputs: RunInputs, energies: Energies) -> str:
    """Return why it is not known what single households and buildings used, "" where it is."""
    if any(energy is None for energy in energies.values()):
        return "the loads of some members are in a file that is gone or has changed"
    if inputs.scenario.grid.shed:
        return "how much of each member's load was shed is not written down"
    groups = (g for held in inputs.scenario.communities.values() for g in held.members)
    if any(group.elasticity is not None for group in groups):
        if not inputs.reliable:
            return "members with an elasticity may not have heard their price"
        if OWN_RULE in inputs.pricing:
            return "a rule of a plugin says what members with an elasticity use"
    return ""


def consumers_used(inputs: RunInputs, hours: Columns) -> Iterator[GroupUse]:
    """Yield what the members of every group used, as far as `unknown_use` has no objection.

    Those with an elasticity answer to the price of their community where a strategy asks one before
    energy is used.

    Yields
    ------
    GroupUse
        Groups of one kind in the order of their members' numbers.
    """
    given = {
        (name, group.name): group.elasticity
        for name, community in inputs.scenario.communities.items()
        for group in community.members
    }
    asked = np.array([rule != RETAIL for rule in inputs.pricing])
    there = supplied(hours)
    for key, kind, count, loads in each_load(inputs):
        m = inputs.communities.index(key[0])
        price = np.where(there[:, :, m] & asked, hours["community_price"][:, :, m], np.nan)
        steps = _used(loads, given[key], there[:, :, m], price)
        yield GroupUse(*key, kind, count, steps)


def _used(
    loads: Iterator[FloatArray],
    elasticity: Elasticity | None,
    there: NDArray[np.bool_],
    price: FloatArray,
) -> Iterator[FloatArray]:
    """Yield what members used, step by step, by their loads with supply and prices (NaN: none)."""
    for step, load in enumerate(loads):
        used = np.where(there[step][:, None], load, 0.0)
        if elasticity is not None:
            asked = price[step][:, None]
            used = used + np.where(np.isnan(asked), 0.0, _answered(load, elasticity, asked))
        yield used


def _answered(load: FloatArray, elasticity: Elasticity, price: FloatArray) -> FloatArray:
    """Return what members use more than their load at prices [kWh], shape (strategies, members)."""
    # Who uses nothing, or feeds in, does not answer.
    base = np.maximum(load, 0.0)
    rule = LoadsWithElasticity(
        base,
        *(
            np.full(len(base), each)
            for each in (
                elasticity.value, elasticity.reference_price,
                elasticity.lower_share, elasticity.upper_share,
            )
        ),
    )  # fmt: skip
    return rule.more_kwh(price)
