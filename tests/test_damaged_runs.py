"""Damaged and forged runs are refused in one message, or read and resumed as if nothing were."""

import json
import math
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.environment import InputError
from hmesh.environment.safe_files import MOST_JSON_BYTES, sha256
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, scenario_hash, start_run
from hmesh.runs.report.write import write_report
from hmesh.runs.results import table_bounds
from hmesh.runs.results import writer as results
from hmesh.runs.results.result_tables import TABLES, tables_with
from hmesh.runs.results.unfinished_run import read_any_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.sweeps.sweep import Sweep, run_sweep
from hmesh.runs.world.setting import Setting, make_setting
from tests.interrupted_runs import interrupted

CHANGES = (
    "vehicles.count=2", "hours=4", "start=2024-01-15T07:00", "game.solver=exact", "plots=false",
    "messages.keep=all", "strategies=[typical, three_level]",
)  # fmt: skip
STEPS = 2
ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 4, 5, 24, 10**9, 10**30, -0.5, 1.5, 1e300, math.nan,
    math.inf, "", "x", "complete", "interrupted", "-0x1", "2024-01-15", "\ud800", "../../etc",
    [], {}, [1], [[]], {"x": 1}, [None, "x"], {"mapping": {}}, {"array": "array_0"}, {"array": 7},
    {"tuple": [1]}, {"array": "none"}, {"tuple": None},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "ROWS_PER_PART", 10)


@pytest.fixture(autouse=True)
def _one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the world of a scenario once, since most damage leaves the scenario as it is."""
    made: dict[str, Setting] = {}

    def cached(scenario: Scenario) -> Setting:
        digest = scenario_hash(scenario.resolved())
        if digest not in made:
            made[digest] = make_setting(scenario)
        return made[digest]

    for module in ("hmesh.runs.run", "hmesh.runs.world.setting"):
        monkeypatch.setattr(f"{module}.make_setting", cached)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "ROWS_PER_PART", 10)
        directory = tmp_path_factory.mktemp("whole") / "run"
        start_run(load_scenario("three-communities", CHANGES), directory)
    return directory


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "ROWS_PER_PART", 10)
        return interrupted(tmp_path_factory.mktemp("left") / "run", STEPS, *CHANGES)


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container within a value with every key of it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from spots(value[key])


def changed(draw: random.Random, value: Any, *, known: bool = False) -> None:
    """Change one place of nested data, somewhere from its surface to its depth.

    `known` adds no key: no audit can know a count that nothing but the summary holds.
    """
    found = list(spots(value))
    depth = draw.randrange(1, 60)
    container, key = draw.choice(found[:depth] if draw.random() < 0.4 else found)
    how = draw.randrange(6)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, list):
        container.insert(key, container[key])
    elif how == 1 and not known:
        container["a new key"] = draw.choice(ODD)
    elif how == 2 and isinstance(container[key], int | float):
        container[key] = draw.choice((-container[key] - 1, container[key] * 2 + 1, 1e18))
    else:
        container[key] = draw.choice(ODD)


def torn(draw: random.Random, content: bytes) -> bytes:
    """Damage the bytes of a file."""
    at = draw.randrange(len(content))
    return draw.choice(
        (
            content[:at],
            content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :],
            content[at:],
            b"",
            b"[" * 100_000,
            b"null",
            b'{"schema": 1}',
            b"\xff" + content,
        )
    )


def sealed(run: Path) -> None:
    """Let the digests of a checkpoint vouch for its files as they are now."""
    for place in (run / "checkpoint").glob("0*"):
        digests = {name: sha256(place / name) for name in ("state.json", "arrays.npz")}
        (place / "digests.json").write_text(json.dumps(digests))


def change_json(draw: random.Random, path: Path, *, known: bool = False) -> None:
    value = json.loads(path.read_text())
    changed(draw, value, known=known)
    path.write_text(json.dumps(value))


def tear(draw: random.Random, path: Path) -> None:
    path.write_bytes(torn(draw, path.read_bytes()))


def change_array(draw: random.Random, path: Path) -> None:
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    name = draw.choice(list(arrays))
    array = arrays[name]
    how = draw.randrange(6)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[name] = np.concatenate([array, array]) if array.ndim else np.zeros(3)
    elif how == 2:
        arrays[name] = array.astype(draw.choice((np.float32, np.int64, "U3", np.complex128)))
    elif how == 3:
        arrays[name] = array.reshape(1, *array.shape)
    elif how == 4 and array.dtype.kind == "f":
        arrays[name] = np.full_like(array, draw.choice((math.nan, math.inf, -1e9)))
    else:
        arrays[name] = np.full_like(array, 99)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def forge_scenario(draw: random.Random, run: Path) -> None:
    """Change the scenario, and every digest of it."""
    path = run / "run.json"
    info = json.loads(path.read_text())
    found = list(spots(info["scenario"]))
    container, key = draw.choice([(c, k) for c, k in found if not isinstance(c[k], dict | list)])
    container[key] = draw.choice((None, True, -1, 0, 3, 10**9, -0.5, 1e300, "", "x", "2024-01-15"))
    info["scenario_sha256"] = digest = scenario_hash(info["scenario"])
    path.write_text(json.dumps(info))
    for state in run.glob("checkpoint/0*/state.json"):
        reported = json.loads(state.read_text())
        state.write_text(json.dumps(reported | {"scenario_hash": digest}))
    sealed(run)


def damage_left(draw: random.Random, run: Path) -> bool:
    """Damage an interrupted run and return whether it was made to look undamaged."""
    (place,) = (run / "checkpoint").glob("0*")
    names = ("state.json", "state.json", "arrays.npz", "arrays.npz", "digests.json")
    kind = draw.randrange(10)
    if kind < 3:
        change_json(draw, run / "run.json")
    elif kind == 3:
        tear(draw, draw.choice((run / "run.json", *(place / name for name in names))))
    elif kind == 4:
        part = draw.choice(sorted((run / "checkpoint" / "parts").iterdir()))
        part.unlink() if draw.random() < 0.3 else tear(draw, part)
    elif kind == 5:
        change_json(draw, place / draw.choice(("state.json", "digests.json")))
    elif kind == 6:
        forge_scenario(draw, run)
        return True
    elif kind == 7:
        change_array(draw, place / "arrays.npz")
        sealed(run)
        return True
    else:
        change_json(draw, place / "state.json", known=True)
        sealed(run)
        return True
    return False


def damage_whole(draw: random.Random, run: Path) -> None:
    kind = draw.randrange(6)
    if kind < 3:
        change_json(draw, run / "run.json")
    elif kind == 3:
        tear(draw, run / draw.choice(("run.json", "summary.json")))
    elif kind == 4:
        change_json(draw, run / "summary.json")
    else:
        forge_scenario(draw, run)


def tables(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != "run.json"}


def same_rows(left: Path, right: Path) -> bool:
    """Return whether two runs hold the same, but for what no audit can know.

    Those are names that a file lists and no row has, and the names of the vehicles' day plans.
    """
    runs = read_run(left), read_run(right)
    for name in tables_with(runs[0].scenario.schemes):
        columns = [column.name for column in TABLES[name] if column.name != "day_plan"]
        if runs[0].table(name, columns).to_pylist() != runs[1].table(name, columns).to_pylist():
            return False
    return runs[0].summary == runs[1].summary


def check_left(draw: random.Random, left: Path, whole: Path, folder: Path) -> str:
    """Damage a run, look at it and resume it; return the outcome."""
    run = shutil.copytree(left, folder)
    forged = damage_left(draw, run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    try:
        data = read_any_run(run)
        data.table("hours")
        _ = data.summary
    except InputError as error:
        one_message(error)
    try:
        resume_run(run)
    except InputError as error:
        one_message(error)
        now = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        return "refused" if now == before else "refused and touched"
    if tables(run) == tables(whole) or (forged and same_rows(run, whole)):
        return "as ever"
    assert forged, "a damaged run has other results"
    assert not audit_run(run).passed, "a forged run passed its audit"
    return "found by the audit"


def check_whole(draw: random.Random, whole: Path, folder: Path) -> str:
    run = shutil.copytree(whole, folder)
    damage_whole(draw, run)
    outcome = "as ever"
    for work in (
        lambda: resume_run(run),
        lambda: write_report([run], run / "page.html", audit=False),
        lambda: read_run(run).check_files(),
    ):
        try:
            work()
        except InputError as error:
            one_message(error)
            outcome = "refused"
    try:
        if not audit_run(run).passed:
            outcome = "found by the audit"
    except InputError as error:
        one_message(error)
    return outcome


def one_message(error: InputError) -> None:
    text = str(error)
    assert text
    assert "hmesh resume" not in text
    assert "Traceback" not in text
    assert len(text) < 4_000


def many(tries: range, check: Callable[..., str], folder: Path) -> Counter[str]:
    """Return the outcome of so many damaged runs; each follows from its seed alone."""
    outcomes = Counter[str]()
    for seed in tries:
        run = folder / str(seed)
        try:
            outcomes[check(random.Random(seed), folder=run)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        shutil.rmtree(run)
    return outcomes


LEFT_OUTCOMES = {"refused", "as ever", "found by the audit"}


@pytest.mark.slow
def test_a_damaged_interrupted_run_never_ends_as_a_sound_one(
    left: Path, whole: Path, tmp_path: Path
) -> None:
    outcomes = many(range(150), partial(check_left, left=left, whole=whole), tmp_path)
    assert outcomes.keys() <= LEFT_OUTCOMES
    assert outcomes["refused"] > 100


def test_a_damaged_finished_run_is_read_or_refused(whole: Path, tmp_path: Path) -> None:
    outcomes = many(range(60), partial(check_whole, whole=whole), tmp_path)
    assert outcomes["refused"] + outcomes["found by the audit"] > 30


def test_a_damaged_table_is_read_or_refused(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    path = run / "hours.parquet"
    content, draw, refused = path.read_bytes(), random.Random(5), 0
    for _ in range(150):
        # Its columns are described at its end.
        at = len(content) - draw.randrange(2, 3000)
        path.write_bytes(
            content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]
        )
        try:
            read_run(run).table("hours", ["net_kwh"])
        except InputError as error:
            one_message(error)
            refused += 1
    assert refused > 50


def test_a_table_of_another_kind_is_refused_column_by_column(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    shutil.copy(run / "ledger.parquet", run / "hours.parquet")
    with pytest.raises(InputError, match=r"hours\.parquet, column net_kwh: is missing"):
        read_run(run).table("hours", ["net_kwh", "time"])
    table = read_run(whole).table("hours")
    at = table.schema.get_field_index("net_kwh")
    pq.write_table(
        table.set_column(at, "net_kwh", table.column("net_kwh").cast("string")),
        run / "hours.parquet",
    )
    with pytest.raises(InputError, match=r"column net_kwh: holds string \(allowed: double"):
        read_run(run).table("hours")


def test_a_table_that_claims_more_than_memory_is_refused(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    table = read_run(whole).table("ledger")
    rows, path = table.slice(0, 1), run / "ledger.parquet"
    many = pa.concat_tables([rows] * 2**17).combine_chunks()
    with pq.ParquetWriter(path, many.schema) as writer:
        writer.write_table(many)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_bounds.os, "sysconf", lambda name: 2**10)
        with pytest.raises(InputError, match=r"0\.125 of the memory of this machine"):
            read_run(run).table("ledger")
    assert read_run(run).table("ledger", ["step"]).num_rows == 2**17


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are of POSIX")
@pytest.mark.parametrize("name", ["run.json", "summary.json", "hours.parquet"])
def test_what_has_no_end_is_refused(whole: Path, tmp_path: Path, name: str) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    (run / name).unlink()
    os.mkfifo(tmp_path / "pipe")
    (run / name).symlink_to(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"is not a regular file|holds no run"):
        _ = read_run(run).summary, read_run(run).table("hours")


def test_json_is_refused_beyond_a_size(tmp_path: Path) -> None:
    with (tmp_path / "run.json").open("wb") as file:
        file.truncate(MOST_JSON_BYTES + 1)
    with pytest.raises(InputError, match=r"holds 268,435,457 bytes \(allowed: at most 268,435,456"):
        read_run(tmp_path)


def test_packed_arrays_of_a_checkpoint_are_refused(left: Path, tmp_path: Path) -> None:
    run = shutil.copytree(left, tmp_path / "run")
    (place,) = (run / "checkpoint").glob("0*")
    with (place / "arrays.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, array_0=np.zeros(10**6))
    sealed(run)
    with pytest.raises(InputError, match="are packed, which hMESH never does"):
        resume_run(run)


@pytest.mark.slow
def test_a_damaged_plan_of_a_sweep_is_refused(tmp_path: Path) -> None:
    def sweep() -> Sweep:
        vary = {"vehicles.theta": [1.5, 2.0]}
        return run_sweep("three-communities", vary, tmp_path / "sweep", changes=CHANGES, workers=1)

    path = tmp_path / "sweep" / "sweep.json"
    ended = sweep()
    runs = {run.name: (path.parent / "runs" / run.name) for run in ended.plan.runs}
    before = {name: tables(run) for name, run in runs.items()}
    plan, refused = path.read_bytes(), 0
    for seed in range(20):
        draw = random.Random(seed)
        path.write_bytes(plan)
        tear(draw, path) if seed % 4 == 0 else change_json(draw, path)
        try:
            sweep()
        except InputError as error:
            one_message(error)
            refused += 1
    assert refused > 10
    path.write_bytes(plan)
    for seed, run in enumerate(runs.values()):
        damage_whole(random.Random(seed), run)
        (run / "summary.json").write_text("{}")
    assert not sweep().failures
    assert {name: tables(run) for name, run in runs.items()} == before


@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_thousands_of_damaged_runs(left: Path, whole: Path, tmp_path: Path) -> None:
    tries = range(1_000, 4_000)
    outcomes = many(tries, partial(check_left, left=left, whole=whole), tmp_path)
    assert outcomes.keys() <= LEFT_OUTCOMES
    many(tries[:1_000], partial(check_whole, whole=whole), tmp_path)
