"""What the members of a kind should have in their accounts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class MemberBills:
    """What the members of a kind should have in their accounts.

    Attributes
    ----------
    columns : mapping of array, shape (strategies, members)
        By the names of the columns of accounts.parquet.
    community : array of int, or None
        Number of the community of each member; None where it is not known.
    """

    columns: Mapping[str, FloatArray]
    community: NDArray[np.intp] | None

    @property
    def count(self) -> int:
        """How many members there are."""
        return len(next(iter(self.columns.values()))[0])
