"""The figures of the source, drawn from what is simulated."""

from hmesh.runs.studies.study_parts import SourceFigure


def community_storage_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the source that can be drawn."""
    return ()
