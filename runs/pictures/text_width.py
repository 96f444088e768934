"""How wide words are on paper, and how they break into lines of a given width."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg

# What stays free beside words at the edges of a sheet [in].
EDGE_IN = 0.16
# As figures are drawn, since letters are fitted to pixels.
_DPI = 160


def width_in(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line in the font of figures [in].

    Parameters
    ----------
    text : str
        The line.
    size : float
        Size of its letters [pt].
    bold : bool, optional
        Whether they are bold.
    """
    from matplotlib import rcParams

    return _width_in(text, size, bold, tuple(rcParams["font.family"]))


@lru_cache(maxsize=4096)
def _width_in(text: str, size: float, bold: bool, family: tuple[str, ...]) -> float:
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=list(family), size=size, weight="bold" if bold else "normal")
    size_of = _renderer().get_text_width_height_descent
    width, _, _ = size_of(text, font, ismath=False)  # type: ignore[no-untyped-call]
    return float(width) / _DPI


@lru_cache(maxsize=1)
def _renderer() -> "RendererAgg":
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]


def lines_within(text: str, room_in: float, size: float, *, bold: bool = False) -> list[str]:
    """Break a text at its spaces into as few lines as a width allows, and these of like length.

    A word that is wider than the room is broken within.

    Parameters
    ----------
    text : str
        The text; its non-breaking spaces stay.
    room_in : float
        Width that is left for it [in].
    size, bold : float, bool
        As `width_in` takes them.
    """

    def width(line: str) -> float:
        return width_in(line, size, bold=bold)

    words = [part for word in text.split(" ") if word for part in _parts(word, room_in, width)]
    lines = _filled(words, room_in, width)
    if len(lines) < 2:
        return lines
    lowest_in = max(max(map(width, words)), 0.5 * room_in)
    for share in range(20):
        narrower = _filled(words, lowest_in + share / 20 * (room_in - lowest_in), width)
        if len(narrower) == len(lines):
            return narrower
    return lines


def _filled(words: Sequence[str], room_in: float, width: Callable[[str], float]) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and width(f"{lines[-1]} {word}") <= room_in:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _parts(word: str, room_in: float, width: Callable[[str], float]) -> Iterator[str]:
    """Yield a word, in parts if it is wider than the room."""
    while len(word) > 1 and width(word) > room_in:
        end = next((n for n in range(len(word) - 1, 1, -1) if width(word[:n]) <= room_in), 1)
        yield word[:end]
        word = word[end:]
    yield word
