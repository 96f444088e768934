"""What the parts of the study of a community's storage share: its days, seeds and figures."""

from pathlib import Path

import numpy as np

from hmesh.runs.studies.changes import study_scenario
from hmesh.runs.studies.community_storage.case import StorageCase, cases_of
from hmesh.runs.studies.community_storage.network import refuse_unlearnable
from hmesh.runs.studies.community_storage.openings import PRINTED_DAYS
from hmesh.runs.studies.published_figures import PublishedFigure, published_figures
from hmesh.runs.world.setting import Setting, make_setting

SCENARIO = "community-storage"
HOUSES = ("H1", "H2", "H3")
SEEDS = tuple(range(1, 9))
type Figures = dict[tuple[str, str, str], PublishedFigure]


class StorageStudy:
    """What the parts of the study share, each worked out when it is first used.

    Parameters
    ----------
    data : Path, optional
        Dataset of measured loads on which the network of Table 1 is trained.
    """

    published = published_figures("community_storage")
    figures: Figures = {(f.where, f.item, f.metric): f for f in published}  # noqa: RUF012

    def __init__(self, data: Path | None) -> None:
        if data is not None:
            refuse_unlearnable(data)
        self.data = data
        self._cases: dict[tuple[str, ...], list[StorageCase]] = {}

    def cases(self, changes: tuple[str, ...] = ()) -> list[StorageCase]:
        """Return the days of the study with some keys changed, a case for each seed."""
        if changes not in self._cases:
            self._cases[changes] = [self.case_of(seed, changes) for seed in SEEDS]
        return self._cases[changes]

    def case_of(self, seed: int, changes: tuple[str, ...]) -> StorageCase:
        """Return the days of a seed with some keys changed."""
        return scaled_case(study_setting(seed, *changes), self.figures)


def study_setting(seed: int, *changes: str) -> Setting:
    """Return the world of the study: the printed days, with plans on what will be."""
    base = ("community_storage.plan_on=actual", *PRINTED_DAYS)
    return make_setting(study_scenario(SCENARIO, *changes, base=base, seed=seed))


def scaled_case(
    setting: Setting, figures: dict[tuple[str, str, str], PublishedFigure]
) -> StorageCase:
    """Return the two days of a world with the demands of Table 3."""
    (case,) = cases_of(setting)
    published = np.array([figures["Table 3", house, "demand, 2 days"].value for house in HOUSES])
    return case.scaled(published / case.ahead.demand_kwh.sum(axis=0))
