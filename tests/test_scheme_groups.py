"""Where groups of a scheme live, and what they may be called beside members and other schemes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hmesh.environment import InputError
from hmesh.runs import load_scenario, read_yaml

BUILT_IN = Path("hmesh/runs/scenarios/built_in")
SCHEMES = {
    "smart_homes": "smart-home",
    "composite_storage": "composite-storage",
    "school_buses": "school-buses",
}
TOWN: dict[str, Any] = {
    "name": "town",
    "time_zone": "America/Detroit",
    "start": "2024-01-16T00:00",
    "school_terms": {"built_in": "michigan"},
    "location": {"latitude": 42.7, "longitude": -83.1},
    "communities": {
        name: {"members": [{"kind": "household", "name": "flats", "annual_kwh": 4e3,
                            "profile": "h0"}]}
        for name in ("homes", "suburb")
    },
    "strategies": ["typical"],
}  # fmt: skip


def town(folder: Path, **groups: tuple[str, str]) -> str:
    """Write a scenario with a group of each scheme, given its community and name."""
    sections = {}
    for scheme, (community, name) in groups.items():
        path = BUILT_IN / f"{SCHEMES[scheme]}.yaml"
        section = read_yaml(path.read_text(), path.name)[scheme]
        group = section["groups"][0] | {"community": community, "name": name}
        sections[scheme] = section | {"groups": [group]}
    path = folder / "town.yaml"
    path.write_text(yaml.safe_dump(TOWN | sections))
    return str(path)


def refused(folder: Path, **groups: tuple[str, str]) -> list[str]:
    with pytest.raises(InputError) as error:
        load_scenario(town(folder, **groups))
    reported = (str(problem).removeprefix("town.yaml: ") for problem in error.value.problems)
    # The line depends on how the file is written.
    return [re.sub(r"; line \d+\)$", ")", problem) for problem in reported]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_group_is_not_called_like_members_of_its_community(tmp_path: Path, scheme: str) -> None:
    assert refused(tmp_path, **{scheme: ("suburb", "flats")}) == [
        f"{scheme}.groups.0.name: members of suburb are called 'flats' (allowed: its own name)"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("smart_homes", "composite_storage"), ("smart_homes", "school_buses"),
     ("composite_storage", "school_buses")],
)  # fmt: skip
def test_groups_of_two_schemes_have_names_of_their_own_in_a_community(
    tmp_path: Path, first: str, second: str
) -> None:
    assert refused(tmp_path, **{first: ("homes", "street"), second: ("homes", "street")}) == [
        f"{second}.groups.0.name: a group of {first} in homes is called 'street' too "
        "(allowed: its own name)"
    ]
    apart = town(tmp_path, **{first: ("homes", "street"), second: ("suburb", "street")})
    nodes = [load_scenario(apart).connections(name) for name in ("homes", "suburb")]
    assert all(len(set(names)) == len(names) for names in nodes)


@pytest.mark.parametrize("name", ["charging", "schools", "community-storage"])
@pytest.mark.parametrize("scheme", ["smart_homes", "composite_storage"])
def test_a_group_is_not_called_like_what_else_is_connected(
    tmp_path: Path, scheme: str, name: str
) -> None:
    assert refused(tmp_path, **{scheme: ("homes", name)}) == [
        f"{scheme}.groups.0.name: {name!r} is the name of another part of the grid "
        "(allowed: its own name)"
    ]


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    reported = refused(
        tmp_path,
        smart_homes=("homs", "street"),
        composite_storage=("suburb", "flats"),
        school_buses=("suburb", "flats"),
    )
    assert [problem.split(":")[0] for problem in reported] == [
        "smart_homes.groups.0.community",
        "composite_storage.groups.0.name",
        "school_buses.groups.0.name",
    ]


@pytest.mark.parametrize("name", ["charging", "feeder", "schools", "community-storage"])
def test_members_are_not_called_like_what_else_is_connected(name: str) -> None:
    with pytest.raises(InputError, match=f"{name!r} is the name of another part of the grid"):
        load_scenario("three-communities", [f"communities.homes.members.0.name={name}"])
