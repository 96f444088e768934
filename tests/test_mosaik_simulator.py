"""A world stepped by the calls of mosaik is the world that a run steps."""

import sys
from typing import Any

import mosaik
import mosaik_api_v3
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import load_scenario
from hmesh.runs.mosaik_simulator import API_VERSION, CommunitySimulator, mosaik_simulator
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

CHANGES = ("vehicles.count=20", "game.solver=exact", "hours=6")
HOUR_S = 3600


def made(strategy: str = "three_level") -> CommunitySimulator:
    simulator = CommunitySimulator()
    assert simulator.init("hmesh-0")["api_version"] == API_VERSION
    (world,) = simulator.create(1, "World", strategy=strategy, changes=CHANGES)
    assert [child["eid"] for child in world["children"]] == ["homes", "malls", "offices"]
    assert [child["eid"] for child in world["children"][0]["children"]] == ["homes/households"]
    simulator.setup_done()
    return simulator


def test_without_inputs_it_is_the_run() -> None:
    simulator = made()
    seen: list[tuple[list[float], float]] = []
    own = Simulation(
        make_setting(load_scenario("three-communities", CHANGES)),
        "three_level",
        lambda world: seen.append(
            (world.net_kwh.tolist(), float(world.market.decision.utility_price))
        ),
    )
    names = own.setting.communities
    for step in range(6):
        assert simulator.step(step * HOUR_S, {}, HOUR_S) == (step + 1) * HOUR_S
        own.step()
        data = simulator.get_data({name: ["net_kw", "utility_price"] for name in names})
        assert [data[name]["net_kw"] for name in names] == seen[-1][0]
        assert data["homes"]["utility_price"] == seen[-1][1]
    assert simulator.simulation is not None
    assert simulator.simulation.summary() == own.summary()
    with pytest.raises(InputError, match="all 6 steps are over"):
        simulator.step(6 * HOUR_S, {}, HOUR_S)
    simulator.finalize()


def test_a_load_that_is_given_is_used_and_paid() -> None:
    given, free = made("typical"), made("typical")
    inputs = {"homes/households": {"load_kw": {"a": 300.0, "b": 200.0}}}
    before = free.simulation, given.simulation
    for step in range(3):
        free.step(step * HOUR_S, {}, HOUR_S)
        given.step(step * HOUR_S, inputs, HOUR_S)
        wanted = {"homes": ["net_kw", "ev_kw"], "homes/households": ["load_kw"]}
        one, other = free.get_data(wanted), given.get_data(wanted)
        assert other["homes/households"]["load_kw"] == pytest.approx(500.0)
        # Vehicles charge whatever the price, so that nothing but this load differs.
        more = 500.0 - one["homes/households"]["load_kw"]
        assert other["homes"]["net_kw"] - one["homes"]["net_kw"] == pytest.approx(more)
        assert other["homes"]["ev_kw"] == one["homes"]["ev_kw"]
    for world in before:
        assert world is not None
        assert world.summary()["money_imbalance"] == 0.0
    world = given.simulation
    assert world is not None
    assert world.summary()["fixed_load_kwh"] - free.simulation.summary()["fixed_load_kwh"] == (
        pytest.approx(1500.0 - sum_of_free(3))
    )


def sum_of_free(steps: int) -> float:
    free, total = made("typical"), 0.0
    for step in range(steps):
        free.step(step * HOUR_S, {}, HOUR_S)
        total += free.get_data({"homes/households": ["load_kw"]})["homes/households"]["load_kw"]
    return total


@pytest.mark.parametrize(
    ("inputs", "time", "message"),
    [
        ({"homes": {"net_kw": {"a": 1.0}}}, 0, "homes takes no input 'net_kw'"),
        ({"homes/households": {"load_kw": {"a": float("nan")}}}, 0, "is no number"),
        ({}, 1800, "1800 is no step"),
    ],
)
def test_mistakes_are_named(inputs: Any, time: int, message: str) -> None:
    simulator = made("typical")
    with pytest.raises(InputError, match=message):
        simulator.step(time, inputs, HOUR_S)
    with pytest.raises(InputError, match="homes has no 'voltage'"):
        simulator.get_data({"homes": ["voltage"]})


def test_what_is_created_is_checked() -> None:
    simulator = CommunitySimulator()
    simulator.init("a", time_resolution=700.0)
    with pytest.raises(InputError, match="no world was created"):
        simulator.step(0, {}, 0)
    with pytest.raises(InputError, match="2 of World"):
        simulator.create(2, "World")
    with pytest.raises(InputError, match="did you mean 'three_level'"):
        simulator.create(1, "World", strategy="three_levels")
    with pytest.raises(InputError, match=r"a step of 1 h is 5.14286 units of time"):
        simulator.create(1, "World")


def test_what_it_states_of_itself_is_what_mosaik_asks_for() -> None:
    """Names and kinds of the simulator API of mosaik, version 3."""
    meta = CommunitySimulator().init("hmesh-0")
    assert str(meta["api_version"]).split(".")[0] == "3"
    assert meta["type"] in ("time-based", "event-based", "hybrid")
    for model in meta["models"].values():
        assert set(model) == {"public", "params", "attrs"}
        assert isinstance(model["public"], bool)
        assert all(isinstance(name, str) for name in (*model["params"], *model["attrs"]))
    for method in ("init", "create", "setup_done", "step", "get_data", "finalize"):
        assert callable(getattr(CommunitySimulator, method)), method
    simulator = made()
    following = simulator.step(0, {}, HOUR_S)
    assert following == HOUR_S
    wanted = {"homes": ["net_kw"], "homes/households": ["load_kw"]}
    found = simulator.get_data(wanted)
    assert {eid: sorted(values) for eid, values in found.items()} == wanted
    assert all(isinstance(v, float) for values in found.values() for v in values.values())


class Works(mosaik_api_v3.Simulator):
    """Another simulator: a workshop whose load falls as the price of its community rises."""

    def __init__(self) -> None:
        super().__init__(
            {
                "api_version": "3.0",
                "type": "time-based",
                "models": {"Shop": {"public": True, "params": [], "attrs": ["price", "load_kw"]}},
            }
        )
        self.load_kw = 0.0
        self.seen: list[tuple[int, float]] = []

    def create(self, num: int, model: str) -> list[dict[str, str]]:
        return [{"eid": "shop", "type": model}]

    def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int:
        price = next(iter(inputs["shop"]["price"].values()))
        self.seen.append((time, price))
        self.load_kw = 1_000.0 / (1.0 + price)
        return time + HOUR_S

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, float]]:
        return {"shop": {"load_kw": self.load_kw}}


def test_mosaik_steps_it_beside_another_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load by mosaik in every hour, price back in the next: as when its calls are made by hand."""
    here = sys.modules[__name__]
    stepped, shops = [], []
    hmesh_class = mosaik_simulator()

    class Kept(hmesh_class):
        def __init__(self) -> None:
            super().__init__()
            stepped.append(self)

    class KeptShop(Works):
        def __init__(self) -> None:
            super().__init__()
            shops.append(self)

    monkeypatch.setattr(here, "Hmesh", Kept, raising=False)
    monkeypatch.setattr(here, "Works", KeptShop)
    started = {name: {"python": f"{__name__}:{name}"} for name in ("Hmesh", "Works")}
    with mosaik.World(started) as world:
        city = world.start("Hmesh").World(strategy="typical", changes=list(CHANGES))
        shop = world.start("Works").Shop()
        homes = next(child for child in city.children if child.eid == "homes")
        (households,) = homes.children
        world.connect(shop, households, "load_kw")
        world.connect(
            homes,
            shop,
            ("community_price", "price"),
            time_shifted=True,
            initial_data={"community_price": 20.0},
        )
        world.run(until=6 * HOUR_S, print_progress=False)

    by_hand, price, seen = made("typical"), 20.0, []
    for step in range(6):
        seen.append((step * HOUR_S, price))
        given = {"homes/households": {"load_kw": {"shop": 1_000.0 / (1.0 + price)}}}
        by_hand.step(step * HOUR_S, given, HOUR_S)
        price = by_hand.get_data({"homes": ["community_price"]})["homes"]["community_price"]
    assert shops[0].seen == seen
    assert len({price for _, price in seen}) > 1
    assert stepped[0].simulation.summary() == by_hand.simulation.summary()


def test_without_mosaik_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mosaik_api_v3", None)
    with pytest.raises(InputError, match=r"hmesh\[mosaik\]"):
        mosaik_simulator()
