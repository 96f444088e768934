import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import markdown
import pytest
import yaml
from playwright.sync_api import Browser
from typer.main import get_command
from typer.testing import CliRunner

from hmesh.runs import load_scenario
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.scenario_files import builtin_scenarios

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/quick-start.md",
    "docs/tutorials/your-community.md",
    "docs/tutorials/fleet.md",
    "docs/tutorials/city.md",
    "docs/tutorials/sweep.md",
    "docs/tutorials/your-agent.md",
    "docs/tutorials/papers.md",
    "docs/gallery.md",
    "docs/scenario.md",
    "docs/school-terms.md",
    "docs/long-runs.md",
    "docs/reinforcement-learning.md",
    "docs/report.md",
    "docs/results.md",
    "docs/models/prosumers.md",
    "docs/extending.md",
    "docs/messages.md",
    "docs/reproducibility.md",
    "docs/models/three-level-price-game.md",
    "docs/models/school-buses.md",
    "docs/models/smart-homes.md",
)
BLOCK = re.compile(
    r'^(?P<slow><!-- slow -->\n)?```(?P<kind>\w+)(?: title="(?P<title>.+?)")?\n'
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Block:
    """A block of a page: commands, code, a file that is saved, or what was printed."""

    kind: str
    text: str
    file: str | None
    slow: bool


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["text"], found["title"], bool(found["slow"]))
        for found in BLOCK.finditer(text)
    ]


def type_in(line: str) -> str:
    """Run a command line of hmesh and return what it prints."""
    words = shlex.split(line)
    result = CliRunner().invoke(app, words[1:], prog_name="hmesh", env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, f"{line}\n{result.output}"
    return result.output


def follow(page: list[Block], capsys: pytest.CaptureFixture[str]) -> str:
    """Do what a page says, in the working folder; return all that is printed."""
    printed, names = "", dict[str, Any]()
    for block in page:
        if block.file is not None:
            path = Path(block.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "sh":
            for line in block.text.splitlines():
                printed += type_in(line) if line.startswith("hmesh ") else ""
        elif block.kind == "python":
            exec(compile(block.text, "page", "exec"), names)
            printed += capsys.readouterr().out
    return printed


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def check(page: list[Block], capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(follow(page, capsys))
    for block in page:
        if block.kind == "output":
            for line in lines(block.text):
                assert line == "..." or line in printed, f"never printed: {line}"


# These pages run what a reader would run, whole. Quick tests follow the two that come first, and
# see that the command lines of all the others are taken.
LONG_PAGES = tuple(page for page in PAGES if page not in ("README.md", "docs/quick-start.md"))


@pytest.mark.usefixtures("plugins_withdrawn", "start_method_kept")
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow if page in LONG_PAGES else ()) for page in PAGES],
)
def test_a_page_can_be_followed_word_by_word(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = blocks(page)
    assert found
    check([block for block in found if not block.slow], capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"{page}: {block.text.splitlines()[-1]}")
        for page in PAGES
        for block in blocks(page)
        if block.slow
    ],
)
def test_what_takes_long_works_too(
    block: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    follow([block], capsys)


def command_lines() -> list[tuple[str, str]]:
    """Return every command line of hmesh on a page, except templates and what must fail."""
    paths = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    pages = [path.relative_to(ROOT).as_posix() for path in paths]
    found = [
        (page, line)
        for page in pages
        for block in blocks(page)
        for line in re.findall(r"^hmesh .+$", block.text.replace("\\\n", " "), re.MULTILINE)
    ]
    # Words in capitals, such as DIR, stand for what a reader puts there.
    return [(page, line) for page, line in found if not re.search(r"\b[A-Z]{3,}\b", line)]


def test_every_command_line_is_one_that_hmesh_takes() -> None:
    commands, built_in = get_command(app).commands, dict(builtin_scenarios())
    lines_of_pages = command_lines()
    assert len(lines_of_pages) > 50
    for page, line in lines_of_pages:
        name, *words = shlex.split(line, comments=True)[1:]
        if name.startswith("--"):
            continue
        given = commands[name].make_context(name, words).params
        # A plugin's names are valid where its page is followed, with the plugin beside it.
        if given.get("scenario") in built_in and not given.get("plugins"):
            assert load_scenario(given["scenario"], given.get("changes") or ()), f"{page}: {line}"


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https:)([^)#]+)(?:#[\w-]+)?\)|<img src=\"([^\"]+)", text)
    targets = ["".join(found) for found in targets]
    assert "docs/pictures/load.png" in targets
    for target in targets:
        assert (ROOT / target).is_file(), target


def package_page() -> str:
    """Return what a package page shows, made as the build makes it from README.md."""
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    reported = hatch["metadata"]["hooks"]["fancy-pypi-readme"]
    parts = (
        part.get("text") or (ROOT / part["path"]).read_text(encoding="utf-8")
        for part in reported["fragments"]
    )
    page = "".join(parts)
    for change in reported["substitutions"]:
        page = re.sub(change["pattern"], change["replacement"], page)
    return page


def test_the_package_page_has_no_link_or_picture_that_needs_the_repository() -> None:
    page = package_page()
    targets = re.findall(
        r"\]\(([^)]+)\)|(?:src|href)=[\"']?([^\"' >]+)|^\[[^\]]+\]: (\S+)", page, re.M
    )
    for target in ("".join(found) for found in targets):
        assert target.startswith(("https://", "#")), target


def test_the_package_page_names_the_files_that_the_readme_links_to() -> None:
    readme, page = (ROOT / "README.md").read_text(encoding="utf-8"), package_page()
    linked = re.findall(r"(?:\]\(|<img src=\")(?!https:|#)([^)\"#]+)", readme)
    assert linked
    # README.md names one file itself, which is no link there either.
    named = re.findall(r"\(`([^`]+)`\)", page)
    assert [name for name in named if f"(`{name}`)" not in readme] == linked


def test_the_project_links_to_what_the_citation_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    dois = {f"https://doi.org/{each['doi']}" for each in citation["references"] if "doi" in each}
    assert set(project["urls"].values()) == dois
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert dois <= set(re.findall(r"\((https://doi[^)]+)\)", readme))
    assert f"version {citation['version']}" in " ".join(readme.split())
    assert project["version"] == citation["version"]


def test_the_pages_name_the_versions_of_python_that_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tested = re.findall(r":: Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert (ROOT / ".python-version").read_text(encoding="utf-8").strip() in tested
    assert project["requires-python"] == f">={tested[0]}"
    page = " ".join((ROOT / "docs/quick-start.md").read_text(encoding="utf-8").split())
    found = re.search(r"its tests run with Python ([\d., and]+\d)", page)
    assert found is not None
    assert re.findall(r"3\.\d+", found[1]) == tested


def test_the_speed_against_others_is_that_of_the_page_of_performance() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")

    def rows(other: str) -> list[tuple[str, str, str]]:
        section = page.partition(f"## Comparison with {other}\n")[2].partition("\n## ")[0]
        return re.findall(r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|", section, re.MULTILINE)

    objects, frames = rows("plain Mesa"), rows("mesa-frames")
    assert (len(objects), len(frames)) == (3, 3)
    (of_both,) = (row for row in frames if row[0] == "100,000")
    for vehicles, others, own in (*objects, of_both):
        assert re.search(rf"{own} ms instead of {others} ms with {vehicles}\b", readme), vehicles


@pytest.mark.slow
def test_the_readme_takes_at_most_three_screens(browser: Browser) -> None:
    """Rendered like the page of a repository: 16 px text in a column of 1,012 px."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    body = markdown.markdown(text, extensions=["tables", "fenced_code"])
    body = body.replace('src="', f'src="{ROOT.as_uri()}/')
    style = (
        "body { max-width: 1012px; margin: 0 auto; padding: 32px; font: 16px/1.5 sans-serif; }"
        "p, table, pre, ul, img { margin: 0 0 16px; } h1, h2 { margin: 24px 0 16px; }"
        "h1 { font-size: 32px; } h2 { font-size: 24px; padding-bottom: 7px; }"
        "td, th { padding: 6px 13px; border: 1px solid #ccc; } table { border-collapse: collapse; }"
        "pre { padding: 16px; font-size: 13.6px; line-height: 1.45; }"
    )
    page.set_content(f"<style>{style}</style>{body}", wait_until="load")
    height = page.evaluate("document.body.scrollHeight")
    page.close()
    assert height <= 3 * 900


def test_the_source_distribution_holds_what_the_package_page_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert "README.md" in included
    for name in included:
        assert (ROOT / name).exists(), name
    for named in re.findall(r"\(`([^`]+)`\)", package_page()):
        assert (ROOT / named).is_file(), named
        assert any(named.startswith(name) for name in included), named
