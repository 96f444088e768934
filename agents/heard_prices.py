"""The prices that single agents heard in a step, kept as what was announced to whom."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Who


@dataclass(slots=True)
class HeardPrices:
    """The price that each of some agents heard in a step.

    Most runs never ask what a single agent heard; so it is worked out only on request.

    Attributes
    ----------
    size : int
        Agents.
    announced : list of tuple
        Their rows, the price announced to them, and who of them heard it.
    """

    size: int
    announced: list[tuple[NDArray[np.intp], float, Who]] = field(default_factory=list)
    _each: FloatArray | None = None

    def remember(self, rows: NDArray[np.intp], price: float, who: Who) -> None:
        """Keep that a price was announced to some of them [money/kWh]."""
        self.announced.append((rows, price, who))
        self._each = None

    def each(self) -> FloatArray:
        """Return the price that each heard, NaN where it heard none [money/kWh]."""
        if self._each is None:
            self._each = np.full(self.size, np.nan)
            for rows, price, who in self.announced:
                self._each[rows] = price if who is True else np.where(who, price, np.nan)
        return self._each

    def __getitem__(self, row: int) -> float:
        return float(self.each()[row])
