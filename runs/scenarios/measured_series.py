"""Series that a file or a dataset measured, in sections of any scheme."""

from typing import Annotated

from pydantic import Field

from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    DatasetFolder,
    Positive,
    Section,
    TableFile,
    refuse,
)


class MeasuredSeries(Section):
    """A series that a file or a dataset measured."""

    file: TableFile | None = Field(
        default=None, description="CSV or Parquet file of energies that measured it, or null"
    )
    dataset: DatasetFolder | None = Field(
        default=None, description="or the folder of a dataset, or null"
    )
    members: Annotated[tuple[str, ...], AS_TUPLE] | None = Field(
        default=None, description="which members of it, or null for all that have it"
    )
    scale: Positive = Field(default=1.0, description="factor on what was measured [-]")

    @property
    def measured(self) -> bool:
        """Whether a file or a dataset holds it."""
        return self.file is not None or self.dataset is not None

    def _one_source(self, *others: str) -> None:
        """Refuse anything but one source, of a file, a dataset and other keys."""
        given = [n for n in ("file", "dataset", *others) if getattr(self, n) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} are given" if given else "nothing is given to follow"
            raise refuse(what, allowed=f"one of {', '.join((*others, 'file', 'dataset'))}")
