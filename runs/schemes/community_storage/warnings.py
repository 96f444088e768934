"""What a person may want to look at in the community storages of a scenario."""

from collections.abc import Iterator

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.schemes.community_storage.section import CommunityStorage

# The study that settles with the energy left: there it is what is reproduced, not a slip.
PUBLISHED = "community-storage"


def storage_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield a warning where the allowance may settle before all is delivered that could be.

    The built-in study is not warned of its own reading; whatever is changed in its section, it is.
    """
    storages: CommunityStorage | None = scenario.community_storage
    if storages is not None and storages.stop_when == "left" and not _as_published(scenario):
        yield Problem(
            "community_storage.stop_when",
            "left may end at an alpha as low as 2, where a storage ends empty or full whatever it "
            "delivers",
            "delivered; left is the reading of the published study",
        )


def _as_published(scenario: Scenario) -> bool:
    """Return whether the section of a scenario is that of the built-in study."""
    if scenario.name != PUBLISHED:
        return False
    return bool(load_scenario(PUBLISHED).community_storage == scenario.community_storage)
