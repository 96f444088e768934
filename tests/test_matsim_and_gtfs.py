"""Plans and events of MATSim, and blocks of a timetable in GTFS."""

import gzip
from pathlib import Path

import pytest

from hmesh.environment.datasets.readers import ImportOptions, read_foreign
from hmesh.environment.datasets.readers.foreign import Foreign
from hmesh.environment.errors import InputError
from hmesh.runs.world.dataset_files import import_dataset

PLANS = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE population SYSTEM "http://www.matsim.org/files/dtd/population_v6.dtd">
<population>
<person id="anna">
  <plan selected="no"><activity type="home" x="0" y="0" end_time="05:00:00"/></plan>
  <plan selected="yes">
    <activity type="home" link="1" x="0.0" y="1000.0" end_time="07:45:30"/>
    <leg mode="car" trav_time="00:20:00"><route type="links" distance="12345.0">1 2 3</route></leg>
    <activity type="work" link="3" x="3000.0" y="5000.0" end_time="16:00:00"/>
    <leg mode="car" dep_time="16:05:00"><route type="links" trav_time="00:10:00"/></leg>
    <activity type="shop" link="4" x="0.0" y="1000.0" end_time="17:00:00"/>
    <leg mode="walk" trav_time="00:10:00"/>
    <activity type="home" link="1" x="0.0" y="1000.0"/>
  </plan>
</person>
<person id="ben"><plan>
    <activity type="home" link="1" end_time="23:50:00"/>
    <leg mode="car" trav_time="00:30:00"/>
    <activity type="night" link="2" end_time="24:30:00"/>
    <leg mode="car" trav_time="undefined"/>
    <activity type="home" link="1"/>
</plan></person>
</population>
"""
# As MATSim writes them: vehicles have their own names, the first link is not entered.
EVENTS = """<?xml version="1.0" encoding="utf-8"?>
<events version="1.0">
<event time="25200.0" type="actend" person="anna" link="1" actType="home"/>
<event time="25200.0" type="departure" person="anna" link="1" legMode="car"/>
<event time="25200.0" type="PersonEntersVehicle" person="anna" vehicle="car-7"/>
<event time="25200.0" type="vehicle enters traffic" person="anna" link="1" vehicle="car-7"/>
<event time="25201.0" type="left link" vehicle="car-7" link="1"/>
<event time="25201.0" type="entered link" vehicle="car-7" link="2"/>
<event time="25300.0" type="departure" person="ben" link="1" legMode="pt"/>
<event time="25600.0" type="left link" vehicle="car-7" link="2"/>
<event time="25600.0" type="entered link" vehicle="car-7" link="3"/>
<event time="26100.0" type="arrival" person="anna" link="3" legMode="car"/>
<event time="26100.0" type="actstart" person="anna" link="3" actType="work"/>
<event time="86000.0" type="departure" person="anna" link="3" legMode="car"/>
</events>
"""
NETWORK = (
    "<network><nodes><node id='a' x='0' y='0'/><node id='b' x='9000' y='0'/></nodes><links>"
    "<link id='1' from='a' to='b' length='500' freespeed='10'/>"
    "<link id='2' from='b' to='a' length='9000' freespeed='20'/>"
    "<link id='3' from='a' to='b' length='9500' freespeed='20'/></links></network>"
)
GTFS = {
    "agency.txt": "agency_id,agency_name,agency_timezone\na,School buses,Europe/Berlin\n",
    "stops.txt": (
        "stop_id,stop_lat,stop_lon\ndepot,48.0,10.0\nnorth,48.1,10.0\nschool,48.1,10.1\n"
    ),
    "trips.txt": ("route_id,service_id,trip_id,block_id\nr,week,t2,b1\nr,week,t1,b1\nr,week,t3,\n"),
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n"
        "t1,07:00:00,07:00:00,depot,1,0\nt1,,,north,2,11000\nt1, 7:30:00,07:31:00,school,5,19000\n"
        "t2,08:00:00,08:05:00,north,1,100\nt2,08:20:00,08:20:00,depot,2,11200\n"
        "t3,24:10:00,24:10:00,depot,1,0\nt3,24:40:00,24:40:00,north,2,12000\n"
    ),
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "week,1,1,1,1,1,0,0,20240108,20240209\n"
    ),
}
# A tenth of a degree of latitude, and of longitude at 48.1 degrees north [km].
NORTH_KM, EAST_KM = 11.1195, 7.426


def rows(foreign: Foreign, table: str, *columns: str) -> list[tuple[object, ...]]:
    return list(foreign.tables[table][list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize("name", ["plans.xml", "plans.xml.gz"])
def test_the_selected_plan_of_each_person_is_driven(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(PLANS.encode()) if name.endswith("gz") else PLANS.encode())
    found = read_foreign("matsim", path, ImportOptions())
    columns = ("vehicle", "departs", "arrives", "km", "origin", "destination")
    # The way back has no length on the road: 3 km to the west and 4 km to the south.
    assert rows(found, "trips", *columns) == [
        ("anna", "07:45:30", "08:05:30", 12.345, "home", "work"),
        ("anna", "16:05:00", "16:15:00", 5.0, "work", "shop"),
    ]
    reported = [str(each) for each in found.warnings]
    assert reported == [
        f"{path}: left out: 1 trip by other modes than car",
        f"{path}: left out: 1 trip whose length is not known",
        f"{path}: left out: 1 trip without a departure or a travel time",
        f"{path}: 1 trip has the straight distance between their activities "
        "(allowed: routes, or --roads with their network)",
    ]


def test_events_have_the_length_of_the_links_entered(tmp_path: Path) -> None:
    events, network = tmp_path / "events.xml.gz", tmp_path / "network.xml"
    events.write_bytes(gzip.compress(EVENTS.encode()))
    network.write_text(NETWORK)
    found = read_foreign("matsim", events, ImportOptions(network=network))
    assert rows(found, "trips", "vehicle", "departs", "arrives", "km", "origin", "destination") == [
        ("anna", "07:00:00", "07:15:00", 18.5, "home", "work")
    ]
    assert [str(each).partition(": ")[2] for each in found.warnings] == [
        "left out: 1 trip by other modes than car",
        "left out: 1 trip without an arrival",
    ]
    with pytest.raises(InputError, match="holds no trip by car of known length"):
        read_foreign("matsim", events, ImportOptions())
    with pytest.raises(InputError, match="is XML of network"):
        read_foreign("matsim", network, ImportOptions())


@pytest.fixture
def timetable(tmp_path: Path) -> Path:
    folder = tmp_path / "timetable"
    folder.mkdir()
    for name, text in GTFS.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("unit", "first_km", "second_km"),
    [
        # There, on to the next trip and back; all straight.
        (None, NORTH_KM + EAST_KM + EAST_KM + NORTH_KM, NORTH_KM),
        ("m", 19.0 + EAST_KM + 11.1, 12.0),
    ],
)
def test_blocks_last_from_the_first_departure_to_the_last_arrival(
    timetable: Path, unit: str | None, first_km: float, second_km: float
) -> None:
    found = read_foreign("gtfs", timetable, ImportOptions(unit=unit))
    assert rows(found, "bus_blocks", "block", "service_id", "departs", "arrives") == [
        ("b1/week", "week", "07:00:00", "08:20:00"),
        ("t3/week", "week", "24:10:00", "24:40:00"),
    ]
    assert found.tables["bus_blocks"]["bus"].tolist() == ["b1", "t3"]
    assert found.tables["bus_blocks"]["km"].tolist() == pytest.approx(
        [first_km, second_km], rel=1e-4
    )
    assert found.time_zone == "Europe/Berlin"
    assert [f"{found.start:%Y-%m-%d}", f"{found.end:%Y-%m-%d}"] == ["2024-01-08", "2024-02-10"]
    assert len(found.warnings) == (unit is None)


def test_a_timetable_becomes_a_dataset_that_passes_its_check(timetable: Path) -> None:
    dataset = import_dataset("gtfs", timetable, timetable.parent / "blocks", ImportOptions())
    assert len(dataset.records["bus_blocks"]) == 2
    assert len(dataset.records["calendar"]) == 1


def test_what_is_wrong_in_a_timetable_is_reported(timetable: Path) -> None:
    with pytest.raises(InputError, match="'yards' is no unit of length"):
        read_foreign("gtfs", timetable, ImportOptions(unit="yards"))
    path = timetable / "stop_times.txt"
    path.write_text(GTFS["stop_times.txt"].replace("08:20:00,08:20:00", "8.20,8.20"))
    with pytest.raises(InputError, match=r"line 6, column arrival_time: '8\.20' is no time"):
        read_foreign("gtfs", timetable, ImportOptions())
    path.write_text(GTFS["stop_times.txt"].replace("t2,08:00:00,08:05:00", "t2,07:20:00,07:20:00"))
    with pytest.raises(InputError, match="block 'b1' of service 'week' is in two trips at once"):
        read_foreign("gtfs", timetable, ImportOptions())
