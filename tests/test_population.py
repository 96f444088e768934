import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.errors import InputError
from hmesh.environment.population import AgentAttribute, Population

ATTRIBUTES = [
    AgentAttribute("capacity_kwh", np.float64, "kWh", 40.0, "size of the battery"),
    AgentAttribute("plan", np.int16, "-", 0, "index of the day plan"),
    AgentAttribute("energy_kwh", np.float64, "kWh", 20.0, "stored energy", state=True),
    AgentAttribute("driving", np.bool_, "-", False, "on the road", state=True),
]


def test_rows_start_at_their_defaults() -> None:
    vehicles = Population(ATTRIBUTES, 3)
    assert len(vehicles) == vehicles.size == 3
    assert vehicles["energy_kwh"].tolist() == [20.0, 20.0, 20.0]
    assert vehicles["driving"].dtype == np.bool_
    assert vehicles.nbytes == 3 * (8 + 2 + 8 + 1)
    assert "plan" in vehicles
    assert "plans" not in vehicles


def test_columns_are_live() -> None:
    vehicles = Population(ATTRIBUTES, 3)
    energy_kwh = vehicles["energy_kwh"]
    energy_kwh[1] = 5
    vehicles.set("capacity_kwh", [30, 40, 50])
    assert vehicles["energy_kwh"].tolist() == [20.0, 5.0, 20.0]
    assert vehicles["capacity_kwh"].tolist() == [30.0, 40.0, 50.0]
    vehicles.set("energy_kwh", 7.0)
    assert energy_kwh.tolist() == [7.0, 7.0, 7.0]


@pytest.mark.parametrize(
    ("name", "values", "reported"),
    [
        ("energy_kwh", [1.0, 2.0], r"shape \(2,\) \(allowed: \(\) or \(3,\)\)"),
        ("energy_kwh", [[1.0, 2.0, 3.0]], "shape"),
        ("energy_kwh", [1.0, np.nan, 3.0], "energy_kwh, row 1: nan"),
        ("energy_kwh", np.nan, "nan"),
        ("energy_kwh", ["a", "b", "c"], "type"),
        ("energy_kwh", [1j, 0, 0], "type complex128"),
        ("plan", [1.0, 2.0, 3.0], "type float64 .allowed: int16"),
        ("plan", [1, 2, 70_000], "70000 .allowed: -32768 to 32767"),
        ("driving", [0, 1, 1], "type int64 .allowed: bool"),
        ("energy_kw", [1.0, 2.0, 3.0], "did you mean 'energy_kwh'"),
    ],
)
def test_values_that_do_not_fit_are_refused(name: str, values: Any, reported: str) -> None:
    vehicles = Population(ATTRIBUTES, 3)
    with pytest.raises(InputError, match=reported):
        vehicles.set(name, values)
    assert vehicles["energy_kwh"].tolist() == [20.0] * 3


def test_reading_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'capacity_kwh'"):
        Population(ATTRIBUTES, 3)["capacity"]


def test_two_attributes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="their own names"):
        Population([ATTRIBUTES[0], ATTRIBUTES[0]], 1)


def test_forks_share_constants_and_part_in_state() -> None:
    vehicles = Population(ATTRIBUTES, 4)
    vehicles.set("energy_kwh", [1.0, 2.0, 3.0, 4.0])
    typical = vehicles.fork()
    assert typical["capacity_kwh"] is vehicles["capacity_kwh"]
    assert not np.shares_memory(typical["energy_kwh"], vehicles["energy_kwh"])
    typical["energy_kwh"][:] = 9
    assert vehicles["energy_kwh"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_constant_of_one_fork_cannot_change_in_another() -> None:
    vehicles = Population(ATTRIBUTES, 2)
    fork = vehicles.fork()
    for population in (vehicles, fork):
        with pytest.raises(ValueError, match="read-only"):
            population["capacity_kwh"][0] = 1
    fork.set("capacity_kwh", 60.0)
    fork["capacity_kwh"][0] = 61
    assert fork["capacity_kwh"].tolist() == [61.0, 60.0]
    assert vehicles["capacity_kwh"].tolist() == [40.0, 40.0]


def test_state_holds_what_changes_and_nothing_else() -> None:
    vehicles = Population(ATTRIBUTES, 2)
    assert list(vehicles.state()) == ["energy_kwh", "driving"]
    assert vehicles.state()["energy_kwh"] is vehicles["energy_kwh"]


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=9))
def test_a_restored_state_is_the_state(energies_kwh: list[float]) -> None:
    vehicles = Population(ATTRIBUTES, len(energies_kwh))
    vehicles.set("energy_kwh", energies_kwh)
    vehicles["driving"][0] = True
    saved = {name: column.copy() for name, column in vehicles.state().items()}
    resumed = Population(ATTRIBUTES, len(energies_kwh))
    energy_kwh = resumed["energy_kwh"]
    resumed.restore(saved)
    assert resumed["energy_kwh"] is energy_kwh
    for name, column in vehicles.state().items():
        assert resumed[name].tobytes() == column.tobytes()


def test_all_that_does_not_fit_a_restore_is_reported_and_nothing_is_written() -> None:
    vehicles = Population(ATTRIBUTES, 2)
    with pytest.raises(InputError) as reported:
        vehicles.restore({"energy_kwh": np.zeros(3), "driven": np.zeros(2, bool)})
    text = str(reported.value)
    assert "driven: there is no such column (did you mean 'driving'?)" in text
    assert "energy_kwh: values of shape (3,) (allowed: (2,))" in text
    assert "driving: this column of the state is missing" in text

    good = np.array([1.0, 2.0])
    with pytest.raises(InputError, match=r"driving: values of type int8 \(allowed: bool\)"):
        vehicles.restore({"energy_kwh": good, "driving": np.zeros(2, np.int8)})
    with pytest.raises(InputError, match="capacity_kwh"):
        vehicles.restore(vehicles.state() | {"capacity_kwh": good})
    assert vehicles["energy_kwh"].tolist() == [20.0, 20.0]


def test_description_carries_units() -> None:
    assert Population(ATTRIBUTES, 1).describe()[0] == (
        "capacity_kwh",
        "kWh",
        "float64",
        40.0,
        "size of the battery",
    )


def test_a_million_rows_need_little_more_than_their_columns() -> None:
    rows = 1_000_000
    energies_kwh = np.linspace(0, 40, rows)
    tracemalloc.start()
    try:
        vehicles = Population(ATTRIBUTES, rows)
        vehicles.set("energy_kwh", energies_kwh)
        _, peak = tracemalloc.get_traced_memory()
        assert peak < vehicles.nbytes + 2.1 * rows
        before, _ = tracemalloc.get_traced_memory()
        fork = vehicles.fork()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < (8 + 1 + 0.1) * rows
    assert fork.nbytes == vehicles.nbytes


def test_columns_that_are_alike_cost_no_memory() -> None:
    vehicles = Population(ElectricVehicle.attributes(), 1000)
    vehicles.set("lam", np.linspace(50.0, 70.0, 1000))
    before = vehicles.nbytes
    vehicles.compact()
    assert vehicles.nbytes < 0.1 * before
    fork = vehicles.fork(idle=("session_kwh", "plug"))
    fork["energy_kwh"][3] = 7.0
    assert vehicles["energy_kwh"][3] == 20.0
    with pytest.raises(ValueError, match="read-only"):
        fork["session_kwh"][3] = 1.0
    assert "session_kwh" not in fork.state()
    assert "energy_kwh" in fork.state()
    assert fork.common("capacity_kwh") == 40.0
    vehicles.set("capacity_kwh", np.arange(1000.0))
    assert vehicles["capacity_kwh"][999] == 999.0
    assert fork["capacity_kwh"][999] == 40.0


def test_idle_columns_that_differ_are_kept() -> None:
    vehicles = Population(ElectricVehicle.attributes(), 3)
    vehicles.set("session_kwh", [0.0, 1.0, 0.0])
    vehicles.compact()
    fork = vehicles.fork(idle=("session_kwh",))
    assert fork.state()["session_kwh"].tolist() == [0.0, 1.0, 0.0]
