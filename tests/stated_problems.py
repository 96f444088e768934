"""What is said of wrong input, part by part."""

from hmesh.environment.errors import InputError


def said(error: InputError) -> list[tuple[str, str, str, str]]:
    """Return the parts of every problem."""
    return [(p.place, p.message, p.allowed, p.suggestion) for p in error.problems]
