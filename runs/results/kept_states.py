"""States of a run that stay in its folder, from which it is extended or branches off."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import beside, own_folder, remove_own, sha256
from hmesh.runs.results.buffer import TableBuffer
from hmesh.runs.results.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from hmesh.runs.results.names import KEPT_FILES
from hmesh.runs.results.result_tables import TABLES
from hmesh.runs.results.run_reader import Run
from hmesh.runs.results.table_bounds import refuse_large, too_many_rows
from hmesh.runs.results.writer import ResultsWriter, chained, encoding
from hmesh.runs.scenarios.resolved_scenario import scenario_hash

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario

_KEPT = "states"


def keep_state(directory: Path, steps_done: int, state: Mapping[str, Any], digest: str) -> None:
    """Write a state that stays in the folder of a run, beside those of other steps."""
    folder = own_folder(directory, _KEPT, make=True)
    save_checkpoint(folder / f"{steps_done:09d}", steps_done, state, digest)


def forget_states(directory: Path) -> None:
    """Remove all states that were kept."""
    remove_own(directory / _KEPT, KEPT_FILES, keep_others=True)


def renew_states(directory: Path, before: str, now: str) -> None:
    """Let states that were kept be of another scenario, whose first steps are the same.

    Parameters
    ----------
    directory : Path
        The folder of the run.
    before, now : str
        The digests of both scenarios.
    """
    folder = own_folder(directory, _KEPT)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if has_checkpoint(path):
            try:
                save_checkpoint(path, *load_checkpoint(path, before), now)
            except InputError:
                continue  # damaged, so that it is of no use


def state_before(run: Run, steps: int) -> tuple[int, dict[str, Any] | None]:
    """Return the last state of a run, kept or of its checkpoint, that has at most some steps done.

    Parameters
    ----------
    run : Run
        The run, finished or not.
    steps : int
        How many steps may be done.

    Returns
    -------
    steps_done : int
        0 where there is no such state.
    state : dict or None
        What `load_checkpoint` returned.
    """
    digest = scenario_hash(run.info["scenario"])
    places: dict[int, Path] = {}
    folder = own_folder(run.directory, _KEPT)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.isdecimal() and len(path.name) == 9 and has_checkpoint(path):
            places[int(path.name)] = path
    latest = run.directory / "checkpoint"
    if not run.complete and has_checkpoint(latest):
        places[load_checkpoint(latest, digest)[0]] = latest
    for done in sorted(places, reverse=True):
        if done <= steps:
            try:
                return load_checkpoint(places[done], digest)
            except InputError:
                continue  # damaged, or of the run as it was before it was extended
    return 0, None


def put_state(
    run: Run, scenario: "Scenario", steps_done: int, state: Mapping[str, Any], directory: Path
) -> None:
    """Write a state of a run as the checkpoint of another one, with the rows that lead to it.

    Parameters
    ----------
    run : Run
        Where the state is from.
    scenario : Scenario
        That of the other run.
    steps_done, state : int, mapping
        What `state_before` returned.
    directory : Path
        The folder of the other run, which may be the same.

    Raises
    ------
    InputError
        When rows are missing, or the folder cannot be written to.
    """
    target = ResultsWriter(directory, scenario)
    target.begin()
    held: dict[str, Any] = {}
    for table in target.tables:
        if table not in state["writer"]:
            fresh = TableBuffer(table, TABLES[table], 0)
            held[table] = {"parts": 0, "digest": "", **fresh.state()}
            continue
        held[table] = dict(state["writer"][table])
        digest = ""
        for number in range(held[table]["parts"]):
            path = directory / "checkpoint" / "parts" / f"{table}-{number:06d}.parquet"
            _write_part(run, table, number, path)
            digest = chained(digest, sha256(path))
        held[table]["digest"] = digest
    strategies = _completed(scenario, state["strategies"])
    taken = {**state, "writer": held, "strategies": strategies}
    save_checkpoint(target.checkpoints, steps_done, taken, scenario_hash(target.resolved))


def _completed(scenario: "Scenario", states: Mapping[str, Any]) -> dict[str, Any]:
    """Return the states of strategies with the columns that only change in the other run.

    Columns that never change in a run are no part of its state. In another run, such as one with
    an outage, they may be; until then they have the values with which its world begins.
    """
    from hmesh.runs.world.setting import make_setting
    from hmesh.runs.world.simulation import Simulation

    setting = make_setting(scenario)
    found = {}
    for strategy, state in states.items():
        new = Simulation(setting, strategy).state()["schemes"]
        schemes = {name: _with_missing(part, new[name]) for name, part in state["schemes"].items()}
        found[strategy] = {**state, "schemes": schemes}
    return found


def _with_missing(held: Any, new: Any) -> Any:
    """Return a part of a state with what a new one has beside it."""
    if not isinstance(held, Mapping) or not isinstance(new, Mapping):
        return held
    return {**new, **{name: _with_missing(part, new.get(name)) for name, part in held.items()}}


def _write_part(run: Run, table: str, number: int, path: Path) -> None:
    """Write a part of a table of a run to another place."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if run.complete:
        source, group = run.directory / f"{table}.parquet", number
    else:
        source, group = run.directory / "checkpoint" / "parts" / path.name, 0
    try:
        columns = [column.name for column in TABLES[table]]
        refuse_large(source, pq.read_metadata(source), columns, whole=False)
        with pq.ParquetFile(source) as file:
            held = file.metadata.row_group(group).num_rows
            if message := too_many_rows(held, len(columns)):
                raise InputError([Problem(str(source), message)])
            rows = file.read_row_group(group)
    except (OSError, pa.ArrowException, IndexError) as error:
        raise InputError([Problem(str(source), f"cannot be read: {error}")]) from None
    with beside(path) as new:
        pq.write_table(rows, new, row_group_size=rows.num_rows, **encoding(table))
