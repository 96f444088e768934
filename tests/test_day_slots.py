"""The steps of a local day, also where the clocks change."""

import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.day_slots import slot_by_clock, slots_by_clock, steps_of_day


@pytest.mark.parametrize(
    ("start", "slots"),
    [("2021-03-27", 96), ("2021-03-28", 92), ("2021-10-31", 100), ("2021-01-12T18:00", 96)],
)
def test_a_day_has_the_slots_that_the_clocks_give_it(start: str, slots: int) -> None:
    calendar = Calendar(start, "Europe/Berlin", 0.25)
    day = steps_of_day(calendar, 0)
    assert len(day) == slots
    assert 0 in day
    assert calendar.hour_of_day(day.start) == 0
    assert {calendar.date_of(step) for step in day} == {calendar.start.date()}
    assert steps_of_day(calendar, day.stop).start == day.stop


@pytest.mark.parametrize(("step_h", "slots"), [(1.0, 24), (0.25, 96), (1 / 12, 288), (5.0, 5)])
def test_the_clock_divides_a_day_into_slots(step_h: float, slots: int) -> None:
    calendar = Calendar("2021-01-12", "Asia/Seoul", step_h)
    assert slots_by_clock(step_h) == slots
    day = steps_of_day(calendar, 0)
    assert [slot_by_clock(calendar, step) for step in day] == list(range(len(day)))
    for step in range(-50, 500):
        assert 0 <= slot_by_clock(calendar, step) < slots


def test_a_slot_of_the_clock_is_the_same_before_and_after_the_change() -> None:
    calendar = Calendar("2021-03-27", "Europe/Berlin", 0.5)
    noon = [step for step in range(96) if calendar.hour_of_day(step) == 12]
    assert {slot_by_clock(calendar, step) for step in noon} == {24}
