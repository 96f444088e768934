"""When Python collects garbage: seldom while a program starts, as usual while it runs.

Reference counts free nearly everything. What is imported stays, and looking through all of it again
and again takes a tenth of a small run.
"""

import gc

# Objects made after which Python looks at the youngest, and how often before it looks at older.
_AT_START = (50_000, 20, 20)
_usual: list[tuple[int, int, int]] = []


def look_seldom() -> None:
    """Look for garbage seldom until `look_as_usual`."""
    _usual.append(gc.get_threshold())
    gc.set_threshold(*_AT_START)


def look_as_usual() -> None:
    """Look for garbage as Python does, but not among all that is there now.

    Does nothing where `look_seldom` was not called: then the program is not hMESH's.
    """
    if _usual:
        gc.freeze()
        gc.set_threshold(*_usual.pop())
        _usual.clear()
