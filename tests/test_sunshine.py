import numpy as np
import pytest

from hmesh.environment import Calendar
from hmesh.environment.sunshine import BLOCK_STEPS, ClearSky, Orientation

SOUTH = Orientation(tilt=30.0, azimuth=180.0, performance_ratio=0.8)
EAST = Orientation(tilt=30.0, azimuth=90.0, performance_ratio=0.8)
WEST = Orientation(tilt=30.0, azimuth=270.0, performance_ratio=0.8)


def sky(start: str, step_h: float = 1.0, *modules: Orientation) -> ClearSky:
    return ClearSky(Calendar(start, "Europe/Berlin", step_h), 52.5, 13.4, 40.0, modules or (SOUTH,))


def day(clear: ClearSky, steps: int = 24) -> np.ndarray:
    return np.array([clear.generation_kwh(step) for step in range(steps)])


def test_a_clear_summer_day_is_bright_and_its_night_dark() -> None:
    kwh = day(sky("2024-06-21"))[:, 0]
    # Summer time and 13.4 degrees east put noon at about 13:08.
    assert int(kwh.argmax()) in (12, 13)
    assert kwh[[0, 1, 2, 23]].sum() == 0
    assert 5.0 < kwh.sum() < 7.5
    assert kwh.max() < 0.8 * 1.1
    assert day(sky("2024-12-21"))[:, 0].sum() < 0.5 * kwh.sum()


def test_modules_to_the_east_see_the_morning_and_to_the_west_the_evening() -> None:
    kwh = day(sky("2024-06-21", 1.0, EAST, WEST))
    assert kwh[:12, 0].sum() > kwh[:12, 1].sum()
    assert kwh[14:, 0].sum() < kwh[14:, 1].sum()


def test_the_energy_does_not_depend_on_the_length_of_the_step() -> None:
    quarters = day(sky("2024-06-21", 0.25), 96).reshape(24, 4).sum(axis=1)
    np.testing.assert_allclose(quarters, day(sky("2024-06-21"))[:, 0], rtol=1e-9, atol=1e-12)


def test_a_step_is_the_same_whatever_was_asked_before() -> None:
    on, jumped = sky("2024-01-01"), sky("2024-01-01")
    there = [on.generation_kwh(step) for step in range(BLOCK_STEPS + 14)][-1]
    np.testing.assert_array_equal(jumped.generation_kwh(BLOCK_STEPS + 13), there)
    assert there[0] > 0


def test_shade_goes_with_the_performance_ratio() -> None:
    worse = Orientation(30.0, 180.0, 0.4)
    kwh = day(sky("2024-06-21", 1.0, SOUTH, worse))
    np.testing.assert_allclose(kwh[:, 1], kwh[:, 0] / 2)


@pytest.mark.parametrize("latitude", [-35.0, 0.0])
def test_the_other_half_of_the_globe_has_its_summer_in_december(latitude: float) -> None:
    def total(start: str) -> float:
        calendar = Calendar(start, "UTC")
        north = ClearSky(calendar, latitude, 0.0, 0.0, [Orientation(30.0, 0.0, 1.0)])
        return float(day(north).sum())

    assert (total("2024-12-21") > total("2024-06-21")) == (latitude < 0)
