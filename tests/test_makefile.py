"""What `make` prints for a person who types the first command of the README."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READ_BY_MAKE = ("pyproject.toml", "uv.lock", ".python-version")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone that is set up, with a program that only prints what it was called with."""
    for name in (*READ_BY_MAKE, "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    program = folder / "hmesh"
    program.write_text('#!/bin/sh\necho "hmesh $*"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / ".venv" / ".synced").touch()
    return tmp_path


def printed(clone: Path, target: str) -> list[str]:
    # What `make test` passes on to a make below it would change what that prints.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", target], cwd=clone, env=variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_make_run_announces_both_jobs_and_how_long_they_take(clone: Path) -> None:
    lines = printed(clone, "run")
    first = lines.index("hmesh run three-communities --out results/three-communities")
    second = lines.index("hmesh replicate vehicles")
    assert lines[first - 1] == "== 1 of 2: hmesh run three-communities"
    assert lines[second - 1] == "== 2 of 2: hmesh replicate vehicles"
    announced = " ".join(lines[: first - 1])
    assert announced.startswith("Two jobs: ")
    assert announced.count(" s)") == 2


def test_make_run_leaves_earlier_results_alone(clone: Path) -> None:
    (clone / "results" / "three-communities").mkdir(parents=True)
    lines = printed(clone, "run")
    assert "hmesh run three-communities --out results/three-communities-2" in lines


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    pages = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    named = {
        target
        for page in pages
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M)
    }
    assert {"run", "test", "test-all", "lint", "docs", "bench"} <= named <= targets


def test_the_tests_and_programs_named_for_contributors_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"\b(?:tests|docs)/\w+\.py", text)
    assert named
    for name in named:
        assert (ROOT / name).is_file(), name
