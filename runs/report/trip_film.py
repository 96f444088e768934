"""The moving map as a film: vehicles between communities, coloured by how full they are."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import beside, reserve
from hmesh.runs.pictures.quantity_text import power_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_geometry import MapGeometry, geometry_of_run
from hmesh.runs.report.map_selection import Window, window_of
from hmesh.runs.report.places import ON_SCREEN
from hmesh.runs.report.vehicle_traces import ON_THE_ROAD, SOC_UNITS, vehicle_traces
from hmesh.runs.strategy_names import strategy_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STEPS = 48
FRAMES_PER_STEP = 3
FRAMES_PER_SECOND = 6
FORMATS = ("gif", "mp4")
INSTALL = "pip install 'hmesh[video]'"
_SIZE_IN, _DOTS_PER_IN = (8.0, 5.0), 100
_SOC_COLOURS = ("#C24A00", "#E08A1E", "#D9B93B", "#6FA8D6", "#2F7FC1", "#00539B")
_GOLDEN_ANGLE = 2.399963


def write_film(data: RunData, path: Path, strategy: str | None = None) -> None:
    """Write the vehicles of a run as an animated GIF, or as MP4 by an ffmpeg that is installed.

    Parameters
    ----------
    data : RunData
        The run.
    path : Path
        The file; its ending says which of the two it is.
    strategy : str, optional
        Under which strategy; the last if not given.

    Raises
    ------
    InputError
        When the run recorded no vehicle, ffmpeg is wanted and missing or fails, or the file cannot
        be written.
    """
    from matplotlib import rc_context
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if data.recorded == 0:
        message = "no vehicle was recorded, so that there is none to film"
        raise InputError([Problem(str(data.run.directory), message, "record.vehicles: all")])
    kind = path.suffix.removeprefix(".")
    settings: Any = {"animation.ffmpeg_path": _ffmpeg(path)} if kind == "mp4" else {}
    window = window_of(data)
    last = min(window.last, window.first + MOST_STEPS)
    scene = _Scene(data, Window(window.first, last, window.vehicles), strategy)
    writer: Any = (FFMpegWriter if kind == "mp4" else PillowWriter)(fps=FRAMES_PER_SECOND)
    with rc_context(settings), beside(path) as new:
        # The writers go by the ending of the name.
        whole = new.with_name(f"{new.name}.{kind}")
        reserve(whole)
        try:
            with writer.saving(scene.figure, str(whole), _DOTS_PER_IN):
                for at in np.arange(0.0, scene.window.steps, 1.0 / FRAMES_PER_STEP):
                    scene.show(float(at))
                    writer.grab_frame()
            whole.replace(new)
        except CalledProcessError as error:
            message = f"ffmpeg cannot write it: {error}"
            raise InputError([Problem(str(path), message, "gif")]) from None
        finally:
            whole.unlink(missing_ok=True)


def _ffmpeg(path: Path) -> str:
    """Return the ffmpeg of the system, or the one that comes with the extra."""
    from matplotlib import rcParams

    if found := shutil.which(str(rcParams["animation.ffmpeg_path"])):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        message = "ffmpeg, which writes it, is not installed"
        remedy = f"ffmpeg of the system, hMESH with its extra: {INSTALL}, or the format gif"
        raise InputError([Problem(str(path), message, remedy)]) from None


@dataclass(frozen=True, slots=True)
class _Ways:
    """The way between any two communities as a line."""

    geometry: MapGeometry
    lines: dict[tuple[int, int], tuple[FloatArray, FloatArray]]

    def at(self, origin: int, destination: int, share: FloatArray) -> FloatArray:
        """Return places after these shares of the way, shape (vehicles, 2)."""
        if (origin, destination) not in self.lines:
            self.lines[origin, destination] = self.geometry.way(origin, destination)
        line, done = self.lines[origin, destination]
        return np.column_stack([np.interp(share, done, line[:, axis]) for axis in (0, 1)])


class Motion:
    """Where the vehicles of a window are at any time, on places given for the communities.

    Parameters
    ----------
    data : RunData
        The run.
    window : Window
        Which steps and vehicles.
    geometry : MapGeometry
        Where communities and ways are.
    row : int
        Number of the strategy.
    """

    def __init__(self, data: RunData, window: Window, geometry: MapGeometry, row: int = 0) -> None:
        traces = vehicle_traces(data, window)
        assert traces is not None
        self.window, self.places, self.step_h = window, geometry.places, data.step_h
        self.where, self.soc, self.trips = traces["where"], traces["soc"], traces["trips"]
        if traces["made"]:
            self.trips = traces["made"][row]
            self.where = self.trips["where"]
        self._ways = _Ways(geometry, {})
        owner = np.repeat(np.arange(len(window.vehicles)), np.diff(self.trips["first"]))
        # In order, since the trips of a vehicle stand together and in theirs.
        self._long = float(data.steps * data.step_h + 1.0)
        self._departs = owner * self._long + self.trips["departs"]

    def at(self, at_step: float) -> tuple[FloatArray, FloatArray]:
        """Return the place of every vehicle, and which share of its trip is behind it.

        Parameters
        ----------
        at_step : float
            Time since the window begins, in steps.

        Returns
        -------
        places : array, shape (vehicles, 2)
            NaN where a vehicle is nowhere.
        shares : array, shape (vehicles,)
            From 0 to 1, and 0 where it is parked.
        """
        step = min(int(at_step), self.window.steps - 1)
        now_h = (self.window.first + at_step) * self.step_h
        where = self.where[step]
        found, shares = np.full((len(where), 2), np.nan), np.zeros(len(where))
        parked = where < len(self.places)
        found[parked] = self.places[where[parked]]
        road = np.flatnonzero(where == ON_THE_ROAD)
        trip = np.searchsorted(self._departs, road * self._long + now_h, side="right") - 1
        known = (trip >= self.trips["first"][road].astype(np.int64)) & (trip >= 0)
        road, trip = road[known], trip[known]
        share = (now_h - self.trips["departs"][trip]) / (
            self.trips["arrives"][trip] - self.trips["departs"][trip]
        )
        ends = np.column_stack([self.trips["origin"][trip], self.trips["destination"][trip]])
        for origin, destination in np.unique(ends, axis=0).tolist():
            mine = (ends == (origin, destination)).all(axis=1) & (share <= 1.0)
            found[road[mine]] = self._ways.at(origin, destination, share[mine])
            shares[road[mine]] = share[mine]
        return found, shares


class _Scene:
    """A figure that shows one moment after another."""

    def __init__(self, data: RunData, window: Window, strategy: str | None) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

        self.data, self.window = data, window
        self.strategy = data.strategies[-1] if strategy is None else strategy
        self.row = data.strategies.index(self.strategy)
        geometry = geometry_of_run(data, ON_SCREEN)
        places = geometry.places
        self.motion = Motion(data, window, geometry, self.row)
        self.radius = _radius(places)
        count = np.arange(len(window.vehicles))
        reach = 0.9 * self.radius * np.sqrt((count + 0.5) / max(len(count), 1))
        angle = count * _GOLDEN_ANGLE
        self.slots = np.column_stack([reach * np.cos(angle), reach * np.sin(angle)])
        self.figure = Figure(figsize=_SIZE_IN, dpi=_DOTS_PER_IN, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0.02, 0.02, 0.96, 0.86))
        _draw_still(self.axes, geometry, self.radius)
        colours = LinearSegmentedColormap.from_list("soc", _SOC_COLOURS)
        size = float(np.clip(6000.0 / max(len(count), 1), 2.0, 40.0))
        self.dots = self.axes.scatter([], [], s=size, c=[], cmap=colours, vmin=0, vmax=100)
        bar = self.figure.colorbar(
            self.dots, cax=self.figure.add_axes((0.72, 0.93, 0.25, 0.02)), orientation="horizontal"
        )
        bar.set_label("state of charge [%]", fontsize=8)
        bar.ax.tick_params(labelsize=8)
        self.heading = self.figure.text(0.02, 0.93, "", fontsize=12, fontweight="bold")
        self.loads = [
            self.axes.text(
                x,
                y + self.radius * 1.12,
                "",
                ha="center",
                va="top",
                fontsize=9,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )
            for x, y in places
        ]

    def show(self, at_step: float) -> None:
        """Put everything where it is at a time, given in steps since the window begins."""
        data, step = self.data, min(int(at_step), self.window.steps - 1)
        places, shares = self.motion.at(at_step)
        # A swarm that leaves together grows narrow on the road.
        places = places + self.slots * (1.0 - 0.62 * np.sin(np.pi * shares))[:, None]
        soc = self.motion.soc[self.row, step] * (100.0 / SOC_UNITS)
        here = ~np.isnan(places[:, 0])
        self.dots.set_offsets(places[here])
        self.dots.set_array(soc[here])
        when = data.timeline.calendar.time_of(self.window.first + step)
        minutes = int((at_step - step) * data.step_h * 60)
        clock = np.datetime64(when.replace(tzinfo=None), "m") + np.timedelta64(minutes, "m")
        reported = clock.item().strftime("%d %b %Y, %H:%M")
        self.heading.set_text(f"{strategy_label(self.strategy)}, {reported}")
        load = data.power_kw("net_kwh")[self.row, :, self.window.first + step]
        for name, text, value in zip(data.communities, self.loads, load, strict=True):
            text.set_text(f"{name}\n{power_text(float(value))}")


def _radius(places: FloatArray) -> float:
    """Return how large the circles of communities may be."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    apart = apart[apart > 0]
    return 0.38 * float(apart.min(initial=np.inf)) if apart.size else 1.0


def _draw_still(axes: "Axes", geometry: MapGeometry, radius: float) -> None:
    """Draw what does not move: roads and circles."""
    places = geometry.places
    if geometry.lines is not None:
        for width, lines in ((1, geometry.lines.others), (3, geometry.lines.lines)):
            for line in lines:
                axes.plot(*line.T, color="#B9C1C9", lw=width, zorder=0)
    for start, end, _ in geometry.roads:
        axes.plot(*places[[start, end]].T, color="#B9C1C9", lw=5, solid_capstyle="round", zorder=0)
    for place in places:
        from matplotlib.patches import Circle

        axes.add_patch(Circle(place, radius, facecolor="white", edgecolor="#B9C1C9", zorder=0.5))
    drawn = np.concatenate([places, *([] if geometry.lines is None else geometry.lines.lines)])
    low, high = drawn.min(axis=0) - radius * 1.2, drawn.max(axis=0) + radius * 1.7
    axes.set_xlim(low[0], high[0])
    # Down is positive.
    axes.set_ylim(high[1], low[1])
    axes.set_aspect("equal")
    axes.set_axis_off()
