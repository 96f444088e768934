"""The gallery of the documentation, and the program that makes its pictures."""

import importlib.util
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from hmesh.runs.plots import draw_plots
from hmesh.runs.results.run_reader import read_run
from tests.scheme_runs import run_of

DOCS = Path(__file__).parents[1] / "docs"
LIMIT = 2e6

spec = importlib.util.spec_from_file_location("gallery_pictures", DOCS / "pictures.py")
assert spec is not None
assert spec.loader is not None
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)


def test_every_picture_of_the_gallery_is_made_by_a_command_on_it() -> None:
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(pictures/([\w-]+)\.png\)", text)
    assert sorted(shown) == sorted(pictures.SOURCES)
    for name, source in pictures.SOURCES.items():
        assert (DOCS / "pictures" / f"{name}.png").is_file(), name
        if isinstance(source, pictures.Live):
            assert f"hmesh live {source.scenario}\n" in text
        else:
            made = pictures.commands([name])
            assert made, name
            assert made[0].startswith("hmesh run "), name
            if isinstance(source, pictures.Page):
                assert made[-1].startswith("hmesh report "), name


def test_the_pictures_are_small() -> None:
    files = list((DOCS / "pictures").glob("*.png"))
    assert sum(path.stat().st_size for path in files) < LIMIT
    for path in files:
        text = " ".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
        assert f"pictures/{path.name}" in text, f"{path.name} is shown nowhere"


@pytest.mark.slow
def test_plots_of_the_gallery_are_those_that_runs_draw() -> None:
    run = read_run(run_of("school-buses").run.directory)
    drawn = {f"{plot.name}.png" for plot in draw_plots(run.directory) if plot.path is not None}
    assert Path(pictures.SOURCES["school-buses"].path).name in drawn


@pytest.mark.parametrize("width", [400, 1600])
def test_a_picture_is_written_no_wider_than_a_page(tmp_path: Path, width: int) -> None:
    drawn = BytesIO()
    image = Image.new("RGB", (width, 200), "white")
    image.paste((0, 114, 178), (0, 50, width, 60))
    image.save(drawn, "PNG")
    pictures.write(tmp_path / "small.png", drawn.getvalue())
    with Image.open(tmp_path / "small.png") as written:
        assert written.width == min(width, pictures.WIDTH)
        assert written.height == round(200 * written.width / width)
        middle = round(55 * written.width / width)
        assert written.convert("RGB").getpixel((200, middle)) == (0, 114, 178)
