"""Agents selected the way of Mesa, whether they are kept as objects or not."""

import numpy as np
import pytest

from hmesh.agents import ElectricVehicle, row_agent
from hmesh.agents.agent_selection import AgentSelection
from hmesh.agents.consumer import Household
from hmesh.runs import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation


class Stubborn(ElectricVehicle):
    """Decides alone."""

    def respond(self, price: float) -> float:
        return 0.0


def world(most: int, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setattr(row_agent, "MOST_OBJECTS", most)
    scenario = load_scenario("three-communities", ["vehicles.count=12", "start=2023-01-16T08:00"])
    simulation = Simulation(make_setting(scenario), "typical")
    simulation.schemes["vehicles"].fleet.replace([3, 7], Stubborn)  # type: ignore[attr-defined]
    return simulation


def test_a_selection_answers_as_an_agent_set_does(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = world(10_000, monkeypatch), world(5, monkeypatch)
    objects, lazy = (each.agents_by_type[ElectricVehicle] for each in (few, many))
    assert isinstance(lazy, AgentSelection)
    assert not isinstance(objects, AgentSelection)
    assert len(objects) == len(lazy) == 10
    assert [agent.row for agent in objects] == [agent.row for agent in lazy]
    assert list(objects.get("lam")) == list(lazy.get("lam"))
    assert list(objects.get(["row", "lam"])) == lazy.get(["row", "lam"])
    assert objects.agg("lam", [min, max]) == lazy.agg("lam", [min, max])
    assert objects.agg("lam", np.mean) == lazy.agg("lam", np.mean)
    assert objects.groupby("community").count() == lazy.groupby("community").count()
    assert (
        objects.groupby(lambda agent: agent.row % 3).map(lambda held: held.agg("lam", sum))
        == lazy.groupby(lambda agent: agent.row % 3).map(lambda held: held.agg("lam", sum))
    )  # fmt: skip
    for key in ("lam", lambda agent: agent.row % 3):
        for ascending in (True, False):
            assert [agent.row for agent in objects.sort(key, ascending)] == [
                agent.row for agent in lazy.sort(key, ascending)
            ]
    peak_price = [agent.row for agent in objects.select(lambda agent: agent.lam > 60.0)]
    assert 0 < len(peak_price) < 10
    assert [agent.row for agent in lazy.select(lambda agent: agent.lam > 60.0)] == peak_price
    assert lazy.select(where=lazy.get("lam") > 60.0).rows.tolist() == peak_price
    assert len(objects.select(at_most=3)) == len(lazy.select(at_most=3)) == 3
    assert len(objects.select(at_most=0.5)) == len(lazy.select(at_most=0.5)) == 5
    assert sorted(agent.row for agent in lazy.shuffle()) == [agent.row for agent in lazy]


def test_a_selection_writes_columns_and_calls_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = world(5, monkeypatch)
    fleet = simulation.schemes["vehicles"].fleet  # type: ignore[attr-defined]
    vehicles = simulation.agents_by_type[ElectricVehicle]
    first = vehicles.select(at_most=2)
    first.set("energy_kwh", 11.0)
    assert fleet.population["energy_kwh"][:3].tolist() == [11.0, 11.0, 20.0]
    assert first.map("exchange_bounds") == [fleet[0].exchange_bounds(), fleet[1].exchange_bounds()]
    seen: list[int] = []
    first.do(lambda agent: seen.append(agent.row))
    first.shuffle_do(lambda agent: seen.append(agent.row))
    assert sorted(seen) == [0, 0, 1, 1]
    assert fleet[1] in vehicles
    assert fleet[3] not in vehicles
    assert first.to_list()[1].row == 1
    assert first[-1].row == 1
    assert len(vehicles.select(at_most=4, inplace=True)) == len(vehicles) == 4


@pytest.mark.parametrize("most", [10_000, 5])
def test_replaced_agents_leave_the_model(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = world(most, monkeypatch)
    by_type = simulation.agents_by_type
    assert sorted(agent.row for agent in by_type[Stubborn]) == [3, 7]
    assert 3 not in [agent.row for agent in by_type[ElectricVehicle]]
    there = [agent for agent in simulation.agents if isinstance(agent, ElectricVehicle)]
    assert len(there) == (12 if most == 10_000 else 2)
    assert sorted(agent.row for agent in there if type(agent) is Stubborn) == [3, 7]
    vehicles = simulation.schemes["vehicles"].fleet  # type: ignore[attr-defined]
    vehicles.replace([3], ElectricVehicle)
    assert type(vehicles[3]) is ElectricVehicle
    assert [agent.row for agent in simulation.agents_by_type[Stubborn]] == [7]
    assert 3 in [agent.row for agent in simulation.agents_by_type[ElectricVehicle]]


def test_all_groups_of_a_type_are_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = world(5, monkeypatch)
    households = simulation.agents_by_type[Household]
    groups = [group for group in simulation.agent_groups if group.agent_class is Household]
    assert len(households) == sum(map(len, groups))
    scales = [group.population["scale"] for group in groups]
    assert households.get("scale").tolist() == np.concatenate(scales).tolist()
