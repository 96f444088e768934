"""Who gains and who pays in a sweep: gains against the first strategy, with their intervals."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.number_text import fixed
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.summary_rows import money, unit_of_money
from hmesh.runs.sweeps.plan_differences import value_text
from hmesh.runs.sweeps.statistics import statistics
from hmesh.runs.who_gains import PARTIES

if TYPE_CHECKING:
    from hmesh.runs.sweeps.ensemble import Ensemble
    from hmesh.runs.wide_table import WideTable

MOST_COLUMNS = 12
_GAINS = "gains."
# How strategies come out as a whole: quantity, label, factor and decimal places.
_WHOLE = (
    ("price_of_anarchy", "price of anarchy [-]", 1.0, 3),
    ("accounts.members.gini_bills", "Gini of bills [-]", 1.0, 3),
    ("accounts.members.gini_savings", "Gini of savings [-]", 1.0, 3),
    ("accounts.members.worse_off", "members worse off [%]", 100.0, 1),
)


def sweep_gains_table(ensemble: "Ensemble") -> "WideTable | None":
    """Return who gains and who pays at each point of a sweep; None where nothing is compared.

    Gains, that of welfare among them, are differences to the first strategy of the same run, so
    that their intervals are those of paired draws.

    Parameters
    ----------
    ensemble : Ensemble
        The numbers of the runs.
    """
    from rich.text import Text

    from hmesh.runs.wide_table import WideTable

    gains = [name for name in ensemble.quantities if name.startswith(_GAINS)]
    cells = [(p, s) for p, s in np.argwhere(ensemble.present.any(axis=1)).tolist() if s]
    if not gains or not cells:
        return None
    shown, plan = cells[:MOST_COLUMNS], ensemble.plan
    table = WideTable()
    table.add_column("")
    for point, s in shown:
        values = plan.points[point].values
        keys = [f"{plan.short_keys[key]} {value_text(values[key])}" for key in plan.keys]
        table.add_column(
            "\n".join((*keys, strategy_label(ensemble.strategies[s]))), justify="right"
        )
    for name in _in_order(gains):
        table.add_row(*map(Text, _money_row(ensemble, _called(name), ensemble.of(name), shown)))
    for name, label, factor, digits in _WHOLE:
        if name in ensemble.quantities:
            held = factor * ensemble.of(name)
            table.add_row(Text(label), *(Text(_mean(held[p, :, s], digits)) for p, s in shown))
    if len(cells) > len(shown):
        table.caption = f"and {len(cells) - len(shown):,} more in summary.csv"
    return table


def _in_order(gains: list[str]) -> list[str]:
    """Return the gains as the table of a run has them: kinds, all members, communities."""
    known = [f"{_GAINS}{kind}" for kind in PARTIES]
    places = [name for name in gains if name.startswith(f"{_GAINS}in.")]
    ends = [f"{_GAINS}welfare", f"{_GAINS}members"]
    others = [name for name in gains if name not in (*known, *places, *ends)]
    return [*(name for name in (*known, *others, *ends) if name in gains), *places]


def _called(name: str) -> str:
    """Return what a gain is called: "households", "all members", "in suburb"."""
    kind = name.removeprefix(_GAINS)
    if kind == "members":
        return "all members"
    if kind.startswith("in."):
        return f"  in {kind.removeprefix('in.')}"
    return PARTIES.get(kind, kind.replace("_", " ")).removeprefix("the ")


def _money_row(
    ensemble: "Ensemble", label: str, values: np.ndarray, shown: list[tuple[int, int]]
) -> list[str]:
    """Return a row of amounts of money, in one unit."""
    largest = max((abs(float(np.nanmean(values[p, :, s]))) for p, s in shown), default=0.0)
    size, sign = unit_of_money(largest)
    digits = money(largest / size)
    unit = f"{sign} {ensemble.currency}".strip()
    return [f"{label} [{unit}]", *(_mean(values[p, :, s] / size, digits, "+") for p, s in shown)]


def _mean(values: np.ndarray, digits: int, sign: str = "") -> str:
    """Return a mean over seeds with half its 95 % interval."""
    found = statistics(values[:, None])
    mean, half = float(found.mean[0]), float(found.half_width[0])
    if not np.isfinite(mean):
        return "-"
    text = fixed(mean, digits)
    if sign and mean > 0 and text.strip("0.,"):
        text = f"{sign}{text}"
    return f"{text} ± {fixed(half, digits)}" if np.isfinite(half) else text
