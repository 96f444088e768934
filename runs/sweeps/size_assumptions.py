"""What the worth of devices of a size rests on: every key of a scenario that enters it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from hmesh.runs.scenarios.money_defaults import Given
from hmesh.runs.schemes.registry import scheme
from hmesh.runs.sweeps.plan_differences import value_text

if TYPE_CHECKING:
    from rich.table import Table

    from hmesh.runs.scenarios.scenario import Scenario

type Assumed = tuple[str, str, str]

# What says who and where devices are, and how a run is written down, but not what they earn.
_OF_NO_WORTH = ("name", "community", "record_households", "record")
# Of a band that holds all days and a key that asks for nothing, nothing is listed.
_NOTHING: tuple[Any, ...] = (None, "", (), {}, ("all",))


def assumptions(
    scenario: "Scenario", schemes: Iterable[str], varied: Sequence[str]
) -> dict[str, list[Assumed]]:
    """Return what the worth of devices rests on: key, value and unit, by the section of each.

    Parameters
    ----------
    scenario : Scenario
        The scenario whose sizes are compared.
    schemes : iterable of str
        The schemes whose devices are compared.
    varied : sequence of str
        Keys that vary, which are no assumption.
    """
    found: dict[str, list[Assumed]] = {}
    given = Given(scenario.model_dump(mode="json"))
    paid_by_price = False
    for name in schemes:
        section = getattr(scenario, name)
        found[name] = list(_within(section, name, varied, scenario.currency))
        described = scheme(name)
        apart = bool(described.settles_apart) and bool(described.part("settles_apart")(given))
        economics = getattr(section, "economics", None)
        valued = getattr(economics, "tariff", None) is not None
        paid_by_price |= not (apart or valued)
    if paid_by_price:
        # Energy is valued at the prices paid in the run.
        for name in ("generation_cost", "prices"):
            part = getattr(scenario, name)
            found[name] = list(_within(part, name, varied, scenario.currency))
    return found


def _within(part: BaseModel, above: str, varied: Sequence[str], currency: str) -> Iterator[Assumed]:
    """Yield the keys of a section and of those within it, relative to the outermost one."""
    for name, field in type(part).model_fields.items():
        value, key = getattr(part, name), f"{above}.{name}"
        if name in _OF_NO_WORTH or key in varied or value in _NOTHING:
            continue
        parts = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, BaseModel) for each in parts):
            for number, each in enumerate(parts):
                inner = f"{key}.{number}" if isinstance(value, tuple) else key
                yield from _within(each, inner, varied, currency)
            continue
        shown = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        plain = list(shown) if isinstance(shown, tuple) else shown
        unit = _unit(field.description or "", currency)
        yield key.partition(".")[2], value_text(plain), unit


def _unit(description: str, currency: str) -> str:
    """Return the unit that the description of a key carries at its end, in brackets."""
    found = re.search(r"\[([^]]+)\]", description)
    if found is None:
        return ""
    return "-" if found[1] in ("1", "-") else found[1].replace("money", currency)


def assumption_table(section: str, lines: Sequence[Assumed]) -> "Table":
    """Return a table of assumptions: key, value and unit."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(f"assumed: key of {section}", overflow="fold")
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("unit", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    return table
