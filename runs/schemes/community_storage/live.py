"""What the live view shows of storages of communities."""

from typing import Any

import numpy as np

from hmesh.runs.live.readings import SchemeLive, Stores


class CommunityStorageLive(SchemeLive):
    """Storages of communities in the live view."""

    def stores(self, scheme: Any) -> Stores:
        """Return its storages, and where they are."""
        storages, shared = scheme.controllers.population, scheme.shared
        held = np.array(storages["energy_kwh"]), np.array(storages["capacity_kwh"])
        return Stores(tuple(shared.names), np.asarray(shared.community, np.intp), *held)
