"""Names of columns: whose quantity they are, which one, and in which unit."""

import re
from dataclasses import dataclass

from hmesh.environment.datasets.readers.foreign import ImportOptions
from hmesh.environment.datasets.readers.text_table import TextTable
from hmesh.environment.errors import InputError, Problem, nearest

# Kind of a unit and its size in kWh or kW.
UNITS = {
    "kwh": ("energy", 1.0), "wh": ("energy", 1e-3), "mwh": ("energy", 1e3),
    "kw": ("power", 1.0), "w": ("power", 1e-3), "mw": ("power", 1e3),
    "kwh-register": ("register", 1.0), "wh-register": ("register", 1e-3),
    "mwh-register": ("register", 1e3),
}  # fmt: skip
UNIT_NAMES = "kWh, Wh, MWh, kW, W, MW, kWh-register, Wh-register, MWh-register"
_QUANTITIES = {
    "load": "load_kwh", "consumption": "load_kwh", "demand": "load_kwh",
    "pv": "pv_kwh", "solar": "pv_kwh", "generation": "pv_kwh",
    "heat": "heating_kwh", "heating": "heating_kwh", "cooling": "cooling_kwh",
    "dhw": "hot_water_kwh", "hot_water": "hot_water_kwh",
}  # fmt: skip
_MARKET = ("price", "feed_in")
_PRICE_UNIT = re.compile(r"(?:([A-Z]{3})|(ct|cents?))/(kwh|mwh)", re.IGNORECASE)
_BRACKETED = re.compile(r"(?P<name>.*?)[\s_]*[\[(](?P<unit>[^\])]+)[\])]")
_SUFFIXED = re.compile(r"(?P<name>.*?)(?:^|[ _])(?P<unit>kwh|mwh|wh|kw|mw)", re.IGNORECASE)
_OF_A_MEMBER = re.compile(
    rf"(?:(?P<member>.*)[ _.-])?(?P<quantity>{'|'.join(_QUANTITIES)})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What a column holds.

    Attributes
    ----------
    index : int
        Which column of the table it is.
    member : str
        Whose it is, "" of the market.
    quantity : str
        Its name in a dataset.
    kind : str
        energy, power, register or price.
    factor : float
        What its numbers are multiplied by, for kWh, kW or money per kWh.
    """

    index: int
    member: str
    quantity: str
    kind: str
    factor: float


def headings_of(table: TextTable, first: int, options: ImportOptions) -> list[Heading]:
    """Return what each column holds.

    Raises
    ------
    InputError
        With each column whose unit is not said, or that another holds already.
    """
    problems: list[Problem] = []
    found: list[Heading] = []
    seen: dict[tuple[str, str], str] = {}
    for index in range(first, len(table.header)):
        text = table.header[index]
        place = f"{table.path}, line 1, column {text or index + 1}"
        parts = _BRACKETED.fullmatch(text) or _SUFFIXED.fullmatch(text)
        name, unit = (parts["name"], parts["unit"]) if parts else (text, "")
        try:
            heading = _heading(table, index, name.strip(" _"), unit, options, place)
        except InputError as error:
            problems += error.problems
            continue
        key = (heading.member, heading.quantity)
        if key in seen:
            message = f"is the {heading.quantity} of '{heading.member}' as '{seen[key]}' is"
            problems.append(Problem(place, message, "one column for each"))
        seen[key] = text
        found.append(heading)
    if not table.header[first:]:
        problems.append(Problem(f"{table.path}, line 1", "has no column beside the time"))
    if problems:
        raise InputError(problems)
    return found


def _heading(
    table: TextTable, index: int, name: str, unit: str, options: ImportOptions, place: str
) -> Heading:
    if name.casefold() in _MARKET:
        price = _PRICE_UNIT.fullmatch(unit)
        if price is None:
            message = f"has the unit '{unit}'" if unit else "names no unit"
            allowed = f"such as {name} [EUR/kWh], [EUR/MWh] or [ct/kWh]"
            raise InputError([Problem(place, message, allowed)])
        factor = (0.01 if price[2] else 1.0) * (1e-3 if price[3].casefold() == "mwh" else 1.0)
        return Heading(index, "", name.casefold(), "price", factor)
    reported = unit.casefold().replace(" ", "-")
    wished = (options.unit or "").casefold()
    if wished and wished not in UNITS:
        raise InputError([_unknown_unit("--unit", options.unit or "")])
    if reported and reported not in UNITS:
        raise InputError([_unknown_unit(place, unit)])
    if not reported and not wished:
        allowed = f"{name or 'load'} [kWh] or [kW], or --unit with one of {UNIT_NAMES}"
        raise InputError([Problem(place, "names no unit", allowed)])
    # A register is a kind of kWh; a column may name the unit and the option the kind.
    if reported and wished and reported != wished and reported != wished.removesuffix("-register"):
        message = f"names the unit {unit}, --unit {options.unit}"
        raise InputError([Problem(place, message, "one of them")])
    kind, factor = UNITS[wished or reported]
    return Heading(index, *of_member(name, table.path.stem), kind, factor)


def of_member(name: str, otherwise: str) -> tuple[str, str]:
    """Return whose quantity a name is, and which one by the names of a dataset.

    Parameters
    ----------
    name : str
        Such as "house 3 pv", "pv", or "house 3" for its load.
    otherwise : str
        Whose it is where the name says nothing.
    """
    parts = _OF_A_MEMBER.fullmatch(name)
    if parts is None:
        return name or otherwise, "load_kwh"
    return (parts["member"] or "").strip() or otherwise, _QUANTITIES[parts["quantity"].casefold()]


def _unknown_unit(place: str, unit: str) -> Problem:
    near = nearest(unit, UNIT_NAMES.split(", "))
    return Problem(place, f"'{unit}' is no unit of energy or power", UNIT_NAMES, near)


def currency_of(table: TextTable, headings: list[Heading], options: ImportOptions) -> str | None:
    """Return the currency of the prices, None where there are none.

    Raises
    ------
    InputError
        If they are in several, or none is named.
    """
    prices = [heading for heading in headings if heading.kind == "price"]
    if not prices:
        return None
    units = [_PRICE_UNIT.search(table.header[heading.index]) for heading in prices]
    named = sorted({unit[1].upper() for unit in units if unit and unit[1]})
    if len(named) > 1 or (options.currency and named and named != [options.currency]):
        message = f"prices are in {' and '.join([*named, options.currency or ''])}".removesuffix(
            " and "
        )
        raise InputError([Problem(f"{table.path}, line 1", message, "one currency")])
    return named[0] if named else options.needed("currency", "the prices name none", "EUR")
