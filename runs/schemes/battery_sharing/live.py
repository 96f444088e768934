"""What the live view shows of batteries of buildings."""

from typing import Any

import numpy as np

from hmesh.runs.live.readings import SchemeLive, Stores


class BatterySharingLive(SchemeLive):
    """Batteries of buildings in the live view."""

    def stores(self, scheme: Any) -> Stores:
        """Return its storages, and where they are."""
        batteries = scheme.batteries
        return Stores(
            tuple(scheme.shared.names),
            scheme.community,
            np.array(batteries["energy_kwh"]),
            np.array(batteries["capacity_kwh"]),
        )
