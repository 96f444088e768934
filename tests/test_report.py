import base64
import json
import re
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.runs import read_run, write_report
from hmesh.runs.pictures.chart import limits
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report import energy_paths as energy_paths_module
from hmesh.runs.report import map_selection as window_module
from hmesh.runs.report import step_charts as close_view_module
from hmesh.runs.report.energy_paths import energy_paths
from hmesh.runs.report.flows import flows
from hmesh.runs.report.grid_lines import grid_lines
from hmesh.runs.report.headlines import headline
from hmesh.runs.report.map_selection import spread, thinning, window_of
from hmesh.runs.report.packing import Packer
from hmesh.runs.report.payments import payments, traded_kwh
from hmesh.runs.report.places import ON_SCREEN, TO_SCALE, place_communities, road_graph, routes
from hmesh.runs.report.scheme_charts import charts
from hmesh.runs.report.sentence import Figure
from hmesh.runs.report.step_charts import close_view
from hmesh.runs.report.vehicle_traces import ON_THE_ROAD, SOC_UNITS, vehicle_traces
from tests.audited_runs import FEW, finished

PAGE = Path(window_module.__file__).parent / "page"


@pytest.fixture(scope="module")
def few() -> RunData:
    return RunData(read_run(finished(*FEW, "game.solver=exact", "vehicles.charge_efficiency=0.9")))


@pytest.fixture(scope="module")
def without_vehicles() -> Path:
    return finished("vehicles.count=0", "strategies=[two_level]", "hours=3", "roads=[]")


def unpacked(text: str, reported: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return an array as the page reads it."""
    kinds = {"f4": "<f4", "u1": "u1", "u2": "<u2", "u4": "<u4", "i4": "<i4", "i2": "<i2"}
    held = zlib.decompress(base64.b64decode(text))
    shape = tuple(reported["shape"])
    count = int(np.prod(shape))
    return np.frombuffer(held, kinds[reported["$"]], count, reported["at"]).reshape(shape)


def test_arrays_come_out_of_the_page_as_they_went_in() -> None:
    packer = Packer()
    given = {
        "a": np.arange(5, dtype=np.uint8),
        "b": np.linspace(0, 1, 6).reshape(2, 3),
        "c": [np.array([70_000, -3])],
        "empty": np.zeros((0, 3)),
        "plain": {"x": float("nan"), "y": np.float64(2.5), "z": "text", "n": None},
    }
    reported = packer.pack(given)
    assert reported["plain"] == {"x": None, "y": 2.5, "z": "text", "n": None}
    json.dumps(reported, allow_nan=False)
    text = packer.text()
    np.testing.assert_array_equal(unpacked(text, reported["a"]), given["a"])
    np.testing.assert_allclose(unpacked(text, reported["b"]), given["b"], rtol=1e-7)
    np.testing.assert_array_equal(unpacked(text, reported["c"][0]), given["c"][0])
    assert reported["empty"]["shape"] == [0, 3]
    with pytest.raises(TypeError, match="cannot hold an array"):
        packer.pack(np.array(["names"]))


def test_the_energy_of_vehicles_is_followed_from_where_it_was_charged(few: RunData) -> None:
    paths = energy_paths(few, window_of(few))
    assert paths is not None
    for s, strategy in enumerate(few.strategies):
        totals = few.summary[strategy]
        assert paths.charged_kwh[s].sum() == pytest.approx(totals["vehicle_charged_kwh"])
        assert paths.delivered_kwh[s].sum() == pytest.approx(totals["vehicle_discharged_kwh"])
        # What is charged is delivered, driven or kept, but for the losses of charging.
        gone = paths.delivered_kwh[s].sum(axis=1) + paths.driven_kwh[s] + paths.kept_kwh[s]
        np.testing.assert_allclose(gone[:-1], 0.9 * paths.charged_kwh[s], rtol=1e-9)
        assert gone[-1] == pytest.approx(20 * 20.0)
    ev = few.hours("ev_kwh").transpose(0, 2, 1)
    np.testing.assert_allclose(paths.exchanged_kwh.sum(axis=2), ev, atol=1e-9)


def test_energy_paths_are_those_of_vehicles_followed_one_by_one(few: RunData) -> None:
    paths = energy_paths(few, window_of(few))
    assert paths is not None
    rows = few.run.table("vehicles", filters=[("strategy", "=", "three_level")]).to_pylist()
    held: dict[int, dict[str, float]] = {v: {"start": 20.0} for v in range(20)}
    delivered = dict.fromkeys(product((*few.communities, "start"), few.communities), 0.0)
    for row in rows:
        store = held[row["vehicle"]]
        stored = sum(store.values())
        assert stored == pytest.approx(row["soc"] * 40.0, abs=1e-6)
        energy, used = row["energy_kwh"], row["driven_km"] * 0.16 - row["unmet_kwh"]
        taken = max(-energy, 0.0) + max(used, 0.0)
        for origin in list(store):
            share = store[origin] / stored if stored else 0.0
            if energy < 0:
                delivered[origin, row["community"]] -= energy * share
            store[origin] -= taken * share
        if energy > 0:
            store[row["community"]] = store.get(row["community"], 0.0) + 0.9 * energy
    expected = np.array(list(delivered.values())).reshape(len(few.communities) + 1, -1)
    np.testing.assert_allclose(paths.delivered_kwh[2], expected, atol=1e-6)


def test_flows_between_communities_are_what_vehicles_bring(few: RunData) -> None:
    window = window_of(few)
    paths = energy_paths(few, window)
    assert paths is not None
    found = flows(few, window, paths)
    assert (found["origin"] != found["destination"]).all()
    assert found["first"][-1] == len(found["kwh"]) > 0
    # All starts at home, and under typical charging nothing is given back.
    assert found["first"][few.steps] == 0
    given = paths.delivered_kwh[:, :, 1:].sum()
    at_home = paths.delivered_kwh[:, 1:-1, 0].sum()
    own = sum(paths.delivered_kwh[:, m, m].sum() for m in (1, 2))
    assert found["kwh"].sum() == pytest.approx(given + at_home - own, rel=1e-3)


def test_too_many_flows_are_left_out_but_not_their_totals(
    few: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_paths_module, "MOST_CELLS", 10)
    paths = energy_paths(few, window_of(few))
    assert paths is not None
    assert paths.carried_kwh.shape[1] == 0
    assert paths.charged_kwh.sum() > 0


def test_the_map_shows_where_vehicles_are_and_how_full(few: RunData) -> None:
    window = window_of(few)
    traces = vehicle_traces(few, window)
    assert traces is not None
    rows = few.run.table("vehicles").to_pandas()
    rows = rows[rows["strategy"] == "two_level"].pivot(index="step", columns="vehicle")
    place = {name: m for m, name in enumerate(few.communities)}
    expected = (
        rows["community"].astype(object).map(place.get, na_action="ignore").fillna(ON_THE_ROAD)
    )
    np.testing.assert_array_equal(traces["where"], expected.to_numpy().astype(int))
    np.testing.assert_allclose(traces["soc"][1] / SOC_UNITS, rows["soc"], atol=0.5 / SOC_UNITS)
    trips = traces["trips"]
    assert len(trips["departs"]) == few.run.table("trips").num_rows
    assert trips["first"][-1] == len(trips["departs"])


def test_larger_runs_are_thinned_evenly_and_say_so(
    few: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert thinning(few, window_of(few)) == []
    monkeypatch.setattr(window_module, "MOST_COMMUNITY_HOURS", 3 * 3 * 8)
    monkeypatch.setattr(window_module, "MOST_VEHICLES", 10)
    window = window_of(few)
    assert window.steps == 8
    peak = few.summary[few.strategies[0]]["peak_step"]
    assert window.first <= peak < window.last
    assert len(window.vehicles) == 10
    reported = " ".join(thinning(few, window))
    assert "8 of 24 steps" in reported
    assert "10 of 20 recorded vehicles" in reported
    half = window_of(few, 0.5)
    assert half.steps == 4
    assert len(half.vehicles) == 5


@pytest.mark.parametrize("plans", [2, 3, 7, 10, 21])
@pytest.mark.parametrize(("count", "most"), [(2000, 114), (100_000, 3000)])
def test_vehicles_of_all_day_plans_are_drawn(plans: int, count: int, most: int) -> None:
    chosen = spread(count, most)
    assert len(set(chosen.tolist())) == most
    # Day plans are dealt in turn.
    of_plan = np.bincount(chosen % plans, minlength=plans)
    assert of_plan.min() > 0.5 * most / plans
    assert of_plan.max() < 1.5 * most / plans


def test_trips_outside_the_window_are_left_out(
    few: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_module, "MOST_COMMUNITY_HOURS", 3 * 3 * 4)
    window = window_of(few)
    traces = vehicle_traces(few, window)
    assert traces is not None
    trips = traces["trips"]
    assert 0 < len(trips["departs"]) < few.run.table("trips").num_rows
    assert (trips["arrives"] > window.first).all()
    assert (trips["departs"] < window.last).all()
    assert trips["first"][0] == 0
    assert trips["first"][-1] == len(trips["departs"])


def test_headlines_show_the_figures_of_the_summary(few: RunData) -> None:
    for strategy in few.strategies:
        reported = headline(few, strategy)
        figures = [part for part in reported if isinstance(part, Figure)]
        assert {"peak_kw", "par", "ev_bill", "utility_profit"} <= {f.key for f in figures}
        for figure in figures:
            value: Any = few.summary[strategy]
            for key in figure.key.split(".", 1):
                value = value[key]
            assert figure.value == value
    text = "".join(p if isinstance(p, str) else p.text for p in headline(few, "three_level"))
    peak, before = (few.summary[s]["peak_kw"] for s in ("three_level", "typical"))
    assert f"{1 - peak / before:.1%} lower than under typical charging".replace("%", " %") in text


def test_payments_add_up_to_the_ledger(few: RunData) -> None:
    found, left_out = payments(few)
    assert left_out == 0
    ledger = few.run.table("ledger").to_pandas()
    for strategy, rows in found.items():
        paid = ledger[ledger["strategy"] == strategy]
        assert sum(row.amount for row in rows) == pytest.approx(paid["amount"].sum())
        assert [abs(row.amount) for row in rows] == sorted(
            (abs(row.amount) for row in rows), reverse=True
        )
    assert len(traded_kwh(few, window_of(few))["kwh"]) == 0


def test_the_tree_of_the_grid_is_that_of_the_lines(few: RunData) -> None:
    found = grid_lines(few, window_of(few))
    assert found is not None
    names, loading = few.loading()
    assert {" - ".join(line) for line in found["lines"]} == set(names)
    seen = {"utility"}
    for parent, node in found["lines"]:
        assert parent in seen
        seen.add(node)
    order = [names.index(" - ".join(line)) for line in found["lines"]]
    shown = found["loading"] * found["unit"]
    np.testing.assert_allclose(shown.transpose(0, 2, 1), loading[:, order], atol=found["unit"])


@pytest.fixture(scope="module")
def long() -> RunData:
    changes = ["game.solver=exact", "hours=900", "strategies=[typical, two_level]"]
    more = ["record.vehicles=3", "checkpoint_every_h=null"]
    return RunData(read_run(finished(*FEW, *changes, *more)))


@pytest.mark.slow
def test_the_charts_of_a_long_run_are_there_step_by_step(long: RunData) -> None:
    drawn = charts(long)
    close = close_view(long, window_of(long), drawn)
    assert close is not None
    assert (close["first"], close["last"]) == (0, 900)
    assert set(close["charts"]) == {chart.name for chart in drawn}
    (trace,) = (t for t in close["charts"]["communities"]["typical"] if t["name"] == "homes")
    held = trace["y"]
    load = long.power_kw("net_kwh")[0, 0]
    np.testing.assert_allclose(
        held["low"] + held["unit"] * held["whole"], load, atol=np.ptp(load) / 65_000
    )
    heat = close["charts"]["lines"]["typical"][0]["z"]
    assert heat["whole"].shape == (12, 900)


@pytest.mark.slow
def test_what_a_page_has_no_room_for_is_left_out_of_the_close_view(
    long: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = charts(long)
    rows = sum(chart.rows for chart in drawn)
    monkeypatch.setattr(close_view_module, "MOST_VALUES", 200 * rows)
    close = close_view(long, window_of(long), drawn, 0.5)
    assert close is not None
    assert close["last"] - close["first"] == 100
    assert close["first"] == 400


def test_short_runs_need_no_close_view(few: RunData) -> None:
    assert close_view(few, window_of(few), charts(few)) is None


def test_values_that_are_not_known_stay_so() -> None:
    held = close_view_module._whole(np.array([np.nan, 2.0, 4.0]))
    assert held["whole"].tolist() == [65_535, 0, 65_534]
    assert held["low"] + held["unit"] * 65_534 == pytest.approx(4.0)
    nothing = close_view_module._whole(np.array([np.nan]))
    assert nothing["whole"].tolist() == [65_535]


def test_the_same_array_lies_in_a_page_once() -> None:
    packer = Packer()
    axis = np.linspace(0, 1, 1000)
    first, again = packer.pack([axis, axis.copy()])
    assert first == again
    assert len(zlib.decompress(base64.b64decode(packer.text()))) == 4000


def scenario_of(*roads: tuple[str, str, float], names: str = "abc") -> dict[str, Any]:
    reported = [{"between": [a, b], "km": km} for a, b, km in roads]
    return {"communities": dict.fromkeys(names), "roads": reported}


def test_communities_lie_as_far_apart_as_their_roads_are_long() -> None:
    graph = road_graph(scenario_of(("a", "b", 30), ("b", "c", 40), ("a", "c", 50)))
    places = place_communities(graph, TO_SCALE)
    far = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.testing.assert_allclose(far, [[0, 30, 50], [30, 0, 40], [50, 40, 0]], rtol=1e-3, atol=1e-3)
    again = place_communities(graph, TO_SCALE)
    np.testing.assert_array_equal(places, again)


def test_communities_without_roads_are_placed_apart() -> None:
    alone = place_communities(road_graph(scenario_of()), ON_SCREEN)
    parted = place_communities(road_graph(scenario_of(("a", "b", 9))), ON_SCREEN)
    single = place_communities(road_graph(scenario_of(names="a")), ON_SCREEN)
    for places in (alone, parted):
        far = np.linalg.norm(places[:, None] - places[None], axis=2)
        assert far[np.triu_indices(3, 1)].min() > 0.5
    np.testing.assert_array_equal(single, [[0.0, 0.0]])


def test_ways_lead_along_the_roads() -> None:
    found = routes(road_graph(scenario_of(("a", "b", 1), ("b", "c", 1), names="abcd")))
    assert found["a", "c"] == ["a", "b", "c"]
    assert ("a", "d") not in found


def test_axes_hold_all_values() -> None:
    low, high = limits([np.array([2.0, np.nan, 8.0])])
    assert (low, high) == (0.0, pytest.approx(8.48))
    low, high = limits([np.array([-4.0, 2.0])])
    assert low < -4.0
    assert high > 2.0
    assert limits([np.array([np.nan])]) == (0.0, pytest.approx(1.06))


def test_a_page_of_an_unusual_run_is_written_too(without_vehicles: Path, tmp_path: Path) -> None:
    reported = write_report([without_vehicles], tmp_path / "page.html", audit=False)
    assert reported == [f"three-communities: Not audited; hmesh audit {without_vehicles} does it."]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not audited" in text
    assert not re.search(r"(src|href)=.https?:", text.partition("<script>")[0])


def test_the_table_of_many_strategies_stands_below_the_sentences(tmp_path: Path) -> None:
    more = "strategies=[typical, two_level, three_level, nobody_shares, everybody_shares]"
    for changes, arrangement in (((), "outcome"), ((more,), "stacked")):
        run = finished(*FEW, "game.solver=exact", "hours=3", *changes)
        write_report([run], tmp_path / "page.html", audit=False)
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert f'<div class="{arrangement}">' in text


def test_what_cannot_be_read_is_refused(tmp_path: Path, without_vehicles: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        write_report([tmp_path / "nowhere"], tmp_path / "page.html")
    with pytest.raises(InputError, match="7 runs are too many for a page"):
        write_report([without_vehicles] * 7, tmp_path / "page.html")
    with pytest.raises(InputError, match="cannot be written"):
        write_report([without_vehicles], tmp_path / "no" / "page.html", audit=False)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_can_be_read_on_every_ground(theme: int) -> None:
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", (PAGE / "page.css").read_text(encoding="utf-8"))
    colours = dict(re.findall(r"--(\w+): (#\w{6})", blocks[theme]))
    for words, ground in product(("ink", "faint", "accent", "good", "bad"), ("sheet", "page")):
        light, dark = sorted((luminance(colours[words]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{words} on {ground}"
