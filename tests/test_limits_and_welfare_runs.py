"""Whole runs in which lines lose energy and have limits, and a planner sets prices."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from hmesh.markets.three_level_game import follow_exact, solve_exact
from hmesh.runs import TABLES, audit_run, start_run
from hmesh.runs.pictures.line_loading import OVERLOAD
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.headlines import headline
from hmesh.runs.report.sentence import Figure
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.run_summary import notes
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from hmesh.runs.world.step_games import game_of
from tests.audited_runs import FILES, outcome
from tests.test_audit_tampering import edit, otherwise

STRATEGIES = ("typical", "two_level", "three_level", "planner")
# Feeders that are too small in the evening, some of them whatever the price.
TIGHT = (
    f"strategies=[{','.join(STRATEGIES)}]",
    "vehicles.count=60",
    "hours=4",
    "start='2023-01-16T17:00'",
    "game.losses=known",
    "grid.limits=keep",
    "record.welfare=true",
    "communities.homes.members.0.count=100",
    "communities.homes.feeder.rating_kw=90",
    "communities.homes.feeder.loss_rate=0.05",
    "communities.malls.members.0.annual_kwh=2e5",
    "communities.malls.feeder.rating_kw=70",
    "communities.offices.members.0.annual_kwh=2e5",
    "communities.offices.feeder.rating_kw=60",
)


def tight(*changes: str) -> Scenario:
    return load_scenario("three-communities", (*TIGHT, *changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hmesh.runs.run import start_run

    directory = tmp_path_factory.mktemp("tight") / "run"
    start_run(tight("grid.shed=true", "plots=false", "messages.keep=leaders"), directory)
    return directory


def rows(directory: Path, table: str) -> Any:
    return pq.read_table(directory / f"{table}.parquet").to_pandas()


def test_a_run_with_losses_limits_and_shedding_passes_its_audit(folder: Path) -> None:
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())
    made = {name for name, passed in outcome(report).items() if passed}
    assert {name for name in made if name.startswith(("limits:", "welfare:", "planner:"))} == {
        "limits: overloads are what lines carry too much",
        "limits: an equal share of loads is shed, and no more than needed",
        "limits: rent is the difference of prices for the energy",
        "limits: what prices would be without them",
        "welfare: satisfaction less cost of generation",
        "welfare: the planner's from the same state",
        "welfare: loss and price of anarchy follow from it",
        "planner: prices are the cost delivered",
    }


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column.name) for table in ("limits", "welfare") for column in TABLES[table]],
)
def test_one_changed_value_is_found(folder: Path, tmp_path: Path, table: str, column: str) -> None:
    directory = shutil.copytree(folder, tmp_path / "run")
    values = pq.read_table(directory / f"{table}.parquet").column(column).to_pylist()
    moving = [row for row, value in enumerate(values) if value]
    assert moving, "every column has something to say"
    chosen = moving[len(moving) // 2]
    wrong = otherwise(values[chosen], values)
    edit(directory, table, column, lambda row, value: wrong if row == chosen else value)
    report = audit_run(directory)
    assert not report.passed
    assert outcome(report)[FILES] is True


def test_energy_and_money_balance(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    hours, lines, ledger = (rows(folder, table) for table in ("hours", "lines", "ledger"))
    limits, welfare = rows(folder, "limits"), rows(folder, "welfare")
    for strategy in STRATEGIES:
        reported = summary[strategy]
        assert abs(reported["money_imbalance"]) <= 1e-9 * reported["generation_cost"]
        mine = {
            name: table[table.strategy == strategy]
            for name, table in (
                ("hours", hours), ("lines", lines), ("ledger", ledger), ("limits", limits),
                ("welfare", welfare),
            )
        }  # fmt: skip
        root = mine["lines"][mine["lines"].line.str.startswith("utility - ")]
        needed = mine["hours"].net_kwh.sum() + mine["lines"].losses_kwh.sum()
        assert root.sent_kwh.sum() == pytest.approx(needed, rel=1e-9)
        wholesale = mine["ledger"][mine["ledger"].kind == "wholesale"].amount.sum()
        retail = mine["ledger"][mine["ledger"].payee.str.startswith("aggregator@")].amount.sum()
        retail -= mine["ledger"][
            mine["ledger"].payer.str.startswith("aggregator@")
            & (mine["ledger"].kind != "wholesale")
        ].amount.sum()
        assert retail - wholesale == pytest.approx(
            reported["aggregator_profit"], rel=1e-9, abs=1e-6
        )
        for figure in ("overload_kwh", "shed_kwh", "congestion_rent"):
            assert reported[figure] == pytest.approx(
                mine["limits"][figure].sum(), rel=1e-9, abs=1e-9
            )
        assert reported["welfare_loss"] == pytest.approx(
            mine["welfare"].welfare_loss.sum(), rel=1e-9
        )
        # Typical charging keeps no limit, which the planner does.
        if strategy != "typical":
            assert reported["welfare_loss"] >= -1e-9 * abs(reported["welfare"])
    assert summary["planner"]["welfare_loss"] == pytest.approx(0.0, abs=1e-6)
    assert summary["planner"]["price_of_anarchy"] == pytest.approx(1.0, rel=1e-12)
    assert summary["three_level"]["price_of_anarchy"] > 1.0
    shed = limits.groupby("strategy").shed_kwh.sum()
    assert (shed > 0).all()
    # Congestion raises what is paid where a price answers a limit.
    assert summary["three_level"]["congestion_rent"] > 0
    assert summary["typical"]["congestion_rent"] == 0


def test_shedding_keeps_what_no_price_keeps(folder: Path) -> None:
    """With shedding a line is over its limit only by what is no load of a member."""
    lines = rows(folder, "lines")
    games = lines[(lines.strategy != "typical") & lines.line.str.startswith("utility - ")]
    rating = {"homes": 90.0, "malls": 70.0, "offices": 60.0}
    for name, limit in rating.items():
        received = games[games.line == f"utility - {name}/feeder"].received_kwh
        assert (received <= limit * (1 + 1e-9)).all()


def test_notes_show_what_limits_did(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    reported = "\n".join(notes(summary))
    assert "The limit of a line raised or lowered a community's price in a step" in reported
    assert "Consumption left unserved so that lines keep their limits" in reported


def test_the_report_states_congestion_rent_and_shed_loads(folder: Path) -> None:
    data = RunData(read_run(folder))
    for strategy in STRATEGIES:
        said = headline(data, strategy)
        figures = {part.key: part.value for part in said if isinstance(part, Figure)}
        text = "".join(str(getattr(part, "text", part)) for part in said)
        totals = data.summary[strategy]
        for key, words in (
            ("congestion_rent", "by a congestion rent of"),
            ("shed_kwh", "are shed"),
        ):
            assert figures.get(key, 0.0) == totals[key]
            assert (words in text) == (abs(totals[key]) > 1e-9)


@pytest.mark.parametrize("solver", ["exact", "negotiate", "grid"])
def test_nobody_gains_by_another_price_within_limits(solver: str) -> None:
    """Against 2,000 prices of the utility, and of each aggregator, from the state of each step."""
    scenario = tight(f"game.solver={solver}", "strategies=[three_level]")
    setting = make_setting(scenario)
    seen = 0

    def check(simulation: Simulation) -> None:
        nonlocal seen
        game, decision = game_of(simulation), simulation.market.decision
        assert game.feed is not None
        assert game.limits_kwh is not None
        bounds = game.bounds
        tried = np.linspace(bounds.utility_lower, bounds.utility_upper, 2000)
        demand = np.array([follow_exact(game, float(q)).demand_kwh for q in tried[::20]]).T
        lost = game.lost_kwh(demand)
        earned = tried[::20] * demand.sum(axis=0) - game.cost.total(demand.sum(axis=0) + lost)
        mine = follow_exact(game, decision.utility_price)
        own = float(mine.demand_kwh.sum())
        lost_here = float(np.squeeze(game.lost_kwh(mine.demand_kwh[:, None])))
        profit = decision.utility_price * own - game.cost.total(own + lost_here)
        near = 1e-9 if solver == "exact" else 1e-4
        assert profit >= earned.max() - near * abs(profit)
        for m, parked in enumerate(simulation.market.answering["vehicles"]):
            if not len(parked):
                continue
            asked = np.linspace(bounds.aggregator_lower, bounds.aggregator_upper, 2000)
            passive = float(simulation.market.passive_kwh[m])
            energies = passive + np.array([parked.best_kwh(float(p)).sum() for p in asked])
            least, most = (float(limit[m]) for limit in game.limits_kwh)
            keeps = (energies >= least) & (energies <= most)
            price = float(decision.community_price[m])
            bought = passive + float(decision.exchange_kwh["vehicles"][m].sum())
            if not keeps.any():
                assert bought == pytest.approx(energies[-1], abs=1e-6)
                continue
            seen += 1
            assert least - 1e-5 <= bought <= most + 1e-5
            best = float(((asked - decision.utility_price) * energies)[keeps].max())
            gained = (price - decision.utility_price) * bought
            assert gained >= best - (1e-9 if solver == "exact" else 1e-4) * (1 + abs(best))

    simulation = Simulation(setting, "three_level", check)
    for _ in range(scenario.steps):
        simulation.step()
    assert seen > 0


def test_negotiating_comes_within_the_tolerance_of_the_exact_prices() -> None:
    scenario = tight("strategies=[three_level]")
    setting = make_setting(scenario)
    width = scenario.prices.aggregator[1] - scenario.prices.aggregator[0]

    def check(simulation: Simulation) -> None:
        exact = solve_exact(game_of(simulation))
        decision = simulation.market.decision
        assert abs(decision.utility_price - exact.utility_price) <= 1e-6 * width
        off = np.abs(decision.community_price - exact.community_price)
        assert (off <= 1e-6 * width).all()

    simulation = Simulation(setting, "three_level", check)
    for _ in range(scenario.steps):
        simulation.step()


SHARED = (
    "strategies=[three_level]",
    "vehicles.count=100",
    "vehicles.soc_start=0.3",
    "vehicles.trip_reserve=false",
    "communities.homes.members.0.count=60",
    "communities.malls.members.0.annual_kwh=5e4",
    "communities.offices.members.0.annual_kwh=5e4",
    "hours=6",
    "start='2023-01-16T21:00'",
    "grid.connections.offices=homes-low",
    "grid.lines.0.rating_kw=100",
)


@pytest.mark.parametrize("solver", ["exact", "negotiate"])
def test_the_utility_keeps_lines_that_communities_share(solver: str) -> None:
    """The line to the north leads to homes and offices, where vehicles charge at night."""
    scenario = load_scenario("two-voltage-levels", (*SHARED, f"game.solver={solver}"))
    setting = make_setting(scenario)
    moved = 0

    def check(simulation: Simulation) -> None:
        nonlocal moved
        game = game_of(simulation)
        exact = solve_exact(game)
        decision = simulation.market.decision
        assert abs(decision.utility_price - exact.utility_price) <= 1e-6 * 36
        assert game.feed is not None
        bounds = game.bounds
        kept = []
        for q in np.linspace(bounds.utility_lower, bounds.utility_upper, 200):
            demand = follow_exact(game, float(q)).demand_kwh
            kept.append(bool(np.max(game.feed.excess_kwh(demand[:, None])) <= 1e-9))
        if any(kept):
            line = setting.grid.lines.index(("utility", "north"))
            received = simulation.flows.received_kwh[line]
            assert abs(received) <= setting.grid.rating_kw[line] * (1 + 1e-6)
            moved += exact.unlimited_price is not None

    simulation = Simulation(setting, "three_level", check)
    for _ in range(scenario.steps):
        simulation.step()
    assert moved > 0


def test_a_line_that_prices_keep_at_its_rating_is_not_drawn_as_overloaded(tmp_path: Path) -> None:
    """What it loses is sent beyond its rating, which is that of its far end."""
    changes = (*SHARED, "game.solver=exact", "grid.lines.0.loss_rate=0.05", "plots=false")
    start_run(load_scenario("two-voltage-levels", changes), tmp_path / "run")
    data = RunData(read_run(tmp_path / "run"))
    names, loading = data.loading()
    line = loading[0, names.index("utility - north")]
    assert np.isclose(line, 1.0, rtol=1e-6).any()
    held = data.summary["three_level"]["overloaded_steps"]
    drawn = {
        name: int((each > OVERLOAD).sum())
        for name, each in zip(names, loading[0], strict=True)
        if each.max() > OVERLOAD
    }
    assert drawn == held


def test_losses_and_limits_that_do_not_bind_leave_every_bit_as_it_was() -> None:
    few = ("vehicles.count=30", "hours=3", "strategies=[three_level]", "game.solver=exact")

    def prices(*changes: str) -> list[Any]:
        scenario = load_scenario("three-communities", (*few, *changes))
        held: list[Any] = []

        def keep(simulation: Simulation) -> None:
            decision = simulation.market.decision
            held.append((decision.utility_price, *decision.community_price))

        simulation = Simulation(make_setting(scenario), "three_level", keep)
        for _ in range(3):
            simulation.step()
        return held

    assert prices() == prices("grid.limits=keep", "game.losses=known")


def test_a_welfare_below_0_has_no_price_of_anarchy() -> None:
    """What inelastic loads cost may be more than what vehicles hold is worth."""
    many = (
        "vehicles.count=10", "hours=1", "strategies=[three_level]", "record.welfare=true",
        "plots=false",
    )  # fmt: skip
    simulation = Simulation(make_setting(load_scenario("three-communities", many)), "three_level")
    simulation.step()
    summary = simulation.summary()
    assert summary["welfare"] < 0
    assert summary["price_of_anarchy"] is None
    assert summary["welfare_loss"] >= 0
    reported = "\n".join(notes({"three_level": summary}))
    assert "Welfare is not above 0, so that there is no price of anarchy" in reported


def test_shedding_needs_limits_that_are_kept() -> None:
    from hmesh.environment.errors import InputError

    with pytest.raises(InputError, match=r"grid\.shed: limits are only counted"):
        load_scenario("three-communities", ("grid.shed=true",))


def test_a_planner_is_compared_only_where_it_is_named() -> None:
    from hmesh.runs.strategy_names import STRATEGIES_OF_ALL, default_strategies

    assert "planner" not in default_strategies()
    assert STRATEGIES_OF_ALL["everybody_shares"]["vehicles"] == "three_level"


def test_scenarios_of_earlier_runs_mean_what_they_meant() -> None:
    """Their run.json names none of these keys."""
    resolved = load_scenario("three-communities", ("hours=2",)).resolved()
    del resolved["grid"], resolved["game"]["losses"], resolved["record"]["welfare"]
    scenario = Scenario.from_resolved(resolved)
    assert scenario.grid.limits == "count"
    assert scenario.game.losses == "ignored"
    assert not scenario.record.welfare
