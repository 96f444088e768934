from dataclasses import replace
from types import SimpleNamespace

import mesa
import numpy as np
import pytest

from hmesh.agents import row_agent
from hmesh.agents.battery import Battery
from hmesh.agents.building_battery import BuildingBattery
from hmesh.agents.community_storage import CommunityStorage
from hmesh.agents.consumer import Building, Consumer, Household
from hmesh.agents.electric_school_bus import ElectricSchoolBus
from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.agents.home_devices import HomeStorage
from hmesh.agents.house_devices import HouseBattery
from hmesh.agents.row_agent import AgentGroup, Column, RowAgent
from hmesh.environment.population import Population
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

TYPES: list[type[RowAgent]] = [Household, Building, ElectricVehicle]


def group(kind: type[RowAgent], size: int) -> AgentGroup[RowAgent]:
    return AgentGroup(mesa.Model(rng=1), kind, Population(kind.attributes(), size))


@pytest.mark.parametrize("kind", TYPES)
def test_an_agent_reads_and_writes_its_row(kind: type[RowAgent]) -> None:
    agents = group(kind, 3)
    for attribute in kind.attributes():
        column = agents.population[attribute.name]
        value = column.dtype.type(1)
        setattr(agents[1], attribute.name, value)
        assert column[1] == value
        assert np.array_equal(column[[0, 2]], [attribute.default] * 2, equal_nan=True)
        column[2] = value
        read = getattr(agents[2], attribute.name)
        assert read == value
        assert type(read) is type(attribute.default)
        if attribute.dtype is np.int16:
            with pytest.raises(OverflowError):
                setattr(agents[1], attribute.name, 10**9)


def test_columns_come_from_all_bases_and_name_their_units() -> None:
    class Van(ElectricVehicle):
        payload_kg = Column(np.float64, "kg", 500.0, "what it may carry")

    names = [attribute.name for attribute in Van.attributes()]
    assert names == [*(a.name for a in ElectricVehicle.attributes()), "payload_kg"]
    assert Van.payload_kg.unit == "kg"
    vans = group(Van, 2)
    assert vans[0].payload_kg == 500.0
    assert {a.name for a in Consumer.attributes()} == {a.name for a in Household.attributes()}
    for kind in TYPES:
        assert all(a.unit and a.description for a in kind.attributes())


def test_a_group_is_a_sequence_of_agents() -> None:
    agents = group(Household, 4)
    assert len(agents) == 4
    assert [agent.row for agent in agents] == [0, 1, 2, 3]
    assert agents[-1].row == 3
    assert [agent.row for agent in agents[1:3]] == [1, 2]
    assert agents[2] is agents[2]
    assert agents[2] in agents.model.agents
    for row in (4, -5):
        with pytest.raises(IndexError, match="there are 4"):
            agents[row]


def test_many_agents_are_made_on_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_agent, "MOST_OBJECTS", 10)
    few, many = group(Household, 10), group(Household, 11)
    assert len(few.model.agents) == 10
    assert len(many.model.agents) == 0
    many[7].scale = 3.0
    assert many.population["scale"][7] == 3.0
    assert many[7].scale == 3.0
    assert many[7] is not many[7]
    assert isinstance(many[7], mesa.Agent)
    assert sum(agent.scale for agent in many) == 13.0


class Frugal(Household):
    """A household of another kind."""


@pytest.mark.parametrize("most", [10_000, 3])
def test_agents_with_a_will_of_their_own_are_kept(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(row_agent, "MOST_OBJECTS", most)
    agents = group(Household, 6)
    agents[4].scale = 2.5
    agents.replace([4, 1], Frugal)
    assert agents.self_willed.tolist() == [1, 4]
    assert isinstance(agents[4], Frugal)
    assert agents[4] is agents[4]
    assert agents[4].scale == 2.5
    assert not isinstance(agents[0], Frugal)
    kept = 6 if most > 6 else 2
    assert len(agents.model.agents) == kept
    agents.replace([4], Frugal)
    assert agents.self_willed.tolist() == [1, 4]
    assert len(agents.model.agents) == kept


@pytest.mark.parametrize("rows", [[6], [-1], [0, 99]])
def test_only_agents_that_exist_are_replaced(rows: list[int]) -> None:
    agents = group(Household, 6)
    with pytest.raises(IndexError, match="there are 6"):
        agents.replace(rows, Frugal)
    assert agents.self_willed.tolist() == []
    assert type(agents[0]) is Household


def test_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="Building is not a subclass of Household"):
        group(Household, 2).replace([0], Building)


def test_a_consumer_alone_uses_what_its_row_says() -> None:
    simulation = Simulation(make_setting(load_scenario("three-communities")), "typical")
    simulation.step()
    sources = simulation.setting.members.sources.load_kwh(0)
    used: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for consumers in simulation.consumers.values():
        for consumer in consumers:
            load = consumer.scale * float(sources[consumer.source])
            assert consumer.load_kwh == load
            used[consumer.community].append(load)
    totals = [sum(loads) for loads in used.values()]
    assert simulation.meters.fixed_kwh.tolist() == pytest.approx(totals, rel=1e-12)


def test_an_unregistered_agent_belongs_to_its_model() -> None:
    model = SimpleNamespace(name="a world")
    agent = Household(model, Population(Household.attributes(), 1), 0, registered=False)
    assert agent.model is model
    assert agent.unique_id is None


BATTERIES: list[type[Battery]] = [
    ElectricVehicle, ElectricSchoolBus, BuildingBattery, HomeStorage, HouseBattery,
    CommunityStorage,
]  # fmt: skip


@pytest.mark.parametrize("kind", BATTERIES)
def test_all_batteries_are_declared_once(kind: type[Battery]) -> None:
    common = {attribute.name: attribute for attribute in Battery.attributes()}
    held = {attribute.name: attribute for attribute in kind.attributes()}
    for name, attribute in common.items():
        assert replace(held[name], default=attribute.default) == attribute
    model = SimpleNamespace(calendar=SimpleNamespace(step_h=0.5))
    battery = kind(model, Population(kind.attributes(), 1), 0, registered=False)
    battery.capacity_kwh, battery.power_kw, battery.energy_kwh = 10.0, 4.0, 6.0
    battery.soc_min, battery.soc_max = 0.5, 0.7
    battery.charge_efficiency, battery.discharge_efficiency = 0.8, 0.9
    assert battery.exchange_bounds() == (pytest.approx(-0.9), pytest.approx(1.25))
