from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hmesh.runs import load_scenario, read_run, start_run
from hmesh.runs.pictures.run_data import RunData

SHORT = {
    "smart-home": (),
    "school-buses": ("hours=48", "school_buses.groups.0.schools=4"),
    "battery-sharing": ("hours=48",),
    "community-storage": ("hours=24",),
    "composite-storage": ("years=null", "hours=48"),
    "three-communities": ("vehicles.count=20", "game.solver=exact", "hours=12"),
}
_FOLDERS = TemporaryDirectory(prefix="scheme-charts-")


@cache
def run_of(scenario: str, *changes: str) -> RunData:
    """Return a short run of a built-in scenario with changes; the same one for the same ones."""
    folder = Path(_FOLDERS.name) / str(len(list(Path(_FOLDERS.name).iterdir())))
    start_run(load_scenario(scenario, [*SHORT[scenario], *changes, "plots=false"]), folder)
    return RunData(read_run(folder))
