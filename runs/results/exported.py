"""Results of a run in the forms of other programs: CSV, spreadsheets, netCDF, networks."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.number_words import counted
from hmesh.environment.safe_files import beside
from hmesh.runs.results.exported_pandapower import refuse_unknown_impedances, write_pandapower
from hmesh.runs.results.hours_of_run import cubes
from hmesh.runs.results.result_tables import TABLES, arrow_schema
from hmesh.runs.results.run_reader import Run, read_run
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.city_grid import make_city_grid

if TYPE_CHECKING:
    import h5py
    import pyarrow as pa

# A sheet of a spreadsheet holds no more rows.
MOST_SHEET_ROWS = 1_048_576
_KW_PER_MW = 1e3


def export_run(
    directory: Path, to: str, out: Path, tables: Sequence[str] = (), strategy: str | None = None
) -> list[str]:
    """Write the results of a finished run in another form.

    Parameters
    ----------
    directory : Path
        The folder of the run.
    to : str
        A name of `FORMS`.
    out : Path
        The new folder or file.
    tables : sequence of str
        Which tables of a CSV folder or a spreadsheet; all that there are if none is given.
    strategy : str or None
        Whose energies a network of PyPSA has; the first if not given.

    Returns
    -------
    list of str
        What was written, and what was left out, a line each.

    Raises
    ------
    InputError
        If there is no such form, table or strategy, something stands there, or a package lacks.
    """
    if to not in FORMS:
        message = f"{to!r} is no form to export to"
        raise InputError([Problem("--to", message, ", ".join(FORMS), nearest(to, FORMS))])
    if out.exists():
        raise InputError([Problem(str(out), "is there already", "a new name")])
    run = read_run(directory)
    run.check_files()
    there = [name for name in TABLES if (directory / f"{name}.parquet").is_file()]
    problems = [
        Problem("--table", f"the run has no table {name!r}", ", ".join(there), nearest(name, there))
        for name in tables
        if name not in there
    ]
    names = run.info["scenario"]["strategies"]
    if strategy is not None and strategy not in names:
        message = f"the run has no strategy {strategy!r}"
        problems.append(Problem("--strategy", message, ", ".join(names), nearest(strategy, names)))
    refuse_all(problems)
    return FORMS[to](run, out, list(tables) or there, strategy or names[0])


def _columns(tables: Sequence[str]) -> list[list[str]]:
    """Return what every column of some tables says, the heading first."""
    rows = [["table", "column", "unit", "description"]]
    for table in tables:
        rows += [[table, c.name, c.unit, c.description] for c in TABLES[table]]
    return rows


def _summary(run: Run) -> list[list[str]]:
    """Return the figures of the summary, a row for each and a column for each strategy."""
    names = run.info["scenario"]["strategies"]
    held = [dict(_flat(run.totals(name))) for name in names]
    every = dict.fromkeys(figure for each in held for figure in each)
    shown = [
        [figure, *("" if each.get(figure) is None else json.dumps(each[figure]) for each in held)]
        for figure in every
    ]
    return [["figure", *names], *shown]


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, held in value.items():
        if isinstance(held, Mapping):
            yield from _flat(held, f"{before}{name}.")
        else:
            yield f"{before}{name}", held


def _write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with beside(path) as made, made.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _to_csv(run: Run, out: Path, tables: Sequence[str], _: str) -> list[str]:
    import pyarrow.csv as pa_csv

    summary = _summary(run)
    out.mkdir(parents=True)
    for table in tables:
        schema = _plain_schema(arrow_schema(table, run.info["time_zone"], run.info["schema"]))
        with beside(out / f"{table}.csv") as made, pa_csv.CSVWriter(made, schema) as writer:
            for batch in run.batches(table):
                writer.write_batch(batch.cast(schema))
    _write_rows(out / "columns.csv", _columns(tables))
    _write_rows(out / "summary.csv", summary)
    return [f"{out}: {', '.join(tables)}, columns, summary"]


def _plain_schema(schema: "pa.Schema") -> "pa.Schema":
    """Return a schema with text in place of coded names, which CSV has not."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
        for field in schema
    ]
    return pa.schema(fields)


def _to_xlsx(run: Run, out: Path, tables: Sequence[str], _: str) -> list[str]:
    openpyxl = _package("openpyxl", "excel")
    if out.suffix.lower() != ".xlsx":
        raise InputError([Problem("--out", f"{out.name} is no spreadsheet", "a name.xlsx")])
    book = openpyxl.Workbook(write_only=True)
    written, lines = [], []
    sheet = book.create_sheet("summary")
    for line in _summary(run):
        sheet.append([line[0], *map(_cell, line[1:])])
    for table in tables:
        rows = run.table(table)
        if rows.num_rows >= MOST_SHEET_ROWS:
            lines.append(
                f"left out: {table}, whose {rows.num_rows:,} rows are more than a sheet holds"
            )
            continue
        sheet = book.create_sheet(table)
        sheet.append(rows.column_names)
        for batch in rows.to_batches():
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                # Spreadsheets know no time zones: times are those of the wall clock.
                sheet.append([v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for v in row])
        written.append(table)
    sheet = book.create_sheet("columns")
    for described in _columns(written):
        sheet.append(described)
    with beside(out) as made:
        book.save(made)
    return [f"{out}: summary, {', '.join([*written, 'columns'])}", *lines]


def _cell(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _package(name: str, extra: str) -> Any:
    """Return a package, or say how to install it.

    Raises
    ------
    InputError
        If it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        message = f"the package {name} is not installed"
        raise InputError([Problem("--to", message, f'pip install "hmesh[{extra}]"')]) from None


def _of_first_step(run: Run, table: str, column: str) -> list[str]:
    """Return the names along the last axis of a table."""
    rows = run.table(table, ["step", "strategy", column], [("step", "=", 0)]).to_pydict()
    first = rows["strategy"][0]
    return [n for n, s in zip(rows[column], rows["strategy"], strict=True) if s == first]


def _to_netcdf(run: Run, out: Path, _: Sequence[str], __: str) -> list[str]:
    h5py = _package("h5py", "grid")
    scenario = Scenario.from_resolved(run.info["scenario"])
    step_s, held = round(3600 * scenario.step_h), cubes(run)
    start = calendar_of(scenario, with_files=False).time_of(0)
    axes: dict[str, Any] = {
        "time": np.arange(run.info["steps_total"], dtype=np.int64) * step_s,
        "strategy": run.info["scenario"]["strategies"],
        "community": _of_first_step(run, "hours", "community"),
        "line": _of_first_step(run, "lines", "line"),
    }
    with beside(out) as made, h5py.File(made, "w", track_order=True) as file:
        file.attrs["title"] = np.bytes_(run.info["scenario"]["name"].encode())
        file.attrs["Conventions"] = np.bytes_(b"CF-1.8")
        for number, (name, values) in enumerate(axes.items()):
            axis = file.create_dataset(
                name, data=values if name == "time" else [v.encode() for v in values],
                dtype=None if name == "time" else h5py.string_dtype(),
            )  # fmt: skip
            axis.make_scale(name)
            axis.attrs["_Netcdf4Dimid"] = np.int32(number)
        utc = start.astimezone(tz=None) if start.tzinfo is None else start
        since = utc.astimezone(_utc()).strftime("%Y-%m-%d %H:%M:%S")
        file["time"].attrs["units"] = np.bytes_(f"seconds since {since}".encode())
        file["time"].attrs["calendar"] = np.bytes_(b"standard")
        for table, columns in held.items():
            by = "community" if table == "hours" else "line"
            meant = {c.name: c for c in TABLES[table]}
            for name, values in columns.items():
                _variable(file, name, values, ("time", "strategy", by), meant[name])
    return [f"{out}: {', '.join(axes)}; hours and lines, times in UTC"]


def _utc() -> Any:
    from datetime import UTC

    return UTC


def _variable(
    file: "h5py.File", name: str, values: FloatArray, axes: Sequence[str], column: Any
) -> None:
    held = file.create_dataset(name, data=values, fillvalue=np.nan)
    for number, axis in enumerate(axes):
        held.dims[number].attach_scale(file[axis])
    held.attrs["units"] = np.bytes_(column.unit.encode())
    held.attrs["long_name"] = np.bytes_(column.description.encode())


def _to_pypsa(run: Run, out: Path, _: Sequence[str], strategy: str) -> list[str]:
    """Write a folder that `pypsa.Network.import_from_csv_folder` reads."""
    scenario = Scenario.from_resolved(run.info["scenario"])
    grid = make_city_grid(scenario).grid
    s = list(scenario.strategies).index(strategy)
    calendar = calendar_of(scenario, with_files=False)
    begins = [calendar.time_of(step).astimezone(_utc()) for step in range(scenario.steps)]
    times = [f"{at:%Y-%m-%d %H:%M:%S}" for at in begins]
    held = cubes(run)
    order = {line: n for n, line in enumerate(_of_first_step(run, "lines", "line"))}
    places = [order[f"{one} - {other}"] for one, other in grid.lines]
    sent, received = (held["lines"][n][:, s, places] for n in ("sent_kwh", "received_kwh"))
    taken = received.copy()
    for k, (parent, _child) in enumerate(grid.lines):
        if (above := grid.node_index[parent] - 1) >= 0:
            taken[:, above] -= sent[:, k]
    mw = taken / scenario.step_h / _KW_PER_MW
    out.mkdir(parents=True)
    network = [["name", "pypsa_version"], [scenario.name, "0.30.0"]]
    buses = [["name", "v_nom", "carrier"], *([node, "1.0", "AC"] for node in grid.nodes)]
    links = [["name", "bus0", "bus1", "carrier", "p_nom", "p_min_pu", "efficiency", "length"]]
    for k, (parent, child) in enumerate(grid.lines):
        loss, p_nom = float(grid.loss_rate[k]), repr(float(grid.rating_kw[k]) / _KW_PER_MW)
        length = repr(float(grid.length_km[k]))
        # A line with losses is two links, one for each direction: each loses what it carries.
        least = "0.0" if loss else "-1.0"
        links.append([child, parent, child, "AC", p_nom, least, repr(1.0 / (1.0 + loss)), length])
        if loss:
            back = [f"{child} back", child, parent, "AC", p_nom, least, repr(1.0 - loss), length]
            links.append(back)
    ends = [k for k in range(len(grid.lines)) if np.abs(taken[:, k]).max() > 0]
    loads = [["name", "bus"], *([f"load {grid.nodes[k + 1]}", grid.nodes[k + 1]] for k in ends)]
    p_set = [["snapshot", *(f"load {grid.nodes[k + 1]}" for k in ends)]]
    p_set += [[at, *map(repr, row[ends].tolist())] for at, row in zip(times, mw, strict=True)]
    cost = held["hours"]["utility_price"][:, s, 0] * _KW_PER_MW
    source = [["name", "bus", "control", "p_nom", "p_min_pu"], ["utility", "utility", "Slack",
              repr(float(max(np.abs(sent.sum(axis=1)).max(), 1.0)) / scenario.step_h / 1e3 * 10),
              "-1.0"]]  # fmt: skip
    prices = [["snapshot", "utility"]]
    prices += [[at, repr(price)] for at, price in zip(times, cost.tolist(), strict=True)]
    # PyPSA reads times only where snapshots are no index.
    snapshots = [["", "snapshot", "objective", "stores", "generators"]]
    snapshots += [[str(n), at, *[repr(scenario.step_h)] * 3] for n, at in enumerate(times)]
    for name, rows in (
        ("network", network), ("snapshots", snapshots), ("buses", buses), ("links", links),
        ("loads", loads), ("loads-p_set", p_set), ("generators", source),
        ("generators-marginal_cost", prices),
    ):  # fmt: skip
        _write_rows(out / f"{name}.csv", rows)
    many = ", ".join(
        (
            counted(len(grid.nodes), "bus", "buses"),
            counted(len(links) - 1, "link"),
            counted(len(ends), "load"),
        )
    )
    return [
        f"{out}: {many} of {strategy}, snapshots in UTC",
        "left out: devices and rules; loads hold what each connection really took",
    ]


def _to_pandapower(run: Run, out: Path, _: Sequence[str], strategy: str) -> list[str]:
    """Write a folder with a network that `pandapower.from_json` reads, and all its loads."""
    scenario = Scenario.from_resolved(run.info["scenario"])
    city = make_city_grid(scenario)
    plan = refuse_unknown_impedances(city.plan, run.directory)
    grid, s = city.grid, list(scenario.strategies).index(strategy)
    order = {line: n for n, line in enumerate(_of_first_step(run, "lines", "line"))}
    # What everybody takes passes its connection, a line of no length below a node of the grid.
    ends = [(parent, child) for parent, child in grid.lines if child not in plan.nodes]
    places = [order[f"{parent} - {child}"] for parent, child in ends]
    taken = cubes(run)["lines"]["received_kwh"][:, s, places]
    calendar = calendar_of(scenario, with_files=False)
    begins = [calendar.time_of(step).astimezone(_utc()) for step in range(scenario.steps)]
    times = [f"{at:%Y-%m-%d %H:%M:%S}" for at in begins]
    mw = taken / scenario.step_h / _KW_PER_MW
    return write_pandapower(out, plan, scenario.name, ends, mw, times)


FORMS: Mapping[str, Callable[[Run, Path, Sequence[str], str], list[str]]] = {
    "csv": _to_csv,
    "xlsx": _to_xlsx,
    "xarray": _to_netcdf,
    "pypsa": _to_pypsa,
    "pandapower": _to_pandapower,
}
