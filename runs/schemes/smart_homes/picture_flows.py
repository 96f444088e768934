"""Who feeds whom in a smart home."""

from functools import cache
from typing import TYPE_CHECKING, Any

from hmesh.runs.pictures.figure_layout import (
    FIXED,
    Drawing,
    legend_area,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.quantity_text import percents
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.schemes.smart_homes.pictures import DIRECT, STORED, groups_of
from hmesh.runs.schemes.smart_homes.records import CURTAILED, GRID
from hmesh.runs.strategy_names import strategy_label, strategy_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KIND_COLOURS = {"generator": DIRECT, "storage": STORED, "appliance": "#009E73", "grid": FIXED}


def draw_home_flows(data: RunData) -> Drawing:
    """Draw who feeds whom in a recorded home of each group, a panel for each strategy."""
    import networkx as nx

    groups = groups_of(data)
    homes = data.run.table("homes", ["home", "group"]).to_pylist()
    first = {home["group"]: home["home"] for home in reversed(homes)}
    shown = [group for group in groups.shown if group in first]
    if not shown:
        return Drawing("No flows to draw: no home was recorded")
    flows = {
        group: data.run.table(
            "home_flows", ["strategy", "source", "target", "energy_kwh"], [("home", "=", home)]
        ).to_pandas()
        for group, home in first.items()
        if group in shown
    }
    if not any(energies["energy_kwh"].any() for energies in flows.values()):
        return Drawing("No flows to draw: no energy flows in the recorded homes")
    entries = [
        legend_area(name, _KIND_COLOURS[name]) for name in ("generator", "storage", "appliance")
    ]
    finding = flows_finding(data, shown[0], flows[shown[0]])
    figure, panels = sheet(
        finding, (len(data.strategies), len(shown)), 1.9, entries, left_in=0.3,
        note="width and number: energy over the run [kWh], in the first home of each group",
        titles=[f"{strategy_label(name)}, {group}" for name in data.strategies for group in shown],
    )  # fmt: skip
    for g, group in enumerate(shown):
        layers = device_layers(data, group)
        energies = flows[group].groupby(["strategy", "source", "target"], observed=True)
        sums = energies["energy_kwh"].sum()
        most = max(float(sums.max()) if len(sums) else 0.0, 1e-9)
        for row, strategy in enumerate(data.strategies):
            axes = panels[row, g]
            graph: nx.DiGraph[str] = nx.DiGraph()
            for kind, devices in layers.items():
                graph.add_nodes_from(devices, kind=kind)
            mine = sums[strategy] if strategy in sums.index.get_level_values(0) else sums[:0]
            graph.add_weighted_edges_from(
                (source, target, float(energy)) for (source, target), energy in mine.items()
            )
            _draw_graph(axes, graph, layers, most)
            panel_title(
                axes, f"{strategy_label(strategy)}, {group}",
                strategy_colour(data.strategies, strategy),
            )  # fmt: skip
    return Drawing(finding, figure)


def device_layers(data: RunData, group: str) -> dict[str, list[str]]:
    """Return the devices of a group by kind, as they stand from left to right."""
    settings: Any = next(
        held for held in data.scenario["smart_homes"]["groups"] if held["name"] == group
    )
    layers = {
        kind: [device["name"] for device in settings[f"{kind}s"]]
        for kind in ("generator", "storage", "appliance")
    }
    return layers | {"grid": []}


def _draw_graph(axes: "Axes", graph: Any, layers: dict[str, list[str]], most: float) -> None:
    """Draw a home: generators at the left, storages in the middle, appliances at the right."""
    import networkx as nx

    place: dict[str, tuple[float, float]] = {}
    for left, kind in ((0.0, "generator"), (2.0, "appliance")):
        for k, device in enumerate(layers[kind]):
            place[device] = (left, 1.0 - 0.5 * k / max(len(layers[kind]) - 1, 1))
    # Storages stand below, so that what passes them by is seen.
    for k, device in enumerate(layers["storage"]):
        place[device] = (0.35 + 1.3 * (k + 0.5) / len(layers["storage"]), 0.0)
    for k, other in enumerate(name for name in (GRID, CURTAILED) if name in graph):
        place[other] = (0.7 + 0.6 * k, 1.3)
    colours = [_KIND_COLOURS.get(graph.nodes[name].get("kind", "grid"), FIXED) for name in graph]
    nx.draw_networkx_nodes(graph, place, ax=axes, node_color=colours, node_size=260)
    weights = [graph.edges[edge]["weight"] for edge in graph.edges]
    nx.draw_networkx_edges(
        graph, place, ax=axes, width=[0.6 + 5.0 * w / most for w in weights], edge_color="#9A9A9A",
        arrowsize=11, node_size=260, connectionstyle="arc3,rad=0.08",
    )  # fmt: skip
    nx.draw_networkx_edge_labels(
        graph, place, {edge: f"{graph.edges[edge]['weight']:.2f}" for edge in graph.edges},
        ax=axes, font_size=7, label_pos=0.36, rotate=False, connectionstyle="arc3,rad=0.08",
        bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
    )  # fmt: skip
    for name, (x, y) in place.items():
        side = {0.0: "right", 2.0: "left"}.get(x, "center")
        shift = {0.0: -0.12, 2.0: 0.12}.get(x, 0.0)
        down = 0.0 if shift else (0.26 if y < 1.0 else -0.2)
        axes.text(x + shift, y - down, name, ha=side, va="center", fontsize=8)
    axes.set_xlim(-0.95, 2.95)
    axes.set_ylim(-0.4, 1.55 if GRID in graph or CURTAILED in graph else 1.2)
    axes.axis("off")


def flows_finding(data: RunData, group: str, flows: Any) -> str:
    """State how much of what serves a home passes a storage, under the first and last strategy."""
    layers = device_layers(data, group)

    @cache
    def share(strategy: str) -> float:
        mine = flows[(flows["strategy"] == strategy) & flows["target"].isin(layers["appliance"])]
        stored = mine[mine["source"].isin(layers["storage"])]["energy_kwh"].sum()
        return float(stored / max(mine["energy_kwh"].sum(), 1e-12))

    first, last = data.strategies[0], data.strategies[-1]
    before, after = percents([share(first), share(last)])
    text = (
        f"{before} of what serves a home of {group} passes a storage under {strategy_name(first)}"
    )
    if last != first:
        text += f", {after} under {strategy_name(last)}"
    return text
