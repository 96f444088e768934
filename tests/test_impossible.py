"""What the pages call impossible has its proof, or its search, in a test."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.retail_tariff import BASE_CHARGE_PER_MONTH
from hmesh.markets.storage_capacity import published_capacity
from hmesh.runs import load_scenario
from hmesh.runs.studies.community_storage.options import _averages
from hmesh.runs.studies.community_storage.storage_study import StorageStudy
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.smart_homes.study import LOSS
from hmesh.runs.studies.smart_homes.study_days import study_days
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.smart_homes import STUDY_LAYOUT

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "sources" / "impossible.md"


def listed() -> list[tuple[str, ...]]:
    rows = re.findall(r"^\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [tuple(cell.strip() for cell in row.split(" | ")) for row in rows[2:]]


def test_every_claim_names_a_test_that_there_is() -> None:
    rows = listed()
    assert len(rows) >= 12
    for claim, _, _, named in rows:
        file, test = re.fullmatch(r"`(test_\w+)::(test_\w+)`", named).groups()  # type: ignore[union-attr]
        tree = ast.parse((ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in names, f"{claim}: {named}"


def test_pages_of_sources_say_nothing_impossible_that_is_not_listed() -> None:
    """By the words that say so: each line with one has a word of a listed claim beside it."""
    said = re.compile(r"exclude each other|rules? out|cannot be: |cannot rise|cannot come from")
    known = [row[0] for row in listed()]
    keys = {key for claim in known for key in re.findall(r"\d[\d.,]*|U-shape|emissions", claim)}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        if page == PAGE:
            continue
        for line in page.read_text(encoding="utf-8").splitlines():
            if said.search(line):
                near = {key for key in keys if key in line}
                named = "Table 2" in line or "statements" in line or "Any two" in line
                assert near or named, f"{page.name}: {line}"


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("assignment", ["spfa_s", "mpfa_sg", "mpfa_mg"])
def test_no_reading_of_one_hour_gives_the_capacities_of_summer(assignment: str) -> None:
    """A bound, and a search that comes near it: no generation and no loads pass it."""
    loads_kwh, sources_kw = (0.79, 0.0278), (0.7, 1.5)
    eta, first, room = 0.92, 0.01, 0.73
    # Each storage bears the lack of its loads in an hour, or takes the surplus of an hour.
    bound = eta / first * sum(loads_kwh) + eta / room * sum(sources_kw)
    printed = [
        figure.value
        for figure in published_figures("smart_home")
        if figure.where == "Table 3.4" and "LS" not in figure.item and "summer" in figure.item
    ]
    assert bound < min(printed)
    rng, most = np.random.default_rng(1), 0.0
    for _ in range(150):
        generation = rng.uniform(0, 1, (24, 2)) * sources_kw * (rng.random((24, 2)) < 0.5)
        used = np.array(loads_kwh) * (rng.random((24, 2)) < rng.random())
        found = published_capacity(assignment, STUDY_LAYOUT, generation, used, window=1).sum()  # type: ignore[arg-type]
        most = max(most, float(found))
    assert 70 < most <= bound + 1e-9


def test_a_house_cannot_pay_the_printed_total_cost() -> None:
    """By printed numbers alone: what is bought follows from the emissions of Table 5."""
    figures = published_figures("composite_storage")
    costs = {f.item: f.value for f in figures if f.metric == "total electricity cost"}
    emissions = {f.item: f.value for f in figures if f.metric == "CO2 emissions"}
    costliest, lowest_factor = 0.24, 0.319  # USD/kWh of Table 3; kg/kWh, Kyushu Electric Power
    for item, cost in costs.items():
        bought = emissions[item] / lowest_factor
        at_most = costliest * bought + 12 * BASE_CHARGE_PER_MONTH / 111
        assert at_most < 0.5 * cost, item


def test_loads_that_keep_their_level_for_an_hour_are_foreseen_no_better() -> None:
    """What is new in a quarter of an hour of a process of 1 h with a deviation of 0.33."""
    correlation = math.exp(-0.25 / 1.0)
    assert round(0.33 * math.sqrt(1 - correlation**2), 2) == 0.21


def test_storages_start_the_day_empty_or_with_a_hundredth_and_not_both() -> None:
    """With 1 % of 80 kWh in store the printed losses of SPFA/S do not come out."""
    start = [
        f"smart_homes.groups.{g}.storages.{k}.{key}"
        for g in (0, 1) for k in (0, 1) for key in ("soc_start=0.21", "capacity_kwh=80")
    ]  # fmt: skip
    printed = {f.item: f for f in published_figures("smart_home") if f.metric == LOSS}
    empty, filled = study_days(), study_days(*start)
    for season in ("winter", "summer"):
        figure = printed[f"SPFA/S {season}"]
        assert abs(empty["SPFA/S", season].losses_kwh - figure.value) <= figure.tolerance
        assert abs(filled["SPFA/S", season].losses_kwh - figure.value) > figure.tolerance
        # At midnight it runs the air conditioner, which stays off where the store is empty.
        assert filled["SPFA/S", season].used_kwh[0, 0] > 0
    assert empty["SPFA/S", "winter"].used_kwh[0, 0] == 0


@pytest.mark.slow
def test_normal_by_static_averages_is_not_what_the_source_calls_normal() -> None:
    """The printed operations differ by more than a factor of 2, these by less with every seed."""
    totals = {
        mode: sum(
            figure.value
            for figure in published_figures("community_storage")
            if figure.where == "Table 3" and figure.metric == f"from community storage, {mode}"
        )
        for mode in ("normal", "optimal")
    }
    assert totals["optimal"] / totals["normal"] > 2
    for case in StorageStudy(None).cases():
        normal, optimal = _averages(case)
        assert optimal / normal < 2


def evening_kwh(folder: Path, seed: int, km: float) -> tuple[float, float]:
    """Return what two schools sell after the second round of a day, and what is required then."""
    rng, file = np.random.default_rng(seed), folder / f"{seed}.csv"
    load = 1e3 * rng.uniform(1, 2, 24)
    load[18:22] += 1e3 * rng.uniform(2, 4, 4)
    rows = [f"2023-04-17T{hour:02d}:00,system,{float(load[hour])!r}" for hour in range(24)]
    file.write_text("\n".join(["time,member,load_kwh", *rows]) + "\n", encoding="utf-8")
    group = "{name: r, community: rochester, schools: 2, buses: 3}"
    changes = [
        "start='2023-04-17T00:00'", "hours=24", "game.solver=exact", "plots=false",
        "school_buses.reserve=false", f"school_buses.round_km={km:g}",
        f"school_buses.groups=[{group}]", f"school_buses.lam={rng.uniform(0.01, 1.0):.3f}",
        "school_buses.average_price_start=0.01", "school_buses.centralised_margin=5",
        "school_buses.critical={share_of_peak: 0.8}", "generation_cost.quadratic=1e-3",
        f"communities.rochester.members=[{{kind: building, name: system, file: {file}}}]",
    ]  # fmt: skip
    setting = make_setting(load_scenario("school-buses", changes))
    sold = required = 0.0
    for strategy in ("centralised", "optimal_energy_price"):
        simulation = Simulation(setting, strategy)
        for hour in range(24):
            simulation.step()
            if hour >= 17:
                figures = simulation.schemes["school_buses"].sums()
                sold += figures["school_sold_kwh"]
                required += figures["required_kwh"]
    return sold, required


def test_nothing_is_left_for_an_evening_peak_after_two_rounds(tmp_path: Path) -> None:
    """A theorem, and a search: 0.9 less 2 x 70 km of 200 kWh is the lowest charge of 0.2.

    With or without a reserve, whatever the demand, its costs and what energy is worth.
    """
    rules = load_scenario("school-buses").school_buses
    usable = (rules.soc_max - rules.soc_min) * rules.capacity_kwh
    driven = len(rules.rounds) * rules.round_km * rules.consumption_kwh_per_km
    assert driven == pytest.approx(usable, abs=1e-9)
    for seed in range(2):
        sold, required = evening_kwh(tmp_path, seed, 70)
        assert required > 100
        assert sold <= 1e-9
    assert evening_kwh(tmp_path, 0, 60)[0] > 10  # shorter rounds leave something
