"""Schools: each decides for its buses what to sell in critical hours."""

import numpy as np

from hmesh.agents.row_agent import Column, RowAgent
from hmesh.markets.school_response import school_response
from hmesh.markets.stored_energy_price import average_price_after
from hmesh.markets.valley_filling import deal_out


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

    def step(self) -> None:
        """Hear schedule and order, deal them out to its buses, and remember what it pays."""
        heard, district = self.population.heard, self.group
        fleet = district.buses.population
        rows = slice(self.first_bus, self.first_bus + self.buses)
        limit, alone = district.limit_kwh()[rows], np.zeros(self.buses, dtype=np.intp)
        if heard["at_once"][self.row]:
            charge = district.charge_kwh[rows]
        else:
            planned = heard["planned_kwh"][self.row : self.row + 1]
            charge = deal_out(planned, district.needs_kwh()[rows], limit, alone)
        spare = np.where(charge > 0, 0.0, district.spare_kwh()[rows])
        order = heard["order_kwh"][self.row : self.row + 1]
        fleet.heard["charge_kwh"][rows] = charge
        fleet.heard["sold_kwh"][rows] = deal_out(order, spare, limit, alone)
        if "price" in fleet.heard:
            buses = district.buses[rows]
            done = charge - fleet.heard["sold_kwh"][rows]
            answers = (bus.answer(exchange) for bus, exchange in zip(buses, done, strict=True))
            charge = charge + np.maximum(np.fromiter(answers, np.float64, self.buses), 0.0)
        drawn = float(np.bincount(alone, charge, 1)[0])
        stored = float(np.bincount(alone, charge * fleet["charge_efficiency"][rows], 1)[0])
        held = float(np.bincount(alone, fleet["at_plug_kwh"][rows], 1)[0])
        # Energy lost in charging is paid for too.
        price = float(heard["price"][self.row]) * (drawn / stored if stored > 0 else 1.0)
        self.average_price = float(average_price_after(self.average_price, held, price, stored))

    def respond(self, price: float) -> float:
        """Return the energy it sells at an incentive price [kWh], at least 0.

        Override it to give a school its own decision rule; what lies outside 0 and `upper_kwh` is
        refused.
        """
        return float(
            school_response(
                price, self.lam, self.theta, self.average_price, self.stored_kwh, self.upper_kwh,
                saturates=self.saturates, discharge_efficiency=self.discharge_efficiency,
            )
        )  # fmt: skip
