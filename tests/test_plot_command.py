"""`hmesh plot`: pictures of a complete run, at any time and in any form."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from hmesh.environment import InputError
from hmesh.environment.safe_files import sha256
from hmesh.runs import PictureForm, draw_plots, load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.pictures.figure_layout import group_colour, stroke
from hmesh.runs.pictures.picture_form import picture_form
from tests.interrupted_runs import interrupted
from tests.quick_cases import quick

CHANGES = {"vehicles.count": 4, "hours": 6, "strategies": ["typical", "three_level"]}


def hmesh(*words: str) -> Result:
    result = CliRunner().invoke(app, words, prog_name="hmesh", env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run without pictures."""
    folder = tmp_path_factory.mktemp("bare") / "run"
    start_run(load_scenario("three-communities", CHANGES), folder)
    return folder


@pytest.fixture(scope="module")
def drawn(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with its pictures."""
    folder = shutil.copytree(bare, tmp_path_factory.mktemp("drawn") / "run")
    draw_plots(str(folder))
    return folder


@pytest.fixture
def run(bare: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bare, tmp_path / "run")


def pictures(run: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted((run / "plots").iterdir())}


@pytest.mark.parametrize("format", quick({"svg"}, ["svg", "pdf"]))
def test_pictures_of_lines_are_the_same_each_time_and_keep_their_text(
    run: Path, format: str
) -> None:
    form = PictureForm(format)
    only = ["load", "prices"]
    plots = draw_plots(run, only=only, form=form)
    first = pictures(run)
    assert list(first) == [f"load.{format}", f"prices.{format}"]
    assert [plot.name for plot in plots] == only
    draw_plots(run, only=only, form=form)
    assert pictures(run) == first
    content = (run / "plots" / f"load.{format}").read_bytes()
    if format == "svg":
        written = " ".join(re.findall(r"<text[^>]*>([^<]*)", content.decode()))
        assert "load [kW]" in written
        assert "Typical charging" in written
        assert plots[0].finding.split(",")[0] in content.decode()
    else:
        assert b"/FontFile2" in content  # whole letters, no drawings of them
        assert b"/CreationDate" not in content


def test_size_and_resolution_are_those_asked_for(run: Path) -> None:
    result = hmesh("plot", str(run), "--only", "load", "--size", "6,7", "--dpi", "50")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("load: ")
    assert result.stdout.endswith(f"pictures: {run}/plots\n")
    with Image.open(run / "plots" / "load.png") as image:
        assert image.size == (300, 350)
    assert list(pictures(run)) == ["load.png"]


@pytest.mark.parametrize("name", quick({"column"}, ["column", "page"]))
def test_pictures_are_as_wide_as_a_column_or_a_page(run: Path, name: str) -> None:
    inches = {"column": 3.5, "page": 7.16}[name]
    result = hmesh("plot", str(run), "--only", "load", "--only", "peak_to_average", "--size", name,
                   "--dpi", "100")  # fmt: skip
    assert result.exit_code == 0, result.output
    for picture in pictures(run):
        with Image.open(run / "plots" / picture) as image:
            assert image.width == pytest.approx(100 * inches, abs=1)
            # Nothing is cut off: the edges are paper.
            pixels = np.asarray(image.convert("L"))
            assert (pixels[:, [0, -1]] == 255).all()
            assert (pixels[[0, -1]] == 255).all()


def test_colours_of_communities_and_lines_of_strategies_stay_apart_in_grey() -> None:
    from matplotlib.colors import to_rgb

    def lightness(colour: str) -> float:
        """CIE L* of a colour of sRGB."""
        parts = to_rgb(colour)
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 116.0 * float(np.dot(linear, (0.2126, 0.7152, 0.0722))) ** (1 / 3) - 16.0

    levels = sorted(lightness(group_colour(number)) for number in range(4))
    assert np.diff(levels).min() >= 15.0
    assert len({str(stroke(number)) for number in range(4)}) == 4


@pytest.mark.slow
def test_the_usual_form_does_not_depend_on_an_earlier_size(run: Path, drawn: Path) -> None:
    draw_plots(run, form=PictureForm(size_in=(7.0, 9.0)), only="load")
    draw_plots(run, only="load")
    assert pictures(run)["load.png"] == pictures(drawn)["load.png"]


def test_unknown_names_are_all_reported_with_the_nearest(run: Path) -> None:
    result = hmesh("plot", str(run), "--only", "laod", "--only", "price")
    assert result.exit_code == 2
    reported = result.stderr.splitlines()
    assert reported[0].startswith(
        "--only: there is no picture 'laod' (allowed: load, peak_to_average"
    )
    assert [line.rpartition("; ")[2] for line in reported] == [
        "did you mean 'load'?)",
        "did you mean 'prices'?)",
    ]
    assert not (run / "plots").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "pgn"], "--format: there is no format 'pgn' (allowed: png, svg, pdf; did"),
        (
            ["--size", "6"],
            "--size: '6' is no width and height (allowed: column, page, or two numbers of",
        ),
        (["--size", "6,x"], "--size: '6,x' is no width and height"),
        (["--size", "nan,5"], "--size: a width of nan in (allowed: 3 to 100 in)"),
        (["--size", "6,0"], "--size: a height of 0 in (allowed: 2 to 100 in)"),
        (["--dpi", "0"], "--dpi: 0 pixels per inch (allowed: 20 to 2400)"),
        (["--size", "90,9", "--dpi", "900"], "--size: 81,000 pixels are too many for one side"),
    ],
)
def test_forms_that_cannot_be_are_refused(run: Path, words: list[str], message: str) -> None:
    result = hmesh("plot", str(run), *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)
    assert not (run / "plots").exists()


def test_all_wrong_parts_of_a_form_are_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        picture_form("jpeg", "1,1", 1)
    assert [problem.place for problem in caught.value.problems] == [
        "--format", "--dpi", "--size", "--size",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_size_without_room_for_the_panels_is_refused_and_nothing_changes(run: Path) -> None:
    draw_plots(run)
    before = pictures(run)
    with pytest.raises(InputError) as caught:
        draw_plots(run, form=PictureForm(size_in=(4.0, 3.0)))
    reported = [str(problem) for problem in caught.value.problems]
    assert len(reported) > 1
    assert reported[0].startswith(
        "--size: load: 4 by 3 in leaves no room for the panels (allowed: "
    )
    assert pictures(run) == before
    # The printed size has room.
    wide, high = re.findall(r"allowed: ([\d.]+) by ([\d.]+) in or larger", reported[0])[0]
    draw_plots(run, only="load", form=PictureForm(size_in=(float(wide), float(high))))


def test_an_unfinished_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    changes = ("vehicles.count=4", "hours=3", "plots=false")
    interrupted(tmp_path / "run", 2, *changes)
    result = hmesh("plot", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert "the run is not finished, 2 of 3 steps are done; hmesh resume " in result.stderr
    assert not (tmp_path / "run" / "plots").exists()


@pytest.mark.slow
def test_a_run_killed_while_its_pictures_are_drawn_gets_them_by_resume(
    run: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    save, saved = PictureForm.save, 0

    def kill(self: PictureForm, *words: Any) -> None:
        nonlocal saved
        saved += 1
        if saved == 3:
            raise Killed
        save(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(PictureForm, "save", kill)
        patch.setattr(
            "hmesh.runs.plots.remove_own", lambda *_, **options: None
        )  # as kill -9 leaves it
        with pytest.raises(Killed):
            draw_plots(run)
    assert len(list((run / ".plots.new").glob("*.png"))) == 2
    assert not (run / "plots").exists()
    result = hmesh("resume", str(run))
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(f"results: {run}\n")
    assert pictures(run) == pictures(drawn)
    assert {path.name for path in run.iterdir()} == {path.name for path in drawn.iterdir()}


def test_resume_draws_what_is_missing_and_nothing_else(run: Path, drawn: Path) -> None:
    shutil.copytree(drawn / "plots", run / "plots")
    (run / "plots" / "load.png").unlink()
    (run / "plots" / "prices.png").write_text("mine")
    missing = draw_plots(run, missing_only=True)
    assert [plot.name for plot in missing] == ["load"]
    assert (run / "plots" / "prices.png").read_text() == "mine"
    assert draw_plots(run, missing_only=True) == []
    assert resume_run(run) == read_run(run).summary


@pytest.mark.parametrize("name", ["plots", ".plots.new"])
def test_a_link_in_place_of_the_folder_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "load.png").write_text("precious")
    (run / name).symlink_to(elsewhere)
    with pytest.raises(InputError, match="is a link"):
        draw_plots(run)
    assert [path.read_text() for path in elsewhere.iterdir()] == ["precious"]
