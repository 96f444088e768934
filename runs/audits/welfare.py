"""Whether the welfare of every step is that of its exchange, and no more than the planner's."""

from collections.abc import Mapping, Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.others_answers import UNHEARD
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, SchemeAudit
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run


def read_welfare(run: Run, inputs: RunInputs) -> Columns | None:
    """Return welfare.parquet, columns of shape (steps, strategies); None where there is none."""
    if not inputs.scenario.welfare_recorded:
        return None
    names = {"strategy": inputs.strategies}
    rows = TableReader(run, "welfare", names, inputs.start_ms).rest()
    return framed("welfare", rows, {"step": range(inputs.steps), **names})


def check_welfare(
    inputs: RunInputs, welfare: Columns, schemes: Sequence[SchemeAudit]
) -> tuple[list[Check], Figures]:
    """Check welfare.parquet, and return the figures of the summary that it settles.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    welfare : dict of array
        The columns of its table.
    schemes : sequence of SchemeAudit
        The audits of the schemes; one of them knows who answers to prices.
    """
    worth = Tally("welfare: satisfaction less cost of generation", EXACT, "of the amount")
    most = Tally("welfare: the planner's from the same state", EXACT, "of the amount")
    sums = Tally("welfare: loss and price of anarchy follow from it", EXACT, "of the amount")
    label = inputs.places.label([])
    expected = next((w for each in schemes if (w := each.welfare()) is not None), None)
    done, planned = welfare["welfare"], welfare["planner_welfare"]
    if expected is None:
        why = next((each.unknown_answers for each in schemes if each.unknown_answers), "")
        for tally in (worth, most):
            tally.note(why or "who answers to prices is not known")
    else:
        again = [inputs.plays(step) for step in range(inputs.steps)]
        for tally, reported, due in ((worth, done, expected[0]), (most, planned, expected[1])):
            if inputs.played:
                tally.note(inputs.played)
            # What those use who may not have heard their price is worth something unknown.
            known = ~np.isnan(due)
            if not known.all():
                names = np.array(inputs.strategies)[~known.all(axis=0)]
                tally.note(f"left out: {', '.join(names)}, of which {UNHEARD}")
            if known.any():
                scale = np.maximum(np.maximum(np.abs(reported), np.abs(due)), 1.0)
                off = np.abs(reported - due) / scale
                tally.add(np.where(known & np.array(again)[:, None], off, 0.0), label)
    loss = planned - done
    sums.add(np.abs(welfare["welfare_loss"] - loss) / np.maximum(np.abs(planned), 1.0), label)
    ratio = ratios(planned, done)
    neither = np.isnan(ratio) & np.isnan(welfare["price_of_anarchy"])
    off = np.where(neither, 0.0, np.abs(welfare["price_of_anarchy"] - ratio))
    sums.add(np.where(np.isnan(off), np.inf, off) / np.fmax(np.abs(ratio), 1.0), label)
    figures: Figures = {
        "welfare": done,
        "planner_welfare": planned,
        "welfare_loss": welfare["welfare_loss"],
    }
    return [worth.check(), most.check(), sums.check()], figures


def ratios(planned: FloatArray, done: FloatArray) -> FloatArray:
    """Return the planner's welfare over that of strategies, NaN where that is not above 0."""
    return np.divide(planned, done, out=np.full_like(planned, np.nan), where=done > 0)


def with_ratio(figures: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return sums with the price of anarchy, where welfare is among them."""
    if "planner_welfare" not in figures:
        return dict(figures)
    ratio = ratios(figures["planner_welfare"], figures["welfare"])
    return {**figures, "price_of_anarchy": ratio}
