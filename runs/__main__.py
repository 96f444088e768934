"""The program: `hmesh`, or `python -m hmesh`."""

from hmesh.runs.garbage import look_seldom
from hmesh.runs.interruptions import answer_at_once


def main() -> None:
    """Answer the command line."""
    # Before anything heavy is imported, for Ctrl-C may come at once.
    answer_at_once()
    look_seldom()
    from hmesh.runs.command_line import main as program

    program()


if __name__ == "__main__":
    main()
