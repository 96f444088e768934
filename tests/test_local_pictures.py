"""Pictures and tables of local exchange say what its tables hold."""

import numpy as np
import pytest

from hmesh.environment.arrays import FloatArray
from hmesh.markets import pooled_trade
from hmesh.runs.pictures.chart import Chart
from hmesh.runs.pictures.local_energy import (
    draw_local_prices,
    draw_local_trade,
    local_energy,
    local_energy_chart,
    local_price_charts,
    trade_table,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.general_charts import general_charts
from hmesh.runs.report.local_trade import local_trade
from tests.account_runs import city


@pytest.fixture(scope="module")
def data() -> RunData:
    return RunData(city())


def test_a_pool_gives_buyers_what_sellers_give() -> None:
    random = np.random.default_rng(5)
    received = random.random((2, 4, 6)) * (random.random((2, 4, 6)) > 0.5)
    given = random.random((2, 4, 6))
    received[:, :, 3] = given[:, :, 3] = 0.0
    given *= received.sum(axis=1, keepdims=True) / np.maximum(given.sum(axis=1), 1e-300)[:, None]
    traded = pooled_trade(given, received)
    plain = np.zeros((2, 4, 4))
    for m, seller, buyer, step in np.ndindex(2, 4, 4, 6):
        total = received[m, :, step].sum()
        if total > 0.0:
            share = given[m, seller, step] / given[m, :, step].sum()
            plain[m, seller, buyer] += share * received[m, buyer, step]
    np.testing.assert_allclose(traded, plain, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(traded.sum(axis=2), given.sum(axis=2), rtol=1e-12)
    np.testing.assert_allclose(traded.sum(axis=1), received.sum(axis=2), rtol=1e-12, atol=1e-15)


def sums(data: RunData, name: str, strategy: str) -> float:
    return float(data.total(strategy, name))


def test_the_chart_shows_what_became_of_generation(data: RunData) -> None:
    chart = local_energy_chart(data)
    assert isinstance(chart, Chart)
    for strategy in data.strategies:
        shown = {one.name: float(one.values.sum()) * data.step_h for one in chart.series[strategy]}
        assert shown["used by those who generate it"] == pytest.approx(
            sums(data, "local_own_kwh", strategy)
        )
        assert shown["used by other members"] == pytest.approx(
            sums(data, "local_shared_kwh", strategy)
        )
        assert shown["fed in"] == pytest.approx(sums(data, "local_fed_in_kwh", strategy))
    assert chart.name in [each.name for each in general_charts(data)]


def test_local_prices_lie_between_feed_in_and_the_price_of_the_community(data: RunData) -> None:
    charts = local_price_charts(data)
    assert charts
    for chart in charts:
        for held in chart.series.values():
            band, local, retail = held
            assert band.lower is not None
            known = np.isfinite(local.values)
            assert known.any()
            assert (band.lower[known] <= local.values[known]).all()
            assert (local.values[known] <= retail.values[known]).all()
    assert draw_local_prices(data).figure is not None


def test_the_table_of_trade_adds_up_to_what_is_shared_and_paid(data: RunData) -> None:
    rows = trade_table(data)
    held = local_energy(data)
    assert held is not None
    given: FloatArray = held.energies["given_kwh"].sum(axis=2)
    paid = np.nansum(given * np.nan_to_num(held.local_price), axis=(1, 2))
    for s, strategy in enumerate(data.strategies):
        label = {"nobody_shares": "Nobody sharing", "everybody_shares": "Everybody sharing"}[
            strategy
        ]
        own = [row for row in rows if row[0] == label]
        assert sum(row[4] for row in own) == pytest.approx(sums(data, "local_shared_kwh", strategy))
        assert sum(row[5] for row in own) == pytest.approx(float(paid[s]))
    drawing = draw_local_trade(data)
    assert drawing.figure is not None
    assert "% of what is shared" in drawing.finding
    page = local_trade(data)
    assert page.count("<table") == len(data.strategies)
