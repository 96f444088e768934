from typing import Any

import mesa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.agents import smart_homes
from hmesh.agents.home_controller import ControlSettings
from hmesh.agents.home_devices import (
    AirConditioner,
    Appliance,
    Appliances,
    DevicesOfADay,
    Generators,
    HomeGenerator,
    HomeStorage,
    Storages,
)
from hmesh.agents.smart_homes import SmartHomes
from hmesh.environment.arrays import FloatArray
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.population import Population
from hmesh.environment.storage_bank import StorageBank
from hmesh.environment.streams import Streams
from hmesh.markets.admission_control import DayPlan, negotiate_slots, schedule_day
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.home_layout import ASSIGNMENTS, Assignment
from hmesh.markets.load_shifting import shift_loads
from tests.smart_homes import random_homes, study_home, study_window

SEEDS = st.integers(0, 2**32 - 1)
MULTIPLE = st.sampled_from(ASSIGNMENTS[2:])


def world(loss_rate: float = 0.0, keep: Any = "all", deadline_h: float = np.inf) -> Any:
    model: Any = mesa.Model(rng=1)
    latency = 0.0 if deadline_h == np.inf else 0.01
    model.bus = MessageBus(Streams(7), latency, loss_rate, deadline_h, keep)
    model.bus.begin_step(0)
    model.step_h = 1.0
    return model


def agents_of(
    homes: Homes,
    demand: FloatArray,
    window: NDArray[np.bool_],
    model: Any,
    *,
    shifts: bool = True,
    most_candidates: int = 500,
    accepted: NDArray[np.bool_] | None = None,
    appliance: type[Appliance] = Appliance,
) -> SmartHomes:
    """The agents of some homes."""
    count, layout = len(homes.energy_kwh), homes.layout
    accepted = np.ones(demand.shape, dtype=np.bool_) if accepted is None else accepted

    def devices(kind: Any, steps: FloatArray, k: int, priority: int) -> DevicesOfADay:
        population = DevicesOfADay(kind.attributes(), count)
        population.set("home", np.arange(count, dtype=np.int32))
        population.set("priority", np.int16(priority))
        shifted = k >= 0
        none = np.zeros(steps.shape, dtype=np.bool_)
        population.begin_day(
            steps, window[:, :, k] if shifted else none, accepted[:, :, k] if shifted else none
        )
        return population

    generators = [
        Generators(
            model,
            HomeGenerator,
            devices(HomeGenerator, homes.generation_kwh[:, :, g], -1, 0),
            f"generator {g}",
            "homes",
        )
        for g in range(layout.generators)
    ]
    appliances = [
        Appliances(
            model, appliance, devices(appliance, demand[:, :, k], k, layout.priority[k]),
            f"appliance {k}", "homes",
        )
        for k in range(layout.loads)
    ]  # fmt: skip
    population = Population(HomeStorage.attributes(), count * layout.storages)
    for name in StorageBank.__dataclass_fields__:
        population.set(name, getattr(homes.bank, name).ravel())
    population.set("energy_kwh", homes.energy_kwh.ravel())
    storages = Storages(model, population, "homes", layout.storages)
    control = ControlSettings(homes.assignment, shifts, most_candidates)
    return SmartHomes(model, "homes", layout, control, generators, appliances, storages)


def planned(group: SmartHomes) -> DayPlan:
    for _ in group.plan_day(0):
        group.bus.wait()
    assert group.plan is not None
    return group.plan


def test_devices_and_controller_say_what_the_published_states_are() -> None:
    homes, demand = study_home("mpfa_sg", "winter")
    group = agents_of(homes, demand, study_window(demand), world(), appliance=AirConditioner)
    planned(group)
    log = group.bus.drain_log()
    kinds = list(zip(log["kind"], log["sender"], log["receiver"], strict=True))
    to = "controller@homes"
    assert kinds == [
        ("SupplyForecast", "generator 0@homes", to),
        ("SupplyForecast", "generator 1@homes", to),
        ("SlotRequest", "appliance 0@homes", to),
        ("SlotRequest", "appliance 1@homes", to),
        ("StorageReport", "storages@homes", to),
        ("Registration", to, "appliance 0@homes"),
        ("Registration", to, "appliance 1@homes"),
        ("SlotSchedule", to, "appliance 0@homes"),
        ("SlotSchedule", to, "appliance 1@homes"),
        ("SlotOffer", to, "appliance 0@homes"),
        ("SlotAnswer", "appliance 0@homes", to),
        ("SlotCommitment", to, "appliance 0@homes"),
        ("SlotCommitment", to, "appliance 1@homes"),
    ]
    said = dict(zip(log["kind"], log["value"], strict=True))
    assert said["SlotOffer"] == pytest.approx(0.668784 - 0.550670, abs=1e-6)
    assert said["SlotAnswer"] == 0


@given(SEEDS, st.sampled_from(ASSIGNMENTS), st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_request_is_answered_and_what_is_committed_is_served(
    seed: int, assignment: Assignment, shifts: bool
) -> None:
    homes, demand = random_homes(seed, assignment)
    window = (demand > 0) & (np.random.default_rng(seed).random(demand.shape[1:]) < 0.5)
    group = agents_of(homes, demand, window, world(), shifts=shifts)
    plan = planned(group)
    sent = {kind: count.sent for kind, count in group.bus.statistics.items()}
    appliances = 5 * homes.layout.loads
    for kind in ("SlotRequest", "Registration", "SlotSchedule", "SlotCommitment"):
        assert sent[kind] == appliances
    assert sent.get("SlotOffer", 0) == sent.get("SlotAnswer", 0)
    if not shifts or assignment.startswith("spfa"):
        assert "SlotOffer" not in sent
    np.testing.assert_array_equal(plan.granted_kwh, schedule_day(homes, demand))
    np.testing.assert_array_equal(group.committed_kwh, plan.committed_kwh)
    day = sum_day(homes, plan.committed_kwh)
    np.testing.assert_array_equal(day.served, plan.committed_kwh > 0)
    np.testing.assert_allclose(day.wasted_kwh, plan.after_kwh, atol=1e-9)
    assert np.all(plan.after_kwh <= plan.before_kwh + 1e-12)
    slots = (plan.committed_kwh > 0).sum(axis=0)
    assert np.all(slots >= (plan.granted_kwh > 0).sum(axis=0))
    assert group.fallbacks == 0


@given(SEEDS, st.sampled_from(ASSIGNMENTS))
@settings(max_examples=15, deadline=None)
def test_one_home_alone_does_what_it_does_among_many(seed: int, assignment: Assignment) -> None:
    homes, demand = random_homes(seed, assignment)
    window = (demand > 0) & (np.random.default_rng(seed).random(demand.shape[1:]) < 0.5)
    accepted = np.random.default_rng(seed + 1).random(demand.shape) < 0.6
    together = agents_of(homes, demand, window, world(), accepted=accepted)
    plan = planned(together)
    for h in range(5):
        rows = slice(h, h + 1)
        alone = agents_of(
            homes.rows(rows), demand[:, rows], window[:, rows], world(),
            accepted=accepted[:, rows],
        )  # fmt: skip
        mine = planned(alone)
        np.testing.assert_array_equal(mine.committed_kwh[:, 0], plan.committed_kwh[:, h])
        controller = together[h]
        np.testing.assert_array_equal(controller.schedule(), plan.granted_kwh[:, h])
        for k, one in enumerate(controller.appliances.values()):
            np.testing.assert_array_equal(one.committed_kwh, plan.committed_kwh[:, h, k])
            assert one.priority == homes.layout.priority[k]
        flows = together.settle(homes.generation_kwh[0], plan.committed_kwh[0])
        flow = controller.settle(
            np.array([one.steps_kwh[0] for one in controller.generators.values()]),
            plan.committed_kwh[0, h],
        )
        for name in flow.__dataclass_fields__:
            assert (
                np.ascontiguousarray(getattr(flow, name)[0]).tobytes()
                == np.ascontiguousarray(getattr(flows, name)[h]).tobytes()
            )


def test_controllers_and_devices_are_agents() -> None:
    homes, demand = random_homes(4, "mpfa_mg")
    group = agents_of(homes, demand, demand > 0, world())
    controller = group[3]
    agents = [controller, *controller.generators.values(), *controller.appliances.values()]
    for agent in [*agents, *controller.storages]:
        assert isinstance(agent, mesa.Agent)
    for agent in agents[1:]:
        assert agent.home == 0 if agent is controller else 3
    with pytest.raises(IndexError, match="there are 5"):
        group[5]


def test_storages_move_as_settled() -> None:
    homes, demand = study_home("mpfa_mg", "winter")
    group = agents_of(homes, demand, study_window(demand), world())
    for t in range(24):
        group.move(group.settle(homes.generation_kwh[t], demand[t]))
    expected = sum_day(homes, demand).energy_kwh[-1]
    np.testing.assert_array_equal(group.energy_kwh, expected)
    assert group[0].storages[1].energy_kwh == expected[0, 1]


def test_refused_slots_are_not_taken() -> None:
    homes, demand = study_home("mpfa_sg", "winter")
    window = study_window(demand)
    first = shift_loads(homes, demand, window).demand_kwh
    # The air conditioner dislikes the slot it would be offered late in the evening.
    accepted = np.ones(demand.shape, dtype=np.bool_)
    accepted[21] = False
    group = agents_of(homes, demand, window, world(), accepted=accepted, most_candidates=10**6)
    plan = planned(group)
    assert first[21, 0, 0] > 0
    assert plan.committed_kwh[21, 0, 0] == 0
    assert (plan.offers, plan.refusals) == (2, 1)
    assert plan.after_kwh[0] < plan.before_kwh[0]
    without = window.copy()
    without[21] = False
    best = shift_loads(homes, demand, without, 10**6)
    assert plan.after_kwh[0] == pytest.approx(best.after_kwh[0], abs=1e-12)


class Stubborn(Appliance):
    """Takes no slot but its own."""

    def refuses(self, take: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return take


@pytest.mark.parametrize("assignment", ASSIGNMENTS[2:])
def test_an_appliance_may_have_a_will_of_its_own(assignment: Assignment) -> None:
    homes, demand = study_home(assignment, "winter")
    many, wanted = homes.repeated(3), np.repeat(demand, 3, axis=1)
    group = agents_of(many, wanted, study_window(wanted), world())
    group.appliances[0].replace([1], Stubborn)
    plan = planned(group)
    assert plan.rescheduled[:, 0].tolist() == [True, False, True]
    np.testing.assert_array_equal(plan.committed_kwh[:, 1], plan.granted_kwh[:, 1])
    assert plan.refusals > 0


def test_with_all_offers_refused_the_schedule_stands() -> None:
    homes, demand = study_home("mpfa_mg", "summer")
    never = np.zeros(demand.shape, dtype=np.bool_)
    group = agents_of(homes, demand, study_window(demand), world(), accepted=never)
    plan = planned(group)
    np.testing.assert_array_equal(plan.committed_kwh, plan.granted_kwh)
    assert plan.offers == plan.refusals > 0
    assert not plan.rescheduled.any()


@pytest.mark.parametrize("loss_rate", [0.3, 1.0])
def test_what_is_not_heard_is_left_out(loss_rate: float) -> None:
    homes, demand = study_home("mpfa_mg", "winter")
    many, wanted = homes.repeated(40), np.repeat(demand, 40, axis=1)
    group = agents_of(many, wanted, study_window(wanted), world(loss_rate))
    planned(group)
    assert group.fallbacks == sum(count.lost for count in group.bus.statistics.values())
    assert group.fallbacks > 0
    certain = agents_of(many, wanted, study_window(wanted), world())
    planned(certain)
    assert np.all(group.committed_kwh.sum(axis=(0, 2)) <= wanted.sum(axis=(0, 2)) + 1e-12)
    assert group.committed_kwh.sum() < certain.committed_kwh.sum()
    if loss_rate == 1.0:
        assert not group.committed_kwh.any()


def test_after_the_deadline_the_last_word_heard_holds() -> None:
    homes, demand = study_home("mpfa_mg", "winter")
    # Requests and schedules arrive, offers and commitments do not.
    group = agents_of(homes, demand, study_window(demand), world(deadline_h=0.035))
    plan = planned(group)
    np.testing.assert_array_equal(group.committed_kwh, plan.granted_kwh)
    assert sum(count.late for count in group.bus.statistics.values()) > 0
    assert plan.offers == plan.refusals > 0


def test_negotiation_of_a_single_power_flow_ends_at_once() -> None:
    homes, demand = study_home("spfa_gs", "winter")
    granted = schedule_day(homes, demand)
    with pytest.raises(StopIteration) as end:
        next(negotiate_slots(homes, demand, granted, study_window(demand)))
    np.testing.assert_array_equal(end.value.value.committed_kwh, granted)


def test_a_model_knows_its_controllers_up_to_many(monkeypatch: pytest.MonkeyPatch) -> None:
    homes, demand = study_home("spfa_gs", "winter")
    model = world()
    group = agents_of(homes, demand, study_window(demand), model)
    assert group[0].model is model
    assert group[0] is group[0]
    assert group[0] in model.agents
    monkeypatch.setattr(smart_homes, "MOST_OBJECTS", 0)
    many = agents_of(homes, demand, study_window(demand), model)
    assert many[0].model is model
    assert many[0].unique_id is None
