"""Reader of networks that PyPSA writes, as a folder of CSV files or as netCDF."""

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.grid_files.network import Branch, BusNetwork
from hmesh.environment.number_words import counted

type Rows = dict[str, dict[str, Any]]

TABLES = (
    "buses", "lines", "transformers", "loads", "generators", "line_types", "transformer_types",
    "links", "storage_units", "stores", "shunt_impedances", "processes",
)  # fmt: skip
# What takes or gives energy at a bus and is not carried over.
AT_BUSES = ("generators", "storage_units", "stores", "shunt_impedances")
OFF = ("False", "false", "0", "0.0")


def is_pypsa_folder(path: Path) -> bool:
    """Return whether a folder holds the CSV files of a network."""
    return (path / "buses.csv").is_file()


def pypsa_files(path: Path) -> list[str]:
    """Return the files of a folder that are read."""
    return [f"{table}.csv" for table in TABLES if (path / f"{table}.csv").is_file()]


def read_pypsa(path: Path) -> BusNetwork:
    """Read a network of PyPSA, a folder of CSV files or a netCDF file.

    Ratings are ``s_nom`` times ``s_max_pu``. The bus of the generator whose ``control`` is Slack is
    fed by the utility; that of the only generator where none is.

    Raises
    ------
    InputError
        If it is no network of PyPSA.
    """
    tables = _folder(path) if path.is_dir() else _netcdf(path)
    try:
        return _network(tables)
    except KeyError as error:
        message = f"a table lacks the column {error.args[0]!r}"
    except ValueError as error:
        message = f"a value is no number: {error}"
    raise InputError([Problem(path.name, message, "a network of PyPSA")])


def _network(tables: Mapping[str, Rows]) -> BusNetwork:
    network = BusNetwork()
    for bus, row in tables["buses"].items():
        voltage_kv = _number(row, "v_nom", 1.0)
        network.voltage_kv[bus] = voltage_kv
        if not 0 < voltage_kv < math.inf:
            network.problems.append(Problem(f"bus {bus}", f"v_nom is {voltage_kv:g}", "above 0"))
        if str(row.get("carrier") or "AC") == "DC":
            network.problems.append(Problem(f"bus {bus}", "is of direct current", "AC"))
    _add_lines(network, tables)
    _add_transformers(network, tables)
    for table, what in (("links", "a link"), ("processes", "a process")):
        for name in tables[table]:
            message = f"is {what}, which is not read"
            network.problems.append(Problem(f"{what[2:]} {name}", message, "lines, transformers"))
    _add_sources(network, tables["generators"])
    for name, row in tables["loads"].items():
        bus = str(row["bus"])
        power = 1000.0 * complex(_number(row, "p_set", 0.0), _number(row, "q_set", 0.0))
        if bus not in network.voltage_kv:
            network.problems.append(Problem(f"load {name}", f"unknown bus {bus!r}"))
        network.loads[bus] = network.loads.get(bus, 0.0) + power
    for table in AT_BUSES:
        if tables[table]:
            text = f"{len(tables[table])} {table.replace('_', ' ')}"
            network.left_out.append(f"{text}: what they take or give at their buses")
    return network


def _number(row: Mapping[str, Any], name: str, default: float) -> float:
    value = row.get(name)
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return default
    return float(value)


def _used(network: BusNetwork, rows: Rows, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the branches in service whose buses there are, each with its name."""
    off = []
    for index, row in rows.items():
        name = f"{what} {index}"
        missing = [str(row[end]) for end in ("bus0", "bus1") if row[end] not in network.voltage_kv]
        if str(row.get("active", "True")) in OFF:
            off.append(name)
        elif missing:
            network.problems.append(Problem(name, f"unknown bus {missing[0]!r}"))
        else:
            yield name, row
    if off:
        network.left_out.append(f"{counted(len(off), what)} not active: {', '.join(off)}")


def _rating_kva(network: BusNetwork, name: str, row: Mapping[str, Any]) -> float:
    rated = _number(row, "s_nom", 0.0) * _number(row, "s_max_pu", 1.0) * 1000.0
    if not rated > 0:
        problem = Problem(name, f"s_nom is {row.get('s_nom', 0)}", "the rating, above 0 [MVA]")
        network.problems.append(problem)
    return rated


def _add_lines(network: BusNetwork, tables: Mapping[str, Rows]) -> None:
    for name, row in _used(network, tables["lines"], "line"):
        length_km, systems = _number(row, "length", 0.0), _number(row, "num_parallel", 1.0)
        resistance, reactance = _number(row, "r", 0.0), _number(row, "x", 0.0)
        susceptance_us = _number(row, "b", 0.0) * 1e6
        kind = str(row.get("type") or "")
        if kind:
            of_kind = tables["line_types"].get(kind)
            if of_kind is None:
                allowed = "r and x of the line, or the type in line_types"
                network.problems.append(Problem(name, f"is of the type {kind!r}", allowed))
                continue
            along = length_km / systems
            resistance = _number(of_kind, "r_per_length", 0.0) * along
            reactance = _number(of_kind, "x_per_length", 0.0) * along
            farad = _number(of_kind, "c_per_length", 0.0) * 1e-9 * length_km * systems
            hertz = _number(of_kind, "f_nom", 50.0)
            susceptance_us = 2.0 * math.pi * hertz * farad * 1e6
        network.branches.append(
            Branch(
                name, (str(row["bus0"]), str(row["bus1"])), length_km,
                _rating_kva(network, name, row), resistance, reactance, susceptance_us,
            )
        )  # fmt: skip


def _add_transformers(network: BusNetwork, tables: Mapping[str, Rows]) -> None:
    for name, row in _used(network, tables["transformers"], "transformer"):
        ends = (str(row["bus0"]), str(row["bus1"]))
        if kind := str(row.get("type") or ""):
            allowed = "r, x and s_nom of the transformer"
            network.problems.append(Problem(name, f"is of the type {kind!r}", allowed))
            continue
        rating_kva = _rating_kva(network, name, row)
        base_mva = _number(row, "s_nom", 0.0)
        if not base_mva > 0:
            continue
        ohm = network.voltage_kv[ends[1]] ** 2 / base_mva
        tap = _number(row, "tap_ratio", 1.0)
        tapped_here = int(_number(row, "tap_side", 0.0)) == 0
        network.branches.append(
            Branch(
                name, ends, 0.0, rating_kva, _number(row, "r", 0.0) * ohm,
                _number(row, "x", 0.0) * ohm, 0.0, _number(row, "g", 0.0) * base_mva * 1000.0,
                abs(_number(row, "b", 0.0)) * base_mva * 1000.0,
                tap if tapped_here else 1.0 / tap,
            )
        )  # fmt: skip


def _add_sources(network: BusNetwork, generators: Rows) -> None:
    slack = [row for row in generators.values() if row.get("control") == "Slack"]
    for row in slack or list(generators.values()):
        network.sources[str(row["bus"])] = 1.0


def _folder(path: Path) -> dict[str, Rows]:
    tables: dict[str, Rows] = {table: {} for table in TABLES}
    for file in pypsa_files(path):
        try:
            with (path / file).open(newline="", encoding="utf-8-sig") as opened:
                reader = csv.reader(opened, strict=True)
                header = next(reader, [])
                # The first column holds the names, whatever it is called.
                tables[file.removesuffix(".csv")] = {
                    row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in reader if row
                }
        except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
            raise InputError([Problem(f"{path.name}/{file}", f"cannot be read: {error}")]) from None
    return tables


def _netcdf(path: Path) -> dict[str, Rows]:
    try:
        import h5py
    except ImportError:
        message = "is netCDF, and the package h5py is not installed"
        raise InputError([Problem(path.name, message, 'pip install "hmesh[grid]"')]) from None
    tables: dict[str, Rows] = {table: {} for table in TABLES}
    try:
        with h5py.File(path) as file:
            for table in TABLES:
                if f"{table}_i" not in file:
                    continue
                names = [_plain(name) for name in file[f"{table}_i"][()]]
                rows: Rows = {str(name): {} for name in names}
                for key in file:
                    if key.startswith(f"{table}_") and key != f"{table}_i" and "_t_" not in key:
                        held = file[key][()]
                        if held.shape == (len(names),):
                            for name, value in zip(names, held, strict=True):
                                rows[str(name)][key.removeprefix(f"{table}_")] = _plain(value)
                tables[table] = rows
    except OSError as error:
        raise InputError([Problem(path.name, f"cannot be read: {error}", "netCDF")]) from None
    if not tables["buses"]:
        raise InputError([Problem(path.name, "holds no buses", "a network of PyPSA")])
    return tables


def _plain(value: Any) -> Any:
    """Return text for bytes, and a Python number for one of NumPy."""
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value
