"""What a simulation writes down in every step."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.moments import step_moment
from hmesh.runs.results.buffer import Coded
from hmesh.runs.results.writer import ResultsWriter

if TYPE_CHECKING:
    from hmesh.runs.world.local_settlement import LocalSettlement
    from hmesh.runs.world.setting import Setting
    from hmesh.runs.world.simulation import Simulation
    from hmesh.runs.world.step_limits import StepLimits


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
        self._communities = np.arange(len(setting.communities))
        self._lines = [" - ".join(line) for line in setting.grid.lines]

    def start(self, simulation: "Simulation") -> None:
        """Write what never changes, before the first step."""
        for scheme in simulation.schemes.values():
            scheme.record_start(self.writer)

    def __call__(self, simulation: "Simulation") -> None:
        """Write the step that a simulation is in, before its batteries move."""
        self._write_hours(simulation)
        self._write_lines(simulation)
        if simulation.limits is not None:
            self._write_limits(simulation, simulation.limits)
        if simulation.welfare is not None:
            about = {"step": simulation.step_index, "strategy": simulation.strategy}
            self.writer.add("welfare", about | simulation.welfare.row())
        if simulation.local_exchange is not None:
            self._write_local_exchange(simulation, simulation.local_exchange)
        for scheme in simulation.schemes.values():
            scheme.record(self.writer)
        if simulation.prosumers is not None:
            simulation.prosumers.record(self.writer)
        self._write_events(simulation)
        if simulation.metrics.metrics:
            self._write_metrics(simulation)
        about = {"strategy": simulation.strategy}
        ledger = simulation.ledger.drain()
        self.writer.add("ledger", ledger | about)
        log = simulation.bus.drain_log()
        if log["step"]:
            self.writer.add("messages", log | about)

    def end_step(self, simulation: "Simulation") -> None:
        """Write the accounts of all members where a year or the run ends, batteries moved."""
        accounts = simulation.accounts
        if accounts is None or not accounts.by_member or not accounts.ends_year():
            return
        for kind, columns in accounts.rows():
            community = Coded(columns["community"], self.setting.communities)
            about = {"strategy": simulation.strategy, "kind": kind, "community": community}
            self.writer.add("accounts", columns | about)

    def _write_hours(self, simulation: "Simulation") -> None:
        decision = simulation.market.decision
        self.writer.add(
            "hours",
            {
                "step": simulation.step_index,
                "time": simulation.step_index * simulation.step_h,
                "strategy": simulation.strategy,
                "community": Coded(self._communities, self.setting.communities),
                **simulation.hour_kwh,
                "net_kwh": simulation.net_kwh,
                "community_price": decision.community_price,
                "utility_price": decision.utility_price,
                "vehicles_present": simulation.market.present,
                "unserved_kwh": simulation.meters.unserved_kwh,
            },
        )

    def _write_local_exchange(self, simulation: "Simulation", local: "LocalSettlement") -> None:
        rows = local.rows()
        about = {
            "step": simulation.step_index,
            "strategy": simulation.strategy,
            "community": Coded(rows["community"], self.setting.communities),
            "kind": Coded(rows["kind"], local.kinds),
        }
        self.writer.add("local_exchange", rows | about)
        if local.joining is not None and (rows := local.joining.drain()):
            of_members = about | {
                "community": Coded(rows["community"], self.setting.communities),
                "kind": Coded(rows["kind"], local.kinds),
            }
            self.writer.add("membership", rows | of_members)
        if simulation.setting.scenario.record.local_members:
            rows = local.member_rows()
            about["community"] = Coded(rows["community"], self.setting.communities)
            about["kind"] = Coded(rows["kind"], local.kinds)
            self.writer.add("local_members", rows | about)

    def _write_metrics(self, simulation: "Simulation") -> None:
        about = {"step": simulation.step_index, "strategy": simulation.strategy}
        self.writer.add("metrics", about | simulation.metrics.rows())

    def _write_events(self, simulation: "Simulation") -> None:
        end_ms = step_moment(simulation.step_index + 1, simulation.step_h)
        # A message that is on its way as the run ends is heard after it.
        rows = simulation.log.before(None if simulation.last_step else end_ms)
        if rows is not None:
            place = Coded(rows["place"], self.setting.communities)
            self.writer.add("events", rows | {"strategy": simulation.strategy, "place": place})

    def _write_limits(self, simulation: "Simulation", limits: "StepLimits") -> None:
        self.writer.add(
            "limits",
            {
                "step": simulation.step_index,
                "strategy": simulation.strategy,
                "community": Coded(self._communities, self.setting.communities),
                "overload_kwh": limits.overload_kwh,
                "shed_kwh": limits.shed_kwh,
                "unlimited_price": limits.unlimited_price,
                "congestion_rent": limits.rent,
            },
        )

    def _write_lines(self, simulation: "Simulation") -> None:
        flows = simulation.flows
        self.writer.add(
            "lines",
            {
                "step": simulation.step_index,
                "strategy": simulation.strategy,
                "line": Coded(np.arange(len(self._lines)), self._lines),
                "sent_kwh": flows.sent_kwh,
                "received_kwh": flows.received_kwh,
                "losses_kwh": flows.losses_kwh,
                "loading": simulation.loading,
            },
        )
