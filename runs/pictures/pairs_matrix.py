"""A matrix of schemes: what each changes alone, and what each pair changes more than both."""

from collections.abc import Sequence

import numpy as np

from hmesh.runs.pairs import Interactions, finding_of
from hmesh.runs.pictures.figure_layout import INK, Drawing, panel_title, sheet


def draw_pairs(found: Sequence[Interactions]) -> Drawing:
    """Draw a matrix for each measure; teal is better, brown worse."""
    labels = found[0].labels
    # Names at the rows alone: below the columns they would not fit.
    numbers = [str(number + 1) for number in range(len(labels))]
    numbered = [f"{label}  {number}" for label, number in zip(labels, numbers, strict=True)]
    size_in = 0.55 * len(labels)
    finding = finding_of(found[0])
    rows = (len(found) + 1) // 2
    figure, panels = sheet(
        finding, (rows, 2), size_in, left_in=0.4 + 0.078 * max(map(len, labels)),
        gap_in=0.45, sharey=True, sharex=True,
        note="diagonal: a scheme alone; elsewhere: a pair less both added up; in per cent of "
        "nobody sharing; teal is better",
    )  # fmt: skip
    for axes, each in zip(panels.ravel(), found, strict=False):
        better = each.share if each.measure.more_is_better else -each.share
        off = ~np.eye(len(labels), dtype=bool)
        most = float(np.abs(better[off]).max()) or 1.0
        axes.imshow(np.clip(better / most, -1, 1), cmap="BrBG", vmin=-1.6, vmax=1.6)
        for row in range(len(labels)):
            for column in range(len(labels)):
                value = 100.0 * each.share[row, column]
                text = f"{value:+.1f}" if abs(value) >= 0.05 else "0"
                axes.text(
                    column, row, text.replace("-", "\u2212"), ha="center", va="center", color=INK,
                    fontsize=8, fontweight="bold" if row == column else "normal",
                )  # fmt: skip
        axes.set_xticks(range(len(labels)), numbers, fontsize=8)
        axes.set_yticks(range(len(labels)), numbered, fontsize=8)
        axes.grid(visible=False)
        panel_title(axes, each.measure.title.capitalize())
    for axes in panels.ravel()[len(found) :]:
        axes.set_visible(False)
    return Drawing(finding, figure)
