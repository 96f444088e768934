"""What prosumers own: described in the words of a scheme, and made a group of its section."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError, ValidationInfo

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.streams import Streams
from hmesh.runs.scenarios.base import refuse
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.schemes.descriptor import SchemeDescriptor
from hmesh.runs.schemes.registry import prosumer_parts, schemes

SHARE, EACH = "share", "each"
MOST_EACH = 10
# In the context of a validation: that a scenario was written with everything filled in.
RESOLVED = "resolved"


def checked_parts(owns: Mapping[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Return what prosumers own with everything filled in.

    Parameters
    ----------
    owns : mapping
        What a scenario says of each part.
    info : ValidationInfo
        Its context says where files are looked up.

    Raises
    ------
    InputError
        If a part is unknown, or wrong for its scheme.
    """
    known = prosumer_parts()
    problems, found = [], {}
    for key, given in owns.items():
        if key not in known:
            message = f"nothing that prosumers may own is called {key!r}"
            problems.append(Problem(key, message, ", ".join(known), nearest(key, known)))
        elif not isinstance(given, Mapping):
            message = f"{given!r} does not describe what they own"
            problems.append(Problem(key, message, f"{SHARE} and the keys of a group of its scheme"))
        else:
            try:
                found[key] = _checked(known[key], given, info.context)
            except InputError as error:
                problems += [
                    replace(problem, place=".".join(p for p in (key, problem.place) if p))
                    for problem in error.problems
                ]
    refuse_all(problems)
    return found


def _checked(scheme: SchemeDescriptor, given: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Return a part with everything filled in."""
    part = scheme.prosumer_part
    assert part is not None
    model: type[BaseModel] = scheme.found("prosumer_part", part.group)
    # What the members say of a group, its part of them does not.
    hidden = {"name", "count", part.place, *part.fixed}
    own = [SHARE, EACH] if part.several else [SHARE]
    allowed = [*own, *(name for name in model.model_fields if name not in hidden)]
    problems = [
        Problem(name, f"there is no key {name!r}", ", ".join(allowed), nearest(name, allowed))
        for name in given
        if name not in allowed
    ]
    share, each = given.get(SHARE, 1.0), given.get(EACH, 1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        message = f"{share!r} is not allowed"
        problems.append(Problem(SHARE, message, "above 0, to 1; share that own one [-]"))
    if isinstance(each, bool) or not isinstance(each, int) or not 1 <= each <= MOST_EACH:
        allowed_each = f"a whole number from 1 to {MOST_EACH}; how many each of these has"
        problems.append(Problem(EACH, f"{each!r} is not allowed", allowed_each))
    refuse_all(problems)
    rest = {name: value for name, value in given.items() if name not in own}
    group = _group(scheme, rest, "prosumers", "", 1, context)
    filled = group.model_dump(mode="json", exclude=hidden, exclude_unset=part.inherits)
    return {SHARE: float(share), **({EACH: each} if part.several else {}), **filled}


def _group(
    scheme: SchemeDescriptor,
    given: Mapping[str, Any],
    name: str,
    community: str,
    count: int,
    context: Any,
) -> BaseModel:
    """Return the group of a scheme that a part of prosumers is."""
    part = scheme.prosumer_part
    assert part is not None
    model: type[BaseModel] = scheme.found("prosumer_part", part.group)
    of_members = {"name": name, part.place: community, "count": count}
    try:
        group = model.model_validate({**part.fixed, **given, **of_members}, context=context)
    except ValidationError as error:
        raise InputError(problems_of(error, model, ".".join)) from None
    if uncounted := getattr(group, "uncounted", ""):
        raise InputError([Problem("", uncounted, "what is described by its count")])
    return group


def owners(seed: int, community: str, members: Any, key: str) -> NDArray[np.intp]:
    """Return which of some prosumers own a part, ascending, one of several as often as it has.

    Each owns it with the probability of its share, by its own draw, so that further prosumers
    leave what the first ones own as it was.

    Parameters
    ----------
    seed : int
        Seed of the run.
    community : str
        Where they live.
    members : object
        The prosumers, a `ProsumerMembers`.
    key : str
        What the part is called.
    """
    whom = f"{community}/{members.name} {key}"
    draw = Streams(seed).generator("what prosumers own", whom).random(members.count)
    owning = np.flatnonzero(draw < members.owns[key][SHARE])
    return np.repeat(owning, members.owns[key].get(EACH, 1))


def prosumers_of(communities: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the prosumers of all communities, each group with its community."""
    for name, community in communities.items():
        for members in community.members:
            if members.kind == "prosumer":
                yield name, members


def limited_groups(scenario: Any) -> set[tuple[str, str]]:
    """Return community and name of the prosumers whose connections have a limit."""
    return {
        (community, members.name)
        for community, members in prosumers_of(scenario.communities)
        if members.connection_kw is not None
    }


def owned_groups(scheme: SchemeDescriptor, info: ValidationInfo) -> list[Any]:
    """Return the groups of a scheme that prosumers own.

    Parameters
    ----------
    scheme : SchemeDescriptor
        A scheme with a part of prosumers.
    info : ValidationInfo
        What the scenario says in sections before that of the scheme.
    """
    part = scheme.prosumer_part
    communities, seed = info.data.get("communities"), info.data.get("seed")
    if part is None or communities is None or seed is None:
        return []
    found = []
    for community, members in prosumers_of(communities):
        if part.key in members.owns:
            count = len(owners(seed, community, members, part.key))
            if count:
                rest = {k: v for k, v in members.owns[part.key].items() if k not in (SHARE, EACH)}
                found.append(_group(scheme, rest, members.name, community, count, info.context))
    return found


def with_owned(scheme: SchemeDescriptor) -> Callable[[Any, ValidationInfo], Any]:
    """Return what adds to the section of a scheme the groups that prosumers own.

    Its refusals are those of the section.
    """

    def add(section: Any, info: ValidationInfo) -> Any:
        part, communities = scheme.prosumer_part, info.data.get("communities")
        if part is None or communities is None:
            return section
        there = prosumers_of(communities)
        names = {(name, each.name) for name, each in there if part.key in each.owns}
        if not names:
            return section
        if section is None:
            raise refuse(
                f"is missing, and prosumers of {min(names)[0]} own a {part.key}",
                allowed=f"a section {scheme.name}, with `groups: []` where nobody else has any",
            )
        if (info.context or {}).get(RESOLVED):
            # What they own is among the groups already, and is made again.
            section = section.without_owned(given_groups(scheme.name, section, communities))
        problems = [
            Problem(
                f"groups.{g}.name",
                f"prosumers of {getattr(group, part.place)} are called {group.name!r}",
                "its own name",
            )
            for g, group in enumerate(section.groups)
            if (getattr(group, part.place), group.name) in names
        ]
        refuse_all(problems)
        return section.with_owned(tuple(owned_groups(scheme, info)))

    return add


def given_groups(scheme: str, section: Any, communities: Mapping[str, Any]) -> int:
    """Return how many groups of a section it gives itself; those that prosumers own follow."""
    part = schemes()[scheme].prosumer_part
    if part is None:
        return len(section.groups)
    owned = {(name, each.name) for name, each in prosumers_of(communities)}
    return sum((getattr(group, part.place), group.name) not in owned for group in section.groups)
