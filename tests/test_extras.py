"""Packages of extras: named with their command where they are missing, and not needed elsewhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hmesh.environment import extras
from hmesh.environment.errors import InputError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OPTIONAL = ("plotly", "pvlib", "pymoo", "sklearn")


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(InputError) as refused:
        extras.optional("nothing_like_it.part", "sun", "generation of photovoltaics")
    assert str(refused.value) == (
        "generation of photovoltaics: needs nothing_like_it, which is not installed "
        "(allowed: pip install 'hmesh[sun]')"
    )


def test_every_extra_that_the_code_names_exists() -> None:
    known = PROJECT["project"]["optional-dependencies"]
    rooms = ("agents", "environment", "markets", "runs")
    text = "\n".join(
        path.read_text(encoding="utf-8") for room in rooms for path in (ROOT / room).rglob("*.py")
    )
    named = set(re.findall(r"hmesh\[(\w+)\]", text)) | set(
        re.findall(r"(?:optional|require)\(\s*f?\"[\w.{}]+\",\s*\"(\w+)\"", text)
    )
    assert named >= {"sun", "report", "sizing", "learning", "excel"}
    assert named <= set(known)


def test_a_run_of_vehicles_needs_no_package_of_an_extra(tmp_path: Path) -> None:
    program = f"""
import sys
from importlib.abc import MetaPathFinder
class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {OPTIONAL}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import hmesh
few = {{"hours": 2, "vehicles.count": 20, "plots": False}}
hmesh.run("three-communities", {str(tmp_path / "run")!r}, few)
hmesh.audit({str(tmp_path / "run")!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
