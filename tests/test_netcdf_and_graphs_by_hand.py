"""NetCDF files and graphs of roads, number by number, with all that is refused of them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.datasets.readers.netcdf_table import (
    _labels,
    _numbers,
    _times,
    _Variable,
    is_netcdf,
    read_netcdf_table,
)
from hmesh.environment.errors import InputError
from hmesh.environment.road_files.graphml import read_graphml
from hmesh.environment.road_files.network import FoundRoad
from tests.stated_problems import said


def variable(values: Any, **attributes: Any) -> _Variable:
    return _Variable(("time",), np.array(values), attributes)


@pytest.mark.parametrize(
    ("units", "first", "size"),
    [
        ("hours since 2024-01-02", datetime(2024, 1, 2), 3600),
        ("hour since 2024-1-2 03:04:05", datetime(2024, 1, 2, 3, 4, 5), 3600),
        ("Days since 2024-01-02T12 UTC", datetime(2024, 1, 2, 12), 86400),
        ("min since 2024-01-02 00:30 +01:30", datetime(2024, 1, 1, 23), 60),
        ("m since 2024-01-02", None, 0),
        ("seconds since 2024-01-02 00:00 -0130", datetime(2024, 1, 2, 1, 30), 1),
        ("s since 2024-01-02 06:00 +2:00", datetime(2024, 1, 2, 4), 1),
        ("d since 2024-01-02 00:00 Z", datetime(2024, 1, 2), 86400),
    ],
)
def test_times_of_netcdf_count_from_a_moment(units: str, first: datetime | None, size: int) -> None:
    axis = variable([0, 2], units=units)
    if first is None:
        with pytest.raises(AssertionError):
            _times(Path("a.nc"), axis)
        return
    found = [time.replace(tzinfo=None) for time in _times(Path("a.nc"), axis)]
    assert [found[0], found[1] - found[0]] == [first, timedelta(seconds=2 * size)]


def test_numbers_and_labels_of_netcdf() -> None:
    raw = variable([1, 2, 3, 4], scale_factor=np.array([0.5]), add_offset=10.0, _FillValue=2,
                   missing_value=np.array([4, 5]))  # fmt: skip
    assert _numbers(raw) == pytest.approx([10.5, np.nan, 11.5, np.nan], nan_ok=True)
    assert _numbers(variable([1, 2])).tolist() == [1.0, 2.0]
    text = _Variable(("house", "letters"), np.array([list("ab "), list("c\0\0")], dtype="S1"), {})
    assert _labels({"house": text}, "house", 2) == ["ab", "c"]
    assert _labels({"house": variable([b"a", b"b"])}, "house", 2) == ["a", "b"]
    assert _labels({"house": variable([4, 5])}, "house", 2) == ["4", "5"]
    assert _labels({"house": text}, "house", 3) == ["house 0", "house 1", "house 2"]
    assert _labels({}, "house", 1) == ["house 0"]
    names = ["a.nc", "a.NC4", "a.cdf", "a.netcdf", "a.csv"]
    assert [is_netcdf(Path(name)) for name in names] == [True] * 4 + [False]


def test_what_is_no_table_of_netcdf_is_refused(tmp_path: Path) -> None:
    from scipy.io import netcdf_file

    path = tmp_path / "a.nc"

    def written(*axes: str, calendar: str = "standard", over: str = "time") -> Path:
        with netcdf_file(path, "w") as file:
            for name in {*axes, over}:
                file.createDimension(name, 2)
            for name in axes:
                axis = file.createVariable(name, "i4", (name,))
                axis[:] = [0, 1]
                axis.units, axis.calendar = "hours since 2024-01-01", calendar
            load = file.createVariable("load", "f8", (over,))
            load[:] = [1.0, 2.5]
            load.units = "kWh"
            # Letters are no readings, and what has three dimensions has no one member.
            mark = file.createVariable("mark", "c", (over,))
            mark[:] = [b"a", b"b"]
            cube = file.createVariable("cube", "f8", (over, over, over))
            cube[:] = 1.0
        return path

    table = read_netcdf_table(written("time"))
    start = "2024-01-01T0"
    assert table.header == ("time", "load [kWh]")
    assert table.columns == ([f"{start}0:00:00+00:00", f"{start}1:00:00+00:00"], [1.0, 2.5])
    assert (table.path, table.lines, table.separator) == (path, [2, 3], "")
    axis = "one variable of its own dimension with units such as 'hours since 2024-01-01'"
    for given, message, allowed in (
        ({"axes": ()}, "has 0 axes of time", axis),
        ({"axes": ("time", "when")}, "has 2 axes of time, time, when", axis),
        ({"axes": ("time",), "over": "x"}, "holds nothing over time, but cube, time, load, mark",
         "variables of time"),
        ({"axes": ("time",), "calendar": "noleap"},
         "the times are those of the calendar 'noleap'", "standard"),
    ):  # fmt: skip
        axes = given.pop("axes")
        with pytest.raises(InputError) as raised:
            read_netcdf_table(written(*axes, **given))  # type: ignore[arg-type]
        assert said(raised.value) == [(str(path), message, allowed, "")]
    path.write_bytes(b"CDX\1")
    with pytest.raises(InputError) as raised:
        read_netcdf_table(path)
    assert said(raised.value) == [(str(path), "is no netCDF", "netCDF 3 or 4", "")]
    for magic in (b"CDF\1", b"\x89HDF"):
        path.write_bytes(magic)
        with pytest.raises(InputError) as raised:
            read_netcdf_table(path)
        ((place, message, allowed, _),) = said(raised.value)
        assert (place, allowed) == (str(path), "netCDF")
        assert message.startswith("cannot be read: ")


GRAPH = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="x" for="node" attr.name="x" attr.type="string"/>
<key id="y" for="node" attr.name="y" attr.type="string"/>
<key id="o" for="edge" attr.name="oneway" attr.type="string"/>
<key id="g" for="edge" attr.name="geometry" attr.type="string"/>
<key id="l" for="edge" attr.name="length" attr.type="string"/>
<key id="c" for="graph" attr.name="crs" attr.type="string"/>
<graph edgedefault="undirected"><data key="c">{crs}</data>
<node id="1"><data key="x">{x}</data><data key="y">2000</data></node>
<node id="2"><data key="x">3000</data><data key="y">2000</data></node>
<edge source="1" target="2"><data key="o">{oneway}</data><data key="g">{line}</data>
<data key="l">{km}</data></edge>
</graph></graphml>
"""
PLAIN = {"crs": "epsg:25832", "x": "1000", "oneway": "", "line": "", "km": "2500"}


def test_an_undirected_graph_of_roads_in_metres(tmp_path: Path) -> None:
    path = tmp_path / "town.graphml"
    place = f"{path}, edge 1 - 2"
    for crs in ("epsg:25832", ""):
        path.write_text(GRAPH.format(**PLAIN | {"crs": crs}))
        found = read_graphml(path)
        road = FoundRoad(place, "1", "2", 2.5, None)
        assert found.roads == [road, road.reversed()]
        assert (found.junctions, found.on_earth) == ({"1": (1.0, 2.0), "2": (3.0, 2.0)}, False)
    path.write_text(GRAPH.format(**PLAIN | {"oneway": "yes"}))
    assert read_graphml(path).roads == [road]
    path.write_text(
        GRAPH.format(**PLAIN | {"line": "linestring (1000 2000, 2000 2500 7, 3e3 2e3)"})
    )
    forth, back = read_graphml(path).roads
    assert forth.line is not None
    assert back.line is not None
    assert forth.line.tolist() == [[1.0, 2.0], [2.0, 2.5], [3.0, 2.0]]
    assert back.line.tolist() == forth.line.tolist()[::-1]
    for crs in ("EPSG:4326", "ogc:CRS84", " wgs84", "WGS 84"):
        path.write_text(GRAPH.format(**PLAIN | {"crs": crs}))
        assert read_graphml(path).on_earth
    # Where no system is named, numbers that may be degrees are.
    text = GRAPH.format(**PLAIN | {"x": "10"}).replace('<data key="c">epsg:25832</data>', "")
    path.write_text(text.replace("2000", "48").replace("3000", "11"))
    found = read_graphml(path)
    assert (found.junctions, found.on_earth) == ({"1": (10.0, 48.0), "2": (11.0, 48.0)}, True)


@pytest.mark.parametrize(
    ("change", "place", "message", "allowed"),
    [
        ({"x": "far"}, "{path}, node 1", "has no position: x 'far', y '2000'", "numbers x and y"),
        ({"x": "inf"}, "{path}, node 1", "has no position: x 'inf', y '2000'", "numbers x and y"),
        ({"line": "POINT (1 2)"}, "geometry", "'POINT (1 2)' is no line",
         "LINESTRING (x y, x y, ...)"),
        ({"line": "LINESTRING (1 2)"}, "geometry", "'LINESTRING (1 2)' is no line",
         "LINESTRING (x y, x y, ...)"),
        ({"km": "0"}, "{path}, edge 1 - 2, length", "'0' cannot be", "a number above 0"),
    ],
)  # fmt: skip
def test_a_graph_of_roads_is_refused_part_by_part(
    change: dict[str, str], place: str, message: str, allowed: str, tmp_path: Path
) -> None:
    path = tmp_path / "town.graphml"
    path.write_text(GRAPH.format(**PLAIN | change))
    with pytest.raises(InputError) as raised:
        read_graphml(path)
    assert said(raised.value) == [(place.format(path=path), message, allowed, "")]
