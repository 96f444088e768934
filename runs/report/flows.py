"""Energy that goes from one community to another, carried by vehicles or bought of each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import descending
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.energy_paths import EnergyPaths
from hmesh.runs.report.map_selection import Window
from hmesh.runs.report.payments import traded_kwh

MOST_FLOWS = 150_000
LEAST_KWH = 0.01


def flows(data: RunData, window: Window, paths: EnergyPaths | None) -> dict[str, NDArray[Any]]:
    """Return all flows between communities, ordered by strategy and step.

    Returns
    -------
    dict
        ``first``, shape (strategies * steps + 1,): where those of each strategy and step begin;
        and for each flow ``origin``, ``destination`` and ``kwh``. Of more flows than a page can
        hold the largest are kept.
    """
    found = traded_kwh(data, window)
    if paths is not None:
        places = np.nonzero(paths.carried_kwh >= LEAST_KWH)
        names = ("strategy", "step", "origin", "destination")
        carried = dict(zip(names, places, strict=True)) | {"kwh": paths.carried_kwh[places]}
        found = {name: np.concatenate([found[name], carried[name]]) for name in found}
    keep = descending(found["kwh"])[:MOST_FLOWS]
    at = found["strategy"] * window.steps + found["step"]
    keep = keep[np.argsort(at[keep], kind="stable")]
    begins = np.searchsorted(at[keep], np.arange(len(data.strategies) * window.steps + 1))
    return {
        "first": begins.astype(np.uint32),
        "origin": found["origin"][keep].astype(np.uint16),
        "destination": found["destination"][keep].astype(np.uint16),
        "kwh": found["kwh"][keep].astype(np.float32),
    }
