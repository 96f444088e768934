"""Built-in amounts of money in the currency of a scenario.

An amount belongs to a currency. In a scenario of another one a key that is used and not given is
converted by the rates of `hmesh.environment.exchange_rates`, which a check and a run report; where
the rate is not known, the key is required.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.exchange_rates import SOURCE, UNITS_PER_USD, converted, exchange_rate
from hmesh.runs.scenarios.money_defaults import (
    MONEY_DEFAULTS,
    Amount,
    Given,
    MoneyDefault,
    PriceTable,
    content_of,
)
from hmesh.runs.schemes.registry import sections_first

CURRENCY_CODE = r"^[A-Z]{3}$"


@dataclass(frozen=True, slots=True)
class ConvertedMoney:
    """A built-in amount, or table of prices, in the currency of a scenario.

    Attributes
    ----------
    key : str
        Its dotted key.
    built_in, amount : str
        What is built in, and what that amounts to, with their currencies and units.
    rate : str
        The rate, its year and its source.
    """

    key: str
    built_in: str
    amount: str
    rate: str

    @property
    def warning(self) -> Problem:
        """What a person should know of it."""
        message = f"the built-in {self.built_in} is converted to {self.amount} at {self.rate}"
        return Problem(self.key, message)


def in_own_currency(given: Any) -> tuple[Any, tuple[ConvertedMoney, ...]]:
    """Fill in the built-in amounts that a scenario uses in another currency than theirs.

    Parameters
    ----------
    given : object
        The content of a scenario; what is no mapping is returned as it is.

    Returns
    -------
    given : object
        The content with these amounts in the scenario's currency; ``given`` is not changed.
    converted : tuple of ConvertedMoney
        The amounts, and the tables of prices that a run will convert.

    Raises
    ------
    InputError
        If the rate of the scenario's currency is not known: every key that is missing at once.
    """
    if not isinstance(given, Mapping):
        return given, ()
    currency, content = given.get("currency", "JPY"), Given(given)
    if not isinstance(currency, str) or not re.fullmatch(CURRENCY_CODE, currency):
        return given, ()
    foreign = [
        built_in
        for built_in in MONEY_DEFAULTS.values()
        if built_in.currency != currency and not built_in.is_zero
        if not content.has(built_in.key)
    ]
    missing = [built_in for built_in in foreign if built_in.used(content)]
    filled: Any = given
    for built_in in foreign:
        if built_in.unused is not None and not built_in.used(content):
            filled = _put(filled, built_in.key.split("."), built_in.unused)
    tariffs = [table for table in _price_tables(content) if table.currency != currency]
    if not missing and not tariffs:
        return filled, ()
    if currency not in UNITS_PER_USD:
        raise InputError(list(_required(missing, tariffs, currency)))
    found = []
    for built_in in missing:
        amount = _converted(built_in, currency)
        filled = _put(filled, built_in.key.split("."), amount)
        unit, rate = built_in.unit, _rate(built_in.currency, currency)
        before = _shown(built_in.value, unit, built_in.currency)
        found.append(ConvertedMoney(built_in.key, before, _shown(amount, unit, currency), rate))
    found += [
        ConvertedMoney(
            table.key,
            f"tariff {table.name} in {table.currency}/kWh",
            f"{currency}/kWh",
            _rate(table.currency, currency),
        )
        for table in tariffs
    ]
    return filled, tuple(found)


def _price_tables(content: Given) -> Iterator[PriceTable]:
    """Yield every built-in table of prices that a scenario uses."""
    for each in sections_first():
        if each.price_tables:
            yield from each.part("price_tables")(content)


def _converted(built_in: MoneyDefault, currency: str) -> Amount:
    if isinstance(built_in.value, tuple):
        low, high = (converted(each, built_in.currency, currency) for each in built_in.value)
        return low, high
    return converted(built_in.value, built_in.currency, currency)


def _required(
    missing: list[MoneyDefault], tariffs: list[PriceTable], currency: str
) -> Iterator[Problem]:
    """Yield what a scenario must give whose currency has no known rate."""
    near = nearest(currency, UNITS_PER_USD)
    known = ", ".join(UNITS_PER_USD)
    yield Problem("currency", f"no exchange rate of {currency} is known", known, near)
    for built_in in missing:
        shown = _shown(built_in.value, built_in.unit, built_in.currency)
        unit = built_in.unit.replace("money", currency)
        message = f"is missing, and the built-in {shown} cannot be converted to {currency}"
        yield Problem(built_in.key, message, f"a value in {unit}")
    for table in tariffs:
        message = f"the tariff {table.name} is in {table.currency}/kWh and cannot be converted"
        yield Problem(table.key, message, f"null, and a dataset or a price in {currency}/kWh")


def _put(section: Any, keys: list[str], amount: Amount) -> Any:
    """Return a section with an amount in it, and everything else as it was."""
    key, *deeper = keys
    content = dict(content_of(section))
    content[key] = _put(content.get(key, {}), deeper, amount) if deeper else amount
    return content


def _rate(currency: str, wanted: str) -> str:
    """Return a rate as units of the currency of lower worth for one of the other."""
    one, other = currency, wanted
    if exchange_rate(one, other) < 1:
        one, other = other, one
    return f"{exchange_rate(one, other):.4g} {other} for 1 {one} ({SOURCE})"


def _shown(amount: Amount, unit: str, currency: str) -> str:
    shown = f"[{amount[0]:g}, {amount[1]:g}]" if isinstance(amount, tuple) else f"{amount:,g}"
    return f"{shown} {unit.replace('money', currency)}"
