"""The synthetic buildings: what they were calibrated to, and that more of them change nothing."""

import numpy as np
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.commercial_buildings import BUSINESSES, CommercialBuildings, District
from hmesh.environment.streams import Streams

YEAR = 8760


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return Calendar("2013-04-01", "Asia/Tokyo")


@pytest.fixture(scope="module")
def year(calendar: Calendar) -> np.ndarray:
    buildings = CommercialBuildings(calendar, Streams(1), 39)
    return np.array([buildings.load_kwh(step) for step in range(YEAR)]).T.reshape(39, 365, 24)


def test_the_year_is_that_of_the_published_buildings(year: np.ndarray) -> None:
    total = year.sum(axis=0)
    assert total.max() == pytest.approx(44_300)
    assert total.sum() / 1e6 == pytest.approx(109, rel=0.06)
    assert total.std() == pytest.approx(7_793, rel=0.07)
    assert total.mean(axis=1).std() == pytest.approx(4_822, rel=0.05)
    hottest = int(total.max(axis=1).argmax())
    assert 90 < hottest < 180  # July to September
    assert total[hottest].min() == pytest.approx(13_123, rel=0.03)
    assert total[244:334].max() == pytest.approx(28_390, rel=0.03)  # December to February


def test_closed_days(year: np.ndarray) -> None:
    assert [days for _, days in BUSINESSES].count("none") == 15
    assert [days for _, days in BUSINESSES].count("sunday") == 4
    # 1 April 2013 was a Monday.
    weekly = year[:, :364].reshape(39, 52, 7, 24)
    swing = weekly[..., 8:20].max(axis=(1, 3)) - weekly[..., 2:5].min(axis=(1, 3))
    night = np.ptp(weekly, axis=3).max(axis=1)
    for row, (_, days) in enumerate(BUSINESSES):
        for weekday, closed in ((4, False), (5, days == "weekend"), (6, days != "none")):
            flat = night[row, weekday] < 1e-9
            assert flat == closed, (row, days, weekday, swing[row])


def test_more_buildings_and_other_steps_change_only_the_scale(calendar: Calendar) -> None:
    few = CommercialBuildings(calendar, Streams(3), 3).load_kwh(4000)
    more = CommercialBuildings(calendar, Streams(3), 9).load_kwh(4000)
    np.testing.assert_allclose(more[:3] / more[0], few / few[0])
    quarter = Calendar("2013-04-01", "Asia/Tokyo", 0.25)
    fine = CommercialBuildings(quarter, Streams(3), 3)
    hour = sum(fine.load_kwh(4 * 4000 + part) for part in range(4))
    np.testing.assert_allclose(hour / hour[0], few / few[0])


def test_days_before_1970_have_streams_too() -> None:
    early = CommercialBuildings(Calendar("1968-05-01", "Asia/Tokyo"), Streams(1), 3)
    assert (early.load_kwh(0) > 0).all()


def test_holidays_are_sundays() -> None:
    holidays = Calendar("2013-12-23", "Europe/Berlin", holiday_country="DE")
    buildings = CommercialBuildings(holidays, Streams(1), 39, District(activity_spread=0.0))
    christmas = np.array([buildings.load_kwh(48 + hour) for hour in range(24)])
    closed = np.array([days != "none" for _, days in BUSINESSES])
    assert (np.ptp(christmas, axis=0)[closed] < 1e-9).all()
    assert (np.ptp(christmas, axis=0)[~closed] > 0).all()
