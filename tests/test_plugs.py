"""Few plugs: nobody charges on the road, no plug holds two, and the first to come is first."""

import shutil
from collections import defaultdict
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.errors import InputError
from hmesh.environment.plugs import ChargerKind, Visits, plug_in
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.audits.reference.plugs import Kind, Visit, give_plugs
from tests.interrupted_runs import interrupted_run
from tests.test_audit_tampering import edit
from tests.test_travel_runs import CHANGES, scenario_file

BEGIN, END = 100, 110


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Visits, list[ChargerKind], list[int]]:
    """Draw a step at a place: who holds plugs, waits, comes and goes."""
    kind = st.builds(
        ChargerKind,
        name=st.just("k"),
        count=st.sampled_from([1, 2, 3, inf]),
        power_kw=st.sampled_from([3.0, 11.0, 50.0]),
        queue=st.booleans(),
    )
    kinds = draw(st.lists(kind, min_size=1, max_size=3))
    taken = [0] * len(kinds)
    rows = []
    for _ in range(draw(st.integers(0, 9))):
        there = draw(st.booleans())
        begins = BEGIN if there else draw(st.integers(BEGIN, END - 1))
        ends = draw(st.integers(begins if there else begins + 1, END))
        plug, asks = -1, begins
        if there:
            free = [k for k, each in enumerate(kinds) if taken[k] < each.count]
            plug = draw(st.sampled_from([-1, *free]))
            asks = -1 if plug >= 0 else draw(st.sampled_from([-1, 50, 60, 70]))
            if plug >= 0:
                taken[plug] += 1
        rows.append((begins, ends, ends < END, plug, asks))
    columns = zip(*rows, strict=True) if rows else [()] * 5
    types = (np.int64, np.int64, np.bool_, np.int64, np.int64)
    visits = Visits(*(np.array(each, dtype=t) for each, t in zip(columns, types, strict=True)))
    more = [draw(st.integers(0, int(min(k.count, 3)))) for k in kinds]
    others = [int(min(m, k.count - t)) for m, k, t in zip(more, kinds, taken, strict=True)]
    return visits, kinds, others


@given(crowds())
def test_plugs_are_given_as_a_plain_queue_gives_them(
    crowd: tuple[Visits, list[ChargerKind], list[int]],
) -> None:
    visits, kinds, others = crowd
    held = np.bincount(visits.plug[visits.plug >= 0], minlength=len(kinds))
    found = plug_in(visits, kinds, (held + others).tolist())
    plain = [
        Visit(
            k, int(visits.begins_ms[k]), int(visits.ends_ms[k]), bool(visits.leaves[k]),
            None if visits.plug[k] < 0 else int(visits.plug[k]),
            None if visits.asks_ms[k] < 0 else int(visits.asks_ms[k]),
        )
        for k in range(len(visits.plug))
    ]  # fmt: skip
    chargers = [Kind(k.count, k.power_kw, 0.0, k.queue, False) for k in kinds]
    give_plugs(plain, chargers, others, BEGIN)
    for k, visit in enumerate(plain):
        assert found.plug[k] == (-1 if visit.plug is None else visit.plug)
        assert found.waits_ms[k] == visit.waited_ms
        if visit.from_ms is not None:
            assert (found.from_ms[k], found.to_ms[k]) == (visit.from_ms, visit.ends_ms)
    # No plug holds two: at no moment are more held than there are.
    for moment in range(BEGIN, END):
        now = (found.from_ms <= moment) & (moment < found.to_ms)
        for kind, each in enumerate(kinds):
            assert np.count_nonzero(now & (found.plug == kind)) + others[kind] <= each.count
    # First come, first served: of those that wait nobody is passed by one that came later.
    waits = np.flatnonzero((visits.plug < 0) & (visits.asks_ms >= 0))
    if all(kind.queue for kind in kinds):
        for a in waits:
            for b in waits:
                came_first = visits.asks_ms[a] < visits.asks_ms[b]
                if came_first and found.plug[b] >= 0 and found.plug[a] < 0:
                    assert visits.ends_ms[a] <= found.from_ms[b]


CHARGERS = (
    "hours=48",
    "record.sessions=true",
    "record.events=true",
    "communities.homes.chargers={count: 4, power_kw: 5, move_when_full: true}",
    "communities.malls.chargers=[{name: slow, count: 1, power_kw: 3.7}, "
    "{name: fast, count: 1, power_kw: 50, v2g: false, queue: none}]",
)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run in which vehicles queue, interrupted between two whole hours."""
    folder = tmp_path_factory.mktemp("crowded")
    scenario = load_scenario(scenario_file(folder, "given"), (*CHANGES, *CHARGERS))
    start_run(scenario, folder / "whole")

    resume_run(interrupted_run(folder / "broken", 31, scenario))
    return folder


def test_a_crowded_run_resumes_to_the_same_bytes_and_passes_its_audit(crowded: Path) -> None:
    for file in sorted((crowded / "whole").glob("*.parquet")):
        assert file.read_bytes() == (crowded / "broken" / file.name).read_bytes(), file.name
    checks = audit_run(crowded / "whole").checks
    assert not [check for check in checks if check.passed is False]
    made = {check.name.split(":")[0] for check in checks if check.passed}
    assert {"chargers", "sessions", "events of vehicles", "events of messages"} <= made


@pytest.mark.slow
def test_a_message_that_is_said_to_be_a_vehicle_fails_the_audit(
    crowded: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(crowded / "whole", tmp_path / "run")
    subjects = read_run(damaged).table("events").to_pandas()["subject"]
    message = int(np.flatnonzero(subjects == "message")[0])
    edit(damaged, "events", "vehicle", lambda row, value: 3 if row == message else value)
    assert "events of messages: each is heard, lost or late, and counted" in (
        audit_run(damaged).failed
    )


def test_events_of_a_vehicle_follow_each_other_as_they_can(crowded: Path) -> None:
    events = read_run(crowded / "whole").table("events").to_pandas()
    events = events[events["subject"] == "vehicle"]
    assert set(events["kind"]) == {"departs", "arrives", "queues", "plugs_in", "unplugs"}
    for _, mine in events.groupby(["strategy", "vehicle"], observed=True):
        assert mine["time"].is_monotonic_increasing
        road, plug = False, None
        for kind, place in zip(mine["kind"], mine["place"], strict=True):
            if kind == "departs":
                assert not road
                assert plug is None, "it drives with its plug in"
                road = True
            elif kind == "arrives":
                assert road, "it arrives before it has departed"
                road = False
            elif kind == "plugs_in":
                assert not road
                assert plug is None
                plug = place
            elif kind == "unplugs":
                # Sessions from before the run have no event that begins them.
                assert plug in (None, place)
                plug = None


def test_no_more_vehicles_are_plugged_in_than_there_are_plugs(crowded: Path) -> None:
    run = read_run(crowded / "whole")
    sessions = run.table("sessions").to_pandas()
    most = {("homes", "charger"): 4, ("malls", "slow"): 1, ("malls", "fast"): 1}
    for key, mine in sessions.groupby(["strategy", "community", "charger"], observed=True):
        edges = [(at, 1) for at in mine["plug_in"]]
        edges += [(at, -1) for at in mine["plug_out"].dropna()]
        held = np.cumsum([change for _, change in sorted(edges)])
        assert held.max() <= most[key[1:]], key
    chargers = run.table("chargers").to_pandas()
    assert (chargers["plugs_taken"] <= chargers["community"].map({"homes": 4, "malls": 2})).all()
    assert chargers["waiting"].max() > 0
    vehicles = run.table("vehicles").to_pandas()
    at_home = vehicles[(vehicles["community"] == "homes")]
    assert (at_home["energy_kwh"].abs() <= 5.0 * at_home["plugged_part"] + 1e-9).all()
    # What sessions hold is what vehicles exchanged; those that have not ended have no end.
    assert 0 < sessions["plug_out"].isna().sum() < len(sessions)
    for strategy, mine in sessions.groupby("strategy", observed=True):
        exchanged = vehicles[vehicles["strategy"] == strategy]["energy_kwh"]
        assert mine["energy_kwh"].sum() == pytest.approx(exchanged.clip(lower=0).sum(), abs=1e-9)
        sold = -exchanged.clip(upper=0).sum()
        assert mine["delivered_kwh"].sum() == pytest.approx(sold, abs=1e-9)


def test_a_charger_more_moves_no_draw(tmp_path: Path, crowded: Path) -> None:
    more = "communities.offices.chargers={count: 2}"
    file = scenario_file(tmp_path, "given")
    scenario = load_scenario(file, (*CHANGES, *CHARGERS, more, "hours=24"))
    start_run(scenario, tmp_path / "more")
    trips = read_run(tmp_path / "more").table("trips").to_pandas()
    before = read_run(crowded / "whole").table("trips").to_pandas()
    assert trips.equals(before.iloc[: len(trips)])
    fleet = (read_run(each).table("fleet") for each in (tmp_path / "more", crowded / "whole"))
    rows = [each.slice(0, 12) for each in fleet]
    assert rows[0].equals(rows[1])


@pytest.mark.parametrize(
    ("given_as", "reported"),
    [
        ("{count: 0}", "communities.homes.chargers"),
        ("{power_kw: -1}", "communities.homes.chargers"),
        ("{queue: lifo}", "fifo"),
        ("[{name: a}, {name: a}]", "another kind is called 'a' too"),
        ("[{name: ''}]", "the name is empty"),
        ("{plugs: 3}", "plugs"),
    ],
)
def test_mistakes_of_chargers_are_reported(given_as: str, reported: str) -> None:
    with pytest.raises(InputError, match=reported):
        load_scenario("three-communities", (f"communities.homes.chargers={given_as}",))


def test_waiting_is_counted_by_vehicle(crowded: Path) -> None:
    events = read_run(crowded / "whole").table("events").to_pandas()
    waited: defaultdict[str, float] = defaultdict(float)
    for strategy, mine in events.groupby("strategy", observed=True):
        waited[str(strategy)] = mine[mine["kind"] == "plugs_in"]["value"].sum()
    summary = read_run(crowded / "whole").summary
    for strategy, hours in waited.items():
        assert 0 < hours <= summary[strategy]["waiting_vehicle_h"] + 1e-9
