"""The sections of schemes, added to the model of a scenario as schemes come and go."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.fields import FieldInfo

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.runs.plugins.registered import REGISTER
from hmesh.runs.scenarios.prosumer_parts import with_owned
from hmesh.runs.scenarios.section_consistency import there_if_compared
from hmesh.runs.schemes.descriptor import SchemeDescriptor
from hmesh.runs.schemes.registry import sections_first
from hmesh.runs.strategy_names import (
    JOINT,
    STRATEGIES,
    default_strategies,
    is_joint,
    joint,
    parts_of,
    scheme_of,
)

# Sections of schemes stand before this field of a scenario.
_BEFORE = "location"


def add_schemes(model: type[BaseModel], fields: Mapping[str, FieldInfo]) -> None:
    """Give the model of a scenario a section for each scheme, and the strategies that there are.

    Parameters
    ----------
    model : type
        The model, which is changed.
    fields : mapping of FieldInfo
        The fields that every scenario has, in their order.
    """
    complete: dict[str, FieldInfo] = {}
    for name, field in fields.items():
        if name == _BEFORE:
            complete |= {each.name: _section_field(each) for each in sections_first()}
        complete[name] = field
    complete["strategies"] = _strategies_field(fields["strategies"].description or "")
    model.__pydantic_fields__ = complete
    model.model_rebuild(force=True)


def always_there() -> str:
    """Return the schemes whose strategies need no section."""
    return ", ".join(each.name for each in sections_first() if each.always_there)


def _strategies_field(description: str) -> FieldInfo:
    # What is allowed is known only now, and so no type that a checker could read.
    named: Any = tuple[Literal[*STRATEGIES], ...]  # type: ignore[valid-type]
    strategies: Any = Annotated[named, Field(strict=False), WrapValidator(_with_joint)]
    hint = f"one of your own: {REGISTER.format(decorator='strategy')}"
    given: Any = Field(
        default=default_strategies(), description=description, json_schema_extra={"hint": hint}
    )
    return FieldInfo.from_annotated_attribute(strategies, given)


def _with_joint(given: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Read strategies of which some join those of several schemes."""
    if not isinstance(given, list | tuple):
        return read(given)
    several = {
        index: name
        for index, name in enumerate(given)
        if isinstance(name, str) and JOINT in name and name not in STRATEGIES
    }
    problems = [
        problem for index, name in several.items() for problem in _problems_of_joint(index, name)
    ]
    refuse_all(problems)
    # The others are read as they are, each joint one by its first part.
    names = [parts_of(name)[0] if index in several else name for index, name in enumerate(given)]
    found = read(names)
    return tuple(
        joint(parts_of(several[index])) if index in several else name
        for index, name in enumerate(found)
    )


def _problems_of_joint(index: int, name: str) -> list[Problem]:
    """Return why a joint strategy is none."""
    if is_joint(name):
        return []
    place = f"{index}"
    of_schemes = [each for each in STRATEGIES if scheme_of(each) is not None]
    wrong = [part for part in parts_of(name) if part not in of_schemes]
    if not wrong:
        message = f"{name!r} names two strategies of one scheme"
        return [Problem(place, message, "one strategy of each of several schemes")]
    allowed = ", ".join(of_schemes)
    return [
        Problem(place, f"{part!r} in {name!r} is not allowed", allowed, nearest(part, of_schemes))
        for part in wrong
    ]


def _section_field(scheme: SchemeDescriptor) -> FieldInfo:
    """Return the field of a scheme's section, which must agree with those before it."""
    section = scheme.part("section")
    absent = section.absent()
    given = section if absent is not None else section | None
    agreeing: Any = Annotated[
        given, AfterValidator(there_if_compared), AfterValidator(with_owned(scheme)),
        AfterValidator(section.agree),
    ]  # fmt: skip
    default: Any = Field(default=absent, description=scheme.description)
    return FieldInfo.from_annotated_attribute(agreeing, default)
