"""Which agents of a scenario decide by a behaviour."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.runs.plugins.registered import BEHAVIOURS, REGISTER, unnamed_plugin
from hmesh.runs.scenarios.base import AS_TUPLE, Section, Share, refuse
from hmesh.runs.scenarios.problems import problems_of

Row = Annotated[int, Field(ge=0, lt=10_000_000)]


def refuse_undeclared(columns: Iterable[str], behaviour: str) -> None:
    """Refuse columns that a behaviour does not declare.

    Raises
    ------
    InputError
        When there are any.
    """
    there = BEHAVIOURS[behaviour].columns
    problems = [
        Problem(
            name,
            f"the behaviour declares no column {name!r}",
            ", ".join(there) or "none",
            nearest(name, there),
        )
        for name in columns
        if name not in there
    ]
    refuse_all(problems)


class BehaviourChoice(Section):
    """Some agents of one type, which decide by a behaviour."""

    behaviour: str = Field(description="name of the behaviour")
    share: Share | None = Field(
        default=None, description="probability with which each agent has it [-], or null"
    )
    count: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="how many agents have it, drawn from all, or null"
    )
    rows: Annotated[tuple[Row, Row], AS_TUPLE] | None = Field(
        default=None, description="first and last agent that have it, counted from 0, or null"
    )
    community: str | None = Field(
        default=None, description="only agents that are there at the start, or null for any"
    )
    group: str | None = Field(
        default=None, description="only agents of that group of their section, or null for any"
    )
    columns: dict[str, float | bool] = Field(
        default={}, description="values of columns that a plugin's behaviour declares, by name"
    )
    keys: dict[str, Any] = Field(
        default={}, description="keys of a behaviour that comes with hMESH, by name"
    )

    @check("behaviour")
    @classmethod
    def _registered(cls, name: str) -> str:
        if name not in BEHAVIOURS:
            known = ", ".join(BEHAVIOURS)
            hint = REGISTER.format(decorator="behaviour")
            raise refuse(
                f"there is no behaviour {name!r}",
                allowed=f"{known}; {hint}" if known else hint,
                suggestion=nearest(name, BEHAVIOURS),
            )
        return name

    @check("rows")
    @classmethod
    def _in_order(cls, rows: tuple[int, int] | None) -> tuple[int, int] | None:
        if rows is not None and rows[0] > rows[1]:
            raise refuse(f"row {rows[0]} stands after row {rows[1]}", allowed="[first, last]")
        return rows

    @check("columns")
    @classmethod
    def _declared(cls, columns: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "behaviour" not in info.data:
            return columns
        registered = BEHAVIOURS[info.data["behaviour"]]
        if columns and registered.built_in:
            raise refuse(f"{registered.name} has keys", allowed="keys in place of columns")
        if columns:
            refuse_undeclared(columns, registered.name)
        return columns

    @check("keys", mode="before")
    @classmethod
    def _of_the_behaviour(cls, keys: Any, info: ValidationInfo) -> Any:
        if "behaviour" not in info.data or not isinstance(keys, Mapping):
            return keys
        registered = BEHAVIOURS[info.data["behaviour"]]
        if not registered.built_in:
            if keys:
                raise refuse(f"{registered.name} has no keys", allowed="columns in place of keys")
            return keys
        section = registered.section
        try:
            reported = section.model_validate(
                {"name": registered.name, **keys}, context=info.context
            )
        except ValidationError as error:
            raise InputError(
                problems_of(error, section, lambda at: ".".join(map(str, at)))
            ) from None
        return {k: v for k, v in reported.model_dump(mode="json").items() if k != "name"}

    @property
    def given(self) -> Any:
        """The keys of the behaviour as its section, or None where a plugin's has columns."""
        registered = BEHAVIOURS[self.behaviour]
        if not registered.built_in:
            return None
        return registered.section.model_validate({"name": self.behaviour, **self.keys})

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in ("share", "count", "rows") if getattr(self, name) is not None]
        if len(given) != 1:
            reported = " and ".join(given) or "neither share, count nor rows"
            verb = "are" if len(given) > 1 else "is"
            raise refuse(f"{reported} {verb} given", allowed="one of share, count and rows")
        if self.rows is not None and self.community is not None:
            raise refuse("rows and community are given", allowed="share or count in a community")
        if self.rows is not None and self.group is not None:
            raise refuse("rows and group are given", allowed="share or count in a group")
        return self


def chosen_by_group(group: str, given: Any) -> BehaviourChoice:
    """Return the choice of a behaviour that a group of a section has, "" for all of it."""
    keys = given.model_dump(mode="json")
    name = keys.pop("name")
    named = {"keys": keys} if BEHAVIOURS[name].built_in else keys
    return BehaviourChoice(behaviour=name, share=1.0, group=group, **named)


def behaviour_problems(
    choices: Sequence[BehaviourChoice],
    schemes: Mapping[str, Any],
    plugins: Sequence[str],
    communities: Mapping[str, Any],
) -> Iterator[Problem]:
    """Yield what is wrong with the behaviours of a scenario, seen beside the rest of it.

    Parameters
    ----------
    choices : sequence of BehaviourChoice
        The behaviours, in their order.
    schemes, plugins, communities : mapping, sequence of str, mapping
        The sections of schemes that take part, the plugins that the scenario names, and its
        communities.
    """
    shares: dict[tuple[str, str], float] = {}
    for k, choice in enumerate(choices):
        registered = BEHAVIOURS[choice.behaviour]
        here = f"behaviours.{k}"
        named = {"plugins": plugins}
        yield from unnamed_plugin(f"{here}.behaviour", "behaviour", registered, named)
        if registered.scheme not in schemes:
            yield Problem(
                f"{here}.behaviour",
                f"{choice.behaviour!r} is a behaviour of agents of {registered.scheme}, "
                "which do not take part",
                f"a section {registered.scheme}",
            )
        elif why := schemes[registered.scheme].decided_above:
            message = f"no agent of {registered.scheme} is asked, since {why}"
            yield Problem(f"{here}.behaviour", message, "agents that decide")
        if choice.community is not None and choice.community not in communities:
            yield Problem(
                f"{here}.community",
                f"no community is called {choice.community!r}",
                ", ".join(communities),
                nearest(choice.community, communities),
            )
        known = tuple(getattr(schemes.get(registered.scheme), "behaving_groups", ()))
        if choice.group is not None and choice.group not in known:
            message = f"no group of {registered.scheme} is called {choice.group!r}"
            near = nearest(choice.group, known)
            yield Problem(f"{here}.group", message, ", ".join(known) or "null", near)
        if choice.share is None or choice.group is not None:
            continue
        for name in communities if choice.community is None else (choice.community,):
            place = registered.scheme, name
            before = shares.get(place, 0.0)
            shares[place] = before + choice.share
            if before <= 1.0 + 1e-12 < shares[place]:
                message = f"shares of the agents of {registered.scheme} add up to more than 1"
                left = f"at most {max(1.0 - before, 0.0):g}"
                yield Problem(f"{here}.share", message, left)
                break
