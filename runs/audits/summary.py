"""Whether summary.json says what the tables amount to, in all and for each part of the calendar."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import DUST_KWH, settled
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.line_flows import lines_of
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.messages import MessageAudit
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import (
    Figures,
    SchemeAudit,
    apart_kwh,
    direct_kwh,
    parts,
    received,
    total,
)
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.audits.welfare import with_ratio
from hmesh.runs.results.run_reader import Run
from hmesh.runs.world.totals import parts_of_calendar

AT_BOUND = 1e-9
_A_DAY_H = 24.0
_OVERLOADED = "overloaded_steps."


def check_summary(
    run: Run,
    inputs: RunInputs,
    hours: Columns,
    by_step: Figures,
    of_run: Figures,
    optional: Set[str] = frozenset(),
) -> Check:
    """Compare every figure of the summary that the tables settle.

    Parameters
    ----------
    run : Run
        The run.
    inputs : RunInputs
        What the scenario settles.
    hours : dict of array
        The columns of hours.parquet.
    by_step : dict of array, shape (steps, strategies)
        Figures that add up over the steps.
    of_run : dict of array, shape (strategies,)
        Figures of the whole run; NaN where the summary says null.
    optional : set of str, optional
        Names of figures that runs of earlier versions lack.
    """
    figures = _figures(inputs, hours, by_step, np.arange(inputs.steps)) | of_run
    if inputs.scenario.hours > _A_DAY_H:
        for part, steps in _parts(inputs).items():
            added = _figures(inputs, hours, by_step, np.array(steps))
            figures |= {f"{part}.{name}": values for name, values in added.items()}
    if inputs.scenario.record.burn_in_h:
        begins = np.arange(inputs.steps) * inputs.step_h >= inputs.scenario.record.burn_in_h - 1e-6
        added = _figures(inputs, hours, by_step, np.flatnonzero(begins))
        figures |= {f"after_burn_in.{name}": values for name, values in added.items()}
    tally = Tally("summary: as the tables have it", EXACT, "of the figure")
    unknown: dict[str, None] = {}
    missing: dict[str, None] = {}
    for s, strategy in enumerate(inputs.strategies):
        held = run.summary.get(strategy)
        reported = dict(_flat(held)) if isinstance(held, Mapping) else {}
        expected = {name: float(values[s]) for name, values in figures.items()}
        names = [
            name
            for name in expected
            if name in reported or (expected[name] != 0 and name.rpartition(".")[2] not in optional)
        ]
        names += [name for name in reported if _OVERLOADED in name and name not in expected]
        off = np.array([_off(reported.get(name, "-"), expected.get(name, 0.0)) for name in names])
        tally.add(off, _label(strategy, names), None)
        missing |= dict.fromkeys(name for name in names if name not in reported)
        unknown |= dict.fromkeys(name for name in reported if name not in expected)
    if missing:
        given = "sums, counts, worst or summary of its step give those of a scheme"
        tally.note(f"summary.json lacks {', '.join(missing)}; {given}")
    others = sorted(set(run.summary) - set(inputs.strategies))
    tally.add(np.full(len(others), np.inf), lambda at: others[at[0]], None)
    # Metrics of plugins have their own check.
    known = ("by_", "metrics.", "after_burn_in.")
    left_out = [name for name in unknown if _OVERLOADED not in name and not name.startswith(known)]
    if left_out:
        # Their names stand among what no check judges.
        tally.note(f"the tables do not settle {counted(len(left_out), 'figure')}")
    return replace(tally.check(), not_covered=tuple(f"summary.{name}" for name in left_out))


def figures_of_tables(
    inputs: RunInputs,
    hours: Columns,
    flows: Columns,
    energies: Energies,
    schemes: Sequence[SchemeAudit] = (),
) -> Figures:
    """Work out step by step the figures that hours.parquet, lines.parquet and members settle."""
    net, q = hours["net_kwh"], hours["utility_price"]
    p = np.where(supplied(hours), hours["community_price"], 0.0)
    losses = flows["losses_kwh"].sum(axis=2)
    cost = inputs.cost.total(net.sum(axis=2) + losses)
    bought = net - direct_kwh(schemes, hours)
    fixed, generation = (
        hours[column] - total(parts(schemes, column), net)
        for column in ("fixed_load_kwh", "generation_kwh")
    )
    apart = {name: apart_kwh(schemes, hours, name) for name in ("fixed_load_kwh", "generation_kwh")}
    margin = total((each.aggregator_margin() for each in schemes), net)
    direct_income = received(schemes, hours, "utility").sum(axis=2)
    figures: Figures = {
        "fixed_load_kwh": fixed.sum(axis=2),
        "generation_kwh": generation.sum(axis=2),
        "unserved_kwh": hours["unserved_kwh"].sum(axis=2),
        "losses_kwh": losses,
        "fixed_load_bill": (p * (fixed - apart["fixed_load_kwh"])).sum(axis=2),
        "generation_income": (p * (apart["generation_kwh"] - generation)).sum(axis=2),
        "aggregator_profit": ((p - q) * bought).sum(axis=2) + margin.sum(axis=2),
        "utility_profit": (q * bought).sum(axis=2) + direct_income - cost,
        "generation_cost": cost,
    }
    if all(energy is not None for energy in energies.values()):
        sun, missed = np.zeros((2, inputs.steps, 1, len(inputs.communities)))
        for (community, _), energy in energies.items():
            if energy is not None:
                sun[:, 0, inputs.communities.index(community)] += energy.generated
                missed[:, 0, inputs.communities.index(community)] += energy.missed_generated
        figures["curtailed_kwh"] = np.where(supplied(hours), missed, sun).sum(axis=2)
    overloaded = flows["loading"] > 1.0 + AT_BOUND
    if inputs.scenario.grid.limits == "keep":
        # What prices keep is what the far end may take.
        rating_kwh = np.array([line.rating_kw for line in lines_of(inputs)]) * inputs.step_h
        overloaded = np.abs(flows["received_kwh"]) > rating_kwh * (1.0 + AT_BOUND)
    for k, line in enumerate(lines_of(inputs)):
        figures[f"{_OVERLOADED}{line.name}"] = overloaded[:, :, k]
    return figures | _counts(inputs, hours)


def _counts(inputs: RunInputs, hours: Columns) -> Figures:
    parts = lost_parts(inputs.scenario)
    in_part = ((parts > 0.0) & (parts < 1.0))[:, None] & supplied(hours)
    return {
        "counts.feeders_out": (~supplied(hours)).sum(axis=2),
        "counts.feeders_out_in_part": in_part.sum(axis=2),
        "counts.communities_exporting": (hours["net_kwh"] < -DUST_KWH).sum(axis=2),
        "counts.system_exporting": hours["net_kwh"].sum(axis=2) < -DUST_KWH,
    }


def figures_of_messages(inputs: RunInputs, messages: MessageAudit) -> tuple[Figures, Figures]:
    """Work out the figures that messages settle, by step and of the run.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    messages : MessageAudit
        What the kept messages amount to.
    """
    nothing = np.zeros((inputs.steps, len(inputs.strategies)))
    by_step: Figures = {}
    of_run: Figures = {"money_imbalance": nothing[0]}
    if inputs.scenario.messages.keep == "all":
        for k, kind in enumerate(messages.kinds):
            of_run[f"messages.{kind}.sent"] = messages.sent[:, k]
    if inputs.reliable:
        by_step["counts.fallbacks"] = nothing
        for kind in messages.kinds:
            of_run[f"messages.{kind}.lost"] = of_run[f"messages.{kind}.late"] = nothing[0]
    return by_step, of_run


def _figures(
    inputs: RunInputs, hours: Columns, by_step: Figures, steps: NDArray[np.intp]
) -> Figures:
    """Return the figures of some steps, each of shape (strategies,)."""
    demand = hours["net_kwh"][steps].sum(axis=2)
    mean, peak = demand.mean(axis=0), demand.max(axis=0)
    return {
        "peak_kw": peak / inputs.step_h,
        "peak_step": steps[settled(demand).argmax(axis=0)],
        "mean_kw": mean / inputs.step_h,
        "par": np.divide(peak, mean, where=mean > 0, out=np.full_like(mean, np.nan)),
        **with_ratio({name: values[steps].sum(axis=0) for name, values in by_step.items()}),
    }


def _parts(inputs: RunInputs) -> dict[str, list[int]]:
    """Return the steps of each part of the calendar."""
    parts: dict[str, list[int]] = {}
    for step in range(inputs.steps):
        for kind, part in parts_of_calendar(inputs.calendar.date_of(step)).items():
            parts.setdefault(f"by_{kind}.{part}", []).append(step)
    return parts


def _label(strategy: str, names: list[str]) -> Label:
    return lambda place: f"{strategy}, {names[place[0]]}"


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, held in value.items():
        if isinstance(held, Mapping):
            yield from _flat(held, f"{before}{name}.")
        else:
            yield f"{before}{name}", held


def _off(reported: Any, expected: float) -> float:
    """Return how far a figure is off, as a share of it; infinite where it is none."""
    if reported is None or np.isnan(expected):
        return 0.0 if reported is None and np.isnan(expected) else np.inf
    if isinstance(reported, bool) or not isinstance(reported, int | float):
        return np.inf
    return abs(reported - expected) / max(abs(reported), abs(expected), 1.0)
