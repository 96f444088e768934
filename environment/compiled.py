"""Compiled kernels behind the rules of arrays, where Numba is installed and arrays are long.

A kernel does in one loop over rows what a rule does in one array operation after another: every
operation on the same numbers and in the same order, without fused or reordered arithmetic, so that
both give the same bits. NumPy alone gives all results; kernels give them sooner.

Machine code is compiled once on a machine and kept on disk beside the bytecode. Short arrays are
never worth it: a small run neither imports Numba nor compiles anything.
"""

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import Any

# Rows from which kernels take the place of the array rules.
FROM_ROWS = 10_000
# With the value "off" none is used.
VARIABLE = "HMESH_KERNELS"


def compiled_for(rows: int) -> bool:
    """Return whether kernels take the place of array rules for as many rows."""
    return rows >= FROM_ROWS and _installed()


@functools.cache
def _installed() -> bool:
    switched_off = os.environ.get(VARIABLE, "").lower() == "off"
    return not switched_off and importlib.util.find_spec("numba") is not None


def kernel[**P, R](signature: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that compiles a loop over rows when it is first called.

    Parameters
    ----------
    signature : str
        Types of its arguments, such as ``"f8[] i2[]! f8"``: a NumPy type for a number, with ``[]``
        for an array that is only read, whatever its strides, and ``[]!`` for a contiguous one that
        is written. So one compilation serves all arrays.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        made: list[Callable[P, R]] = []

        @functools.wraps(function)
        def called(*given: P.args, **named: P.kwargs) -> R:
            if not made:
                made.append(_compile(function, signature))
            return made[0](*given, **named)

        return called

    return decorated


def _compile(function: Callable[..., Any], signature: str) -> Any:
    import numba  # noqa: PLC0415
    from numba.core import types  # noqa: PLC0415

    def type_of(word: str) -> Any:
        scalar = numba.from_dtype(_dtype(word.rstrip("[]!")))
        if "[]" not in word:
            return scalar
        if word.endswith("!"):
            return types.Array(scalar, 1, "C")
        return types.Array(scalar, 1, "A", readonly=True)

    arguments = tuple(type_of(word) for word in signature.split())
    return numba.njit(arguments, cache=True, nogil=True, error_model="numpy")(function)


def _dtype(name: str) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.dtype(name)


def plain[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Return the loop of a kernel as Python runs it, for tests."""
    found: Callable[P, R] = function.__wrapped__  # type: ignore[attr-defined]
    return found
