"""The form in which pictures are written: their format, size and resolution."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.runs.pictures.figure_size import COLUMN_IN, PAGE_IN, SizeIn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

FORMATS = ("png", "svg", "pdf")
# Text stays text that can be searched and edited; nothing depends on the day or on chance.
STYLE: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "hmesh", "pdf.fonttype": 42}
WIDTHS_IN, HEIGHTS_IN, RESOLUTIONS = (3.0, 100.0), (2.0, 100.0), (20, 2400)
MOST_PIXELS = 2**16 - 1
# Widths by name, and how large letters are there beside the usual ones: 7.5 points, as journals
# print them. The height is that which suits each picture.
WIDTHS = {"column": COLUMN_IN, "page": PAGE_IN}
SMALL_LETTERS = 0.75
# How much narrower panels become at most in a round to make room for what is written beside them,
# when it is enough [-], and what stays free at the edges [in].
_LEAST_FACTOR, _ENOUGH, _EDGE_IN = 0.4, 1e-3, 0.04
_MOST_ROUNDS = 8
_USUAL_DPI = 160


@dataclass(frozen=True, slots=True)
class PictureForm:
    """The form of pictures.

    Attributes
    ----------
    format : str
        "png", "svg" or "pdf".
    size_in : (float, float or None), or None
        Width and height [in], None for the height or the size that suits each picture.
    dpi : int or None
        Pixels per inch, in svg and pdf those of their areas of pixels; None for the usual ones.
    scale : float
        How large the picture is written, with its letters, beside `size_in`.

    Raises
    ------
    InputError
        When there is no such format, or size or resolution are out of their bounds.
    """

    format: str = "png"
    size_in: SizeIn = None
    dpi: int | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn, all of it at once."""
        problems = []
        if self.format not in FORMATS:
            message = f"there is no format {self.format!r}"
            near = nearest(self.format, FORMATS)
            problems.append(Problem("--format", message, ", ".join(FORMATS), near))
        dpi = _USUAL_DPI if self.dpi is None else self.dpi
        lowest, highest = RESOLUTIONS
        if not lowest <= dpi <= highest:
            problems.append(Problem("--dpi", f"{dpi} pixels per inch", f"{lowest} to {highest}"))
        if self.size_in is not None:
            sides = zip(("width", "height"), self.size_in, (WIDTHS_IN, HEIGHTS_IN), strict=True)
            for side, value, (lowest_in, highest_in) in sides:
                if value is not None and not lowest_in <= value <= highest_in:
                    allowed = f"{lowest_in:g} to {highest_in:g} in"
                    problems.append(Problem("--size", f"a {side} of {value:g} in", allowed))
            pixels = max(value for value in self.size_in if value is not None) * dpi
            if not problems and self.format == "png" and pixels > MOST_PIXELS:
                message = f"{pixels:,.0f} pixels are too many for one side"
                problems.append(Problem("--size", message, f"{MOST_PIXELS:,} or fewer"))
        refuse_all(problems)

    def save(self, figure: "Figure", path: Path | str | IO[bytes], name: str, finding: str) -> None:
        """Write a figure, with its name and finding as metadata where the format has any."""
        more: dict[str, Any] = {}
        about: dict[str, Any] = {"Title": name, "Description": finding}
        if self.format == "png":
            more = {"pil_kwargs": {"compress_level": 3}}
        elif self.format == "svg":
            about |= {"Date": None}
        else:
            about = {"Title": name, "Subject": finding, "CreationDate": None}
        dpi = "figure" if self.dpi is None else self.dpi
        if self.scale != 1.0:
            _scale(figure, self.scale)
        _draw_in_the_sheet(figure)
        figure.savefig(path, format=self.format, dpi=dpi, metadata=about, **more)


def _scale(figure: "Figure", scale: float) -> None:
    """Make a figure larger or smaller, with all that is written in it."""
    from matplotlib.text import Text

    from hmesh.runs.pictures.figure_legend import write_legend

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # Labels that are made when the figure is drawn are as large as those that are there.
            sizes = [float(label.get_fontsize()) for label in axis.get_ticklabels()]
            axis.set_tick_params(labelsize=min(sizes, default=10.0), pad=3.5 * scale)
            axis.labelpad *= scale
    for text in set(figure.findobj(Text)):
        text.set_fontsize(scale * float(text.get_fontsize()))
    for legend in list(figure.legends):
        # Signs and gaps are as large as the letters with which a legend is made.
        anchor = legend.get_bbox_to_anchor().transformed(figure.transFigure.inverted())
        handles = [handle for handle in legend.legend_handles if handle is not None]
        texts = legend.get_texts()
        for handle, text in zip(handles, texts, strict=True):
            handle.set_label(text.get_text())
        legend.remove()
        write_legend(figure, handles, (anchor.x0, anchor.y1), float(texts[0].get_fontsize()))
    figure.set_size_inches(*(scale * side for side in figure.get_size_inches()))


def _draw_in_the_sheet(figure: "Figure") -> None:
    """Make panels narrower where what is written beside them would leave the sheet."""
    panels = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    if not panels:
        return
    # Titles do not become narrower with their panels, but may begin further left.
    titles = {axes: [axes.title, axes._left_title] for axes in panels}  # type: ignore[attr-defined]
    _make_panels_narrower(figure, panels, [title for each in titles.values() for title in each])
    width = figure.get_figwidth() * figure.dpi
    for axes, title in ((axes, title) for axes, each in titles.items() for title in each):
        beyond = title.get_window_extent().x1 - width + _EDGE_IN * figure.dpi
        if title.get_text() and beyond > 0:
            title.set_x(title.get_position()[0] - beyond / axes.bbox.width)


def _make_panels_narrower(figure: "Figure", panels: "list[Axes]", apart: "list[Text]") -> None:
    for text in apart:
        text.set_visible(False)
    # What is written at the end of a bar moves by less than the edge of its panel does.
    for _ in range(_MOST_ROUNDS):
        width, bounds = figure.get_figwidth(), figure.get_tightbbox()
        low = max(_EDGE_IN - bounds.x0, 0.0) / width
        high = max(bounds.x1 - width + _EDGE_IN, 0.0) / width
        left = min(axes.get_position().x0 for axes in panels)
        right = max(axes.get_position().x1 for axes in panels)
        factor = 1.0 - (low + high) / (right - left)
        if low + high <= _ENOUGH or factor < _LEAST_FACTOR:
            break
        for axes in panels:
            at = axes.get_position()
            x0 = left + low + factor * (at.x0 - left)
            axes.set_position((x0, at.y0, factor * at.width, at.height))
    for text in apart:
        text.set_visible(True)


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of hMESH."""
    from matplotlib import style as matplotlib_style

    from hmesh.runs.pictures.figure_layout import style

    with matplotlib_style.context(["default", style() | STYLE]), warnings.catch_warnings():
        # A name may be in a script that no installed font can write; its boxes say so.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


def picture_form(format: str, size: str | None, dpi: int | None) -> PictureForm:
    """Return the form that a person asks for.

    Parameters
    ----------
    format, dpi : str, int or None
        As `PictureForm` takes them.
    size : str or None
        "column" or "page" of a journal, or width and height in inches, such as "8,5"; None for the
        size that suits each picture.

    Raises
    ------
    InputError
        When it cannot be drawn in this form.
    """
    if size is None:
        return PictureForm(format, None, dpi)
    if size in WIDTHS:
        return PictureForm(format, (WIDTHS[size] / SMALL_LETTERS, None), dpi, SMALL_LETTERS)
    try:
        width_in, height_in = (float(part) for part in size.split(","))
    except ValueError:
        message = f"{size!r} is no width and height"
        allowed = f"{', '.join(WIDTHS)}, or two numbers of inches, as 8,5"
        raise InputError([Problem("--size", message, allowed, nearest(size, WIDTHS))]) from None
    return PictureForm(format, (width_in, height_in), dpi)
