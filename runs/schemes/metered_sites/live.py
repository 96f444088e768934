"""What the live view shows of metered sites."""

from typing import Any

import numpy as np

from hmesh.runs.live.readings import SchemeLive, Stores


class MeteredSitesLive(SchemeLive):
    """Metered sites in the live view."""

    def stores(self, scheme: Any) -> Stores:
        """Return its batteries, and where they are."""
        column, layout = scheme.sites.population, scheme.layout
        held = np.array(column["energy_kwh"]), np.array(column["capacity_kwh"])
        return Stores(tuple(layout.names), np.asarray(layout.community, np.intp), *held)
