"""The figures of vehicles that a summary should give."""

import numpy as np

from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.run_inputs import BOUNDS
from hmesh.runs.audits.scheme_audit import (
    Figures,
)
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit import AT_BOUND, VehicleAudit
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs


def bound_counts(inputs: VehicleRunInputs, hours: Columns) -> Figures:
    """Count communities without vehicles, and prices at their bounds, by step."""
    bounds = {name: inputs.bounds_of_steps(name) for name in BOUNDS}
    p, q = hours["community_price"], hours["utility_price"][:, :, 0]
    there = supplied(hours)
    answers = hours["vehicles_present"] > 0
    follows = inputs.vehicle_strategies
    bounded = [name not in ("typical", "planner") for name in follows]
    bargains = np.array(bounded)[:, None] & answers
    searches = np.array([name == "three_level" for name in follows])
    at_end = q >= bounds["utility_upper"][:, :, 0] - AT_BOUND
    at_end |= q <= bounds["utility_lower"][:, :, 0] + AT_BOUND
    at_upper = p >= bounds["aggregator_upper"] - AT_BOUND
    at_lower = p <= bounds["aggregator_lower"] + AT_BOUND
    return {
        "counts.community_price_at_upper_bound": (bargains & at_upper).sum(axis=2),
        "counts.community_price_at_lower_bound": (bargains & at_lower).sum(axis=2),
        "counts.communities_without_vehicles": (~answers & there).sum(axis=2),
        "counts.utility_price_at_bound": at_end & searches,
    }


def figures_of_vehicles(
    inputs: VehicleRunInputs, vehicles: VehicleAudit, fleet: Columns
) -> tuple[Figures, Figures]:
    """Work out the figures that need every vehicle written down, by step and of the run."""
    there = inputs.all_there
    stored, count = vehicles.stored_kwh[:, : there[-1]], there[-1]
    start_kwh = fleet["soc_start"] * fleet["capacity_kwh"]
    soc = stored / fleet["capacity_kwh"]
    each = np.ones(len(inputs.strategies))
    joined = np.diff(there, prepend=there[0])[:, None] * each
    # All that have come by each step, in the order in which they come.
    brought = np.concatenate(([0.0], np.cumsum(start_kwh)))[there]
    joined_kwh = np.diff(brought, prepend=brought[0])[:, None] * each
    by_step = vehicles.counts | {
        "vehicle_charged_kwh": vehicles.charged_kwh.sum(axis=2),
        "vehicle_discharged_kwh": vehicles.discharged_kwh.sum(axis=2),
        "joined_kwh": joined_kwh,
        "counts.vehicles_joined": joined,
    }
    of_run = {
        "stored_change_kwh": stored.sum(axis=1) - start_kwh[: inputs.scenario.vehicles.count].sum(),
        "final_mean_soc": soc.mean(axis=1) if count else np.full(len(stored), np.nan),
    }
    plugged = by_step.pop("plugged_in", None)
    if plugged is not None:
        typical = np.array([name == "typical" for name in inputs.vehicle_strategies])
        of_run["messages.PlugIn.sent"] = np.where(typical, plugged.sum(axis=0), 0)
    return by_step, of_run
