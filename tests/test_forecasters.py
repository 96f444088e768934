"""Forecasters see only what came before; their errors keep to their inequalities."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.environment.forecast_errors import forecast_errors, least_largest_error
from hmesh.environment.forecasters import (
    Forecaster,
    NoisyActual,
    Persistence,
    RidgeLastDay,
    SeasonalNaive,
    bridged,
)
from hmesh.environment.lstm_forecaster import (
    LstmForecaster,
    LstmSettings,
    load_network,
    train_network,
    trained_or_loaded,
    windows_of,
)
from hmesh.environment.streams import Streams

DAY = 8
TINY = LstmSettings(window=4, units=3, epochs=2, batch=4)


def readings(days: int, series: int = 2, seed: int = 0) -> FloatArray:
    stream = np.random.default_rng(seed)
    slot = np.arange(days * DAY)
    wave = 1.5 + np.sin(2 * np.pi * slot / DAY)
    return wave[:, None] * np.arange(1, series + 1) + 0.05 * stream.random((len(slot), series))


def forecasters(past: FloatArray) -> list[Forecaster]:
    networks = tuple(train_network(past[:, k], TINY) for k in range(past.shape[1]))
    return [
        Persistence(),
        SeasonalNaive(DAY),
        RidgeLastDay.fitted(past, DAY),
        LstmForecaster(networks, DAY),
        NoisyActual(lambda first, last: readings(30)[first:last], 0.3, Streams(1), "a house"),
    ]


@given(
    errors=st.lists(st.floats(-5, 5), min_size=1, max_size=30),
    actual=st.lists(st.floats(1e-9, 5) | st.just(0.0), min_size=30, max_size=30),
)
def test_errors_are_what_they_are_called_and_consistent(
    errors: list[float], actual: list[float]
) -> None:
    came = np.array(actual[: len(errors)])
    found = forecast_errors(came + errors, came)
    off = np.abs(came + errors - came)
    assert found.mae == pytest.approx(off.mean())
    assert found.mse == pytest.approx((off**2).mean())
    assert found.consistent
    assert found.zeros == np.count_nonzero(came == 0)
    if found.zeros < len(came):
        assert found.mape == pytest.approx((off[came != 0] / came[came != 0]).mean())
    else:
        assert np.isnan(found.mape)


def test_an_error_of_next_to_nothing_is_an_infinite_share() -> None:
    assert forecast_errors(np.array([1.0]), np.array([5e-324])).mape == np.inf


def test_published_errors_need_an_error_that_cannot_be() -> None:
    assert least_largest_error(0.3743, 0.0131) == pytest.approx(28.57, abs=0.01)
    errors = np.array([3.0, -4.0])
    found = forecast_errors(errors, np.zeros(2))
    assert found.largest >= least_largest_error(found.mse, found.mae)


def test_missing_readings_are_not_compared_and_nothing_at_all_is_refused() -> None:
    found = forecast_errors(np.array([1.0, np.nan, 2.0]), np.array([np.nan, 1.0, 4.0]))
    assert (found.readings, found.mae) == (1, 2.0)
    with pytest.raises(ValueError, match="no forecast has a reading"):
        forecast_errors(np.array([np.nan]), np.array([1.0]))


@pytest.mark.slow
def test_every_forecaster_shows_as_many_slots_of_each_series_as_asked() -> None:
    past = readings(6)
    for forecaster in forecasters(past):
        for steps in (1, DAY, 2 * DAY + 3):
            reported = forecaster.forecast(past, steps, len(past))
            assert reported.shape == (steps, 2)
            assert (reported >= 0).all()
        longer = forecaster.forecast(past, 2 * DAY, len(past))
        assert longer[:DAY] == pytest.approx(forecaster.forecast(past, DAY, len(past)), rel=1e-5)


def test_the_naive_ones_repeat_what_was() -> None:
    past = readings(5)
    assert (Persistence().forecast(past, 3, 0) == past[-1]).all()
    reported = SeasonalNaive(DAY).forecast(past[:-3], DAY + 2, 0)
    expected = past[-3 - DAY : -3]
    assert (reported[:DAY] == expected).all()
    assert (reported[DAY:] == expected[:2]).all()


def test_a_season_reaches_back_to_the_last_reading_of_a_slot() -> None:
    past = readings(5, series=1)
    past[-2 * DAY : -DAY + 3] = np.nan
    reported = SeasonalNaive(DAY).forecast(past, DAY, 0)
    assert reported[:3] == pytest.approx(past[-3 * DAY : -3 * DAY + 3])
    assert reported[3:] == pytest.approx(past[-DAY + 3 :])
    past[:] = np.nan
    assert np.isnan(SeasonalNaive(DAY).forecast(past, DAY, 0)).all()
    assert np.isnan(Persistence().forecast(past, 2, 0)).all()
    assert np.isnan(SeasonalNaive(DAY).forecast(past[:0], DAY, 0)).all()
    assert np.isnan(Persistence().forecast(past[:0], 2, 0)).all()
    short = SeasonalNaive(DAY).forecast(np.ones((2, 1)), DAY, 0)
    assert np.isnan(short).sum() == DAY - 2
    assert (short[-2:] == 1).all()


def test_gaps_are_bridged_by_the_season_before() -> None:
    past = readings(3, series=1)
    gappy = past.copy()
    gappy[DAY : DAY + 2] = np.nan
    gappy[0] = np.nan
    whole = bridged(gappy, DAY)
    assert np.isnan(whole[[0, DAY], 0]).all()
    assert whole[DAY + 1] == past[1]
    assert (whole[DAY + 2 :] == past[DAY + 2 :]).all()
    assert bridged(past, DAY) is past


def test_ridge_finds_a_day_that_follows_from_the_last() -> None:
    stream = np.random.default_rng(3)
    level = np.cumsum(stream.normal(0, 0.1, 60)) + 5
    past = (level[:, None] * (1 + np.arange(DAY))).reshape(-1, 1)
    learned = RidgeLastDay.fitted(past[:-DAY], DAY, penalty=1e-6)
    reported = learned.forecast(past[:-DAY], DAY, 0)
    # The level that the whole day shares is not in the slot of the day before alone.
    naive = SeasonalNaive(DAY).forecast(past[:-DAY], DAY, 0)
    test = past[-DAY:]
    assert forecast_errors(reported, test).mse <= 1.5 * forecast_errors(naive, test).mse
    assert learned.forecast(np.full((2 * DAY, 1), np.nan), DAY, 0) == pytest.approx(
        np.full((DAY, 1), np.nan), nan_ok=True
    )


def test_too_little_to_learn_from_is_reported() -> None:
    with pytest.raises(InputError, match="series 0: has 1 runs of two days"):
        RidgeLastDay.fitted(readings(2), DAY)
    with pytest.raises(InputError, match="too few to learn from"):
        train_network(readings(1)[:, 0], TINY)
    gappy = readings(6, series=1)
    gappy[::DAY] = np.nan
    with pytest.raises(InputError, match="without a gap"):
        RidgeLastDay.fitted(gappy, DAY)


def test_noise_has_the_quality_asked_for_and_stays_with_its_slot() -> None:
    actual = np.ones((20_000, 1))
    noisy = NoisyActual(lambda first, last: actual[first:last], 0.2, Streams(5), "h")
    reported = noisy.forecast(actual[:0], 2000, 0)
    assert reported.mean() == pytest.approx(1.0, abs=0.02)
    assert np.log(reported).std() == pytest.approx(0.2, abs=0.02)
    assert (noisy.forecast(actual[:0], 100, 300) == reported[300:400]).all()
    perfect = NoisyActual(lambda first, last: actual[first:last], 0.0, Streams(5), "h")
    assert (perfect.forecast(actual[:0], 50, 0) == 1.0).all()


@pytest.mark.slow
def test_the_network_is_that_of_table_1_and_its_windows_are_split_so() -> None:
    settings = LstmSettings()
    train, known = settings.split(17_280)
    assert (train, 17_280 - known) == (11_404, 3_110)
    tiny = train_network(readings(4)[:, 0], LstmSettings(window=5, epochs=1, batch=4))
    import equinox as eqx
    import jax

    leaves = jax.tree.leaves(eqx.filter(tiny.network, eqx.is_array))
    assert sum(leaf.size for leaf in leaves) == 16_961


@pytest.mark.slow
def test_a_network_learns_and_is_used_again(tmp_path: Path) -> None:
    series = readings(20)[:, 0]
    settings = LstmSettings(window=DAY, units=8, epochs=15, batch=8, learning_rate=1e-2)
    reported: list[tuple[int, int]] = []
    network = trained_or_loaded(series, settings, tmp_path, lambda a, b: reported.append((a, b)))
    assert reported == [(epoch, 15) for epoch in range(1, 16)]
    assert network.train_loss[-1] < 0.5 * network.train_loss[0]
    windows, after = windows_of(series, DAY)
    _, known = settings.split(len(after))
    found = forecast_errors(network.next_readings(windows[known:]), after[known:])
    level = forecast_errors(np.full(len(after) - known, after[:known].mean()), after[known:])
    assert found.mse < 0.5 * level.mse
    again = trained_or_loaded(series, settings, tmp_path, lambda a, b: reported.append((a, b)))
    assert len(reported) == 15
    assert (again.next_readings(windows) == network.next_readings(windows)).all()
    (path,) = tmp_path.iterdir()
    assert load_network(path).validate_loss == network.validate_loss
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match="holds no trained network"):
        trained_or_loaded(series, settings, tmp_path)


@pytest.mark.slow
def test_training_again_gives_the_same_weights() -> None:
    series = readings(6)[:, 0]
    windows, _ = windows_of(series, TINY.window)
    one, other = (train_network(series, TINY).next_readings(windows) for _ in range(2))
    assert (one == other).all()


@pytest.mark.slow
def test_a_network_shows_nothing_without_a_whole_window() -> None:
    past = readings(6)
    forecaster = forecasters(past)[3]
    gap = past.copy()
    # Missing in that slot of every day, so that nothing bridges it.
    gap[DAY - 1 :: DAY, 1] = np.nan
    reported = forecaster.forecast(gap, DAY, 0)
    assert not np.isnan(reported[:, 0]).any()
    assert np.isnan(reported[:, 1]).all()
    assert np.isnan(forecaster.forecast(past[:2], DAY, 0)).all()


def test_windows_keep_clear_of_gaps() -> None:
    series = readings(3)[:, 0]
    series[5] = np.nan
    windows, after = windows_of(series, 4)
    assert len(windows) == len(series) - 4 - 5
    assert not np.isnan(windows).any()
    assert not np.isnan(after).any()


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "optax", None)
    monkeypatch.delitem(sys.modules, "hmesh.environment.lstm_forecaster")
    with pytest.raises(InputError, match=r"pip install 'hmesh\[forecast\]'"):
        import hmesh.environment.lstm_forecaster  # noqa: F401


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "column", "day"),
    [
        ("households/household_au_ausgrid12_2011-07_2012-06_30min.parquet", "load_kwh", 48),
        ("households/household_au_ausgrid12_2011-07_2012-06_30min.parquet", "pv_kwh", 48),
        ("buildings/industry_kr_steel_2018_15min.parquet", "electricity_kwh", 96),
    ],
)
def test_the_network_beats_the_season_on_measured_series(
    shared: Path, tmp_path: Path, file: str, column: str, day: int
) -> None:
    series = pd.read_parquet(shared / "data" / file)[column].to_numpy(np.float64)[:17_376]
    settings = LstmSettings()
    network = trained_or_loaded(series, settings, tmp_path)
    windows, after = windows_of(series, settings.window)
    _, known = settings.split(len(after))
    found = forecast_errors(network.next_readings(windows[known:]), after[known:])
    for season in (day, 7 * day):
        before = series[-(len(after) - known) - season : -season]
        naive = forecast_errors(before, after[known:])
        assert found.consistent
        assert naive.consistent
        assert found.mse < naive.mse
        assert found.mae < naive.mae
