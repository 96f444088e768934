"""Pieces of rows: any number of threads does the same work, and gives the same bits."""

import os
import threading
from typing import Any

import numpy as np
import pytest

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment import compiled, drive_pieces, row_threads
from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import Clock
from hmesh.environment.day_plans import read_day_plans
from hmesh.environment.drawn_trips import DrawnTrips
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.population import Population
from hmesh.environment.row_threads import PIECE_ROWS, at_once, over_pieces, over_rows, pieces_of
from hmesh.environment.traffic import Traffic
from hmesh.environment.trips import DayTrips, TripBatch, TripSource
from hmesh.markets import demand_bins as bins_of_demand
from hmesh.markets import exchanged
from hmesh.markets.demand_bins import demand_bins
from hmesh.markets.exchanged import sums_of_exchange
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_kernels import batteries, battery_answers, bends_of
from tests.test_traffic import drawn

THREADS = ("1", "2", "3")


def use(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    monkeypatch.setenv(row_threads.VARIABLE, threads)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("rows", [0, 1, PIECE_ROWS, 2 * PIECE_ROWS, 7 * PIECE_ROWS + 5])
def test_every_row_is_worked_on_once(
    monkeypatch: pytest.MonkeyPatch, threads: str, rows: int
) -> None:
    use(monkeypatch, threads)
    pieces = over_pieces(rows, lambda begin, end: (begin, end))
    assert [begin for begin, _ in pieces] == [0, *(end for _, end in pieces[:-1])]
    assert pieces[-1][1] == rows
    assert all(begin % PIECE_ROWS == 0 for begin, _ in pieces)
    assert pieces_of(rows) * PIECE_ROWS - rows in range(PIECE_ROWS)


def test_pieces_are_worked_on_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "2")
    together = threading.Barrier(2, timeout=300)
    # Neither goes on before the other has come as far.
    assert at_once(range(2), lambda piece: (together.wait(), piece)[1]) == [0, 1]


def test_work_within_work_does_not_wait_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "2")
    found = at_once(range(4), lambda piece: sum(at_once(range(3), lambda k: k + piece)))
    assert found == [3, 6, 9, 12]


def test_a_mistake_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "2")
    with pytest.raises(ZeroDivisionError):
        at_once(range(4), lambda piece: 1 // (piece - 2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can be forked here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "2")
    assert at_once(range(3), abs) == [0, 1, 2]
    process = os.fork()
    if process == 0:
        os._exit(0 if at_once(range(3), abs) == [0, 1, 2] else 1)
    assert os.waitpid(process, 0)[1] == 0


def test_the_number_of_threads_is_that_of_processors_unless_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(row_threads.VARIABLE, raising=False)
    assert 1 <= row_threads.threads() <= (os.cpu_count() or 1)
    use(monkeypatch, "3")
    assert row_threads.threads() == 3


@pytest.mark.parametrize("threads", THREADS)
def test_columns_are_cut_alike(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    use(monkeypatch, threads)
    rows = 5 * PIECE_ROWS + 1
    given, written = np.arange(rows), np.zeros(rows, dtype=np.int64)

    def double(one: Any, other: Any) -> int:
        other[:] = 2 * one
        return len(one)

    assert sum(over_rows(double, given, written)) == rows
    assert (written == 2 * given).all()


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pieces be short and kernels run as Python does, so that few rows are many pieces."""
    for module in (row_threads, exchanged, bins_of_demand, drive_pieces):
        monkeypatch.setattr(module, "PIECE_ROWS", 32, raising=True)
    monkeypatch.setattr(row_threads, "ROWS_OF_THREADS", 64)
    monkeypatch.setattr(compiled, "LOADED_AFTER", 0)
    monkeypatch.setattr(compiled, "FROM_ROWS", 0)
    monkeypatch.setattr(compiled, "_installed", lambda: True)
    monkeypatch.setattr(compiled, "_compile", lambda function, signature: function)
    for made in compiled.KERNELS:
        monkeypatch.setattr(made, "compiled", None)


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("alike", [True, False])
def test_kinks_are_counted_alike_by_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    columns = batteries(431, 4) | {"charge_efficiency": 1.0, "discharge_efficiency": 1.0}
    if alike:
        columns["theta"] = 2.0
    bends = bends_of(battery_answers(12.0, **columns), 5.0, 60.0)
    found = []
    for threads in ("rule", *THREADS):
        if threads == "rule":
            monkeypatch.setattr(compiled, "_installed", lambda: False)
        else:
            monkeypatch.setattr(compiled, "_installed", lambda: True)
            use(monkeypatch, threads)
        bins = demand_bins(bends, 23)
        some = bins.between(4, 17)
        taken = (some.starts, some.starts_slope, some.ends, some.ends_slope)
        counted = (bins.intercept, bins.slope, bins.answering, bins.gentlest, *taken)
        found.append([np.ascontiguousarray(each).tobytes() for each in counted])
        assert 0 < len(some.starts) < 431
    assert all(each == found[0] for each in found)


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("count", [31, 137, 1024, 4321])
def test_sums_of_parts_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    # Numbers of one part are added by eight sums side by side, as NumPy does up to 128 of them.
    monkeypatch.setattr(exchanged, "PIECE_ROWS", 256)
    exchange = np.random.default_rng(count).normal(0.0, 5.0, count)
    wanted = [float(f.sum()) for f in (exchange, np.maximum(exchange, 0), np.maximum(-exchange, 0))]
    for threads in THREADS:
        use(monkeypatch, threads)
        assert list(sums_of_exchange(exchange)) == wanted


class Backwards(TripSource):
    """The trips of another source, the vehicles of each batch in descending order."""

    def __init__(self, source: DrawnTrips) -> None:
        super().__init__(source.size)
        self.source, self.calendar = source, source.calendar

    def parked_at(self, day: int) -> Any:
        return self.source.parked_at(day)

    def _make(self, day: int) -> DayTrips:
        trips = self.source.day(day)

        class Turned(DayTrips):
            counts = trips.counts

            def departing(self, begin_ms: float, end_ms: float) -> list[TripBatch]:
                found = trips.departing(begin_ms, end_ms)
                return [each.where(np.arange(len(each.vehicles))[::-1]) for each in found]

            def first(self) -> Any:
                return trips.first()

        return Turned()


def travelled(source: Any, steps: int) -> list[Any]:
    """Return what the columns of a fleet, its drivers and those setting out are in each step."""
    fleet, clock = Population(ElectricVehicle.attributes(), source.size), Clock()
    moves = Traffic(clock, source.calendar, source, fleet, keep_reserve=True)
    moves.begin()
    found = []
    for step in range(steps):
        clock.run_until(step * source.calendar.step_h)
        out = moves.setting_out
        found.append({name: column.tobytes() for name, column in fleet.state().items()})
        found.append([each.tolist() for each in (moves.drivers, out.vehicles, out.km_so_far)])
        found.append(out.after_plug.tolist())
        moves.end_step()
    return found


def planned(vehicles: int) -> PlannedTrips:
    calendar = Calendar("2023-01-16T01:00", "Europe/Berlin", 1.0)
    plans = read_day_plans(None, ("homes", "malls", "offices"))
    return PlannedTrips(plans, calendar, np.arange(vehicles) % len(plans.names))


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("trips", ["drawn", "backwards", "planned"])
def test_a_fleet_drives_alike_by_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, trips: str
) -> None:
    found = []
    for threads in ("rule", *THREADS):
        monkeypatch.setattr(compiled, "_installed", lambda rule=threads == "rule": not rule)
        if threads != "rule":
            use(monkeypatch, threads)
        drives = planned(150) if trips == "planned" else drawn(150)
        found.append(travelled(Backwards(drives) if trips == "backwards" else drives, 30))
    assert all(each == found[0] for each in found)
    # Somebody makes a second trip within a step.
    assert trips == "planned" or any(max(drives[2], default=0.0) > 0 for drives in found[0][1::3])


def a_day(vehicles: int, solver: str, hours: int, record: dict[str, Any]) -> list[Any]:
    """Simulate some hours; return what vehicles hold and pay, and prices."""
    given = {
        "vehicles.count": vehicles, "game.solver": solver, "hours": hours, "plots": False,
        "strategies": ["three_level"], "generation_cost.quadratic": 1.0 / vehicles,
    }  # fmt: skip
    scenario = load_scenario("three-communities", given | record)
    simulation = Simulation(make_setting(scenario), "three_level")
    vehicle, found = simulation.schemes["vehicles"], []
    while simulation.running:
        simulation.step()
        state = vehicle.fleet.population.state()
        found.append({name: column.tobytes() for name, column in state.items()})
        found.append(simulation.market.decision.community_price.tobytes())
        found.append(vehicle.sums() | vehicle.counts())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["exact", "negotiate"])
@pytest.mark.parametrize("record", [{}, {"record.accounts": "all"}])
def test_a_large_fleet_is_the_same_for_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, solver: str, record: dict[str, Any]
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "LOADED_AFTER", 0)
    days = []
    for threads in THREADS:
        use(monkeypatch, threads)
        days.append(a_day(150_001, solver, 11, record))
    assert days[0] == days[1] == days[2]
    monkeypatch.setattr(compiled, "LOADED_AFTER", 10**15)
    assert a_day(150_001, solver, 11, record) == days[0]
