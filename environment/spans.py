"""Times from one moment to another, and which part of a step they fill together."""

from collections.abc import Iterable

type Span = tuple[int, int]


def part_within(spans: Iterable[Span], begin_ms: int, end_ms: int) -> float:
    """Return the part of a step that some times fill together, 0 to 1.

    What two of them fill counts once.

    Parameters
    ----------
    spans : iterable of (int, int)
        Each from when to when [ms].
    begin_ms, end_ms : int
        The step [ms].
    """
    filled, reached = 0, begin_ms
    for first, last in sorted(spans):
        first, last = max(first, reached), min(last, end_ms)
        if last > first:
            filled += last - first
            reached = last
    return filled / (end_ms - begin_ms)
