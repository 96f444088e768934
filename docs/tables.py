"""Write the tables of the documentation from what the code itself says.

``python docs/tables.py`` renews them; a test fails where a page and the code differ. A table stands
under its own heading, between ``<!-- table: NAME -->`` and ``<!-- end of table -->``. NAME is
that of a section of a scenario, such as ``Vehicles``, of a table of the results, such as
``hours``, or of a built-in school year.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from hmesh.environment import SCHOOL_YEARS
from hmesh.environment.school_years import WEEK, YearlyDays
from hmesh.runs import TABLES, Scenario

FOLDER = Path(__file__).parent
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Bounds as far off as this only keep nonsense out.
FAR = 1e12
BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "to below",
}
PAIRS = {
    "a number": "two numbers in brackets",
    "text": "two names in brackets",
    "a date": "two dates in brackets",
}
# Named one by one they would fill a cell of each quantity that may be drawn.
DISTRIBUTIONS = {"Constant", "Uniform", "Normal", "Lognormal", "Triangular", "FromFile"}
KINDS = {"whole": "whole number", "number": "number", "name": "text", "time": "time"}


@dataclass(frozen=True)
class Place:
    """Where a table stands."""

    page: Path
    heading: str


def pages() -> list[Path]:
    """Return all pages of the documentation."""
    return sorted(FOLDER.rglob("*.md"))


def places() -> dict[str, Place]:
    """Return where each table stands, by its name."""
    found = {}
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for mark in MARKED.finditer(text):
            headings = HEADING.findall(text, 0, mark.start())
            found[mark[2]] = Place(page, headings[-1] if headings else "")
    return found


@cache
def sections() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of every section of a scenario by its name."""
    schema = Scenario.model_json_schema()
    return {"Scenario": schema, **schema["$defs"]}


def renewed(page: Path) -> str:
    """Return the text of a page with all its tables written again."""
    there = places()

    def table(mark: re.Match[str]) -> str:
        name = mark[2]
        if name in TABLES:
            written = _result_table(name)
        elif name in SCHOOL_YEARS:
            written = _school_year_table(name)
        else:
            written = _scenario_table(name, page, there)
        return f"{mark[1]}{written}\n{mark[3]}"

    return MARKED.sub(table, page.read_text(encoding="utf-8"))


def _result_table(table: str) -> str:
    rows = [
        (
            f"`{column.name}`",
            column.description,
            "-" if column.unit == "1" else column.unit,
            KINDS[column.kind] + (", may be empty" if column.optional else ""),
        )
        for column in TABLES[table]
    ]
    return _table(("column", "meaning", "unit", "kind"), rows)


def _school_year_table(name: str) -> str:
    year = SCHOOL_YEARS[name]
    rows: list[tuple[str, ...]] = [(year.first_day.name, _rule(year.first_day), "-")]
    rows += [(days.name, _rule(days), str(days.days)) for days in year.breaks]
    rows.append(("last day", f"when there were {year.instruction_days} days with school", "-"))
    return _table(("what", "begins on", "days without school in a row"), rows)


def _rule(days: YearlyDays) -> str:
    """Return in words on which day of a year some days begin."""
    after = date(2000, days.month, days.day)
    return f"the first {WEEK[days.weekday]} on or after {after.day} {after:%B}"


def _scenario_table(section: str, page: Path, there: Mapping[str, Place]) -> str:
    schema = sections()[section]
    rows = []
    for key, about in schema["properties"].items():
        meaning, unit = _apart(about.get("description", ""))
        default = "required" if key in schema.get("required", ()) else _default(about)
        rows.append((f"`{key}`", meaning, unit, default, _allowed(about, page, there)))
    intro = " ".join(schema["description"].split())
    return f"{intro}\n\n{_table(('key', 'meaning', 'unit', 'default', 'allowed'), rows)}"


def _apart(description: str) -> tuple[str, str]:
    """Take the unit out of a description that carries one in brackets."""
    found = re.search(r" \[([^]]+)\]", description)
    if found is None:
        return description, ""
    return description.replace(found[0], ""), "-" if found[1] == "1" else found[1]


def _default(about: Mapping[str, Any]) -> str:
    default = about["default"]
    if "$ref" in about:
        return "that section's"
    if default in ([], ""):
        return "none"
    currency = f" {about['currency']}" if default and "currency" in about else ""
    if isinstance(default, list):
        return f"`[{', '.join(map(_value, default))}]`{currency}"
    return f"`{_value(default)}`{currency}"


def _value(value: object) -> str:
    """Return a value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_value(part)}' for key, part in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _allowed(about: Mapping[str, Any], page: Path, there: Mapping[str, Place]) -> str:
    """Return in words what a key accepts."""
    if "$ref" in about:
        return _link(about["$ref"].rpartition("/")[2], page, there)
    if options := about.get("anyOf", about.get("oneOf")):
        named = {str(option.get("$ref", "")).rpartition("/")[2] for option in options}
        words = [_allowed(option, page, there) for option in options]
        if named >= DISTRIBUTIONS and (place := there.get("Constant")) is not None:
            # All of them together, by the heading above the first of them.
            several = f"a [distribution]({_file(place, page)}#distributions)"
            links = {_link(name, page, there) for name in DISTRIBUTIONS}
            words = [*(word for word in words if word not in links), several]
            words.sort(key="null".__eq__)
        return " or ".join(dict.fromkeys(words))
    if "enum" in about or "const" in about:
        return ", ".join(f"`{value}`" for value in about.get("enum", [about.get("const")]))
    match about["type"]:
        case "null":
            return "null"
        case "boolean":
            return "`true`, `false`"
        case "string":
            return "a date" if about.get("format") == "date" else "text"
        case "object" if about["additionalProperties"] is True:
            return "sections by name, as the page says"
        case "object":
            return f"{_allowed(about['additionalProperties'], page, there)}, by name"
        case "array" if "prefixItems" in about:
            first = _allowed(about["prefixItems"][0], page, there)
            return PAIRS.get(first, f"two in brackets, each {first}")
        case "array":
            return f"a list of {_allowed(about['items'], page, there)}"
    whole = about["type"] == "integer"
    return " ".join(("a whole number" if whole else "a number", *_bounds(about))).strip()


def _bounds(about: Mapping[str, Any]) -> list[str]:
    near = {name: about[name] for name in BOUNDS if name in about and abs(about[name]) < FAR}
    if set(near) == {"minimum"}:
        return [f"of at least {near['minimum']:,}"]
    return [f"{BOUNDS[name]} {near[name]:,}" for name in near]


def _link(section: str, page: Path, there: Mapping[str, Place]) -> str:
    """Return a link to the table of a section."""
    place = there.get(section)
    if place is None:
        return f"a section `{section}`"
    anchor = re.sub(r"[^\w\- ]", "", place.heading).strip().lower().replace(" ", "-")
    return f"[{place.heading}]({_file(place, page)}#{anchor})"


def _file(place: Place, page: Path) -> str:
    """Return the page of a place as another page links to it, nothing where it is the same one."""
    return "" if place.page == page else Path(os.path.relpath(place.page, page.parent)).as_posix()


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = (headings, tuple("---" for _ in headings), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Renew all pages."""
    for page in pages():
        text = renewed(page)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            print(page.relative_to(FOLDER))


if __name__ == "__main__":
    main()
