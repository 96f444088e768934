"""Wrong inputs, drawn at random, are refused in plain words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_drawn_input_gives_a_traceback_hangs_or_leaves_half_a_file(tmp_path: Path) -> None:
    report = tmp_path / "inputs.json"
    ended = subprocess.run(
        [sys.executable, "benchmarks/random_inputs.py", "--inputs", "400", "--json", str(report)],
        check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(report.read_text())
    assert found["failures"] == []
    assert sum(found["inputs"].values()) == 400
    assert len(found["inputs"]) == 5
    assert found["exit_statuses"]["2"] > 200
