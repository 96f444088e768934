"""Sizes of the storages of houses as results of a run."""

from pathlib import Path

import pytest

from hmesh.environment.errors import InputError
from hmesh.markets.exact_dispatch import dispatch_exactly
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.world.setting import make_setting

# Three days of spring.
THREE_DAYS = (
    "plots=false", "years=null", "hours=72", "start='2017-04-03T00:00'",
    "strategies=[no_house_storage, house_battery, thermal_tank, hybrid_storage]",
    "composite_storage.battery_price_per_kwh=12000", "composite_storage.tank_price_per_kwh=9000",
    "composite_storage.sizing=least_cost",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sizes") / "run"
    start_run(load_scenario("composite-storage", THREE_DAYS), folder)
    return folder


def test_sizes_are_results_of_a_run(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    summary = read_run(run).summary
    size = {
        name: (figures["house_battery_kwh"], figures["house_tank_kwh"])
        for name, figures in summary.items()
    }
    assert size["no_house_storage"] == (0.0, 0.0)
    assert size["house_battery"][0] > 0.5
    assert size["house_battery"][1] == 0.0
    assert size["thermal_tank"][0] == 0.0
    assert size["thermal_tank"][1] > 0.5
    for name, (battery, tank) in size.items():
        price = 12000 * battery + 9000 * tank
        assert summary[name]["house_investment"] == pytest.approx(price)


@pytest.mark.parametrize("strategy", ["house_battery", "thermal_tank", "hybrid_storage"])
def test_no_other_sizes_cost_less(strategy: str) -> None:
    """Against sizes around them, each dispatched by itself: the cost is convex in both."""
    setting = make_setting(load_scenario("composite-storage", THREE_DAYS))
    houses = setting.schemes["composite_storage"]
    size, settings = houses.sizes(strategy), houses.settings
    demand, devices = houses.demand(0), houses.devices(strategy)
    rate, life, years = settings.interest_rate, settings.lifetime_years, 72 / 8760
    share = years * rate / (1 - (1 + rate) ** -life)

    def cost(battery: float, tank: float) -> float:
        heat = settings.tank_heat_kwh(tank)
        running = dispatch_exactly(demand, devices.sized(battery, heat), houses.prices).cost
        return running + share * (12000 * battery + 9000 * tank)

    best = cost(size.battery_kwh, size.tank_kwh)
    for by_battery in (0.8, 1.0, 1.25):
        for by_tank in (0.8, 1.0, 1.25):
            other = cost(size.battery_kwh * by_battery, size.tank_kwh * by_tank)
            assert best <= other * (1 + 1e-9)


def test_sizes_by_prices_that_nobody_knows_are_refused() -> None:
    with pytest.raises(InputError, match="nobody knows the prices"):
        load_scenario("composite-storage", [*THREE_DAYS, "composite_storage.tariff=community"])
