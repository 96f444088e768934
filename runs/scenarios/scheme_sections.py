"""The sections of schemes, added to the model of a scenario as schemes come and go."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field
from pydantic.fields import FieldInfo

from hmesh.runs.plugins.registered import REGISTER
from hmesh.runs.scenarios.prosumer_parts import with_owned
from hmesh.runs.scenarios.section_consistency import there_if_compared
from hmesh.runs.schemes.descriptor import SchemeDescriptor
from hmesh.runs.schemes.registry import sections_first
from hmesh.runs.strategy_names import STRATEGIES, default_strategies

# Sections of schemes stand before this field of a scenario.
_BEFORE = "location"


def add_schemes(model: type[BaseModel], fields: Mapping[str, FieldInfo]) -> None:
    """Give the model of a scenario a section for each scheme, and the strategies that there are.

    Parameters
    ----------
    model
        The model, which is changed.
    fields
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
    strategies: Any = Annotated[named, Field(strict=False)]
    hint = f"one of your own: {REGISTER.format(decorator='strategy')}"
    given: Any = Field(
        default=default_strategies(), description=description, json_schema_extra={"hint": hint}
    )
    return FieldInfo.from_annotated_attribute(strategies, given)


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
