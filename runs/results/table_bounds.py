"""How much memory a table takes, known from its file before any of it is unpacked.

A file of a few bytes may say that it holds a thousand million rows, all of them the same, or unpack
to a name that fills the memory. The size of every page stands in its header, in the compact
protocol of Thrift, and what the end of a file says about them need not be true. So the headers are
read here: Apache Parquet Format 2.11, ``parquet.thrift``.
"""

import math
import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import refuse_unbounded

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_POSIX = hasattr(os, "sysconf")
_BYTES_PER_VALUE = 8
# Of the memory of this machine, what a table may take that is read as a whole: it is copied into
# arrays, and others are held at the same time.
SHARE_OF_MEMORY = 1 / 8
# A party is named after its community, its group and itself, each of 200 bytes at most.
LONGEST_NAME_BYTES = 1_000
# Pages that hMESH writes have one or two million bytes.
MOST_PAGE_BYTES = 16 * 2**20
# Tables with a row for each step, strategy and community, and no other.
BY_COMMUNITY = ("hours",)

# Fields of a page header and of what it holds, by their numbers.
_KIND, _UNPACKED, _PACKED, _DATA, _NAMES, _DATA_2 = 1, 2, 3, 5, 7, 8
_ENCODING = {_DATA: 2, _NAMES: 2, _DATA_2: 4}
# Plain, and by a dictionary; all others may repeat a part of a name in a few bits.
_ENCODINGS = {0, 2, 3, 8}
_DEEPEST = 8


@dataclass(frozen=True)
class _Page:
    """A page: whether it is a dictionary of names, and how many bytes it unpacks to."""

    names: bool
    unpacked_bytes: int


def most_bytes() -> float:
    """Return how much memory a table may take that is read as a whole [bytes]."""
    if not _POSIX:
        return math.inf
    return SHARE_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def size_in_memory(rows: int, columns: int) -> int:
    """Return how much memory rows of numbers take [bytes]."""
    return rows * columns * _BYTES_PER_VALUE


def too_many_rows(rows: int, columns: int) -> str:
    """Return what is wrong with a table that has more rows than may be read, or ""."""
    if size_in_memory(rows, columns) <= most_bytes():
        return ""
    return (
        f"holds {rows:,} rows, more than a table may have that is read as a whole: "
        f"{SHARE_OF_MEMORY:.3g} of the memory of this machine"
    )


def most_rows(table: str, info: dict[str, Any]) -> float:
    """Return how many rows a table may have by run.json, infinity where that does not say so."""
    if table not in BY_COMMUNITY:
        return math.inf
    scenario = info["scenario"]
    count = len(scenario["strategies"]) * len(scenario.get("communities", ()))
    return int(info["steps_total"]) * count


def refuse_large(
    path: Path, described: "pq.FileMetaData", columns: Sequence[str], *, whole: bool = True
) -> None:
    """Refuse a table that would take more memory than it may.

    Parameters
    ----------
    path : Path
        Its file.
    described : pyarrow.parquet.FileMetaData
        What the end of the file says.
    columns : sequence of str
        Those that are to be read.
    whole : bool, optional
        Whether all rows are held at once.

    Raises
    ------
    InputError
        When it would, when names are longer than any that hMESH writes, or when a page is none.
    """
    refuse_unbounded(path)
    places = {described.schema.column(n).path: n for n in range(described.num_columns)}
    numbers = [places[name] for name in columns if name in places]
    if whole and (message := too_many_rows(described.num_rows, len(numbers))):
        raise InputError([Problem(str(path), message)])
    unpacked = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for group in range(described.num_row_groups):
            rows = described.row_group(group).num_rows
            for number in numbers:
                chunk = described.row_group(group).column(number)
                for page in _pages(path, content, chunk):
                    unpacked += page.unpacked_bytes
                    name_bytes = rows * (LONGEST_NAME_BYTES + 4)
                    most = min(MOST_PAGE_BYTES, name_bytes) if page.names else MOST_PAGE_BYTES
                    if page.unpacked_bytes > most:
                        place = f"{path}, column {chunk.path_in_schema}"
                        message = f"has a page that unpacks to {page.unpacked_bytes:,} bytes"
                        raise InputError([Problem(place, message, f"at most {most:,} bytes")])
                if unpacked > most_bytes() and whole:
                    message = f"unpacks to {unpacked:,} bytes and more"
                    allowed = f"at most {SHARE_OF_MEMORY:.3g} of the memory of this machine"
                    raise InputError([Problem(str(path), message, allowed)])


def refuse_large_part(path: Path) -> None:
    """Refuse a part of a table, as interrupted runs leave them, as `refuse_large` does.

    Raises
    ------
    InputError
        Also when it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        refuse_unbounded(path)
        described = pq.read_metadata(path)
        refuse_large(path, described, described.schema.names)
    except (OSError, pa.ArrowException) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None


def _pages(path: Path, content: mmap.mmap, chunk: Any) -> Iterator[_Page]:
    """Yield every page of a column of a group of rows."""
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < at:
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    try:
        while at < end:
            header, at = _struct(content, at, _DEEPEST)
            about = next((kind for kind in _ENCODING if kind in header), None)
            packed, unpacked = header[_PACKED], header[_UNPACKED]
            if packed < 0 or unpacked < 0:
                raise ValueError("a page has no size")
            if about is not None and header[about][_ENCODING[about]] not in _ENCODINGS:
                raise ValueError(f"pages are encoded by {header[about][_ENCODING[about]]}")
            # A page of data that ends beyond its column is read by nobody.
            yield _Page(about == _NAMES, unpacked)
            at += packed
    except (IndexError, KeyError, TypeError, ValueError) as error:
        place = f"{path}, column {chunk.path_in_schema}"
        raise InputError([Problem(place, f"cannot be read: {error}")]) from None


# -- the compact protocol of Thrift ----------------------------------------------------------------


def _whole(content: mmap.mmap, at: int) -> tuple[int, int]:
    """Return an unsigned number of variable length, and where what follows starts."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of a page is too long")


def _struct(content: mmap.mmap, at: int, deepest: int) -> tuple[dict[int, Any], int]:
    """Return the fields of a structure by their numbers, and where what follows starts."""
    if deepest == 0:
        raise ValueError("a page is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while byte := content[at]:
        at += 1
        if byte >> 4:
            number += byte >> 4
        else:
            coded, at = _whole(content, at)
            number = (coded >> 1) ^ -(coded & 1)
        fields[number], at = _value(content, at, byte & 0x0F, deepest)
    return fields, at + 1


def _value(content: mmap.mmap, at: int, kind: int, deepest: int) -> tuple[Any, int]:
    """Return a value of a kind, and where what follows starts; of texts and lists their size."""
    match kind:
        case 1 | 2:
            return kind == 1, at
        case 3:
            return content[at], at + 1
        case 4 | 5 | 6:
            coded, at = _whole(content, at)
            return (coded >> 1) ^ -(coded & 1), at
        case 7:
            return None, at + 8
        case 8:
            size, at = _whole(content, at)
            return size, at + size
        case 12:
            return _struct(content, at, deepest - 1)
    # No header of a page holds a list, a set or a mapping.
    raise ValueError(f"a page holds a value of kind {kind}")
