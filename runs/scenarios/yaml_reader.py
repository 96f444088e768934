"""YAML read strictly: nothing silently turned into something else, nothing given twice."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import yaml

from hmesh.environment.errors import InputError, Problem

_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_PLAIN_TAGS = {"!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))}

# Far beyond what a person writes; an alias counts as often as it is used.
MOST_VALUES = 200_000
DEEPEST = 50
_LONGEST_KEY = 60

type Keys = tuple[str | int, ...]


def read_yaml(text: str, source: str) -> Any:
    """Read YAML by the core schema of YAML 1.2.

    Under it `no`, `on` and `NO` are text, `5e-4` is a number, `010` is ten and a date stays text.

    Parameters
    ----------
    text : str
        The YAML.
    source : str
        The name of its file, for the errors.

    Returns
    -------
    object
        Mappings, lists, text, numbers, truth values and None.

    Raises
    ------
    InputError
        When the text is no YAML, or a key stands twice in one mapping or is not text, or a value
        refers to itself or carries a tag, or values are too many or nested too deeply. All that
        can be found are reported at once.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        reading = _Reading(source)
        value = None if node is None else reading.value(node, (), frozenset())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}: line {mark.line + 1}, column {mark.column + 1}" if mark else source
        raise InputError([Problem(where, f"is not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise InputError([Problem(source, f"is not YAML: {error}")]) from None
    except _TooMuchError as error:
        where = f"{source}: line {error.line}" if error.line else source
        raise InputError([Problem(where, error.message, error.allowed)]) from None
    if reading.problems:
        raise InputError(reading.problems)
    return value


def place(source: str, keys: Sequence[str | int]) -> str:
    """Return how a place in a file is named: the file and the dotted path of keys."""
    parts = [str(key) for key in keys]
    short = [part if len(part) <= _LONGEST_KEY else f"{part[:_LONGEST_KEY]}..." for part in parts]
    return f"{source}: {'.'.join(short)}" if keys else source


def with_lines(problems: Sequence[Problem], text: str, source: str) -> list[Problem]:
    """Return problems with the line of the file at which their key stands.

    A key that is missing gets the line of the section that lacks it.

    Parameters
    ----------
    problems : sequence of Problem
        Problems, some of them at places as `place` names them.
    text : str
        The YAML, which could be read.
    source : str
        The name of its file.
    """
    node = yaml.compose(text, Loader=_Loader)
    lines: dict[str, int] = {}
    if node is not None:
        _add_lines(node, "", lines)
    found = []
    for problem in problems:
        name, _, dotted = problem.place.partition(": ")
        if name != source or not dotted or problem.line:
            found.append(problem)
            continue
        keys = dotted
        while keys and keys not in lines:
            keys = keys.rpartition(".")[0]
        found.append(replace(problem, line=lines.get(keys, 0)))
    return found


def _add_lines(node: yaml.Node, before: str, lines: dict[str, int]) -> None:
    """Enter the line of each key and each part of a list, by its dotted path."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = f"{before}{key.value}"
            if path not in lines:
                lines[path] = key.start_mark.line + 1
                _add_lines(value, f"{path}.", lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            path = f"{before}{index}"
            if path not in lines:
                lines[path] = value.start_mark.line + 1
                _add_lines(value, f"{path}.", lines)


class _TooMuchError(Exception):
    """Ends the reading, for what is left could take for ever."""

    def __init__(self, message: str, allowed: str, line: int = 0) -> None:
        super().__init__(message)
        self.message, self.allowed, self.line = message, allowed, line


def _too_deep(line: int) -> _TooMuchError:
    allowed = f"at most {DEEPEST} sections in each other"
    return _TooMuchError("values are nested too deeply", allowed, line)


class _Loader(yaml.BaseLoader):
    """Makes the nodes of a document, and gives up on one that is too large or too deep."""

    _depth = _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Make a node and those within it."""
        self._depth += 1
        self._nodes += 1
        line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        if self._depth > DEEPEST:
            raise _too_deep(line)
        if self._nodes > MOST_VALUES:
            raise _TooMuchError("there are too many values", f"at most {MOST_VALUES:,}", line)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Reading:
    """One pass over the nodes of a document, collecting what is wrong with them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self._values = 0

    def value(self, node: yaml.Node, keys: Keys, above: frozenset[int]) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            message = "there are too many values, those of an alias counted wherever it is used"
            raise _TooMuchError(message, f"at most {MOST_VALUES:,}")
        if len(above) >= DEEPEST:
            raise _too_deep(node.start_mark.line + 1)
        if id(node) in above:
            return self._refuse(keys, "refers to itself")
        if node.tag not in _PLAIN_TAGS:
            return self._refuse(keys, f"the tag {node.tag} is not understood", "a plain value")
        above |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, keys, above)
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.value(item, (*keys, index), above) for index, item in items]
        quoted = getattr(node, "style", None) is not None
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            return self._refuse(keys, "holds half a character", "text of whole characters")
        return node.value if quoted else _plain(node.value)

    def _mapping(self, node: yaml.MappingNode, keys: Keys, above: frozenset[int]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.value(key_node, keys, above)
            if not isinstance(key, str):
                self._refuse(keys, f"the key {key!r} in line {line} is not text", "text; quote it")
                continue
            here = (*keys, key)
            if key in lines:
                twice = f"is given twice, in lines {lines[key]} and {line}"
                self._refuse(here, twice, "each key once")
            lines[key] = line
            result[key] = self.value(value_node, here, above)
        return result

    def _refuse(self, keys: Keys, message: str, allowed: str = "") -> None:
        self.problems.append(Problem(place(self.source, keys), message, allowed))


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    infinite = _INFINITE.fullmatch(text)
    return float(f"{infinite[1]}inf") if infinite else text
