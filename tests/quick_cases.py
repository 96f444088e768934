"""Which cases of a test belong to the quick tests."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def quick(quick_cases: Collection[Any], cases: Iterable[Any]) -> list[Any]:
    """Return the cases of a test, all but the named ones marked as slow.

    Each of the others repeats the same course with other values, at the price of a whole run.
    """
    return [
        case if case in quick_cases else pytest.param(case, marks=pytest.mark.slow)
        for case in cases
    ]
