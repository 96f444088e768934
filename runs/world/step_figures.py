"""The figures of a step, of the world and of all schemes, and the outcome of a strategy."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import Problem, refuse_all
from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.schemes.registry import scheme
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.world.settlement import generated, traded_kwh

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

AT_BOUND = 1e-9
A_DAY_H = 24.0


@dataclass(slots=True)
class StepFigures:
    """What is added up of a step: sums, counts, and the worst of what should be small."""

    sums: dict[str, float]
    counts: Counter[str]
    worst: dict[str, float]


def figures_of(simulation: "Simulation") -> StepFigures:
    """Return the figures of the step, of the world and of all that act in it."""
    sums, counts, worst = _sums_of(simulation), Counter(_counts_of(simulation)), dict[str, float]()
    sums |= simulation.elastic_loads.sums()
    for part in (simulation.local_exchange, simulation.prosumers):
        if part is not None:
            sums |= part.sums()
            counts.update(part.counts())
    for each in simulation.schemes.values():
        sums |= each.sums()
        counts.update(each.counts())
        worst |= each.worst()
    if simulation.market.answering:
        # Known without vehicles too, whose scheme counts them else.
        decision = simulation.market.decision
        counts.update({k: n for k, n in decision.counts.items() if k not in counts})
        worst = decision.worst | worst
    return StepFigures(sums, counts, worst)


def summary_of(simulation: "Simulation") -> dict[str, Any]:
    """Return the outcome of the strategy so far."""
    step_h = simulation.step_h
    summary = simulation.totals.summary(step_h)
    if simulation.setting.scenario.hours > A_DAY_H:
        summary |= simulation.calendar_totals.summary(step_h)
    if simulation.burn_in_steps:
        summary["after_burn_in"] = simulation.later_totals.summary(step_h)
    for each in simulation.schemes.values():
        summary |= each.summary()
    if simulation.local_exchange is not None:
        summary |= simulation.local_exchange.summary()
    messages = {
        kind: {"sent": count.sent, "lost": count.lost, "late": count.late}
        for kind, count in simulation.bus.statistics.items()
    }
    summary |= {"messages": messages, "money_imbalance": simulation.ledger.imbalance()}
    return summary | simulation.metrics.summary()


def _sums_of(simulation: "Simulation") -> dict[str, float]:
    """Return the sums of the step that belong to no scheme."""
    # Nothing is exchanged where there is no supply, and so no price.
    price, utility_price = simulation.paid_price(), simulation.market.decision.utility_price
    meters, bought = simulation.meters, simulation.net_kwh - simulation.direct_kwh
    fixed_kwh, generation_kwh = traded_kwh(simulation)
    _, cost = generated(simulation)
    return {
        "fixed_load_kwh": float(meters.fixed_kwh.sum()),
        "generation_kwh": float(meters.generation_kwh.sum()),
        "unserved_kwh": float(meters.unserved_kwh.sum()),
        "curtailed_kwh": float(meters.curtailed_kwh.sum()),
        "losses_kwh": float(simulation.flows.losses_kwh.sum()),
        "fixed_load_bill": float((price * fixed_kwh).sum()),
        "generation_income": float((price * -generation_kwh).sum()),
        "aggregator_profit": float(((price - utility_price) * bought).sum())
        + simulation.aggregator_margin,
        "utility_profit": utility_price * float(bought.sum()) + simulation.direct_income - cost,
        "generation_cost": cost,
        **({} if simulation.limits is None else simulation.limits.sums()),
        **({} if simulation.welfare is None else simulation.welfare.sums()),
        **({} if simulation.member_tariffs is None else simulation.member_tariffs.sums()),
    }


def _counts_of(simulation: "Simulation") -> dict[str, int]:
    """Count what a reader should know of the step."""
    return {
        "communities_exporting": int((simulation.net_kwh < -DUST_KWH).sum()),
        "system_exporting": int(simulation.net_kwh.sum() < -DUST_KWH),
        "feeders_out": int(np.count_nonzero(~simulation.supplied)),
        **_out_in_part(simulation),
        **(
            {}
            if simulation.limits is None
            else simulation.limits.counts(simulation.market.decision)
        ),
    }


def _out_in_part(simulation: "Simulation") -> dict[str, int]:
    """Count the communities that an outage leaves without supply for a part of the step."""
    count = int(np.count_nonzero(simulation.chance.lost_part[simulation.supplied]))
    return {"feeders_out_in_part": count} if count else {}


def overloaded(simulation: "Simulation") -> NDArray[np.bool_]:
    """Return which lines carry more than their rating, at the far end where prices keep it."""
    if simulation.limits is None:
        return simulation.loading > 1.0 + AT_BOUND
    limit_kwh = simulation.market.grid.limit_kwh
    return np.abs(simulation.flows.received_kwh) > limit_kwh * (1.0 + AT_BOUND)


def check_steps(simulation: "Simulation", sums: dict[str, float]) -> None:
    """Refuse schemes whose own figure is never given, or whose tables nobody writes."""
    unseen = [
        Problem(
            scheme(name).place,
            f"its step never gives the figure {scheme(name).figure!r}",
            "the figure of its descriptor among sums() or summary() of its step",
        )
        for name, each in simulation.schemes.items()
        if scheme(name).figure not in sums and scheme(name).figure not in each.summary()
    ]
    unwritten = [
        Problem(
            scheme(name).place,
            f"its step writes no rows of {', '.join(scheme(name).part('tables'))}",
            "record or record_start of its step",
        )
        for name, each in simulation.schemes.items()
        if scheme(name).part("tables") and not _writes(type(each))
    ]
    refuse_all([*unseen, *unwritten])


def _writes(step: type[Scheme]) -> bool:
    """Return whether a step has any of the methods that write rows."""
    return step.record is not Scheme.record or step.record_start is not Scheme.record_start
