"""Communities whose members share their surplus: energies, bills, ledger, audit, mistakes."""

import math
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hmesh.environment.errors import InputError
from hmesh.markets.local_exchange import LocalExchange, LocalPrices
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.world import local_settlement
from tests.account_runs import city
from tests.interrupted_runs import interrupted_run
from tests.local_exchange_runs import LOCAL, TERMS, terms, village, village_file
from tests.prosumer_runs import prosumers
from tests.quick_cases import quick
from tests.test_audit_tampering import edit, otherwise

EXACT = 1e-9
SHARED = [name for name in TERMS if name != "none"]


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    found: list[dict[str, Any]] = read_run(folder).table(table).to_pylist()
    return found


@pytest.mark.parametrize("name", quick(["equal"], TERMS))
def test_the_exchange_and_all_parties_close(name: str) -> None:
    received: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows(terms(name), "ledger"):
        received[row["payee"]].append(row["amount"])
        received[row["payer"]].append(-row["amount"])
    size = sum(abs(math.fsum(held)) for held in received.values())
    assert abs(math.fsum(received["local_exchange@village"])) <= EXACT * size
    assert abs(math.fsum(v for held in received.values() for v in held)) <= EXACT * size
    fee = math.fsum(received["grid_operator"])
    assert fee == pytest.approx(read_run(terms(name)).summary["typical"]["local_grid_fees"])
    assert (fee > 0.0) == (name == "equal")


@pytest.mark.parametrize("name", quick(["equal"], SHARED))
def test_nobody_pays_more_than_retail_or_gets_less_than_feed_in(name: str) -> None:
    """By what each member paid and received in all, whatever the key."""
    retail = {
        (row["step"], row["community"]): row["community_price"]
        for row in rows(terms(name), "hours")
    }
    feed_in = {row["step"]: row["feed_in_price"] for row in rows(terms(name), "local_exchange")}
    most: defaultdict[tuple[str, int], float] = defaultdict(float)
    least: defaultdict[tuple[str, int], float] = defaultdict(float)
    shared = 0.0
    for row in rows(terms(name), "local_members"):
        at, who = (row["step"], row["community"]), (row["kind"], row["member"])
        own = min(row["used_kwh"], row["generated_kwh"])
        surplus = row["generated_kwh"] - own
        most[who] += retail[at] * row["used_kwh"]
        least[who] += retail[at] * own + feed_in[row["step"]] * surplus
        shared += row["received_kwh"]
    assert shared > 1.0
    accounts = [row for row in rows(terms(name), "accounts") if row["community"] == "village"]
    assert {(row["kind"], row["member"]) for row in accounts} == set(most)
    for row in accounts:
        who = row["kind"], row["member"]
        assert row["paid"] <= most[who] * (1 + EXACT)
        assert row["received"] >= least[who] * (1 - EXACT)
    cheaper = [who for row in accounts if row["paid"] < most[who := (row["kind"], row["member"])]]
    assert len(cheaper) > 3


@pytest.mark.slow
def test_where_the_surplus_is_worth_the_retail_price_no_bill_changes() -> None:
    """Feed-in at the retail price leaves nothing between the two, as without any exchange."""
    same, without = (
        {(row["kind"], row["member"]): row for row in rows(village(f"{LOCAL}={text}"), "accounts")}
        for text in ("{feed_in_share: 1.0}", "null")
    )
    assert same.keys() == without.keys()
    for who, row in same.items():
        assert row["paid"] == pytest.approx(without[who]["paid"], rel=EXACT)
        assert row["received"] == pytest.approx(without[who]["received"], rel=EXACT, abs=EXACT)


@pytest.mark.slow
def test_aggregators_keep_what_is_fed_in_below_retail() -> None:
    """What members share changes their bills alone; fed in, it is the aggregator's."""
    totals = {
        name: read_run(village(f"{LOCAL}={text}")).summary["typical"]
        for name, text in (("off", "null"), ("none", "{allocation: none}"), ("need", "{}"))
    }
    margin = totals["none"]["aggregator_profit"] - totals["off"]["aggregator_profit"]
    assert margin == pytest.approx(totals["none"]["local_surplus_cost"], rel=EXACT)
    kept = totals["need"]["aggregator_profit"] - totals["off"]["aggregator_profit"]
    assert 0.0 < kept < margin
    for key in ("peak_kw", "generation_cost", "utility_profit", "fixed_load_kwh"):
        assert totals["off"][key] == totals["none"][key] == totals["need"][key]


def test_self_consumption_and_self_sufficiency_count_own_and_shared_energy() -> None:
    sums: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows(terms("need"), "local_exchange"):
        for name in ("own_kwh", "lack_kwh", "surplus_kwh", "received_kwh"):
            sums[name].append(row[name])
    own, lack, surplus, shared = (math.fsum(held) for held in sums.values())
    reported = read_run(terms("need")).summary["typical"]["local_exchange"]["village"]
    assert reported["self_consumption"] == pytest.approx(
        (own + shared) / (own + surplus), rel=EXACT
    )
    assert reported["self_sufficiency"] == pytest.approx((own + shared) / (own + lack), rel=EXACT)
    without = read_run(terms("none")).summary["typical"]["local_exchange"]["village"]
    assert without["self_consumption"] == pytest.approx(own / (own + surplus), rel=EXACT)
    assert reported["self_consumption"] > without["self_consumption"]


@pytest.mark.slow
def test_static_shares_follow_their_weights() -> None:
    """One that could take more than its share has one in proportion to its weight."""
    by_step: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(terms("static"), "local_members"):
        by_step[row["step"]].append(row)
    weight = {"roofs": 1.0, "flats": 3.0, "cottages": 1.0, "shop": 5.0}
    groups = ["roofs"] * 5 + ["flats"] * 4 + ["cottages"] * 2
    limited = 0
    for members in by_step.values():
        of = [weight[groups[r["member"]] if r["kind"] == "households" else "shop"] for r in members]
        offered = sum(max(r["generated_kwh"] - r["used_kwh"], 0.0) for r in members)
        for row, own in zip(members, of, strict=True):
            part = offered * own / sum(of)
            lack = max(row["used_kwh"] - row["generated_kwh"], 0.0)
            assert row["received_kwh"] == pytest.approx(min(part, lack), rel=EXACT, abs=1e-12)
            limited += part < lack
    assert limited > 10


@pytest.mark.parametrize("name", quick(["equal"], TERMS))
def test_the_audit_passes_by_table_and_by_scenario(name: str) -> None:
    for folder in (
        terms(name), village(f"{LOCAL}={TERMS[name]}", "record.local_members=false")
    ):  # fmt: skip
        report = audit_run(folder)
        assert report.passed, "\n".join(report.lines())
        made = {check.name: check for check in report.checks}
        assert made["local exchange: each member gets its share"].passed
        assert made["local exchange: members lack and give what they trade"].passed
        assert made["accounts: each member pays for its own energy"].note == ""


ODD = {
    "quarter hours": ("step_h=0.25", "hours=4", "start=2024-06-10T11:00"),
    "games and answers": (
        "strategies=[two_level, three_level]", "prices.without_vehicles=profit_max",
        "prices.time_of_use={on_peak: 0.3, off_peak: 0.2}",
        "communities.village.members.1.elasticity={value: 0.5, reference_price: 0.2}",
    ),
    "outages and losses": (
        "chance.feeder_outages={mean_time_between_failures_h: 5, mean_time_to_repair_h: 2}",
        "communities.village.feeder.loss_rate=0.05",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_the_audit_passes_in_odd_runs(name: str) -> None:
    folder = village(f"{LOCAL}={TERMS['need']}", *ODD[name])
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())
    assert sum(row["received_kwh"] for row in rows(folder, "local_exchange")) > 0.5


@pytest.mark.slow
def test_quarter_hours_of_one_hour_share_no_more_than_the_hour() -> None:
    """What is netted over an hour hides lacks and surpluses within it."""
    hour = ("hours=4", "start=2024-06-10T11:00", "chance={}")
    shared = [
        sum(
            row["own_kwh"] + row["received_kwh"]
            for row in rows(village(*hour, step), "local_exchange")
        )
        for step in ("step_h=1.0", "step_h=0.25")
    ]
    assert shared[1] <= shared[0] * (1 + EXACT)


@pytest.mark.slow
def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    changes = (f"{LOCAL}={TERMS['need']}", "checkpoint_every_h=3")

    resume_run(interrupted_run(tmp_path / "run", 7, load_scenario(village_file(), changes)))
    assert read_run(tmp_path / "run").info["sha256"] == read_run(village(*changes)).info["sha256"]


COLUMNS = [
    *(f"local_exchange.{name}" for name in (
        "kind", "own_kwh", "lack_kwh", "surplus_kwh", "received_kwh", "given_kwh", "fed_in_kwh",
        "local_price", "feed_in_price",
    )),
    *(f"local_members.{name}" for name in (
        "member", "used_kwh", "generated_kwh", "received_kwh", "given_kwh",
    )),
]  # fmt: skip


@pytest.mark.parametrize("place", quick(["local_members.used_kwh"], COLUMNS))
def test_a_changed_value_is_found(tmp_path: Path, place: str) -> None:
    table, column = place.split(".")
    directory = shutil.copytree(terms("equal"), tmp_path / "run")
    values = [row[column] for row in rows(directory, table)]
    there = [row for row, value in enumerate(values) if value]
    chosen = there[len(there) // 4]
    wrong = otherwise(values[chosen], values)
    edit(directory, table, column, lambda row, value: wrong if row == chosen else value)
    assert not audit_run(directory).passed


def less_given(found: LocalExchange) -> LocalExchange:
    return replace(found, received_kwh=0.99 * found.received_kwh, given_kwh=0.99 * found.given_kwh,
                   fed_in_kwh=found.fed_in_kwh + 0.01 * found.given_kwh)  # fmt: skip


def turned(found: LocalExchange) -> LocalExchange:
    return replace(found, received_kwh=found.received_kwh[::-1].copy())


@pytest.mark.parametrize("fault", quick([turned], [less_given, turned]))
def test_a_fault_in_the_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Any
) -> None:
    rule = local_settlement.exchange_locally
    monkeypatch.setattr(
        local_settlement, "exchange_locally", lambda *args, **keys: fault(rule(*args, **keys))
    )
    start_run(
        load_scenario(village_file(), ["hours=5", "record.local_members=false"]), tmp_path / "r"
    )
    assert "local exchange: each member gets its share" in audit_run(tmp_path / "r").failed


@pytest.mark.slow
def test_a_fault_in_the_price_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rule = local_settlement.local_prices

    def costlier(*args: Any) -> LocalPrices | None:
        found = rule(*args)
        return None if found is None else replace(found, local=1.001 * found.local)

    monkeypatch.setattr(local_settlement, "local_prices", costlier)
    start_run(load_scenario(village_file(), ["hours=5"]), tmp_path / "run")
    failed = audit_run(tmp_path / "run").failed
    assert "local exchange: prices lie between feed-in and retail" in failed
    assert "money: schemes pay what they should" in failed


MISTAKES = {
    "{allocation: fair}": ("allocation", "consumption"),
    "{shares: {flats: 2}}": ("shares", "static"),
    "{allocation: static, shares: {flat: 2}}": ("shares.flat", "flats"),
    "{pass_on: true}": ("pass_on", "static"),
    "{fee_reduction: 0.5}": ("fee_reduction", "grid_fee"),
    "{seller_share: 1.5}": ("seller_share", "1"),
    "{grid_fee: -1}": ("grid_fee", "0"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(village_file(), [f"{LOCAL}={text}"])
    key, allowed = MISTAKES[text]
    assert f"{LOCAL}.{key}" in str(caught.value)
    assert allowed in str(caught.value)


def test_an_exchange_of_nothing_is_warned_of() -> None:
    assert not scenario_warnings(load_scenario(village_file()))
    none = [f"communities.village.members.{n}.pv_kw=0" for n in (0, 3)]
    (warning,) = scenario_warnings(load_scenario(village_file(), none))
    assert warning.place == LOCAL
    assert "nothing to share" in warning.message


def passed(folder: Path) -> dict[str, bool | None]:
    """Return the outcome of each check of a run that passes its audit, None where it has a note."""
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())
    return {check.name: None if check.note else check.passed for check in report.checks}


WHOLE = (
    "local exchange: each member gets its share",
    "local exchange: members lack and give what they trade",
    "accounts: each member pays for its own energy",
    "accounts: members have paid what their parties have",
)


@pytest.mark.slow
def test_prosumers_share_behind_one_meter(tmp_path: Path) -> None:
    text = "{allocation: static, shares: {pioneers: 2}, pass_on: true, grid_fee: 2}"
    run = prosumers(f"communities.suburb.local_exchange={text}", "record.local_members=true")
    found = passed(run.directory)
    assert all(found[name] for name in WHOLE)
    shared = [row for row in run.table("local_members").to_pylist() if row["received_kwh"] > 0.0]
    assert {row["kind"] for row in shared} == {"households", "prosumers"}
    # An account is that of all parts, less what local energy saves.
    assert run.summary["everybody_shares"]["local_saving"] > 1.0


@pytest.mark.slow
def test_batteries_homes_storages_and_buses_share_too() -> None:
    terms = {
        "homes": "{allocation: need, grid_fee: 2, fee_reduction: 0.5}",
        "suburb": "{allocation: equal, price: scarcity}",
        "malls": "{allocation: consumption}",
        "street": "{allocation: static, shares: {households: 2}}",
        "district": "{allocation: none}",
    }
    run = city(
        *(f"communities.{name}.local_exchange={text}" for name, text in terms.items()),
        "communities.homes.members.0.pv_kw=3", "communities.street.members.0.pv_kw=2",
        "record.local_members=true",
    )  # fmt: skip
    found = passed(run.directory)
    assert all(found[name] for name in WHOLE)
    given = {row["kind"] for row in run.table("local_members").to_pylist() if row["given_kwh"] > 0}
    assert {"households", "schools"} <= given
