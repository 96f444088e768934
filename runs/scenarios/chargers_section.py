"""The chargers of a community: how many plugs there are, of which power, and who waits for one."""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, refuse_all
from hmesh.environment.plugs import ChargerKind
from hmesh.runs.scenarios.base import AS_TUPLE, Count, Positive, Section, names_given_twice, refuse

_MOST_KINDS = 20


class Chargers(Section):
    """Chargers of one kind in a community."""

    name: str = Field(default="charger", description="name of the kind in the results")
    count: Count | None = Field(
        default=None, description="how many plugs there are, or null for one for each vehicle"
    )
    power_kw: Positive | None = Field(
        default=None, description="highest power of a plug [kW], or null where only vehicles limit"
    )
    v2g: bool = Field(default=True, description="whether vehicles can discharge there")
    queue: Literal["fifo", "none"] = Field(
        default="fifo",
        description="fifo: vehicles without a plug wait for one; none: they park unplugged",
    )
    move_when_full: bool = Field(
        default=False, description="whether full vehicles leave their plug as a step begins"
    )

    on_the_way: bool = Field(
        default=False,
        description="whether these are for vehicles that stop on their way alone; those that park "
        "there use the other kinds, or have a plug each",
    )

    @model_validator(mode="after")
    def _a_plug_for_those_on_the_way(self) -> Self:
        if not self.on_the_way:
            return self
        problems = [
            Problem(name, "is missing of chargers for vehicles on their way", allowed)
            for name, allowed in (("count", "1 or more"), ("power_kw", "above 0"))
            if getattr(self, name) is None
        ]
        refuse_all(problems)
        return self

    @check("name")
    @classmethod
    def _some_name(cls, name: str) -> str:
        if not name.strip():
            raise refuse("the name is empty", allowed="a name")
        return name

    @property
    def kind(self) -> ChargerKind:
        """The kind of chargers that this is."""
        return ChargerKind(
            name=self.name,
            count=inf if self.count is None else self.count,
            power_kw=inf if self.power_kw is None else self.power_kw,
            v2g=self.v2g,
            queue=self.queue == "fifo",
            move_when_full=self.move_when_full,
        )


def _as_list(given: object) -> object:
    """Return kinds of chargers as a list, of which one alone is one, and null is none."""
    if given is None:
        return ()
    return (given,) if isinstance(given, Mapping | Chargers) else given


ChargerKinds = Annotated[tuple[Chargers, ...], AS_TUPLE, BeforeValidator(_as_list)]


def different_kinds(kinds: tuple[Chargers, ...]) -> tuple[Chargers, ...]:
    """Return kinds of chargers that can be distinguished."""
    if len(kinds) > _MOST_KINDS:
        raise refuse(f"there are {len(kinds)} kinds", allowed=f"at most {_MOST_KINDS}")
    refuse_all(names_given_twice(kinds, "kind"))
    return kinds
