"""What members expect their community to ask, from what it asked before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.markets.home_energy_rules import TariffSignal, tariff_signals
from hmesh.runs import load_scenario
from hmesh.runs.scenarios.expected_price_section import ExpectedPriceSettings
from hmesh.runs.world.expected_price import ExpectedPrice


def expected(**keys: Any) -> ExpectedPrice:
    """Return what is expected in the three communities, with some keys of `expected_price`."""
    return ExpectedPrice(load_scenario("three-communities", {"expected_price": keys}))


def asked(step: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return prices that differ in every step and community."""
    return step + np.array([0.1, 0.2, 0.3])


def test_yesterday_shows_the_price_of_the_same_hour_a_day_before() -> None:
    prices = expected(start=9.0)
    assert (prices.coming(30) == 9.0).all()
    for step in range(30):
        prices.observe(asked(step))
    for k in range(24):
        assert (prices.coming(40)[k] == asked(30 + k - 24)).all()
    # What lies more than a day ahead is predicted from the latest day that is known.
    assert (prices.coming(40)[30] == asked(30 + 30 - 48)).all()


@pytest.mark.parametrize(
    ("kind", "due"), [("last", 199), ("last_week", 200 - 168), ("constant", None)]
)
def test_other_forecasters(kind: str, due: int | None) -> None:
    prices = expected(forecaster=kind, start=9.0)
    for step in range(200):
        prices.observe(asked(step))
    wanted = np.full(3, 9.0) if due is None else asked(due)
    assert (prices.coming(1)[0] == wanted).all()


def test_a_day_holds_what_was_asked_and_what_is_expected() -> None:
    prices = expected()
    for step in range(29):
        prices.observe(asked(step))
    day = prices.of_a_day(5, 19)
    due = [asked(step) for step in (*range(24, 29), *range(5, 24))]
    assert (day == np.array(due)).all()


def test_without_supply_the_price_expected_counts_as_asked() -> None:
    prices = expected(start=9.0)
    for step in range(24):
        prices.observe(asked(step))
    prices.observe(np.array([np.nan, 5.0, np.nan]))
    assert prices.past[-1].tolist() == [asked(0)[0], 5.0, asked(0)[2]]


def test_a_night_that_is_over_is_expected_to_come_again() -> None:
    prices = expected(start=21.0)
    night = [2.0, 0.0, 4.0, 3.0, 2.5, 9.0]
    for price in night:
        prices.observe(np.full(3, price))
    day = prices.of_a_day(6, 18)
    assert day[:6].tolist() == prices.coming(24)[18:].tolist()
    assert (day[6:] == 21.0).all()
    # The sun sells for half the price of the day, which is more than the cheapest hour to come.
    cheap, peak_price, cheapest, left = tariff_signals(day[:, 0], np.zeros(24, dtype=np.intp))
    noon = TariffSignal(
        purchase=21.0, feed_in=10.5, cheap=bool(cheap[12]), peak_price=float(peak_price[12]),
        cheapest=float(cheapest[12]), cheap_steps=int(left[12]),
    )  # fmt: skip
    assert noon.cheapest == 0.0
    assert not noon.keeps_sun(np.array([20.0])).any()


def test_the_start_price_is_the_off_peak_one_unless_it_is_given() -> None:
    scenario = load_scenario("three-communities")
    off_peak = scenario.prices.time_of_use.off_peak
    assert (ExpectedPrice(scenario).coming(3) == off_peak).all()


def test_a_state_is_gone_on_from() -> None:
    prices, other = expected(), expected()
    for step in range(31):
        prices.observe(asked(step))
    other.restore(prices.state())
    assert (other.coming(24) == prices.coming(24)).all()
    assert other.step == 31


def test_an_unknown_forecaster_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"no forecaster 'yesteday'.*yesterday"):
        load_scenario("three-communities", {"expected_price": {"forecaster": "yesteday"}})


def test_a_forecaster_of_a_plugin_forecasts_prices(tmp_path: Path) -> None:
    plugin = tmp_path / "prices_to_come.py"
    plugin.write_text(
        "import numpy as np\n"
        "from hmesh.plugins import forecaster\n"
        "@forecaster('mean_price')\n"
        "class Mean:\n"
        "    def __init__(self, history, day_slots, factor=1.0):\n"
        "        self.factor = factor\n"
        "    def forecast(self, past, steps, at):\n"
        "        return np.repeat(self.factor * past.mean(axis=0)[None], steps, axis=0)\n",
        encoding="utf-8",
    )
    keys = {"forecaster": "mean_price", "options": {"factor": -2.0}, "start": 4.0}
    changes = {"expected_price": keys}
    scenario = load_scenario("three-communities", changes, plugins=[str(plugin)])
    assert (ExpectedPrice(scenario).coming(2) == -8.0).all()


def test_it_is_described_a_run_only_where_somebody_plans_on_it() -> None:
    assert "expected_price" not in load_scenario("three-communities").resolved()
    assert ExpectedPriceSettings().forecaster == "yesterday"
