"""Which agents decide by a behaviour of a plugin, and which checks therefore do not apply."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.run_inputs import FILE_GONE, RunInputs
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.strategy_names import is_own
from hmesh.runs.world.behaving_rows import behaving_rows


def behaviours_of(inputs: RunInputs, scheme: str) -> dict[str, NDArray[np.intp] | None]:
    """Return the agents of a scheme that have each behaviour, by row.

    Returns
    -------
    dict
        By behaviour; None where a file that the scenario names has changed, so that it is not
        known which agents these are.
    """
    choices = inputs.scenario.chosen_behaviours
    named = [each.behaviour for each in choices if BEHAVIOURS[each.behaviour].scheme == scheme]
    if inputs.setting is None:
        return dict.fromkeys(named)
    # One that gets no agent by a small share leaves all checks as they are.
    return dict(behaving_rows(inputs.setting, scheme))


def by_design(
    behaving: Mapping[str, NDArray[np.intp] | None], agents: str, inapplicable: Sequence[str]
) -> Iterator[Check]:
    """Yield for each behaviour that its agents do not best-respond by design.

    Parameters
    ----------
    behaving : mapping of array of int, or None
        What `behaviours_of` returned.
    agents : str
        What they are called, such as "vehicles".
    inapplicable : sequence of str
        The checks that do not apply, in words.
    """
    count = len(inapplicable)
    checks = f"{count} check{' does' if count == 1 else 's do'} not apply"
    for name, rows in behaving.items():
        who = agents if rows is None else f"{len(rows):,} {agents}"
        note = f"do not best-respond by design: {checks} ({', '.join(inapplicable)})"
        note = note if count else "decide by design otherwise; all checks apply"
        note += f"; {FILE_GONE}" if rows is None else ""
        yield Check(
            f"behaviour: {who} follow {name}", None, np.nan, 0.0, "", note=note, by_design=True
        )


def rules_by_design(
    strategies: Sequence[str], sets: str, inapplicable: Sequence[str]
) -> Iterator[Check]:
    """Yield for each strategy of a plugin that it does not best-respond by design.

    Parameters
    ----------
    strategies : sequence of str
        What the scheme does under each strategy of the run.
    sets : str
        What such a rule decides, in words.
    inapplicable : sequence of str
        The checks that do not apply to it, in words.
    """
    count = len(inapplicable)
    checks = f"{count} check{' does' if count == 1 else 's do'} not apply"
    note = f"does not best-respond by design: {checks} ({', '.join(inapplicable)})"
    for strategy in filter(is_own, dict.fromkeys(strategies)):
        name = f"rule: {strategy} sets {sets}"
        yield Check(name, None, np.nan, 0.0, "", note=note, by_design=True)
