"""Built-in amounts of money: each belongs to a currency, and none applies silently in another."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.environment.exchange_rates import UNITS_PER_USD, converted, exchange_rate
from hmesh.runs import Scenario, load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.money_defaults import MONEY_DEFAULTS, Given

HOMES = {"kind": "household", "name": "h", "count": 10, "annual_kwh": 3500, "profile": "h0"}
# Every amount of money has an effect here.
EVERYTHING: dict[str, Any] = {
    "name": "everything", "time_zone": "Europe/Berlin", "start": "2024-06-03T00:00", "hours": 3,
    "strategies": ["two_level", "three_level", "hybrid_storage", "centralised",
                   "optimal_energy_price"],
    "game": {"solver": "grid"},
    "school_terms": {"built_in": "michigan"},
    "location": {"latitude": 52.5, "longitude": 13.4},
    "communities": {"homes": {"members": [HOMES]}, "malls": {"members": []},
                    "offices": {"members": []}},
    "vehicles": {"count": 3},
    "composite_storage": {"groups": [{"name": "houses", "community": "homes"}]},
    "school_buses": {"groups": [{"name": "schools", "community": "malls", "buses": 1}],
                     "critical": {"share_of_peak": 0.9}},
    "plots": False,
}  # fmt: skip


def scenario(folder: Path, **changes: Any) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(EVERYTHING | changes, sort_keys=False))
    return path


def at(resolved: Any, key: str) -> Any:
    for name in key.split("."):
        resolved = resolved[name]
    return resolved


def fields_of(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field of a model and of the models within it, by its dotted key."""
    for name, field in model.model_fields.items():
        yield f"{before}{name}", field
        for inner in models_in(field.annotation):
            yield from fields_of(inner, f"{before}{name}.")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def test_every_key_in_money_has_its_default_from_the_table() -> None:
    fields = dict(fields_of(Scenario))
    in_money = {key: field for key, field in fields.items() if "[money" in str(field.description)}
    # A price that houses are paid has a default only where nothing is said of their tariff.
    alone = "composite_storage.tariff.feed_in"
    assert in_money[alone].default is None
    houses = in_money.keys() & {alone}
    # Keys that must be given, and sections of amounts by name, have no built-in amount.
    # Neither has what is nothing in any currency, where no currency is named.
    built_in_keys = {
        k
        for k, f in in_money.items()
        if not f.is_required()
        and f.default not in (None, {})
        and (f.default != 0 or f.json_schema_extra)
    }
    # What groups of vehicles leave out is that of all vehicles.
    built_in_keys -= {"vehicles.groups.lam", "vehicles.groups.theta"}
    assert set(MONEY_DEFAULTS) == built_in_keys | houses
    assert fields["composite_storage.tariff"].default.feed_in == MONEY_DEFAULTS[alone].value
    for key in set(MONEY_DEFAULTS) - houses:
        built_in, field = MONEY_DEFAULTS[key], in_money[key]
        assert field.default == built_in.value, key
        assert field.description.endswith(f"[{built_in.unit}]"), key
        assert field.json_schema_extra == {"currency": built_in.currency}, key


def test_all_words_of_money_carry_their_unit() -> None:
    words = re.compile(r"price|charge of|\bcost\b|satisfaction|upkeep|tax|margin|pays|tariff")
    without = {
        key
        for key, field in fields_of(Scenario)
        if words.search(str(field.description)) and field.annotation in (float, float | None)
        and not re.search(r"\[(1/)?money", field.description)
    }  # fmt: skip
    # Shares of the price range, of a load for a share of a price, and of a price; markups.
    shares = ("tolerance", "elasticity.value", "feed_in_share", "markup")
    assert all(key.endswith(shares) for key in without), without


def test_in_its_own_currency_an_amount_is_as_built_in(tmp_path: Path) -> None:
    for key, built_in in MONEY_DEFAULTS.items():
        loaded = load_scenario(str(scenario(tmp_path, currency=built_in.currency)))
        value = at(loaded.resolved(), key)
        assert value == (list(built_in.value) if isinstance(built_in.value, tuple) else
                         built_in.value), key  # fmt: skip
        assert key not in {amount.key for amount in loaded.converted_money}


def test_in_another_currency_every_amount_is_converted_and_reported(tmp_path: Path) -> None:
    loaded = load_scenario(str(scenario(tmp_path, currency="EUR")))
    warnings = {amount.key: str(amount.warning) for amount in loaded.converted_money}
    for key, built_in in MONEY_DEFAULTS.items():
        value = at(loaded.resolved(), key)
        rate = exchange_rate(built_in.currency, "EUR")
        np.testing.assert_allclose(value, np.multiply(built_in.value, rate), rtol=5e-4)
        assert (key in warnings) == (built_in.value != 0), key
        if key in warnings:
            assert re.search(rf"{built_in.currency}.* is converted to .*EUR", warnings[key])
            assert re.search(r"at [\d.]+ (JPY|USD) for 1 EUR \(mean of 2018", warnings[key])
    assert warnings.keys() - MONEY_DEFAULTS.keys() == {"composite_storage.tariff.time_of_use"}
    assert at(loaded.resolved(), "composite_storage.battery_price_per_kwh") == 250.2


def test_where_no_rate_is_known_every_key_is_required_at_once(tmp_path: Path) -> None:
    path = scenario(tmp_path, currency="PLN")
    with pytest.raises(InputError) as error:
        load_scenario(str(path))
    lines = str(error.value).splitlines()
    assert lines[0].startswith("scenario.yaml: currency: no exchange rate of PLN is known")
    for key, built_in in MONEY_DEFAULTS.items():
        reported = [
            line for line in lines if line.startswith(f"scenario.yaml: {key}: is missing, ")
        ]
        assert len(reported) == (built_in.value != 0), key
        unit = built_in.unit.replace("money", "PLN")
        allowed = re.compile(rf"\(allowed: a value in {re.escape(unit)}(; line \d+)?\)")
        assert all(allowed.search(line) for line in reported), key
    with pytest.raises(InputError, match="did you mean 'JPY'"):
        load_scenario(str(scenario(tmp_path, currency="JPN")))


def test_amounts_that_are_given_stay_as_they_are(tmp_path: Path) -> None:
    path = scenario(
        tmp_path, currency="EUR", vehicles={"count": 3, "lam": 0.3}, composite_storage=None,
        prices={"utility": [0, 0.5], "aggregator": [0, 0.6]}, school_buses=None,
        school_terms=None, strategies=["two_level", "three_level"],
    )  # fmt: skip
    loaded = load_scenario(str(path), ["vehicles.theta=0.01"])
    assert (loaded.vehicles.lam, loaded.vehicles.theta) == (0.3, 0.01)
    assert (loaded.prices.utility, loaded.prices.aggregator) == ((0, 0.5), (0, 0.6))
    assert {amount.key for amount in loaded.converted_money} == {
        "generation_cost.quadratic", "generation_cost.linear", "prices.time_of_use.on_peak",
        "prices.time_of_use.off_peak", "game.grid_step",
    }  # fmt: skip


SMALL = {
    "three-communities": ["strategies=[typical]", "hours=3"],
    "school-buses": ["school_buses.groups.0.schools=2", "strategies=[valley_charging]", "hours=24"],
    "smart-home": ["hours=3"],
}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_not_converted_has_no_effect(name: str, tmp_path: Path) -> None:
    """An amount may keep its value in another currency only where nothing follows from it."""
    count = 20 if name == "three-communities" else 0
    small = [*SMALL[name], "plots=false", f"vehicles.count={count}"]
    loaded = load_scenario(name, small)
    given = Given(loaded.model_dump(mode="json"))
    unused = [each for each in MONEY_DEFAULTS.values() if not each.used(given)]
    there = [each for each in unused if given.has_section(each.key.split(".")[0])]
    assert there
    changes = [f"{each.key}={json.dumps(np.multiply(each.value, 1.7).tolist())}" for each in there]
    other = load_scenario(name, [*small, *changes])
    assert other != loaded
    tables = []
    for folder, one in ((tmp_path / "a", loaded), (tmp_path / "b", other)):
        start_run(one, folder)
        run = read_run(folder)
        tables.append((run.summary, run.table("hours").to_pylist()))
    assert tables[0] == tables[1]


SITE = {
    "groups": [{"name": "halls", "community": "homes", "load": {"annual_kwh": 9000}}],
    "tariff": {"bands": [{"price": 0.3}]},
}
BY_TARIFF: dict[str, Any] = {
    "currency": "EUR", "strategies": ["sites_without_devices", "sites_on_tariff"],
    "communities": {"homes": {"members": []}}, "metered_sites": SITE,
    "vehicles": None, "composite_storage": None, "school_buses": None, "school_terms": None,
    "game": {},
}  # fmt: skip


def test_where_all_pay_by_tariffs_generation_costs_what_is_stated(tmp_path: Path) -> None:
    changes = {key: value for key, value in BY_TARIFF.items() if value is not None}
    alone = {key: value for key, value in (EVERYTHING | changes).items() if key in (
        "name", "time_zone", "start", "hours", "location", "plots", *changes
    )}  # fmt: skip
    path = tmp_path / "tariff.yaml"
    path.write_text(yaml.safe_dump(alone))
    loaded = load_scenario(str(path))
    assert loaded.converted_money == ()
    assert (loaded.generation_cost.quadratic, loaded.generation_cost.linear) == (0.0, 0.0)
    start_run(loaded, tmp_path / "run")
    of_run = read_run(tmp_path / "run").summary["sites_without_devices"]
    # All that is paid is the utility's income.
    assert of_run["utility_profit"] == pytest.approx(of_run["site_bill"], rel=1e-12)
    assert of_run["generation_cost"] == 0.0
    # What is stated counts, and so does the built-in cost where members pay by it.
    stated = load_scenario(str(path), {"generation_cost.linear": 0.2})
    assert stated.generation_cost.linear == 0.2
    members = load_scenario(str(path), {"communities": {"homes": {"members": [HOMES]}}})
    assert [each.key for each in members.converted_money] == [
        "generation_cost.quadratic", "generation_cost.linear",
    ]  # fmt: skip


def test_a_built_in_tariff_is_paid_in_the_currency_of_the_scenario(tmp_path: Path) -> None:
    changes = {
        "strategies": ["no_house_storage"], "vehicles": {"count": 0}, "school_buses": None,
        "school_terms": None, "generation_cost": {"quadratic": 0.0, "linear": 0.1},
        "composite_storage": {
            "groups": [{"name": "houses", "community": "homes"}],
            "tariff": {"feed_in_year": 2012, "base_charge_per_month": 0},
        },
    }  # fmt: skip
    bills = {}
    for currency in ("JPY", "EUR"):
        path = scenario(tmp_path, currency=currency, **changes)
        start_run(load_scenario(str(path)), tmp_path / currency)
        bills[currency] = read_run(tmp_path / currency).summary["no_house_storage"]["house_bill"]
    assert bills["EUR"] == pytest.approx(bills["JPY"] * exchange_rate("JPY", "EUR"), rel=1e-3)
    path = scenario(tmp_path, currency="EUR", **changes)
    keys = {amount.key for amount in load_scenario(str(path)).converted_money}
    assert {f"composite_storage.tariff.{key}" for key in ("time_of_use", "feed_in_year")} <= keys


def test_a_check_and_a_run_report_what_they_convert(tmp_path: Path) -> None:
    path = scenario(
        tmp_path, currency="EUR", composite_storage=None, school_buses=None, school_terms=None,
        strategies=["three_level"], game={},
    )  # fmt: skip
    line = (
        "warning: vehicles.lam: the built-in [50, 70] JPY/kWh is converted to [0.3833, 0.5366] "
        "EUR/kWh at 130.5 JPY for 1 EUR (mean of 2018, Federal Reserve G.5A)"
    )
    checked = CliRunner().invoke(app, ["check", str(path)])
    assert (checked.exit_code, line in checked.stdout.splitlines()) == (0, True), checked.output
    arguments = ["run", str(path), "--out", str(tmp_path / "run"), "--no-progress"]
    ran = CliRunner().invoke(app, arguments)
    assert (ran.exit_code, line in ran.stderr.splitlines()) == (0, True), ran.output
    recorded = read_run(tmp_path / "run").info["scenario"]
    loaded = load_scenario(str(path))
    assert [each["key"] for each in recorded["converted_money"]] == [
        amount.key for amount in loaded.converted_money
    ]
    again = Scenario.from_resolved(recorded)
    assert (again.resolved(), again.converted_money) == (recorded, loaded.converted_money)
    hours = read_run(tmp_path / "run").table("hours").to_pandas()
    assert hours["community_price"].max() <= 0.5366


def test_rates_agree_with_each_other() -> None:
    for one in UNITS_PER_USD:
        assert exchange_rate(one, one) == 1.0
        for other in UNITS_PER_USD:
            assert exchange_rate(one, other) * exchange_rate(other, one) == pytest.approx(1.0)
    prices = np.array([[36.0, 23.0], [23.0, -7.0]])
    euro = converted(prices, "JPY", "EUR")
    np.testing.assert_array_equal(euro, [[0.276, 0.1763], [0.1763, -0.05366]])
    assert converted(prices, "JPY", "JPY") is prices
