"""Accounts of parties and members: they close, add up, and do not depend on how a run was made."""

import math
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.runs import Run, audit_run, load_scenario, read_run, resume_run, start_run
from tests.account_runs import SMALL, city
from tests.interrupted_runs import interrupted_run
from tests.quick_cases import quick
from tests.test_audit_tampering import edit, otherwise

EXACT = 1e-9
CONSUMERS = ("consumers", "batteries")
MEMBERS = ("households", "buildings", "homes", "houses", "schools", "vehicles", "prosumers")


def accounts(run: Run, strategy: str) -> dict[str, Any]:
    """Return the accounts of a strategy."""
    found: dict[str, Any] = run.summary[strategy]["accounts"]
    return found


def size(balances: Mapping[str, float]) -> float:
    """Return how much money is moved at all."""
    return sum(map(abs, balances.values()))


@pytest.mark.parametrize("strategy", ["nobody_shares", "everybody_shares"])
def test_money_closes_over_all_parties_and_over_all_kinds(strategy: str) -> None:
    held = accounts(city(), strategy)
    parties = held["parties"]
    assert abs(math.fsum(parties.values())) <= EXACT * size(parties)
    kinds = {kind: figures["balance"] for kind, figures in held["kinds"].items()}
    assert abs(math.fsum(kinds.values())) <= EXACT * size(parties)
    for name, there in held["communities"].items():
        due = math.fsum(b for party, b in parties.items() if party.endswith(f"@{name}"))
        assert math.fsum(there.values()) == pytest.approx(due, abs=EXACT * size(parties))


@pytest.mark.parametrize("strategy", ["nobody_shares", "everybody_shares"])
def test_parties_are_what_the_ledger_has(strategy: str) -> None:
    ledger = city().table("ledger").to_pylist()
    due: defaultdict[str, list[float]] = defaultdict(list)
    for row in ledger:
        if row["strategy"] == strategy:
            due[row["payee"]].append(row["amount"])
            due[row["payer"]].append(-row["amount"])
    reported = accounts(city(), strategy)["parties"]
    assert reported.keys() == due.keys()
    for party, terms in due.items():
        assert reported[party] == pytest.approx(math.fsum(terms), rel=EXACT, abs=EXACT)


@pytest.mark.parametrize("strategy", ["nobody_shares", "everybody_shares"])
def test_members_together_are_their_kind(strategy: str) -> None:
    held = accounts(city(), strategy)
    rows = [row for row in city().table("accounts").to_pylist() if row["strategy"] == strategy]
    assert {row["kind"] for row in rows} == set(MEMBERS)
    for kind in MEMBERS:
        own = [row for row in rows if row["kind"] == kind]
        assert [row["member"] for row in own] == list(range(len(own)))
        balance = math.fsum(row["received"] - row["paid"] for row in own)
        figures = held["kinds"][kind]
        assert balance == pytest.approx(figures["balance"], rel=EXACT, abs=1e-6)
        stored = math.fsum(row["stored_change_kwh"] for row in own)
        assert stored == pytest.approx(figures.get("stored_change_kwh", 0.0), abs=1e-9)
    parties = held["parties"]
    due = sum(b for party, b in parties.items() if party.partition("@")[0] in CONSUMERS)
    both = held["kinds"]["households"]["balance"] + held["kinds"]["buildings"]["balance"]
    assert both == pytest.approx(due, rel=EXACT)


def test_one_household_is_its_part_of_the_group() -> None:
    """Where households are alike and nothing is drawn, each pays a share of what all pay."""
    calm = (
        "chance.demand_noise.household=null",
        "strategies=[nobody_shares, three_level]",
        "hours=8",
    )
    rows = city(*calm).table("accounts").to_pylist()
    for strategy in ("nobody_shares", "three_level"):
        kinds = accounts(city(*calm), strategy)["communities"]
        own = [
            row
            for row in rows
            if (row["strategy"], row["kind"]) == (strategy, "households")
            and row["community"] == "homes"
        ]
        assert len(own) == 8
        for row in own:
            assert row["paid"] - row["received"] == pytest.approx(
                -kinds["homes"]["households"] / 8, rel=EXACT
            )


def test_a_first_strategy_saves_nothing_and_others_are_compared_with_it() -> None:
    first, *others = city().summary
    for strategy in city().summary:
        members = accounts(city(), strategy)["members"]
        assert members["count"] == sum(each["count"] for each in members["kinds"].values())
    ordered = list(read_run(city().directory).info["scenario"]["strategies"])
    reported = accounts(city(), ordered[0])["members"]
    assert reported["gini_savings"] is None
    assert reported["worse_off"] == 0.0
    assert 0.0 < accounts(city(), "everybody_shares")["members"]["worse_off"] <= 1.0
    assert {first, *others} == set(ordered)


@pytest.mark.slow
def test_the_order_of_strategies_changes_comparisons_alone() -> None:
    turned = city("strategies=[everybody_shares, nobody_shares]")
    straight = city()
    for strategy in ("nobody_shares", "everybody_shares"):
        one, other = accounts(turned, strategy), accounts(straight, strategy)
        assert one["parties"] == other["parties"]
        assert one["communities"] == other["communities"]
        assert one["stored_price"] != other["stored_price"]
    better = accounts(turned, "nobody_shares")["members"]["kinds"]["households"]["worse_off"]
    worse = accounts(straight, "everybody_shares")["members"]["kinds"]["households"]["worse_off"]
    assert better == pytest.approx(1.0 - worse)


@pytest.mark.slow
def test_households_may_be_numbered_otherwise() -> None:
    """Two groups in another order: each household has the account it had."""
    calm = (
        "chance.demand_noise.household=null",
        "strategies=[nobody_shares, three_level]",
        "hours=8",
    )
    groups = (
        "{kind: household, name: small, count: 3, annual_kwh: 2000, profile: h0}",
        "{kind: household, name: large, count: 2, annual_kwh: 7000, profile: h0}",
    )
    bills = []
    for order in (groups, groups[::-1]):
        run = city(*calm, f"communities.homes.members=[{', '.join(order)}]")
        rows = run.table("accounts").to_pylist()
        own = [
            row["paid"]
            for row in rows
            if (row["strategy"], row["kind"]) == ("three_level", "households")
            and row["community"] == "homes"
        ]
        bills.append((sorted(own), accounts(run, "three_level")["members"]["gini_bills"]))
    np.testing.assert_allclose(bills[0][0], bills[1][0], rtol=EXACT)
    assert bills[0][1] == pytest.approx(bills[1][1], rel=EXACT)


@pytest.mark.slow
def test_resumed_is_uninterrupted(tmp_path: Path) -> None:
    """Across New Year, so that accounts of both years are written, and sums begin again."""
    start = ("start='2022-12-31T10:00'", "hours=20", "vehicles.count=4")
    start += ("school_terms={terms: [['2022-12-20', '2023-03-24']]}",)
    scenario = load_scenario("one-city", [*SMALL, *start])

    resume_run(interrupted_run(tmp_path / "broken", 9, scenario))
    start_run(scenario, tmp_path / "whole")
    for name in ("accounts.parquet", "summary.json"):
        broken, whole = (tmp_path / folder / name for folder in ("broken", "whole"))
        assert broken.read_bytes() == whole.read_bytes(), name
    rows = read_run(tmp_path / "whole").table("accounts").to_pylist()
    assert {row["year"] for row in rows} == {2022, 2023}
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed


@pytest.mark.slow
def test_fewer_accounts_change_no_other_figure() -> None:
    every = city()
    for kept in ("kinds", "none"):
        fewer = city(f"record.accounts={kept}")
        assert not (fewer.directory / "accounts.parquet").exists()
        for strategy, figures in every.summary.items():
            reported = fewer.summary[strategy]
            assert {**reported, "accounts": 0} == {**figures, "accounts": 0}
            if kept == "none":
                assert "accounts" not in reported
                continue
            for part in ("parties", "stored_price"):
                assert reported["accounts"][part] == figures["accounts"][part]
            assert "members" not in reported["accounts"]
            for kind, due in figures["accounts"]["kinds"].items():
                assert reported["accounts"]["kinds"][kind] == pytest.approx(
                    due, rel=EXACT, abs=1e-6
                )
        report = audit_run(fewer.directory)
        assert report.passed, report.failed


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    "column",
    quick(
        ["kind", "community", "paid", "stored_change_kwh"],
        [
            "year",
            "kind",
            "member",
            "community",
            "bought_kwh",
            "paid",
            "received",
            "stored_change_kwh",
        ],
    ),
)
def test_a_changed_account_fails_the_audit(tmp_path: Path, column: str) -> None:
    directory = shutil.copytree(city().directory, tmp_path / "run")
    rows = city().table("accounts").to_pylist()
    chosen = next(
        n for n, row in enumerate(rows) if row["kind"] == "households" and n > len(rows) // 2
    )
    wrong = otherwise(rows[chosen][column], [row[column] for row in rows])
    edit(directory, "accounts", column, lambda n, value: wrong if n == chosen else value)
    report = audit_run(directory)
    assert not report.passed
    assert any(
        "accounts" in f"{check.name} {check.note}" for check in report.checks if not check.passed
    )


def test_the_audit_of_untouched_accounts_passes() -> None:
    report = audit_run(city().directory)
    assert report.passed, report.failed
    outcome = {check.name: check.passed for check in report.checks}
    assert outcome["accounts: members have paid what their parties have"]
    assert outcome["accounts: each member pays for its own energy"]
