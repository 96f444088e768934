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


def made(clone: Path, target: str) -> subprocess.CompletedProcess[str]:
    # What `make test` passes on to a make below it would change what that prints.
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(
        ["make", target], cwd=clone, env=variables, capture_output=True, text=True
    )


def printed(clone: Path, target: str) -> list[str]:
    done = made(clone, target)
    assert (done.returncode, done.stderr) == (0, "")
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


@pytest.mark.parametrize(
    ("failing", "status"), [(None, 0), ("python", 2), ("mypy", 2), ("lint-imports", 2), ("ruff", 2)]
)
def test_make_test_fails_where_tests_types_contracts_or_style_do(
    clone: Path, failing: str | None, status: int
) -> None:
    for name in ("python", "mypy", "lint-imports", "ruff"):
        program = clone / ".venv" / "bin" / name
        code = 1 if name == failing else 0
        program.write_text(f'#!/bin/sh\necho "{name} $*"\nexit {code}\n', encoding="utf-8")
        program.chmod(0o755)
    done = made(clone, "test")
    assert done.returncode == status
    began = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith("==")]
    if failing is None:
        assert began == ["ruff", "ruff", "python", "mypy", "lint-imports"]
    elif failing != "ruff":
        # A failure does not hide what else there is to say.
        assert {"python", "mypy"} <= set(began)


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
