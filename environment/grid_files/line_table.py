"""A grid as a CSV file: a row for each line, with what is known of the node that it feeds."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from hmesh.environment.errors import InputError, Problem, missing_columns, missing_file, nearest
from hmesh.environment.grid_plan import (
    LINE_NUMBERS,
    NODE_KINDS,
    UTILITY,
    GridPlan,
    PlannedLine,
    PlannedNode,
    plan_of,
    plan_problems,
    right_number,
)

REQUIRED = ("from", "to", "length_km", "rating_kw", "loss_rate")
OF_NODES = ("kind", "voltage_kv", "voltage_pu")
COLUMNS = (*REQUIRED[:2], *OF_NODES, *LINE_NUMBERS)
_MUST = ("length_km", "rating_kw", "loss_rate")


def read_line_table(path: Path) -> GridPlan:
    """Read a CSV file of lines.

    A row whose ``from`` is empty is no line: it describes the utility.

    Raises
    ------
    InputError
        If the file cannot be read, a value is wrong, or the lines are no tree; all of it at once.
    """
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
            header = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Problem(path.name, f"cannot be read: {error}", "CSV")]) from None
    problems = missing_columns(f"{path.name}: line 1", header, REQUIRED)
    problems += [
        Problem(
            f"{path.name}: line 1", f"there is no column '{name}'", ", ".join(COLUMNS),
            nearest(name, COLUMNS),
        )
        for name in header
        if name not in COLUMNS
    ]  # fmt: skip
    if problems:
        raise InputError(problems)
    nodes, lines, where = list[PlannedNode](), list[PlannedLine](), dict[str, int]()
    for number, row in rows:
        found = list(_row_problems(row))
        problems += [Problem(f"{path.name}: line {number}", *each) for each in found]
        if found:
            continue
        start, end = row["from"].strip(), row["to"].strip()
        where.setdefault(end, number)
        nodes.append(_node(end, row))
        if start:
            given = {
                name: float(row[name]) for name in LINE_NUMBERS if (row.get(name) or "").strip()
            }
            lines.append(PlannedLine(start, end, **given))
    if problems:
        raise InputError(problems)
    plan = plan_of(nodes, lines)
    raise_problems(path.name, plan, where)
    return plan


def raise_problems(file: str, plan: GridPlan, where: Mapping[str, int] | None = None) -> None:
    """Refuse a plan that is no tree, every node with the line of the file that describes it."""
    found = []
    for problem in plan_problems(plan):
        name = problem.place.removeprefix("node ")
        line = f"line {where[name]}: " if where and name in where else ""
        place = f"{file}: {line}{problem.place}"
        found.append(Problem(place, problem.message, problem.allowed, problem.suggestion))
    if found:
        raise InputError(found)


def write_line_table(plan: GridPlan, path: Path) -> None:
    """Write a grid as a CSV file that `read_line_table` reads, the utility first.

    Columns that no line fills are left out.
    """
    default = {each.name: each.default for each in fields(PlannedLine)}
    rows: list[dict[str, object]] = [{"from": "", "to": UTILITY, **_of_node(plan.nodes[UTILITY])}]
    for line in plan.lines:
        held = {name: getattr(line, name) for name in LINE_NUMBERS}
        numbers = {n: value for n, value in held.items() if n in _MUST or value != default[n]}
        row = {"from": line.start, "to": line.end, **_of_node(plan.nodes[line.end]), **numbers}
        rows.append(row)
    used = [name for name in COLUMNS if name in REQUIRED or any(name in row for row in rows)]
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, used, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _of_node(node: PlannedNode) -> dict[str, object]:
    held = {name: getattr(node, name) for name in OF_NODES}
    return {name: value for name, value in held.items() if value is not None and value != "utility"}


def _node(name: str, row: Mapping[str, str]) -> PlannedNode:
    kind = (row.get("kind") or "").strip() or "feeder"
    voltages = ((row.get(column) or "").strip() for column in OF_NODES[1:])
    kv, pu = (float(text) if text else None for text in voltages)
    return PlannedNode(name, "utility" if name == UTILITY else kind, kv, pu)


def _row_problems(row: Mapping[str | None, str]) -> Iterator[tuple[str, ...]]:
    """Find what is wrong with one row: message, what is allowed, the nearest right name."""
    if None in row or None in row.values():
        yield "has another number of values than the first line", "a value for each column"
        return
    start, end = row["from"].strip(), row["to"].strip()
    if not end:
        yield "to is empty", "the node that the line feeds"
    if not start and end != UTILITY:
        yield f"from is empty, and so does not feed {end}", f"a node; only {UTILITY} is fed by none"
    kind = row.get("kind", "").strip()
    if kind and kind not in (*NODE_KINDS, UTILITY):
        yield f"kind {kind!r}", ", ".join(NODE_KINDS), nearest(kind, NODE_KINDS)
    for name in (*OF_NODES[1:], *LINE_NUMBERS):
        text = row.get(name, "").strip()
        allowed = "above 0" if name in OF_NODES else right_number(name, -1.0) or "a number"
        if not text:
            if name in _MUST and start:
                yield f"{name} is empty", allowed
            continue
        try:
            value = float(text)
        except ValueError:
            yield f"{name} is {text!r}", allowed
            continue
        wrong = "" if 0 < value < float("inf") else "above 0"
        if name not in OF_NODES:
            wrong = right_number(name, value)
        if wrong:
            yield f"{name} is {text}", wrong
