"""Rules of the environment on a few numbers whose results are known by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.clock import Clock
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.wide_table import _over_intervals
from hmesh.environment.errors import InputError
from hmesh.environment.heat_pump import carnot_cop
from hmesh.environment.irregular_series import interval_means, register_energies
from hmesh.environment.messages_in_flight import MessagesInFlight
from hmesh.environment.plug_habits import PlugHabit, plugs_in
from hmesh.environment.road_files.matsim_network import read_matsim_network
from hmesh.environment.safe_files import read_json, refuse_unbounded
from hmesh.environment.social_network import (
    SocialNetwork,
    by_community,
    given_network,
    scale_free,
    small_world,
)
from hmesh.environment.tariff_bands import TimeBand, read_tariff_file
from hmesh.environment.thermal_comfort import room_loss_per_h, room_store_kwh
from hmesh.environment.thermal_tank import loss_at_temperature
from tests.stated_problems import said


def nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True)


NAN = float("nan")


def test_a_held_quantity_is_averaged_by_how_long_it_holds() -> None:
    time = np.array([0, 10, 30, 60])
    value = np.array([2.0, 8.0, NAN, 5.0])
    edges = np.array([0, 20, 40, 60, 80])
    # 10 at 2 and 10 at 8; 10 at 8 and the rest unknown; nothing known; nothing after the last.
    means = interval_means(time, value, edges)
    assert means == nearly([5.0, 8.0, NAN, NAN])
    # A reading that holds for longer than 15 is not believed: half of the first interval is left.
    assert interval_means(time, value, edges, 15) == nearly([2.0, NAN, NAN, NAN])
    assert interval_means(time, value, edges, 20) == nearly([5.0, 8.0, NAN, NAN])
    assert interval_means(time, value, np.array([0, 21])) == nearly([(20.0 + 88.0) / 21.0])


def test_a_meter_that_counts_up_gives_what_it_rose_by() -> None:
    time = np.array([0, 10, 25, 40, 60])
    reading = np.array([100.0, 103.0, 104.0, 1.0, 6.0])
    edges = np.array([0, 10, 20, 30, 40, 50, 60])
    # Set back at 40, which is the end of the fourth interval.
    rise = register_energies(time, reading, edges)
    assert rise == nearly([3.0, 0.0, 1.0, NAN, 0.0, 5.0])
    assert register_energies(time, reading, np.array([-5, 5, 15])) == nearly([NAN, 3.0])
    assert register_energies(time, reading, np.array([50, 60, 61])) == nearly([5.0, NAN])
    # At 20 and at 50 the last reading is 10 old, at 30 only 5.
    rise = register_energies(time, reading, edges, 9)
    assert rise == nearly([3.0, NAN, NAN, NAN, NAN, NAN])
    assert register_energies(time, reading, edges, 10) == nearly([3.0, 0.0, 1.0, NAN, 0.0, 5.0])
    gap = np.array([100.0, NAN, 104.0, 105.0, 109.0])
    assert register_energies(time, gap, edges) == nearly([NAN, NAN, NAN, 1.0, 0.0, 4.0])


def test_vehicles_plug_in_where_and_as_full_as_is_their_habit() -> None:
    home, place = np.array([1, 1, 1, 2]), np.array([1, 2, 1, 2])
    soc, draw = np.array([0.2, 0.2, 0.6, 0.5]), np.array([0.5, 0.5, 0.5, 0.49])
    below = PlugHabit(below=0.6)
    assert plugs_in(below, home, place, soc, draw).tolist() == [True, True, False, True]
    at_home = PlugHabit(below=0.6, at_home=True)
    assert plugs_in(at_home, home, place, soc, draw).tolist() == [True, False, False, True]
    # Between a fifth and a whole battery the chance falls from 1 to 0.2: at a half it is 0.7.
    chance = PlugHabit(probability=((0.2, 1.0), (1.0, 0.2)))
    draws = np.array([0.99, 0.99, 0.61, 0.69])
    assert plugs_in(chance, home, place, soc, draws).tolist() == [True, True, False, True]
    draws = np.array([0.99, 0.99, 0.59, 0.71])
    assert plugs_in(chance, home, place, soc, draws).tolist() == [True, True, True, False]


def test_a_heat_pump_reaches_a_share_of_carnot() -> None:
    air = np.array([-15.0, 15.0, 35.0, 40.0, -273.15])
    found = carnot_cop(air, 35.0, 0.5, 6.0)
    assert found == nearly([0.5 * 308.15 / 50.0, 6.0, 6.0, 6.0, 1.0])
    assert carnot_cop(np.array([15.0]), 35.0, 0.25, 6.0) == nearly([0.25 * 308.15 / 20.0])


def test_heat_leaves_tanks_and_rooms_in_proportion() -> None:
    around = np.array([20.0, 40.0, 60.0, 70.0])
    assert loss_at_temperature(0.02, around, 60.0, 20.0) == nearly([0.02, 0.01, 0.0, 0.0])
    assert room_store_kwh(5.0, 19.5, 22.0) == nearly(12.5)
    # What is left after an hour of a fall with a time constant of fifty.
    assert 1.0 - room_loss_per_h(50.0) == nearly(np.exp(-1.0 / 50.0))


def test_neighbours_of_a_network_stand_one_after_another() -> None:
    network = SocialNetwork.of(5, np.array([[3, 0], [0, 1], [1, 3]]))
    assert network.first.tolist() == [0, 2, 4, 4, 6, 6]
    assert network.neighbours.tolist() == [1, 3, 0, 3, 0, 1]
    assert network.degree.tolist() == [2, 2, 0, 2, 0]
    draws = np.array([[0.0, 0.49, 0.5, 0.99]] * 3)
    found = network.peers_of(np.array([0, 4, 3]), draws)
    assert found.tolist() == [[1, 1, 3, 3], [4, 4, 4, 4], [0, 0, 1, 1]]
    nobody = SocialNetwork.of(3, np.zeros((0, 2), dtype=np.intp))
    assert nobody.peers_of(np.array([2, 0]), draws[:2]).tolist() == [[2] * 4, [0] * 4]


def test_everybody_of_a_community_but_oneself_is_drawn() -> None:
    peers_of = by_community(np.array([7, 3, 7, 7, 5]))
    draws = np.array([[0.0, 0.49, 0.5, 0.99]])
    assert peers_of(np.array([0]), draws).tolist() == [[2, 2, 3, 3]]
    assert peers_of(np.array([2]), draws).tolist() == [[3, 3, 0, 0]]
    assert peers_of(np.array([3]), draws).tolist() == [[0, 0, 2, 2]]
    assert peers_of(np.array([4, 1]), np.repeat(draws, 2, axis=0)).tolist() == [[4] * 4, [1] * 4]


def test_drawn_networks_have_the_edges_that_they_are_asked_for() -> None:
    ring = small_world(8, 4, 0.0, seed=1)
    for player in range(8):
        own = ring.neighbours[ring.first[player] : ring.first[player + 1]]
        assert set(own.tolist()) == {(player + away) % 8 for away in (-2, -1, 1, 2)}
    rewired = small_world(40, 4, 0.5, seed=1)
    assert rewired.degree.sum() == 2 * 80
    assert len(set(rewired.degree.tolist())) > 1
    assert (small_world(40, 4, 0.5, seed=1).neighbours == rewired.neighbours).all()
    assert (small_world(40, 4, 0.5, seed=2).neighbours != rewired.neighbours).any()
    # All but the first two bring two edges each.
    grown = scale_free(30, 4, seed=3)
    assert grown.degree.sum() == 2 * 2 * 28
    assert (scale_free(30, 4, seed=4).neighbours != grown.neighbours).any()


def test_a_network_of_a_file_names_who_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("one,other\n0,2\n2,0\n1,2\n")
    network = given_network(path, 3)
    assert network.first.tolist() == [0, 1, 2, 4]
    assert network.neighbours.tolist() == [2, 2, 0, 1]
    for edge in ("0,3", "-1,2", "1,1"):
        path.write_text(f"one,other\n0,2\n{edge}\n")
        with pytest.raises(InputError) as refused:
            given_network(path, 3)
        one, other = edge.split(",")
        assert str(refused.value) == (
            f"edges.csv: line 3: an edge from {one} to {other} "
            "(allowed: two different numbers from 0 to 2)"
        )
    path.write_text("one,others\n0,2\n")
    with pytest.raises(InputError, match=r"edges\.csv: .*columns one and other, whole numbers"):
        given_network(path, 3)


def test_readings_at_irregular_times_label_no_interval() -> None:
    times = [datetime(2024, 1, 1, 0, minute, tzinfo=UTC) for minute in (0, 20, 50)]
    with pytest.raises(InputError) as refused:
        _over_intervals(times, {}, 15, UTC, ImportOptions(labels="end"))
    assert str(refused.value) == (
        "--labels: readings at irregular times label no interval (allowed: left out)"
    )
    with pytest.raises(InputError) as refused:
        _over_intervals(times, {}, 60, UTC, ImportOptions())
    assert str(refused.value) == (
        "--resolution: readings span less than an interval of 60 min (allowed: a shorter one)"
    )
    starts, _ = _over_intervals(times, {}, 15, UTC, ImportOptions())
    assert starts == [datetime(2024, 1, 1, 0, minute) for minute in (0, 15, 30)]


def test_every_node_and_link_of_a_network_without_numbers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "network.xml"

    def network(*rows: str) -> Path:
        nodes = "".join(row for row in rows if "node" in row)
        links = "".join(row for row in rows if "link" in row)
        path.write_text(f"<network><nodes>{nodes}</nodes><links>{links}</links></network>")
        return path

    given = (
        '<node id="a" x="1000" y="2000"/>', '<node id="b" x="4000" y="6000"/>',
        '<link id="1" from="a" to="b" length="5000" freespeed="10" modes="bus, car"/>',
        '<link id="2" from="b" to="a" length="1" freespeed="1" modes="bike"/>',
    )  # fmt: skip
    found = read_matsim_network(network(*given))
    assert found.junctions == {"a": (1.0, 2.0), "b": (4.0, 6.0)}
    (road,) = found.roads
    assert (road.start, road.end, road.km, road.speed_km_h) == ("a", "b", 5.0, nearly(36.0))
    assert not found.on_earth
    with pytest.raises(InputError) as refused:
        read_matsim_network(network(*given, '<node id="c" x="1"/>', '<node id="d" x="1" y="?"/>'))
    assert str(refused.value).splitlines() == [
        f"{path}, node '{name}': has no position (allowed: numbers x and y)" for name in "cd"
    ]


TARIFF: dict[str, Any] = {
    "id": "summer", "effective_start": "05-01", "effective_end": "10-31", "dow_mask": "WEEKDAYS",
    "times": [0, 8.25, 22], "tariffs": [0.1, 0.3, 0.2], "demand_charge": 12.5,
}  # fmt: skip


def test_a_tariff_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "tariff.json"
    parts = [TARIFF, {**TARIFF, "dow_mask": "WEEKENDS", "times": [0], "tariffs": [0.05]},
             {**TARIFF, "dow_mask": "ALL", "times": [0], "tariffs": [0.01], "demand_charge": None,
              "effective_start": "11-01", "effective_end": "4-30"}]  # fmt: skip
    path.write_text(json.dumps({"schedule": parts}))
    summer, winter = ((5, 1), (10, 31)), ((11, 1), (4, 30))
    week = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    found = read_tariff_file(path)
    assert found.bands == (
        (TimeBand((0.0, 8.25), week[:5], summer), 0.1),
        (TimeBand((8.25, 22.0), week[:5], summer), 0.3),
        (TimeBand((22.0, 24.0), week[:5], summer), 0.2),
        (TimeBand((0.0, 24.0), week[5:], summer), 0.05),
        (TimeBand((0.0, 24.0), ("all",), winter), 0.01),
    )
    assert found.demand == ((TimeBand((0.0, 24.0), ("all",), summer), 12.5),)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"times": [0, 8]}, "times do not rise from 0, each with its tariff"),
        ({"times": [1, 8, 22]}, "times do not rise from 0, each with its tariff"),
        ({"times": [0, 8, 8]}, "times do not rise from 0, each with its tariff"),
        ({"times": [0, 8.2, 22]}, "times are no quarters of an hour"),
        ({"effective_end": "13-40x"}, "'13-40x' is no month and day"),
        ({"dow_mask": "NONE"}, "'NONE'"),
        ({"demand_charge": 9.0}, "demand charges 12.5 and 9 of one season"),
    ],
)
def test_a_tariff_file_is_refused_by_the_name_of_its_part(
    change: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "tariff.json"
    allowed = "a schedule of effective_start, effective_end, dow_mask, times and tariffs"
    for name, place in (("winter", f"{path}: winter"), ("", str(path))):
        schedule = [TARIFF, {**TARIFF, **change, "id": name}]
        path.write_text(json.dumps({"schedule": schedule}))
        with pytest.raises(InputError) as raised:
            read_tariff_file(path)
        assert said(raised.value) == [(place, f"is no tariff: {reason}", allowed, "")]
    path.write_text('{"schedule": []}')
    with pytest.raises(InputError) as raised:
        read_tariff_file(path)
    assert said(raised.value) == [(str(path), "has an empty schedule", "", "")]


def test_files_that_have_no_end_or_are_too_large_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1]")
    for place, most, message, allowed in (
        (tmp_path, 9.0, "is not a regular file", ""),
        (path, 2.0, "cannot be read: it holds 3 bytes", "at most 2.0 bytes"),
    ):
        with pytest.raises(InputError) as raised:
            refuse_unbounded(place, most)
        assert said(raised.value) == [(str(place), message, allowed, "")]
    refuse_unbounded(path, 3)
    with pytest.raises(InputError) as raised:
        read_json(path)
    assert said(raised.value) == [(str(path), "is not what hMESH writes", "", "")]


def test_messages_that_are_given_up_before_the_deadline_are_given_up_at_their_moment() -> None:
    flight = MessagesInFlight(Clock(), 1.0, 0.5)
    happened: list[tuple[Any, ...]] = []
    flight.note = lambda *what: happened.append(what)
    flight.begin_step(0)
    for what, at_h, number in (("late", 0.2, 7), ("late", 0.5, 8), ("heard", 0.4, 9)):
        flight.pend(what, at_h, number, 3)
    assert len(flight) == 3
    flight.follow(0.3)
    assert [(what, at_ms, number) for what, at_ms, number, *_ in happened] == [("late", 720_000, 7)]
    flight.follow(0.9)
    assert sorted((what, at_ms, number) for what, at_ms, number, *_ in happened[1:]) == [
        ("deadline", 1_800_000, -1), ("heard", 1_440_000, 9), ("late", 1_800_000, 8)
    ]  # fmt: skip
    assert len(flight) == 0
