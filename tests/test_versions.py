"""A run that goes on with other versions says so and keeps both."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.runs import load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.markup import origin
from hmesh.runs.results.versions import versions_note, versions_now
from tests.interrupted_runs import interrupted, interrupted_again

CHANGES = ("vehicles.count=3", "hours=4", "game.solver=exact", "plots=false")
EARLIER = {"numpy": "1.26.4", "hmesh": "0.0.9"}


def pretend(run: Path, **versions: str) -> dict[str, str]:
    """Let a run have been left with other versions, and return them."""
    path = run / "run.json"
    info = json.loads(path.read_text())
    info["versions"] |= versions
    path.write_text(json.dumps(info))
    return dict(info["versions"])


def files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != "run.json"}


def test_other_versions_are_reported_and_kept(tmp_path: Path) -> None:
    run = interrupted(tmp_path / "run", 2, *CHANGES)
    assert versions_note(run) == ""
    began = pretend(run, **EARLIER)
    result = CliRunner().invoke(app, ["resume", str(run), "--no-progress"])
    assert result.exit_code == 0, result.output
    now = versions_now()
    for name, version in EARLIER.items():
        assert f"{name} {version}, now {now[name]}" in result.stderr
    info = read_run(run).info
    assert (info["versions"], info["resumed_with"]) == (began, [now])
    assert versions_note(run) == ""
    page = origin(RunData(read_run(run)))
    assert "numpy 1.26.4" in page
    assert f'<th scope="row">resumed with</th><td>python {now["python"]}' in page
    start_run(load_scenario("three-communities", CHANGES), tmp_path / "whole")
    assert files(run) == files(tmp_path / "whole")
    assert "resumed_with" not in read_run(tmp_path / "whole").info


def test_each_change_of_versions_is_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = interrupted(tmp_path / "run", 1, *CHANGES)
    began = versions_now()
    other = began | {"python": "3.13.9"}
    for last, now in ((2, other), (3, other), (4, began)):
        for module in ("versions", "writer"):
            monkeypatch.setattr(f"hmesh.runs.results.{module}.versions_now", lambda now=now: now)

        resume_run(run) if last == 4 else interrupted_again(run, last)
    info = read_run(run).info
    assert (info["versions"], info["resumed_with"]) == (began, [other, began])
