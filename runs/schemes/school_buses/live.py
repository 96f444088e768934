"""What the live view shows of school buses."""

from typing import Any

import numpy as np

from hmesh.runs.live.chart_style import amount
from hmesh.runs.live.readings import Reading, SchemeLive, Stores


class SchoolBusesLive(SchemeLive):
    """School buses in the live view."""

    def stores(self, scheme: Any) -> Stores:
        """Return its storages, and where they are."""
        district, buses = scheme.district, scheme.district.buses.population
        return Stores(
            tuple(f"school {number + 1}" for number in range(len(district))),
            scheme.community,
            district.by_school(buses["energy_kwh"]),
            district.by_school(buses["capacity_kwh"]),
        )

    def paid(self, scheme: Any) -> dict[str, float]:
        """Return what schools are paid on average for a kWh; NaN where they sell none."""
        sold = float(scheme.sold_kwh.sum())
        paid = np.nan_to_num(scheme.decision.price)
        price = float((scheme.sold_kwh * paid).sum()) / sold if sold > 0 else float("nan")
        return {"incentive for schools": price}

    def line(self, scheme: Any, reading: Reading, community: int) -> str:
        """Return what school buses deliver or charge in a community."""
        if community not in scheme.community:
            return ""
        sold = float(reading.hour_kwh["school_bus_kwh"][community])
        doing = "deliver" if sold >= 0 else "charge"
        return f"school buses {doing} {amount(abs(sold), 0)} kWh"
