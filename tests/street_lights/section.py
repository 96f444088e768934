"""The street lights of a scenario."""

from typing import Self

from pydantic import Field, ValidationInfo

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios.base import Count, Positive, SchemeSection, refuse

CONNECTION = "street-lights"


class StreetLights(SchemeSection):
    """Lamps along the streets of a community, lit from the evening to the morning."""

    community: str = Field(description="where they stand")
    lamps: Count = Field(description="how many lamps")
    watts: Positive = Field(default=60.0, description="power of a lamp [W]")
    from_hour: Positive = Field(default=18.0, description="clock hour at which they go on [h]")
    to_hour: Positive = Field(default=6.0, description="clock hour at which they go off [h]")

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the node of the grid at which lamps are connected."""
        return (CONNECTION,) if community == self.community else ()

    @classmethod
    def agree(cls, section: Self | None, info: ValidationInfo) -> Self | None:
        """Refuse lamps where there is no community."""
        places = info.data.get("communities", {})
        if section is not None and section.community not in places:
            raise refuse(
                f"no community is called {section.community!r}",
                place="community",
                allowed=", ".join(places),
                suggestion=nearest(section.community, places),
            )
        return section

    def power_kw(self, hour: float, strategy: str) -> float:
        """Return what all lamps draw at a clock hour."""
        lit = hour >= self.from_hour or hour < self.to_hour
        dimmed = strategy == "lights_dimmed" and hour < self.to_hour
        return lit * (0.5 if dimmed else 1.0) * self.lamps * self.watts / 1000.0
