"""Failures and repairs of one thing, one after another."""

from collections.abc import Callable
from math import log1p

DAY_H = 24.0
DAY_MS = 86_400_000

type Span = tuple[int, int]


def times_out(
    days: int, draw: Callable[[int, int], float], up_h: float, down_h: float
) -> list[Span]:
    """Return from when to when something is out, from the start of a run [ms].

    Parameters
    ----------
    days : int
        Days of 24 hours.
    draw : callable
        Returns a uniform draw by day and number of the change within it; change 0 of day 0 settles
        whether it is out at the start.
    up_h, down_h : float
        Mean times from a repair to the next failure, and from a failure to its repair [h]. Both
        are exponential; times are cut off to whole seconds, and drawn again at the end of a day.
    """
    out = draw(0, 0) < down_h / (up_h + down_h)
    since = 0
    found: list[Span] = []
    for day in range(days):
        time_h, change = 0.0, 1
        while True:
            time_h -= log1p(-draw(day, change)) * (down_h if out else up_h)
            if time_h >= DAY_H:
                break
            at = day * DAY_MS + int(time_h * 3600.0) * 1000
            if out:
                found.append((since, at))
            since, out, change = at, not out, change + 1
    if out:
        found.append((since, days * DAY_MS))
    return found
