"""Nothing outside its own folder is written or removed, whatever links stand in it."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.environment.safe_files import beside, own_entries, own_folder, remove_own
from hmesh.runs import draw_plots, export_trips, load_scenario, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.results.names import CHECKPOINT_FILES, RUN_FILES
from hmesh.runs.sweeps.sweep import Sweep, run_sweep
from tests.interrupted_runs import interrupted
from tests.test_dataset_readers import citylearn

CHANGES = ("vehicles.count=3", "hours=3", "game.solver=exact", "plots=false")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted after two of its three steps."""
    return interrupted(tmp_path_factory.mktemp("left") / "run", 2, *CHANGES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whole") / "run"
    start_run(load_scenario("three-communities", CHANGES), directory)
    return directory


@pytest.fixture
def run(left: Path, tmp_path: Path) -> Path:
    return shutil.copytree(left, tmp_path / "run")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody else, with files of names that hMESH gives and of others."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("mine.txt", "hours-000000.parquet", "state.json", "load.png"):
        (folder / name).write_text(f"my {name}")
    return folder


def content(folder: Path) -> dict[str, str]:
    """Return every file and link of a folder, links not followed."""
    found = {}
    for root, folders, files in os.walk(folder):
        for path in (Path(root, name) for name in (*folders, *files)):
            if path.is_symlink():
                found[str(path)] = f"-> {path.readlink()}"
            elif path.is_file():
                found[str(path)] = path.read_bytes().hex()
    return found


def refused(work: Callable[[], object], *folders: Path, match: str = "is a link") -> None:
    """Expect that work is refused and nothing in any of the folders is touched."""
    before = [content(folder) for folder in folders]
    with pytest.raises(InputError, match=match):
        work()
    assert [content(folder) for folder in folders] == before


@pytest.mark.parametrize("place", ["checkpoint", "checkpoint/parts", "checkpoint/new"])
def test_resume_follows_no_link_in_place_of_its_folders(
    run: Path, outside: Path, place: str
) -> None:
    path = run / place
    if path.is_dir():
        shutil.rmtree(path)
    path.symlink_to(outside)
    refused(lambda: resume_run(run), run, outside)
    result = CliRunner().invoke(app, ["resume", str(run)])
    assert result.exit_code == 2
    assert "is a link" in result.stderr
    assert "hmesh resume" not in result.stderr


def test_resume_follows_no_link_in_place_of_a_checkpoint(run: Path, outside: Path) -> None:
    (place,) = (run / "checkpoint").glob("0*")
    shutil.copytree(place, outside / "state")
    shutil.rmtree(place)
    place.symlink_to(outside / "state")
    refused(lambda: resume_run(run), run, outside)


@pytest.mark.parametrize(
    "name", ["run.json", ".run.json.new", "hours.parquet", ".hours.parquet.new", "plots"]
)
def test_results_are_not_written_through_links(run: Path, outside: Path, name: str) -> None:
    target = outside / "target"
    if (run / name).is_file():
        shutil.move(run / name, target)
    else:
        target.write_text("mine")
    (run / name).symlink_to(target)
    refused(lambda: resume_run(run), run, outside)


def test_a_file_of_two_names_keeps_its_content(run: Path, outside: Path) -> None:
    os.link(outside / "mine.txt", run / ".run.json.new")
    resume_run(run)
    assert (outside / "mine.txt").read_text() == "my mine.txt"


def test_resume_removes_no_file_of_another_name(run: Path) -> None:
    (run / "checkpoint" / "parts" / "notes.txt").write_text("mine")
    refused(lambda: resume_run(run), run, match=r"notes\.txt: is nothing that hMESH writes")
    (run / "checkpoint" / "parts" / "notes.txt").unlink()
    resume_run(run)
    assert not (run / "checkpoint").exists()


def test_what_others_put_beside_checkpoints_of_a_run_under_way_stays(tmp_path: Path) -> None:
    run = tmp_path / "run"

    def put(done: int, total: int) -> None:
        (run / "checkpoint" / "notes.txt").write_text("mine")

    start_run(load_scenario("three-communities", CHANGES), run, put)
    assert [path.name for path in (run / "checkpoint").rglob("*")] == ["notes.txt"]


@pytest.mark.parametrize("name", ["report.html", ".report.html.new"])
def test_a_page_is_not_written_through_a_link(
    whole: Path, outside: Path, tmp_path: Path, name: str
) -> None:
    run = shutil.copytree(whole, tmp_path / "whole")
    (run / name).symlink_to(outside / "mine.txt")
    before = content(outside), content(run)
    result = CliRunner().invoke(app, ["report", str(run), "--no-audit", "--no-progress"])
    assert (result.exit_code, "is a link" in result.stderr) == (2, True)
    assert (content(outside), content(run)) == before


@pytest.mark.parametrize(
    ("kind", "name"),
    [("geojson", ".trips.geojson.new"), ("gif", ".trips.gif.new"), ("gif", ".trips.gif.new.gif")],
)
def test_trips_are_not_written_through_links(
    whole: Path, outside: Path, tmp_path: Path, kind: str, name: str
) -> None:
    run = shutil.copytree(whole, tmp_path / "whole")
    (run / name).symlink_to(outside / "mine.txt")
    refused(lambda: export_trips(run, [kind]), run, outside)


def test_pictures_are_not_drawn_through_links(whole: Path, outside: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "whole")
    (run / "plots").symlink_to(outside)
    refused(lambda: draw_plots(run), run, outside)
    (run / "plots").unlink()
    (run / ".plots.new").symlink_to(outside)
    refused(lambda: draw_plots(run), run, outside)
    (run / ".plots.new").unlink()
    (run / ".plots.new").mkdir()
    (run / ".plots.new" / "load.png").symlink_to(outside / "load.png")
    refused(lambda: draw_plots(run), run, outside)
    shutil.rmtree(run / ".plots.new")
    # A picture that is a link is replaced; what the link leads to is not written to.
    (run / "plots").mkdir()
    (run / "plots" / "load.png").symlink_to(outside / "load.png")
    before = content(outside)
    draw_plots(run, only="load")
    assert content(outside) == before
    assert not (run / "plots" / "load.png").is_symlink()


def sweep(directory: Path) -> Sweep:
    return run_sweep("three-communities", (), directory, changes=CHANGES, workers=1)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("swept") / "sweep"
    sweep(directory)
    return directory


@pytest.mark.parametrize("name", ["runs", "plots", ".locks", ".lock", ".permit-0123456789abcdef"])
def test_a_sweep_follows_no_link(swept: Path, outside: Path, tmp_path: Path, name: str) -> None:
    directory = shutil.copytree(swept, tmp_path / "sweep")
    if (directory / name).is_dir():
        shutil.move(directory / name, outside / name)
    (directory / name).unlink(missing_ok=True)
    is_file = name in (".lock", ".permit-0123456789abcdef")
    (directory / name).symlink_to(outside / "mine.txt" if is_file else outside)
    before = content(outside)
    with pytest.raises(InputError, match="is a link"):
        sweep(directory)
    assert content(outside) == before


def test_a_sweep_drops_no_run_that_is_a_link_or_holds_other_files(
    swept: Path, left: Path, outside: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(swept, tmp_path / "sweep")
    (run,) = (directory / "runs").iterdir()
    shutil.move(run, outside / "run")
    (outside / "run" / "run.json").write_text("{")
    run.symlink_to(outside / "run")
    before = content(outside)
    (failure,) = sweep(directory).failures
    assert "is a link" in failure.error
    assert content(outside) == before
    run.unlink()
    shutil.move(outside / "run", run)
    (run / "notes.txt").write_text("mine")
    before = content(run)
    (failure,) = sweep(directory).failures
    assert "notes.txt: is nothing that hMESH writes here" in failure.error
    assert content(run) == before
    (run / "notes.txt").unlink()
    assert not sweep(directory).failures


def test_a_dataset_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    source, out = citylearn(tmp_path / "source"), tmp_path / "out"
    words = ["import", "citylearn", str(source), "--out", str(out)]
    words += ["--start", "2016-08-01T00:00", "--time-zone", "America/Los_Angeles"]
    out.symlink_to(tmp_path / "nowhere")
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)
    out.unlink()
    out.mkdir()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for method in ("to_parquet", "to_csv"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pd.DataFrame, method, full)
            result = CliRunner().invoke(app, words)
        assert (result.exit_code, "No space left on device" in result.stderr) == (2, True)
        assert list(out.iterdir()) == []
    assert CliRunner().invoke(app, words).exit_code == 0


def test_names_of_everything_that_a_run_writes_are_known(left: Path, whole: Path) -> None:
    for folder in (left, whole):
        assert own_entries(folder, RUN_FILES)
    assert own_entries(left / "checkpoint", CHECKPOINT_FILES)


def test_a_folder_goes_only_as_a_whole(tmp_path: Path) -> None:
    names = re.compile(r"[ab](/[ab])?")
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b").touch()
    (folder / "c").touch()
    refused(lambda: remove_own(folder, names), folder, match="c: is nothing that hMESH writes")
    remove_own(folder, names, keep_others=True)
    assert [path.name for path in folder.rglob("*")] == ["c"]
    (folder / "c").unlink()
    (folder / "b").touch()
    remove_own(folder, names)
    assert not folder.exists()
    remove_own(folder, names)
    folder.symlink_to(tmp_path)
    refused(lambda: remove_own(folder, names), tmp_path)
    remove_own(folder, names, keep_others=True)
    assert folder.is_symlink()


def test_folders_and_files_that_are_no_links_are_as_ever(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to(tmp_path / "real")
    folder = own_folder(tmp_path / "named", "a", "b", make=True)
    with beside(folder / "file") as new:
        new.write_text("text")
    assert [path.name for path in (tmp_path / "real" / "a" / "b").iterdir()] == ["file"]
    assert own_folder(tmp_path, "none") == tmp_path / "none"
    (folder / ".file.new").write_text("left by an interrupted write")
    with beside(folder / "file") as new:
        assert new.read_text() == ""
    with pytest.raises(InputError, match="is a file"):
        own_folder(folder, "file")
