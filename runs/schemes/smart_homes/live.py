"""What the live view shows of smart homes."""

from types import MappingProxyType
from typing import Any

import numpy as np

from hmesh.runs.live.readings import SchemeLive, Stores

# What happens within homes, in the order in which it is drawn.
_OF_HOMES = MappingProxyType(
    {
        "direct_kwh": "generation used at once",
        "discharged_kwh": "out of storages",
        "imported_kwh": "from the grid",
        "charged_kwh": "into storages",
        "exported_kwh": "to the grid",
        "curtailed_kwh": "curtailed",
        "wanted_kwh": "wanted",
    }
)


class SmartHomesLive(SchemeLive):
    """Smart homes in the live view."""

    def stores(self, scheme: Any) -> Stores:
        """Return its storages, and where they are."""
        names, community, energy, capacity = [], [], [], []
        for group, homes in zip(scheme.setting.groups, scheme.groups, strict=True):
            names.append(group.settings.name)
            community.append(group.community)
            energy.append(float(homes.energy_kwh.sum()))
            capacity.append(float(homes.bank.capacity_kwh.sum()))
        return Stores(
            tuple(names), np.array(community, np.intp), np.array(energy), np.array(capacity)
        )

    def within(self, scheme: Any) -> dict[str, float]:
        """Return what happens within homes [kWh]."""
        groups = scheme.of_step
        return {
            text: sum(group.totals_kwh[name] for group in groups)
            for name, text in _OF_HOMES.items()
        }
