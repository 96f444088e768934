"""A run whose vehicles workers hold gives the bits of one that holds them all, losses included."""

import json
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest

from hmesh.environment import row_blocks
from hmesh.environment.errors import InputError
from hmesh.markets import learned_lines
from hmesh.runs.run import resume_run, start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.spread import holder
from hmesh.runs.spread.dask_pool import DaskPool
from hmesh.runs.spread.row_pool import HerePool, RowPool
from hmesh.runs.spread.spreading import spread_over
from hmesh.runs.sweeps.cluster_use import spreads
from hmesh.runs.sweeps.sweep import run_sweep
from hmesh.runs.sweeps.sweep_plan import make_plan
from hmesh.runs.world.setting import make_setting
from tests.games import LITTLE_LOAD
from tests.test_elastic_loads import ELASTICITY
from tests.test_kernels import TRAVEL, WORLDS

BASE: dict[str, Any] = {
    "vehicles.count": 60, "game.solver": "exact", "hours": 9, "plots": False,
    "checkpoint_every_h": 4, **LITTLE_LOAD,
}  # fmt: skip
ROWS = 13


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let five blocks hold sixty vehicles."""
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", ROWS)


class Places(RowPool):
    """Places in this process that hold blocks, each of which may be lost at a question.

    Parameters
    ----------
    names : str
        A letter for each place.
    lost_at : dict
        The questions at which places are lost, by their numbers: a place that is lost before it
        is asked, or, in a capital letter, after it has worked out its answer.
    """

    def __init__(self, names: str, lost_at: Mapping[int, str]) -> None:
        super().__init__()
        self.names, self.lost_at, self.asked = list(names), dict(lost_at), 0

    def places(self) -> list[str]:
        """Return those that are left."""
        return list(self.names)

    def _do(
        self, what: Callable[[str, bytes], bytes], packed: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        lost = ""
        if what is holder.ask:
            self.asked += 1
            lost = self.lost_at.pop(self.asked, "")
        found = {}
        for place, each in packed.items():
            if place == lost:
                holder.release(self.run + place)
            found[place] = what(self.run + place, each)
            if place == lost.lower() != lost:
                holder.release(self.run + place)
                found[place] = holder.LOST
        if lost:
            self.names.remove(lost.lower())
        return found

    def close(self) -> None:
        """Let all blocks go."""
        for place in self.names:
            holder.release(self.run + place)


def content(directory: Path) -> dict[str, str]:
    """Return the digests of all files but run.json, which states times."""
    files = (path for path in directory.iterdir() if path.is_file() and path.name != "run.json")
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files}


def run(directory: Path, changes: Mapping[str, Any], **options: Any) -> dict[str, str]:
    """Run a small world and return the digests of its files."""
    start_run(load_scenario("three-communities", BASE | dict(changes)), directory, **options)
    return content(directory)


class Stop(Exception):
    pass


def stopping_at(step: int) -> Callable[[int, int], None]:
    """Return what ends a run after some steps."""

    def progress(done: int, total: int) -> None:
        if done == step:
            raise Stop

    return progress


def test_lost_blocks_are_built_again_and_nothing_changes(tmp_path: Path) -> None:
    changes = {"strategies": ["three_level"], "hours": 6, "vehicles.count": 30}
    alone = run(tmp_path / "alone", changes)
    # Three blocks at as many places; two are lost at questions, before and after they answer.
    pool = Places("abcd", {5: "a", 9: "B"})
    assert run(tmp_path / "spread", changes, scheduler=pool) == alone
    assert pool.lost_at == {}
    assert pool.names == ["c", "d"]
    assert pool.traffic.rebuilt >= 2
    assert pool.traffic.replayed > 0


def negotiated(bids: str = "prices") -> dict[str, Any]:
    """Return a small game that is settled by messages."""
    return {
        "strategies": ["two_level", "three_level"], "hours": 4, "vehicles.count": 40,
        "game.solver": "negotiate", "game.bids": bids,
    }  # fmt: skip


@pytest.mark.parametrize("bids", ["prices", "curves"])
def test_vehicles_that_workers_hold_negotiate_to_the_same_bits(bids: str, tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", negotiated(bids))
    pool = Places("abcd", {7: "a", 30: "B"})
    assert run(tmp_path / "spread", negotiated(bids), scheduler=pool) == alone
    assert pool.names == ["c", "d"]


def test_what_nothing_explains_is_revised_where_vehicles_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No answer is close enough to any line.
    monkeypatch.setattr(learned_lines, "AGREEMENT", -1.0)
    alone = run(tmp_path / "alone", negotiated())
    summary = json.loads((tmp_path / "alone" / "summary.json").read_text())
    assert all(figures["counts"]["unexplained_vehicles"] > 0 for figures in summary.values())
    assert run(tmp_path / "spread", negotiated(), scheduler=Places("ab", {25: "a"})) == alone


def test_a_fleet_of_one_block_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"strategies": ["two_level", "three_level"], "hours": 3}
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 60)
    pool = Places("ab", {1: "a"})
    assert run(tmp_path / "spread", changes, scheduler=pool) == run(tmp_path / "alone", changes)
    assert pool.asked == 0


@pytest.mark.slow
def test_a_run_goes_on_with_workers_or_without_them(tmp_path: Path) -> None:
    changes = {"record.welfare": True}
    alone = run(tmp_path / "alone", changes)
    pool = Places("abcd", {12: "a", 30: "B", 41: "c"})
    assert run(tmp_path / "spread", changes, scheduler=pool) == alone
    assert pool.names == ["d"]
    for first, then in ((None, HerePool()), (Places("ab", {}), None), (HerePool(), HerePool())):
        directory = tmp_path / f"{type(first).__name__} {type(then).__name__}"
        with pytest.raises(Stop):
            run(directory, changes, progress=stopping_at(5), scheduler=first)
        resume_run(directory, scheduler=then)
        assert content(directory) == alone


CASES: dict[str, dict[str, Any]] = {
    "losses": WORLDS["with losses"],
    "short steps, drawn trips": {**WORLDS["short steps"], "hours": 6},
    "groups, departures": WORLDS["groups"],
    "all strategies": {
        "strategies": ["typical", "two_level", "three_level", "planner"], "hours": 26,
        "record.welfare": True, "record.vehicles": 20,
    },
    "a grid of prices": {"game.solver": "grid"},
    "feeders fail": {
        "chance.feeder_outages": {"mean_time_between_failures_h": 10, "mean_time_to_repair_h": 2},
        "hours": 30,
    },
    "states stay": {"record.states": "all", "record.vehicles": "none", "record.burn_in_h": 3},
    "years": {"start": "2024-12-31T12:00", "hours": 30},
    "elastic loads": {
        f"communities.{name}.members.0.elasticity": ELASTICITY for name in ("homes", "offices")
    } | {"record.welfare": True},
}  # fmt: skip


# Departures are wanted with curves alone, and a grid is no negotiation.
NEGOTIATED = [name for name in CASES if name not in ("groups, departures", "a grid of prices")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bids"),
    [(name, "prices") for name in NEGOTIATED]
    + [(name, "curves") for name in (*NEGOTIATED, "groups, departures")],
)
def test_whatever_may_be_spread_is_negotiated_to_the_same_bits(
    name: str, bids: str, tmp_path: Path
) -> None:
    changes = {**CASES[name], "game.solver": "negotiate", "game.bids": bids}
    alone = run(tmp_path / "alone", changes)
    pool = Places("ab", {20: "a"})
    assert run(tmp_path / "spread", changes, scheduler=pool) == alone
    assert pool.traffic.rebuilt


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_whatever_may_be_spread_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", CASES[name])
    pool = Places("ab", {20: "a"})
    assert run(tmp_path / "spread", CASES[name], scheduler=pool) == alone
    assert pool.traffic.rebuilt


def test_all_that_cannot_be_spread_is_named_at_once() -> None:
    changes = {
        "game.solver": "closed_form",
        "messages": {"loss_rate": 0.1, "latency_h": 0.1, "keep": "all"},
        "record": {"sessions": True, "events": True, "accounts": "all"},
        "chance.charger_outages": {"mean_time_between_failures_h": 9, "mean_time_to_repair_h": 3},
        "communities.offices.chargers": {"count": 5}, "vehicles.plug_in": "at_home",
        "growth.vehicles_per_year": 0.1, "travel": {**TRAVEL, "charge_on_the_way": {}},
        "vehicles.behaviour": "typical",
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        spread_over(make_setting(load_scenario("three-communities", changes)), HerePool())
    places = {problem.place for problem in caught.value.problems}
    assert {
        "game.solver", "messages.loss_rate", "messages.latency_h", "messages.keep",
        "record.sessions", "record.events", "record.accounts", "chance.charger_outages",
        "communities.offices.chargers", "vehicles.plug_in", "growth",
        "travel.charge_on_the_way", "behaviours",
    } <= places  # fmt: skip
    assert all(problem.allowed for problem in caught.value.problems)


def test_a_scenario_without_vehicles_has_nothing_to_spread() -> None:
    with pytest.raises(InputError, match="nobody whose rows workers can hold"):
        spread_over(make_setting(load_scenario("smart-home")), HerePool())


def test_a_question_put_twice_is_acted_on_once() -> None:
    class Counter:
        def __init__(self, *about: Any) -> None:
            self.total = 0

        def add(self, number: int) -> int:
            self.total += number
            return self.total

    held = holder.Holder(Counter, None)
    held.begin(["world"], {0: None, 1: None})
    assert held.ask("world", [0, 1], 1, ("add", (3,))) == [3, 3]
    assert held.ask("world", [0], 1, ("add", (3,))) == [3]
    with pytest.raises(LookupError):
        held.ask("world", [0], 3, ("add", (3,)))
    with pytest.raises(LookupError):
        held.ask("world", [2], 1, ("add", (3,)))
    held.rebuild("world", 1, 0, None, [("add", (4,)), ("add", (5,))])
    assert held.ask("world", [1], 3, ("add", (1,))) == [10]


def test_without_dask_it_is_reported_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=re.escape("pip install 'hmesh[cluster]'")):
        run(tmp_path / "new", {}, scheduler="tcp://127.0.0.1:1")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_scheduler_that_nobody_answers_for_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1"):
        run(tmp_path / "new", {}, scheduler="tcp://127.0.0.1:1")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["exact", "negotiate"])
def test_a_worker_killed_in_mid_run_changes_no_bit_and_the_audit_passes(
    cluster: Any, tmp_path: Path, solver: str
) -> None:
    from hmesh.runs.audits.run_audit import audit_run

    changes = {"hours": 30, "record.welfare": True, "game.solver": solver}
    alone = run(tmp_path / "alone", changes)
    pool = DaskPool(cluster.scheduler_address)
    killed = []

    def kill_one(done: int, total: int) -> None:
        if done == 11:
            killed.append(psutil.Process(pids[pool._place[0]]))
            killed[0].kill()

    pids = pool._client.run(_own_pid)
    try:
        spread = run(tmp_path / "spread", changes, progress=kill_one, scheduler=pool)
    finally:
        pool.close()
    assert killed
    assert spread == alone
    assert pool.traffic.rebuilt
    assert audit_run(tmp_path / "spread").passed
    summary = json.loads((tmp_path / "spread" / "summary.json").read_text())
    assert set(summary) == {"typical", "two_level", "three_level"}


@pytest.mark.slow
def test_runs_of_a_sweep_spread_one_by_one_are_those_side_by_side(
    cluster: Any, tmp_path: Path
) -> None:
    def swept(name: str, seeds: int, **options: Any) -> tuple[bool, bytes]:
        changes, directory = BASE | {"hours": 3}, tmp_path / name
        made = run_sweep(
            "three-communities", {}, directory, seeds=seeds, changes=changes, **options
        )
        return made.spread, (directory / "runs.csv").read_bytes()

    address = cluster.scheduler_address
    alone = swept("plain", 2, workers=1)
    assert swept("spread", 2, scheduler=address, spread=True) == (True, alone[1])
    # Two runs keep two workers busy side by side, one run of several blocks does so spread.
    assert not swept("beside", 2, scheduler=address)[0]
    assert swept("one", 1, scheduler=address)[0]
    assert not swept("one beside", 1, scheduler=address, spread=False)[0]


@pytest.mark.parametrize(
    ("changes", "runs", "processes", "spread"),
    [
        # Five blocks of sixty vehicles.
        ({}, 2, 8, True),
        ({}, 5, 8, False),
        ({}, 4, 4, False),
        ({}, 1, 1, False),
        ({"vehicles.count": 12}, 1, 8, False),
        ({"messages.latency_h": 0.1, "game.solver": "negotiate"}, 2, 8, False),
    ],
)
def test_runs_are_spread_where_that_keeps_more_of_a_cluster_busy(
    changes: dict[str, Any], runs: int, processes: int, spread: bool
) -> None:
    given = [f"{key}={value}" for key, value in (BASE | changes).items()]
    plan = make_plan("three-communities", [], runs, given, "grid", None, [])
    assert spreads(plan.runs, processes) == spread


def _own_pid() -> int:
    import os

    return os.getpid()


@pytest.mark.slow
def test_a_run_that_has_lost_every_worker_ends_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    from hmesh.runs.spread import dask_pool

    monkeypatch.setattr(dask_pool, "WAIT_S", 2.0)
    alone = run(tmp_path / "alone", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster:

            def lose_all(done: int, total: int) -> None:
                if done == 6:
                    cluster.scale(0)

            with pytest.raises(InputError, match=r"every worker of .* was lost"):
                run(
                    tmp_path / "spread", {}, progress=lose_all,
                    scheduler=cluster.scheduler_address,
                )  # fmt: skip
    resume_run(tmp_path / "spread")
    assert content(tmp_path / "spread") == alone
