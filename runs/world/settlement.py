"""Who pays whom in a step: between aggregators, utility and generators, and by each member."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything
from hmesh.runs.world.member_payments import EVERY, MemberPayments, Rows, at_price

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


def enter_payments(simulation: "Simulation") -> None:
    """Enter the payments of the step."""
    for each in simulation.schemes.values():
        each.pay()
    if simulation.local_exchange is not None:
        simulation.local_exchange.settle()
    if simulation.member_tariffs is not None:
        simulation.member_tariffs.pay()
    fixed_kwh, generation_kwh = traded_kwh(simulation)
    pay, step, decision = simulation.ledger.pay, simulation.step_index, simulation.market.decision
    photovoltaics = simulation.setting.scenario.photovoltaics
    for m in simulation.supplied_communities:
        name = simulation.setting.communities[m]
        price = float(decision.community_price[m])
        members, aggregator = f"consumers@{name}", f"aggregator@{name}"
        pay(step, "fixed_load", members, aggregator, float(fixed_kwh[m]), price)
        if photovoltaics:
            delivered = -float(generation_kwh[m])
            pay(step, "photovoltaics", aggregator, members, delivered, price)
        bought = float(simulation.net_kwh[m] - simulation.direct_kwh[m])
        pay(step, "wholesale", aggregator, "utility", bought, decision.utility_price)
    produced, cost = generated(simulation)
    unit = cost / produced if anything(produced) else 0.0
    pay(step, "generation", "utility", "generators", produced, unit, cost)


def traded_kwh(simulation: "Simulation") -> tuple[FloatArray, FloatArray]:
    """Return what members use and generate, as the hours do, and trade with aggregators."""
    fixed, generation = simulation.meters.fixed_kwh, simulation.meters.generation_kwh
    if (apart := simulation.member_tariffs) is None:
        return fixed, generation
    return fixed - apart.load_kwh, generation + apart.generated_kwh


def payments_of(simulation: "Simulation") -> Iterator[tuple[MemberPayments, bool]]:
    """Yield what single members pay and receive in the step, and whether meters read it.

    What households and buildings are credited, or charged, for what others gave them passes
    the meter of no other.
    """
    price, meters = simulation.paid_price(), simulation.meters
    for kind, group in simulation.consumers.items():
        if not len(group):
            continue
        where, load = group.population["community"], group.population["load_kwh"]
        made = meters.generated_kwh.get(kind)
        if made is None or not simulation.setting.scenario.photovoltaics:
            made = np.zeros(len(load))
        name: str = f"{kind.scenario_name}s"
        rows: Rows = EVERY
        if simulation.member_tariffs is not None:
            rows = np.flatnonzero(~simulation.member_tariffs.with_tariff[kind])
            where, load, made = where[rows], load[rows], made[rows]
        yield at_price(name, price[where], load, made, rows), True
    if simulation.member_tariffs is not None:
        for payments in simulation.member_tariffs.payments():
            yield payments, True
    for each in simulation.schemes.values():
        for payments in each.consumer_payments():
            yield payments, False
        for payments in each.member_payments():
            yield payments, True


def paid_in_step(simulation: "Simulation") -> list[tuple[MemberPayments, bool]]:
    """Return `payments_of` a step that is settled: those of the local exchange, where all are.

    Tariffs of members are paid after energy is exchanged.
    """
    local = simulation.local_exchange
    if local is None or simulation.member_tariffs is not None:
        return list(simulation.payments())
    return local.paid


def generated(simulation: "Simulation") -> tuple[float, float]:
    """Return what the utility generates [kWh], and what that costs."""
    produced = float(simulation.net_kwh.sum()) + float(simulation.flows.losses_kwh.sum())
    return produced, simulation.setting.cost.total(produced)


def utility_earned(simulation: "Simulation") -> float:
    """Return what the utility has earned in the step [money]."""
    bought = float((simulation.net_kwh - simulation.direct_kwh).sum())
    income = simulation.market.decision.utility_price * bought + simulation.direct_income
    return income - generated(simulation)[1]
