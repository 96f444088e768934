"""A small scheme that a plugin adds: seen in sweeps, the live view and tables of documentation."""

import csv
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hmesh.runs import TABLES, audit_run, load_scenario
from hmesh.runs.live.chart_style import Look
from hmesh.runs.live.figure_boxes import figures_now
from hmesh.runs.live.map_and_grid import map_chart
from hmesh.runs.live.source import make_source
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.plugins import loading
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import strategy_label
from tests.test_registry import SOURCE, written

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = """
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from street_lights.scheme import SCHEME

from hmesh.plugins import add_scheme

add_scheme(SCHEME)
"""


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins_withdrawn: None) -> str:
    """Return a scenario that names a plugin beside it, which adds the scheme of a folder."""
    shutil.copytree(
        SOURCE, tmp_path / "street_lights", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "street_lights"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "lights.py").write_text(PLUGIN, encoding="utf-8")
    # What the plugin puts there is gone after the test.
    monkeypatch.syspath_prepend(str(tmp_path))
    return written(tmp_path, plugins=["lights.py"])


def test_its_lamps_are_watched_moved_by_a_slider_and_named(night: str) -> None:
    source = make_source(night, strategy="lights_dimmed")
    assert {each.name for each in source.parameters} >= {"street_lights__lamps"}
    world = LiveWorld(
        source=source, strategy=strategy_label("lights_dimmed"), seed=str(source.scenario.seed),
        street_lights__lamps=30,
    )  # fmt: skip
    for _ in range(13):
        world.step()
    assert world.problems == []
    # Thirty lamps of 60 W, dimmed to half from midnight on.
    shown = {figure.key: figure.text for figure in figures_now(world)}
    drawn = world.watched.hour_kwh["fixed_load_kwh"].sum()
    assert shown["fixed_load_kwh"] == f"{drawn:.3f} kWh drawn"
    assert world.watched.schemes["street_lights"].kwh == pytest.approx(0.9)
    assert "street lights draw 0.90 kWh" in str(map_chart(world, Look()))


def test_its_section_and_table_are_tables_of_documentation(night: str) -> None:
    load_scenario(night)
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert "| `drawn_kwh` | energy that all lamps draw | kWh | number |" in tables._result_table(
        "lights"
    )
    page = tables._scenario_table("StreetLights", ROOT / "docs" / "scenario.md", tables.places())
    assert "| `watts` | power of a lamp | W | `60` |" in page
    assert "street_lights" in tables.sections()["Scenario"]["properties"]
    loading.unload("lights.py")
    assert "lights" not in TABLES
    assert "street_lights" not in schemes()
    assert "street_lights" not in Scenario.model_json_schema()["properties"]


@pytest.mark.slow
def test_two_workers_sweep_over_its_keys_and_compare_its_figures(
    night: str, tmp_path: Path
) -> None:
    command = [
        *(sys.executable, "-m", "hmesh.runs", "sweep", night, "--out", "sweep"),
        *("--vary", "street_lights.lamps=10,20", "--workers", "2", "--no-progress"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lights [JPY]" in done.stdout
    with (tmp_path / "sweep" / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # Twelve hours of 60 W a lamp; dimmed to half for the six after midnight.
    drawn = {
        (row["street_lights.lamps"], row["strategy"]): float(row["lights_kwh"]) for row in rows
    }
    assert drawn == pytest.approx(
        {
            ("10", "lights_all_night"): 7.2,
            ("10", "lights_dimmed"): 5.4,
            ("20", "lights_all_night"): 14.4,
            ("20", "lights_dimmed"): 10.8,
        }
    )
    (report,) = (tmp_path / "sweep" / "plots").glob("*.png")
    assert report.name == "street_lights.lamps.png"
    for run in (tmp_path / "sweep" / "runs").iterdir():
        assert audit_run(run).passed
