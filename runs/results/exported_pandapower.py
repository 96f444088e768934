"""The grid of a run with what its connections took, as a network that pandapower reads."""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.environment.grid_plan import UTILITY, GridPlan, PlannedLine
from hmesh.environment.number_words import counted
from hmesh.environment.safe_files import beside

FREQUENCY_HZ = 50.0
_VOLT_AMPERE = 1000.0
# A line that a plan gives no length stands with one, so that its impedance has a place.
_LENGTHLESS_KM = 1.0

# The format of the tables, so that a later pandapower converts them.
VERSIONS = {"version": "3.5.6", "format_version": "3.3.0"}
# How far a load follows the voltage, and what transformers without taps leave empty.
_OF_VOLTAGE = (
    "const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent"
)  # fmt: skip
_TAPS = (
    "tap_side", "tap_neutral", "tap_min", "tap_max", "tap_step_percent", "tap_step_degree",
    "tap_pos", "tap_changer_type", "id_characteristic_table",
)  # fmt: skip
# Kinds of columns of numbers that may be empty.
_EMPTY = {
    **dict.fromkeys((*_TAPS[1:7], "sn_mva"), "float64"), "id_characteristic_table": "Int64"
}  # fmt: skip

type Rows = list[dict[str, Any]]


def refuse_unknown_impedances(plan: GridPlan | None, directory: Path) -> GridPlan:
    """Return the plan of a grid all of whose voltages and impedances are known.

    Raises
    ------
    InputError
        If there is none, or one lacks a voltage or an impedance: all of them at once.
    """
    allowed = "a section grid with voltage_kv of nodes, resistance_ohm and reactance_ohm of lines"
    if plan is None:
        message = "its communities have feeders, which have no voltages and impedances"
        raise InputError([Problem(str(directory), message, allowed)])
    problems = [
        Problem(f"grid.nodes.{name}", "has no voltage, which pandapower needs", "voltage_kv [kV]")
        for name, node in plan.nodes.items()
        if node.voltage_kv is None
    ]
    problems += [
        Problem(f"grid.lines: {line.name}", "has no impedance, which pandapower needs", allowed)
        for line in plan.lines
        if line.resistance_ohm is None or line.reactance_ohm is None
    ]
    refuse_all(problems)
    return plan


def pandapower_network(
    plan: GridPlan, name: str, loads_mw: Mapping[tuple[str, str], float]
) -> dict[str, Any]:
    """Return the content of a JSON file of pandapower.

    Parameters
    ----------
    plan : GridPlan
        The grid, with all voltages and impedances.
    name : str
        What the network is called.
    loads_mw : mapping
        Power of every load by its node and its name [MW].
    """
    index = {node: number for number, node in enumerate(plan.nodes)}
    volts = {node.name: float(node.voltage_kv or 0.0) for node in plan.nodes.values()}
    buses: Rows = [
        {
            "name": node, "vn_kv": volts[node], "type": "b", "zone": None, "in_service": True,
            "geo": None,
        }
        for node in plan.nodes
    ]  # fmt: skip
    lines: Rows = []
    transformers: Rows = []
    for line in plan.lines:
        both = volts[line.start], volts[line.end]
        if both[0] == both[1]:
            lines.append(_line(line, index, both[1]))
        else:
            transformers.append(_transformer(line, index, both))
    source = plan.nodes[UTILITY]
    grid: Rows = [
        {
            "name": UTILITY, "bus": index[UTILITY], "vm_pu": source.voltage_pu or 1.0,
            "va_degree": 0.0, "slack_weight": 1.0, "in_service": True, "controllable": False,
        }
    ]  # fmt: skip
    loads: Rows = [
        {
            "name": load, "bus": index[node], "p_mw": power, "q_mvar": 0.0,
            **dict.fromkeys(_OF_VOLTAGE, 0.0), "sn_mva": None, "scaling": 1.0, "in_service": True,
            "type": "wye",
        }
        for (node, load), power in loads_mw.items()
    ]  # fmt: skip
    tables = {"bus": buses, "line": lines, "trafo": transformers, "ext_grid": grid, "load": loads}
    held: dict[str, Any] = {"name": name, "f_hz": FREQUENCY_HZ, "sn_mva": 1.0, **VERSIONS}
    held |= {table: _frame(rows) for table, rows in tables.items() if rows}
    return {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": held}


def _line(line: PlannedLine, index: Mapping[str, int], volts_kv: float) -> dict[str, Any]:
    length_km = line.length_km or _LENGTHLESS_KM
    farad = line.susceptance_us * 1e-6 / (2.0 * math.pi * FREQUENCY_HZ)
    return {
        "name": line.name, "from_bus": index[line.start], "to_bus": index[line.end],
        "length_km": length_km, "r_ohm_per_km": (line.resistance_ohm or 0.0) / length_km,
        "x_ohm_per_km": (line.reactance_ohm or 0.0) / length_km,
        "c_nf_per_km": farad * 1e9 / length_km, "g_us_per_km": 0.0,
        "max_i_ka": line.rating_kw / _VOLT_AMPERE / (math.sqrt(3.0) * volts_kv),
        "df": 1.0, "parallel": 1, "type": "ol", "std_type": None, "in_service": True,
        "geo": None,
    }  # fmt: skip


def _transformer(
    line: PlannedLine, index: Mapping[str, int], volts_kv: tuple[float, float]
) -> dict[str, Any]:
    rated_mva = line.rating_kw / _VOLT_AMPERE
    ohm = volts_kv[1] ** 2 / rated_mva / 100.0
    real = (line.resistance_ohm or 0.0) / ohm
    return {
        "name": line.name, "hv_bus": index[line.start], "lv_bus": index[line.end],
        "sn_mva": rated_mva, "vn_hv_kv": volts_kv[0] * line.turns, "vn_lv_kv": volts_kv[1],
        "vkr_percent": real, "vk_percent": math.hypot(real, (line.reactance_ohm or 0.0) / ohm),
        "pfe_kw": line.iron_loss_kw,
        "i0_percent": 100.0 * line.magnetising_kva / line.rating_kw,
        "shift_degree": 0.0, **dict.fromkeys(_TAPS), "tap_dependency_table": False,
        "df": 1.0, "parallel": 1, "std_type": None, "in_service": True, "vector_group": None,
        "oltc": False,
    }  # fmt: skip


def _frame(rows: Rows) -> dict[str, Any]:
    """Return rows as pandapower writes a table."""
    columns = list(rows[0])
    split = {
        "columns": columns,
        "index": list(range(len(rows))),
        "data": [[row[column] for column in columns] for row in rows],
    }
    kinds = {column: _EMPTY.get(column) or _kind(row[column] for row in rows) for column in columns}
    return {
        "_module": "pandas.core.frame", "_class": "DataFrame", "_object": json.dumps(split),
        "orient": "split", "dtype": kinds, "is_multiindex": False, "is_multicolumn": False,
    }  # fmt: skip


def _kind(values: Iterable[Any]) -> str:
    first = next(iter(values))
    kinds = {bool: "bool", int: "uint32", float: "float64"}
    return kinds.get(type(first), "object")


def write_pandapower(
    out: Path,
    plan: GridPlan,
    name: str,
    loads: Sequence[tuple[str, str]],
    taken_mw: FloatArray,
    times: Sequence[str],
) -> list[str]:
    """Write a network at its highest step, and what its loads take in every step.

    Parameters
    ----------
    out : Path
        The new folder.
    plan : GridPlan
        The grid.
    name : str
        What the network is called.
    loads : sequence of (str, str)
        Node and name of every load.
    taken_mw : array, shape (steps, loads)
        Power of every load [MW].
    times : sequence of str
        When each step begins.

    Returns
    -------
    list of str
        What was written, and what was left out.
    """
    peak = int(taken_mw.sum(axis=1).argmax())
    here = dict(zip(loads, taken_mw[peak].tolist(), strict=True))
    out.mkdir(parents=True)
    with beside(out / "network.json") as made:
        made.write_text(json.dumps(pandapower_network(plan, name, here)), encoding="utf-8")
    rows = [["time", *(load for _, load in loads)]]
    rows += [[at, *map(repr, row)] for at, row in zip(times, taken_mw.tolist(), strict=True)]
    with beside(out / "loads.csv") as made, made.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    lines = len(plan.lines)
    return [
        f"{out}: network.json with {counted(len(plan.nodes), 'bus', 'buses')}, "
        f"{counted(lines, 'line or transformer', 'lines and transformers')} and "
        f"{counted(len(loads), 'load')} of the step from {times[peak]}, the highest; loads.csv "
        "with p_mw of every step, in UTC",
        "left out: reactive power, which hMESH has not; devices and rules",
    ]
