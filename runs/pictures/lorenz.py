"""Lorenz curves: how bills, and what a strategy saves, are spread over all members."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.distribution import gini, lorenz_curve, net_bill, savings
from hmesh.runs.number_text import fixed
from hmesh.runs.pictures.figure_layout import (
    Drawing,
    legend_line,
    panel_title,
    sheet,
    strategy_colour,
    stroke,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import strategy_label, strategy_name

QUIET = "#9A9A9A"
_SUMS = ["paid", "received", "stored_change_kwh"]


def bills_by_member(data: RunData) -> dict[str, FloatArray]:
    """Return the bill of every member by strategy, stored energy valued [money].

    Parameters
    ----------
    data : RunData
        A run with `record.accounts: all`; of others nothing.
    """
    if data.scenario["record"].get("accounts") != "all":
        return {}
    rows = data.run.table("accounts", columns=["strategy", "kind", "member", *_SUMS]).to_pandas()
    # A run of several years has a row of each member for each of them.
    sums = rows.groupby(["strategy", "kind", "member"], observed=True)[_SUMS].sum()
    found = {}
    for strategy in data.strategies:
        price = float(data.run.summary[strategy]["accounts"]["stored_price"])
        mine = sums.loc[strategy].sort_index()
        paid, received, stored_kwh = (mine[name].to_numpy() for name in _SUMS)
        found[strategy] = net_bill(paid, received, stored_kwh, price)
    return found


def draw_lorenz(data: RunData) -> Drawing:
    """Draw the Lorenz curves of bills, and of savings against the first strategy."""
    bills = bills_by_member(data)
    names = list(bills)
    if not bills or not len(bills[names[0]]):
        return Drawing("No Lorenz curves to draw: nobody has an account")
    saved = {name: savings(bills[name], bills[names[0]]) for name in names[1:]}
    saved = {name: amounts for name, amounts in saved.items() if amounts.any()}
    panels = {"Bills": bills} | (
        {f"Savings against {strategy_name(names[0])}": saved} if saved else {}
    )
    entries = [
        legend_line(
            strategy_label(name), strategy_colour(names, name), linestyle=stroke(names.index(name))
        )
        for name in names
    ]
    entries.append(legend_line("all the same", QUIET, linewidth=0.8))
    figure, axes = sheet(
        _finding(data, bills, saved), (1, len(panels)), 3.4, entries, left_in=0.9, gap_in=0.6,
        note="members from the smallest amount to the largest; amounts below 0 are received",
    )  # fmt: skip
    for panel, (title, amounts) in zip(axes.ravel(), panels.items(), strict=True):
        for name, each in amounts.items():
            curve = lorenz_curve(each)
            place = np.linspace(0.0, 100.0, len(curve))
            panel.plot(
                place, 100.0 * curve, color=strategy_colour(names, name),
                linestyle=stroke(names.index(name)),
            )  # fmt: skip
            panel.plot([0.0, 100.0], [0.0, 100.0 * curve[-1]], color=QUIET, linewidth=0.8)
        panel.set_xlim(0.0, 100.0)
        panel.set_xlabel("members [%]")
        panel.set_ylabel("sum of all absolute amounts [%]")
        panel_title(panel, title)
    return Drawing(_finding(data, bills, saved), figure)


def _finding(data: RunData, bills: dict[str, FloatArray], saved: dict[str, FloatArray]) -> str:
    """State by how much bills, and savings, differ between members."""
    last = data.strategies[-1]
    text = f"The Gini coefficient of bills is {fixed(gini(bills[last]), 2)}"
    if len(bills) > 1:
        first = fixed(gini(bills[data.strategies[0]]), 2)
        text += f" under {strategy_name(last)}, {first} under {strategy_name(data.strategies[0])}"
    return f"{text}; that of savings is {fixed(gini(saved[last]), 2)}" if last in saved else text
