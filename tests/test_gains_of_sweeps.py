"""Who gains and who pays as figures of sweeps: they add up, and stand in tables with intervals."""

import math

import numpy as np
import pytest

from hmesh.runs import Sweep, run_sweep
from hmesh.runs.sweeps.statistics import statistics
from hmesh.runs.sweeps.sweep_gains import sweep_gains_table
from hmesh.runs.who_gains import gain_figures, generation_cost, welfare
from tests.account_runs import city

NAMES = ["nobody_shares", "everybody_shares"]
EXACT = 1e-9


def test_gains_of_all_add_up_to_what_generation_costs_less() -> None:
    summary = city().summary
    gains = gain_figures(summary, NAMES)
    assert set(gains["nobody_shares"].values()) == {0.0}
    own = gains["everybody_shares"]
    kinds = {name: v for name, v in own.items() if name.count(".") == 1}
    whole = kinds.pop("gains.welfare")
    members = kinds.pop("gains.members")
    size = sum(map(abs, kinds.values()))
    cheaper = generation_cost(summary, NAMES[0]) - generation_cost(summary, NAMES[1])
    assert math.fsum(kinds.values()) == pytest.approx(cheaper, abs=EXACT * size)
    worth = [summary[name]["elastic_response_worth"] for name in NAMES]
    assert whole == pytest.approx(cheaper + worth[1] - worth[0], abs=EXACT * size)
    assert whole == welfare(summary, NAMES[1]) - welfare(summary, NAMES[0])
    leaders = ("aggregators", "grid_operator", "utility", "state")
    paying = [v for name, v in kinds.items() if name.partition(".")[2] not in leaders]
    assert members == pytest.approx(math.fsum(paying), abs=EXACT * size)


def test_gains_by_community_are_what_their_parties_pay_less() -> None:
    summary = city().summary
    own = gain_figures(summary, NAMES)["everybody_shares"]
    held = [summary[name]["accounts"]["communities"] for name in NAMES]
    leaders = ("aggregators", "grid_operator", "utility", "state", "generators")
    for place in held[0]:
        paid = [-math.fsum(v for k, v in each[place].items() if k not in leaders) for each in held]
        assert own[f"gains.in.{place}"] == pytest.approx(paid[0] - paid[1], rel=EXACT, abs=1e-6)


def test_one_strategy_has_no_gains() -> None:
    assert gain_figures(city().summary, NAMES[:1]) == {"nobody_shares": {}}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    changes = ("vehicles.count=20", "hours=3", "strategies=[typical,two_level]")
    folder = tmp_path_factory.mktemp("gains") / "sweep"
    return run_sweep(
        "three-communities", ("vehicles.theta=1,3",), folder, changes=changes, seeds=3, workers=1
    )


def test_a_sweep_has_gains_of_each_run_against_its_first_strategy(swept: Sweep) -> None:
    ensemble = swept.ensemble
    profit = ensemble.of("utility_profit")
    gains = ensemble.of("gains.utility")
    np.testing.assert_allclose(gains, profit - profit[:, :, :1], rtol=EXACT, atol=1e-9)
    bill = ensemble.of("ev_bill")
    stored = ensemble.of("accounts.kinds.vehicles.stored_value")
    net = bill - stored
    vehicles = ensemble.of("gains.vehicles")
    np.testing.assert_allclose(vehicles, net[:, :, :1] - net, rtol=EXACT, atol=1e-9)


def test_the_table_of_gains_has_means_and_intervals(swept: Sweep) -> None:
    table = sweep_gains_table(swept.ensemble)
    assert table is not None
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    rows = {label.partition(" [")[0]: cells for label, *cells in zip(*columns, strict=True)}
    assert {"vehicles", "aggregators", "utility", "all members", "welfare"} <= set(rows)
    found = statistics(swept.ensemble.of("gains.vehicles")[1, :, 1][:, None])
    mean, half = (float(text) for text in rows["vehicles"][1].replace(",", "").split(" ± "))
    assert mean == pytest.approx(float(found.mean[0]), abs=0.6)
    assert half == pytest.approx(float(found.half_width[0]), abs=0.6)
    assert {path.name for path in swept.directory.glob("plots/*.png")} == {"vehicles.theta.png"}
