"""Electric school buses: batteries that drive rounds, and help the grid where they park."""

import numpy as np

from hmesh.agents.driven_battery import DrivenBattery
from hmesh.agents.remaining_stores import answer_beside
from hmesh.agents.row_agent import Column
from hmesh.environment.battery import charged, exchange_bounds


class ElectricSchoolBus(DrivenBattery):
    """A bus of a school, with a battery and its own route."""

    school = Column(np.int32, "-", 0, "school it belongs to")
    capacity_kwh = DrivenBattery.capacity_kwh.otherwise(200.0)
    power_kw = DrivenBattery.power_kw.otherwise(60.0)
    consumption_kwh_per_km = DrivenBattery.consumption_kwh_per_km.otherwise(1.0)
    lam = Column(np.float64, "money/kWh", 0.0, "what the first energy stored is worth to it")
    theta = Column(
        np.float64, "money/kWh^2", 1.0, "by how much that falls with each kWh that it holds"
    )
    round_km = Column(np.float64, "km", 70.0, "length of its round; 0 for one that stays parked")
    energy_kwh = DrivenBattery.energy_kwh.otherwise(180.0)
    plugged = Column(np.bool_, "-", True, "whether it can exchange energy", state=True)
    plugged_part = Column(
        np.float64, "-", 1.0, "part of the step in which it can exchange energy", state=True
    )
    at_plug_kwh = Column(
        np.float64, "kWh", 180.0, "energy with which it is plugged in in the step", state=True
    )
    km_before_plug = Column(
        np.float64, "km", 0.0, "distance driven in the step before that", state=True
    )
    owed_kwh = Column(
        np.float64, "kWh", 0.0, "charging that would replace what it sold", state=True
    )
    fell_short = Column(np.bool_, "-", False, "could not finish the round under way", state=True)

    def step(self) -> None:
        """Hear what its school deals out to it, charge or sell it, and drive."""
        charge, sold = float(self.heard("charge_kwh")), float(self.heard("sold_kwh"))
        replaced = 0.0
        if charge > 0:
            _, needs = exchange_bounds(
                self.at_plug_kwh, self.capacity_kwh, self.soc_min, self.soc_max, np.inf,
                self.model.calendar.step_h, self.charge_efficiency, self.discharge_efficiency,
                self.reserve_kwh, self.plugged,
            )  # fmt: skip
            replaced = min(self.owed_kwh / needs if needs > 0 else 0.0, 1.0) * charge
        per_sold = self.discharge_efficiency * self.charge_efficiency
        self.owed_kwh = max(self.owed_kwh + sold / per_sold - float(replaced), 0.0)
        exchange = charge - sold
        if "price" in self.population.heard:
            exchange += self.answer(exchange)
        left = float(
            charged(self.at_plug_kwh, exchange, self.charge_efficiency, self.discharge_efficiency)
        )
        way_back = (self.driven_km - self.km_before_plug) * self.consumption_kwh_per_km
        self.energy_kwh = max(left - min(way_back, left), 0.0)

    def answer(self, exchange_kwh: float) -> float:
        """Return what it exchanges at the price it heard beside its school's order [kWh].

        Parameters
        ----------
        exchange_kwh : float
            What its school has it charge, below 0 sell [kWh].
        """
        bounds = exchange_bounds(
            self.at_plug_kwh, self.capacity_kwh, self.soc_min, self.soc_max, self.power_kw,
            self.model.calendar.step_h, self.charge_efficiency, self.discharge_efficiency,
            float(self.heard("rounds_kwh")), self.plugged_part,
        )  # fmt: skip
        return answer_beside(self, float(exchange_kwh), bounds, self.at_plug_kwh)

    @property
    def can_exchange(self) -> bool:
        """Whether it is plugged in where there is supply."""
        return self.plugged
