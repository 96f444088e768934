"""Pictures of odd runs: each shows something, or says why there is nothing to show."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import style as matplotlib_style

import hmesh.runs.plots
from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.pictures.chart_figure import picture_of
from hmesh.runs.pictures.figure_layout import style
from hmesh.runs.pictures.run_data import RunData

EXACT, ONE_STEP = "game.solver=exact", "hours=1"
NO_MEMBERS = tuple(f"communities.{name}.members=[]" for name in ("homes", "malls", "offices"))
NO_COST = ("generation_cost.quadratic=0", "generation_cost.linear=0")
NO_PRICES = (
    *NO_COST, "prices.time_of_use={on_peak: 0, off_peak: 0}", "prices.utility=[0, 1]",
    "prices.aggregator=[0, 1]",
)  # fmt: skip
ODD = {
    "no vehicles": ("three-communities", "vehicles.count=0", "hours=6"),
    "no load": ("three-communities", "vehicles.count=0", "hours=6", *NO_MEMBERS),
    "vehicles alone": ("three-communities", "vehicles.count=9", "hours=6", EXACT, *NO_MEMBERS),
    "one step": ("three-communities", "vehicles.count=9", EXACT, ONE_STEP),
    "nothing costs": ("three-communities", "vehicles.count=9", "hours=6", EXACT, *NO_PRICES),
    "no price bound": ("three-communities", "vehicles.count=9", "hours=6", EXACT, *NO_COST),
    "one strategy": ("three-communities", "vehicles.count=9", "hours=6", "strategies=[typical]"),
    "nothing has a price": (
        "three-communities", "vehicles.count=0", "hours=6", "strategies=[typical]", *NO_PRICES,
    ),
    "no vehicle recorded": (
        "three-communities", "vehicles.count=9", "hours=6", EXACT, "record.vehicles=none",
    ),
    "schools for a step": ("school-buses", ONE_STEP, "school_buses.groups.0.schools=2"),
    "schools alone": (
        "school-buses", "hours=24", "school_buses.groups.0.schools=2",
        "communities.rochester.members=[]", "school_buses.critical.base_kw=1e6",
    ),
    "homes for a step": ("smart-home", ONE_STEP),
    "homes not recorded": ("smart-home", "hours=6", "record.homes=none"),
    "homes one strategy": ("smart-home", "hours=6", "strategies=[spfa_s]"),
    "homes with shared storages": ("smart-home", "hours=6", "strategies=[mpfa_mg]"),
    "batteries for a day": ("battery-sharing", "hours=24"),
    "no batteries": ("battery-sharing", "hours=24", "strategies=[no_battery]"),
    "storage for a step": ("community-storage", ONE_STEP),
    "storage without sun": (
        "community-storage", "hours=6", "community_storage.storages.0.pv_kw=0",
    ),
    "storage unused": ("community-storage", "hours=6", "strategies=[no_community_storage]"),
    "houses for a step": ("composite-storage", "years=null", ONE_STEP),
    "houses without sun": (
        "composite-storage", "years=null", "hours=6",
        "composite_storage.groups.0.photovoltaics.pv_kw=0",
    ),
    "houses with one case": (
        "composite-storage", "years=null", "hours=6", "strategies=[hybrid_storage]",
    ),
}  # fmt: skip


def marks(axes: Any) -> Iterator[bool]:
    """Yield for each mark of an axes whether it shows anything: a length, an area, a point."""
    from matplotlib.lines import Line2D

    for line in axes.lines:
        # Lines across the whole axes guide the eye.
        if line.get_transform() == axes.transData:
            x, y = (np.asarray(v, dtype=float) for v in line.get_data())
            marked = line.get_marker() not in (None, "None", "", " ")
            yield isinstance(line, Line2D) and bool(
                np.isfinite(y).any() and (marked or np.any(y[np.isfinite(y)] != 0)) and len(x)
            )
    for patch in axes.patches:
        box = patch.get_path().get_extents(patch.get_patch_transform())
        yield bool(box.width * box.height) or type(patch).__name__ == "FancyArrowPatch"
    for collection in axes.collections:
        boxes = [path.get_extents() for path in collection.get_paths()]
        points = len(getattr(collection, "get_offsets", list)())
        yield any(box.width * box.height for box in boxes) or points > 1
    for image in (*axes.images, *getattr(axes, "_children", ())):
        if hasattr(image, "get_array") and image not in axes.collections:
            values = np.asarray(image.get_array(), dtype=float)
            yield bool(values.size and np.nanmax(np.abs(values)) > 0)


def shows(figure: Any) -> bool:
    """Return whether any axes of a figure shows anything."""
    return any(any(marks(axes)) for axes in figure.axes if axes.get_visible())


QUICK = ("no load", "nothing has a price", "homes one strategy", "houses with one case")


@pytest.mark.parametrize(
    "odd", [pytest.param(odd, marks=() if odd in QUICK else pytest.mark.slow) for odd in ODD]
)
def test_a_picture_shows_something_or_says_why_not(odd: str, tmp_path: Path) -> None:
    scenario, *changes = ODD[odd]
    start_run(load_scenario(scenario, [*changes, "plots=false"]), tmp_path / "run")
    data = RunData(read_run(tmp_path / "run"))
    with matplotlib_style.context(["default", style()]):
        drawings = {
            name: picture_of(draw(data))
            for name, draw in hmesh.runs.plots._pictures(data, drawn=True)
        }
    assert drawings
    for name, drawing in drawings.items():
        reported = drawing.finding
        assert drawing.figure is None or shows(drawing.figure), f"{name}: {reported}"
        assert not re.search(r"\bnan\b|\binf\b|-0\b(?!\.)|None|\b0\.00 k", reported), reported
        assert not re.search(r"\b1 (pairs|steps|hours|days|groups|buildings|batteries)\b", reported)
        assert reported[0].isupper() or reported[0].isdigit(), reported
