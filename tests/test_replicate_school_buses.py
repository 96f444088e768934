from functools import cache

import numpy as np
import pytest

from hmesh.markets.incentive_game import solve_closed_form, solve_exact
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.school_buses.school_day import (
    SEASONS,
    critical_hour,
)
from hmesh.runs.studies.school_buses.sensitivity import best_battery
from hmesh.runs.studies.school_buses.study import (
    BATTERY,
    COST_CUT,
    PAR_CUT,
    PEAK_CUT,
    SAVING,
    STUDY,
    found_by_accounting,
    published_days,
    reductions,
    saving,
)
from hmesh.runs.studies.study_parts import run_study
from hmesh.runs.studies.study_report import StudyReport

FIGURES = published_figures("school_buses")


@cache
def report() -> StudyReport:
    return run_study(STUDY, lambda done, total: None)


def test_every_published_figure_is_judged_by_the_accounting() -> None:
    assert len(FIGURES) == 32
    cells = report().section("cells")
    assert cells.column("agrees") == [figure.agreed for figure in FIGURES]
    text = " ".join(cells.text)
    assert "not bought back" in text
    assert "incentives do not count" in text
    assert STUDY.parts[0].name == "table-4.1"


def test_two_published_figures_exclude_each_other() -> None:
    printed, empty = (
        found_by_accounting(FIGURES, published_days(), from_empty=origin)
        for origin in (False, True)
    )
    battery = next((f.item, f.metric) for f in FIGURES if f.metric == BATTERY)
    saved = next((f.item, f.metric) for f in FIGURES if f.metric == SAVING)
    assert (printed[battery], empty[battery]) == (257.0, 200.0)
    assert printed[saved] == pytest.approx(36.45, abs=0.01)
    assert empty[saved] == pytest.approx(49.97, abs=0.01)


def test_agents_sell_nothing_where_the_next_round_is_kept() -> None:
    others = report().section("further_readings")
    by_agents = dict(zip(others.column("figure"), others.column("by agents"), strict=True))
    sold = [cell for name, cell in by_agents.items() if "original peak" in str(name)]
    assert sold == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert "counts nothing: by agents (emergent)" in report().section("verdict").column("kind")


def test_centralised_control_is_not_above_the_optimal_price_in_peaks() -> None:
    orders = report().section("orders")
    held = dict(zip(orders.column("order, lowest first"), orders.column("holds"), strict=True))
    for season in SEASONS:
        assert not held[f"{PAR_CUT}: OEP {season} < CEN {season}"]


def test_savings_are_those_an_independent_implementation_found() -> None:
    found = [saving(solve_exact(critical_hour(1e3 * r)), 1e3 * r) for r in (1, 2, 3, 4)]
    assert found == pytest.approx([36.4, 34.5, 33.0, 31.5], abs=0.2)
    game = critical_hour(1000.0, average_price=1.73)
    peak_price = 1 - solve_exact(game).additional_cost / game.terms.cost_without
    assert peak_price == pytest.approx(0.27, abs=0.01)
    free = solve_exact(critical_hour(1000.0, capped=False))
    assert free.energy_kwh.sum() > 1000.0


def test_other_ways_to_count_are_those_an_independent_implementation_found() -> None:
    winter = published_days()["winter"]
    replaced = [reductions(winter, name, replaced=True)[COST_CUT] for name in ("G2V", "CEN", "OEP")]
    assert replaced == pytest.approx([0.11, 0.14, 0.13], abs=0.02)
    paid = [reductions(winter, name, incentives=True)[COST_CUT] for name in ("G2V", "CEN", "OEP")]
    assert paid == pytest.approx([0.11, 0.27, 0.17], abs=0.02)


@pytest.mark.parametrize("season", SEASONS)
def test_seasons_have_their_critical_hours_and_energies(season: str) -> None:
    days = published_days()[season]
    critical = np.flatnonzero(days["OEP"].sold_kwh).tolist()
    assert critical == ([8, 9, 10] if season == "winter" else [18, 19, 20, 21])
    for name, day in days.items():
        assert day.charged_kwh.sum() == pytest.approx(28_000.0), name
        assert np.all(day.demand_kwh > 0)
    assert days["CEN"].sold_kwh.sum() == pytest.approx(14_000.0)
    night = np.flatnonzero(days["G2V"].charged_kwh > 1.0)
    level = days["G2V"].demand_kwh[night]
    limited = days["G2V"].charged_kwh[night] >= 12_000.0 - 1e-6
    assert np.ptp(level[~limited]) < 1e-6 * level.max() or len(level[~limited]) < 2


def test_the_best_battery_is_found_by_a_sweep() -> None:
    for required in (1, 2, 3, 4):
        assert best_battery(True, required) == pytest.approx(200.0, abs=1.0)
        assert best_battery(False, required) == pytest.approx(257.0, abs=1.0)
    published = next(figure for figure in FIGURES if figure.metric == BATTERY)
    assert published.value == 200.0


IDENTICAL = {"lam": 1.1}


def over(key: str, values: list[float], required: float) -> np.ndarray:
    """Return price, energy and cost of a critical hour of identical schools over an input."""
    rows = []
    for value in values:
        given = {key: int(value) if key == "schools" else value}
        found = solve_exact(critical_hour(required, **IDENTICAL, **given))  # type: ignore[arg-type]
        rows.append((found.price, found.energy_kwh.sum(), found.additional_cost))
    return np.array(rows).T


RISES, FALLS = 1.0, -1.0
TRENDS = {
    "schools": ([1, 2, 5, 10, 20, 40], FALLS, RISES, FALLS),
    "km": ([50, 60, 70, 80, 90, 100, 110, 120], RISES, FALLS, RISES),
    "battery_kwh": ([120, 140, 160, 180, 200, 220, 240], FALLS, RISES, FALLS),
}


@pytest.mark.parametrize("required", [1000.0, 2000.0, 3000.0, 4000.0])
@pytest.mark.parametrize("key", TRENDS)
def test_trends_of_every_figure_hold_for_identical_schools(key: str, required: float) -> None:
    values, *signs = TRENDS[key]
    for quantity, sign in zip(over(key, values, required), signs, strict=True):
        steps = sign * np.diff(quantity)
        assert np.all(steps >= -1e-6 * np.abs(quantity).max())
    price = over(key, values, required)[0]
    assert TRENDS[key][1] * (price[-1] - price[0]) > 0.1


def test_price_and_energy_rise_with_the_required_demand_and_the_saving_falls() -> None:
    found = [solve_exact(critical_hour(1e3 * r, **IDENTICAL)) for r in (1, 2, 3, 4)]
    assert np.all(np.diff([f.price for f in found]) > 0)
    assert np.all(np.diff([f.energy_kwh.sum() for f in found]) > 0)
    savings = [saving(f, 1e3 * r) for f, r in zip(found, (1, 2, 3, 4), strict=True)]
    assert np.all(np.diff(savings) < 0)


def test_costlier_or_more_valued_energy_raises_the_price() -> None:
    def price(**given: float) -> float:
        return solve_exact(critical_hour(2000.0, **(IDENTICAL | given))).price  # type: ignore[arg-type]

    assert price(average_price=1.6) > price() > price(average_price=1.3)
    assert price(lam=1.2) > price() > price(lam=1.0)


def test_the_closed_form_is_the_exact_price_where_every_school_sells() -> None:
    for required in (2000.0, 3000.0, 4000.0):
        game = critical_hour(required)
        closed, exact = solve_closed_form(game), solve_exact(game)
        assert closed.price == pytest.approx(exact.price, rel=1e-9)


@pytest.mark.slow
def test_the_report_shows_what_was_forgotten() -> None:
    found = report()
    assert found.passed
    simulated = found.section("simulated")
    kept = [row for row in simulated.rows if row[1] is True]
    free = [row for row in simulated.rows if row[1] is False]
    # 200 kWh batteries hold two rounds exactly: with a reserve nothing is left to sell.
    assert all(row[6] == pytest.approx(0.0, abs=1e-9) for row in kept)
    assert all(row[7] == 0 for row in kept)
    short = {str(row[0]): row[7] for row in free}
    assert short["OEP winter"] > 0
    assert short["G2V winter"] == short["OEP spring"] == 0
    names = {section.name for section in found.sections}
    assert {"cells", "accounting", "bills", "simulated", "solvers", "best_battery"} <= names
    for quantity in ("price", "energy", "saving"):
        assert {f"{quantity}_by_{key}" for key in ("schools", "km", "battery")} <= names
    solvers = found.section("solvers")
    asked = zip(
        solvers.column("exact [USD/kWh]"), solvers.column("negotiated [USD/kWh]"), strict=True
    )
    assert all(abs(float(str(a)) - float(str(b))) <= 1e-5 for a, b in asked)


def test_peak_cuts_are_what_is_sold_in_critical_hours() -> None:
    days = published_days()
    found = found_by_accounting(FIGURES, days)
    for figure in FIGURES:
        if figure.metric == PEAK_CUT:
            season = figure.item.split(",")[0].split()[1]
            sold = float(days[season]["OEP"].sold_kwh.sum()) / 1e3
            assert found[figure.item, figure.metric] == pytest.approx(sold)
