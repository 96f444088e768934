"""Behaviours that come with hMESH: keys, curves, one vehicle and many, runs that are resumed."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hmesh.agents import ElectricVehicle
from hmesh.agents.fleet_learning import let_learn
from hmesh.agents.step_payment import StepPayment
from hmesh.environment import InputError
from hmesh.runs import audit_run, load_scenario, resume_run, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

LEARNERS: dict[str, Any] = {
    "typical": "typical",
    "threshold": {"name": "threshold", "charge_below": [20, 40], "sell_above": 45},
    "habit": {"name": "habit", "attention": 0.3},
    "foresight": {"name": "foresight", "horizon_h": 8, "levels": 12},
    "regret": {"name": "regret_matching", "thresholds": [20, 30, 40, None], "sell_margin": 4},
    "conditional": {
        "name": "regret_matching", "thresholds": [25, 35, 45], "regret": "conditional",
    },
    "q_learning": {"name": "q_learning", "thresholds": [20, 40], "hours_apart": 4, "bands": 2},
    "imitate": {
        "name": "imitate", "thresholds": [20, 30, 40], "compare_every_h": 2, "error": 0.1,
        "network": {"kind": "scale_free", "neighbours": 4},
    },
    "misreport": {"name": "misreport", "factor": [0.7, 1.3]},
    "joins": {
        "name": "join_and_leave", "first_share": 0.6, "cost": 20, "sensitivity": 0.01,
        "reconsiders": 0.8,
    },
    "best": "best_response",
}  # fmt: skip
# Prices of the retail kind move too little: a low generation cost lets them fall and rise.
CHEAP = {"prices.utility": [5, 70], "game.solver": "exact"}


def mixed(count: int = 6, **changes: Any) -> dict[str, Any]:
    """Return the keys of a scenario with a group of each behaviour."""
    groups = [{"name": k, "count": count, "behaviour": given} for k, given in LEARNERS.items()]
    return {
        "vehicles": {"groups": groups, "charge_efficiency": 0.95, "discharge_efficiency": 0.9},
        "hours": 10, "strategies": ["three_level"], "plots": False, "game.solver": "exact",
        "start": "2023-01-16T18:00", **changes,
    }  # fmt: skip


def world(changes: dict[str, Any]) -> Simulation:
    scenario = load_scenario("three-communities", changes)
    return Simulation(make_setting(scenario), scenario.strategies[0])


def fleet_of(simulation: Simulation) -> Any:
    return simulation.schemes["vehicles"].deciding


def forced(simulation: Simulation, price: float) -> None:
    """Run a step in which everybody pays a price that nobody has searched for."""
    rule = simulation.market.decide

    def decide(world: Simulation) -> Any:
        decision = rule(world)
        decision.community_price[:] = price
        decision.exchange_kwh = world.market.respond(decision.community_price)
        return decision

    simulation.market.decide = decide  # type: ignore[method-assign]
    simulation.step()
    simulation.market.decide = rule  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def simulated() -> Simulation:
    """Return a world in which behaviours have learned from prices up and down."""
    simulation = world(mixed())
    for price in (15.0, 55.0, 35.0, 22.0, 48.0, 38.0, 28.0):
        forced(simulation, price)
    return simulation


def test_a_vehicle_answers_as_its_row(simulated: Simulation) -> None:
    simulation, fleet = simulated, fleet_of(simulated)
    simulation.turn()
    simulation.read_meters()
    for each in simulation.schemes.values():
        each.look_around()
    behaving = set()
    for here in simulation.schemes["vehicles"].parked:
        for price in (10.0, 26.0, 33.0, 47.0, 60.0):
            energy = here.respond(price)
            one = [fleet[int(row)].respond(price) for row in here.rows]
            np.testing.assert_array_equal(energy, one)
        for kind, places, vehicles in here.behaving:
            behaving.add(kind.__name__)
            curves = vehicles.curves(kind)
            own = [fleet[int(here.rows[k])].curve(0.0, 70.0) for k in places]
            np.testing.assert_array_equal(curves, own)
    assert len(behaving) == 9


def test_a_vehicle_learns_as_its_row() -> None:
    changes = mixed(4)
    both = [world(changes) for _ in range(2)]
    # After the sixth step nobody compares: that is done by all at once.
    for price in (15.0, 55.0, 35.0, 22.0, 48.0, 31.0):
        for simulation in both:
            forced(simulation, price)
    first, second = (fleet_of(each) for each in both)
    for simulation in both:
        simulation.turn()
        simulation.read_meters()
        for each in simulation.schemes.values():
            each.look_around()
    vehicles = both[0].schemes["vehicles"]
    prices = np.array([30.0, 21.0, 44.0])
    energies = [here.respond(p) for here, p in zip(vehicles.parked, prices, strict=True)]
    let_learn(first, vehicles.parked, prices, energies, 1.0)
    before = {name: held.copy() for name, held in second.population.state().items()}
    for m, here in enumerate(both[1].schemes["vehicles"].parked):
        for row, energy in zip(here.rows.tolist(), energies[m].tolist(), strict=True):
            second[row].learn(StepPayment(float(prices[m]), energy, 1.0))
    changed = 0
    for name, held in second.population.state().items():
        assert held.tobytes() == first.population[name].tobytes(), name
        changed += held.tobytes() != before[name].tobytes()
    assert changed >= 8  # regrets, plays, values, habits ...
    assert type(second[0]) is not ElectricVehicle


def test_a_vehicle_compares_as_its_row() -> None:
    simulation = world(mixed(12))
    for price in (15.0, 55.0, 35.0, 22.0, 48.0):
        forced(simulation, price)
    fleet = fleet_of(simulation)
    simulation.turn()  # the sixth step, at whose end they compare
    (kind,) = (each for each in fleet.classes if each.__name__ == "ImitatingVehicle")
    columns = ("choice", "earned", "asked")
    before = {name: fleet.population[name].copy() for name in columns}
    alone = []
    for row in fleet.rows_of(kind).tolist():
        fleet[row].revise()
        alone.append([fleet.population[name][row] for name in columns])
        for name in columns:
            fleet.population[name][:] = before[name]
    kind.revise_rows(fleet.rows_at(kind))
    together = [fleet.population[name][fleet.rows_of(kind)] for name in columns]
    np.testing.assert_array_equal(np.array(alone).T, together)
    assert (together[0] != before["choice"][fleet.rows_of(kind)]).any()


@pytest.mark.parametrize("efficiency", [1.0, pytest.param(0.9, marks=pytest.mark.slow)])
def test_prices_are_those_of_curves_however_they_are_found(efficiency: float) -> None:
    changes = mixed(**{"vehicles.charge_efficiency": efficiency, "hours": 6})
    del changes["vehicles"]["charge_efficiency"]
    exact = world(changes)
    reported = world(changes | {"game.solver": "negotiate", "game.bids": "curves"})
    for _ in range(6):
        exact.step()
        reported.step()
        first, second = (each.market.decision for each in (exact, reported))
        assert second.community_price == pytest.approx(first.community_price, abs=1e-6)
        assert reported.market.decision.counts["unexplained_vehicles"] == 0


@pytest.mark.slow
def test_learners_with_one_strategy_are_typical() -> None:
    given = {"hours": 24, "vehicles.count": 40, "strategies": ["three_level"]}
    given["game.solver"] = "exact"
    typical = world(given | {"vehicles.behaviour": "typical"})
    learners = [
        world(given | {"vehicles.behaviour": {"thresholds": [None], "at_home": True, **keys}})
        for keys in (
            {"name": "regret_matching"}, {"name": "q_learning", "hours_apart": 1, "bands": 1},
            {"name": "imitate", "compare_every_h": 3},
        )
    ]  # fmt: skip
    plain = world(given | {"strategies": ["typical"]})
    charged = 0.0
    for _ in range(24):
        for each in (typical, plain, *learners):
            each.step()
        mine = fleet_of(typical).population["energy_kwh"]
        charged += float(typical.schemes["vehicles"].charged_kwh.sum())
        for each in (plain, *learners):
            assert fleet_of(each).population["energy_kwh"].tobytes() == mine.tobytes()
    assert charged > 0.0


def test_a_mixed_run_is_resumed_bit_for_bit_and_audited(tmp_path: Path) -> None:
    scenario = load_scenario("three-communities", mixed(2, **{"hours": 8, "record.welfare": True}))
    start_run(scenario, tmp_path / "whole")

    resume_run(interrupted_run(tmp_path / "parts", 5, scenario))
    for name in ("hours.parquet", "vehicles.parquet", "summary.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed
    designed = [check.name for check in report.checks if check.by_design]
    assert "behaviour: 4 vehicles follow regret_matching" in designed
    assert len(designed) == 9
    own = [check.name for check in report.checks if check.name.endswith("by its own rule")]
    assert len(own) == 9
    # An exchange that no threshold asks for is found.
    path = tmp_path / "whole" / "vehicles.parquet"
    table = pq.read_table(path)
    here, most = table["vehicle"].to_numpy() == 8, table["max_kwh"].to_numpy() > 1.0
    energy = table["energy_kwh"].to_numpy().copy()
    energy[np.flatnonzero(here & most)[0]] = 0.6
    place = table.column_names.index("energy_kwh")
    field = table.schema.field(place)
    pq.write_table(table.set_column(place, field, pa.array(energy, field.type)), path)
    found = [check.name for check in audit_run(tmp_path / "whole").checks if check.passed is False]
    assert "behaviour: regret_matching by its own rule" in found


WRONG: dict[str, dict[str, Any]] = {
    r"vehicles.behaviour: there is no behaviour 'imitates' .*did you mean 'imitate'": {
        "vehicles.behaviour": {"name": "imitates"},
    },
    r"vehicles.behaviour: threshold needs more keys .*charge_below": {
        "vehicles.behaviour": "threshold",
    },
    r"vehicles.behaviour.rate: .*1": {
        "vehicles.behaviour": {"name": "q_learning", "thresholds": [3], "rate": 1.5},
    },
    r"sell_above: 20 is below charge_below 30": {
        "vehicles.behaviour": {"name": "threshold", "charge_below": 30, "sell_above": 20},
    },
    r"behaviours.0.keys.*factor": {
        "behaviours": [{"behaviour": "misreport", "share": 0.1, "keys": {"factor": -1}}],
    },
    r"behaviours.0.columns: misreport has keys": {
        "behaviours": [{"behaviour": "misreport", "share": 0.1, "columns": {"factor": 1}}],
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_said_with_its_key(message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_scenario("three-communities", {"hours": 2, **WRONG[message]})


def test_some_vehicles_have_a_behaviour_by_share() -> None:
    given = {"behaviour": "misreport", "share": 0.3, "keys": {"factor": 1.2}}
    simulation = world({"hours": 2, "vehicles.count": 50, "behaviours": [given]})
    fleet = fleet_of(simulation)
    factor = fleet.population["factor"]
    assert 0 < np.count_nonzero(factor == 1.2) == len(fleet.self_willed) < 50
