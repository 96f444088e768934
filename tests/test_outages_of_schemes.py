"""An outage of a part of a step cuts the agents of every scheme off for that part."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.schemes.registry import scheme, schemes
from hmesh.runs.world.simulation import Simulation
from tests import test_metered_sites as sites
from tests.interrupted_runs import interrupted_run
from tests.smart_home_runs import write_scenario
from tests.store_answer_runs import ON
from tests.store_answer_runs import scenario as city

PART = 2 / 3


def batteries(_: Path, *changes: str) -> Any:
    return load_scenario("battery-sharing", ("hours=24", "plots=false", *changes))


def storages(_: Path, *changes: str) -> Any:
    few = ("hours=24", "plots=false", "step_h=1 h", "community_storage.history_days=3")
    return load_scenario("community-storage", (*few, *changes))


def houses(_: Path, *changes: str) -> Any:
    return load_scenario("composite-storage", ("years=null", "hours=24", "plots=false", *changes))


def homes(folder: Path, *changes: str) -> Any:
    return load_scenario(str(write_scenario(folder)), changes)


def halls(folder: Path, *changes: str) -> Any:
    folder.mkdir()
    sites.write(folder)
    return sites.scenario(folder, *changes, strategies=sites.ALL, sites=sites.FULL, hours=72)


def everybody(_: Path, *changes: str) -> Any:
    return city(*ON, "hours=18", *changes)


# How each scenario is made, when its feeders fail for 20 minutes, in which step, and whose.
type Case = tuple[Callable[..., Any], str, int, tuple[str, ...]]
CASES: dict[str, Case] = {
    "batteries": (batteries, "2013-04-01 03:40", 3, ("district",)),
    "storages": (storages, "2021-01-12 13:00", 13, ("homes",)),
    "houses": (houses, "2017-04-01 12:10", 12, ("kitakyushu",)),
    "homes": (homes, "2024-05-14 20:40", 14, ("homes",)),
    "halls": (halls, "2023-03-26 10:40", 33, ("works",)),
    "city": (everybody, "2023-01-16 12:40", 12, ("homes", "malls", "offices", "district")),
}
# What a table holds in the step of the outage, in parts of what it would hold.
SHRINKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "batteries": ("buildings", ("load_kwh",)),
    "storages": ("storages", ("generation_kwh",)),
    "houses": ("house_sums", ("appliances_kwh", "generation_kwh")),
    "halls": ("site_sums", ("import_kwh",)),
    "homes": ("home_groups", ("imported_kwh",)),
}


def dark(name: str, folder: Path, *changes: str, lasts: str = "20 min") -> Any:
    """Return a scenario in which feeders fail."""
    make, at, _, places = CASES[name]
    event = f"{{at: '{at}', lasts: {lasts}, feeders_out: [{', '.join(places)}]}}"
    return make(folder, f"events=[{event}]", *changes)


SOME = [pytest.param(name, marks=() if name == "houses" else (pytest.mark.slow,)) for name in CASES]


def test_every_built_in_scheme_knows_parts_of_steps() -> None:
    assert all(scheme(name).outages_in_part for name in schemes())


@pytest.mark.parametrize("name", SOME)
def test_twenty_minutes_cost_a_third_and_the_audit_agrees(name: str, tmp_path: Path) -> None:
    make, _, step, places = CASES[name]
    start_run(make(tmp_path / "light"), tmp_path / "whole")
    start_run(dark(name, tmp_path / "dark"), tmp_path / "cut")
    report = audit_run(tmp_path / "cut")
    assert report.passed, report.failed
    light, cut = (
        {table: _rows(tmp_path / each, table, step) for table in ("hours", *_table_of(name))}
        for each in ("whole", "cut")
    )
    here = light["hours"]["community"].isin(places)
    # What members use without storages is cut to the part in which there is supply.
    wanted = light["hours"]["fixed_load_kwh"] + light["hours"]["unserved_kwh"]
    if name in ("batteries", "storages"):
        used = cut["hours"]["fixed_load_kwh"][here]
        np.testing.assert_allclose(used, PART * wanted[here], rtol=1e-12)
    if name != "city":
        # There are prices that everybody answers.
        net = [each["hours"]["net_kwh"][~here] for each in (light, cut)]
        np.testing.assert_allclose(*net, rtol=1e-9, atol=1e-9)
    for table in _table_of(name):
        for column in SHRINKS[name][1]:
            due = light[table][column].to_numpy()
            mine = np.ones(len(due), dtype=bool)
            if name == "halls":
                # The others have batteries, which decide.
                mine = (light[table]["strategy"] == "sites_without_devices").to_numpy()
            if name == "homes":
                mine = (light[table]["group"] == "terrace").to_numpy()
            assert due[mine].any(), column
            np.testing.assert_allclose(
                cut[table][column][mine], due[mine] * PART, rtol=1e-12, err_msg=column
            )


def _table_of(name: str) -> tuple[str, ...]:
    return (SHRINKS[name][0],) if name in SHRINKS else ()


def _rows(folder: Path, table: str, step: int) -> pd.DataFrame:
    rows = read_run(folder).table(table).to_pandas()
    return rows[rows["step"] == step].reset_index(drop=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_an_audit_finds_agents_that_do_not_heed_the_outage(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Simulation.read_meters

    def heedless(self: Simulation) -> None:
        read(self)
        self.supplied_part = np.ones(len(self.supplied))

    monkeypatch.setattr(Simulation, "read_meters", heedless)
    start_run(dark(name, tmp_path / "made"), tmp_path / "run")
    assert audit_run(tmp_path / "run").failed


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_run_with_an_outage_over_several_steps_resumes(name: str, tmp_path: Path) -> None:
    scenario = dark(name, tmp_path / "made", lasts="2 h 35 min")
    start_run(scenario, tmp_path / "whole")
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed
    resume_run(interrupted_run(tmp_path / "broken", CASES[name][2] + 1, scenario))
    for file in sorted((tmp_path / "whole").glob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes(), file.name
