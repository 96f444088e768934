"""`mesa.batch_run` over scenarios."""

from pathlib import Path

import mesa
import pytest

import hmesh
from hmesh.environment import InputError
from hmesh.runs import load_scenario, start_run

pytestmark = pytest.mark.usefixtures("plugins_withdrawn", "start_method_kept")

FEW = {"hours": 3, "vehicles.count": 5, "game.solver": "exact"}


def test_mesa_runs_a_batch_of_scenarios(tmp_path: Path) -> None:
    parameters = {**FEW, "vehicles.count": [5, 10], "strategy": ["typical", "three_level"]}
    rows = mesa.batch_run(hmesh.make_model, parameters, display_progress=False)
    assert [(row["vehicles.count"], row["strategy"]) for row in rows] == [
        (5, "typical"), (5, "three_level"), (10, "typical"), (10, "three_level"),
    ]  # fmt: skip
    summary = start_run(load_scenario("three-communities", {**FEW, "plots": False}), tmp_path / "r")
    for row, strategy in zip(rows[:2], ("typical", "three_level"), strict=True):
        for name in ("peak_kw", "par", "ev_bill", "utility_profit"):
            assert row[name] == summary[strategy][name]
        assert row["counts.vehicles_at_bound"] == summary[strategy]["counts"]["vehicles_at_bound"]
        assert row["Step"] == 3


@pytest.mark.parametrize("key", ["rng", "seed"])
def test_seeds_of_mesa_and_of_the_scenario(key: str) -> None:
    parameters = {**FEW, "strategy": "typical"}
    given = {"rng": [1, 2, 1]} if key == "rng" else {}
    varied = {} if key == "rng" else {"seed": [1, 2, 1]}
    rows = mesa.batch_run(
        hmesh.make_model, {**parameters, **varied}, display_progress=False, **given
    )
    assert [row[key] for row in rows] == [1, 2, 1]
    bills = [row["fixed_load_bill"] + row["vehicle_kwh"] for row in rows]
    assert bills[0] == bills[2]
    model = hmesh.make_model(**parameters, seed=2)
    assert model.setting.scenario.seed == 2


@pytest.mark.slow
def test_processes_of_mesa_know_plugins(tmp_path: Path) -> None:
    plugin = tmp_path / "peak.py"
    plugin.write_text(
        "from hmesh.plugins import metric\n"
        "@metric('demand')\ndef demand(world):\n    return world.net_kwh.sum()\n"
    )
    parameters = {**FEW, "vehicles.count": [5, 6], "plugins": str(plugin)}
    rows = mesa.batch_run(
        hmesh.make_model, parameters, number_processes=2, data_collection_period=1,
        display_progress=False,
    )  # fmt: skip
    assert len(rows) == 6
    assert all(row["metrics.demand.last"] > 0 for row in rows)


def test_a_model_runs_to_the_end_of_its_scenario() -> None:
    reporters = {"price": lambda world: world.market.decision.utility_price}
    model = hmesh.make_model(**FEW, reporters=reporters)
    while model.running:
        model.step()
    assert model.strategy == "three_level"
    frame = model.datacollector.get_model_vars_dataframe()
    assert len(frame) == 3
    assert frame.price.iloc[-1] == model.market.decision.utility_price
    assert frame.peak_kw.is_monotonic_increasing


def test_what_is_wrong_is_one_message() -> None:
    with pytest.raises(InputError, match=r"does not compare 'three_levels' .*mean 'three_level'"):
        hmesh.make_model(strategy="three_levels")
    with pytest.raises(InputError, match=r"vehicles.count: -1 is not allowed"):
        hmesh.make_model(**{"vehicles.count": -1})
    with pytest.raises(TypeError, match="give one of them"):
        hmesh.make_model(seed=1, rng=1)
