"""Exports for traffic simulators, at true places and times, read again."""

from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas
import numpy as np
import pandas as pd
import pyproj
import pytest

from hmesh.environment.datasets.readers.foreign import ImportOptions
from hmesh.environment.datasets.readers.matsim import read_matsim
from hmesh.environment.geography import EARTH_RADIUS_KM, great_circle_km
from hmesh.environment.road_files.read_roads import read_road_file
from hmesh.runs import export_trips, load_scenario, read_run, start_run
from tests.placed_runs import PLACES, write_files, written

HALF_A_METRE_KM = 5e-4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traffic")
    write_files(folder)
    start_run(load_scenario(written(folder, "run")), folder / "run")
    export_trips(folder / "run", ("matsim", "sumo", "geojson"))
    return folder / "run"


@pytest.fixture(scope="module")
def trips(run: Path) -> pd.DataFrame:
    table = read_run(run).table("trips").to_pandas()
    return table.sort_values(["vehicle", "departs"], kind="stable").reset_index(drop=True)


def clock(times: "pd.Series[Any]") -> list[str]:
    return times.dt.strftime("%H:%M:%S").tolist()


def test_events_of_matsim_read_again_are_the_trips(run: Path, trips: pd.DataFrame) -> None:
    network = run / "trips.matsim-network.xml"
    found = read_matsim(run / "trips.matsim-events.xml", ImportOptions(network=network)).tables[
        "trips"
    ]
    assert found["vehicle"].tolist() == trips["vehicle"].astype(str).tolist()
    assert found["km"].tolist() == pytest.approx(trips["km"].tolist(), rel=1e-12)
    for name in ("departs", "arrives"):
        assert found[name].tolist() == clock(trips[name])
    for name in ("origin", "destination"):
        assert found[name].tolist() == trips[name].tolist()


def test_events_stand_in_the_order_of_time_on_links_that_lead_on(run: Path) -> None:
    events = ElementTree.parse(run / "trips.matsim-events.xml").getroot().findall("event")
    times = [float(event.attrib["time"]) for event in events]
    assert times == sorted(times)
    content = read_road_file(run / "trips.matsim-network.xml")
    assert content.on_earth
    ends = {
        link.attrib["id"]: (link.attrib["from"], link.attrib["to"])
        for link in ElementTree.parse(run / "trips.matsim-network.xml").getroot().iter("link")
    }
    last: dict[str, str] = {}
    entered = 0
    for event in events:
        given = event.attrib
        if given["type"] == "departure":
            last.pop(given["person"], None)
        if given["type"] != "entered link":
            continue
        before = last.get(given["vehicle"])
        assert before is None or ends[before][1] == ends[given["link"]][0]
        last[given["vehicle"]] = given["link"]
        entered += 1
    assert entered > 2 * len(last)


def test_trips_of_sumo_begin_at_true_places_and_times(run: Path, trips: pd.DataFrame) -> None:
    root = ElementTree.parse(run / "trips.sumo.xml").getroot()
    found = root.findall("trip")
    departs_s = [float(trip.attrib["depart"]) for trip in found]
    assert departs_s == sorted(departs_s)
    assert sorted(departs_s) == sorted(
        (trips["departs"] - trips["departs"].dt.normalize()).dt.total_seconds().tolist()
    )
    for trip in found:
        reported = {each.attrib["key"]: each.attrib["value"] for each in trip.findall("param")}
        for name, key in (("origin", "fromLonLat"), ("destination", "toLonLat")):
            place = np.array([float(part) for part in trip.attrib[key].split(",")])
            latitude, longitude = PLACES[reported[name]]
            # Ways begin at the junction of a community, which are at most 150 m away here.
            assert great_circle_km(place, np.array([longitude, latitude])) < 0.15


def test_geojson_read_by_geopandas_keeps_places_and_lengths(run: Path, trips: pd.DataFrame) -> None:
    frame = geopandas.read_file(run / "trips.geojson")
    lines = frame[frame.geometry.geom_type == "LineString"]
    assert len(lines) == len(trips)
    sphere = pyproj.Geod(a=1000 * EARTH_RADIUS_KM, f=0)
    km = np.array([sphere.geometry_length(line) for line in lines.geometry]) / 1000
    for end, at in (("origin", 0), ("destination", -1)):
        reached = np.array([line.coords[at][:2] for line in lines.geometry])
        due = np.array([PLACES[place][::-1] for place in trips[end]])
        # Ways begin at the junction of a community, which are at most 150 m away here.
        assert (great_circle_km(reached, due) < 0.15).all()
    straight = [sphere.inv(*line.coords[0][:2], *line.coords[-1][:2])[2] for line in lines.geometry]
    assert (km >= np.array(straight) / 1000 - HALF_A_METRE_KM).all()
    # Radii of curvature of the earth differ from that of the sphere by up to 0.6 %, lengths on the
    # plane of the zone from those on the earth by 0.1 %.
    metres = lines.to_crs(lines.estimate_utm_crs()).length.to_numpy()
    np.testing.assert_allclose(metres / 1000, km, rtol=0.008)


def test_geojson_read_again_keeps_places_and_times(run: Path, trips: pd.DataFrame) -> None:
    import json

    content = json.loads((run / "trips.geojson").read_text(encoding="utf-8"))
    points = {
        feature["properties"]["community"]: feature["geometry"]["coordinates"]
        for feature in content["features"]
        if feature["geometry"]["type"] == "Point"
    }
    for name, (latitude, longitude) in PLACES.items():
        away = great_circle_km(np.array(points[name]), np.array([longitude, latitude]))
        assert away < HALF_A_METRE_KM
    reported = [
        feature["properties"]
        for feature in content["features"]
        if feature["geometry"]["type"] == "LineString"
    ]
    for name in ("departs", "arrives"):
        read = [datetime.fromisoformat(row[name]) for row in reported]
        assert read == [time.to_pydatetime() for time in trips[name]]
