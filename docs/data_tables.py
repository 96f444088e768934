"""Write the tables of the page on data from what the code itself goes by.

``python docs/data_tables.py`` renews them; a test fails where the page and the code differ. A
table stands between ``<!-- dataset: NAME -->`` and ``<!-- end of dataset -->``. NAME is that of a
table of a dataset, that of a section of its description, or `kinds`.
"""

import re
from pathlib import Path

from hmesh.environment.datasets import TABLES, Description, TableFiles
from hmesh.environment.datasets.readers import KINDS

PAGE = Path(__file__).with_name("data.md")
PLACE = re.compile(r"(<!-- dataset: (\w+) -->\n).*?(\n<!-- end of dataset -->)", re.DOTALL)
SECTIONS = {"Description": Description, "TableFiles": TableFiles}


def columns_table(name: str) -> str:
    """Return the columns of a table of a dataset."""
    rows = [
        (
            f"`{column.name}`" + (" (required)" if column.required else ""),
            column.description,
            {"1": "-"}.get(column.unit, column.unit),
            column.allowed,
        )
        for column in TABLES[name].columns
    ]
    return _table(("column", "meaning", "unit", "allowed"), rows)


def keys_table(name: str) -> str:
    """Return the keys of a section of the description."""
    rows = []
    for key, field in SECTIONS[name].model_fields.items():
        required = field.is_required()
        default = (
            "required" if required else {None: "null", "": "none", (): "none"}.get(field.default)
        )
        rows.append((f"`{field.alias or key}`", field.description or "", default or field.default))
    return _table(("key", "meaning", "default"), rows)


def kinds_table() -> str:
    """Return the kinds of files of others that can be read."""
    return _table(("kind", "files"), [(f"`{kind}`", files) for kind, files in KINDS.items()])


def renewed(page: str) -> str:
    """Return the page with all its tables written again."""

    def table(place: re.Match[str]) -> str:
        name = place[2]
        if name == "kinds":
            written = kinds_table()
        else:
            written = columns_table(name) if name in TABLES else keys_table(name)
        return f"{place[1]}{written}{place[3]}"

    return PLACE.sub(table, page)


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = (headings, tuple("---" for _ in headings), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
