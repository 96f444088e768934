"""Compiled kernels behind the rules of arrays, where Numba is installed and arrays are long.

A kernel does in one loop over rows what a rule does in one array operation after another: every
operation on the same numbers and in the same order, without fused or reordered arithmetic, so that
both give the same bits. NumPy alone gives all results; kernels give them sooner.

Machine code is compiled once on a machine and kept on disk beside the bytecode. Importing Numba and
loading that code takes about a second all the same, so rules work until they have done as much: a
small run neither imports Numba nor compiles anything.
"""

import functools
import importlib.util
import os
from collections.abc import Callable, Sized
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray

# Rows from which a kernel takes the place of an array rule.
FROM_ROWS = 100
# Rows that array rules work on before kernels are loaded, a call counting as some rows: what they
# take for it is about what loading takes.
LOADED_AFTER = 50_000_000
ROWS_OF_A_CALL = 1000
# With the value "off" none is used.
VARIABLE = "HMESH_KERNELS"

_done = 0


def compiled_for(rows: int) -> bool:
    """Return whether a kernel takes the place of an array rule for as many rows."""
    global _done
    if rows < FROM_ROWS or not _installed():
        return False
    if _done < LOADED_AFTER:
        _done += rows + ROWS_OF_A_CALL
        return False
    return True


@functools.cache
def _installed() -> bool:
    switched_off = os.environ.get(VARIABLE, "").lower() == "off"
    return not switched_off and importlib.util.find_spec("numba") is not None


class Kernel[R]:
    """A loop over rows, compiled when it is first called."""

    def __init__(self, function: Callable[..., R], signature: str) -> None:
        self.function, self.signature = function, signature
        self.compiled: Callable[..., R] | None = None
        functools.update_wrapper(self, function)
        KERNELS.append(self)

    def __call__(self, *given: Any) -> R:
        """Run the loop."""
        if self.compiled is None:
            self.compiled = _compile(self.function, self.signature)
        return self.compiled(*given)


KERNELS: list[Kernel[Any]] = []


def kernel[R](signature: str) -> Callable[[Callable[..., R]], Kernel[R]]:
    """Return a decorator that makes a kernel of a loop over rows.

    Parameters
    ----------
    signature : str
        Types of its arguments, such as ``"f8[] i2[]! f8"``: a NumPy type for a number, with ``[]``
        for an array that is only read, whatever its strides, ``[,]`` for one of two dimensions,
        ``[]=`` for a contiguous one that is only read, whose numbers may be worked on several at
        once, and ``[]!`` for a contiguous one that is written. So one compilation serves all
        arrays.
    """
    return lambda function: Kernel(function, signature)


def _compile(function: Callable[..., Any], signature: str) -> Any:
    import numba
    from numba.core import types

    def type_of(word: str) -> Any:
        scalar = numba.from_dtype(np.dtype(word.rstrip("[,]!=")))
        if "[" not in word:
            return scalar
        dimensions = 1 + word.count(",")
        if word.endswith(("!", "=")):
            return types.Array(scalar, dimensions, "C", readonly=word.endswith("="))
        return types.Array(scalar, dimensions, "A", readonly=True)

    arguments = tuple(type_of(word) for word in signature.split())
    compiled = functools.partial(numba.njit, arguments, nogil=True, error_model="numpy")
    try:
        return compiled(cache=True)(function)
    except RuntimeError:
        # No folder can be written to in which the code could be kept.
        return compiled()(function)


def whole(column: float | FloatArray, rows: Sized) -> FloatArray:
    """Return a column of as many rows, without memory of its own if it is one number for all."""
    if isinstance(column, np.ndarray) and column.ndim and column.dtype == np.float64:
        return column
    one = np.array(column, dtype=np.float64)
    return np.ndarray((len(rows),), np.float64, one, strides=(0,))
