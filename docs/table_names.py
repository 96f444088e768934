"""Let long names in tables break between their words.

MkDocs calls this for each page that it builds. The style sheet of the tables keeps names whole, so
that a column is as wide as its longest name. Long paths and names of tests get places to break.
"""

import re
from typing import Any

LONGEST_WHOLE = 24
_CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
_NAME = re.compile(rf"<code>([^<\s]{{{LONGEST_WHOLE + 1},}})</code>")
_BETWEEN_WORDS = re.compile(r"(?<=[/._])(?=\w)|(?<=::)")


def on_page_content(html: str, **_: Any) -> str:
    """Mark where the browser may break long names in cells of tables."""
    return _CELL.sub(lambda cell: _NAME.sub(_breakable, cell[0]), html)


def _breakable(name: re.Match[str]) -> str:
    return f"<code>{_BETWEEN_WORDS.sub('<wbr>', name[1])}</code>"
