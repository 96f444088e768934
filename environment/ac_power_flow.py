"""Alternating-current power flow on a grid, solved by power-grid-model."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.grid_plan import UTILITY, GridPlan

EXTRA = 'pip install "hmesh[grid]"'
# Far above any short-circuit power, so that the utility holds its voltage [VA].
STIFF_VA = 1e25
ACCURACY = 1e-10
# Scenarios that one batch holds.
STEPS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class AcFlows:
    """Voltages and flows, step by step.

    Attributes
    ----------
    nodes, lines : tuple of str
        Their names, in the order of the arrays.
    voltage_pu : array, shape (steps, nodes)
        Of every node over its nominal voltage [-].
    losses_kw : array, shape (steps, lines)
        Of every line or transformer, without a load too [kW].
    loading : array, shape (steps, lines)
        Of every line over its rating at nominal voltage, at the end that carries more current [1].
    """

    nodes: tuple[str, ...]
    lines: tuple[str, ...]
    voltage_pu: FloatArray
    losses_kw: FloatArray
    loading: FloatArray


def missing_for_ac(plan: GridPlan) -> list[Problem]:
    """Return what a plan lacks for a power flow with alternating current."""
    unknown = [name for name, node in plan.nodes.items() if node.voltage_kv is None]
    problems = [Problem(f"node {name}", "voltage_kv is not given", "kV") for name in unknown]
    for line in plan.lines:
        problems += [
            Problem(f"line {line.name}", f"{name} is not given", "ohm")
            for name in ("resistance_ohm", "reactance_ohm")
            if getattr(line, name) is None
        ]
        if line.resistance_ohm == 0 and line.reactance_ohm == 0:
            message = "resistance_ohm and reactance_ohm are both 0"
            problems.append(Problem(f"line {line.name}", message, "one of them above 0"))
    return problems


def refuse_without_extra() -> None:
    """Refuse to go on where power-grid-model is not installed.

    Raises
    ------
    InputError
        Naming the extra that installs it.
    """
    try:
        import power_grid_model  # noqa: F401
    except ImportError:
        message = "the package power-grid-model is not installed"
        raise InputError([Problem("alternating current", message, EXTRA)]) from None


def solve_ac(plan: GridPlan, active_kw: FloatArray, reactive_kvar: FloatArray) -> AcFlows:
    """Solve the power flow of each step by Newton's method.

    Every line is a pi of its series impedance and shunts, with an ideal transformer at its first
    node whose turns ratio is that of the nominal voltages times ``turns``.

    Parameters
    ----------
    plan : GridPlan
        The grid, with voltages, resistances and reactances.
    active_kw, reactive_kvar : array, shape (steps, nodes)
        Constant power taken at each node, nodes in the order of the plan.

    Returns
    -------
    AcFlows
        NaN in the steps that have no solution.

    Raises
    ------
    InputError
        If power-grid-model is not installed, or the plan lacks something.
    """
    refuse_without_extra()
    if problems := missing_for_ac(plan):
        raise InputError(problems)
    nodes = list(plan.nodes)
    steps = len(active_kw)
    if active_kw.shape != (steps, len(nodes)) or reactive_kvar.shape != active_kw.shape:
        raise ValueError(f"power has shape {active_kw.shape}, not (steps, {len(nodes)})")
    model, first_load = _model(plan, nodes)
    voltage = np.full((steps, len(nodes)), np.nan)
    losses, loading = np.full((2, steps, len(plan.lines)), np.nan)
    for start in range(0, steps, STEPS_AT_ONCE):
        here = slice(start, min(start + STEPS_AT_ONCE, steps))
        found = _solve(model, first_load, active_kw[here] * 1e3, reactive_kvar[here] * 1e3)
        branch = found["generic_branch"]
        solved = np.ones(len(branch), np.bool_)
        if model.batch_error is not None:
            solved[model.batch_error.failed_scenarios] = False
        rows = np.arange(here.start, here.stop)[solved]
        voltage[rows] = found["node"]["u_pu"][solved]
        losses[rows] = (branch["p_from"] + branch["p_to"])[solved] / 1e3
        loading[rows] = _loading(plan, branch[solved])
    return AcFlows(tuple(nodes), tuple(line.name for line in plan.lines), voltage, losses, loading)


def _loading(plan: GridPlan, branch: NDArray[Any]) -> FloatArray:
    kv = np.array(
        [[plan.nodes[end].voltage_kv for end in (line.start, line.end)] for line in plan.lines],
        np.float64,
    )
    rating_kva = np.array([line.rating_kw for line in plan.lines])
    kva = math.sqrt(3.0) * np.maximum(branch["i_from"] * kv[:, 0], branch["i_to"] * kv[:, 1])
    loading: FloatArray = kva / rating_kva
    return loading


def _model(plan: GridPlan, names: list[str]) -> tuple[Any, int]:
    """Return the model of power-grid-model, and the number of the first load."""
    from power_grid_model import LoadGenType, PowerGridModel, initialize_array

    number = {name: index for index, name in enumerate(names)}
    volts = np.array([plan.nodes[name].voltage_kv for name in names], np.float64) * 1e3
    node = initialize_array("input", "node", len(names))
    node["id"], node["u_rated"] = np.arange(len(names)), volts
    lines = plan.lines
    branch = initialize_array("input", "generic_branch", len(lines))
    branch["id"] = len(names) + np.arange(len(lines))
    branch["from_node"] = [number[line.start] for line in lines]
    branch["to_node"] = [number[line.end] for line in lines]
    branch["from_status"] = branch["to_status"] = 1
    far = volts[branch["to_node"]]
    iron_w = np.array([line.iron_loss_kw for line in lines]) * 1e3
    magnetising_va = np.array([line.magnetising_kva for line in lines]) * 1e3
    branch["r1"] = [line.resistance_ohm for line in lines]
    branch["x1"] = [line.reactance_ohm for line in lines]
    branch["g1"] = iron_w / far**2
    charging = np.array([line.susceptance_us for line in lines]) * 1e-6
    branch["b1"] = charging - np.sqrt(np.maximum(magnetising_va**2 - iron_w**2, 0.0)) / far**2
    branch["k"] = [line.turns for line in lines]
    branch["theta"] = 0.0
    branch["sn"] = np.array([line.rating_kw for line in lines]) * 1e3
    first = len(names) + len(lines)
    load = initialize_array("input", "sym_load", len(names))
    load["id"], load["node"], load["status"] = first + np.arange(len(names)), node["id"], 1
    load["type"] = LoadGenType.const_power
    load["p_specified"] = load["q_specified"] = 0.0
    source = initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"] = first + len(names), number[UTILITY], 1
    source["u_ref"], source["sk"] = plan.nodes[UTILITY].voltage_pu or 1.0, STIFF_VA
    given = {"node": node, "generic_branch": branch, "sym_load": load, "source": source}
    return PowerGridModel(given), first


def _solve(model: Any, first_load: int, active_w: FloatArray, reactive_var: FloatArray) -> Any:
    from power_grid_model import initialize_array

    update = initialize_array("update", "sym_load", active_w.shape)
    update["id"] = first_load + np.arange(active_w.shape[1])
    update["p_specified"], update["q_specified"] = active_w, reactive_var
    return model.calculate_power_flow(
        update_data={"sym_load": update}, error_tolerance=ACCURACY, max_iterations=50,
        continue_on_batch_error=True,
    )  # fmt: skip
