"""Accounts of members whose load answers to prices: each pays for what it used, and no more."""

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.runs import audit_run, load_scenario, read_run, start_run
from tests.account_runs import city
from tests.test_audit_tampering import edit

EXACT = 1e-9
EACH = "accounts: each member pays for its own energy"
ELASTIC = {"value": 0.4, "reference_price": 30.0, "lower_share": 0.6, "upper_share": 1.3}
FEW: dict[str, Any] = {
    "strategies": ["typical", "three_level"],
    "hours": 3,
    "start": "2023-01-16T06:00",
    "vehicles.count": 20,
    "communities.homes.members.0.count": 12,
    "communities.malls.members.0.annual_kwh": 2e5,
    "communities.offices.members.0.annual_kwh": 2e5,
    "communities.homes.members.0.elasticity": ELASTIC,
    "communities.malls.members.0.elasticity": ELASTIC,
    "chance.demand_noise": {"household": {"sigma": 0.5, "correlation_h": 2}},
    "record.accounts": "all",
    "game.solver": "exact",
    "plots": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("answering") / "run"
    start_run(load_scenario("three-communities", FEW), directory)
    return directory


def test_the_account_of_every_elastic_load_is_audited(folder: Path) -> None:
    checks = {check.name: check for check in audit_run(folder).checks}
    assert all(check.passed is not False for check in checks.values())
    assert checks[EACH].passed
    assert checks[EACH].note == ""


def test_a_member_pays_its_price_for_what_it_uses_at_it(folder: Path) -> None:
    """Malls are alike, and nothing of them is drawn: all use the same share of their load."""
    run = read_run(folder)
    loads: defaultdict[str, dict[int, float]] = defaultdict(dict)
    prices: dict[int, float] = {}
    for row in run.table("hours").to_pylist():
        if row["community"] == "malls":
            loads[row["strategy"]][row["step"]] = row["fixed_load_kwh"]
            if row["strategy"] == "three_level":
                prices[row["step"]] = row["community_price"]
    due = 0.0
    for step, price in prices.items():
        share = 1.0 - ELASTIC["value"] * (price / ELASTIC["reference_price"] - 1.0)
        share = float(np.clip(share, ELASTIC["lower_share"], ELASTIC["upper_share"]))
        used = share * loads["typical"][step]
        assert used == pytest.approx(loads["three_level"][step], rel=EXACT)
        due += price * used
    accounts = [
        row
        for row in run.table("accounts").to_pylist()
        if (row["strategy"], row["community"], row["kind"]) == ("three_level", "malls", "buildings")
    ]
    for row in accounts:
        assert row["paid"] == pytest.approx(due / len(accounts), rel=EXACT)


def test_money_moved_from_one_member_to_another_is_found(folder: Path, tmp_path: Path) -> None:
    """Their sum stays what their party has paid."""
    directory = shutil.copytree(folder, tmp_path / "run")
    rows = read_run(directory).table("accounts").to_pylist()
    pair = [
        n
        for n, row in enumerate(rows)
        if (row["strategy"], row["kind"]) == ("three_level", "households")
    ][:2]
    moved = dict(zip(pair, (0.01, -0.01), strict=True))
    edit(directory, "accounts", "paid", lambda row, paid: paid + moved.get(row, 0.0))
    assert EACH in audit_run(directory).failed


@pytest.mark.slow
def test_in_a_city_in_which_everybody_answers_every_account_is_audited() -> None:
    checks = {check.name: check for check in audit_run(city().directory).checks}
    assert checks[EACH].passed
    assert checks[EACH].note == ""
    parties = city().summary["everybody_shares"]["accounts"]["parties"]
    assert not [party for party in parties if party.startswith("buses@")]
    assert [party for party in parties if party.startswith("schools@")]
