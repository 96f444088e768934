"""The charts of community storages: what the sun gives them, how full they are, whom they serve."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import descending, first_lowest, lowest
from hmesh.runs.pictures.chart import INK, Chart, Series, balance, compared, of_strategies
from hmesh.runs.pictures.figure_layout import Part, group_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.step_sums import StepSums
from hmesh.runs.strategy_names import strategy_name

SUN, STORED, DELIVERED = "#F0C75E", "#0072B2", "#009E73"
MOST_GROUPS = 6
COLUMNS = ("stored_kwh", "charge_kwh", "spilled_kwh", "delivered_kwh")


def community_storage_charts(data: RunData) -> list[Chart]:
    """Return the charts of community storages, as far as the run recorded them."""
    sums = StepSums(data, "storages", COLUMNS)
    if not sums.strategies:
        return []
    found = [storage_power(data, sums), _state_of_charge(data, sums), _households(data)]
    return [chart for chart in found if chart is not None]


def storage_power(data: RunData, sums: StepSums) -> Chart | None:
    """Return what plants generate and storages take of it, and what they deliver."""
    power = {name: sums.of(name) / data.step_h for name in COLUMNS[1:]}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        taken, spilled, given = (float(power[name][s].sum()) * data.step_h for name in power)
        findings[strategy] = (
            f"storages store {taken:,.1f} kWh of the {taken + spilled:,.1f} kWh that plants "
            f"generate, and deliver {given:,.1f} kWh"
            if strategy in sums.strategies
            else "there is no storage"
        )
    return balance(
        data, "storage_power", "Charging and delivery of the storages", findings,
        [
            Part("generated and stored", power["charge_kwh"], STORED),
            Part("generated and curtailed", power["spilled_kwh"], SUN),
        ],
        [Part("delivered to households", power["delivered_kwh"], DELIVERED)],
    )  # fmt: skip


def _state_of_charge(data: RunData, sums: StepSums) -> Chart:
    rows = soc_percent(data, sums)
    least = lowest(rows, lambda name: float(rows[name].min()))
    step = first_lowest(rows[least])
    return compared(
        data, "storage_soc", "State of charge of the storages",
        f"the lowest is {rows[least][step]:.0f} % under {strategy_name(least)}, "
        f"{data.timeline.clock(step)}",
        rows, "%", range=(0.0, 100.0),
    )  # fmt: skip


def soc_percent(data: RunData, sums: StepSums) -> dict[str, FloatArray]:
    """Return how full all storages are together under each strategy that uses any [%]."""
    units = data.scenario["community_storage"]["storages"]
    capacity = sum(float(unit["capacity_kwh"]) for unit in units)
    share = 100.0 * sums.of("stored_kwh") / capacity
    return {name: share[data.strategies.index(name)] for name in sums.strategies}


def _households(data: RunData) -> Chart | None:
    """Show which households draw from their storage when, and what they all use."""
    groups = list(
        dict.fromkeys(
            data.run.table("storage_households", ["group"]).column("group").unique().to_pylist()
        )
    )
    if not groups:
        return None
    sums = StepSums(data, "storage_households", ["demand_kwh", "drawn_kwh"], "group", groups)
    drawn, demand = (sums.of(name) / data.step_h for name in ("drawn_kwh", "demand_kwh"))
    names, drawn = _largest(groups, drawn)

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        if data.strategies[s] not in sums.strategies:
            return "no storage serves households", []
        used = demand[s].sum(axis=0)
        share = drawn[s].sum() / max(float(used.sum()), 1e-12)
        return f"storages serve {100 * share:.1f} % of what their households use", [
            *(Series(name, drawn[s, g], group_colour(g), "layer") for g, name in enumerate(names)),
            Series("demand of all", used, INK, width=1.6, spread=False),
        ]

    return Chart(
        data, "storage_households", "Delivery of storages to households", what="power",
        unit="kW", **of_strategies(data, of),
    )  # fmt: skip


def _largest(groups: list[str], values: FloatArray) -> tuple[list[str], FloatArray]:
    """Return the groups of most energy, all others as one of them."""
    if len(groups) <= MOST_GROUPS:
        return groups, values
    order = descending(values.sum(axis=(0, 2)))
    kept = np.sort(order[: MOST_GROUPS - 1])
    rest = values[:, order[MOST_GROUPS - 1 :]].sum(axis=1, keepdims=True)
    names = [*(groups[g] for g in kept.tolist()), f"{len(groups) - len(kept)} other groups"]
    return names, np.concatenate([values[:, kept], rest], axis=1)
