from pathlib import Path

import numpy as np
import pytest

from hmesh.environment import Calendar
from hmesh.environment.arrays import FloatArray
from hmesh.environment.sunshine import ClearSky, MeasuredSky, Orientation
from hmesh.runs.world.dataset_files import load_dataset
from tests.shared_datasets import us_weather

FLAT = Orientation(tilt=0.0, azimuth=180.0, performance_ratio=0.8)
SOUTH = Orientation(tilt=35.0, azimuth=180.0, performance_ratio=0.8)
NORTH = Orientation(tilt=35.0, azimuth=0.0, performance_ratio=0.8)
PLACE = (40.53, -105.06, 1525.0)


def generated(sky: MeasuredSky | ClearSky, steps: int) -> FloatArray:
    return np.array([sky.generation_kwh(step) for step in range(steps)])


def clear_irradiance(calendar: Calendar, steps: int) -> dict[str, FloatArray]:
    """What a clear sky would be measured as, in the middle of each step."""
    import warnings

    import pandas as pd
    from pvlib.location import Location

    middle = pd.date_range(calendar.start, periods=steps, freq="h") + pd.Timedelta(minutes=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sky = Location(*PLACE[:2], altitude=PLACE[2]).get_clearsky(middle.tz_convert("UTC"))
    return {name: sky[name].to_numpy() for name in ("ghi", "dhi", "dni")}


def test_flat_modules_see_the_global_irradiance() -> None:
    calendar = Calendar("2018-06-15", "America/Denver")
    measured = clear_irradiance(calendar, 24)
    sky = MeasuredSky(calendar, *PLACE, [FLAT], measured["ghi"], measured["dhi"])
    kwh = generated(sky, 24)[:, 0]
    # But for the sun's first and last minutes, which no direct beam is worked out for.
    np.testing.assert_allclose(kwh, 0.8 * measured["ghi"] / 1000, atol=0.012)


def test_a_measured_clear_sky_is_the_clear_sky() -> None:
    calendar = Calendar("2018-06-15", "America/Denver")
    measured = clear_irradiance(calendar, 48)
    modules = [SOUTH, NORTH]
    clear = generated(ClearSky(calendar, *PLACE, modules), 48)
    both = {"dhi": measured["dhi"], "dni": measured["dni"]}
    for known in (both, {"dhi": both["dhi"]}, {"dni": both["dni"]}):
        sky = MeasuredSky(calendar, *PLACE, modules, measured["ghi"], **known)
        np.testing.assert_allclose(generated(sky, 48), clear, atol=0.03)
    split = MeasuredSky(calendar, *PLACE, modules, measured["ghi"])
    assert generated(split, 48).sum() == pytest.approx(clear.sum(), rel=0.1)


def test_no_irradiance_no_generation() -> None:
    calendar = Calendar("2018-06-15", "America/Denver")
    sky = MeasuredSky(calendar, *PLACE, [SOUTH], np.zeros(24))
    assert not generated(sky, 24).any()


def test_a_measured_year_has_the_yield_of_its_place(shared: Path, tmp_path: Path) -> None:
    dataset = load_dataset(us_weather(shared / "data", tmp_path / "weather"), ("weather",))
    calendar = Calendar("2018-01-01T00:00", "America/Denver")
    steps = 8760
    weather = dataset.series["weather"]
    ghi, dni, dhi = (weather.over(name, calendar, steps)[:, 0] for name in ("ghi", "dni", "dhi"))
    known = generated(MeasuredSky(calendar, *PLACE, [SOUTH], ghi, dhi, dni), steps)[:, 0]
    derived = generated(MeasuredSky(calendar, *PLACE, [SOUTH], ghi, dhi), steps)[:, 0]
    split = generated(MeasuredSky(calendar, *PLACE, [SOUTH], ghi), steps)[:, 0]
    # Fort Collins is sunny: about 1,950 kWh/m2 a year on modules to the south.
    assert known.sum() == pytest.approx(0.8 * 1950, rel=0.05)
    assert derived.sum() == pytest.approx(known.sum(), rel=0.03)
    assert split.sum() == pytest.approx(known.sum(), rel=0.05)
    assert known.max() < 0.8 * 1.3
