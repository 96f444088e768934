"""An audit: what a finished run wrote down, held against exact answers found anew."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment.errors import InputError
from runs.audits.hours import check_hours, read_hours, supplied
from runs.audits.lines import check_lines, read_lines
from runs.audits.makers import scheme_audits
from runs.audits.members import feeders_out, member_energies
from runs.audits.messages import MessageAudit, by_step, message_reader
from runs.audits.money import check_money, read_ledger
from runs.audits.premises import Premises, premises_of
from runs.audits.report import AuditReport, Check, Tally
from runs.audits.summary import (
    check_summary,
    figures_of_messages,
    figures_of_tables,
    figures_of_vehicles,
)
from runs.audits.tables import Columns, DamagedTableError, TableReader
from runs.results.run_reader import Run, read_run
from runs.results.safe_files import sha256
from runs.results.tables import tables_with
from runs.schemes.vehicles.audit import VehicleAudit
from runs.schemes.vehicles.audit_equilibrium import EquilibriumAudit, StepOfVehicles
from runs.schemes.vehicles.audit_fleet import check_fleet, read_fleet, read_vehicles, vehicle_reader
from runs.schemes.vehicles.audit_trips import ScenarioTravel, TrafficAudit

ROWS_AT_ONCE = 2**18
MOST_STEPS = 2**10


def no_progress(done: int, total: int) -> None:
    """Tell nobody how far the audit is."""


def audit_run(
    directory: Path | str, progress: Callable[[int, int], None] = no_progress
) -> AuditReport:
    """Check a finished run: its files, its physics, its money and its equilibria.

    Everything is worked out anew from the scenario that run.json tells and the tables beside it.
    Files that the scenario names, of loads and day plans, are used where they still hold what the
    run read.

    Parameters
    ----------
    directory
        What `hmesh run` wrote.
    progress
        Told the steps checked and the steps of the run.

    Returns
    -------
    AuditReport
        One line for each thing checked.

    Raises
    ------
    InputError
        If the folder holds no run, an unfinished one, or one of no scenario.
    """
    run = read_run(directory)
    if not run.complete:
        run.check_files()  # Tells how to go on.
    premises = premises_of(run)
    checks = [_files(run, premises.scenario.schemes), _statements(run, premises)]
    try:
        for check in _tables(run, premises, progress):
            checks.append(check)  # noqa: PERF402 - those made before a damage count
    except (DamagedTableError, InputError) as error:
        note = f"{error}; what would follow was not checked"
        checks.append(Check("files: tables hold what they must", False, np.nan, 0.0, "", note=note))
    return AuditReport(run.directory, tuple(checks))


def _files(run: Run, schemes: Sequence[str]) -> Check:
    """Compare the digest of every file with the one that run.json tells."""
    tally = Tally("files: as the run wrote them", 0.0)
    digests = run.info.get("sha256", {})
    names = [*(f"{table}.parquet" for table in tables_with(schemes)), "summary.json"]
    off = []
    for name in names:
        path = run.directory / name
        off.append(0.0 if path.is_file() and sha256(path) == digests.get(name) else 1.0)
    tally.add(np.array(off), lambda at: names[at[0]], None)
    return tally.check()


def _statements(run: Run, premises: Premises) -> Check:
    """Compare what run.json says of the run with the scenario that it tells."""
    scenario = premises.scenario
    expected = {
        "start": scenario.start,
        "step_h": scenario.step_h,
        "time_zone": scenario.time_zone,
        "currency": scenario.currency,
        "seed": scenario.seed,
        "steps_done": scenario.steps,
        "steps_total": scenario.steps,
    }
    names = list(expected)
    off = np.array([float(run.info.get(name) != value) for name, value in expected.items()])
    tally = Tally("files: run.json agrees with its scenario", 0.0)
    tally.add(off, lambda at: names[at[0]], None)
    return tally.check()


def _tables(run: Run, premises: Premises, progress: Callable[[int, int], None]) -> Iterator[Check]:
    """Check the tables against the scenario, and each other."""
    energies, out = member_energies(premises), feeders_out(premises)
    hours = read_hours(run, premises)
    schemes = scheme_audits(run, premises, hours)
    yield from check_hours(premises, hours, energies, out, schemes)
    flows = read_lines(run, premises)
    yield from check_lines(premises, hours, flows, energies, out, schemes)
    messages = MessageAudit(premises, hours, schemes)
    reader = message_reader(run, premises, schemes)
    of_vehicles = None
    if premises.has_vehicles:
        fleet = read_fleet(run, premises)
        yield check_fleet(premises, fleet)
        of_vehicles = _OfVehicles(run, premises, hours, fleet, out)
    _step_by_step(premises, hours, of_vehicles, messages, reader, progress)
    exchanged = unattained = None
    if of_vehicles is not None:
        yield from of_vehicles.checks()
        exchanged = of_vehicles.vehicles if premises.all_recorded else None
        unattained = of_vehicles.equilibrium.unattained
    for scheme in schemes:
        yield from scheme.checks()
    payments = [paid for scheme in schemes for paid in scheme.payments()]
    ledger = read_ledger(run, premises, supplied(hours), payments)
    yield from check_money(premises, hours, flows, ledger, exchanged, schemes)
    yield from messages.checks()
    by_step, of_run = figures_of_messages(premises, messages, unattained)
    by_step |= figures_of_tables(premises, hours, flows, energies, schemes)
    added = [scheme.figures() for scheme in schemes]
    if of_vehicles is not None and premises.all_recorded:
        added.append(figures_of_vehicles(premises, of_vehicles.vehicles))
    for more_by_step, more_of_run in added:
        by_step, of_run = by_step | more_by_step, of_run | more_of_run
    yield check_summary(run, premises, hours, by_step, of_run)


class _OfVehicles:
    """The audits of trips, vehicles and their game, which go step by step."""

    def __init__(
        self,
        run: Run,
        premises: Premises,
        hours: Columns,
        fleet: Columns,
        out: NDArray[np.bool_],
    ) -> None:
        names = dict.fromkeys(("origin", "destination"), premises.communities)
        self.traffic = TrafficAudit(premises, TableReader(run, "trips", names, premises.start_ms))
        self.vehicles = VehicleAudit(premises, hours, fleet, out)
        self.equilibrium = EquilibriumAudit(premises, fleet)
        self._premises = premises
        self._rows = vehicle_reader(run, premises)
        setting = premises.setting
        self._given = None if setting is None else ScenarioTravel(premises, setting)

    def block(self, first: int, last: int) -> Columns:
        """Check some steps of the vehicles and return their rows."""
        rows = read_vehicles(self._rows, self._premises, first, last)
        travel = None if self._given is None else self._given.block(first, last)
        where, km = self.traffic.block(first, last, rows["community"][:, 0], travel)
        self.vehicles.add(first, rows, where, km, travel)
        return rows

    def rest(self) -> Columns:
        """Return the rows after the last step."""
        return self._rows.rest()

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        for audit in (self.traffic, self.vehicles, self.equilibrium):
            yield from audit.checks()


def _step_by_step(
    premises: Premises,
    hours: Columns,
    of_vehicles: _OfVehicles | None,
    messages: MessageAudit,
    reader: TableReader,
    progress: Callable[[int, int], None],
) -> None:
    """Go through the tables that may be too long to be held, a few steps at a time."""
    each = max(premises.recorded * len(premises.strategies), 1)
    at_once = min(max(ROWS_AT_ONCE // each, 1), MOST_STEPS)
    for first in range(0, premises.steps, at_once):
        last = min(first + at_once, premises.steps)
        rows = None if of_vehicles is None else of_vehicles.block(first, last)
        for step, strategy, said in by_step(reader, premises, first, last):
            seen = game = None
            bargains = premises.vehicle_strategies[strategy] != "typical"
            if of_vehicles is not None and rows and premises.all_recorded and bargains:
                seen = _seen(rows, hours, first, step, strategy)
                game = seen.game(premises)
                of_vehicles.equilibrium.add(seen, game)
            messages.add(step, strategy, said, seen, game)
        progress(last, premises.steps)
    rests = [("messages", reader.rest())]
    rests += [] if of_vehicles is None else [("vehicles", of_vehicles.rest())]
    for name, rest in rests:
        if len(rest["step"]):
            raise DamagedTableError(name, "there are rows after the last step")


def _seen(rows: Columns, hours: Columns, first: int, step: int, strategy: int) -> StepOfVehicles:
    mine = {name: values[step - first, strategy] for name, values in rows.items()}
    here = {name: values[step, strategy] for name, values in hours.items()}
    return StepOfVehicles(
        step=step,
        strategy=strategy,
        where=np.where(mine["plugged"] == 1, mine["community"], -1),
        lam=mine["lam"],
        theta=mine["theta"],
        usable_kwh=mine["usable_kwh"],
        lower_kwh=mine["min_kwh"],
        upper_kwh=mine["max_kwh"],
        energy_kwh=mine["energy_kwh"],
        utility_price=float(here["utility_price"][0]),
        community_price=here["community_price"],
        passive_kwh=here["net_kwh"] - here["ev_kwh"],
    )
