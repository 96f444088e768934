"""What many batteries exchange in all."""

from collections.abc import Iterator

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.environment.row_threads import PIECE_ROWS, at_once
from hmesh.markets.answer_kernels import exchanged_sums

type Sums = tuple[float, float, float]


def sums_of_exchange(exchange_kwh: FloatArray) -> Sums:
    """Return what batteries exchange in all, and what of it they charge and discharge [kWh].

    Parameters
    ----------
    exchange_kwh : array, shape (n,)
        What each exchanges, above 0 charging [kWh].
    """
    if not compiled_for(len(exchange_kwh)):
        return (
            float(exchange_kwh.sum()),
            float(np.maximum(exchange_kwh, 0.0).sum()),
            float(np.maximum(-exchange_kwh, 0.0).sum()),
        )
    exchange = np.ascontiguousarray(exchange_kwh)
    parts = list(_halved(0, len(exchange)))
    sums = at_once(parts, lambda part: exchanged_sums(exchange[part]))
    return _added(0, len(exchange), iter(sums))


def _half(begin: int, end: int) -> int:
    """Return where `numpy.sum` halves some numbers; `end` for few that are one part."""
    count = end - begin
    return end if count <= PIECE_ROWS else begin + count // 2 - (count // 2) % 8


def _halved(begin: int, end: int) -> Iterator[slice]:
    """Yield the parts of numbers that `numpy.sum` adds up by halves, in their order."""
    half = _half(begin, end)
    if half == end:
        yield slice(begin, end)
        return
    yield from _halved(begin, half)
    yield from _halved(half, end)


def _added(begin: int, end: int, sums: Iterator[Sums]) -> Sums:
    """Add up what the parts of some numbers amount to, as `numpy.sum` does."""
    half = _half(begin, end)
    if half == end:
        return next(sums)
    first, second = _added(begin, half, sums), _added(half, end, sums)
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]
