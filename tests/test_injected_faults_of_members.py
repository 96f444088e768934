"""A fault in any rule of members, their tariffs, limits and sums fails the audit of a fresh run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.injected_faults import (
    AFTERNOON,
    LOSSES,
    Injected,
    assert_fails,
    assert_passes,
    given,
    result,
)
from tests.local_exchange_runs import village_file
from tests.quick_cases import quick
from tests.test_member_tariffs import LOADS, SCENARIO, START, TARIFF
from tests.test_membership import JOINING

WORLD = "hmesh.runs.world"
BUILT_IN, VILLAGE, HOMES = "three-communities", "the village", "homes with tariffs"
NOISY = (*AFTERNOON, "chance.demand_noise={household: {sigma: 0.4, correlation_h: 4}}")
TIGHT = (
    *AFTERNOON, "grid.limits=keep", "grid.shed=true", "communities.homes.feeder.rating_kw=8",
    "vehicles.count=0",
)  # fmt: skip
ELASTIC = (
    *AFTERNOON,
    "communities.homes.members.0.elasticity={value: 0.3, reference_price: 40}",
    "strategies=[three_level]",
)
SHORT = ("hours=6", "plots=false")
BILLED = ("strategies=[typical]", "plots=false")

FAULTS = {
    "loads fall twice as far": (BUILT_IN, Injected(
        f"{WORLD}.elastic_loads.elastic_load",
        given(lambda load, elasticity, *rest: (load, 2 * elasticity, *rest)),
        "elasticity: members use what they should at their price", ELASTIC,
    )),
    "noise counts half": (BUILT_IN, Injected(
        "hmesh.environment.chance.noise_factor",
        given(lambda normal, sigma: (normal, sigma / 2)),
        "energy: members use and generate what they should", NOISY,
    )),
    "lines over their limit shed half of it": (BUILT_IN, Injected(
        f"{WORLD}.step_limits.shed_kwh",
        result(lambda shed, *_: shed / 2),
        "limits: an equal share of loads is shed, and no more than needed", TIGHT,
    )),
    "satisfaction is that of twice the energy": (BUILT_IN, Injected(
        "hmesh.agents.answering.satisfaction",
        given(lambda lam, theta, held: (lam, theta, 2 * held)),
        "welfare: satisfaction less cost of generation",
        (*AFTERNOON, *LOSSES, "record.welfare=true"),
    )),
    "the price of anarchy is upside down": (BUILT_IN, Injected(
        f"{WORLD}.step_welfare.price_of_anarchy",
        given(lambda planner, strategy: (strategy, planner)),
        "welfare: loss and price of anarchy follow from it",
        (*AFTERNOON, *LOSSES, "record.welfare=true"),
    )),
    "a highest demand is any": (BUILT_IN, Injected(
        f"{WORLD}.totals.Totals._raise_peak",
        lambda right: lambda totals, demand, step: right(totals, 0.9 * demand, step),
        "summary: as the tables have it", AFTERNOON,
    )),
    "a figure of a run counts twice": (BUILT_IN, Injected(
        f"{WORLD}.totals.Totals._add_parts",
        lambda right: lambda totals, sums, counts, worst: right(
            totals, {name: 2 * value for name, value in sums.items()}, counts, worst
        ),
        "summary: as the tables have it", AFTERNOON,
    )),
    "inequality is twice what it is": (BUILT_IN, Injected(
        f"{WORLD}.account_figures.gini",
        result(lambda gini, *_: 2 * gini),
        "summary: as the tables have it", (*AFTERNOON, "record.accounts=all"),
    )),
    "messages arrive before they can": (BUILT_IN, Injected(
        "hmesh.environment.message_bus.MessageBus.__init__",
        given(lambda bus, streams, latency, *rest: (bus, streams, latency / 2, *rest)),
        "events of messages: heard once the latency has passed",
        (*AFTERNOON, "record.events=true", "messages.latency_h=0.01", "messages.keep=all"),
    )),
    "members take part whatever it saves": (VILLAGE, Injected(
        f"{WORLD}.joining_and_leaving.chance_to_take_part",
        result(lambda chance, *_: np.ones_like(chance)),
        "membership: members join and leave by what it saved", (*JOINING, "plots=false"),
    )),
    "what others save is expected to be twice that": (VILLAGE, Injected(
        f"{WORLD}.joining_and_leaving.expected_savings",
        result(lambda saved, *_: 2 * saved),
        "membership: members join and leave by what it saved", (*JOINING, "plots=false"),
    )),
    "what is shared is received by others": (VILLAGE, Injected(
        f"{WORLD}.local_settlement.exchange_locally",
        result(lambda found, *_: replace(found, received_kwh=found.received_kwh[::-1].copy())),
        "local exchange: each member gets its share", SHORT,
    )),
    "what is shared costs a thousandth more": (VILLAGE, Injected(
        f"{WORLD}.local_settlement.local_prices",
        result(lambda found, *_: found and replace(found, local=1.001 * found.local)),
        "local exchange: prices lie between feed-in and retail", SHORT,
    )),
    "bands of a tariff begin an hour late": (HOMES, Injected(
        f"{WORLD}.stated_bill.band_prices",
        result(lambda prices, *_: np.roll(prices, 1)),
        "money: schemes pay what they should", BILLED,
    )),
    "a month's energy beyond a tier costs half": (HOMES, Injected(
        f"{WORLD}.stated_bill.tier_charge",
        result(lambda charge, *_: charge / 2),
        "money: schemes pay what they should", BILLED,
    )),
    "a base charge is that of a month of 30 days": (HOMES, Injected(
        f"{WORLD}.member_tariffs.base_charge",
        result(lambda charge, *_: charge * 31 / 30),
        "money: schemes pay what they should", BILLED,
    )),
    "a month's peak is that of its last interval": (HOMES, Injected(
        f"{WORLD}.stated_bill.demand_charge",
        result(lambda charge, *_: 0.99 * charge),
        "money: schemes pay what they should", BILLED,
    )),
    "net metering credits a tenth more": (HOMES, Injected(
        f"{WORLD}.meter_bills.net_metering_credit",
        result(lambda credit, *_: 1.1 * credit),
        "money: schemes pay what they should", BILLED,
    )),
}  # fmt: skip


def source_of(name: str, folder: Path) -> str:
    """Return a built-in scenario by its name, or write one with its files."""
    if name == VILLAGE:
        return str(village_file())
    if name == HOMES:
        rows = [
            f"{np.datetime64(START) + np.timedelta64(n, 'h')},{member},{load}"
            for member, loads in LOADS.items()
            for n, load in enumerate(loads)
        ]
        (folder / "loads.csv").write_text("\n".join(["time,member,load_kwh", *rows]) + "\n")
        (folder / "homes.yaml").write_text(SCENARIO.replace("TARIFF", TARIFF))
        return str(folder / "homes.yaml")
    return name


@pytest.mark.parametrize("name", quick(["loads fall twice as far"], FAULTS))
def test_a_fault_in_what_members_do_and_pay_fails_the_audit(name: str, tmp_path: Path) -> None:
    source, injected = FAULTS[name]
    assert_fails(injected, source_of(source, tmp_path), injected.changes, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "course", dict.fromkeys((source, injected.changes) for source, injected in FAULTS.values())
)
def test_without_a_fault_the_audit_of_what_members_do_and_pay_passes(
    course: tuple[str, tuple[str, ...]], tmp_path: Path
) -> None:
    source, changes = course
    assert_passes(source_of(source, tmp_path), changes, tmp_path)
