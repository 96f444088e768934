"""Published figures, each with its place in the source."""

import csv
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A figure as it was published.

    Attributes
    ----------
    where : str
        Place in the source.
    item : str
        What was measured.
    metric : str
        Quantity that was measured.
    value : float
        The figure [unit].
    unit : str
        Its unit.
    """

    where: str
    item: str
    metric: str
    value: float
    unit: str


def published_figures(study: str) -> tuple[PublishedFigure, ...]:
    """Return the figures that a study is compared with, in the order of the source."""
    with (
        resources.files("hmesh.runs").joinpath("data/published.csv").open(encoding="utf-8") as file
    ):
        return tuple(
            PublishedFigure(
                row["where"], row["item"], row["metric"], float(row["value"]), row["unit"]
            )
            for row in csv.DictReader(file)
            if row["study"] == study
        )
