"""The figures of chapter 5 of the dissertation, drawn from what is simulated."""

from hmesh.runs.studies.study_parts import SourceFigure


def vehicle_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the chapter that can be drawn."""
    return ()
