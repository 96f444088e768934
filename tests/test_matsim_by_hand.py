"""Trips in events of MATSim, one by one, and what is refused of them."""

from datetime import datetime
from pathlib import Path

import pytest

from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.matsim import read_matsim
from hmesh.environment.errors import InputError
from tests.stated_problems import said


def events(*rows: str) -> str:
    return "<events>" + "".join(f"<event {row}/>" for row in rows) + "</events>"


LEAVES = "time='7' type='departure' person='p' legMode='car'"


@pytest.mark.parametrize("enters", ["PersonEntersVehicle", "vehicle enters traffic", ""])
def test_events_of_any_age_say_who_drives(enters: str, tmp_path: Path) -> None:
    network = tmp_path / "network.xml"
    network.write_text(
        "<network><nodes><node id='a' x='0' y='0'/><node id='b' x='9000' y='0'/></nodes><links>"
        "<link id='1' from='a' to='b' length='9500' freespeed='10'/></links></network>"
    )
    vehicle = "car" if enters else "p"
    path = tmp_path / "run.events.xml"
    path.write_text(
        events(
            "time='5' type='actend' person='p' actType='home'", LEAVES,
            f"time='8' type='{enters}' person='p' vehicle='car'",
            f"time='9' type='entered link' vehicle='{vehicle}' link='1'",
            f"time='9' type='entered link' vehicle='{vehicle}' link='unknown'",
            "time='3700' type='arrival' person='p'", LEAVES.replace("7", "176400"),
            "time='176500' type='travelled' person='p' distance='2500'",
            "time='176700' type='arrival' person='p'",
            "time='176800' type='actstart' person='p' actType='work'",
            LEAVES.replace("car", "pt"), LEAVES.replace("'p'", "'q'"),
        )
    )  # fmt: skip
    found = read_matsim(path, ImportOptions(network=network, start="2024-01-16"))
    assert found.tables["vehicles"].to_dict("list") == {"vehicle": ["p"]}
    assert found.tables["trips"].to_dict("list") == {
        "vehicle": ["p", "p"], "departs": ["00:00:07", "01:00:00"],
        "arrives": ["01:01:40", "01:05:00"], "km": [9.5, 2.5], "origin": ["home", "home"],
        "destination": ["", "work"], "day": ["tuesday", "thursday"],
    }  # fmt: skip
    assert (found.start, found.end) == (datetime(2024, 1, 16), datetime(2024, 1, 19))
    assert (found.name, found.source, found.time_zone) == ("run.events", "MATSim", "UTC")
    assert found.notes == ("2 trips by car of events of MATSim.",)
    assert [(p.place, p.message) for p in found.warnings] == [
        (str(path), "left out: 1 trip by other modes than car"),
        (str(path), "left out: 1 trip without an arrival"),
    ]


@pytest.mark.parametrize(
    ("text", "start", "place", "message", "allowed"),
    [
        ("<!ENTITY x 'y'><events/>", None, "{0}", "defines entities", "XML without entities"),
        ("<trips/>", None, "{0}", "is XML of trips", "plans (population) or events of MATSim"),
        ("<events/>", None, "{0}", "holds no trip by car of known length and time",
         "events with legs by car"),
        (events(LEAVES), None, "{0}", "holds no trip by car of known length and time",
         "1 trip without an arrival"),
        (events(LEAVES.replace("7", "x")), None, "{0}, departure of 'p'", "'x' is no number",
         "seconds, metres or hh:mm:ss"),
        (events(LEAVES, "time='y' type='arrival' person='p'"), None, "{0}, arrival of 'p'",
         "'y' is no number", "seconds, metres or hh:mm:ss"),
        (events(LEAVES, "type='travelled' person='p' distance='z'"), None,
         "{0}, travelled of 'p'", "'z' is no number", "seconds, metres or hh:mm:ss"),
        (events(LEAVES, "type='travelled' person='p' distance='9'",
                "time='9' type='arrival' person='p'"), "soon", "--start", "'soon' is no date",
         "such as 2024-01-15"),
        (events(LEAVES.replace("7", "176400"), "type='travelled' person='p' distance='9'",
                "time='176409' type='arrival' person='p'"), None, "--start",
         "is missing; the file holds several days", "such as --start 2024-01-15"),
    ],
)  # fmt: skip
def test_what_holds_no_trips_is_refused(
    text: str, start: str | None, place: str, message: str, allowed: str, tmp_path: Path
) -> None:
    path = tmp_path / "events.xml"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        read_matsim(path, ImportOptions(start=start))
    assert said(raised.value) == [(place.format(path), message, allowed, "")]
