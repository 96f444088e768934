"""Whether the energy of every step goes where it has to, and prices follow their rules."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.leader_prices import check_leaders
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.run_inputs import BOUNDS, EXACT, FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import SchemeAudit, parts, total
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.descriptor import LEADERS, OWN_RULE, PLANNER, RETAIL, TWO_LEVEL


def read_hours(run: Run, inputs: RunInputs) -> Columns:
    """Return hours.parquet, every column of shape (steps, strategies, communities).

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    names = {"strategy": inputs.strategies, "community": inputs.communities}
    rows = TableReader(run, "hours", names, inputs.start_ms).rest()
    return framed("hours", rows, {"step": range(inputs.steps), **names})


def supplied(hours: Columns) -> NDArray[np.bool_]:
    """Return where there is a price, and so supply, of the shape of the hours."""
    return ~np.isnan(hours["community_price"])


def check_hours(
    inputs: RunInputs,
    hours: Columns,
    energies: Energies,
    out: NDArray[np.bool_],
    schemes: Sequence[SchemeAudit] = (),
    shed: FloatArray | None = None,
) -> list[Check]:
    """Check what the rows of hours.parquet say by themselves.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    hours : dict of array
        As `read_hours` gives it.
    energies, out : mapping of (str, str) to GroupEnergy or None, array of bool
        As `member_energies` and `feeders_out` give them.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes.
    shed : array, optional
        What remained unserved so that lines keep their limits, of the shape of the hours.
    """
    label = inputs.places.label(inputs.communities)
    time = Tally("hours: each step at its time", 1e-6, "h")
    start_h = np.arange(inputs.steps)[:, None, None] * inputs.step_h
    time.add(np.abs(hours["time"] - start_h), label)
    supply = Tally("hours: supply fails where chance has it", 0.0)
    supply.add((supplied(hours) == out[:, None]).astype(np.float64), label)
    balance = Tally("energy: each community draws what it uses", EXACT, "of the energy")
    used = (
        hours["fixed_load_kwh"]
        + hours["generation_kwh"]
        + hours["home_storage_kwh"]
        + hours["shared_storage_kwh"]
        - hours["school_bus_kwh"]
        + hours["ev_kwh"]
    )
    balance.add(relative(hours["net_kwh"], used), label)
    members = _members(inputs, hours, energies, out, schemes, shed)
    tallies = [time, supply, balance, members, _storage(inputs, hours, schemes)]
    if not any(each.plugs_vehicles for each in schemes):
        plugged = Tally("hours: no vehicle is plugged in where there is none", 0.0, "vehicles")
        plugged.add(np.abs(hours["vehicles_present"]), label)
        tallies.append(plugged)
    return [*(tally.check() for tally in tallies), *_prices(inputs, hours, shed)]


def _storage(inputs: RunInputs, hours: Columns, schemes: Sequence[SchemeAudit]) -> Tally:
    """Compare what schemes store and deliver with what their own tables say."""
    tally = Tally("energy: storage exchanges what its scheme has it", EXACT, "of the energy")
    for column in ("home_storage_kwh", "shared_storage_kwh", "school_bus_kwh"):
        expected = total(parts(schemes, column), hours[column])
        label = inputs.places.label([f"{name}, {column}" for name in inputs.communities])
        tally.add(relative(hours[column], expected), label)
    _note_silent(tally, schemes)
    return tally


def _members(
    inputs: RunInputs,
    hours: Columns,
    energies: Energies,
    out: NDArray[np.bool_],
    schemes: Sequence[SchemeAudit],
    shed: FloatArray | None,
) -> Tally:
    """Compare what members use, generate and do without with what they should."""
    tally = Tally("energy: members use and generate what they should", EXACT, "of the energy")
    for m, name in enumerate(inputs.communities):
        groups = [energy for (community, _), energy in energies.items() if community == name]
        known = [energy for energy in groups if energy is not None]
        if len(known) < len(groups):
            tally.note(f"in {name} {FILE_GONE}")
            continue
        dark = out[:, m]
        expected = {
            "fixed_load_kwh": np.where(dark, 0.0, sum(energy.load for energy in known)),
            "generation_kwh": -np.where(dark, 0.0, sum(energy.generated for energy in known)),
            "unserved_kwh": np.where(
                dark,
                sum(energy.consumed for energy in known),
                sum(energy.missed for energy in known),
            ),
        }
        for column, values in expected.items():
            of_schemes = total(parts(schemes, column), hours["net_kwh"])[:, :, m]
            due = values[:, None] + of_schemes
            if column == "fixed_load_kwh" and shed is not None:
                due = due - shed[:, :, m]
            off = relative(hours[column][:, :, m], due)
            tally.add(off[:, :, None], inputs.places.label([f"{name}, {column}"]))
    _note_silent(tally, schemes)
    return tally


def _note_silent(tally: Tally, schemes: Sequence[SchemeAudit]) -> None:
    """Name the audits that state no energies at all, where energies are wrong."""
    for each in schemes if tally.wrong else ():
        silent = type(each).hour_kwh is SchemeAudit.hour_kwh
        # Those of vehicles are checked apart.
        if silent and each.of_agents and not each.plugs_vehicles:
            tally.note(f"{type(each).__name__} has no hour_kwh, which states its scheme's energies")


def _prices(inputs: RunInputs, hours: Columns, shed: FloatArray | None) -> list[Check]:
    """Check the prices that follow from a rule, and that none leaves its bounds."""
    bounds = {name: inputs.bounds_of_steps(name) for name in BOUNDS}
    within = Tally("prices: within their bounds", EXACT, "money/kWh")
    one = Tally("prices: the utility asks the same of all", 0.0, "money/kWh")
    tariff = Tally("prices: the utility's tariff (two_level)", EXACT, "money/kWh")
    retail = Tally("prices: the retail rule (typical)", EXACT, "of the price")
    asked, there = hours["utility_price"], supplied(hours)
    one.add(asked - asked.min(axis=2, keepdims=True), inputs.places.label(inputs.communities))
    follows, leaders = inputs.pricing, list[Check]()
    for s, strategy in enumerate(follows):
        label = inputs.places.label(inputs.communities, strategies=[inputs.strategies[s]])
        q = asked[:, s : s + 1]
        # Where there is no supply there is no price either, and the utility's stands for it.
        p = np.where(there[:, s : s + 1], hours["community_price"][:, s : s + 1], q)
        if inputs.strategies[s] == LEADERS:
            beyond = _outside(p, bounds["aggregator_lower"], bounds["aggregator_upper"])
            within.add(np.where(there[:, s : s + 1], beyond, 0.0), label)
            before = hours if shed is None else hours | {"net_kwh": hours["net_kwh"] + shed}
            leaders += check_leaders(inputs, before, s, there[:, s])
        if strategy in (OWN_RULE, PLANNER):
            continue
        if strategy == RETAIL:
            # Prices were set before anything was shed.
            asked_for = hours["net_kwh"][:, s] + (0.0 if shed is None else shed[:, s])
            demand = asked_for.sum(axis=1)
            cost = inputs.cost
            average = inputs.scenario.prices.retail == "average"
            with np.errstate(divide="ignore", invalid="ignore"):
                due = cost.average(demand) if average else cost.marginal(demand)
            # Where nobody consumes there is no cost per kWh, and the marginal one stands for it.
            due = np.where(demand == 0, cost.marginal(demand), due)
            for price in (q, p):
                retail.add(relative(price, due[:, None, None]), label)
            continue
        beyond = _outside(p, bounds["aggregator_lower"], bounds["aggregator_upper"])
        within.add(np.where(there[:, s : s + 1], beyond, 0.0), label)
        if strategy == TWO_LEVEL:
            rule = inputs.tariff()
            if rule is None:
                tariff.note(FILE_GONE)
            else:
                tariff.add(np.abs(q - rule[:, None, None]), label)
        else:
            within.add(_outside(q, bounds["utility_lower"], bounds["utility_upper"]), label)
    tallies = [one]
    bounded = set(follows) - {RETAIL, OWN_RULE, PLANNER} or LEADERS in inputs.strategies
    tallies += [within] if bounded else []
    tallies += [tariff] if TWO_LEVEL in follows else []
    tallies += [retail] if RETAIL in follows else []
    by_design = [
        Check(
            f"rule: {strategy} sets prices and exchanges", None, np.nan, 0.0, "", by_design=True,
            note="does not best-respond by design: 1 check does not apply (equilibrium)"
            if strategy == LEADERS
            else "does not best-respond by design: 3 checks do not apply (price bounds, best "
            "response of each vehicle, equilibrium)",
        )
        for strategy, rule in zip(inputs.strategies, follows, strict=True)
        if rule == OWN_RULE
    ]  # fmt: skip
    return [*(tally.check() for tally in tallies), *leaders, *by_design]


def _outside(price: FloatArray, lowest: FloatArray, highest: FloatArray) -> FloatArray:
    outside: FloatArray = np.maximum(np.maximum(lowest - price, price - highest), 0.0)
    return np.where(np.isnan(price), np.nan, outside)
