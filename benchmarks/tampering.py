"""Change one thing after the other in the results of every scheme, and see that audits notice it.

A small run of every scheme and one of the city are written. Then one value in every column of every
table is changed, rows are dropped, doubled, swapped and reversed, every figure of the summary is
changed, and so is every key of run.json, with all digests repaired. Each time the run is audited.
What passes its audit is listed; a key of the scenario counts only where a run with the changed key
has other results.

``--only TEXT`` tries the places that contain a text. With ``--json FILE`` it writes the figures.
The exit status is 1 where something passed that the audit does not itself list as not covered.
"""

import argparse
import hashlib
import json
import math
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from small_runs import METERED_SITES, SMALL_RUNS, STATED, small_run

# The bound of audits for what is due to rounding, as a share or in units.
ROUNDING = 1e-9

LOADS = "time,member,load_kwh\n" + "".join(
    f"2024-01-{31 + h // 24 - 1:02}T{h % 24:02}:00+01:00,{name},{1 + n + (h * 7 + n) % 5}\n"
    for n, name in enumerate(("saw", "press"))
    for h in range(25)
)
SUMMED = ("by_year", "by_season", "by_weekday")


@dataclass
class Tampered:
    """What was tried in the results of a run.

    Attributes
    ----------
    tried : int
        How many changes.
    passed : list of str
        Those that the audit did not notice, by their place.
    listed : list of str
        Those of them that the audit lists as not covered.
    """

    tried: int = 0
    passed: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)


def otherwise(value: Any, values: Sequence[Any]) -> Any:
    """Return another value that could stand in place of one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        others = sorted({other for other in values if other not in (None, value)})
        return others[0] if others else "nobody"
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.01 * max(abs(value), 1.0)
    return value + timedelta(hours=1) if isinstance(value, datetime) else 1.0


# -- tables --------------------------------------------------------------------------------------


def changed_column(rows: Any, column: str) -> Any:
    """Return a table with one value of a column changed, None where the column is empty."""
    import pyarrow as pa

    place = rows.schema.get_field_index(column)
    kind = rows.schema.field(place)
    values = rows.column(place).to_pylist()
    # A price offered that changes nobody's answer leaves no trace.
    offers = "kind" in rows.column_names
    kinds = rows.column("kind").to_pylist() if offers else [None] * len(values)
    there = [
        row for row, value in enumerate(values) if value is not None and kinds[row] != "PriceOffer"
    ]
    if not there:
        return None
    moving = [row for row in there if values[row]] or there
    row = moving[len(moving) // 2]
    values[row] = otherwise(values[row], values)
    if pa.types.is_dictionary(kind.type):
        array = pa.array(values, pa.string()).dictionary_encode().cast(kind.type)
    else:
        array = pa.array(values, kind.type)
    return rows.set_column(place, kind, array)


def orders(rows: Any) -> Iterator[tuple[str, Any]]:
    """Yield a table with rows too few, too many and in another order."""
    count = rows.num_rows
    numbers = list(range(count))
    middle = count // 2
    if count:
        yield "a row dropped", numbers[:middle] + numbers[middle + 1 :]
        yield "the last row dropped", numbers[:-1]
        yield "a row twice", numbers[: middle + 1] + numbers[middle:]
    if count > 1:
        first = max(middle, 1) - 1
        swapped = [*numbers[:first], first + 1, first, *numbers[first + 2 :]]
        if rows.slice(first, 1).to_pylist() != rows.slice(first + 1, 1).to_pylist():
            yield "two rows swapped", swapped
        yield "rows reversed", numbers[::-1]


def of_tables(directory: Path, tables: Sequence[str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every change of a table by its place, with what makes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for table in tables:
        path = directory / f"{table}.parquet"
        rows = pq.read_table(path)
        for column in rows.column_names:
            changed = changed_column(rows, column)
            if changed is not None:
                yield f"{table}.{column}", partial(pq.write_table, changed, path)
        for name, order in orders(rows):
            yield (
                f"{table}: {name}",
                partial(pq.write_table, rows.take(pa.array(order, pa.int64())), path),
            )


# -- summary and run.json --------------------------------------------------------------------------


def leaves(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys of every single value within nested data."""
    if isinstance(value, Mapping):
        for key in value:
            yield from leaves(value[key], (*before, key))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping | list):
        for number, item in enumerate(value):
            yield from leaves(item, (*before, number))
    else:
        yield before


def with_other(data: Any, keys: tuple[Any, ...]) -> Any:
    """Return nested data with another value at a place, None where there is no other one."""
    data = deepcopy(data)
    held = data
    for key in keys[:-1]:
        held = held[key]
    value = held[keys[-1]]
    if isinstance(value, Mapping):
        return None
    if isinstance(value, list):
        if not value:
            return None
        held[keys[-1]] = value[:-1] if len(value) > 1 else [otherwise(value[0], [])]
    else:
        held[keys[-1]] = otherwise(value, [])
    return data


def of_summary(directory: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every change of a figure of the last strategy."""
    path = directory / "summary.json"
    summary = json.loads(path.read_text())
    strategy = list(summary)[-1]
    seen = set[tuple[Any, ...]]()
    for keys in leaves(summary[strategy], (strategy,)):
        # Of parts of a calendar the first one.
        short = (keys[1], *keys[3:]) if keys[1] in SUMMED else keys
        if short in seen:
            continue
        seen.add(short)
        changed = with_other(summary, keys)
        if changed is not None:
            text = json.dumps(changed)
            yield f"summary.{'.'.join(map(str, keys[1:]))}", partial(path.write_text, text)


def of_run(directory: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every change of run.json, with the digest of the scenario repaired."""
    from hmesh.runs import scenario_hash

    path = directory / "run.json"
    info = json.loads(path.read_text())
    for keys in leaves(info):
        # Digests of results are repaired; a file elsewhere is what it is.
        if keys[0] == "sha256" or keys[:2] == ("scenario", "files"):
            continue
        changed = with_other(info, keys)
        if changed is None:
            continue
        if keys[0] == "scenario":
            changed["scenario_sha256"] = scenario_hash(changed["scenario"])
            if keys[-1] in ("start", "step_h", "time_zone", "currency", "seed"):
                changed[keys[-1]] = changed["scenario"][keys[-1]]
        text = json.dumps(changed)
        yield f"run.{'.'.join(map(str, keys))}", partial(path.write_text, text)


# -- audits ----------------------------------------------------------------------------------------


def repair(directory: Path) -> None:
    """Let run.json vouch for all files as they are now."""
    path = directory / "run.json"
    info = json.loads(path.read_text())
    for name in info["sha256"]:
        info["sha256"][name] = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(info))


def verdict(directory: Path) -> tuple[bool, tuple[str, ...]]:
    """Return whether a run passes its audit, and what that lists as not covered."""
    from hmesh.environment import InputError
    from hmesh.runs import audit_run

    try:
        report = audit_run(directory)
    except InputError:
        return False, ()
    return report.passed, report.not_covered


def same_results(directory: Path, folder: Path, not_covered: Sequence[str]) -> bool:
    """Return whether the scenario that run.json states has the results of the run.

    One that cannot be run has none. A figure of 0 that only one of both has makes no difference,
    nor do rows in another order where that is not covered, nor numbers that differ by less than
    what an audit takes as rounding.
    """
    import pyarrow.parquet as pq

    from hmesh.environment import InputError
    from hmesh.runs import read_run, start_run
    from hmesh.runs.scenarios.scenario import Scenario

    again = folder / "again"
    shutil.rmtree(again, ignore_errors=True)
    info = read_run(directory).info
    try:
        start_run(Scenario.from_resolved(info["scenario"]), again)
        found = read_run(again).info["sha256"]
    except InputError:
        return False
    name = "summary.json"
    if found.keys() != info["sha256"].keys():
        return False
    for file in found.keys() - {name}:
        if found[file] == info["sha256"][file]:
            continue
        rows = [pq.read_table(place / file).to_pylist() for place in (again, directory)]
        if f"{Path(file).stem}: order of rows" in not_covered:
            rows = [sorted(each, key=repr) for each in rows]
        if not alike(*rows):
            return False
    made, before = (json.loads((place / name).read_text()) for place in (again, directory))
    keys = {*leaves(made), *leaves(before)}
    return all(alike(_at(made, each), _at(before, each)) for each in keys)


def alike(one: Any, other: Any) -> bool:
    """Return whether values are equal, numbers but for their rounding."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        both_unknown = math.isnan(one) and math.isnan(other)
        return both_unknown or math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return bool(one == other)


def _at(data: Any, keys: tuple[Any, ...]) -> Any:
    """Return what nested data holds at a place, 0 where that is nothing."""
    for key in keys:
        if isinstance(data, Mapping) and key not in data:
            return 0
        data = data[key]
    return data


def started(name: str, folder: Path) -> Path:
    """Run a scenario, metered sites by loads of a file, and return the folder of the run."""
    from hmesh.runs import start_run

    (folder / "loads.csv").write_text(LOADS)
    loads = "load: {file: loads.csv}" if name == METERED_SITES else STATED
    directory = folder / name
    start_run(small_run(name, folder, loads), directory)
    return directory


def tamper(directory: Path, folder: Path, only: str, share: float, seed: int) -> Tampered:
    """Make all changes in the results of a run, one after the other, and audit each.

    Parameters
    ----------
    directory : Path
        The run.
    folder : Path
        For copies.
    only : str
        A text that places contain.
    share : float
        Of the places that are tried.
    seed : int
        By which they are drawn.
    """
    from hmesh.runs import read_run
    from hmesh.runs.results.result_tables import tables_of

    found, draw = Tampered(), random.Random(f"{seed}/{directory.name}")
    passed, _ = verdict(directory)
    if not passed:
        raise RuntimeError(f"{directory.name} does not pass its audit as it was written")
    before = {path: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    tables = [
        table
        for table in tables_of(read_run(directory).scenario)
        if (directory / f"{table}.parquet").is_file()
    ]
    for places in (of_tables(directory, tables), of_summary(directory), of_run(directory)):
        for place, change in places:
            if only not in place or draw.random() >= share:
                continue
            change()
            repair(directory)
            passed, not_covered = verdict(directory)
            of_scenario = place.startswith("run.scenario.")
            if passed and of_scenario and same_results(directory, folder, not_covered):
                passed = False
            else:
                found.tried += 1
            if passed:
                known = re.sub("two rows swapped|rows reversed", "order of rows", place)
                # A figure that is not covered is not so in any part of the calendar.
                known = re.sub(rf"\.(?:{'|'.join(SUMMED)})\.[^.]+", "", known)
                listed = any(
                    known == each or known.startswith(f"{each}.") or each.startswith(f"{known} of ")
                    for each in not_covered
                )
                (found.listed if listed else found.passed).append(place)
                print(f"  {place}{' (listed)' if listed else ''}", flush=True)
            for path, content in before.items():
                path.write_bytes(content)
    return found


def main() -> None:
    """Tamper with the runs of all schemes, and print what passes."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--scenario", action="append", choices=list(SMALL_RUNS))
    options.add_argument("--only", default="", metavar="TEXT")
    options.add_argument("--share", type=float, default=1.0, help="of the places that are tried")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--smoke", action="store_true", help="a few places of one scenario")
    given = options.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    report = given.json and given.json.resolve()
    names = given.scenario or (["battery-sharing"] if given.smoke else list(SMALL_RUNS))
    share = 0.05 if given.smoke else given.share
    figures: dict[str, Any] = {}
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="tampering-") as parent:
        for name in names:
            print(name, flush=True)
            folder = Path(parent) / f"of-{name}"
            folder.mkdir()
            found = tamper(started(name, folder), folder, given.only, share, given.seed)
            caught = found.tried - len(found.passed) - len(found.listed)
            figures[name] = {
                "tried": found.tried,
                "caught": caught,
                "listed": found.listed,
                "passed": found.passed,
            }
            print(f"  {caught} of {found.tried} caught, {len(found.listed)} listed", flush=True)
    tried = sum(each["tried"] for each in figures.values())
    caught = sum(each["caught"] for each in figures.values())
    listed = sum(len(each["listed"]) for each in figures.values())
    print(f"{caught} of {tried} changes are caught, {listed} more are listed as not covered")
    if report:
        from report import write_figures

        seconds = round(time.process_time() - began)
        totals = {"tried": tried, "caught": caught, "listed": listed, "processor_s": seconds}
        write_figures(report, totals | {"runs": figures})
    sys.exit(1 if caught + listed < tried else 0)


if __name__ == "__main__":
    main()
