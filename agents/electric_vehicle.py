"""Electric vehicles: batteries that drive between communities and trade where they park."""

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.driven_battery import DrivenBattery
from hmesh.agents.row_agent import Column
from hmesh.environment.battery import charged, usable_kwh
from hmesh.markets.learned_demand import learn_demand
from hmesh.markets.told_curves import COLUMNS, told_curve
from hmesh.markets.vehicle_response import best_response


class ElectricVehicle(DrivenBattery):
    """A battery on wheels that weighs the energy it holds against its price."""

    lam = Column(np.float64, "money/kWh", 60.0, "value of the first kWh held")
    theta = Column(np.float64, "money/kWh^2", 2.0, "fall of that value with every kWh held")
    day_plan = Column(np.int32, "-", 0, "day plan it follows")
    community = Column(np.int16, "-", 0, "where it is parked; -1 on the road", state=True)
    trips_under_way = Column(np.int16, "-", 0, "trips it is on in this step", state=True)
    day_finished = Column(np.bool_, "-", False, "in its night at home", state=True)
    charger_out = Column(np.bool_, "-", False, "whether its charger has failed", state=True)
    cut_off = Column(np.bool_, "-", False, "whether an outage keeps its plug idle", state=True)

    @property
    def can_exchange(self) -> bool:
        """Whether it is parked, and no outage keeps its plug idle."""
        return self.community >= 0 and not self.cut_off

    def step(self) -> None:
        """Hear the price of the step, exchange what suits it best, or drive.

        Where nobody names a price it charges until full, once its night at home has begun.
        """
        if self.community >= 0:
            exchange = self._exchange()
            self.energy_kwh = float(
                charged(
                    self.energy_kwh, exchange, self.charge_efficiency, self.discharge_efficiency
                )
            )
        else:
            wanted = self.driven_km * self.consumption_kwh_per_km
            self.energy_kwh -= min(wanted, self.energy_kwh)

    def _exchange(self) -> float:
        """Return what it exchanges in the step, by what it has heard [kWh]."""
        if self.population.heard["unpriced"]:
            return self.exchange_bounds()[1] if self.day_finished else 0.0
        price = float(self.heard("price"))
        return 0.0 if np.isnan(price) else self.respond(price)

    def respond(self, price: float) -> float:
        """Return the energy it exchanges at ``price`` [kWh], above 0 when charging.

        Override it to give a vehicle a will of its own; what lies outside its
        :meth:`exchange_bounds` is refused.
        """
        lower, upper = self.exchange_bounds()
        usable = usable_kwh(self.energy_kwh, self.capacity_kwh, self.soc_min)
        energy = best_response(
            price, self.lam, self.theta, usable, lower, upper,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        return float(energy)

    def curve(self, lowest_price: float, highest_price: float) -> NDArray[np.float64]:
        """Return its answer to every price, as of `hmesh.markets.told_curves.COLUMNS`, shape (9,).

        It follows from what it responds to some prices of the range. NaN where no clipped line and
        no battery explains that: then it is asked about prices.
        """
        learned = learn_demand(
            lambda price: np.array([self.respond(price)]), 0.0, lowest_price, highest_price,
            charge_efficiency=self.charge_efficiency,
            discharge_efficiency=self.discharge_efficiency,
        )  # fmt: skip
        if learned.unexplained[0]:
            return np.full(len(COLUMNS), np.nan)
        return told_curve(learned.kinks)
