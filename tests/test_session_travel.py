"""Measured charging sessions that drive a run: the same times at the plug, the same energy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.environment.session_trips import stays_of_sessions
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.session_comparison import session_distances
from tests.interrupted_runs import interrupted_run
from tests.placed_runs import scenario

# Local times of a week in winter, across a midnight, with a stay over two days.
SESSIONS = """vehicle,charge_point,plug_in,plug_out,energy_kwh
anna,yard,2024-01-15T18:10,2024-01-16T07:20,14.5
anna,office,2024-01-16T08:05,2024-01-16T16:30,6.25
anna,yard,2024-01-17T19:00,2024-01-19T06:45,20
ben,office,2024-01-15T00:00,2024-01-15T09:30,3
ben,office,2024-01-18T09:00,2024-01-18T17:15,9.75
ben,office,2024-01-18T10:00,2024-01-18T11:00,1
"""


def write(folder: Path, sessions: str = SESSIONS, **changes: Any) -> Path:
    data = folder / "plugs"
    data.mkdir(exist_ok=True)
    (data / "sessions.csv").write_text(sessions)
    described = {
        "schema": 1, "name": "plugs", "licence": "none", "time_zone": "Europe/Berlin",
        "clock": "wall", "labels": "start", "start": "2024-01-15T00:00", "end": "2024-01-22T00:00",
        "resolution": 60, "tables": {"charging_sessions": "sessions.csv"},
    }  # fmt: skip
    (data / "dataset.yaml").write_text(yaml.safe_dump(described))
    given = scenario(
        start="2024-01-15T00:00", hours=120, step_h=0.5, roads=[],
        vehicles={
            "count": 2, "capacity_kwh": 60, "power_kw": 11, "soc_start": 0.9, "soc_max": 0.9,
            "charge_efficiency": 0.9, "lam": 0.5, "theta": 0.012,
        },
        travel={
            "kind": "sessions", "dataset": "plugs", "places": {"yard": "homes", "office": "works"}
        },
        record={"sessions": True},
    ) | changes  # fmt: skip
    path = folder / "replay.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    start_run(load_scenario(write(folder)), folder / "run")
    return folder / "run"


def test_vehicles_are_plugged_in_when_it_was_measured_and_charge_what_was(run: Path) -> None:
    found = read_run(run).table("sessions").to_pandas()
    # Anna is away as the run begins, and leaves her plug at once.
    found = found[found["plug_out"] > found["plug_in"]]
    found = found.sort_values(["vehicle", "plug_in"]).reset_index(drop=True)
    measured = pd.read_csv(run.parent / "plugs/sessions.csv", parse_dates=["plug_in", "plug_out"])
    # Ben is plugged in first. His last session overlaps another.
    measured = measured.iloc[[3, 4, 0, 1, 2]]
    for name in ("plug_in", "plug_out"):
        assert found[name].dt.tz_localize(None).tolist() == measured[name].tolist()
    assert found["community"].tolist() == ["works", "works", "homes", "works", "homes"]
    # Ben's first session is under way as the run begins, with a battery that is full.
    assert found["energy_kwh"].tolist() == pytest.approx([0, 9.75, 14.5, 6.25, 20], abs=1e-9)
    apart = session_distances(found.iloc[1:], measured.iloc[1:])
    assert max(apart.values()) == pytest.approx(0.0, abs=1e-9)


def test_the_audit_follows_the_sessions(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, report.failed


def test_what_is_left_out_is_warned_of(run: Path) -> None:
    reported = [str(each) for each in scenario_warnings(load_scenario(run.parent / "replay.yaml"))]
    assert any("1 session is left out, for overlapping another" in each for each in reported)


@pytest.mark.slow
def test_an_interrupted_replay_goes_on(run: Path, tmp_path: Path) -> None:
    changed = load_scenario(run.parent / "replay.yaml", {"checkpoint_every_h": 12})
    folder = interrupted_run(tmp_path / "run", 100, changed)
    resume_run(folder)
    for name in ("vehicles", "sessions", "trips"):
        again = read_run(folder).table(name)
        assert again.equals(read_run(run).table(name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"travel": {"kind": "sessions", "dataset": "plugs"}}, "'office' is in no community"),
        ({"start": "2025-01-15T00:00"}, "has no session from 2025-01-15 on for 120 h"),
    ],
)
def test_what_does_not_fit_is_reported(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        check_scenario(path)


def test_what_a_trip_uses_is_a_number(tmp_path: Path) -> None:
    path = write(tmp_path)
    changed = {"vehicles.consumption_kwh_per_km": [0.1, 0.2]}
    with pytest.raises(InputError, match="differs from vehicle to vehicle"):
        start_run(load_scenario(path, changed), tmp_path / "run")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(-5_000, 90_000), st.integers(0, 40_000),
            st.sampled_from(["", "a", "b"]),
        ),
        max_size=14,
    )
)  # fmt: skip
def test_no_vehicle_is_at_two_plugs_at_once(rows: list[tuple[int, int, int, str]]) -> None:
    begins = np.array([row[1] for row in rows], dtype=np.int64)
    lasts = np.array([row[2] for row in rows], dtype=np.int64)
    names = np.array([row[3] for row in rows], dtype=object)
    sessions = {
        "plug_in": begins * 1_000_000, "plug_out": (begins + lasts) * 1_000_000,
        "energy_kwh": np.ones(len(rows)), "vehicle": names,
    }  # fmt: skip
    place = np.array([row[0] for row in rows], dtype=np.int64)
    stays = stays_of_sessions(sessions, place, 0, 24.0)
    for n in range(stays.vehicles):
        mine = stays.vehicle == n
        assert mine.any()
        assert (stays.from_ms[mine][1:] > stays.to_ms[mine][:-1]).all()
    touching = (begins + lasts > 0) & (begins < 86_400)
    assert len(stays.vehicle) + stays.left_out == touching.sum()
    # None without a name is left out, unless it lasts no second.
    nameless = np.array([row[3] == "" for row in rows], dtype=bool) & touching & (lasts > 0)
    assert len(stays.vehicle) >= nameless.sum()


def test_sessions_as_the_charging_network_gives_them_run_by_two_commands(tmp_path: Path) -> None:
    """`hmesh import acn` and `hmesh run`: each charge point's vehicle charges what was measured."""
    sessions = [
        ("P1", "Mon, 15 Jan 2024 16:00:00 GMT", "Mon, 15 Jan 2024 20:00:00 GMT", 12.5),
        ("P2", "Mon, 15 Jan 2024 17:30:00 GMT", "Tue, 16 Jan 2024 01:00:00 GMT", 30.25),
        ("P1", "Tue, 16 Jan 2024 16:30:00 GMT", "Tue, 16 Jan 2024 18:00:00 GMT", 6.0),
    ]
    items = [
        {
            "connectionTime": begin, "disconnectTime": end, "kWhDelivered": energy,
            "stationID": point, "timezone": "America/Los_Angeles", "userID": None,
        }
        for point, begin, end, energy in sessions
    ]  # fmt: skip
    (tmp_path / "acn.json").write_text(json.dumps({"_meta": {}, "_items": items}))
    (tmp_path / "garage.yaml").write_text(
        """name: garage
time_zone: America/Los_Angeles
start: "2024-01-15T00:00"
hours: 48
step_h: 0.5
currency: USD
communities: {garage: {members: []}}
strategies: [typical]
travel: {kind: sessions, dataset: garage, elsewhere: garage}
vehicles: {count: 2, capacity_kwh: 60, power_kw: 11, soc_start: 0.9, lam: 0.5, theta: 0.012}
record: {sessions: true}
"""
    )
    words = ["import", "acn", str(tmp_path / "acn.json"), "--out", str(tmp_path / "garage")]
    assert CliRunner().invoke(app, words).exit_code == 0
    words = ["run", str(tmp_path / "garage.yaml"), "--set", "plots=false"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    found = read_run(tmp_path / "run").table("sessions").to_pandas()
    found = found[found["plug_out"] > found["plug_in"]].sort_values("plug_in")
    # 16:00 GMT is 8 o'clock in California.
    assert found["plug_in"].dt.strftime("%d %H:%M").tolist() == ["15 08:00", "15 09:30", "16 08:30"]
    assert found["energy_kwh"].tolist() == pytest.approx([12.5, 30.25, 6.0], abs=1e-9)
