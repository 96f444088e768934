"""Strategies that plugins add to the metered sites."""

from typing import TYPE_CHECKING, Protocol

from hmesh.environment.arrays import FloatArray

if TYPE_CHECKING:
    from hmesh.runs.schemes.metered_sites.step import MeteredSitesScheme


class SiteRule(Protocol):
    """Decides what the batteries of all sites of a world are to exchange in a step."""

    def decide(self, scheme: "MeteredSitesScheme") -> FloatArray:
        """Return what each battery is to take, negative to give, shape (sites,) [kWh]."""
        ...


# The rule of each strategy of a plugin, by its name.
RULES: dict[str, type[SiteRule]] = {}
