"""Power flow with alternating current against networks with known losses and voltages."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.ac_power_flow import AcFlows, refuse_without_extra, solve_ac
from hmesh.environment.errors import InputError
from hmesh.environment.grid_files.network import GridReading
from hmesh.environment.grid_files.read_grid import read_grid
from hmesh.environment.grid_plan import GridPlan, PlannedLine, PlannedNode

needs_extra = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("power_grid_model"),
    reason="the extra grid is not installed",
)


def solved(reading: GridReading) -> AcFlows:
    power = np.array([reading.loads.get(node, 0.0) for node in reading.plan.nodes], complex)
    return solve_ac(reading.plan, power.real[None], power.imag[None])


# Half of the last digit that the notes on the files give.
@needs_extra
def test_the_losses_and_voltages_of_baran_and_wu(shared: Path) -> None:
    found = solved(read_grid(shared / "data/formats/grids/case33bw.json", "loads"))
    assert found.losses_kw.sum() == pytest.approx(202.677, abs=5e-4)
    assert found.voltage_pu.min() == pytest.approx(0.91309, abs=5e-6)


@needs_extra
def test_the_losses_and_voltages_of_kerber(shared: Path) -> None:
    found = solved(read_grid(shared / "data/formats/grids/kerber_rural_overhead.json"))
    # The notes count lines, without the transformer; pandapower's is a T, ours a pi.
    assert found.losses_kw[0, 1:].sum() == pytest.approx(3.337, abs=5e-4)
    assert found.voltage_pu.min() == pytest.approx(0.94701, abs=5e-6)
    assert found.losses_kw[0, 0] == pytest.approx(1.258944685, rel=1e-4)
    assert found.loading[0, 1] == pytest.approx(0.5787950429, rel=1e-5)
    assert found.loading[0, 0] == pytest.approx(0.6790727855, rel=1e-4)


def two_nodes(**line: float) -> GridPlan:
    nodes = {
        "utility": PlannedNode("utility", "utility", 20.0, 1.0),
        "end": PlannedNode("end", "low_voltage", 0.4),
    }
    given = {"resistance_ohm": 0.01, "reactance_ohm": 0.0} | line
    return GridPlan(nodes, (PlannedLine("utility", "end", 0.0, 200.0, 0.0, **given),))


@needs_extra
@pytest.mark.parametrize("power_kw", [100.0, -100.0])
def test_two_nodes_and_a_resistance_by_hand(power_kw: float) -> None:
    found = solve_ac(two_nodes(), np.array([[0.0, power_kw]]), np.zeros((1, 2)))
    # u (1 - u) = P R / V^2
    drop = power_kw * 1e3 * 0.01 / 400.0**2
    u = (1 + math.sqrt(1 - 4 * drop)) / 2
    assert found.voltage_pu[0] == pytest.approx([1.0, u], rel=1e-9)
    current = abs(power_kw) * 1e3 / math.sqrt(3) / (u * 400.0)
    assert found.losses_kw[0, 0] == pytest.approx(3 * 0.01 * current**2 / 1e3, rel=1e-9)
    assert found.loading[0, 0] == pytest.approx(current * math.sqrt(3) * 400.0 / 200e3, rel=1e-9)


@needs_extra
def test_turns_and_shunts_of_a_transformer() -> None:
    plan = two_nodes(turns=1.05, iron_loss_kw=2.0, magnetising_kva=2.0)
    found = solve_ac(plan, np.zeros((1, 2)), np.zeros((1, 2)))
    assert found.voltage_pu[0, 1] == pytest.approx(1 / 1.05, rel=1e-3)
    assert found.losses_kw[0, 0] == pytest.approx(2.0 / 1.05**2, rel=1e-3)


@needs_extra
def test_a_step_without_a_solution_has_no_voltage() -> None:
    power = np.array([[0.0, 100.0], [0.0, 1e6], [0.0, 50.0]])
    found = solve_ac(two_nodes(), power, np.zeros((3, 2)))
    assert np.isnan(found.voltage_pu).any(axis=1).tolist() == [False, True, False]
    assert np.isnan(found.losses_kw[:, 0]).tolist() == [False, True, False]


@needs_extra
def test_what_a_plan_lacks_is_named() -> None:
    plan = two_nodes(resistance_ohm=0.0)
    lacking = GridPlan({**plan.nodes, "end": PlannedNode("end")}, plan.lines)
    with pytest.raises(InputError) as error:
        solve_ac(lacking, np.zeros((1, 2)), np.zeros((1, 2)))
    assert [str(problem) for problem in error.value.problems] == [
        "node end: voltage_kv is not given (allowed: kV)",
        "line utility - end: resistance_ohm and reactance_ohm are both 0 "
        "(allowed: one of them above 0)",
    ]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "power_grid_model", None)
    with pytest.raises(InputError, match=r'pip install "hmesh\[grid\]"'):
        refuse_without_extra()
