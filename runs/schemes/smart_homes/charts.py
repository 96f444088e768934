"""The charts of smart homes: what serves them and goes where, who feeds whom, what is stored."""

from collections.abc import Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything, descending, first_highest
from hmesh.runs.pictures.chart import Chart, Series, heat, of_strategies
from hmesh.runs.pictures.figure_layout import group_colour
from hmesh.runs.pictures.run_data import RunData, codes_of
from hmesh.runs.schemes.smart_homes.pictures import groups_of, home_energy_chart, stored_kwh

MOST_PAIRS = 24


def smart_home_charts(data: RunData) -> list[Chart]:
    """Return the charts of smart homes, as far as the run recorded them."""
    groups = groups_of(data)
    found = [home_energy_chart(data, g) for g in range(len(groups.shown))]
    homes = data.run.table("homes", ["home", "group"]).to_pylist()
    first = {home["group"]: home["home"] for home in reversed(homes)}
    found += [_flows(data, name, first[name]) for name in groups.shown if name in first]
    return [chart for chart in (*found, _stored(data, groups.shown)) if chart is not None]


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
        data, f"home_flows_{group}", f"Power flows in a home: {group}", findings, shown,
        flows[:, order], "kW", note=f"{left} smaller flows are left out" if left else "",
    )  # fmt: skip


def _largest(names: Sequence[str], flows: FloatArray, step_h: float) -> str:
    energy = flows.sum(axis=1) * step_h
    most = first_highest(energy)
    return f"most goes from {names[most]}, {energy[most]:,.2f} kWh in all"


def _stored(data: RunData, groups: Sequence[str]) -> Chart | None:
    stored = stored_kwh(data)
    if stored is None or not anything(stored):
        return None

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        most = first_highest(stored[s, : len(groups)].max(axis=1))
        finding = f"a home of {groups[most]} has up to {stored[s, most].max():,.2f} kWh in store"
        return finding, [
            Series(name, stored[s, g], group_colour(g)) for g, name in enumerate(groups)
        ]

    return Chart(
        data, "home_stored", "Energy stored in a home", what="usable energy", unit="kWh",
        **of_strategies(data, of),
    )  # fmt: skip
