"""hMESH takes one name, `hmesh`, in a checkout, in a wheel, and beside others' modules."""

import ast
import doctest
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import hmesh

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("agents", "environment", "markets", "runs")
FOLDERS = ("benchmarks", "docs", "hmesh/agents", "hmesh/environment", "hmesh/markets", "hmesh/runs")
# Modules of others that have the names of the rooms, or of their files, and none of their content.
OTHERS = {f"{room}.py": "WHOSE = 'another'\n" for room in ROOMS} | {"simulation.py": ""}
USE = """
import agents, environment, markets, runs
assert {module.WHOSE for module in (agents, environment, markets, runs)} == {"another"}
import hmesh
from hmesh.agents import ElectricVehicle
from hmesh.environment import Population
from hmesh.markets import best_response
from hmesh.runs.schemes.registry import schemes
assert hmesh.load_scenario("three-communities", {"vehicles.count": 5}).vehicles.count == 5
assert list(schemes())[-1] == "vehicles"
print(hmesh.__file__)
"""


def used_beside_others(script: Path, where: str) -> Path:
    """Return where a script beside modules of the rooms' names finds hMESH."""
    for name, text in OTHERS.items():
        (script.parent / name).write_text(text)
    script.write_text(USE)
    environment = os.environ | {"PYTHONPATH": where}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_a_script_beside_modules_of_the_rooms_names_uses_hmesh(tmp_path: Path) -> None:
    found = used_beside_others(tmp_path / "study.py", str(ROOT))
    assert found == ROOT / "hmesh" / "__init__.py"


@pytest.mark.slow
def test_a_checkout_without_links_is_used_all_the_same(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for room in ROOMS:
        shutil.copytree(
            ROOT / "hmesh" / room, checkout / room, ignore=shutil.ignore_patterns("__pycache__")
        )
    (checkout / "hmesh").mkdir()
    shutil.copy(ROOT / "hmesh" / "__init__.py", checkout / "hmesh")
    for room in ROOMS:
        (checkout / "hmesh" / room).write_text(f"../{room}")
    (tmp_path / "study").mkdir()
    found = used_beside_others(tmp_path / "study" / "study.py", str(checkout))
    assert found == checkout / "hmesh" / "__init__.py"


@pytest.mark.slow
def test_a_wheel_holds_hmesh_alone_and_is_used_beside_others(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    unwanted = shutil.ignore_patterns(".git", ".venv", "results", "site", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=unwanted)
    build = [sys.executable, "-m", "uv", "build", "--offline", "--out-dir", str(tmp_path / "dist")]
    try:
        subprocess.run([*build, str(copy)], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        if "offline" in error.stderr or "network" in error.stderr:
            pytest.skip("the build backend is not in the cache of uv, and nothing is downloaded")
        raise AssertionError(error.stderr) from error
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {name.split("/")[0].split("-")[0] for name in archive.namelist()} == {"hmesh"}
        archive.extractall(tmp_path / "installed")
    (tmp_path / "study").mkdir()
    found = used_beside_others(tmp_path / "study" / "study.py", str(tmp_path / "installed"))
    assert found == tmp_path / "installed" / "hmesh" / "__init__.py"


def test_nothing_imports_a_room_by_its_bare_name() -> None:
    bare = []
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    # Only files with such a line, be it in a docstring, are parsed: most of a thousand are not.
    perhaps = re.compile(rf"^\s*(?:import|from)\s+(?:{'|'.join(ROOMS)})\b", re.MULTILINE)
    for path in [*paths, *(ROOT / "tests").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if not perhaps.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            bare += [
                f"{path.relative_to(ROOT)}:{name}" for name in names if name.split(".")[0] in ROOMS
            ]
    assert bare == []


def test_only_hmesh_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["hmesh"]


def test_the_examples_of_every_verb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner()
    verbs = [
        name for name in hmesh.__all__ if getattr(getattr(hmesh, name), "__module__", "") == "hmesh"
    ]
    for name in verbs:
        (example,) = finder.find(getattr(hmesh, name), name, module=hmesh)
        assert example.examples, f"{name} has no example"
        assert runner.run(example).failed == 0, name
    assert len(verbs) == 8


@pytest.mark.parametrize("module", ["hmesh", "hmesh.runs", "hmesh.runs.command_line"])
def test_a_module_is_the_program(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("hmesh "), done.stderr


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulate'"):
        hmesh.simulate  # noqa: B018
