import ast
import importlib
import importlib.util
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.main import get_command

import hmesh
from hmesh.environment import PROFILES, SCHOOL_YEARS
from hmesh.runs import TABLES, load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

DOCS = Path(__file__).parents[1] / "docs"

spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
assert spec is not None
assert spec.loader is not None
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", tables.pages(), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_the_tables_of_a_page_are_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == tables.renewed(path), "run: python docs/tables.py"


def test_every_section_and_every_table_stands_on_a_page() -> None:
    assert set(tables.places()) == {*tables.sections(), *TABLES, *SCHOOL_YEARS}


def test_a_table_shows_unit_default_and_bounds() -> None:
    text = page("scenario.md")
    assert (
        "| `capacity_kwh` | capacity of a battery | kWh | `40` | two numbers in brackets or a "
        "number above 0 or a [distribution](#distributions) |" in text
    )
    assert (
        "| `loss_rate` | share of the messages lost | - | `0` | a number from 0 to below 1 |"
        in (text)
    )
    assert "| `utility` | lowest and highest utility price | money/kWh | `[0, 70]` JPY |" in text
    assert "| `communities` | communities by name |  | required |" in text


def test_every_standard_profile_is_explained() -> None:
    for profile in PROFILES:
        assert f"| `{profile}` |" in page("scenario.md")


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of more than a day, that all parts of a summary are there."""
    directory = tmp_path_factory.mktemp("runs") / "one"
    changes = ["vehicles.count=20", "hours=30", "step_h=6", "game.solver=exact"]
    start_run(load_scenario("three-communities", changes), directory)
    return read_run(directory)


def test_every_file_of_a_run_is_named(a_run: Any) -> None:
    for path in a_run.directory.iterdir():
        assert f"`{path.name}`" in page("results.md")


def test_every_key_of_a_run_and_its_summary_is_explained(a_run: Any) -> None:
    named = set(re.findall(r"`(\w+)`", page("results.md")))
    assert set(a_run.info) <= named
    for totals in a_run.summary.values():
        assert set(totals) | set(totals["counts"]) | set(totals["worst"]) <= named


def test_every_kind_of_payment_is_named(a_run: Any) -> None:
    kinds = set(a_run.table("ledger").column("kind").to_pylist())
    assert kinds <= set(re.findall(r"`(\w+)`", page("results.md")))


def test_every_command_and_option_is_explained() -> None:
    text = page("commands.md")
    for name, command in get_command(app).commands.items():
        assert f"## hmesh {name}" in text
        section = text.partition(f"## hmesh {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("--"):
                    assert f"`{option}" in section, f"{name} {option}"


def test_the_printed_days_of_the_community_storage_study_are_named() -> None:
    root = DOCS.parent
    places = (
        "docs/models/community-storage.md",
        "hmesh/runs/scenarios/built_in/community-storage.yaml",
        "hmesh/runs/studies/community_storage/study.py",
        "hmesh/runs/studies/community_storage/openings.py",
    )
    for place in places:
        text = " ".join((root / place).read_text(encoding="utf-8").split())
        assert "8 to 10 November 2020" in text, place
        assert not re.search(r"(no|nor the) date\b|threshold, date", text), place


def test_the_city_has_its_batteries_where_the_page_says() -> None:
    sections = ("smart_homes", "composite_storage", "community_storage", "school_buses")
    others = [f"{section}=null" for section in sections]
    others += ["vehicles.count=0", "communities.suburb.members=[]", "strategies=[shared_battery]"]
    setting = make_setting(load_scenario("one-city", others))
    shared = setting.schemes["battery_sharing"]
    assert shared is not None
    capacity_kwh = {
        name: float(shared.shared_kwh[rows].sum())
        for name, rows in zip(setting.communities, shared.communities, strict=True)
    }
    with_batteries = {name: kwh for name, kwh in capacity_kwh.items() if kwh > 0}
    text = page("models/one-city.md")
    named = dict(re.findall(r"^\| (\w+) \| [^|]* with ([\d.]+) MWh of batteries \|", text, re.M))
    assert named == {name: f"{kwh / 1000:.1f}" for name, kwh in with_batteries.items()}
    assert f"have {sum(with_batteries.values()) / 1000:g} MWh together" in text
    share = (capacity_kwh["malls"] + capacity_kwh["offices"]) / sum(capacity_kwh.values())
    assert f"malls and offices charge {share:.0%}".replace("%", " %") in text


ROOMS = ("agents", "environment", "markets", "runs")
PROGRAMS = ("git", "hmesh", "import", "make", "python")
# Files of results, entry points, and what Python itself has.
OTHERS = {
    "hours.parquet", "run.json", "summary.json", "hmesh.schemes", "hmesh.__path__", "pkgutil",
    "agents.py",
}  # fmt: skip


@cache
def names_of_the_code() -> set[str]:
    """Return what the four rooms define: classes, functions, constants, attributes with a class."""
    found, owner = set[str](), ""
    given = re.compile(r"( *)(class |def |self\.)?(\w+)(?:: | = |[\[(:])")
    for path in (path for room in ROOMS for path in (DOCS.parent / room).rglob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if defined := given.match(line):
                indent, how, name = defined.groups()
                if not indent:
                    owner = name if how == "class " else ""
                found |= {name, f"{owner}.{name}"} if how or len(indent) <= 4 else set()
    return found


def is_there(place: str) -> bool:
    """Return whether a file, a folder or a dotted name that a page mentions exists."""
    root = DOCS.parent
    if place in (*ROOMS, *OTHERS) or place.split()[0] in PROGRAMS or place in names_of_the_code():
        return True
    if "/" in place or re.search(r"\.(py|pyi|toml|md|yaml)$", place):
        pattern = place.replace("<scheme>", "*").rstrip("/")
        inside = "" if "/" in pattern or (root / pattern).exists() else "runs/*/**/"
        return any(root.glob(inside + pattern))
    if place.startswith("hmesh."):
        return is_importable(place)
    if re.fullmatch(r"\.\w+:\w+", place):
        module, _, name = place[1:].partition(":")
        return is_there(f"runs/schemes/*/{module}.py") and is_there(name)
    if " = " in place:
        return place in (root / "pyproject.toml").read_text(encoding="utf-8")
    return "=" in place and is_there(place.partition("=")[0])


def is_importable(name: str) -> bool:
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            held: Any = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[split:]:
            if not hasattr(held, attribute):
                return False
            held = getattr(held, attribute)
        return True
    return False


def test_every_file_and_name_on_the_page_of_the_architecture_exists() -> None:
    mentioned = set(re.findall(r"`([^`\n]+)`", page("architecture.md")))
    assert len(mentioned) > 100
    assert sorted(place for place in mentioned if not is_there(place)) == []


@pytest.mark.parametrize("wrong", ["runs/simulation.py", "hmesh.runs.simulation", "Market.settle"])
def test_a_file_or_name_that_is_gone_would_be_found(wrong: str) -> None:
    assert not is_there(wrong)


@pytest.mark.parametrize("name", ["rooms.svg", "hour.svg"])
def test_the_drawings_name_what_the_code_has(name: str) -> None:
    drawing = ElementTree.fromstring((DOCS / "pictures" / name).read_text(encoding="utf-8"))
    texts = [
        text for part in drawing.iter() if part.tag.endswith("text") for text in part.itertext()
    ]
    named = re.findall(r"\w+/\w+\.py|\w+\.py|\w+\.step|\w+_\w+", " ".join(texts))
    assert len(named) > 5
    for each in named:
        folders = ("runs", "runs/schemes")
        assert is_there(each) or any((DOCS.parent / f / each).exists() for f in folders), each
    assert f"pictures/{name}" in page("architecture.md")


def test_every_part_of_a_scheme_and_every_step_of_an_hour_is_described() -> None:
    from hmesh.runs.schemes.descriptor import SchemeDescriptor

    text = page("architecture.md")
    for part in set(SchemeDescriptor.__dataclass_fields__) - {"name", "package"}:
        assert re.search(rf"^\| [^|]*`{part}`", text, re.M), part
    tree = ast.parse((DOCS.parent / "runs/world/simulation.py").read_text(encoding="utf-8"))
    (step,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "step")
    called = [
        part.func.attr
        for line in step.body
        for part in ast.walk(line)
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute)
    ]
    described = re.findall(r"^\| \d+ \| `(?:\w+\.)?(\w+)`", text, re.M)
    assert described == called


def test_the_verbs_at_a_glance_are_all_that_hmesh_exports() -> None:
    named = re.findall(r"^\| `(\w+)` \|", page("reference/hmesh.md"), re.MULTILINE)
    assert sorted(named) == sorted(hmesh.__all__)


def test_every_term_is_explained_on_the_page_that_it_names() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| (\[.+\)) \|$", page("terms.md"), re.MULTILINE)
    assert len(rows) >= 21
    for term, links in rows:
        assert all((DOCS / target).is_file() for target in re.findall(r"\]\(([^)#]+)", links)), term


def test_drawings_of_the_architecture_name_all_schemes_and_steps_of_an_hour() -> None:
    pictures = DOCS / "pictures"
    rooms, hour = ((pictures / f"{name}.svg").read_text("utf-8") for name in ("rooms", "hour"))
    runs = DOCS.parent / "runs"
    folders = [path.name for path in runs.iterdir() if (path / "__init__.py").exists()]
    inner = [path.parent.name for path in (runs / "schemes").glob("*/scheme.py")]
    assert inner
    for name in (*folders, *inner):
        assert re.search(rf"\b{name}\b", rooms), name
    body = inspect.getsource(Simulation.step)
    called = re.findall(r"self\.(\w+)(?:\.\w+)?\(", body)
    assert len(called) > 10
    drawn = [name for name in re.findall(r"\w+", hour) if name in called]
    assert drawn == called
