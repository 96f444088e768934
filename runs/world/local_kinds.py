"""Who shares locally, and what the energies that they share are called."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


# Households and buildings have one party of the ledger together.
CONSUMERS = ("households", "buildings")


PROSUMERS = "prosumers"


# The energies of the members of a kind in a community, by their names in the results.
LOCAL_ENERGIES = (
    "own_kwh", "lack_kwh", "surplus_kwh", "received_kwh", "given_kwh", "fed_in_kwh",
)  # fmt: skip


def party_of(kind: str) -> str:
    """Return the party of the ledger that pays for members of a kind."""
    return "consumers" if kind in CONSUMERS else kind


def local_kinds(scenario: "Scenario") -> tuple[str, ...]:
    """Return the kinds of members that there are of any local exchange of a scenario."""
    groups = [group for community in scenario.communities.values() for group in community.members]
    there = {f"{group.kind}s" for group in groups}
    schemes = (scenario.section(name).shares_locally for name in scenario.schemes)
    return (
        *(kind for kind in (*CONSUMERS, PROSUMERS) if kind in there),
        *(kind for kind in schemes if kind),
    )


def self_use(sums: Mapping[str, float]) -> dict[str, float | None]:
    """Return how much of its generation a community used, and of its use it generated.

    Parameters
    ----------
    sums : mapping of float
        Its energies by the names of `LOCAL_ENERGIES` [kWh].

    Returns
    -------
    dict
        ``self_consumption`` and ``self_sufficiency`` [-], at the connections of its members; None
        where nothing was generated, or used.
    """
    used = sums["own_kwh"] + sums["received_kwh"]
    generated, needed = sums["own_kwh"] + sums["surplus_kwh"], sums["own_kwh"] + sums["lack_kwh"]
    return {
        "self_consumption": used / generated if generated > 0.0 else None,
        "self_sufficiency": used / needed if needed > 0.0 else None,
    }
