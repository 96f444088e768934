"""The results of street lights, in a sentence."""

from hmesh.runs.report.sentence import Sentence, Totals, energy


def sentence(totals: Totals, _: str) -> Sentence:
    """Return what street lights used."""
    return ("Street lights use ", energy(totals, "lights_kwh"), ". ")
