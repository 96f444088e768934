"""Shortest ways through a network, by relaxing every road until nothing changes."""

from collections.abc import Iterable, Mapping


def shortest(
    roads: Iterable[tuple[str, str, float]], start: str, junctions: Iterable[str]
) -> Mapping[str, float]:
    """Return the least sum of what roads cost from one junction to each other (Bellman and Ford).

    Parameters
    ----------
    roads : iterable of (str, str, float)
        Start, end and cost of each road in one direction.
    start : str
        The junction.
    junctions : iterable of str
        All of them.
    """
    best = dict.fromkeys(junctions, float("inf"))
    best[start] = 0.0
    roads = list(roads)
    changed = True
    while changed:
        changed = False
        for here, there, cost in roads:
            if best[here] + cost < best[there]:
                best[there] = best[here] + cost
                changed = True
    return best
