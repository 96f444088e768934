"""What the live view shows of street lights."""

from typing import Any

from hmesh.runs.live.readings import Reading, SchemeLive


class StreetLightsLive(SchemeLive):
    """Street lights in the live view."""

    def line(self, scheme: Any, reading: Reading, community: int) -> str:
        """Return what the lamps of a community draw."""
        return f"street lights draw {scheme.kwh:.2f} kWh" if community == scheme.place else ""
