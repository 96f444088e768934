"""Whether utility and aggregators that go by rules of their own ask what these say."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.table_reader import Columns

_BY_COST = ("welfare", "fixed_markup")


def check_leaders(
    inputs: RunInputs, hours: Columns, strategy: int, there: NDArray[np.bool_]
) -> Iterator[Check]:
    """Check the prices of the strategy `leaders` as far as its rules settle them.

    What was learned from profits, and prices found for them, are not judged.

    Parameters
    ----------
    inputs, hours : RunInputs, dict of array
        What the scenario settles, and the columns of hours.parquet before anything was shed.
    strategy : int
        Number of the strategy.
    there : array of bool, shape (steps, communities)
        Which communities have supply.
    """
    given = inputs.scenario.game.leaders
    name = inputs.strategies[strategy]
    places = inputs.places.label(inputs.communities, strategies=[name])
    asked = hours["utility_price"][:, strategy, :1]
    kept = inputs.scenario.grid.limits == "keep"
    if given.utility.rule == "tariff":
        tally, rule = (
            Tally("leaders: the utility asks its tariff", EXACT, "money/kWh"),
            inputs.tariff(),
        )
        if rule is None:
            tally.note(FILE_GONE)
        else:
            tally.add(np.abs(asked - rule[:, None])[:, None], places)
        yield tally.check()
    if given.utility.rule in _BY_COST:
        tally = Tally("leaders: the utility's price covers its cost", EXACT, "of the price")
        if kept:
            tally.note("not checked where prices keep limits of lines")
        else:
            drawn = np.where(there, hours["net_kwh"][:, strategy], 0.0).sum(axis=1)
            cost = (1.0 + given.utility.markup) * inputs.cost.marginal(drawn)
            low, high = (
                inputs.bounds_of_steps(f"utility_{end}")[:, 0, 0] for end in ("lower", "upper")
            )
            due = np.clip(cost, low, high)
            off = np.maximum(due - asked[:, 0], 0.0) / np.maximum(np.abs(due), 1.0)
            tally.add(off[:, None, None], places)
            above = int((asked[:, 0] - due > EXACT * np.maximum(np.abs(due), 1.0)).sum())
            if above:
                tally.note(f"above it in {counted(above, 'step')}, in which demand jumps")
        yield tally.check()
    if given.aggregators.rule == "fixed_markup":
        tally = Tally("leaders: aggregators add their markup", EXACT, "money/kWh")
        if kept:
            tally.note("not checked where prices keep limits of lines")
        else:
            low, high = (
                inputs.bounds_of_steps(f"aggregator_{end}")[:, 0] for end in ("lower", "upper")
            )
            due = np.clip((1.0 + given.aggregators.markup) * asked, low, high)
            off = np.abs(hours["community_price"][:, strategy] - due)
            tally.add(np.where(there, off, 0.0)[:, None], places)
        yield tally.check()
