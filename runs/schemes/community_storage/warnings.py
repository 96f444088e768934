"""What a person may want to look at in the community storages of a scenario."""

from collections.abc import Iterator

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.community_storage.section import CommunityStorage


def storage_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield a warning where the allowance may settle before all is delivered that could be."""
    storages: CommunityStorage | None = scenario.community_storage
    if storages is not None and storages.stop_when == "left":
        yield Problem(
            "community_storage.stop_when",
            "left may end at an alpha as low as 2, where a storage ends empty or full whatever it "
            "delivers",
            "delivered; left is the reading of the published study",
        )
