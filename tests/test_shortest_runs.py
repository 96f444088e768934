"""The shortest run of every scheme goes through every command that looks at results."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.runs.command_line import app
from tests.quick_cases import quick

ONE_STEP = {
    "smart-home": ("hours=1",),
    "three-communities": ("hours=1", "vehicles.count=1"),
    "school-buses": (
        "hours=1", "school_buses.groups.0.schools=1", "school_buses.groups.0.buses=1",
    ),
    "battery-sharing": ("hours=24",),
    "community-storage": ("hours=0.25",),
    "composite-storage": ("years=null", "hours=1"),
    "two-voltage-levels": ("hours=1",),
    "suburbs": ("hours=0.5",),
    "one-city": ("hours=1",),
}  # fmt: skip


@pytest.mark.parametrize("scenario", quick({"smart-home"}, ONE_STEP))
def test_a_run_of_one_step_is_audited_reported_and_drawn(scenario: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    changes = [word for change in ONE_STEP[scenario] for word in ("--set", change)]
    for words in (
        ["run", scenario, *changes, "--out", folder, "--no-progress"],
        ["audit", folder],
        ["report", folder, "--no-progress"],
        ["plot", folder, "--size", "column"],
    ):
        result = CliRunner().invoke(app, words, prog_name="hmesh")
        assert result.exit_code == 0, f"{words}\n{result.output}"
    assert list(Path(folder, "plots").glob("*.png"))
    assert Path(folder, "report.html").is_file()
