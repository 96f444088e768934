"""Schools: each decides for its buses what to sell in critical hours."""

import numpy as np

from hmesh.agents.row_agent import Column, RowAgent
from hmesh.markets.school_response import school_response


class School(RowAgent):
    """A school that weighs the energy in its buses against an incentive price."""

    decisions = ("respond",)

    community = Column(np.int16, "-", 0, "where it stands")
    first_bus = Column(np.int32, "-", 0, "row of the first of its buses, which lie side by side")
    buses = Column(np.int32, "-", 10, "how many buses it has")
    lam = Column(np.float64, "money/kWh", 1.1, "value of the first kWh held")
    theta = Column(np.float64, "money/kWh^2", 0.001, "fall of that value with every kWh held")
    saturates = Column(np.bool_, "-", True, "whether energy beyond lam / theta adds no value")
    average_price = Column(
        np.float64, "money/kWh", 1.44, "average price of the energy in its buses", state=True
    )
    stored_kwh = Column(np.float64, "kWh", 0.0, "energy its satisfaction counts", state=True)
    upper_kwh = Column(np.float64, "kWh", 0.0, "most it can sell in this step", state=True)
    discharge_efficiency = Column(
        np.float64, "-", 1.0, "delivered energy per energy taken out of its buses", state=True
    )

    @property
    def bus_rows(self) -> range:
        """Rows of its buses."""
        return range(self.first_bus, self.first_bus + self.buses)

    def respond(self, price: float) -> float:
        """Return the energy it sells at an incentive price [kWh], at least 0.

        Override it to give a school a will of its own; what lies outside 0 and `upper_kwh` is
        refused.
        """
        return float(
            school_response(
                price, self.lam, self.theta, self.average_price, self.stored_kwh, self.upper_kwh,
                saturates=self.saturates, discharge_efficiency=self.discharge_efficiency,
            )
        )  # fmt: skip
