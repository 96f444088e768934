"""Compiled kernels give the bits of the array rules, and small runs do without them."""

import importlib.util
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from hmesh.agents import parked_vehicles
from hmesh.environment import compiled
from hmesh.environment.compiled import compiled_for, kernel
from hmesh.markets import learned_lines, price_windows
from hmesh.markets.answer_curves import energy_of_curves
from hmesh.markets.answer_kernels import bounded
from hmesh.markets.answers import Answers, battery_answers, demand_at
from hmesh.markets.demand_bins import demand_bins
from hmesh.markets.demand_curve import Bends, bends_of, merged
from hmesh.markets.departure_value import (
    StoreColumns,
    answers_before_departure,
    best_response_before_departure,
)
from hmesh.markets.energy_at_prices import EnergyAtPrice
from hmesh.markets.exchanged import sums_of_exchange
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.value_of_energy import PlanningStores, planned_answer, value_of_energy
from hmesh.markets.vehicle_response import best_response
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

WITHOUT = 10**15
TRAVEL = {
    "kind": "drawn", "home": {"homes": 0.7, "offices": 0.3}, "speed_km_h": 30.0,
    "days": {
        "every": {
            "travels": 0.9, "stops": [0.3, 0.4, 0.3], "trip_km": 6.0,
            "departs_h": {"distribution": "normal", "mean": 9.0, "deviation": 2.0},
            "purposes": {"any": {"stay_h": 0.3}},
        }
    },
}  # fmt: skip
WORLDS: dict[str, dict[str, Any]] = {
    "published": {"game.solver": "exact"},
    "with losses": {
        "game.solver": "exact", "hours": 14,
        "vehicles.charge_efficiency": 0.9, "vehicles.discharge_efficiency": 0.85,
    },
    "messages": {"game.solver": "negotiate", "hours": 9},
    "messages, losses": {
        "game.solver": "negotiate", "hours": 9,
        "vehicles.charge_efficiency": 0.9, "vehicles.discharge_efficiency": 0.85,
    },
    "drawn trips, late messages": {
        "travel": TRAVEL, "game.solver": "negotiate", "messages.loss_rate": 0.1, "hours": 11,
    },
    "short steps": {"travel": TRAVEL, "game.solver": "exact", "step_h": 0.25, "hours": 11},
    "outages, trips kept back": {
        "chance.charger_outages": {
            "mean_time_between_failures_h": 10.0, "mean_time_to_repair_h": 3.0
        }, "travel": TRAVEL, "game.solver": "exact",
    },
    "groups": {
        "game.solver": "exact",
        "vehicles": {
            "groups": [
                {"name": "plain", "count": 15},
                {"name": "large", "count": 15, "capacity_kwh": 80, "v2g_kw": 3.0},
                {"name": "bent", "count": 9, "charging_curve": [[0, 1], [0.6, 1], [0.9, 0.2]]},
                {"name": "losing", "count": 15, "charge_efficiency": 0.9, "theta": [1.0, 3.0]},
                {"name": "ready", "count": 15, "departure_soc": 0.8, "departure_weight": 20.0},
            ]
        },
        "travel": TRAVEL,
    },
}  # fmt: skip


@pytest.fixture(
    params=[
        "as Python",
        pytest.param(
            "compiled",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(
                    importlib.util.find_spec("numba") is None, reason="Numba is not installed"
                ),
            ],
        ),
    ]
)
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what switches kernels on and off; they run as Python does, or compiled."""

    def switch(on: bool) -> None:
        monkeypatch.setattr(compiled, "FROM_ROWS", 0 if on else WITHOUT)
        monkeypatch.setattr(compiled, "LOADED_AFTER", 0)
        monkeypatch.setattr(compiled, "_installed", lambda: True)
        if request.param == "as Python":
            monkeypatch.setattr(compiled, "_compile", lambda function, signature: function)

    # Kernels that are compiled already are of no use to the others.
    for made in compiled.KERNELS:
        monkeypatch.setattr(made, "compiled", None)
    return switch


def followed(changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Simulate some hours; return everything that the vehicles hold, pay and count."""
    base = {
        "vehicles.count": 60, "strategies": ["three_level"], "plots": False, "hours": 26,
        "record.accounts": "all",
    }  # fmt: skip
    given = {k: v for k, v in base.items() if k != "vehicles.count" or "vehicles" not in changes}
    simulation = Simulation(
        make_setting(load_scenario("three-communities", given | changes)), "three_level"
    )
    vehicles, found = simulation.schemes["vehicles"], []
    while simulation.running:
        simulation.step()
        decision = simulation.market.decision
        accounts = simulation.accounts.kinds["vehicles"].year
        found.append(
            {name: column.tobytes() for name, column in vehicles.fleet.population.state().items()}
            | {name: column.tobytes() for name, column in accounts.items()}
            | {"prices": decision.community_price.tobytes(), "price": decision.utility_price}
            | {"heard": vehicles.fleet.population.heard["price"].each().tobytes()}
            | vehicles.sums() | vehicles.counts()
        )  # fmt: skip
    return found


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("world", WORLDS)
def test_a_world_is_the_same_with_kernels(kernels: Any, world: str) -> None:
    kernels(on=False)
    without = followed(WORLDS[world])
    kernels(on=True)
    with_kernels = followed(WORLDS[world])
    assert len(without) == len(with_kernels)
    for step, (one, other) in enumerate(zip(without, with_kernels, strict=True)):
        assert [k for k in one if one[k] != other[k]] == [], f"step {step}"


def batteries(count: int, seed: int) -> dict[str, Any]:
    """Return columns of batteries, of which some have no losses and some hold a bound exactly."""
    rng = np.random.default_rng(seed)
    usable = rng.uniform(-2.0, 25.0, count)
    upper = np.minimum(7.0, np.maximum(rng.uniform(-4.0, 20.0, count), 0.0))
    lower = 0.0 - np.minimum(rng.uniform(0.0, 7.0, count), np.maximum(usable, 0.0))
    return {
        "lam": rng.uniform(55.0, 65.0, count), "theta": rng.uniform(1.5, 2.2, count),
        "usable_kwh": usable, "lower_kwh": lower, "upper_kwh": upper,
        "charge_efficiency": np.where(rng.random(count) < 0.3, 1.0, 0.9),
        "discharge_efficiency": np.where(rng.random(count) < 0.3, 1.0, 0.85),
    }  # fmt: skip


def bits(answers: Answers) -> list[bytes]:
    names = ("full_price", "empty_price", "slope", "jump_price", "jump_kwh")
    return [np.ascontiguousarray(getattr(answers, name)).tobytes() for name in names]


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("losses", ["none", "all", "some"])
def test_answers_of_batteries(kernels: Any, losses: str, alike: bool) -> None:
    columns = batteries(150, 3)
    if losses == "none":
        columns |= {"charge_efficiency": 1.0, "discharge_efficiency": 1.0}
    elif losses == "all":
        columns |= {"charge_efficiency": 0.9, "discharge_efficiency": 0.85}
    if alike:
        columns |= {"lam": 60.0, "theta": 2.0}
    found = []
    for on in (False, True):
        kernels(on=on)
        best = [best_response(price, **columns).tobytes() for price in (0.0, 20.0, 47.3, 70.0)]
        found.append(best + bits(battery_answers(12.0, **columns)))
    assert found[0] == found[1]


def test_batteries_that_hold_more_than_they_value_are_left_to_the_rule(kernels: Any) -> None:
    columns = batteries(40, 5) | {"charge_efficiency": 0.9, "usable_kwh": np.full(40, 45.0)}
    found = []
    for on in (False, True):
        kernels(on=on)
        found.append(
            [best_response(p, **columns).tobytes() for p in (-20.0, -5.0)]
            + bits(battery_answers(0.0, **columns))
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 127, 128, 129, 137, 1000, 4321])
def test_sums_are_those_of_numpy(kernels: Any, count: int) -> None:
    exchange = np.random.default_rng(count).normal(0.0, 5.0, count)
    exchange[::5] = 0.0
    found = []
    for on in (False, True):
        kernels(on=on)
        found.append(sums_of_exchange(exchange))
    assert found[0] == found[1]


@pytest.mark.parametrize("losses", [False, True])
def test_prices_are_narrowed_alike(
    kernels: Any, monkeypatch: pytest.MonkeyPatch, losses: bool
) -> None:
    monkeypatch.setattr(price_windows, "FEW_KINKS", 20)
    monkeypatch.setattr(price_windows, "SAMPLES", 12)
    efficiency = 0.9 if losses else 1.0
    curves = []
    for seed in (7, 8):
        columns = batteries(200, seed) | dict.fromkeys(
            ("charge_efficiency", "discharge_efficiency"), efficiency
        )
        curves.append(bends_of(battery_answers(40.0, **columns), 5.0, 60.0))
    found = []
    for on in (False, True):
        kernels(on=on)
        left, *bounds = price_windows.narrowed(curves, 30.0, GenerationCost(0.02, 10.0), 5.0, 60.0)
        found.append((bounds, [(each.low, each.high, each.starts.tobytes()) for each in left]))
        assert all(each.kinks < 400 for each in left)
    assert found[0] == found[1]


@pytest.mark.parametrize("losses", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_bins_of_best_answers_are_those_of_the_rule(kernels: Any, losses: bool, seed: int) -> None:
    efficiency = 0.9 if losses else 1.0
    columns = batteries(150, seed) | dict.fromkeys(
        ("charge_efficiency", "discharge_efficiency"), efficiency
    )
    bends = bends_of(battery_answers(40.0 * seed, **columns), 5.0, 60.0)
    found = []
    for on in (False, True):
        kernels(on=on)
        bins = demand_bins(bends, 37)
        answers = price_windows._answers(bins, np.linspace(0.0, 70.0, 50))
        found.append((answers.first.tolist(), answers.last.tolist()))
    assert found[0] == found[1]
    assert np.all(np.diff(found[0]) >= 0)


@pytest.mark.parametrize("dead_bands", [False, True])
@pytest.mark.parametrize("alike", [False, True])
def test_curves_of_kinks_that_come_together(kernels: Any, dead_bands: bool, alike: bool) -> None:
    rng = np.random.default_rng(11)
    # Few prices, some of them a rounding apart, so that up to hundreds of kinks count as one.
    prices = np.append(rng.uniform(5.0, 60.0, 9), 60.0)
    starts, ends = (
        rng.choice(prices, 700) * (1.0 + rng.choice([0.0, 3e-16, 1e-3], 700)) for _ in range(2)
    )
    slopes = rng.uniform(0.3, 0.9, 700)
    bends = Bends(
        8.0, 55.0, 4000.0, 0.0, 0, np.minimum(starts, ends), slopes, np.maximum(starts, ends),
        slopes, dead_bands=dead_bands,
    )  # fmt: skip
    found = []
    for on in (False, True):
        kernels(on=on)
        curve = (merged(bends) if alike else bends).curve()
        found.append([x.tobytes() for x in (curve.edges, curve.intercept, curve.slope)])
        assert len(curve.slope) > 5
    assert found[0] == found[1]


def test_rules_work_until_loading_kernels_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_installed", lambda: True)
    monkeypatch.setattr(compiled, "_done", 0)
    monkeypatch.setattr(compiled, "LOADED_AFTER", 3_500)
    monkeypatch.setattr(compiled, "ROWS_OF_A_CALL", 1000)
    monkeypatch.setattr(compiled, "FROM_ROWS", 100)
    assert [compiled_for(rows) for rows in (99, 1000, 1000, 99, 1000, 100)] == [False] * 4 + [
        True,
        True,
    ]


def test_without_numba_there_are_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LOADED_AFTER", 0)
    monkeypatch.setattr(compiled, "_installed", lambda: False)
    assert not compiled_for(10**9)


@pytest.mark.slow
def test_a_small_run_imports_no_numba() -> None:
    code = (
        "import sys; from hmesh.runs.scenarios.scenario_reading import load_scenario; "
        "from hmesh.runs.world.setting import make_setting; "
        "from hmesh.runs.world.simulation import Simulation; "
        "s = Simulation(make_setting(load_scenario('three-communities', "
        "{'hours': 2, 'vehicles.count': 200})), 'three_level'); s.step(); s.step(); "
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_compiled_kernel_counts_as_python_does() -> None:
    """All kernels are compiled by the slow tests; this one takes a fraction of a second."""
    pytest.importorskip("numba")
    columns = np.random.default_rng(2).uniform(-5.0, 5.0, (4, 300))
    compiled_one = compiled._compile(bounded.function, bounded.signature)
    counts = bounded.function(*columns)
    assert min(counts) > 10
    assert compiled_one(*columns) == counts


def test_the_signature_says_what_a_kernel_takes() -> None:
    pytest.importorskip("numba")

    @kernel("f8[] i8 f8[]!")
    def scaled(given: Any, by: int, written: Any) -> None:
        for k in range(len(given)):
            written[k] = given[k] * by

    written = np.empty(3)
    scaled(np.broadcast_to(1.5, 3), 2, written)
    assert written.tolist() == [3.0, 3.0, 3.0]
    with pytest.raises(TypeError):
        scaled(np.ones(3), 2, np.broadcast_to(0.0, 3))


@pytest.mark.parametrize("levels", [2, 9])
def test_plans_have_the_same_values(kernels: Any, levels: int) -> None:
    stream, count = np.random.default_rng(levels), 400
    uniform = stream.uniform
    stores = PlanningStores(
        uniform(20, 70, count), uniform(0.1, 1.0, count), uniform(20, 60, count),
        uniform(3, 11, count) * (stream.random(count) < 0.9),
        uniform(3, 30, count) * (stream.random(count) < 0.9),
        uniform(0.85, 1.0, count), uniform(0.85, 1.0, count),
    )  # fmt: skip
    price, place = uniform(-5.0, 60.0, (7, 3)), stream.integers(0, 3, count)
    kernels(False)
    plain = value_of_energy(stores, price, place, levels)
    kernels(True)
    assert value_of_energy(stores, price, place, levels).tobytes() == plain.tobytes()


def test_batteries_that_are_alike_have_the_values_that_each_has_alone() -> None:
    stream, count = np.random.default_rng(3), 300
    columns = [stream.uniform(1.0, 30.0, 4)[stream.integers(0, 4, count)] for _ in range(5)]
    stores = PlanningStores(*columns, np.full(count, 0.9), np.full(count, 0.95))
    price, place = stream.uniform(0.0, 40.0, (6, 2)), stream.integers(0, 2, count)
    together = value_of_energy(stores, price, place, 9)
    for row in range(0, count, 37):
        one = stores.rows(np.array([row]))
        assert value_of_energy(one, price, place[[row]], 9)[0].tobytes() == together[row].tobytes()
    answer = planned_answer(
        stores, together, stream.uniform(0.0, 1.0, count), -stream.uniform(0.0, 2.0, count),
        stream.uniform(0.0, 2.0, count),
    )  # fmt: skip
    curves, answers = answer.curves(), answer.together()
    for asked in stream.uniform(-5.0, 45.0, 40).tolist():
        each = energy_of_curves(curves, asked)
        np.testing.assert_allclose(answer.energy_kwh(asked), each, atol=1e-12)
        assert demand_at(answers, asked) == pytest.approx(float(each.sum()), abs=1e-9)
    # Those whose bounds allow one energy only answer all the same.
    idle = planned_answer(stores, together, np.ones(count), np.zeros(count), np.zeros(count))
    assert idle.together().answering


@pytest.mark.parametrize("losses", [False, True])
def test_answers_looked_at_later_are_those_of_all_at_once(
    kernels: Any, monkeypatch: pytest.MonkeyPatch, losses: bool
) -> None:
    efficiency = 0.9 if losses else 1.0
    changes = {
        "game.solver": "negotiate", "hours": 6,
        "vehicles.charge_efficiency": efficiency, "vehicles.discharge_efficiency": efficiency,
    }  # fmt: skip
    found = []
    for many, on in ((10**9, False), (0, False), (0, True)):
        monkeypatch.setattr(parked_vehicles, "MANY", many)
        # Some at a time, and not all parts of the same size.
        monkeypatch.setattr(learned_lines, "LOOKED_AT", 7)
        kernels(on=on)
        found.append(followed(changes))
    assert found[0] == found[1] == found[2]


def test_messages_that_are_kept_or_changed_are_worked_out_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parked_vehicles, "MANY", 0)
    found = {}
    for keep in ("none", "all"):
        scenario = load_scenario(
            "three-communities",
            {
                "vehicles.count": 60, "strategies": ["three_level"], "plots": False, "hours": 1,
                "messages.keep": keep,
            },
        )  # fmt: skip
        simulation = Simulation(make_setting(scenario), "three_level")
        kinds = set()
        send = simulation.bus.send

        def sent(message: Any, send: Any = send, kinds: set[type] = kinds) -> Any:
            if message.kind == "EnergyBid" and message.count > 1:
                kinds.add(type(message.energy_kwh))
            return send(message)

        monkeypatch.setattr(simulation.bus, "send", sent)
        simulation.step()
        found[keep] = kinds
    assert found == {"none": {EnergyAtPrice}, "all": {np.ndarray}}


@pytest.mark.parametrize("turning", [False, True])
def test_batteries_before_departure_answer_alike(kernels: Any, turning: bool) -> None:
    rng = np.random.default_rng(5)
    count = 300
    losing = rng.random(count) < 0.5
    # Full batteries with losses hold more than they value, and some of them turn at one price.
    usable = rng.uniform(0.0, 40.0 if turning else 25.0, count)
    stores = StoreColumns(
        60.0, rng.uniform(1.5, 2.0, count), usable, -np.minimum(7.0, usable),
        np.minimum(7.0, 41.0 - usable), np.where(losing, 0.9, 1.0), np.where(losing, 0.85, 1.0),
        rng.uniform(5.0, 30.0, count), np.where(rng.random(count) < 0.4, 20.0, 0.0),
    )  # fmt: skip
    found = []
    for on in (False, True):
        kernels(on=on)
        answers = answers_before_departure(3.0, stores)
        names = ("full_price", "empty_price", "slope", "jump_price", "jump_kwh")
        lines = [getattr(answers, name).tobytes() for name in names]
        prices = np.linspace(1.0, 80.0, 40).tolist()
        energies = [best_response_before_departure(price, stores).tobytes() for price in prices]
        found.append((answers.saturated_kwh, answers.dead_bands, lines, energies))
        assert (len(answers.jump_price) > 0) == turning
    assert found[0] == found[1]
