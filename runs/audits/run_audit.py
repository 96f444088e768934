"""An audit: what a finished run wrote down, compared with exact solutions found independently."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hmesh.environment.errors import InputError
from hmesh.environment.safe_files import sha256
from hmesh.runs.audits.account_checks import check_accounts
from hmesh.runs.audits.audit_report import AuditReport, Check, Tally
from hmesh.runs.audits.bills_of_members import MemberTariffAudit
from hmesh.runs.audits.elastic_members import ElasticAudit
from hmesh.runs.audits.event_checks import check_events
from hmesh.runs.audits.hours import check_hours, read_hours, supplied
from hmesh.runs.audits.ledger_checks import check_money, read_ledger
from hmesh.runs.audits.limits import audited_grid, before_shedding, check_limits, read_limits
from hmesh.runs.audits.line_flows import check_lines, read_lines, refuse_changed_grid
from hmesh.runs.audits.local_exchange import LocalExchangeAudit
from hmesh.runs.audits.member_energies import feeders_out, member_energies
from hmesh.runs.audits.messages import MessageAudit, by_step, message_reader
from hmesh.runs.audits.metric_checks import check_metrics
from hmesh.runs.audits.prices_without_vehicles import PricesAudit
from hmesh.runs.audits.prosumer_checks import ProsumerAudit
from hmesh.runs.audits.road_checks import check_roads
from hmesh.runs.audits.run_inputs import RunInputs, run_inputs_of
from hmesh.runs.audits.scheme_audit import SchemeAudit
from hmesh.runs.audits.summary import check_summary, figures_of_messages, figures_of_tables
from hmesh.runs.audits.table_reader import DamagedTableError, EarlierTableError, TableReader
from hmesh.runs.audits.trade_of_members import check_local_trade
from hmesh.runs.audits.welfare import check_welfare, read_welfare
from hmesh.runs.plugins.loading import changed
from hmesh.runs.results.result_tables import tables_of
from hmesh.runs.results.road_lines import ROADS_FILE
from hmesh.runs.results.run_folder import statements
from hmesh.runs.results.run_reader import Run, read_run
from hmesh.runs.scenarios.named_files import files_named
from hmesh.runs.scenarios.places_section import RoadFile
from hmesh.runs.scenarios.resolved_scenario import scenario_hash
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.descriptor import Phase
from hmesh.runs.schemes.registry import scheme

# What no results depend on, and what of chance no kept message shows.
NOT_COVERED = (
    "run.wall_seconds", "run.versions", "run.resumed_with", "run.changed_plugins",
    "run.scenario.messages", "messages: order of rows", "messages.round",
)  # fmt: skip
# Prices that are found to within a tolerance are so to within a wider one, too.
LOOSE_KEYS = {
    "negotiate": ("run.scenario.game.tolerance",),
    "grid": ("run.scenario.game.grid_step", "run.scenario.game.grid_zooms"),
}
ROWS_AT_ONCE = 2**18
MOST_STEPS = 2**10


def no_progress(done: int, total: int) -> None:
    """Report no progress."""


def audit_run(
    directory: Path | str, progress: Callable[[int, int], None] = no_progress
) -> AuditReport:
    """Check a finished run: its files, its physics, its money and its equilibria.

    Everything is worked out independently from the scenario that run.json states and the tables
    beside it. Files that the scenario names, of loads and day plans, are used where they still hold
    what the run read.

    Parameters
    ----------
    directory : Path or str
        What `hmesh run` wrote.
    progress : callable, optional
        Called with the steps checked and the steps of the run.

    Returns
    -------
    AuditReport
        One line for each thing checked.

    Raises
    ------
    InputError
        If the folder holds no run, an unfinished one, or one of no scenario, or the file of its
        grid is gone or has changed.
    """
    run = read_run(directory)
    if not run.complete:
        run.check_files()  # Says how to go on.
    inputs = run_inputs_of(run)
    refuse_changed_grid(inputs)
    checks = [_files(run, inputs.scenario), _statements(run, inputs)]
    checks += _plugins(run, inputs.scenario)
    try:
        for check in _tables(run, inputs, progress):
            checks.append(check)  # those made before a damage count
    except (DamagedTableError, InputError) as error:
        note = f"{error}; what would follow was not checked"
        made = None if isinstance(error, EarlierTableError) else False
        checks.append(Check("files: tables hold what they must", made, np.nan, 0.0, "", note=note))
    return AuditReport(run.directory, tuple(checks))


def _files(run: Run, scenario: Scenario) -> Check:
    """Compare the digest of every file with the one that run.json states."""
    tally = Tally("files: as the run wrote them", 0.0)
    digests = run.info.get("sha256", {})
    tables = tables_of(scenario)
    names = [*(f"{table}.parquet" for table in tables), "summary.json"]
    names += [ROADS_FILE] if isinstance(scenario.roads, RoadFile) else []
    # A run writes no file that its scenario does not ask for.
    due, off = set(names), []
    names += [name for name in digests if name not in names]
    for name in names:
        path = run.directory / name
        right = name in due and path.is_file() and sha256(path) == digests.get(name)
        off.append(0.0 if right else 1.0)
    tally.add(np.array(off), lambda at: names[at[0]], None)
    return tally.check()


def _plugins(run: Run, scenario: Scenario) -> Iterator[Check]:
    """Compare the plugins that the audit loads with those of the run, where there are any."""
    if not scenario.loaded_plugins:
        return
    name = "files: plugins as the run loaded them"
    differing = changed(run.info["scenario"]["plugins"], scenario.loaded_plugins)
    if differing:
        note = f"changed since: {', '.join(differing)}; checks below use them as they are now"
        yield Check(name, None, np.nan, 0.0, "", note=note)
    else:
        yield Check(name, True, 0.0, 0.0, "")


def _statements(run: Run, inputs: RunInputs) -> Check:
    """Compare what run.json says of the run with the scenario that it states."""
    scenario = inputs.scenario
    expected = statements(scenario) | {
        "steps_done": scenario.steps,
        "scenario_sha256": scenario_hash(run.info["scenario"]),
    }
    files = run.info["scenario"].get("files", {}).get("sha256", {})
    # Of files that are gone nobody can say whether a folder that the scenario names held them.
    read, named = (
        {name for name in names if scenario.path_of(name).exists()}
        for names in (files, scenario.files())
    )
    names = [*expected, "the files that the scenario names"]
    same = [run.info.get(name) == value for name, value in expected.items()]
    stated = read == named and files.keys() >= set(files_named(scenario))
    off = 1.0 - np.array([*same, stated], dtype=np.float64)
    tally = Tally("files: run.json agrees with its scenario", 0.0)
    tally.add(off, lambda at: names[at[0]], None)
    loose = LOOSE_KEYS.get(scenario.game.solver, ())
    return replace(tally.check(), not_covered=(*NOT_COVERED, *loose))


def _tables(run: Run, inputs: RunInputs, progress: Callable[[int, int], None]) -> Iterator[Check]:
    """Check the tables against the scenario, and each other."""
    energies, out = member_energies(inputs), feeders_out(inputs)
    hours, limits = read_hours(run, inputs), read_limits(run, inputs)
    shed = None if limits is None else limits["shed_kwh"]
    decided = dict(before_shedding(hours, shed))
    names = inputs.scenario.schemes
    # What homes use is known before anybody else acts, and is added to members' loads.
    homes = [name for name in names if scheme(name).phase is Phase.HOMES]
    by_name: dict[str, SchemeAudit] = {
        name: scheme(name).part("audit")(run, inputs, decided) for name in homes
    }
    elastic = ElasticAudit(inputs, decided, energies, out, list(by_name.values()))
    # Those who act before prices are set are to find what members meter then.
    decided.update(elastic.hours())
    by_name |= {
        name: scheme(name).part("audit")(run, inputs, decided)
        for name in names
        if name not in homes
    }
    in_order = [by_name[name] for name in names]
    schemes = sorted(in_order, key=lambda each: not each.step_by_step)
    local = (
        LocalExchangeAudit(run, inputs, hours, energies) if inputs.scenario.local_exchange else None
    )
    if local is not None:
        schemes.append(local)
    tariffs = MemberTariffAudit(run, inputs, hours, out)
    if tariffs.there:
        schemes.append(tariffs)
    if PricesAudit.needed(inputs):
        schemes.append(PricesAudit(inputs, decided))
    # Members with an elasticity belong to no scheme, but use energy and talk as its agents do.
    everybody = [*schemes, elastic] if elastic.there else schemes
    flows = read_lines(run, inputs)
    audited = audited_grid(inputs, flows, energies, out, everybody)
    for each in schemes:
        each.grid = audited
        each.unlimited_price = None if limits is None else limits["unlimited_price"]
        each.beside = [other for other in everybody if other.answers_beside and other is not each]
    prosumers = ProsumerAudit(run, inputs, decided, energies, by_name, tariffs)
    yield from check_roads(run, inputs)
    yield from check_hours(inputs, hours, energies, out, everybody, shed)
    yield from check_lines(inputs, hours, flows, energies, out, everybody, audited)
    yield from elastic.checks()
    messages = MessageAudit(inputs, hours, everybody)
    reader = message_reader(run, inputs, everybody)
    for each in schemes:
        yield from each.opening()
    _step_by_step(inputs, schemes, messages, reader, progress)
    for each in schemes:
        yield from each.checks()
    yield from prosumers.checks()
    paying = [*schemes, prosumers] if prosumers.there else schemes
    ledger = read_ledger(run, inputs, supplied(hours), paying)
    yield from check_money(inputs, hours, flows, ledger, paying)
    if local is not None:
        yield check_local_trade(local)
    yield from messages.checks()
    by_step, of_run = figures_of_messages(inputs, messages)
    by_step |= figures_of_tables(inputs, hours, flows, energies, schemes)
    if limits is not None:
        checks, figures = check_limits(inputs, hours, flows, limits, audited, schemes)
        yield from checks
        by_step |= figures
    accounts, account_figures = check_accounts(
        run, inputs, hours, energies, prosumers, local, tariffs.groups if tariffs.there else {},
        {name: each.own_bills() for name, each in by_name.items()},
    )  # fmt: skip
    yield from accounts
    of_run |= account_figures
    if (welfare := read_welfare(run, inputs)) is not None:
        checks, figures = check_welfare(inputs, welfare, schemes)
        yield from checks
        by_step |= figures
    for each in (*everybody, prosumers):
        more_by_step, more_of_run = each.figures()
        by_step, of_run = by_step | more_by_step, of_run | more_of_run
    added = {name for each in schemes for name in each.added_figures}
    summary = check_summary(run, inputs, hours, by_step, of_run, added)
    tables = tables_of(inputs.scenario)
    loose = [place for each in schemes for place in each.not_covered]
    there = {"run", *tables}
    loose = [place for place in loose if re.split("[.:]", place)[0] in there]
    yield replace(summary, not_covered=(*summary.not_covered, *loose))
    yield from check_metrics(run, inputs)
    yield from check_events(run, inputs)


def _step_by_step(
    inputs: RunInputs,
    schemes: Sequence[SchemeAudit],
    messages: MessageAudit,
    reader: TableReader,
    progress: Callable[[int, int], None],
) -> None:
    """Go through the tables that may be too long to be held, a few steps at a time."""
    most = max((each.rows_per_step() for each in schemes), default=0)
    at_once = min(max(ROWS_AT_ONCE // max(most, 1), 1), MOST_STEPS)
    for first in range(0, inputs.steps, at_once):
        last = min(first + at_once, inputs.steps)
        for each in schemes:
            each.block(first, last)
        for step, strategy, said in by_step(reader, inputs, first, last):
            found = [game for each in schemes if (game := each.game(step, strategy)) is not None]
            messages.add(step, strategy, said, found[0] if found else None)
        progress(last, inputs.steps)
    rests = [("messages", reader.rest()), *(rest for each in schemes for rest in each.rest())]
    for name, rest in rests:
        if len(rest["step"]):
            raise DamagedTableError(name, "there are rows after the last step")
