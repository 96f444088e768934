"""Errors of the person's input, collected and told all at once."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what a person gave.

    Attributes
    ----------
    place
        Where it stands: the file with its line, or the key of a scenario.
    message
        What is wrong, with the offending value.
    allowed
        What may stand there instead.
    suggestion
        The nearest right name, where there is one.
    """

    place: str
    message: str
    allowed: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        """Return the problem in one line."""
        remedies = []
        if self.allowed:
            remedies.append(f"allowed: {self.allowed}")
        if self.suggestion:
            remedies.append(f"did you mean '{self.suggestion}'?")
        text = f"{self.place}: {self.message}" if self.place else self.message
        text = f"{text} ({'; '.join(remedies)})" if remedies else text
        return " ".join(text.split())


class InputError(ValueError):
    """What a person gave cannot be used; every problem found is told.

    Parameters
    ----------
    problems
        The problems, in the order in which they are told.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


def nearest(name: str, options: Iterable[str]) -> str:
    """Return the option most like a name.

    Capitals, blanks, hyphens and underscores do not count, so "H-0" is near "h0".

    Parameters
    ----------
    name
        What was written.
    options
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
