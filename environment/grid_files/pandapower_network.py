"""Reader of networks that pandapower writes as JSON, those of SimBench among them."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError, Problem, missing_file
from hmesh.environment.grid_files.network import Branch, BusNetwork
from hmesh.environment.number_words import counted

type Row = Mapping[str, Any]

ALLOWED = "a network written by pandapower.to_json"

# What takes or gives energy at a bus: the sign of its power as a load.
INJECTIONS = {
    "load": 1.0, "asymmetric_load": 1.0, "motor": 1.0, "sgen": -1.0, "asymmetric_sgen": -1.0,
    "gen": -1.0, "storage": 1.0, "shunt": 1.0, "ward": 1.0, "svc": 1.0, "ssc": 1.0,
}  # fmt: skip
# What joins buses otherwise than a line or a two-winding transformer of three phases.
OTHER_BRANCHES = {
    "trafo3w": "a three-winding transformer", "impedance": "an impedance", "dcline": "a DC line",
    "line_dc": "a DC line", "bus_dc": "a DC bus", "vsc": "a converter", "b2b_vsc": "a converter",
    "bi_vsc": "a converter", "tcsc": "a series compensator", "xward": "an extended ward",
}  # fmt: skip
# What says nothing of where energy flows.
SILENT = (
    "bus", "line", "trafo", "switch", "ext_grid", "poly_cost", "pwl_cost", "measurement", "group",
    "bus_geodata", "line_geodata", "pole", "substation", "zone",
)  # fmt: skip


def read_pandapower(path: Path) -> BusNetwork:
    r"""Read a network of pandapower.

    Ratings are :math:`\sqrt{3} V I` of a line, times its derating factor and its parallel systems,
    and the rated power of a transformer. Taps are taken as they stand.

    Raises
    ------
    InputError
        If the file is not a network of pandapower.
    """
    tables = _tables(path)
    try:
        return _network(tables)
    except KeyError as error:
        message = f"a table lacks the column {error.args[0]!r}"
    except (TypeError, ValueError) as error:
        message = f"a number is missing or none: {error}"
    raise InputError([Problem(path.name, message, ALLOWED)])


def _network(tables: Mapping[str, list[tuple[int, Row]]]) -> BusNetwork:
    network = BusNetwork()
    names = _bus_names(tables, network)
    joined = _joined(tables, names)
    for index, row in tables["bus"]:
        if index in joined:
            # Of buses that switches join, the first.
            network.voltage_kv.setdefault(joined[index], float(row["vn_kv"]))
    _check_voltages(network)
    opened = _opened(tables)
    _add_lines(network, tables, joined, opened.get("l", set()))
    _add_transformers(network, tables, joined, opened.get("t", set()))
    _add_others(network, tables)
    for _, row in tables.get("ext_grid", []):
        if _in_service(row) and row["bus"] in joined:
            network.sources[joined[row["bus"]]] = _number(row, "vm_pu", 1.0)
    _add_injections(network, tables, joined)
    return network


def _tables(path: Path) -> dict[str, list[tuple[int, Row]]]:
    """Return the rows of every table with their index."""
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError([Problem(path.name, f"cannot be read: {error}", ALLOWED)]) from None
    held = content.get("_object") if isinstance(content, dict) else None
    if not isinstance(held, dict) or "bus" not in held:
        raise InputError([Problem(path.name, "is not a network of pandapower", ALLOWED)])
    tables: dict[str, list[tuple[int, Row]]] = {
        "_frequency": [(0, {"f_hz": held.get("f_hz", 50.0)})]
    }
    for name, frame in held.items():
        if not isinstance(frame, dict) or frame.get("_class") != "DataFrame":
            continue
        if name.startswith(("res_", "_")):
            continue
        given = frame["_object"]
        data = json.loads(given) if isinstance(given, str) else given
        if not isinstance(data, dict) or not {"columns", "index", "data"} <= data.keys():
            raise InputError([Problem(f"{path.name}: {name}", "is no table by columns", ALLOWED)])
        tables[name] = [
            (index, dict(zip(data["columns"], values, strict=True)))
            for index, values in zip(data["index"], data["data"], strict=True)
        ]
    return tables


def _in_service(row: Row) -> bool:
    return bool(row.get("in_service", True))


def _number(row: Row, name: str, default: float) -> float:
    value = row.get(name)
    return default if value is None or math.isnan(value) else float(value)


def _bus_names(tables: Mapping[str, list[tuple[int, Row]]], network: BusNetwork) -> dict[int, str]:
    """Return the name of every bus in service, its index where two bear one."""
    given = {index: str(row.get("name") or "").strip() for index, row in tables["bus"]}
    often = Counter(given.values())
    names = {
        index: given[index] if given[index] and often[given[index]] == 1 else f"bus {index}"
        for index, row in tables["bus"]
        if _in_service(row)
    }
    off = [index for index, row in tables["bus"] if not _in_service(row)]
    if off:
        network.left_out.append(f"{counted(len(off), 'bus', 'buses')} out of service")
    return names


def _joined(
    tables: Mapping[str, list[tuple[int, Row]]], names: Mapping[int, str]
) -> dict[int, str]:
    """Return the bus of every index, where closed switches make several buses one."""
    first = {index: index for index in names}

    def root(index: int) -> int:
        while first[index] != index:
            index = first[index]
        return index

    for _, row in tables.get("switch", []):
        one, other = row["bus"], row["element"]
        if row["et"] == "b" and row["closed"] and one in first and other in first:
            low, high = sorted((root(one), root(other)))
            first[high] = low
    return {index: names[root(index)] for index in names}


def _check_voltages(network: BusNetwork) -> None:
    for bus, voltage_kv in network.voltage_kv.items():
        if not 0 < voltage_kv < math.inf:
            network.problems.append(Problem(bus, f"vn_kv is {voltage_kv:g}", "above 0"))


def _opened(tables: Mapping[str, list[tuple[int, Row]]]) -> dict[str, set[int]]:
    """Return the lines and transformers that an open switch disconnects at an end."""
    found: dict[str, set[int]] = {}
    for _, row in tables.get("switch", []):
        if not row["closed"]:
            found.setdefault(row["et"], set()).add(row["element"])
    return found


def _used(
    network: BusNetwork, rows: list[tuple[int, Row]], what: str, opened: set[int],
    buses: Mapping[int, str], ends: tuple[str, str],
) -> Iterator[tuple[str, Row]]:  # fmt: skip
    """Yield the branches that carry energy, each with its name; the others are left out."""
    off = []
    for index, row in rows:
        name = f"{what} {row.get('name') or index}"
        there = all(row[end] in buses for end in ends)
        if not _in_service(row) or index in opened or not there:
            off.append(name)
        else:
            yield name, row
    if off:
        network.left_out.append(
            f"{counted(len(off), what)} open or out of service: {', '.join(off)}"
        )


def _add_lines(
    network: BusNetwork, tables: Mapping[str, list[tuple[int, Row]]], buses: Mapping[int, str],
    opened: set[int],
) -> None:  # fmt: skip
    rows = tables.get("line", [])
    for name, row in _used(network, rows, "line", opened, buses, ("from_bus", "to_bus")):
        ends = (buses[row["from_bus"]], buses[row["to_bus"]])
        current_ka = _number(row, "max_i_ka", math.nan)
        if not current_ka > 0:
            message = f"max_i_ka is {row.get('max_i_ka')}"
            network.problems.append(Problem(name, message, "the highest current, above 0 [kA]"))
            continue
        length_km, systems = float(row["length_km"]), _number(row, "parallel", 1.0)
        most = current_ka * _number(row, "df", 1.0) * systems
        along = length_km / systems
        farad = _number(row, "c_nf_per_km", 0.0) * 1e-9 * length_km * systems
        network.branches.append(
            Branch(
                name, ends, length_km,
                math.sqrt(3.0) * network.voltage_kv[ends[1]] * most * 1000.0,
                float(row["r_ohm_per_km"]) * along, float(row["x_ohm_per_km"]) * along,
                2.0 * math.pi * _frequency(tables) * farad * 1e6,
            )
        )  # fmt: skip


def _frequency(tables: Mapping[str, list[tuple[int, Row]]]) -> float:
    return float(tables["_frequency"][0][1]["f_hz"])


def _add_transformers(
    network: BusNetwork, tables: Mapping[str, list[tuple[int, Row]]], buses: Mapping[int, str],
    opened: set[int],
) -> None:  # fmt: skip
    rows = tables.get("trafo", [])
    for name, row in _used(network, rows, "trafo", opened, buses, ("hv_bus", "lv_bus")):
        ends = (buses[row["hv_bus"]], buses[row["lv_bus"]])
        rated_mva, systems = _number(row, "sn_mva", math.nan), _number(row, "parallel", 1.0)
        if not rated_mva > 0:
            message = f"sn_mva is {row.get('sn_mva')}"
            network.problems.append(Problem(name, message, "the rated power, above 0 [MVA]"))
            continue
        high_kv, low_kv = _tapped(row)
        ohm = low_kv**2 / rated_mva / 100.0 / systems
        short, real = float(row["vk_percent"]), float(row["vkr_percent"])
        nominal = network.voltage_kv[ends[0]] / network.voltage_kv[ends[1]]
        network.branches.append(
            Branch(
                name, ends, 0.0, rated_mva * 1000.0 * _number(row, "df", 1.0) * systems,
                real * ohm, math.sqrt(max(short**2 - real**2, 0.0)) * ohm, 0.0,
                _number(row, "pfe_kw", 0.0) * systems,
                _number(row, "i0_percent", 0.0) / 100.0 * rated_mva * 1000.0 * systems,
                high_kv / low_kv / nominal,
            )
        )  # fmt: skip


def _tapped(row: Row) -> tuple[float, float]:
    """Return the rated voltages of a transformer at the tap where it stands [kV]."""
    high_kv, low_kv = float(row["vn_hv_kv"]), float(row["vn_lv_kv"])
    steps = _number(row, "tap_pos", 0.0) - _number(row, "tap_neutral", 0.0)
    factor = 1.0 + steps * _number(row, "tap_step_percent", 0.0) / 100.0
    side = row.get("tap_side")
    return high_kv * (factor if side == "hv" else 1.0), low_kv * (factor if side == "lv" else 1.0)


def _add_others(network: BusNetwork, tables: Mapping[str, list[tuple[int, Row]]]) -> None:
    """Note branches that no tree of lines can stand for, and tables that are not read."""
    for table, what in OTHER_BRANCHES.items():
        for index, row in tables.get(table, []):
            if _in_service(row):
                name = f"{table} {row.get('name') or index}"
                message = f"is {what}, which is not read"
                network.problems.append(
                    Problem(name, message, "lines and two-winding transformers")
                )
    known = (*SILENT, *INJECTIONS, *OTHER_BRANCHES)
    for table, rows in tables.items():
        if rows and table not in known and not table.startswith("_"):
            network.left_out.append(f"{counted(len(rows), 'row')} of the table {table}")


def _add_injections(
    network: BusNetwork, tables: Mapping[str, list[tuple[int, Row]]], buses: Mapping[int, str]
) -> None:
    for table, sign in INJECTIONS.items():
        there = [row for _, row in tables.get(table, []) if _in_service(row)]
        if table != "load" and there:
            network.left_out.append(
                f"{len(there)} of {table}: what they take or give at their buses"
            )
        if table != "load":
            continue
        for row in there:
            if row["bus"] not in buses:
                continue
            scale = sign * 1000.0 * _number(row, "scaling", 1.0)
            power = scale * complex(float(row["p_mw"]), _number(row, "q_mvar", 0.0))
            bus = buses[row["bus"]]
            network.loads[bus] = network.loads.get(bus, 0.0) + power
