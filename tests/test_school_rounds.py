from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.calendar import Calendar
from hmesh.environment.school_rounds import SchoolRounds, charging_window
from hmesh.environment.school_terms import SchoolTerms
from hmesh.runs import load_scenario
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings

ROUNDS = ((6.0, 8.0), (15.0, 17.0))


def calendar_from(start: str, step_h: float = 1.0) -> Calendar:
    terms = SchoolTerms(((date(2023, 1, 3), date(2023, 12, 22)),))
    return Calendar(start, "America/Detroit", step_h, "US", "MI", terms)


@given(
    st.integers(0, 360),
    st.integers(0, 23),
    st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0]),
    st.tuples(st.floats(5, 8), st.floats(0.5, 3)),
)
def test_rounds_are_driven_in_full_on_school_days_and_on_no_other(
    day: int, hour: int, step_h: float, first: tuple[float, float]
) -> None:
    start = date(2023, 1, 1) + timedelta(days=day)
    calendar = calendar_from(f"{start}T{hour:02d}:00", step_h)
    steps = round(24 * 14 / step_h)
    rounds = ((first[0], sum(first)), (15.0, 17.0))
    window, opens = charging_window(calendar, steps, 22.0, 6.0)
    found = SchoolRounds.of(calendar, steps, rounds, opens, window)
    days = calendar.days_of(0, steps)
    for d in range(1, 13):
        today = days == d
        school = calendar.is_school_day(start + timedelta(days=d))
        # The clocks change at two, so that every round lasts as long as it says.
        total = found.share[today].sum()
        assert total == pytest.approx(2.0 if school else 0.0, abs=1e-9)
        assert found.ends[today].sum() == (2 if school else 0) or step_h > 1.0
    assert np.all(found.share >= 0)
    for step in np.flatnonzero(opens).tolist():
        assert window[step]
        assert step == 0 or not window[step - 1]


def test_rounds_ahead_are_those_before_the_next_window_opens() -> None:
    calendar = calendar_from("2023-01-09T00:00")  # a Monday
    window, opens = charging_window(calendar, 72, 22.0, 6.0)
    rounds = SchoolRounds.of(calendar, 72, ROUNDS, opens, window)
    assert np.flatnonzero(rounds.share[:24]).tolist() == [6, 7, 15, 16]
    assert np.flatnonzero(rounds.ends[:24]).tolist() == [7, 16]
    assert rounds.ahead[:24].tolist() == [2] * 6 + [1] * 9 + [0] * 7 + [2] * 2
    assert rounds.share[6] == 0.5


def test_nobody_drives_on_weekends_and_holidays() -> None:
    calendar = calendar_from("2023-01-13T00:00")  # Friday before Martin Luther King Day
    window, opens = charging_window(calendar, 120, 22.0, 6.0)
    share = SchoolRounds.of(calendar, 120, ROUNDS, opens, window).share.reshape(5, 24).sum(axis=1)
    assert share.tolist() == [2.0, 0.0, 0.0, 0.0, 2.0]
    without = Calendar("2023-01-13T00:00", "America/Detroit")
    assert not SchoolRounds.of(without, 120, ROUNDS, opens, window).share.any()


def test_a_window_may_pass_midnight_or_not() -> None:
    calendar = calendar_from("2023-01-09T00:00")
    night, opens = charging_window(calendar, 48, 22.0, 6.0)
    assert np.flatnonzero(night[:24]).tolist() == [0, 1, 2, 3, 4, 5, 22, 23]
    assert np.flatnonzero(opens).tolist() == [0, 22, 46]
    always, opens = charging_window(calendar, 48, 0.0, 24.0)
    assert always.all()
    assert np.flatnonzero(opens).tolist() == [0, 24]
    wrapped, opens = charging_window(calendar, 72, 12.0, 11.0)
    assert np.flatnonzero(~wrapped).tolist() == [11, 35, 59]
    assert np.flatnonzero(opens).tolist() == [0, 12, 36, 60]
    noon, opens = charging_window(calendar, 48, 11.0, 14.0)
    assert np.flatnonzero(noon[:24]).tolist() == [11, 12, 13]
    assert np.flatnonzero(opens).tolist() == [11, 35]


def test_a_round_past_midnight_ends_on_the_day_after_a_school_day() -> None:
    calendar = calendar_from("2023-01-13T00:00", 0.5)  # Friday before Martin Luther King Day
    window, opens = charging_window(calendar, 240, 22.0, 6.0)
    rounds = SchoolRounds.of(calendar, 240, ((6.0, 8.0), (23.0, 1.0)), opens, window)
    driven = (np.flatnonzero(rounds.share) / 2).tolist()
    # Thursday's round ends as the run begins; the next school day is Tuesday.
    late, early = [23.0, 23.5, 24.0, 24.5], [6.0, 6.5, 7.0, 7.5]
    assert driven == [0.0, 0.5, *early, *late, *(96 + h for h in early), 119.0, 119.5]
    assert rounds.share[:2].tolist() == [0.25, 0.25]
    assert (np.flatnonzero(rounds.ends) / 2).tolist() == [0.5, 7.5, 24.5, 103.5]
    # At 21 a bus keeps the energy of the round at 23, an hour after the window opens.
    assert rounds.ahead[2 * 21] == 1
    assert rounds.ahead[2 * 9] == 1


def test_a_round_within_the_charging_window_counts_unless_it_never_closes() -> None:
    calendar = calendar_from("2023-01-09T00:00")  # a Monday
    rounds = ((10.0, 11.0), (12.0, 13.0))
    window, opens = charging_window(calendar, 48, 9.0, 14.0)
    found = SchoolRounds.of(calendar, 48, rounds, opens, window)
    assert found.ahead[:24].tolist() == [2] * 9 + [4] + [3] * 2 + [2] * 12
    window, opens = charging_window(calendar, 48, 0.0, 24.0)
    found = SchoolRounds.of(calendar, 48, rounds, opens, window)
    assert found.ahead[:24].tolist() == [2] * 10 + [1] * 2 + [0] * 12


@pytest.mark.parametrize("step_h", [1.0, 0.5, 0.25])
def test_steps_of_a_window_lie_within_it(step_h: float) -> None:
    calendar = Calendar("2024-03-11", "Europe/Berlin", step_h)
    steps = round(48 / step_h)
    for opens_h, closes_h in ((22.3, 6.6), (11.5, 13.2), (0.25, 23.75)):
        window, opens = charging_window(calendar, steps, opens_h, closes_h)
        night = closes_h < opens_h
        spans = [(24 * day + opens_h, 24 * (day + night) + closes_h) for day in range(-1, 3)]
        due = [
            any(first <= step * step_h and (step + 1) * step_h <= last for first, last in spans)
            for step in range(steps)
        ]
        assert window.tolist() == due
        assert 2 <= opens.sum() <= 3


def test_a_window_without_a_step_is_reported() -> None:
    scenario = load_scenario("school-buses", ("school_buses.charging_window=[22, 22.5]",))
    warnings = [str(each) for each in scenario_warnings(scenario)]
    assert any("no step of 1 h lies within it" in each for each in warnings), warnings


def test_a_step_that_is_longer_than_a_window_past_midnight_is_not_in_it() -> None:
    calendar = calendar_from("2023-01-09T21:00", 2.0)
    window, opens = charging_window(calendar, 13, 23.0, 0.0)
    assert not window.any()
    assert not opens.any()
    window, opens = charging_window(calendar, 13, 23.0, 1.0)
    assert np.flatnonzero(window).tolist() == np.flatnonzero(opens).tolist() == [1]
