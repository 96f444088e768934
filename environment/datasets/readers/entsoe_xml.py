"""Day-ahead prices as the interface of ENTSO-E's Transparency Platform answers, in XML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions
from hmesh.environment.errors import InputError, Problem, missing_file, shortened

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_RESOLUTIONS = {"PT15M": 15, "PT30M": 30, "PT60M": 60, "PT1H": 60}
_CET = "Europe/Brussels"
# Curves of blocks: a position that is left out has the price of the one before.
_BLOCKS = "A03"
_PRICES = "Publication_MarketDocument"
_PER_MWH = 1e-3


@dataclass(frozen=True, slots=True)
class _Period:
    """Prices of intervals that follow each other: start in UTC, length [min], prices per MWh."""

    start: datetime
    minutes: int
    prices: list[float]

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes * len(self.prices))


def read_entsoe_xml(source: Path, options: ImportOptions) -> Foreign:
    """Read a price document (A44) of one bidding zone, in UTC.

    Prices of hours and of quarter-hours may follow each other; the dataset has the finer intervals.
    Where it holds several auctions of a day, the first one counts.

    Parameters
    ----------
    source : Path
        The file.
    options : ImportOptions
        What a person states about it; nothing is needed.

    Raises
    ------
    InputError
        If it is no such document, holds several zones or currencies, or lacks a price.
    """
    import pandas as pd

    root = _root(source)
    zones, currencies, units = set[str](), set[str](), set[str]()
    periods: list[_Period] = []
    problems: list[Problem] = []
    for number, series in enumerate(_children(root, "TimeSeries"), 1):
        place = f"{source}, TimeSeries {number}"
        auction = _text(series, "classificationSequence_AttributeInstanceComponent.position")
        if auction not in ("", "1"):
            continue
        zones.add(_text(series, "in_Domain.mRID"))
        currencies.add(_text(series, "currency_Unit.name"))
        units.add(_text(series, "price_Measure_Unit.name").upper())
        blocks = _text(series, "curveType") == _BLOCKS
        for period in _children(series, "Period"):
            try:
                periods.append(_period(period, blocks=blocks))
            except ValueError as error:
                problems.append(Problem(place, str(error)))
    for found, what, allowed in ((zones, "zones", "one bidding zone"),
                                 (currencies, "currencies", "one currency")):  # fmt: skip
        if len(found) > 1:
            message = f"holds the {what} {', '.join(sorted(found))}"
            problems.append(Problem(str(source), message, allowed))
    if units - {"MWH"}:
        message = f"has prices per {', '.join(sorted(units))}"
        problems.append(Problem(str(source), message, "MWH"))
    if not periods and not problems:
        problems.append(Problem(str(source), "holds no prices"))
    if problems:
        raise InputError(shortened(problems))
    periods.sort(key=lambda each: each.start)
    step = min(each.minutes for each in periods)
    rows = [
        (each.start + timedelta(minutes=each.minutes * n + step * part), price * _PER_MWH)
        for each in periods
        for n, price in enumerate(each.prices)
        for part in range(each.minutes // step)
    ]
    lengths = sorted({each.minutes for each in periods})
    notes = [f"Day-ahead prices of {next(iter(zones))}."]
    if len(lengths) > 1:
        notes.append(f"Prices of {' and '.join(map(str, lengths))} min, each held over its own.")
    currency = next(iter(currencies)) or options.needed("currency", "the prices name none", "EUR")
    return Foreign(
        name=source.stem,
        source="ENTSO-E Transparency Platform",
        licence=options.licence or "terms of the ENTSO-E Transparency Platform",
        time_zone=options.time_zone or _CET,
        clock="utc",
        labels="start",
        start=periods[0].start,
        end=max(each.end for each in periods),
        resolution=step,
        currency=currency,
        tables={"market": pd.DataFrame(rows, columns=["time", "price"])},
        notes=tuple(notes),
    )


def _root(source: Path) -> "Element":
    """Return the document, which may hold no declarations of its own."""
    if problems := missing_file(source):
        raise InputError(problems)
    content = source.read_bytes()
    # Entities that a file declares could grow beyond any memory.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError([Problem(str(source), "declares a document type", "a plain document")])
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise InputError([Problem(str(source), f"is no XML: {error}")]) from None
    kind = _name(root)
    if kind == "Acknowledgement_MarketDocument":
        reasons = [_text(reason, "text") for reason in _children(root, "Reason")]
        message = f"is an answer without data: {'; '.join(reasons)}"
        raise InputError([Problem(str(source), message)])
    if kind != _PRICES:
        raise InputError([Problem(str(source), f"is a {kind}", f"a {_PRICES} of prices, A44")])
    return root


def _period(period: "Element", *, blocks: bool) -> _Period:
    """Return the prices of a period, each position with one.

    Raises
    ------
    ValueError
        If a time, a price or a position is missing or wrong.
    """
    times = next(_children(period, "timeInterval"), None)
    if times is None:
        raise ValueError("a period has no timeInterval")
    start, end = (_time(_text(times, name)) for name in ("start", "end"))
    resolution = _text(period, "resolution")
    if resolution not in _RESOLUTIONS:
        raise ValueError(f"resolution {resolution!r} is none of {', '.join(_RESOLUTIONS)}")
    minutes = _RESOLUTIONS[resolution]
    count, rest = divmod(round((end - start).total_seconds() / 60), minutes)
    if rest or count < 1:
        raise ValueError(f"{start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} are no {resolution}")
    known: dict[int, float] = {}
    for point in _children(period, "Point"):
        place, text = _text(point, "position"), _text(point, "price.amount")
        if not place.isdigit() or not 1 <= int(place) <= count or int(place) in known:
            raise ValueError(f"position {place!r} is none of 1 to {count}, each once")
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise ValueError(f"price {text!r} at position {place} is no number")
        known[int(place)] = float(text)
    prices: list[float] = []
    for number in range(1, count + 1):
        if number not in known and not (blocks and prices):
            raise ValueError(
                f"position {number} of {count} from {start:%Y-%m-%dT%H:%MZ} is missing"
            )
        prices.append(known[number] if number in known else prices[-1])
    return _Period(start, minutes, prices)


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC).replace(tzinfo=None)
    except ValueError:
        raise ValueError(f"{text!r} is no time such as 2024-01-01T23:00Z") from None


def _name(element: "Element") -> str:
    return element.tag.rpartition("}")[2]


def _children(element: "Element", name: str) -> Iterator["Element"]:
    return (child for child in element if _name(child) == name)


def _text(element: "Element", name: str) -> str:
    child = next(_children(element, name), None)
    return "" if child is None or child.text is None else child.text.strip()
