"""Numbers with the noun they count, for messages."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "1 step", "2 steps".

    Parameters
    ----------
    number : int
        How many.
    one, many : str
        What they are called, a verb included where one follows; with no ``many`` an "s" is added.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
