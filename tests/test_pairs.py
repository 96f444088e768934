"""Strategies of several schemes at once, and which pairs of schemes help or hinder each other."""

import csv
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run
from hmesh.runs.command_line import app
from hmesh.runs.pairs import EVERYBODY, NOBODY, finding_of, interactions, pair_strategies, rows_of
from hmesh.runs.strategy_names import joint, parts_of, strategy_name, strategy_within
from tests.store_answer_runs import ON, scenario, simulated

SINGLES = ("shared_battery", "optimal_energy_price", "three_level")
SMALL = (
    "hours=26", "vehicles.count=20", "smart_homes.groups.0.count=2",
    "composite_storage.groups.0.count=2", "communities.homes.members.0.count=20",
    "school_buses.groups.0.schools=2", "school_buses.groups.0.buses=2",
)  # fmt: skip


def totals(cost: float, peak: float) -> dict[str, Any]:
    """Return a summary of one strategy: what generation costs, the peak, and a bill."""
    kinds = {"households": {"balance": -2.0 * cost}, "vehicles": {"stored_value": 0.0}}
    accounts = {"kinds": kinds, "communities": {"homes": {"households": -2.0 * cost}}}
    return {"generation_cost": cost, "peak_kw": peak, "accounts": accounts}


def made(extra: dict[tuple[str, ...], float]) -> dict[str, Any]:
    """Return the summary of a run in which schemes save 1, 2 and 4, and groups of them more."""
    saved = dict(zip(SINGLES, (1.0, 2.0, 4.0), strict=True))

    def cost(names: tuple[str, ...]) -> float:
        more = sum(value for group, value in extra.items() if set(group) <= set(names))
        return 100.0 - sum(saved[name] for name in names) - more

    summary = {NOBODY: totals(cost(()), 50.0), EVERYBODY: totals(cost(SINGLES), 40.0)}
    for count in (1, 2):
        for names in combinations(SINGLES, count):
            summary[joint(names)] = totals(cost(names), 50.0 - count)
    return summary


def test_schemes_that_only_add_up_have_no_interaction() -> None:
    cost, welfare, peak, bills = interactions(made({}))
    np.testing.assert_allclose(cost.alone, [-1.0, -2.0, -4.0])
    for each in (cost, welfare, peak, bills):
        np.testing.assert_allclose(each.pairs, 0.0, atol=1e-12)
    assert cost.together == pytest.approx(-7.0)
    assert finding_of(cost) == "no pair of schemes changes the generation cost of another"


def test_what_a_pair_does_more_is_found_with_its_sign() -> None:
    helping, hindering = ("shared_battery", "three_level"), ("optimal_energy_price", "three_level")
    cost, welfare, _, bills = interactions(made({helping: 3.0, hindering: -0.5}))
    assert cost.pairs[0, 2] == cost.pairs[2, 0] == pytest.approx(-3.0)
    assert cost.pairs[1, 2] == pytest.approx(0.5)
    assert cost.pairs[0, 1] == 0.0
    np.testing.assert_allclose(welfare.pairs, -cost.pairs)
    np.testing.assert_allclose(bills.pairs, 2.0 * cost.pairs)
    for each in (cost, welfare, bills):
        helps, hinders = each.extreme(1.0), each.extreme(-1.0)
        assert helps is not None
        assert hinders is not None
        assert helps[:2] == (0, 2)
        assert hinders[:2] == (1, 2)
    rows = {row["schemes"]: row for row in rows_of([cost])}
    assert rows[joint(helping)]["generation_cost"] == pytest.approx(-1.0 - 4.0 - 3.0)
    assert rows[EVERYBODY]["generation_cost_interaction"] == pytest.approx(-2.5)


def test_a_run_that_lacks_a_pair_is_refused() -> None:
    summary = made({})
    del summary[joint(SINGLES[:2])]
    with pytest.raises(InputError, match=r"does not compare shared_battery\+optimal_energy_price"):
        interactions(summary)


def test_pairs_are_those_of_schemes_that_take_part() -> None:
    names = pair_strategies(scenario())
    assert names[0] == NOBODY
    assert names[-1] == EVERYBODY
    assert len(names) == 1 + 4 + 6 + 1
    with pytest.raises(InputError, match="no pairs of schemes"):
        pair_strategies(load_scenario("three-communities"))


def test_a_joint_strategy_is_each_of_its_parts_and_nobodys_besides() -> None:
    name = joint(("three_level", "shared_battery"))
    assert name == "shared_battery+three_level"
    assert parts_of(name) == ("shared_battery", "three_level")
    assert strategy_within("vehicles", name) == "three_level"
    assert strategy_within("battery_sharing", name) == "shared_battery"
    assert strategy_within("school_buses", name) == "charge_after_use"
    assert strategy_name(name) == " and ".join(map(strategy_name, parts_of(name)))
    given = load_scenario("one-city", ["strategies=[nobody_shares, three_level+shared_battery]"])
    assert given.strategies == ("nobody_shares", name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shared_batery+three_level", "'shared_batery' in .*shared_battery"),
        ("two_level+three_level", "two strategies of one scheme"),
        ("nobody_shares+three_level", "'nobody_shares' in 'nobody_shares\\+three_level'"),
        ("three_level+", "'' in 'three_level\\+'"),
    ],
)
def test_what_is_no_joint_strategy_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_scenario("one-city", {"strategies": ["nobody_shares", name]})


def test_all_parts_joined_are_everybody_sharing() -> None:
    parts = pair_strategies(scenario())[1:5]
    one, other = simulated(*ON, "hours=8", strategy=joint(parts)), simulated(*ON, "hours=8")
    for name, energies in other[0].items():
        np.testing.assert_array_equal(one[0][name], energies)
    assert one[1]["generation_cost"] == other[1]["generation_cost"]


@pytest.mark.slow
def test_the_command_runs_audits_and_draws_all_pairs(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    changes = [part for change in SMALL for part in ("--set", change)]
    found = CliRunner().invoke(app, ["pairs", "one-city", *changes, "--out", str(folder)])
    assert found.exit_code == 0, found.output
    assert "with nobody sharing" in found.output
    run = read_run(folder)
    assert len(run.summary) == 1 + 6 + 15 + 1
    assert audit_run(folder).passed
    assert (folder / "pairs.png").stat().st_size > 10_000
    rows = list(csv.DictReader((folder / "pairs.csv").read_text(encoding="utf-8").splitlines()))
    assert sorted(row["schemes"] for row in rows) == sorted(run.summary)
    cost = interactions(run.summary)[0]
    # Prices of the game leave schools less to sell, and none of them acts as without it.
    assert np.abs(cost.pairs).max() > 0.0
    again = CliRunner().invoke(app, ["pairs", str(folder)])
    assert again.exit_code == 0
    shutil.rmtree(folder)
