"""Figures 4.5 to 4.14 of the study of school buses: what moves the price, and the best battery."""

from functools import cache

import numpy as np

from hmesh.markets.incentive_game import IncentiveOutcome, solve_exact
from hmesh.markets.school_response import satisfaction
from hmesh.runs.studies.school_buses.school_day import critical_hour
from hmesh.runs.studies.study_report import Bars, Cell, Column, ReportSection

REQUIRED_MWH = (1, 2, 3, 4)
COUNTS = (1, 2, 5, 10, 15, 20, 30, 40)
DISTANCES_KM = (50, 60, 70, 80, 90, 100, 110, 120)
BATTERIES_KWH = (120, 140, 160, 180, 200, 220, 240)
FINE_BATTERIES_KWH = np.arange(120.0, 301.0)


# What is varied: the input, its name and the head of its column, its values, and the figures.
STUDIED = (
    ("schools", "number of schools", "4.5 to 4.7"),
    ("km", "length of a round", "4.8 to 4.10"),
    ("battery_kwh", "size of a battery", "4.11 to 4.13"),
)
_HEADS = {
    "schools": ("schools", COUNTS),
    "km": ("round [km]", DISTANCES_KM),
    "battery_kwh": ("battery [kWh]", BATTERIES_KWH),
}


def sensitivity() -> list[ReportSection]:
    """Return the studies of the number of schools, the distance and the battery."""
    sections = [section for each in STUDIED for section in _studied(*each)]
    return [*sections, _batteries()]


def over_input(
    key: str,
) -> tuple[str, tuple[int, ...], dict[tuple[int, int], dict[str, float]]]:
    """Return how an input is called, its values, and what comes of each required demand.

    Returns
    -------
    head : str
        The input with its unit.
    values : tuple of int
    found : dict
        Price [USD/kWh], energy [MWh] and saving [%] by value and required demand [MWh].
    """
    head, values = _HEADS[key]
    found = {}
    for value in values:
        for required in REQUIRED_MWH:
            outcome, without = _hour(key, value, required)
            found[value, required] = {
                "price": outcome.price,
                "energy": float(outcome.energy_kwh.sum()) / 1e3,
                "saving": 100 * (1 - outcome.additional_cost / without),
            }
    return head, values, found


def _studied(key: str, name: str, figures: str) -> list[ReportSection]:
    """Return price, energy and saving over one input, for every required demand."""
    head, values, found = over_input(key)
    sections = []
    for quantity, unit in (("price", "USD/kWh"), ("energy", "MWh"), ("saving", "%")):
        columns = (
            Column(head),
            *(Column(f"{quantity} at {r} MWh [{unit}]", ".3f") for r in REQUIRED_MWH),
        )
        rows: list[tuple[Cell, ...]] = [
            (value, *(found[value, required][quantity] for required in REQUIRED_MWH))
            for value in values
        ]
        first, last = (float(str(row[1])) for row in (rows[0], rows[-1]))
        title = (
            f"{quantity.capitalize()} by {name}: {_course(first, last)} {unit} at 1 MWh required"
        )
        text = (f"Figures {figures} of the source, whose values are not printed.",)
        lines = Bars(head, tuple(c.name for c in columns[1:]), f"{quantity} [{unit}]", curves=True)
        file = f"{quantity}_by_{key.removesuffix('_kwh')}"
        sections.append(ReportSection(file, title, columns, tuple(rows), text, lines))
    return sections


def _hour(key: str, value: int, required: int) -> tuple[IncentiveOutcome, float]:
    """Return the trade of a critical hour, and what the hour would cost without it [USD]."""
    inputs = {key: value if key == "schools" else float(value)}
    game = critical_hour(1e3 * required, **inputs)  # type: ignore[arg-type]
    return solve_exact(game), game.terms.cost_without


def _course(first: float, last: float) -> str:
    """State which way values go from the first to the last input."""
    if abs(last - first) <= 1e-6 * abs(first):
        return f"stays at {first:.2f}"
    return f"{'rises' if last > first else 'falls'} from {first:.2f} to {last:.2f}"


def satisfaction_of(battery_kwh: float, required: int, *, from_empty: bool) -> float:
    """Return the mean payoff of the schools in a critical hour [USD], eq. (4.17)."""
    game = critical_hour(1e3 * required, battery_kwh=battery_kwh, from_empty=from_empty)
    found = solve_exact(game)
    held = game.stored_kwh - found.energy_kwh
    worth = satisfaction(held, game.lam, game.theta, saturates=game.saturates)
    return float((worth + (found.price - game.average_price) * found.energy_kwh).mean())


@cache
def best_battery(from_empty: bool, required: int = 1) -> float:
    """Return the battery that gives schools the highest payoff [kWh], by a sweep of 1 kWh."""
    payoffs = [
        satisfaction_of(float(size), required, from_empty=from_empty) for size in FINE_BATTERIES_KWH
    ]
    return float(FINE_BATTERIES_KWH[int(np.argmax(payoffs))])


def _batteries() -> ReportSection:
    """Return the payoff of schools by the size of a battery, and its best."""
    sizes = (*BATTERIES_KWH, 260, 280, 300)
    columns = (
        Column("battery [kWh]"),
        *(Column(f"as printed, {r} MWh [USD]", ".1f") for r in REQUIRED_MWH),
        *(Column(f"from empty, {r} MWh [USD]", ".1f") for r in REQUIRED_MWH),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            str(size),
            *(satisfaction_of(float(size), r, from_empty=False) for r in REQUIRED_MWH),
            *(satisfaction_of(float(size), r, from_empty=True) for r in REQUIRED_MWH),
        )
        for size in sizes
    ]
    best = {
        origin: sorted({best_battery(origin, required) for required in REQUIRED_MWH})
        for origin in (False, True)
    }
    printed, empty = (", ".join(f"{size:.0f}" for size in best[o]) for o in (False, True))
    title = (
        f"Payoff of a school by battery: best at {printed} kWh as printed, at {empty} kWh where "
        "satisfaction counts energy from empty"
    )
    text = (
        "Figure 4.14 of the source has its best battery at 200 kWh for every required demand. A "
        "school's payoff rises with the battery until it holds the energy at which satisfaction "
        "has its summit.",
    )
    return ReportSection("best_battery", title, columns, tuple(rows), text)
