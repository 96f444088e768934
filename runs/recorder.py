"""What a simulation writes down in every step."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from environment.battery import usable_kwh
from environment.trips import Whole

from .result_buffer import Coded
from .results import ResultsWriter

if TYPE_CHECKING:
    from .setting import Setting
    from .simulation import Simulation


class Recorder:
    """Writes the rows of every step to the results of a run.

    Parameters
    ----------
    writer : ResultsWriter
        Where the rows go.
    setting : Setting
        What all strategies share.
    """

    def __init__(self, writer: ResultsWriter, setting: "Setting") -> None:
        self.writer = writer
        self.setting = setting
        wanted = setting.scenario.record.vehicles
        size = len(setting.fleet)
        self.recorded = {"all": size, "none": 0}.get(str(wanted), 0)
        if isinstance(wanted, int):
            self.recorded = min(wanted, size)
        self._communities = np.arange(len(setting.communities))

    def __call__(self, simulation: "Simulation") -> None:
        """Write the step that a simulation is in, before its batteries move."""
        self._hours(simulation)
        self._lines(simulation)
        self._vehicles(simulation)
        self._trips(simulation)
        about = {"strategy": simulation.strategy}
        ledger = simulation.ledger.drain()
        self.writer.add("ledger", ledger | about)
        log = simulation.bus.drain_log()
        if log["step"]:
            self.writer.add("messages", log | about)

    def fleet(self) -> None:
        """Write what never changes of the recorded vehicles."""
        rows = slice(self.recorded)
        fleet = self.setting.fleet
        names = (
            "capacity_kwh", "power_kw", "consumption_kwh_per_km", "lam", "theta",
        )  # fmt: skip
        self.writer.add(
            "fleet",
            {
                "vehicle": np.arange(self.recorded),
                "day_plan": Coded(fleet["day_plan"][rows], self.setting.plans.names),
                **{name: fleet[name][rows] for name in names},
            },
        )

    def _hours(self, simulation: "Simulation") -> None:
        decision = simulation.decision
        self.writer.add(
            "hours",
            {
                "step": simulation.step_index,
                "time": simulation.step_index * simulation.step_h,
                "strategy": simulation.strategy,
                "community": Coded(self._communities, self.setting.communities),
                "fixed_load_kwh": simulation.meters.fixed_kwh,
                "generation_kwh": simulation.meters.generation_kwh,
                "home_storage_kwh": 0.0,
                "shared_storage_kwh": 0.0,
                "school_bus_kwh": 0.0,
                "ev_kwh": simulation.vehicle_kwh,
                "net_kwh": simulation.net_kwh,
                "community_price": decision.community_price,
                "utility_price": decision.utility_price,
                "vehicles_present": simulation.present,
                "unserved_kwh": simulation.meters.unserved_kwh,
            },
        )

    def _lines(self, simulation: "Simulation") -> None:
        grid, flows = simulation.grid, simulation.flows
        names = [" - ".join(line) for line in grid.lines]
        self.writer.add(
            "lines",
            {
                "step": simulation.step_index,
                "strategy": simulation.strategy,
                "line": Coded(np.arange(len(names)), names),
                "sent_kwh": flows.sent_kwh,
                "received_kwh": flows.received_kwh,
                "losses_kwh": flows.losses_kwh,
                "loading": simulation.loading,
            },
        )

    def _vehicles(self, simulation: "Simulation") -> None:
        if self.recorded == 0:
            return
        recorded = min(self.recorded, simulation.traffic.vehicles_there)
        rows = slice(recorded)
        fleet = simulation.fleet.population
        where: NDArray[np.int16] = fleet["community"][rows]
        prices = np.append(simulation.decision.community_price, np.nan)
        energy: NDArray[np.float64] = fleet["energy_kwh"][rows]
        plugged = simulation.fleet.plugged[rows]
        lower, upper = simulation.fleet.exchange_bounds(rows, energy, plugged)
        _, unmet = simulation.fleet.driving_kwh(np.arange(recorded))
        self.writer.add(
            "vehicles",
            {
                "step": simulation.step_index,
                "strategy": simulation.strategy,
                "vehicle": np.arange(recorded),
                "community": Coded(where, self.setting.communities),
                "soc": energy / fleet["capacity_kwh"][rows],
                "usable_kwh": usable_kwh(
                    energy, fleet["capacity_kwh"][rows], fleet["soc_min"][rows]
                ),
                "energy_kwh": simulation.exchange_kwh()[rows],
                "min_kwh": lower,
                "max_kwh": upper,
                "lam": fleet["lam"][rows],
                "theta": fleet["theta"][rows],
                "price": np.where(plugged, prices[where], np.nan),
                "driven_km": fleet["driven_km"][rows],
                "unmet_kwh": unmet,
                "plugged": plugged.astype(np.int64),
            },
        )

    def _trips(self, simulation: "Simulation") -> None:
        """Write the trips that begin in the step, once for all strategies."""
        if simulation.strategy != self.setting.scenario.strategies[0]:
            return
        used = self.setting.fleet["consumption_kwh_per_km"]
        for whole in simulation.traffic.departed:
            batch = whole.where(whole.vehicles < self.recorded)
            vehicles = batch.vehicles
            if len(vehicles) == 0:
                continue
            self.writer.add(
                "trips",
                {
                    "vehicle": vehicles,
                    "departs": batch.departs_step * simulation.step_h,
                    "arrives": batch.arrives_step * simulation.step_h,
                    "origin": self._named(batch.origin),
                    "destination": self._named(batch.destination),
                    "km": batch.km,
                    "energy_kwh": batch.km * used[vehicles],
                },
            )

    def _named(self, community: Whole) -> str | Coded:
        names = self.setting.communities
        return names[community] if isinstance(community, int) else Coded(community, names)
