"""Sessions of a run beside measured ones: arrivals, durations and energies, and how far apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import Problem, nearest, refuse_all

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = {
    "arrival": "time of day at plug-in [h]",
    "duration": "time plugged in [h]",
    "energy": "energy charged [kWh]",
}
_COLUMNS = ("plug_in", "plug_out", "energy_kwh")

type Samples = Mapping[str, FloatArray]


def samples_of(sessions: "pd.DataFrame") -> Samples:
    """Return time of day, duration and energy of sessions.

    Parameters
    ----------
    sessions : DataFrame
        With ``plug_in`` and ``plug_out`` in local time and ``energy_kwh`` [kWh], as
        sessions.parquet and tables of measured sessions have them.

    Raises
    ------
    InputError
        If a column is missing, or there is no session.
    """
    problems = [
        Problem(
            "sessions", f"there is no column {name!r}", suggestion=nearest(name, map(str, sessions))
        )
        for name in _COLUMNS
        if name not in sessions
    ]
    if not problems and len(sessions) == 0:
        problems.append(Problem("sessions", "there is none", "one or more"))
    refuse_all(problems)
    # Sessions that a run leaves open are no whole ones.
    sessions = sessions[sessions["plug_out"].notna()]
    begins, ends = sessions["plug_in"], sessions["plug_out"]
    seconds = (begins - begins.dt.normalize()).dt.total_seconds()
    return {
        "arrival": seconds.to_numpy() / 3600.0,
        "duration": (ends - begins).dt.total_seconds().to_numpy() / 3600.0,
        "energy": sessions["energy_kwh"].to_numpy(dtype=np.float64),
    }


def session_distances(ours: "pd.DataFrame", measured: "pd.DataFrame") -> dict[str, float]:
    """Return how far the sessions of a run are from measured ones.

    Parameters
    ----------
    ours, measured : DataFrame
        As in `samples_of`.

    Returns
    -------
    dict
        For each of `QUANTITIES` the first Wasserstein distance of the two distributions, in the
        unit of the quantity: by how much a session must change, on average, for them to be alike.
        Times of day are compared along the day, not around it.
    """
    from scipy.stats import wasserstein_distance

    mine, theirs = samples_of(ours), samples_of(measured)
    return {name: float(wasserstein_distance(mine[name], theirs[name])) for name in QUANTITIES}


def draw_sessions(ours: "pd.DataFrame", measured: "pd.DataFrame", path: Path | str) -> None:
    """Draw the distributions of both as a picture, PNG or SVG by the ending of its name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    distances = session_distances(ours, measured)
    figure = Figure(figsize=(10.0, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(1, len(QUANTITIES), sharey=True)
    both = (
        ("this run", samples_of(ours), "#0072B2"),
        ("measured", samples_of(measured), "#666666"),
    )
    for axes, (name, label) in zip(panels, QUANTITIES.items(), strict=True):
        unit = label.rpartition("[")[2].rstrip("]")
        for who, samples, colour in both:
            values = np.sort(samples[name])
            share = np.arange(1, len(values) + 1) / len(values) * 100.0
            axes.step(values, share, where="post", color=colour, label=f"{who} ({len(values):,})")
        apart = f"differs by {distances[name]:.2g} {unit} on average"
        axes.set_title(f"{name.capitalize()} {apart}", fontsize=10)
        axes.set_xlabel(label)
    panels[0].set_ylabel("sessions [%]")
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
