"""The results of the schemes of a run under a strategy, in a sentence or two each."""

from collections.abc import Collection

from hmesh.runs.report.sentence import Sentence, Totals
from hmesh.runs.schemes.registry import schemes

# A change by a smaller share is not worth a sentence.
NOTICEABLE = 0.01


def of_schemes(
    totals: Totals,
    currency: str,
    first: Totals | None = None,
    only: Collection[str] | None = None,
) -> Sentence:
    """Return the results of the schemes whose figures are among the totals.

    Parameters
    ----------
    totals : mapping
        The totals of a strategy.
    currency : str
        The currency of the run.
    first : mapping, optional
        The totals of the first strategy; schemes that hardly differ from it are left out.
    only : collection of str, optional
        The schemes of which something is said; all unless given.
    """
    reported: Sentence = ()
    for name, each in schemes().items():
        if each.figure not in totals or (only is not None and name not in only):
            continue
        sentence = each.part("sentence")
        said = sentence(totals, currency)
        if first is None or each.figure not in first or _differs(said, sentence(first, currency)):
            reported += said
    return reported


def _differs(sentence: Sentence, other: Sentence) -> bool:
    """Return whether two sentences of a scheme say different things, or noticeably other numbers.

    A bill moves a little with prices that other schemes move; that is no news of the scheme.
    """
    if len(sentence) != len(other):
        return True
    for part, before in zip(sentence, other, strict=True):
        if isinstance(part, str) or isinstance(before, str):
            if part != before:
                return True
        elif abs(part.value - before.value) > NOTICEABLE * max(abs(part.value), abs(before.value)):
            return True
    return False
