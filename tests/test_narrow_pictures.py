"""Pictures as wide as a column of a journal: nothing is cropped, and no words cover others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hmesh.runs.pictures.figure_size import drawn_at
from hmesh.runs.pictures.line_loading import draw_line_loading
from hmesh.runs.pictures.picture_form import PictureForm, picture_form, styled
from hmesh.runs.plots import draw_plots
from tests.quick_cases import quick
from tests.scheme_runs import SHORT, run_of

COLUMN = picture_form("png", "column", None)
# Rounding of boxes [pixels].
TOUCHING = 1.0


def words_of(figure: Any) -> Iterator[tuple[str, Any]]:
    """Return every text of a figure with its box."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # Labels of ticks beyond the limits of an axis exist, but are not drawn.
    undrawn: set[Any] = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        ticks = {*axis.majorTicks, *axis.minorTicks} - {*axis._update_ticks()}
        undrawn |= {label for tick in ticks for label in (tick.label1, tick.label2)}
    for text in figure.findobj(Text):
        if text not in undrawn and text.get_visible() and text.get_text().strip():
            yield text.get_text(), text.get_window_extent(canvas.get_renderer())


class Measured(PictureForm):
    """A form that keeps the boxes of all words, and the paper, of what it saves."""

    def save(self, figure: Any, path: Path, name: str, finding: str) -> None:
        super().save(figure, path, name, finding)
        FOUND[name] = (list(words_of(figure)), figure.bbox)


FOUND: dict[str, tuple[list[tuple[str, Any]], Any]] = {}


@pytest.mark.parametrize("scenario", quick({"school-buses"}, SHORT))
def test_no_word_is_cropped(scenario: str) -> None:
    FOUND.clear()
    draw_plots(
        run_of(scenario).run.directory, form=Measured(size_in=COLUMN.size_in, scale=COLUMN.scale)
    )
    assert len(FOUND) > 2
    for name, (words, paper) in FOUND.items():
        for text, box in words:
            place = f"{name}: {text!r} {box}"
            assert box.x0 >= -TOUCHING, place
            assert box.y0 >= -TOUCHING, place
            assert box.x1 <= paper.x1 + TOUCHING, place
            assert box.y1 <= paper.y1 + TOUCHING, place


def test_the_scale_of_loadings_covers_no_panel() -> None:
    with styled(), drawn_at(COLUMN.size_in):
        figure = draw_line_loading(run_of("school-buses")).figure
    assert figure is not None
    words = dict(words_of(figure))
    first = next(box for text, box in words.items() if text.startswith("Charging after use"))
    assert not words["100 %"].overlaps(first)
    assert words["100 %"].y0 > first.y1
