"""What the schemes of a run came to under a strategy, in a sentence or two each."""

from runs.report.sentence import Sentence, Totals
from runs.schemes.registry import schemes


def of_schemes(totals: Totals, currency: str) -> Sentence:
    """Return what the schemes whose figures are among the totals came to."""
    told: Sentence = ()
    for each in schemes().values():
        if each.figure in totals:
            told += each.part("sentence")(totals, currency)
    return told
