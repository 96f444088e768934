import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from hmesh.environment import InputError
from hmesh.runs import export_trips, read_run
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report import trip_film
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.map_selection import window_of
from hmesh.runs.report.places import ON_SCREEN
from hmesh.runs.report.trip_film import Motion
from hmesh.runs.report.trip_paths import on_earth
from tests.audited_runs import FEW, finished
from tests.interrupted_runs import interrupted

KM_PER_DEGREE = 111.195


@pytest.fixture(scope="module")
def day() -> Path:
    return finished(*FEW, "game.solver=exact", "plots=false")


@pytest.fixture(scope="module")
def files(day: Path) -> dict[str, Any]:
    names = ("geojson", "kepler", "deckgl")
    paths = export_trips(day, names)
    assert [path.parent for path in paths] == [day] * 3
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in zip(names, paths, strict=True)
    }


def lines(collection: dict[str, Any]) -> list[dict[str, Any]]:
    assert collection["type"] == "FeatureCollection"
    for feature in collection["features"]:
        assert feature["type"] == "Feature"
        assert set(feature) == {"type", "geometry", "properties"}
    found = [f for f in collection["features"] if f["geometry"]["type"] == "LineString"]
    assert all(len(f["geometry"]["coordinates"]) >= 2 for f in found)
    return found


def test_geojson_holds_every_trip_and_community(day: Path, files: dict[str, Any]) -> None:
    trips = read_run(day).table("trips").to_pandas()
    trips = trips.sort_values(["vehicle", "departs"], kind="stable")
    features = lines(files["geojson"])
    reported = [f["properties"] for f in features]
    for name in ("vehicle", "origin", "destination", "km", "energy_kwh"):
        assert [row[name] for row in reported] == trips[name].tolist()
    departs = [datetime.fromisoformat(row["departs"]) for row in reported]
    assert departs == [time.to_pydatetime() for time in trips["departs"]]
    assert all(row["departs"].endswith("+01:00") for row in reported)
    points = {
        f["properties"]["community"]: f["geometry"]["coordinates"]
        for f in files["geojson"]["features"]
        if f["geometry"]["type"] == "Point"
    }
    assert set(points) == {"homes", "malls", "offices"}
    for feature in features:
        ends = feature["geometry"]["coordinates"]
        assert all(len(end) == 2 for end in ends)
        assert ends[0] == points[feature["properties"]["origin"]]
        assert ends[-1] == points[feature["properties"]["destination"]]


def test_communities_are_as_far_apart_on_earth_as_by_road(day: Path) -> None:
    data = RunData(read_run(day))
    places = on_earth(data) * KM_PER_DEGREE  # at the equator, where they are put
    for road in data.scenario["roads"]:
        a, b = (places[data.communities.index(name)] for name in road["between"])
        assert np.hypot(*(a - b)) == pytest.approx(road["km"], rel=0.02)


def test_communities_are_put_where_the_scenario_lies() -> None:
    folder = finished(
        "vehicles.count=0", "strategies=[two_level]", "hours=3",
        "location={latitude: 52.5, longitude: 13.4}",
    )  # fmt: skip
    places = on_earth(RunData(read_run(folder)))
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    np.testing.assert_allclose(middle, [13.4, 52.5], atol=1e-9)
    north = (places[0] - places[1]) * KM_PER_DEGREE * [np.cos(np.radians(52.5)), 1.0]
    assert np.hypot(*north) == pytest.approx(40, rel=0.02)


def test_trips_for_kepler_carry_their_times(day: Path, files: dict[str, Any]) -> None:
    features = lines(files["kepler"])
    assert len(features) == read_run(day).table("trips").num_rows
    for feature in features:
        points = np.array(feature["geometry"]["coordinates"])
        assert points.shape[1] == 4
        assert (np.diff(points[:, 3]) > 0).all()
        ends = [
            datetime.fromisoformat(feature["properties"][name]).timestamp()
            for name in ("departs", "arrives")
        ]
        assert points[[0, -1], 3].tolist() == ends


def test_trips_for_deckgl_are_paths_with_timestamps(day: Path, files: dict[str, Any]) -> None:
    start = RunData(read_run(day)).timeline.calendar.start.timestamp()
    for trip in files["deckgl"]:
        assert len(trip["path"]) == len(trip["timestamps"])
        departs = datetime.fromisoformat(trip["departs"]).timestamp()
        assert trip["timestamps"][0] == departs - start
        assert sorted(trip["timestamps"]) == trip["timestamps"]


def test_ways_along_several_roads_have_their_corners(tmp_path: Path) -> None:
    folder = finished(
        *FEW, "hours=9",
        "roads=[{between: [homes, malls], km: 30}, {between: [malls, offices], km: 10}]",
    )  # fmt: skip
    (path,) = export_trips(folder, ["deckgl"])
    trips = json.loads(path.read_text(encoding="utf-8"))
    through = [t for t in trips if {t["origin"], t["destination"]} == {"homes", "offices"}]
    assert through
    for trip in through:
        begin, corner, end = trip["timestamps"]
        assert (corner - begin) / (end - begin) in (
            pytest.approx(0.75, abs=0.01),
            pytest.approx(0.25, abs=0.01),
        )


def test_vehicles_move_from_where_they_were_to_where_they_go(day: Path) -> None:
    data = RunData(read_run(day))
    window = window_of(data)
    geometry = geometry_of_run(data, ON_SCREEN)
    places = geometry.places
    motion = Motion(data, window, geometry)
    rows = data.run.table("trips").to_pylist()
    start = data.timeline.calendar.start
    for trip in rows[:40]:
        departs, arrives = (
            (trip[name] - start).total_seconds() / 3600 for name in ("departs", "arrives")
        )
        ends = [places[data.communities.index(trip[end])] for end in ("origin", "destination")]
        for share in (0.25, 0.5, 0.9):
            at, done = motion.at(departs + share * (arrives - departs))
            expected = ends[0] + share * (ends[1] - ends[0])
            np.testing.assert_allclose(at[trip["vehicle"]], expected, atol=1e-4)
            assert done[trip["vehicle"]] == pytest.approx(share, abs=1e-6)
    at, done = motion.at(0.0)
    np.testing.assert_array_equal(at, np.broadcast_to(places[0], at.shape))
    assert not done.any()


def test_a_film_shows_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trip_film, "FRAMES_PER_STEP", 1)
    folder = finished(*FEW, "hours=8", "game.solver=exact")
    (path,) = export_trips(folder, ["gif"])
    assert path == folder / "trips.gif"
    with Image.open(path) as film:
        assert film.n_frames == 8  # type: ignore[attr-defined]
        film.seek(5)
        before = np.asarray(film.convert("RGB")).astype(int)
        film.seek(6)
        moved = np.abs(np.asarray(film.convert("RGB")).astype(int) - before).max(axis=2) > 60
    # The clock at the top changes anyway.
    assert moved[100:].sum() > 50
    assert {p.name for p in folder.glob("*.gif*")} == {"trips.gif"}


def frames_of(path: Path, folder: Path) -> np.ndarray[Any, Any]:
    """Return the frames of a film, read back by ffmpeg, shape (frames, height, width)."""
    raw = folder / "frames.gray"
    reported = ["-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", str(raw)]
    subprocess.run([get_ffmpeg_exe(), *reported], check=True)
    return np.fromfile(raw, np.uint8).reshape(-1, 500, 800)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["of the system", "of the extra"])
def test_mp4_shows_the_steps_of_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    # Either way it is the ffmpeg of the extra, found as a system's or asked for.
    found = get_ffmpeg_exe() if where == "of the system" else str(tmp_path / "none")
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", found)
    monkeypatch.setattr(trip_film, "FRAMES_PER_STEP", 1)
    folder = shutil.copytree(
        finished(*FEW, "hours=8", "game.solver=exact", "strategies=[typical]"), tmp_path / "run"
    )
    (path,) = export_trips(folder, ["mp4"])
    assert path == folder / "trips.mp4"
    assert path.read_bytes()[4:8] == b"ftyp"
    frames = frames_of(path, tmp_path).astype(int)
    assert len(frames) == 8
    moved = (np.abs(np.diff(frames[:, 100:], axis=0)) > 60).sum(axis=(1, 2))
    # At seven the first set out; before, only the loads written below the communities change.
    assert moved[-1] > 3 * moved[:-1].max()
    assert {p.name for p in folder.glob("*.mp4*")} == {"trips.mp4"}


def test_mp4_without_any_ffmpeg_names_the_extra(monkeypatch: pytest.MonkeyPatch, day: Path) -> None:
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", "no-such-ffmpeg")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    reported = r"trips.mp4: ffmpeg, .* is not installed .*pip install 'hmesh\[video\]'.* gif"
    with pytest.raises(InputError, match=reported):
        export_trips(day, ["mp4"])


def test_an_ffmpeg_that_fails_is_reported(
    monkeypatch: pytest.MonkeyPatch, day: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\ncat > /dev/null\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", str(broken))
    monkeypatch.setattr(trip_film, "MOST_STEPS", 1)
    with pytest.raises(InputError, match="ffmpeg cannot write it"):
        export_trips(day, ["mp4"])
    assert not list(day.glob("*.mp4*"))


def test_what_a_run_did_not_record_cannot_be_exported() -> None:
    folder = finished(*FEW, "record.vehicles=none", "hours=3", "game.solver=exact")
    for name, message in (("geojson", "no trip was recorded"), ("gif", "no vehicle was recorded")):
        with pytest.raises(InputError, match=message):
            export_trips(folder, [name])
    with pytest.raises(InputError, match="no trip was recorded"):
        export_trips(finished("vehicles.count=0", "strategies=[typical]", "hours=3"), ["kepler"])
    assert not list(folder.glob("trips.*json"))


def test_an_unknown_format_is_reported_with_the_nearest(day: Path) -> None:
    with pytest.raises(InputError, match=r"no format 'geojsn' .*did you mean 'geojson'"):
        export_trips(day, ["geojsn"])


def test_trips_of_an_interrupted_run_are_exported_as_far_as_they_are(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "run", 9, *FEW, "game.solver=exact")
    (path,) = export_trips(folder, ["geojson"])
    assert lines(json.loads(path.read_text(encoding="utf-8")))
