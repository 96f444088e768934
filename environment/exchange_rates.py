"""Exchange rates by which amounts of one currency are converted into another.

The rates are the means of 2018 in the annual release G.5A of the Federal Reserve
(https://www.federalreserve.gov/releases/g5a/20210104), a year of 110.4 JPY/USD; the study that most
built-in amounts in JPY are from counts 111 JPY/USD (Scientific Reports 14 (2024) 6279).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import overload

import numpy as np

from hmesh.environment.arrays import FloatArray

SOURCE = "mean of 2018, Federal Reserve G.5A"
# So many digits are kept: the amounts are examples, and are easier to read and to change.
DIGITS = 4

# As published: some are quoted as units of the currency for one USD, others the other way round.
_UNITS_PER_USD = {
    "BRL": 3.6513, "CAD": 1.2957, "CHF": 0.9784, "CNY": 6.6090, "DKK": 6.3131, "HKD": 7.8376,
    "INR": 68.3734, "JPY": 110.3974, "KRW": 1099.2926, "LKR": 162.2534, "MXN": 19.2179,
    "MYR": 4.0307, "NOK": 8.1318, "SEK": 8.6945, "SGD": 1.3486, "THB": 32.3035, "TWD": 30.1294,
    "USD": 1.0, "ZAR": 13.2255,
}  # fmt: skip
_USD_PER_UNIT = {"AUD": 0.7481, "EUR": 1.1817, "GBP": 1.3363, "NZD": 0.6929}

UNITS_PER_USD: Mapping[str, float] = MappingProxyType(
    dict(sorted((_UNITS_PER_USD | {code: 1 / usd for code, usd in _USD_PER_UNIT.items()}).items()))
)


def exchange_rate(currency: str, wanted: str) -> float:
    """Return how many units of a wanted currency one unit of a currency is.

    Parameters
    ----------
    currency, wanted : str
        ISO 4217 codes.

    Raises
    ------
    KeyError
        If the rate of one of two different currencies is not known.
    """
    if currency == wanted:
        return 1.0
    return UNITS_PER_USD[wanted] / UNITS_PER_USD[currency]


@overload
def converted(amount: float, currency: str, wanted: str) -> float: ...
@overload
def converted(amount: FloatArray, currency: str, wanted: str) -> FloatArray: ...


def converted(amount: float | FloatArray, currency: str, wanted: str) -> float | FloatArray:
    """Return an amount in another currency, rounded to four significant digits.

    An amount that is in the wanted currency already is returned as it is.

    Parameters
    ----------
    amount : float or array
        Number or array of any shape, in units of ``currency``.
    currency, wanted : str
        ISO 4217 codes.

    Raises
    ------
    KeyError
        As in `exchange_rate`.
    """
    if currency == wanted:
        return amount
    rate = exchange_rate(currency, wanted)
    if not isinstance(amount, np.ndarray):
        return _rounded(amount * rate)
    amounts, of_each = np.unique(amount, return_inverse=True)
    rounded = np.array([_rounded(each * rate) for each in amounts.tolist()])
    return rounded[of_each].reshape(amount.shape)


def _rounded(amount: float) -> float:
    return float(f"{amount:.{DIGITS}g}")
