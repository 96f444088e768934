"""Packages of extras: named with their command where they are missing, and not needed elsewhere."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hmesh.environment import extras
from hmesh.environment.errors import InputError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OPTIONAL = ("plotly", "pvlib", "pymoo", "sklearn")


def core_sizes() -> dict[str, int]:
    """Return what each package takes on the disk that hMESH needs without any extra [bytes]."""
    sizes: dict[str, int] = {}
    waiting = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    while waiting:
        needed = waiting.pop()
        name = re.sub(r"[-_.]+", "-", needed.name.lower())
        if name in sizes or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        found = distribution(needed.name)
        paths = (Path(str(file.locate())) for file in found.files or ())
        sizes[name] = sum(path.stat().st_size for path in paths if path.suffix != ".pyc"
                          and path.is_file())  # fmt: skip
        waiting += map(Requirement, found.requires or ())
    return sizes


@pytest.mark.slow
def test_the_core_takes_less_than_500_megabytes() -> None:
    sizes = core_sizes()
    assert {"numpy", "mesa", "simpy", "pyarrow", "scipy"} <= set(sizes)
    assert not set(sizes) & {"plotly", "pvlib", "pymoo", "scikit-learn", "numba", "solara"}
    assert sum(sizes.values()) < 500e6, sizes


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
