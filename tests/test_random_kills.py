"""Runs that are killed at random moments end as uninterrupted ones."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def kill(tmp_path: Path, *words: str) -> dict[str, Any]:
    report = tmp_path / "kills.json"
    ended = subprocess.run(
        [sys.executable, "benchmarks/random_kills.py", *words, "--json", str(report)],
        check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_built_in_scenario_survives_random_kills(tmp_path: Path) -> None:
    found = kill(tmp_path, "--kills", "42", "--cold", "6", "--seed", "3")
    assert found["failures"] == []
    assert sum(found["kills"].values()) >= 48
    built_in = {path.stem for path in (ROOT / "hmesh/runs/scenarios/built_in").glob("*.yaml")}
    assert set(found["runs"]) - {"a sweep"} == built_in
    ways = {name.removesuffix(" at start") for name in found["kills"]}
    assert ways >= {"SIGKILL", "SIGTERM", "SIGINT", "full disk"}
