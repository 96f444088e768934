"""What the live view shows of houses with storages."""

from typing import Any

import numpy as np

from hmesh.runs.live.readings import SchemeLive, Stores


class CompositeStorageLive(SchemeLive):
    """Houses with storages in the live view."""

    def stores(self, scheme: Any) -> Stores:
        """Return its storages, and where they are."""
        batteries, community = scheme.houses.columns.batteries, scheme.setting.community
        names = tuple(f"house {number + 1}" for number in range(len(community)))
        held = np.array(batteries["energy_kwh"]), np.array(batteries["capacity_kwh"])
        return Stores(names, np.asarray(community, np.intp), *held)
