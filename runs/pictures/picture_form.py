"""The form in which pictures are written: their format, size and resolution."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
# Text stays text that can be searched and edited; nothing depends on the day or on chance.
STYLE: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "hmesh", "pdf.fonttype": 42}
WIDTHS_IN, HEIGHTS_IN, RESOLUTIONS = (3.0, 100.0), (2.0, 100.0), (20, 2400)
MOST_PIXELS = 2**16 - 1
_USUAL_DPI = 160


@dataclass(frozen=True, slots=True)
class PictureForm:
    """The form of pictures.

    Attributes
    ----------
    format
        "png", "svg" or "pdf".
    size_in
        Width and height [in]; None for the size that suits each picture.
    dpi
        Pixels per inch, in svg and pdf those of their areas of pixels; None for the usual ones.

    Raises
    ------
    InputError
        When there is no such format, or size or resolution are out of their bounds.
    """

    format: str = "png"
    size_in: tuple[float, float] | None = None
    dpi: int | None = None

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
                if not lowest_in <= value <= highest_in:
                    allowed = f"{lowest_in:g} to {highest_in:g} in"
                    problems.append(Problem("--size", f"a {side} of {value:g} in", allowed))
            pixels = max(self.size_in) * dpi
            if not problems and self.format == "png" and pixels > MOST_PIXELS:
                message = f"{pixels:,.0f} pixels are too many for one side"
                problems.append(Problem("--size", message, f"{MOST_PIXELS:,} or fewer"))
        if problems:
            raise InputError(problems)

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
        figure.savefig(path, format=self.format, dpi=dpi, metadata=about, **more)


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
    format, dpi
        As `PictureForm` takes them.
    size
        Width and height in inches, such as "8,5"; None for the size that suits each picture.

    Raises
    ------
    InputError
        When it cannot be drawn in this form.
    """
    if size is None:
        return PictureForm(format, None, dpi)
    try:
        width_in, height_in = (float(part) for part in size.split(","))
    except ValueError:
        message = f"{size!r} is no width and height"
        raise InputError([Problem("--size", message, "two numbers of inches, as 8,5")]) from None
    return PictureForm(format, (width_in, height_in), dpi)
