"""Make the pictures of the gallery again, by the commands that stand on its page.

``python docs/pictures.py`` follows ``gallery.md`` in a temporary folder and writes into
``docs/pictures``; with words behind it, it renews only pictures whose names begin with one of them.
It needs the extra ``live``, Chromium, playwright, and some minutes.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PICTURES = FOLDER / "pictures"
COMMAND = re.compile(r"^hmesh .+$", re.MULTILINE)
WIDTH = 1100
COLOURS = 256
LIVE_STEPS = 9


@dataclass(frozen=True)
class Plot:
    """A picture that a run draws."""

    path: str


@dataclass(frozen=True)
class Page:
    """A part of the page of a run.

    From the first to the last of the parts named by selectors, at a time since the run began.
    """

    path: str
    hours: float
    first: str
    last: str
    width: int = WIDTH
    theme: str = "light"


@dataclass(frozen=True)
class Live:
    """The live view of a scenario after some steps."""

    scenario: str


SOURCES: dict[str, Plot | Page | Live] = {
    "load": Plot("results/vehicles/plots/load.png"),
    "whereabouts": Plot("results/vehicles/plots/whereabouts.png"),
    "school-buses": Plot("results/buses/plots/school_buses.png"),
    "smart-homes": Plot("results/homes/plots/home_energy.png"),
    "smart-home-flows": Plot("results/homes/plots/home_flows.png"),
    "batteries": Plot("results/batteries/plots/representative_days.png"),
    "battery-exchange": Plot("results/batteries/plots/exchange_network.png"),
    "community-storage": Plot("results/storage/plots/storage_charging.png"),
    "house": Plot("results/house/plots/typical_days.png"),
    "one-city": Plot("results/city/plots/whole_and_parts.png"),
    "report": Page("results/seen/report.html", 8.5, "#clock", '[data-part="moment"]'),
    "report-charts": Page(
        "results/buses/report.html",
        17.5,
        '[data-part="chart-school_load"]',
        '[data-part="chart-school_critical"]',
        theme="dark",
    ),
    "report-narrow": Page(
        "results/seen/report.html", 8.5, "#clock", '[data-part="map"]', width=400
    ),
    "suburbs": Page("results/town/report.html", 32.5, "#moving", '[data-part="map"]'),
    "live": Live("three-communities"),
}


def main(beginnings: list[str]) -> None:
    """Renew pictures, all of them or those whose names begin so."""
    wanted = [name for name in SOURCES if not beginnings or name.startswith(tuple(beginnings))]
    with tempfile.TemporaryDirectory() as folder:
        for command in commands(wanted):
            print(command, flush=True)
            subprocess.run(program(command), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for name in wanted:
            print(f"pictures/{name}.png", flush=True)
            write(PICTURES / f"{name}.png", taken(SOURCES[name], Path(folder)))


def commands(wanted: list[str]) -> list[str]:
    """Return the commands of the gallery that pictures need, in their order."""
    text = (FOLDER / "gallery.md").read_text(encoding="utf-8")
    paths = [str(Path(getattr(SOURCES[name], "path", "")).parent) for name in wanted]
    folders = {path.removesuffix("/plots") for path in paths}
    return [c for c in COMMAND.findall(text) if any(f in c.split() for f in folders)]


def program(command: str) -> list[str]:
    """Return a command of the gallery with the hmesh of this environment."""
    return [str(Path(sys.executable).with_name("hmesh")), *command.split()[1:]]


def taken(source: Plot | Page | Live, folder: Path) -> bytes:
    """Return a picture as it is made, in any size."""
    if isinstance(source, Plot):
        return (folder / source.path).read_bytes()
    if isinstance(source, Page):
        return of_page(source, folder)
    return of_live(source)


def of_page(source: Page, folder: Path) -> bytes:
    """Return a part of the page of a run as a browser shows it."""
    size = {"width": source.width, "height": 900}
    with tab(size, source.theme) as page:
        page.goto((folder / source.path).as_uri())
        page.locator("html[data-ready]").wait_for(state="attached")
        # The clock stays where it is on the page, and not at the top of the window.
        page.add_style_tag(content="#clock { position: static !important; }")
        page.evaluate("hmesh.tabs.show('all')")
        page.evaluate("(hours) => hmesh.clock.set(hours)", source.hours)
        page.wait_for_timeout(500)
        top, bottom = (
            page.locator(part).first.bounding_box() for part in (source.first, source.last)
        )
        height = bottom["y"] + bottom["height"] - top["y"]
        heading = 34 if source.first.startswith("[data-part") else 4
        box = {"x": 0, "y": top["y"] - heading, "width": source.width}
        box["height"] = height + heading + 8
        picture: bytes = page.screenshot(full_page=True, clip=box)
        return picture


def of_live(source: Live) -> bytes:
    """Return the live view as a browser shows it."""
    command = program(f"hmesh live {source.scenario} --no-browser")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(
                found[0] for line in server.stdout if (found := re.search(r"http://\S+", line))
            )
            with tab({"width": 1400, "height": 1720}, "light") as page:
                page.goto(address)
                button = page.get_by_role("button", name="Step", exact=True)
                button.wait_for(timeout=60_000)
                for step in range(1, LIVE_STEPS + 1):
                    button.click()
                    page.locator("[data-figure=steps]", has_text=f"{step} of").wait_for()
                page.wait_for_timeout(3000)
                picture: bytes = page.screenshot(full_page=True)
                return picture
        finally:
            server.terminate()


@contextmanager
def tab(size: Any, theme: Any) -> Iterator[Any]:
    """Open a window of Chromium."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser.new_page(viewport=size, color_scheme=theme)
        browser.close()


def write(path: Path, picture: bytes) -> None:
    """Write a picture small: no wider than a page, with few colours."""
    from PIL import Image

    with Image.open(BytesIO(picture)) as image:
        small = image.convert("RGB")
    if small.width > WIDTH:
        height = round(small.height * WIDTH / small.width)
        small = small.resize((WIDTH, height), Image.Resampling.LANCZOS)
    # This method keeps the thin lines of a colour apart.
    few = small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
