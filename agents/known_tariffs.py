"""What members with a tariff of their own know of its prices in a step."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.tariff_response import TariffTerms

type Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class KnownTariffs:
    """The terms of a step of all members of a kind that have a tariff, group by group.

    Attributes
    ----------
    meter_of : array of int, shape (members,)
        The meter of each, -1 for none.
    group_of : array of int, shape (meters,)
        The group of each meter.
    first : array of int, shape (groups,)
        The first meter of each group.
    terms : tuple of TariffTerms
        What a kWh costs and brings the meters of each group.
    """

    meter_of: Rows
    group_of: Rows
    first: Rows
    terms: tuple[TariffTerms, ...]

    def by_group(self, rows: Rows) -> Iterator[tuple[Rows, TariffTerms]]:
        """Yield the places of some members in each group there, and their terms."""
        meters = self.meter_of[rows]
        group = self.group_of[meters]
        for number in np.unique(group).tolist():
            places = np.flatnonzero(group == number)
            yield places, self.terms[number].rows(meters[places] - self.first[number])

    def of(self, row: int) -> TariffTerms | None:
        """Return the terms of one member; None where it has no tariff."""
        if self.meter_of[row] < 0:
            return None
        return next(self.by_group(np.array([row])))[1]
