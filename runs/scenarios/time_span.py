"""When a run takes place: its time zone, start, step and length, each checked."""

from datetime import UTC, datetime, timedelta
from functools import cache

from pydantic import ValidationInfo

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios.base import refuse

# Below a second. Times in the results are whole milliseconds, and steps have to differ in them.
SHORTEST_STEP_H = 0.0002
# Loads and prices of every step are held in memory.
MOST_STEPS = 20_000_000


def known_zone(time_zone: str) -> str:
    """Return a time zone that there is."""
    zones = _time_zones()
    if time_zone not in zones:
        suggestion = nearest(time_zone, zones)
        raise refuse(f"no time zone is called {time_zone!r}", suggestion=suggestion)
    return time_zone


def existing_time(start: str, info: ValidationInfo) -> str:
    """Return a local time that the clocks show, as ISO 8601 has it."""
    try:
        time = datetime.fromisoformat(start)
    except ValueError:
        raise refuse(f"{start!r} is no time") from None
    if time.tzinfo is not None:
        raise refuse(f"{start!r} carries an offset; time_zone states it")
    if "time_zone" in info.data:
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(info.data["time_zone"])
        there = time.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
        if there.replace(tzinfo=None) != time:
            raise refuse(
                f"{start!r} is skipped in {zone.key}, where the clocks go forward then",
                suggestion=there.replace(tzinfo=None).isoformat(timespec="minutes"),
            )
    return time.isoformat(timespec="auto" if time.second or time.microsecond else "minutes")


def part_or_multiple_of_an_hour(step_h: float) -> float:
    """Return a step that meets every hour, or a whole number of them [h]."""
    parts = round(1 / step_h) if step_h < 1 else 0
    step = 1 / parts if parts else float(round(step_h))
    if abs(step - step_h) > 1e-6 * step_h:
        raise refuse(
            f"steps of {step_h:g} h meet neither every hour nor a whole number of hours",
            allowed="1/2, 1/4, 1/12 ... of an hour or 1, 2, 3 ... hours",
        )
    return step


def whole_steps(hours: float, info: ValidationInfo) -> float:
    """Return a length of a whole number of steps, that of the years where these are given [h]."""
    if info.data.get("years") and {"start", "time_zone"} <= info.data.keys():
        hours = _hours_of_years(info.data["start"], info.data["time_zone"], info.data["years"])
    step_h = info.data.get("step_h", hours)
    steps = round(hours / step_h)
    if steps > MOST_STEPS:
        raise refuse(
            f"{hours:g} h are {steps:,} steps of {step_h:g} h",
            allowed=f"at most {MOST_STEPS:,} steps",
        )
    if steps < 1 or abs(steps * step_h - hours) > 1e-9 * hours:
        below, above = max(hours // step_h, 1) * step_h, (hours // step_h + 1) * step_h
        raise refuse(
            f"{hours:g} h is no whole number of steps of {step_h:g} h",
            allowed=f"a multiple of {step_h:g}, such as {below:g} or {above:g}",
        )
    return hours


def _hours_of_years(start: str, time_zone: str, years: int) -> float:
    """Return how long it takes until the clocks show the start again, years later [h]."""
    from zoneinfo import ZoneInfo

    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(time_zone))
    try:
        end = begin.replace(year=begin.year + years)
    except ValueError:
        # A run that begins on 29 February ends on 1 March of a common year.
        end = begin.replace(year=begin.year + years, month=3, day=1)
    return (end.astimezone(UTC) - begin.astimezone(UTC)) / timedelta(hours=1)


@cache
def _time_zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())
