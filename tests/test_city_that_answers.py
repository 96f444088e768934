"""A small city in which storages of homes and houses answer to the price of the step."""

import pkgutil
import shutil
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_audit_tampering import edit

STORAGES = [
    {"name": "cellar", "capacity_kwh": 8.0, "power_kw": 3.0, "soc_start": 0.5},
    {"name": "roof", "capacity_kwh": 6.0, "soc_start": 0.6},
]
CITY: dict[str, Any] = {
    "name": "small-city",
    "time_zone": "Asia/Tokyo",
    "start": "2023-01-16T00:00",
    "hours": 40,
    "plots": False,
    "strategies": ["nobody_shares", "everybody_shares"],
    "game": {"solver": "exact"},
    "grid": {"limits": "keep"},
    "location": {"latitude": 33.88, "longitude": 130.87},
    "communities": {
        "homes": {
            "members": [
                {"kind": "household", "name": "others", "count": 120, "annual_kwh": 4e3,
                 "profile": "h0"}
            ],
            "feeder": {"rating_kw": 400.0, "loss_rate": 0.01},
        },
        "offices": {
            "members": [
                {"kind": "building", "name": "tower", "count": 1, "annual_kwh": 9e5,
                 "profile": "g1"}
            ],
            "feeder": {"rating_kw": 1000.0},
        },
        "malls": {"members": []},
    },
    "roads": [
        {"between": ["homes", "offices"], "km": 40.0},
        {"between": ["homes", "malls"], "km": 40.0},
        {"between": ["offices", "malls"], "km": 20.0},
    ],
    "generation_cost": {"quadratic": 0.03, "linear": 8.0},
    "vehicles": {"count": 12, "soc_start": 0.3},
    "smart_homes": {
        "groups": [
            {
                "name": name, "community": "homes", "count": count, "connected": connected,
                "generators": [
                    {"name": "modules", "kind": "photovoltaics", "storage": "roof", "pv_kw": 3.0,
                     "scale": [0.5, 1.5]},
                ],
                "appliances": [
                    {"name": "heating", "kind": "air_conditioner", "storage": "cellar",
                     "power_kw": 0.8, "hours": [[6, 22]], "scale": [0.5, 1.5]},
                    {"name": "fridge", "kind": "appliance", "storage": "roof", "power_kw": 0.1,
                     "hours": [[0, 24]], "rank": 0},
                ],
                "storages": STORAGES,
            }
            for name, count, connected in (("terrace", 3, True), ("hut", 1, False),
                                           ("corner", 2, True))
        ],
    },
    "composite_storage": {
        "groups": [
            {"name": "villas", "community": "homes", "count": 3, "variation": 0.2},
            {"name": "farm", "community": "offices", "count": 1},
        ],
        "carbon_tax": 2.0,
    },
}  # fmt: skip
ANSWERING: dict[str, Any] = {
    "smart_homes.price_response": {"lam": 60.0, "theta": 6.0},
    "composite_storage.price_response": {"lam": 60.0, "theta": 8.0},
    "composite_storage.tariff": "community",
}
CHANGES: dict[str, dict[str, Any]] = {
    "prices tripled": {
        "prices.utility": [0.0, 108.0],
        "prices.aggregator": [0.0, 135.0],
        "prices.time_of_use.on_peak": 78.0,
        "prices.time_of_use.off_peak": 39.0,
    },
    "generation ten times more expensive": {
        "generation_cost.quadratic": 0.3,
        "generation_cost.linear": 80.0,
    },
    "feeders of 50 kW": {
        "communities.homes.feeder.rating_kw": 50.0,
        "communities.offices.feeder.rating_kw": 50.0,
    },
    "no vehicles": {"vehicles.count": 0},
}


def scenario(path: Path, keys: dict[str, Any], **city: Any) -> Any:
    """Return the small city, with some keys changed, written to a folder."""
    path.mkdir(exist_ok=True)
    file = path / "small-city.yaml"
    file.write_text(yaml.safe_dump(deepcopy(CITY) | city), encoding="utf-8")
    return load_scenario(file, keys)


def world(path: Path, keys: dict[str, Any], strategy: str = "everybody_shares") -> Simulation:
    """Return the small city under one strategy, before its first step."""
    return Simulation(make_setting(scenario(path, keys)), strategy)


def stored(city: Simulation) -> dict[str, FloatArray]:
    """Return what storages of homes and houses hold [kWh]."""
    homes, houses = city.schemes["smart_homes"], city.schemes["composite_storage"]
    columns = houses.houses.columns  # type: ignore[attr-defined]
    return {
        "homes": np.concatenate(
            [group.energy_kwh.ravel() for group in homes.groups]  # type: ignore[attr-defined]
        ),
        "batteries": columns.batteries["energy_kwh"].copy(),
        "tanks": columns.tanks["heat_kwh"].copy(),
    }


@pytest.fixture(scope="module")
def energies(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives what storages hold hour by hour, with some keys changed."""
    path = tmp_path_factory.mktemp("cities")

    @cache
    def of(change: str, answering: bool = True) -> dict[str, FloatArray]:
        city = world(path, (ANSWERING if answering else {}) | CHANGES.get(change, {}))
        held = []
        for _ in range(30):
            city.step()
            held.append(stored(city))
        return {name: np.array([each[name] for each in held]) for name in held[0]}

    return of


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_every_storage_feels_prices_costs_limits_and_vehicles(energies: Any, change: str) -> None:
    before, after = energies(""), energies(change)
    for name in ("homes", "batteries", "tanks"):
        assert np.abs(after[name] - before[name]).max() > 1e-3, name


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_without_these_keys_nothing_of_it_is_felt(energies: Any, change: str) -> None:
    before, after = energies("", answering=False), energies(change, answering=False)
    for name, held in before.items():
        assert (after[name] == held).all(), name


def test_storages_stay_within_their_limits_and_energy_and_money_balance(tmp_path: Path) -> None:
    city = world(tmp_path, ANSWERING | {"composite_storage.tariff": {"community": True}})
    homes, houses = city.schemes["smart_homes"], city.schemes["composite_storage"]
    batteries = houses.houses.columns.batteries  # type: ignore[attr-defined]
    tanks = houses.houses.columns.tanks  # type: ignore[attr-defined]
    moved = 0.0
    for _ in range(40):
        before = stored(city)
        city.step()
        moved += np.abs(homes.answers.exchange_kwh).sum()  # type: ignore[attr-defined]
        for group in homes.groups:  # type: ignore[attr-defined]
            bank, held = group.bank, group.energy_kwh
            assert (held >= bank.soc_min * bank.capacity_kwh - 1e-9).all()
            assert (held <= bank.soc_max * bank.capacity_kwh + 1e-9).all()
        size = batteries["capacity_kwh"]
        assert (batteries["energy_kwh"] >= batteries["soc_min"] * size - 1e-9).all()
        assert (batteries["energy_kwh"] <= batteries["soc_max"] * size + 1e-9).all()
        assert (tanks["heat_kwh"] >= 0).all()
        assert (tanks["heat_kwh"] <= tanks["capacity_kwh"]).all()
        # What all exchange in all is what storages gained, and lost.
        decided = houses.decided  # type: ignore[attr-defined]
        own, beside = decided.battery_kwh, houses.answers.exchange_kwh[:4]  # type: ignore[attr-defined]
        assert (own * beside >= 0).all()
        eta = batteries["charge_efficiency"]
        due = before["batteries"] + np.where(own + beside > 0, eta, 1 / eta) * (own + beside)
        assert batteries["energy_kwh"] == pytest.approx(due, abs=1e-9)
        pump = decided.heat_pump_kwh + houses.answers.exchange_kwh[4:]  # type: ignore[attr-defined]
        assert (pump >= -1e-12).all()
        drawn = sum(city.hour_kwh[name] for name in city.hour_kwh if name != "school_bus_kwh")
        assert city.net_kwh == pytest.approx(drawn, abs=1e-9)
    assert moved > 5.0
    assert city.ledger.imbalance() == 0.0


def test_houses_pay_the_price_that_is_set_and_plan_on_the_expected_one(tmp_path: Path) -> None:
    keys = ANSWERING | {"composite_storage.tariff": {"community": True, "feed_in_share": 0.5}}
    city = world(tmp_path, keys)
    houses = city.schemes["composite_storage"]
    for step in range(26):
        assert city.expected_price is not None
        expected = city.expected_price.coming(1)[0]
        city.step()
        signal = houses.houses._tariff  # type: ignore[attr-defined]
        places = houses.setting.community  # type: ignore[attr-defined]
        tax = 2.0 * 0.347
        assert signal.purchase == pytest.approx(expected[places] + tax)
        assert signal.feed_in == pytest.approx(0.5 * expected[places])
        price = city.market.decision.community_price
        paid = {kind: row for kind, *row in houses.payments.of_step}  # type: ignore[attr-defined]
        assert (paid["house_purchase"][2] == price).all()
        assert (paid["house_feed_in"][2] == 0.5 * price).all()
        if step >= 24:
            assert np.abs(price - expected).max() > 0.1
    assert city.direct_kwh.sum() == 0.0


def test_a_stopped_city_goes_on_as_if_it_never_was(tmp_path: Path) -> None:
    whole = world(tmp_path, ANSWERING)
    for _ in range(25):
        whole.step()
    resumed = Simulation(whole.setting, "everybody_shares")
    resumed.restore(deepcopy(whole.state()))
    for _ in range(5):
        whole.step()
        resumed.step()
    assert whole.summary() == resumed.summary()
    for name, held in stored(whole).items():
        assert (stored(resumed)[name] == held).all()


def test_a_storage_moves_as_all_of_its_kind_do(tmp_path: Path) -> None:
    city = world(tmp_path, ANSWERING)
    for _ in range(7):
        city.step()
    before = deepcopy(city.schemes["smart_homes"].state())
    held = [group.energy_kwh.copy() for group in city.schemes["smart_homes"].groups]  # type: ignore[attr-defined]
    assert before["steps"]
    city.step()
    for group, energy in zip(city.schemes["smart_homes"].groups, held, strict=True):  # type: ignore[attr-defined]
        after = group.energy_kwh.copy()
        group.storages.population["energy_kwh"][:] = energy.ravel()
        for storage in group.storages:
            storage.step()
        assert group.energy_kwh == pytest.approx(after, abs=1e-12)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"smart_homes.price_response": {"lam": 1.0, "theta": 0.0}}, "theta"),
        ({"composite_storage.tariff": {"community": True, "feed_in": 3.0}}, "feed_in"),
        ({"composite_storage.tariff": {"feed_in": 3.0, "feed_in_share": 1.0}}, "feed_in_share"),
        (
            {"composite_storage.tariff": "community", "composite_storage.manager": "foresight"},
            "nobody knows the prices",
        ),
        ({"composite_storage.tariff": "comunity"}, "community"),
        (
            {
                "smart_homes.price_response": {"lam": 1.0, "theta": 1.0},
                "smart_homes.groups.0.connected": False,
                "smart_homes.groups.2.connected": False,
            },
            "no home is connected",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scenario(tmp_path, keys)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of the small city, by messages that are kept."""
    path = tmp_path_factory.mktemp("finished")
    tariff = {"community": True, "feed_in_share": 0.8, "base_charge_per_month": 300.0}
    keys = ANSWERING | {
        "composite_storage.tariff": tariff,
        "game.solver": "negotiate",
        "messages.keep": "all",
        "record.accounts": "all",
        "hours": 27,
    }
    start_run(scenario(path, keys), path / "run")
    return path / "run"


def test_the_audit_of_answers_passes(finished: Path) -> None:
    report = audit_run(finished)
    assert report.passed, "\n".join(report.lines())
    made = "\n".join(report.lines())
    for name in ("homes at a price: none", "houses at a price: none", "prices (three_level)"):
        assert name in made


def test_what_storages_answer_is_no_part_of_a_stated_bill(tmp_path: Path) -> None:
    tariff = {
        "bands": [{"price": 20.0}], "feed_in": 7.0, "fees": {"grid": 4.0}, "value_added_tax": 0.1,
        "base_charge_per_month": 300.0, "demand_charges": [{"price_per_kw": 9.0, "interval": 60}],
    }  # fmt: skip
    keys = ANSWERING | {
        "composite_storage.tariff": tariff,
        "record.accounts": "all",
        "hours": 5,
        "strategies": ["everybody_shares"],
    }
    start_run(scenario(tmp_path, keys), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    run = read_run(tmp_path / "run")
    bill = run.summary["everybody_shares"]
    assert "house_bill_response" not in bill
    parts = [amount for name, amount in bill.items() if name.startswith("house_bill_")]
    assert bill["house_bill"] == pytest.approx(sum(parts) - 2 * bill["house_bill_feed_in"])
    # Accounts of houses hold both.
    ledger = run.table("ledger").to_pandas()
    kinds = ledger[ledger["payer"].str.startswith("houses@")].groupby("kind")["amount"].sum()
    assert {"house_response", "house_fee_grid", "house_demand_charge"} <= set(
        kinds[kinds != 0].index
    )
    accounts = run.table("accounts").to_pandas()
    houses = accounts[accounts["kind"] == "houses"]
    got = ledger[ledger["payee"].str.startswith("houses@")]["amount"].sum()
    due = houses["paid"].sum() - houses["received"].sum()
    assert due == pytest.approx(kinds.sum() - got)


QUICK = ("exchange_kwh", "charged_kwh")
FAULTS = {
    ("store_answers", "exchange_kwh"): "none could do better",
    ("store_answers", "usable_kwh"): "what their own rule leaves",
    ("store_answers", "lower_kwh"): "what their own rule leaves",
    ("store_answers", "upper_kwh"): "what their own rule leaves",
    ("store_answer_sums", "charged_kwh"): "are the sum of",
    ("store_answer_sums", "discharged_kwh"): "are the sum of",
}


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of a few hours."""
    path = tmp_path_factory.mktemp("brief")
    keys = ANSWERING | {"hours": 5, "strategies": ["everybody_shares"]}
    start_run(scenario(path, keys), path / "run")
    return path / "run"


@pytest.mark.quick_every(2)
@pytest.mark.parametrize(
    ("table", "column"),
    [pytest.param(*place, marks=() if place[1] in QUICK else pytest.mark.slow) for place in FAULTS],
)
@pytest.mark.parametrize("scheme", ["smart_homes", "composite_storage"])
def test_the_audit_finds_a_fault(
    brief: Path, tmp_path: Path, table: str, column: str, scheme: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(brief, run)
    schemes = pq.read_table(run / f"{table}.parquet").column("scheme").to_pylist()
    rows = [row for row, name in enumerate(schemes) if name == scheme]
    edit(run, table, column, lambda row, value: value + 0.01 * (row == rows[len(rows) // 2]))
    report = audit_run(run)
    failed = [line for line in report.lines() if line.startswith("FAILED")]
    assert any(FAULTS[table, column] in line for line in failed), failed


def test_the_second_implementation_judges_those_that_answer(finished: Path) -> None:
    made = {check.name: check.passed for check in audit_run(finished).checks}
    for name in (
        "houses with storages: managers decide by their rules",
        "houses with storages: devices do what they can, and storages keep it",
        "smart homes: storages hold what they took less losses",
        "smart homes: flows are those of the assignment",
    ):
        assert made[name] is True, name


def _no_answers_of_tanks(rule: Any) -> Any:
    def moved(self: Any, decided: Any, exchange_kwh: FloatArray) -> Any:
        battery, pump = np.split(exchange_kwh, 2)
        return rule(self, decided, np.concatenate([battery, 0.0 * pump]))

    return moved


RULES = {
    "answers of tanks move no heat": (
        "hmesh.agents.storage_houses.StorageHouses.with_response",
        _no_answers_of_tanks,
        "devices do what they can, and storages keep it",
    ),
    "managers take expensive hours of their community for cheap ones": (
        "hmesh.runs.schemes.composite_storage.setting.tariff_signals",
        lambda rule: lambda purchase, day: rule(-purchase, day),
        "managers decide by their rules",
    ),
}


@pytest.mark.quick_every(2)
@pytest.mark.parametrize("fault", RULES)
def test_a_fault_in_the_rules_of_those_that_answer_fails_the_audit(
    fault: str, tmp_path: Path
) -> None:
    rule, changed, check = RULES[fault]
    keys = ANSWERING | {"hours": 5, "strategies": ["everybody_shares"]}
    with pytest.MonkeyPatch.context() as patch:
        owner, _, name = rule.rpartition(".")
        patch.setattr(rule, changed(getattr(pkgutil.resolve_name(owner), name)))
        start_run(scenario(tmp_path, keys), tmp_path / "run")
    failed = audit_run(tmp_path / "run").failed
    assert any(check in each for each in failed), failed
