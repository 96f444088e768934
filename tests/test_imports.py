"""Which module may import which, beyond what import-linter holds."""

import re
import tomllib
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import grimp
import networkx as nx
import pytest

from hmesh.runs.schemes.registry import schemes

RUNS = Path(__file__).resolve().parents[1] / "runs"
# File names that several schemes, or several studies, give to the same role.
ROLES = {
    "schemes": {
        "audit.py", "audit_answers.py", "audit_days.py", "audit_figures.py", "audit_messages.py",
        "audit_plans.py", "audit_tables.py", "audit_tallies.py",
        "charts.py", "live.py", "money.py", "own_rules.py", "own_tariffs.py", "pictures.py",
        "records.py",
        "scheme.py", "section.py", "sentences.py", "setting.py", "size.py", "sources.py", "step.py",
        "strategies.py", "sums_and_counts.py", "tables.py", "warnings.py", "words.py", "worth.py",
    },
    "studies": {"claims.py", "figures.py", "inputs.py", "sensitivity.py", "study.py"},
}  # fmt: skip
# The setting of the world is to the world what that of a scheme is to the scheme.
ROLES_OF_THE_WORLD = {"setting.py"}


def circles(*, types: bool) -> list[set[str]]:
    """Return the modules that import each other in a circle."""
    graph = grimp.build_graph("hmesh", exclude_type_checking_imports=not types)
    imports = nx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    assert imports.number_of_edges() > 1000
    return [circle for circle in nx.strongly_connected_components(imports) if len(circle) > 1]


def test_no_module_imports_itself_through_others() -> None:
    assert circles(types=False) == []


def test_types_are_imported_in_a_circle_within_one_folder_at_most() -> None:
    for circle in circles(types=True):
        assert len({module.rpartition(".")[0] for module in circle}) == 1, circle


@pytest.mark.parametrize("name", list(schemes()))
def test_every_part_of_a_scheme_stands_where_its_descriptor_says(name: str) -> None:
    scheme = schemes()[name]
    parts = [name for name in scheme.__dataclass_fields__ if name not in ("name", "description")]
    for name in parts:
        scheme.part(name)
    assert all(callable(draw) for _, draw in scheme.all_pictures())


def test_a_file_name_in_runs_stands_for_one_thing() -> None:
    places = defaultdict[str, set[tuple[str, ...]]](set)
    for path in RUNS.rglob("*.py"):
        if not path.name.startswith("__"):
            places[path.name].add(path.relative_to(RUNS).parent.parts)
    shared = {name: folders for name, folders in places.items() if len(folders) > 1}
    for name, folders in shared.items():
        if name in ROLES_OF_THE_WORLD:
            folders.discard(("world",))
        rooms = {room for room, *inner in folders if inner}
        assert len(rooms) == 1, f"{name}: {sorted(folders)}"
        assert all(len(folder) == 2 for folder in folders), f"{name}: {sorted(folders)}"
        assert name in ROLES[rooms.pop()], f"{name}: {sorted(folders)}"
    assert set().union(*ROLES.values()) <= set(shared), "a role that no two share"


def test_every_module_of_a_schemes_audit_is_under_contract() -> None:
    pyproject = tomllib.loads((RUNS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    held = {
        module
        for contract in pyproject["tool"]["importlinter"]["contracts"]
        for module in contract.get("source_modules", [])
    }
    there = {
        f"hmesh.runs.schemes.{p.parent.name}.{p.stem}" for p in RUNS.glob("schemes/*/audit_*.py")
    }
    assert there <= held, sorted(there - held)


# They make the world that a scenario describes; an audit starts from the same one.
OF_THE_WORLD = {
    "setting", "records", "demand_forecast", "fleet_making", "adoption", "members", "totals",
    "pilot_world", "picture_data", "pictures",
}  # fmt: skip


def test_audits_may_import_no_module_of_a_run_that_applies_rules() -> None:
    pyproject = tomllib.loads((RUNS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [
        contract["forbidden_modules"]
        for contract in pyproject["tool"]["importlinter"]["contracts"]
        if "judge by no rule" in contract["name"]
    ]
    assert len(contracts) == 2
    assert contracts[0] == contracts[1]
    applying = re.compile(r"^from hmesh\.(?:markets|agents)\b", re.MULTILINE)
    for path in (*RUNS.glob("world/*.py"), *RUNS.glob("schemes/*/*.py")):
        module = ".".join(("hmesh.runs", *path.relative_to(RUNS).with_suffix("").parts))
        if path.stem not in OF_THE_WORLD and applying.search(path.read_text(encoding="utf-8")):
            assert any(fnmatch(module, pattern) for pattern in contracts[0]), module
