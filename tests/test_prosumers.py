from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.markets.household_connection import excess_kwh, share_room
from hmesh.runs import Run, resume_run
from hmesh.runs.audits.run_audit import audit_run
from hmesh.runs.scenarios.prosumer_parts import owners
from hmesh.runs.scenarios.resolved_scenario import scenario_hash
from hmesh.runs.scenarios.scenario import Scenario
from tests.interrupted_runs import interrupted_run
from tests.prosumer_runs import (
    HOUSE,
    HOUSEHOLDS,
    PIONEERS,
    prosumers,
    run_of,
    scenario_of,
)


@given(seed=st.integers(0, 10_000))
def test_no_answers_within_shared_room_exceed_a_connection(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, parts = 4, 9
    least = rng.normal(0, 3, count)
    most = least + rng.uniform(0, 1, count)
    limit = np.where(rng.random(count) < 0.2, np.inf, rng.uniform(0.1, 4, count))
    who = rng.integers(-1, count, parts)
    lower, upper = -rng.uniform(0, 3, parts), rng.uniform(0, 3, parts)
    low, high = share_room(least, most, limit, who, lower, upper)
    assert (low >= lower).all()
    assert (low <= 0).all()
    assert (high <= upper).all()
    assert (high >= 0).all()
    own = who >= 0
    assert (low[~own] == lower[~own]).all()
    assert (high[~own] == upper[~own]).all()
    # Whatever they answer, and whatever else is drawn in between.
    for _ in range(5):
        answer = rng.uniform(low, high)
        drawn = rng.uniform(least, most) + np.bincount(who[own], answer[own], count)
        assert (drawn <= np.maximum(limit, most) + 1e-12).all()
        assert (drawn >= np.minimum(-limit, least) - 1e-12).all()
    # And no room is left unused that all parts together could use.
    room = np.maximum(limit - most, 0.0)
    wanted = np.bincount(who[own], upper[own], count)
    given_kwh = np.bincount(who[own], high[own], count)
    assert given_kwh == pytest.approx(np.minimum(room, wanted))


def test_the_room_is_shared_in_proportion() -> None:
    low, high = share_room(
        np.array([1.0]), np.array([1.0]), np.array([3.0]), np.array([0, 0]),
        np.array([-2.0, -6.0]), np.array([1.0, 3.0]),
    )  # fmt: skip
    assert high.tolist() == [0.5, 1.5]
    assert low.tolist() == [-1.0, -3.0]
    assert excess_kwh(np.array([4.0, -3.5, 1.0]), np.array([3.0] * 3)).tolist() == [1.0, 0.5, 0.0]


def test_they_own_what_their_own_stream_draws() -> None:
    few, many = scenario_of(), scenario_of("communities.suburb.members.1.count=30")
    for key in ("house", "home"):
        some, more = (
            owners(s.seed, "suburb", s.communities["suburb"].members[1], key) for s in (few, many)
        )
        assert some.tolist() == more[more < 10].tolist()
        assert 0 < len(some) < 10
    house = owners(few.seed, "suburb", few.communities["suburb"].members[1], "house")
    assert few.composite_storage.groups[0].count == len(house)


def test_a_scenario_is_read_back_as_it_was() -> None:
    scenario = scenario_of()
    resolved = scenario.resolved()
    assert [group["name"] for group in resolved["composite_storage"]["groups"]] == ["pioneers"]
    again = Scenario.from_resolved(resolved)
    assert again == scenario
    assert scenario_hash(again.resolved()) == scenario_hash(resolved)


WRONG = {
    "communities.suburb.members.1.owns={hose: {}}": "nothing that prosumers may own is called",
    "communities.suburb.members.1.owns.house.share=1.5": "1.5 is not allowed",
    "communities.suburb.members.1.owns.house.coal=1": "there is no key 'coal'",
    "communities.suburb.members.1.owns.house.heat=1": "owns.house.heat: 1 is not allowed",
    "communities.suburb.members.1.owns.home.storages=[]": "owns.home.storages: the home has no",
    "communities.suburb.members.1.owns=3": "owns: 3 is not allowed",
    "communities.suburb.members.1.kind=prosumers": "household, building, prosumer",
    "smart_homes=null": "smart_homes: is missing, and prosumers of suburb own a home",
    "composite_storage.groups=[{name: pioneers, community: suburb}]": "prosumers of suburb are",
}


@pytest.mark.parametrize("change", WRONG)
def test_what_is_wrong_is_named(change: str) -> None:
    with pytest.raises(InputError) as refused:
        scenario_of(change)
    assert WRONG[change] in str(refused.value)


def test_those_who_use_and_own_nothing_are_refused() -> None:
    nothing = {"kind": "prosumer", "name": "nobody"}
    with pytest.raises(InputError, match="they use and own nothing"):
        scenario_of(members=[nothing])


@pytest.fixture(scope="module")
def run() -> Run:
    return prosumers()


def test_the_audit_finds_account_connection_and_answers_again(run: Run) -> None:
    report = audit_run(run.directory)
    assert report.passed, report.failed
    made = {check.name for check in report.checks if check.passed}
    assert {
        "prosumers: parts trade as their schemes have it",
        "prosumers: account and connection are those of all parts",
        "prosumers: stores answer with the room of their connections",
        "accounts: each member pays for its own energy",
    } <= made


def test_one_account_holds_what_all_parts_pay(run: Run) -> None:
    parts = run.table("prosumer_parts").to_pandas()
    accounts = run.table("accounts").to_pandas()
    ledger = run.table("ledger").to_pandas()
    for strategy in run.summary:
        mine = accounts[(accounts.kind == "prosumers") & (accounts.strategy == strategy)]
        assert len(mine) == 10
        added = parts[parts.strategy == strategy].groupby("prosumer")[["paid", "received"]].sum()
        assert mine.paid.to_numpy() == pytest.approx(added.paid.to_numpy(), rel=1e-9)
        bills = ledger[(ledger.payer == "prosumers@suburb") & (ledger.strategy == strategy)]
        assert bills.amount.sum() == pytest.approx((mine.paid - mine.received).sum(), rel=1e-9)
        # Nobody else has a house or a home, so that their parties are left with nothing.
        parties = run.summary[strategy]["accounts"]["parties"]
        assert parties["houses@suburb"] == pytest.approx(0.0, abs=1e-6)
        assert set(accounts.kind) == {"households", "buildings", "prosumers"}
        assert run.summary[strategy]["money_imbalance"] == 0.0


@pytest.mark.slow
def test_answers_keep_connections_that_would_be_exceeded(run: Run) -> None:
    wide = prosumers("communities.suburb.members.1.connection_kw=null")
    over = {
        name: each.table("prosumers")
        .to_pandas()
        .query("strategy == 'everybody_shares'")
        .connection_kwh.abs()
        > 2.0 + 1e-9
        for name, each in (("wide", wide), ("kept", run))
    }
    counts = run.summary["everybody_shares"]["counts"]
    assert over["kept"].sum() == counts["prosumer_connections_exceeded"]
    # Loads, heat pumps and photovoltaics alone may exceed it, what answers to a price never does.
    assert over["kept"].sum() < over["wide"].sum()
    answered = [
        each.summary["everybody_shares"]["house_response_charged_kwh"] for each in (run, wide)
    ]
    assert answered[0] < answered[1]


@pytest.mark.slow
def test_prices_move_what_they_draw(run: Run) -> None:
    peak_price = prosumers("generation_cost.linear=25")
    drawn = [
        each.table("prosumers").to_pandas().query("strategy == 'everybody_shares'").connection_kwh
        for each in (run, peak_price)
    ]
    assert np.abs(drawn[0].to_numpy() - drawn[1].to_numpy()).max() > 0.1


ONE_PART = {"kind": "prosumer", "name": "houses", "count": 4, "owns": {"house": HOUSE}}


def test_a_prosumer_with_a_house_alone_is_that_house() -> None:
    households = HOUSEHOLDS | {"profile": "h0"}
    changes = ("smart_homes=null", "hours=4", "strategies=[everybody_shares]")
    composed = run_of(scenario_of(*changes, members=[households, ONE_PART]))
    group = {"name": "houses", "community": "suburb", "count": 4, **HOUSE}
    alone = run_of(
        scenario_of(*changes, f"composite_storage.groups={[group]}", members=[households])
    )
    columns = ["import_kwh", "export_kwh", "stored_kwh", "tank_kwh"]
    for table in ("house_steps", "hours"):
        one, other = (each.table(table).to_pandas() for each in (composed, alone))
        for column in set(columns) & set(one.columns) | set(one.columns) & {"net_kwh"}:
            assert one[column].to_numpy() == pytest.approx(other[column].to_numpy(), abs=1e-12)
    for strategy in composed.summary:
        accounts: list[Any] = []
        for each, kind in ((composed, "prosumers"), (alone, "houses")):
            rows = each.table("accounts").to_pandas()
            accounts.append(rows[(rows.kind == kind) & (rows.strategy == strategy)])
        for column in ("bought_kwh", "sold_kwh", "paid", "received", "stored_change_kwh"):
            one, other = (each[column].to_numpy() for each in accounts)
            assert one == pytest.approx(other, rel=1e-12, abs=1e-12), column


@pytest.mark.slow
def test_the_order_of_groups_changes_nobody() -> None:
    settlers = PIONEERS | {"name": "settlers", "count": 4}
    first, second = (
        run_of(scenario_of("hours=6", members=members))
        for members in ([PIONEERS, settlers], [settlers, PIONEERS])
    )
    columns = ["step", "strategy", "prosumer", "connection_kwh", "paid", "received"]
    one, other = (each.table("prosumers").to_pandas()[columns] for each in (first, second))
    other["prosumer"] = (other.prosumer + 10) % 14
    keys = ["step", "strategy", "prosumer"]
    both = one.merge(other, on=keys, suffixes=("", "_other"))
    assert len(both) == len(one)
    for column in columns[3:]:
        assert both[column].to_numpy() == pytest.approx(
            both[f"{column}_other"].to_numpy(), rel=1e-9, abs=1e-9
        )


@pytest.mark.slow
def test_a_resumed_run_has_the_same_bits(run: Run, tmp_path: Any) -> None:
    folder = interrupted_run(tmp_path / "interrupted", 7, scenario_of())
    resume_run(folder)
    names = ("prosumers", "prosumer_parts", "accounts", "ledger", "hours")
    for name in names:
        resumed = (folder / f"{name}.parquet").read_bytes()
        assert resumed == (run.directory / f"{name}.parquet").read_bytes(), name
