"""The charts of smart homes: what serves them and goes where, who feeds whom, what is stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import anything, descending, first_highest
from hmesh.runs.pictures.figure_layout import Part, group_colour
from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.report.chart import QUIET, Chart, Trace, balance, course, heat, limits
from hmesh.runs.schemes.smart_homes.pictures import UNMET, groups_of, home_energy, stored_kwh

MOST_PAIRS = 24


def smart_home_charts(data: RunData) -> list[Chart]:
    """Return the charts of smart homes, as far as the run recorded them."""
    groups = groups_of(data)
    found = [_energy(data, g, name, groups.note) for g, name in enumerate(groups.shown)]
    homes = data.run.table("homes", ["home", "group"]).to_pylist()
    first = {home["group"]: home["home"] for home in reversed(homes)}
    found += [_flows(data, name, first[name]) for name in groups.shown if name in first]
    return [chart for chart in (*found, _stored(data, groups.shown)) if chart is not None]


def _energy(data: RunData, group: int, name: str, note: str) -> Chart | None:
    above, below = (
        [
            Part(share.name, share.power_kw[:, group], QUIET if share.colour == UNMET else
                 share.colour)
            for share in side
        ]
        for side in home_energy(data)
    )  # fmt: skip
    findings = {}
    for strategy in data.strategies:
        totals = data.total(strategy, "homes")[name]
        served, wanted = totals["served_kwh"], totals["wanted_kwh"]
        findings[strategy] = (
            f"homes serve {100 * served / wanted:.1f} % of what they want and lose "
            f"{totals['losses_kwh']:,.2f} kWh in storages"
            if wanted > 0
            else "homes want nothing"
        )
    heading = f"What serves homes and where their energy goes: {name}"
    return balance(data, f"home_energy_{group}", heading, findings, above, below, note)


def _flows(data: RunData, group: str, home: int) -> Chart | None:
    """Show who feeds whom in a home: a row for each pair of devices, a column for each step."""
    columns = ["step", "strategy", "source", "target", "energy_kwh"]
    rows = data.run.table("home_flows", columns, [("home", "=", home)])
    pairs = [
        f"{source} to {target}"
        for source, target in zip(
            rows.column("source").to_pylist(), rows.column("target").to_pylist(), strict=True
        )
    ]
    energy = rows.column("energy_kwh").to_numpy()
    names, number = np.unique(np.array(pairs, dtype=str), return_inverse=True)
    if len(names) == 0:
        return None
    flows = np.zeros((len(data.strategies), len(names), data.steps))
    strategy = codes_of(rows.column("strategy"), data.strategies)
    np.add.at(flows, (strategy, number, rows.column("step").to_numpy()), energy / data.step_h)
    order = descending(flows.sum(axis=(0, 2)))[:MOST_PAIRS]
    shown = [str(names[pair]) for pair in order]
    findings = {
        name: _largest(shown, flows[s, order], data.step_h)
        for s, name in enumerate(data.strategies)
    }
    left = len(names) - len(shown)
    return heat(
        data, f"home_flows_{group}", f"Who feeds whom in a home: {group}", findings, shown,
        flows[:, order], "kW", note=f"{left} smaller flows are left out" if left else "",
    )  # fmt: skip


def _largest(names: Sequence[str], flows: NDArray[np.float64], step_h: float) -> str:
    energy = flows.sum(axis=1) * step_h
    most = first_highest(energy)
    return f"most goes from {names[most]}, {energy[most]:,.2f} kWh in all"


def _stored(data: RunData, groups: Sequence[str]) -> Chart | None:
    stored = stored_kwh(data)
    if stored is None or not anything(stored):
        return None
    traces: dict[str, list[Trace]] = {}
    findings: dict[str, Any] = {}
    for s, strategy in enumerate(data.strategies):
        traces[strategy] = []
        for g, name in enumerate(groups):
            traces[strategy] += course(data, name, stored[s, g], group_colour(g), meta="kWh")
        most = first_highest(stored[s, : len(groups)].max(axis=1))
        findings[strategy] = (
            f"a home of {groups[most]} has up to {stored[s, most].max():,.2f} kWh in store"
        )
    return Chart(
        "home_stored", "Energy stored in a home", findings, traces, "usable energy [kWh]",
        limits([stored[:, : len(groups)]]), data.timeline.note_with_range,
    )  # fmt: skip
