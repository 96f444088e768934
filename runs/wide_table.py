"""A table for a terminal that may be too narrow: it stands in blocks, and no figure is cut."""

import textwrap
from collections.abc import Iterator

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

NARROWEST_LABEL = 20
MOST_HEAD_LINES = 3


class WideTable(Table):
    """A column of labels and columns of figures, in as many blocks as the width needs.

    Cells are `rich.text.Text`. The labels are repeated in each block; they and the heads of the
    columns may take several lines, figures never do.
    """

    def __init__(self) -> None:
        super().__init__(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the blocks."""
        for block in self.blocks(console, options.max_width):
            yield from Table.__rich_console__(block, console, options)

    def blocks(self, console: Console, width: int) -> list[Table]:
        """Return the tables that stand below each other, each within a width where it can be."""
        labels = [str(cell) for cell in self.columns[0].cells]
        longest = max(map(cell_len, labels), default=0)
        word = max((cell_len(word) for label in labels for word in label.split()), default=0)
        narrowest = min(longest, max(word + 2, NARROWEST_LABEL))
        # The widest column of labels with which the fewest blocks do.
        fewest = self._in_blocks(console, width, longest)
        for wide in range(longest - 1, narrowest - 1, -1):
            if len(fewest) == 1:
                break
            fewest = min(fewest, self._in_blocks(console, width, wide), key=len)
        return fewest

    def _in_blocks(self, console: Console, width: int, label: int) -> list[Table]:
        blocks: list[Table] = []
        held: list[int] = []
        for column in range(1, len(self.columns)):
            tried = self._block(label, [*held, column])
            # Without a limit, so that nothing is cut.
            wide = Measurement.get(console, console.options.update(width=10_000), tried).maximum
            if held and wide > width:
                blocks.append(self._block(label, held))
                held = []
            held.append(column)
        return [*blocks, self._block(label, held)]

    def _block(self, label: int, columns: list[int]) -> Table:
        block = Table(box=self.box, pad_edge=False, collapse_padding=True)
        block.add_column("", width=label)
        for number in columns:
            column = self.columns[number]
            lines = [line for cell in column.cells for line in str(cell).split("\n")]
            most = max((cell_len(line) for line in lines), default=0)
            head = _head(str(column.header), most)
            block.add_column(head, justify="right", no_wrap=True, min_width=most)
        for cells in zip(*(self.columns[n].cells for n in (0, *columns)), strict=True):
            first, *others = cells
            block.add_row(Text("\n").join(_label_lines(str(first), label)), *others)
        return block


def _head(text: str, width: int) -> str:
    """Return the head of a column in lines of its width, or of more where they were too many."""
    words = text.split()
    width = max([width, *map(cell_len, words)])
    while len(lines := textwrap.wrap(text, width, break_long_words=False)) > MOST_HEAD_LINES:
        width += 1
    return "\n".join(lines)


def _label_lines(text: str, width: int) -> Iterator[Text]:
    """Yield the lines of a label; a part of what stands above keeps its indent."""
    indent = text[: len(text) - len(text.lstrip())]
    lines = textwrap.wrap(
        text.strip(), width - len(indent), break_long_words=False, break_on_hyphens=False
    )
    return (Text(f"{indent}{line}") for line in lines or [""])
