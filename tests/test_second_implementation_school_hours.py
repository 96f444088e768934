"""The second implementation of charging windows, rounds ahead and critical hours."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.school_rounds import SchoolRounds, charging_window, rounds_of_days
from hmesh.runs.audits.reference.school_hours import SchoolHours
from hmesh.runs.schemes.school_buses.setting import SchoolSetting
from tests.test_school_rounds import calendar_from

HOURS = st.integers(0, 48).map(lambda halves: halves / 2)


class Forecast:
    """A demand of its own for every step."""

    def __init__(self, days: list[int], demand_kwh: np.ndarray[Any, Any]) -> None:
        self.days, self.held = days, demand_kwh

    def demand_kwh(self, steps: Any) -> np.ndarray[Any, Any]:
        return self.held[list(steps)]

    def day(self, step: int) -> range:
        first = self.days.index(self.days[step])
        return range(first, first + self.days.count(self.days[step]))


@settings(max_examples=40)
@given(
    day=st.integers(0, 340),
    hour=st.integers(0, 23),
    step_h=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    window=st.tuples(HOURS, HOURS).filter(lambda w: w[0] < 24 and w[0] != w[1]),
    rounds=st.lists(
        st.tuples(st.floats(0, 23.9), st.floats(0, 23.9)).filter(lambda r: r[0] != r[1]), max_size=3
    ),
    seed=st.integers(0, 2**32 - 1),
    share=st.none() | st.floats(0.5, 1.0),
)
def test_windows_rounds_and_critical_hours_are_those_of_the_run(
    day: int,
    hour: int,
    step_h: float,
    window: tuple[float, float],
    rounds: list[tuple[float, float]],
    seed: int,
    share: float | None,
) -> None:
    calendar = calendar_from(f"{date(2023, 1, 1) + timedelta(days=day)}T{hour:02d}:00", step_h)
    steps = round(54 / step_h)
    is_open, opens = charging_window(calendar, steps, *window)
    days = [calendar.day_of(step) for step in range(steps)]
    base_kw = None if share is not None else 60.0
    forecast = Forecast(days, 100 * step_h * np.random.default_rng(seed).random(steps))
    critical = SimpleNamespace(base_kw=base_kw, share_of_peak=share)
    made: Any = SimpleNamespace(critical=critical)
    nothing: Any = None
    setting = SchoolSetting(
        rules=made, schools=nothing, buses=nothing, nodes=nothing,
        rounds=SchoolRounds.of(calendar, steps, rounds, opens, is_open), hours=(),
        window=is_open, opens=opens, forecast=forecast, step_h=step_h,  # type: ignore[arg-type]
    )  # fmt: skip
    again = SchoolHours(
        [calendar.hour_of_day(step) for step in range(steps)], days, step_h, window,
        list(rounds_of_days(calendar, -1, days[-1], rounds)),
        lambda step: float(forecast.held[step]), base_kw, share,
    )  # fmt: skip
    for step in range(steps):
        assert again.is_open(step) == is_open[step]
        assert again.opens(step) == opens[step]
        assert again.ahead(step) == setting.rounds.ahead[step]
        assert again.base_kwh(step) == setting.base_kwh(step)
        assert again.is_critical(step) == setting.is_critical(step)
        assert again.critical_block(step) == setting.critical_block(step)
        if opens[step]:
            assert again.valley(step) == setting.valley(step).tolist()
