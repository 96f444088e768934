"""Points of a table that become communities, on real networks of other programs too."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.runs import export_trips, load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.imported_places import import_places
from hmesh.runs.world.communities_on_roads import roads_of
from tests.placed_runs import EDGES, NODES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "edges.csv").write_text(EDGES)
    return tmp_path


def lines_of(folder: Path, table: str, **given: object) -> list[str]:
    (folder / "points.csv").write_text(table)
    roads = {"roads": folder / "edges.csv", "nodes": folder / "nodes.csv"}
    return list(import_places(folder / "points.csv", folder / "town.yaml", **(roads | given)))  # type: ignore[arg-type]


def problems_of(folder: Path, table: str, **given: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        lines_of(folder, table, **given)
    assert not (folder / "town.yaml").exists()
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_points_become_communities_on_their_roads(folder: Path) -> None:
    reported = lines_of(
        folder, "name;lat;lon;households\nhomes;48.0;10.001;40\nyes;48.089;10.1345;\n",
        time_zone="Europe/Berlin",
    )  # fmt: skip
    # The fast way around, ten and ten kilometres at 100 km/h.
    assert reported[:2] == ["2 places", "shortest way: homes to yes, 20.0 km, 12 min"]
    scenario = load_scenario(str(folder / "town.yaml"))
    assert list(scenario.communities) == ["homes", "yes"]
    homes = scenario.communities["homes"]
    assert homes.location is not None
    assert homes.location.position == (10.001, 48.0)
    assert [member.count for member in homes.members] == [40]
    assert scenario.communities["yes"].members == ()
    assert roads_of(scenario).distance_km("yes", "homes") == 20.0


def test_everything_wrong_in_a_table_is_reported_with_its_line(folder: Path) -> None:
    found = problems_of(folder, "name,latitude,longitude\na,95,10\na,48,x\n,48,10\nb,48,10,\n")
    assert found == [
        "points.csv, line 2, column latitude: 95 is no latitude; latitude and longitude may be in "
        "the wrong order (allowed: from -90 to 90)",
        "points.csv, line 3, column name: 'a' stands there twice (allowed: its own name)",
        "points.csv, line 3, column longitude: 'x' is no number (allowed: a number with a point)",
        "points.csv, line 4, column name: has no name (allowed: its own name)",
    ]
    assert problems_of(folder, "name,latitud,lon\n") == [
        "points.csv, line 1: has lon (allowed: latitude and longitude, or x_km and y_km; "
        "did you mean 'latitude'?)"
    ]


def test_places_that_are_not_on_the_roads_are_reported(folder: Path) -> None:
    (folder / "nodes.csv").write_text(NODES + "end,48.0,10.2\n")
    one_way = EDGES.replace("speed_km_h\n", "speed_km_h,oneway\n") + "se,end,5,50,yes\n"
    (folder / "edges.csv").write_text(one_way)
    table = (
        "name,lat,lon\nhome,48.0,10.0\nswapped,10.1345,48.0\nfar,48.5,10.0\n"
        "trap,48.0,10.2\ntwin,48.0,10.0003\n"
    )
    swapped, far, trap, twin = problems_of(folder, table)
    assert swapped.startswith("points.csv, line 3, swapped: latitude 10.1345 and longitude 48 are ")
    assert "in the wrong order" in swapped
    assert far.startswith("points.csv, line 4, far: is 46.7 km from the nearest junction")
    assert "at most 2 km (--farthest-km)" in far
    assert trap.startswith("points.csv, line 5, trap: cannot be reached")
    assert twin.startswith("points.csv, line 6, twin: has the same nearest junction as home")
    plane = problems_of(folder, "name,x_m,y_m\na,0,0\n")
    assert "has positions of latitude and longitude, the places have x_km and y_km" in plane[0]


def test_the_command_writes_a_scenario_and_no_other_file(folder: Path) -> None:
    (folder / "points.csv").write_text("name,x_m,y_m\na,0,0\nb,3000,4000\n")
    out = folder / "town.yaml"
    done = CliRunner().invoke(
        app, ["import", "places", str(folder / "points.csv"), "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    location = load_scenario(str(out)).communities["b"].location
    assert location is not None
    assert location.position == (3.0, 4.0)
    with pytest.raises(InputError, match="is there already"):
        list(import_places(folder / "points.csv", out))
    with pytest.raises(InputError, match=r"a name that ends in \.yaml"):
        list(import_places(folder / "points.csv", folder / "town.csv"))


@pytest.mark.parametrize("network", ["roads/village_osm.graphml", "matsim/network.xml"])
def test_places_lie_on_networks_of_other_programs(
    shared: Path, tmp_path: Path, network: str
) -> None:
    table = {
        "roads/village_osm.graphml": (
            "name,latitude,longitude\nchurch,48.13607,10.06893\nschool,48.13540,10.06997\n"
        ),
        "matsim/network.xml": "name,x_m,y_m\nwest,-20000,30\nmiddle,0,50\n",
    }[network]
    (tmp_path / "points.csv").write_text(table)
    out = tmp_path / "town.yaml"
    reported = list(import_places(tmp_path / "points.csv", out, shared / "data/formats" / network))
    if network.startswith("matsim"):
        assert reported[1] == "shortest way: west to middle, 25.0 km, 15 min"
    roads = roads_of(load_scenario(str(out)))
    assert roads.distance_km(*roads.communities) > 0


def test_points_of_geojson_become_communities(tmp_path: Path) -> None:
    def point(at: list[float], **properties: object) -> dict[str, object]:
        geometry = {"type": "Point", "coordinates": at}
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    line = {"type": "LineString", "coordinates": [[10, 48], [10.1, 48]]}
    features = [
        point([10.0689, 48.1361, 520.0], Name="church", households=40),
        {"type": "Feature", "geometry": line, "properties": {"vehicle": 3}},
        point([10.07, 48.1354], community="school", households=None),
    ]
    source = tmp_path / "points.geojson"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert next(iter(import_places(source, tmp_path / "village.yaml"))) == "2 places"
    found = load_scenario(str(tmp_path / "village.yaml")).communities
    church, school = found["church"], found["school"]
    assert church.location is not None
    assert church.location.position == (10.0689, 48.1361)
    assert [member.count for member in church.members] == [40]
    assert school.members == ()
    # A mistake is named by the number of its feature.
    features[2] = point([10.07, 98.0], community="school")
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(InputError, match="feature 3, column latitude: 98 is no latitude"):
        list(import_places(source, tmp_path / "again.yaml"))
    source.write_text('{"type": "FeatureCollection"}')
    with pytest.raises(InputError, match="cannot be read: KeyError 'features'"):
        list(import_places(source, tmp_path / "again.yaml"))


# GDAL warns that GeoPackages want times in UTC, where GeoJSON has them with their offset.
@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.slow
def test_trips_and_places_go_through_geopandas_and_back(tmp_path: Path) -> None:
    """A run's map as GeoJSON, a GeoPackage made of it, and its places as a new scenario."""
    geopandas = pytest.importorskip("geopandas")
    start_run(load_scenario("suburbs", ["hours=24", "plots=false"]), tmp_path / "run")
    (path,) = export_trips(tmp_path / "run", ("geojson",))
    frame = geopandas.read_file(path)
    assert frame.crs.to_epsg() == 4326
    trips = read_run(tmp_path / "run").table("trips")
    lines = frame[frame.geom_type == "LineString"]
    assert len(lines) == trips.num_rows
    for kind, rows in (("places", frame[frame.geom_type == "Point"]), ("trips", lines)):
        rows.dropna(axis=1, how="all").to_file(tmp_path / "map.gpkg", layer=kind, driver="GPKG")
    again = geopandas.read_file(tmp_path / "map.gpkg", layer="trips")
    assert again.geometry.geom_equals_exact(lines.geometry.reset_index(drop=True), 1e-9).all()
    places = geopandas.read_file(tmp_path / "map.gpkg", layer="places")
    places.to_crs(4326).to_file(tmp_path / "places.geojson", driver="GeoJSON")
    words = ["import", "places", str(tmp_path / "places.geojson")]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "new.yaml")])
    assert done.exit_code == 0, done.output
    due, found = (
        load_scenario(name).communities for name in ("suburbs", str(tmp_path / "new.yaml"))
    )
    assert list(found) == list(due)
    for name, community in due.items():
        mine = found[name].location
        assert mine is not None
        assert community.location is not None
        # The export rounds to about a centimetre.
        assert mine.position == pytest.approx(community.location.position, abs=2e-7)
