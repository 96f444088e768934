"""Strategies that plugins add to the storages of communities."""

from typing import TYPE_CHECKING, Protocol

from hmesh.environment.arrays import FloatArray

if TYPE_CHECKING:
    from hmesh.runs.schemes.community_storage.step import CommunityStorageSharing


class StorageRule(Protocol):
    """Decides what each household of a world may draw from its storage in a step.

    Storages charge by the sun as under any strategy. Of those that may draw anything each serves
    the ones with the most, as many as it serves at once.
    """

    def decide(self, scheme: "CommunityStorageSharing") -> FloatArray:
        """Return what each household may draw at most, 0 for nothing, shape (households,) [kWh]."""
        ...


# The rule of each strategy of a plugin, by its name.
RULES: dict[str, type[StorageRule]] = {}
