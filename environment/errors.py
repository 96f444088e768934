"""Errors of the person's input, collected and reported all at once."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what a person gave.

    Attributes
    ----------
    place : str
        Where it stands: the file with its line, or the key of a scenario.
    message : str
        What is wrong, with the offending value.
    allowed : str
        What may stand there instead.
    suggestion : str
        The nearest right name, where there is one.
    line : int
        Line of the file at which the key stands, 0 where that is not known or said already.
    """

    place: str
    message: str
    allowed: str = ""
    suggestion: str = ""
    line: int = field(default=0, kw_only=True)

    def __str__(self) -> str:
        """Return the problem in one line."""
        remedies = []
        if self.allowed:
            remedies.append(f"allowed: {self.allowed}")
        if self.suggestion:
            remedies.append(f"did you mean '{self.suggestion}'?")
        if self.line:
            remedies.append(f"line {self.line}")
        text = f"{self.place}: {self.message}" if self.place else self.message
        text = f"{text} ({'; '.join(remedies)})" if remedies else text
        return " ".join(text.split())


class InputError(ValueError):
    """What a person gave cannot be used; every problem found is reported.

    Parameters
    ----------
    problems : sequence of Problem
        The problems, in the order in which they are reported.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


def refuse_all(problems: Sequence[Problem]) -> None:
    """Raise all problems at once, where there are any."""
    if problems:
        raise InputError(problems)


def nearest(name: str, options: Iterable[str]) -> str:
    """Return the option most like a name.

    Capitals, blanks, hyphens and underscores do not count, so "H-0" is near "h0".

    Parameters
    ----------
    name : str
        What was written.
    options : iterable of str
        What could have been meant.

    Returns
    -------
    str
        The nearest option, or "" when none is near.
    """

    def plain(text: str) -> str:
        return "".join(character for character in text.casefold() if character.isalnum())

    by_plain_name: dict[str, str] = {}
    for option in options:
        by_plain_name.setdefault(plain(option), option)
    found = difflib.get_close_matches(plain(name), list(by_plain_name), n=1, cutoff=0.6)
    return by_plain_name[found[0]] if found else ""


def missing_columns(place: str, present: Sequence[str], required: Sequence[str]) -> list[Problem]:
    """Return a problem for each column that a table needs and does not have.

    Parameters
    ----------
    place : str
        Where the names of the columns stand.
    present : sequence of str
        The columns that the table has.
    required : sequence of str
        The columns that it needs.
    """
    spare = [column for column in present if column not in required]
    return [
        Problem(
            place,
            f"column '{column}' is missing; there are {', '.join(present) or 'none'}",
            f"columns {', '.join(required)}",
            # The wrong name is the one to be reported, and to be changed into the right one.
            nearest(column, spare),
        )
        for column in required
        if column not in present
    ]


def impossible_path(path: Path) -> str:
    """Return why the system cannot look a path up, "" where it can or nothing is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return str(error.strerror)
    except ValueError as error:
        return str(error)
    return ""


def missing_file(path: Path) -> list[Problem]:
    """Return a problem where a path is no file, with the file nearest to it in its folder."""
    if reason := impossible_path(path):
        return [Problem(str(path), f"cannot be opened: {reason}", "the path of a file")]
    if path.is_file():
        return []
    if path.is_dir():
        return [Problem(str(path), "is a folder", "a file")]
    folder = path.parent
    if not folder.is_dir():
        return [Problem(str(path), f"does not exist, and neither does the folder {folder}")]
    near = nearest(path.name, sorted(file.name for file in folder.iterdir() if file.is_file()))
    return [Problem(str(path), "does not exist", suggestion=str(folder / near) if near else "")]


def shortened(problems: Sequence[Problem], shown: int = 20) -> list[Problem]:
    """Return the first problems of many, and one that states how many more there are."""
    if len(problems) <= shown:
        return list(problems)
    more = len(problems) - shown
    return [*problems[:shown], Problem("", f"and {more:,} more of this kind")]
