"""How far the results of the vehicle study depend on the inputs that had to be fixed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from hmesh.runs.schemes.vehicles.setting import VehicleSetting
from hmesh.runs.schemes.vehicles.step import vehicles_of
from hmesh.runs.studies.days import case_study, live_day, reductions, repeating_day, scaled_loads
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection
from hmesh.runs.world.setting import Setting

SEEDS = (1, 2, 3, 4, 5)
FEW = 10  # prices at their bound; days with more take long and are explained by them
FAR = 1.0  # a difference to ask about [percentage points]
PER_VEHICLE, COSTS, OTHER = "load per vehicle", "costs and retail", "other"


@dataclass(frozen=True, slots=True)
class CaseVariation:
    """A change of the case study.

    Attributes
    ----------
    name : str
        What is changed.
    kind : str
        What the change is a change of.
    changes : tuple of str
        Keys of the scenario with their values.
    par, bill : float, optional
        Reductions [%] that an independent implementation found.
    load : float
        Factor on all inelastic loads.
    earlier_slot : bool
        Whether slot s is the hour that ends at s.
    """

    name: str
    kind: str
    changes: tuple[str, ...] = ()
    par: float | None = None
    bill: float | None = None
    load: float = 1.0
    earlier_slot: bool = False

    def setting(self, *changes: str, seed: int | None = None) -> Setting:
        """Return the case study so changed."""
        loads = scaled_loads(self.load) if self.load != 1.0 else ()
        setting = case_study(*self.changes, *changes, *loads, seed=seed)
        if not self.earlier_slot:
            return setting
        vehicles: VehicleSetting = setting.schemes["vehicles"]
        plans = vehicles.plans
        earlier = replace(
            plans,
            departs_h=plans.departs_h - 1,
            arrives_h=plans.arrives_h - 1,
            last_arrival_h=plans.last_arrival_h - 1,
        )
        changed = {**setting.schemes, "vehicles": replace(vehicles, plans=earlier)}
        return replace(setting, schemes=changed)


_A, _B = "generation_cost.quadratic", "generation_cost.linear"
VARIATIONS = (
    CaseVariation("none", OTHER, (), 40.7, 8.3),
    CaseVariation("loads x 0.9", PER_VEHICLE, (), 44.5, 7.1, load=0.9),
    CaseVariation("loads x 1.1", PER_VEHICLE, (), 37.0, 9.7, load=1.1),
    CaseVariation("loads x 1.2", PER_VEHICLE, (), 31.3, 28.4, load=1.2),
    CaseVariation("loads x 1.5", PER_VEHICLE, (), 12.8, 55.5, load=1.5),
    CaseVariation("loads x 2", PER_VEHICLE, (), -5.4, None, load=2.0),
    CaseVariation("1,500 vehicles", PER_VEHICLE, ("vehicles.count=1500",), 26.7),
    CaseVariation("2,500 vehicles", PER_VEHICLE, ("vehicles.count=2500",), 48.0),
    CaseVariation("a x 0.5", COSTS, (f"{_A}=2.5e-4",), 39.8, -25.7),
    CaseVariation("a x 2", COSTS, (f"{_A}=1.0e-3",), 41.7, 42.8),
    CaseVariation("b x 0.5", COSTS, (f"{_B}=5.07",), 42.3, -18.9),
    CaseVariation("b x 1.5", COSTS, (f"{_B}=15.21",), 39.0, 27.0),
    CaseVariation("retail at average cost", COSTS, ("prices.retail=average",), 40.7, -24.9),
    CaseVariation("day in spring", OTHER, ("start=2023-04-17T01:00",), 45.2, 8.3),
    CaseVariation("day in summer", OTHER, ("start=2023-07-17T01:00",), 47.9, 9.0),
    CaseVariation("day in autumn", OTHER, ("start=2023-10-16T01:00",)),
    CaseVariation("start at 40 %", OTHER, ("vehicles.soc_start=0.4",), 42.3, -4.2),
    CaseVariation("start at 60 %", OTHER, ("vehicles.soc_start=0.6",), 39.4, 17.4),
    CaseVariation("theta 1", OTHER, ("vehicles.theta=1",), 31.8),
    CaseVariation("theta 4", OTHER, ("vehicles.theta=4",), 23.4),
    CaseVariation("trip energy kept", OTHER, ("vehicles.trip_reserve=true",), 25.3, 26.0),
    CaseVariation(
        "slots an hour earlier",
        OTHER,
        (
            "start=2023-01-16T00:00",
            "prices.time_of_use.from_hour=8",
            "prices.time_of_use.to_hour=21",
        ),
        41.5,
        14.5,
        earlier_slot=True,
    ),
)
BOUNDS = (70, 75)  # [JPY/kWh]
FITTED_LOADS, FITTED_A = 0.7, 0.0023  # [1], [JPY/kWh^2]
CAPTIVE = ("loads x 1.2", "loads x 1.5")


@dataclass(frozen=True, slots=True)
class _Found:
    """The results of a day of the case study."""

    par: float
    bill: float
    at_bound: int
    kw_per_vehicle: float


def _find(setting: Setting) -> _Found:
    typical, optimal = (live_day(setting, name) for name in ("typical", "three_level"))
    found = reductions(optimal.totals, typical.totals)
    hours = optimal.totals.steps * optimal.step_h
    return _Found(
        found.par,
        found.bill,
        optimal.totals.counts["community_price_at_upper_bound"],
        optimal.totals.sums["fixed_load_kwh"] / hours / len(vehicles_of(optimal).fleet),
    )


def sensitivity(tick: Callable[[], None]) -> list[ReportSection]:
    """Change one input after another and see what becomes of the reductions.

    Parameters
    ----------
    tick : callable
        Called after each of `VARIATIONS`.
    """
    found: list[tuple[CaseVariation, _Found]] = []
    draws: dict[str, list[_Found]] = {}
    for variation in VARIATIONS:
        here = _find(variation.setting())
        found.append((variation, here))
        if variation.name == "none" or (_is_far(variation, here) and here.at_bound < FEW):
            others = [_find(variation.setting(seed=seed)) for seed in SEEDS[1:]]
            draws[variation.name] = [here, *others]
        tick()
    columns = (
        Column("change"),
        Column("kW per vehicle", ".2f"),
        Column("PAR [%]", ".1f"),
        Column("bill [%]", ".1f"),
        Column("other code PAR [%]", ".1f"),
        Column("other code bill [%]", ".1f"),
        Column("prices at bound", "d"),
    )
    rows = tuple(
        (
            variation.name,
            here.kw_per_vehicle,
            here.par,
            here.bill,
            variation.par,
            variation.bill,
            here.at_bound,
        )
        for variation, here in found
    )
    bars = Bars("change", ("PAR [%]", "bill [%]"), "reduction by 3OEP against typical charging [%]")
    text = (
        "PAR and bill: reductions. kW per vehicle: mean inelastic load each. Other code: "
        "what an independent implementation reported. Prices at bound: how often in the day a "
        "community price reached its upper bound.",
        _lesson(found),
    )
    title = "Reductions by 3OEP against typical charging when one input changes (exact)"
    changed = ReportSection("sensitivity", title, columns, rows, text, bars)
    return [changed, _seeds(found, draws)]


def _is_far(variation: CaseVariation, found: _Found) -> bool:
    """Whether another implementation found something else."""
    pairs = ((variation.par, found.par), (variation.bill, found.bill))
    return any(other is not None and abs(other - ours) > FAR for other, ours in pairs)


def _range(values: Iterable[float]) -> str:
    """Return the lowest and highest of some values."""
    known = list(values)
    return f"{min(known):.1f} to {max(known):.1f}"


def _seeds(
    found: list[tuple[CaseVariation, _Found]], draws: dict[str, list[_Found]]
) -> ReportSection:
    """State how far other draws of lambda move the reductions."""
    rows: list[tuple[Cell, ...]] = []
    for variation, _ in found:
        if variation.name in draws:
            each = draws[variation.name]
            par, bill = np.array([(one.par, one.bill) for one in each]).T
            spread = [
                float(number(values))
                for values in (par, bill)
                for number in (np.min, np.mean, np.max, lambda values: np.std(values, ddof=1))
            ]
            rows.append((variation.name, *spread, variation.par, variation.bill))
    columns = (
        Column("change"),
        *(
            Column(f"{what} {number}", ".2f")
            for what in ("PAR", "bill")
            for number in ("lowest", "mean", "highest", "spread")
        ),
        Column("other code PAR [%]", ".1f"),
        Column("other code bill [%]", ".1f"),
    )
    text = (
        f"Reductions [%] with seeds {SEEDS[0]} to {SEEDS[-1]}, where nothing changes and where the "
        f"other code is more than {FAR:g} point away although few prices are at their bound. "
        "Spread: standard deviation.",
        _differences(found, draws),
    )
    return ReportSection("seeds", "Other draws of lambda", columns, tuple(rows), text)


def _lesson(found: list[tuple[CaseVariation, _Found]]) -> str:
    """Say what drives the reductions."""
    loads, costs = (
        [each for variation, each in found if variation.kind == kind]
        for kind in (PER_VEHICLE, COSTS)
    )
    together = np.corrcoef([each.kw_per_vehicle for each in loads], [each.par for each in loads])
    return (
        f"PAR is driven by the load per vehicle: {_range(each.par for each in loads)} % less at "
        f"{_range(each.kw_per_vehicle for each in loads)} kW (correlation {together[0, 1]:.2f}), "
        f"but {_range(each.par for each in costs)} % when a, b or the retail rule change. The "
        "bill is driven by these: they take its reduction from "
        f"{_range(each.bill for each in costs)} %. As they had to be fitted, the published bill "
        "carries next to no information."
    )


def _differences(found: list[tuple[CaseVariation, _Found]], draws: dict[str, list[_Found]]) -> str:
    """Say where another implementation found something else, and what is known of the cause."""
    far = [(variation, here) for variation, here in found if _is_far(variation, here)]
    if not far:
        return f"Nowhere is the other code more than {FAR:g} point away."
    drawn, captive, open_ = [], [], []
    for variation, here in far:
        if _reached(variation, draws.get(variation.name, [here])):
            drawn.append(variation.name)
        elif here.at_bound or variation.name in CAPTIVE:
            captive.append(variation.name)
        else:
            open_.append(variation.name)
    lines = [f"More than {FAR:g} point from the other code:"]
    if drawn:
        lines.append(f"{', '.join(drawn)}, where other draws of lambda reach its figure;")
    if captive:
        lines.append(
            f"{', '.join(captive)}, where prices stand at their bound or would at a slightly "
            "higher one (next table), so that they jump and small differences grow;"
        )
    if open_:
        lines.append(f"{', '.join(open_)}, for which no cause is known;")
    return " ".join(lines)[:-1] + "."


def _reached(variation: CaseVariation, draws: list[_Found]) -> bool:
    """Whether some draws come as far as what another implementation found."""
    pairs = (
        (variation.par, [each.par for each in draws]),
        (variation.bill, [each.bill for each in draws]),
    )
    return all(
        other is None or round(min(values), 1) <= other <= round(max(values), 1)
        for other, values in pairs
    )


def price_bound() -> ReportSection:
    """Show what the upper price bound decides where loads cannot leave."""
    rows: list[tuple[Cell, ...]] = []
    for variation in VARIATIONS:
        if variation.name not in ("none", *CAPTIVE):
            continue
        for bound in BOUNDS:
            here = _find(
                variation.setting(f"prices.aggregator=[0, {bound}]", f"prices.utility=[0, {bound}]")
            )
            rows.append((variation.name, bound, here.par, here.bill, here.at_bound))
    columns = (
        Column("change"),
        Column("upper bound [JPY/kWh]", "d"),
        Column("PAR reduction [%]", ".1f"),
        Column("bill reduction [%]", ".1f"),
        Column("prices at bound", "d"),
    )
    text = (
        "An inelastic load pays any price. Where vehicles cannot sell that much, the best price "
        "is the bound, and the bound decides the result; with the inputs as they are it does not.",
    )
    title = "The upper price bound, where loads cannot leave"
    return ReportSection("price-bound", title, columns, tuple(rows), text)


def equal_energy() -> ReportSection:
    """Compare days that repeat, in which every strategy buys just what is driven."""
    fitted = (f"{_A}={FITTED_A}", f"{_B}=0", *scaled_loads(FITTED_LOADS))
    cases: tuple[tuple[str, tuple[str, ...], dict[str, tuple[float, float]]], ...] = (
        ("as they are", (), {}),
        ("fitted again", fitted, {"marginal": (40.6, 8.5)}),
    )
    rows: list[tuple[Cell, ...]] = []
    change, left_out = 0.0, 0
    for name, changes, reported in cases:
        optimal, formulas = (
            repeating_day(case_study(*changes, solver=solver), "three_level")
            for solver in ("exact", "closed_form")
        )
        for retail in ("marginal", "average"):
            typical = repeating_day(case_study(*changes, f"prices.retail={retail}"), "typical")
            bought = (day.totals.sums["vehicle_kwh"] / 1e3 for day in (typical, optimal))
            less, by_formulas = (reductions(d.totals, typical.totals) for d in (optimal, formulas))
            other = reported.get(retail, (None, None))
            figures = (less.par, less.bill, by_formulas.par, by_formulas.bill, *other)
            rows.append((name, retail, *bought, *figures))
            days = (typical, optimal, formulas)
            change = max(change, *(day.change_kwh for day in days))
            left_out = max(left_out, *(day.days_before for day in days))
    published = [
        figure for figure in published_figures("vehicles") if figure.item == "3OEP vs typical"
    ]
    costlier = sum(float(row[5] or 0) < 0 for row in rows)
    used = case_study().scenario.vehicles.consumption_kwh_per_km
    columns = (
        Column("inputs"),
        Column("retail"),
        Column("typical buys [MWh]", ".2f"),
        Column("3OEP buys [MWh]", ".2f"),
        Column("exact PAR [%]", ".1f"),
        Column("exact bill [%]", ".1f"),
        Column("formulas PAR [%]", ".1f"),
        Column("formulas bill [%]", ".1f"),
        Column("other code PAR [%]", ".1f"),
        Column("other code bill [%]", ".1f"),
    )
    text = (
        "Reductions. The same loads come day after day until no battery has changed over a day: "
        f"up to {left_out} first days are left out, and no battery is then more than "
        f"{change:.0e} kWh from where it was a day before. Both strategies so buy what is driven, "
        f"{typical.totals.sums['driven_km'] * used / 1e3:.2f} MWh. Fitted again: loads x "
        f"{FITTED_LOADS:g}, a = {FITTED_A:g} JPY/kWh^2, b = 0. Published, for one day: "
        f"{' and '.join(str(figure.value) for figure in published)} %.",
        f"Negative: 3OEP is more expensive, as in {costlier} of these {len(rows)} cases.",
    )
    title = "Days that repeat: 3OEP against typical charging with equal energy"
    return ReportSection("equal-energy", title, columns, tuple(rows), text)
