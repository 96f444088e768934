"""What the vehicle study leaves open, and what it is fixed to here."""

import numpy as np

from hmesh.runs.scenarios.member_groups import ProfileMembers
from hmesh.runs.studies.study_report import Column, ReportSection
from hmesh.runs.world.setting import Setting


def fixed_inputs(setting: Setting) -> ReportSection:
    """State the inputs that the source does not give, their values here and why these."""
    scenario = setting.scenario
    cost, prices, vehicles = scenario.generation_cost, scenario.prices, scenario.vehicles
    tariff = prices.time_of_use
    plans = len(setting.schemes["vehicles"].plans.names)
    lam = vehicles.lam
    bounds = f"{lam[0]:g} to {lam[1]:g}" if isinstance(lam, tuple) else str(lam)
    rows = (
        ("inelastic loads", _loads(setting), "plausible sizes; their scale is fitted"),
        (
            "generation cost a, b, c",
            f"{cost.quadratic:g} JPY/kWh^2, {cost.linear:g} JPY/kWh, {cost.fixed:g} JPY/h",
            "fitted to both reductions against typical charging; other pairs fit as well",
        ),
        (
            "price bounds",
            f"{prices.utility[0]:g} to {prices.utility[1]:g} JPY/kWh, aggregators "
            f"{prices.aggregator[0]:g} to {prices.aggregator[1]:g}",
            "highest satisfaction of a first kWh; without a bound prices of loads that cannot "
            "leave would grow without end",
        ),
        (
            "retail price of typical charging",
            f"{prices.retail} cost of the hour",
            "the source does not say; its average cost would be possible too",
        ),
        (
            "typical charging",
            f"from the last trip on, {vehicles.power_kw:g} kW, to {100 * vehicles.soc_max:g} %",
            "the source charges upon returning home",
        ),
        (
            "time-of-use tariff of 2LV",
            f"{tariff.on_peak:g}/{tariff.off_peak:g} JPY/kWh, on-peak from "
            f"{tariff.from_hour:g} to {tariff.to_hour:g} h",
            "fitted",
        ),
        (
            "vehicles of each day plan",
            f"{vehicles.count // plans} of {vehicles.count:,}",
            f"{plans} plans are printed, without the number of vehicles of each",
        ),
        ("hour of a slot", "slot s lasts from s to s + 1 h", "as the source's text reads slot 7"),
        ("lunch trips", "printed km are there and back", "one distance is printed for both ways"),
        (
            "energy of the next trip",
            "kept" if vehicles.trip_reserve else "not kept",
            "the source has no such rule",
        ),
        (
            "community without vehicles",
            prices.without_vehicles.replace("_", " "),
            "the price formula divides by the number of vehicles there",
        ),
        (
            "lambda of each vehicle",
            f"drawn uniformly from {bounds}, seed {scenario.seed}",
            "the interval is given, the draws are not",
        ),
        ("money", scenario.currency, "with lambda and theta as given, prices are as in Japan"),
    )
    text = (
        "Load scale, a, b and the retail rule are not identified: along a line of them both "
        "reductions against typical charging come out as published. To match them is no proof of "
        "the inputs.",
    )
    columns = (Column("input"), Column("value"), Column("why"))
    return ReportSection("inputs", "Inputs that had to be fixed", columns, rows, text)


def _loads(setting: Setting) -> str:
    """Return the members of every community and the mean of all their loads."""
    members = [
        f"{group.count:,} {group.name.replace('-', ' ')} of {group.annual_kwh / 1e3:,.4g} MWh a "
        f"year ({group.profile.upper()})"
        for community in setting.scenario.communities.values()
        for group in community.members
        if isinstance(group, ProfileMembers)
    ]
    return f"{', '.join(members)}; mean {mean_load_kw(setting) / 1e3:.2f} MW on the day"


def mean_load_kw(setting: Setting) -> float:
    """Return the mean of all inelastic loads over the run [kW]."""
    members = setting.members
    by_source = np.zeros_like(members.sources.load_kwh(0))
    for population in members.populations.values():
        by_source += np.bincount(
            population["source"], weights=population["scale"], minlength=len(by_source)
        )
    steps = range(setting.scenario.steps)
    loads = [float(by_source @ members.sources.load_kwh(step)) for step in steps]
    return float(np.mean(loads)) / setting.calendar.step_h
