"""Sentences as a person reads them in a terminal, and a program in a pipe."""

from rich.console import Console
from rich.text import Text


def say(text: str, console: Console | None = None) -> None:
    """Print a sentence, broken between words in a terminal.

    In a pipe or a file it stays one line, so that programs find it by its beginning.

    Parameters
    ----------
    text : str
        The sentence.
    console : rich.console.Console, optional
        Where to; the output of the program if not given.
    """
    console = console or Console()
    console.print(Text(text), soft_wrap=not console.is_terminal)
