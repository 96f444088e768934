"""What a page carries compressed: texts, and the bytes of all its arrays as one of them."""

import base64
import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np


class Packer:
    """Gathers arrays and records where each of them lies.

    Numbers are kept to seven digits, which is more than a screen can show.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        # Many charts have the same time axis.
        self._known: dict[bytes, int] = {}

    def pack(self, value: Any) -> Any:
        """Return plain data for JSON: nested mappings and lists, with arrays named by their place.

        Raises
        ------
        TypeError
            When an array holds neither numbers nor names.
        """
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not np.isfinite(value):
            return None
        if isinstance(value, Mapping):
            return {key: self.pack(held) for key, held in value.items()}
        if isinstance(value, list | tuple):
            return [self.pack(held) for held in value]
        return value

    def text(self) -> str:
        """Return the bytes of all arrays, compressed."""
        return compressed(b"".join(self._pieces))

    def _array(self, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        kind = {"f8": "f4", "i8": "i4", "b1": "u1"}.get(array.dtype.str[1:], array.dtype.str[1:])
        if kind not in ("f4", "u1", "u2", "u4", "i2", "i4"):
            raise TypeError(f"a page cannot hold an array of {array.dtype}")
        held = np.ascontiguousarray(array, dtype=f"<{kind}").tobytes()
        # A typed array of a browser begins at a multiple of its item's size.
        held += b"\0" * (-len(held) % 4)
        digest = sha256(held).digest()
        if digest not in self._known:
            self._known[digest] = self._size
            self._pieces.append(held)
            self._size += len(held)
        return {"$": kind, "at": self._known[digest], "shape": list(array.shape)}


def compressed(held: bytes) -> str:
    """Return bytes compressed by zlib and written in base64, as the page takes them."""
    return base64.b64encode(zlib.compress(held, 9)).decode("ascii")
