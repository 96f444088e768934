"""Errors of a scenario's values, with their place, what is allowed and the nearest name."""

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import isclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo

from hmesh.environment.errors import InputError, Problem, nearest

type Keys = tuple[str, ...]


def problems_of(
    error: ValidationError, model: type[BaseModel], name_place: Callable[[Keys], str]
) -> list[Problem]:
    """Return the problems that a validation found.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    model : type
        The model that was validated.
    name_place : callable
        Names the place of a path of keys, all text.

    Returns
    -------
    list of Problem
        One per place and cause, in the order of the model's fields.
    """
    found: dict[tuple[str, str], Problem] = {}
    for detail in error.errors(include_url=False):
        spot = _spot(model, detail["loc"])
        for problem in _problems(detail, spot):
            found.setdefault((problem.place, problem.message), problem)
    return [replace(problem, place=name_place(_keys(problem.place))) for problem in found.values()]


def _keys(dotted: str) -> Keys:
    return tuple(dotted.split(".")) if dotted else ()


def shown(value: object) -> str:
    """Return a value as a message shows it, shortened."""
    if isinstance(value, dict):
        return f"a section with the keys {', '.join(map(str, value)) or '(none)'}"
    if isinstance(value, bool | None):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place in a model: its path, its type with constraints, and its section's keys."""

    keys: tuple[str | int, ...]
    annotation: Any
    metadata: tuple[Any, ...] = ()
    description: str = ""
    siblings: tuple[str, ...] = ()
    lacks: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        """What may stand here, with its unit."""
        expected = _expected(self.annotation, self.metadata)
        return "; ".join(part for part in (expected, self.description) if part)


def _problems(detail: Any, spot: _Spot) -> Iterator[Problem]:
    place = ".".join(map(str, spot.keys))
    cause = detail.get("ctx", {}).get("error")
    match detail["type"]:
        case "missing":
            yield Problem(place, "is missing", spot.expected)
        case "extra_forbidden":
            name = str(spot.keys[-1])
            if name in spot.lacks:
                why, allowed = spot.lacks[name]
                yield Problem(place, f"there is no key {name!r}: {why}", allowed)
                return
            near = nearest(name, spot.siblings)
            # The whole list of keys helps only where no single one is meant.
            allowed = "" if near else ", ".join(spot.siblings)
            yield Problem(place, f"there is no key {name!r}", allowed, near)
        case "value_error" if isinstance(cause, InputError):
            for problem in cause.problems:
                inner = ".".join(part for part in (place, problem.place) if part)
                yield replace(problem, place=inner, allowed=problem.allowed or spot.expected)
        case _:
            options = _options(spot.annotation)
            value = detail["input"]
            near = nearest(value, options) if isinstance(value, str) else ""
            yield Problem(place, f"{shown(value)} is not allowed", spot.expected, near)


def _spot(model: type[BaseModel], location: Sequence[str | int]) -> _Spot:
    """Return the spot that pydantic's location names, without its marks for unions and keys."""
    spot = _Spot((), model)
    for part in location:
        annotation, metadata = _bare(spot.annotation, spot.metadata)
        keys = (*spot.keys, part)
        if isclass(annotation) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields
            given = fields.get(str(part))
            if given is None:
                lacks = getattr(annotation, "lacks", {})
                return _Spot(keys, object, siblings=tuple(fields), lacks=lacks)
            spot = _of_field(keys, given)
        elif get_origin(annotation) is dict and part != "[key]":
            spot = replace(spot, keys=keys, annotation=get_args(annotation)[1], metadata=())
        elif get_origin(annotation) is tuple:
            items = get_args(annotation)
            item = items[0] if Ellipsis in items else items[min(int(part), len(items) - 1)]
            spot = replace(spot, keys=keys, annotation=item, metadata=())
        elif tagged := [option for option in get_args(annotation) if _has_tag(option, part)]:
            spot = replace(spot, annotation=tagged[0], metadata=())
        else:
            return replace(spot, annotation=annotation, metadata=metadata)
    return spot


def _of_field(keys: tuple[str | int, ...], field: FieldInfo) -> _Spot:
    extra = field.json_schema_extra
    hint = extra.get("hint", "") if isinstance(extra, dict) else ""
    wording = "; ".join(str(part) for part in (field.description, hint) if part)
    return _Spot(keys, field.annotation, tuple(field.metadata), wording)


def _bare(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without Annotated and without None, with its constraints."""
    if get_origin(annotation) is Annotated:
        marks = annotation.__metadata__
        flat = [part for mark in marks for part in getattr(mark, "metadata", (mark,))]
        return _bare(annotation.__origin__, (*metadata, *flat))
    if get_origin(annotation) in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not types.NoneType]
        if len(options) == 1:
            return _bare(options[0], metadata)
    return annotation, metadata


def _has_tag(annotation: Any, name: str | int) -> bool:
    return any(isinstance(mark, Tag) and mark.tag == name for mark in _bare(annotation, ())[1])


def _options(annotation: Any) -> list[str]:
    annotation, _ = _bare(annotation, ())
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return [name for option in get_args(annotation) for name in _options(option)]
    return []


def _expected(annotation: Any, metadata: tuple[Any, ...]) -> str:
    """Return in words what a type with its constraints accepts."""
    optional = types.NoneType in get_args(annotation)
    annotation, metadata = _bare(annotation, metadata)
    arguments = get_args(annotation)
    if annotation in (int, float):
        number = "a whole number" if annotation is int else "a number"
        words = " ".join((number, *_range(metadata)))
    elif get_origin(annotation) is Literal:
        words = ", ".join(map(str, arguments))
    elif get_origin(annotation) in (Union, types.UnionType):
        words = " or ".join(filter(None, (_expected(option, ()) for option in arguments)))
    elif get_origin(annotation) is tuple:
        one_by_one = "two values in brackets, each "
        several = "a list in brackets, each "
        words = (several if Ellipsis in arguments else one_by_one) + _expected(arguments[0], ())
    elif isclass(annotation) and issubclass(annotation, BaseModel):
        words = f"a section with the keys {', '.join(annotation.model_fields)}"
    else:
        words = {str: "text", bool: "true or false"}.get(annotation, "")
        if get_origin(annotation) is dict:
            words = f"names, each with {_expected(arguments[1], ())}"
    return f"{words} or null" if optional and words else words


def _range(metadata: tuple[Any, ...]) -> Iterator[str]:
    """Return the bounds of a number in words, from its lowest to its highest value."""
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "to below"}
    for name, word in words.items():
        for constraint in metadata:
            bound = getattr(constraint, name, None)
            if bound is not None:
                yield f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound:,}"
