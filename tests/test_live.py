"""The live view without a browser: what it shows is what the simulation does."""

import json
import socket
import sys
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.runs import builtin_scenarios, load_scenario, start_run
from hmesh.runs.command_line import app
from hmesh.runs.live import grid_tree, map_and_grid, time_charts
from hmesh.runs.live.chart_style import LINE_COLOURS, OVERLOADED, Look, amount, line_colour
from hmesh.runs.live.figure_boxes import figures_now, gains_html, now_html, so_far_html
from hmesh.runs.live.page import parts_of
from hmesh.runs.live.parameters import Parameter, parameters_of, round_step
from hmesh.runs.live.readings import stores_of
from hmesh.runs.live.server import refuse_used
from hmesh.runs.live.source import Source, make_source
from hmesh.runs.live.world import STEPS_SHOWN, LiveWorld
from hmesh.runs.pictures.local_energy import LOCAL_USES
from hmesh.runs.run_summary import summary_table
from hmesh.runs.schemes.vehicles.live import MOST_DOTS, VehicleRoads
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.who_gains import gains_sentence, gains_table
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import ENERGIES, Simulation
from tests.account_runs import SMALL as SMALL_CITY

CHARTS = (
    map_and_grid.map_chart,
    map_and_grid.grid_chart,
    time_charts.load_chart,
    time_charts.price_chart,
    time_charts.energy_chart,
    time_charts.soc_chart,
)
# A year of buildings is sized before its first hour; two days are sized at once.
SHORT = {"battery-sharing": ("hours=48",), "one-city": ("hours=24",)}
SCENARIOS = [name for name, _ in builtin_scenarios()]


def source(name: str, *changes: str, strategy: str | None = None) -> Source:
    return make_source(name, (*changes, *SHORT.get(name, ())), strategy=strategy)


def begin(given: Source, strategy: str | None = None, **values: Any) -> LiveWorld:
    chosen = strategy_label(strategy or given.strategy)
    return LiveWorld(source=given, strategy=chosen, seed=str(given.scenario.seed), **values)


def simulated(name: str, steps: int, *changes: str, strategy: str | None = None) -> LiveWorld:
    world = begin(source(name, *changes, strategy=strategy))
    for _ in range(steps):
        world.step()
    return world


def figures(world: LiveWorld) -> dict[str, str]:
    return {figure.key: figure.text for figure in figures_now(world)}


@pytest.mark.quick_every(2)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_built_in_scenario_can_be_watched(name: str) -> None:
    world = begin(source(name))
    assert world.problems == []
    for look in (Look(), Look(dark=True)):
        assert all(draw(world, look)["series"] is not None for draw in CHARTS)
    for _ in range(6):
        world.step()
    assert world.steps_done == 6
    for draw in CHARTS:
        assert draw(world, Look())["series"]
    assert figures(world)["steps"] == f"6 of {world.given.steps:,}"
    assert "data-figure" in now_html(world)


def test_measures_of_what_emerges_are_shown() -> None:
    named = "record.measures=[price_settled_h, price_distance]"
    world = simulated("three-communities", 2, named, "vehicles.count=30", "game.solver=exact")
    shown = figures(world)
    assert shown["metric_price_settled_h"] == "0"
    assert shown["metric_price_distance"].startswith("homes ")
    assert "price settled h" in now_html(world)


def test_what_is_shown_is_what_the_simulation_does() -> None:
    world = simulated("three-communities", 9)
    scenario = load_scenario("three-communities")
    alone = Simulation(make_setting(scenario), "three_level")
    for _ in range(9):
        alone.step()
    decision = alone.market.decision
    assert figures(world) == {
        "time": "Mon 16 Jan 2023 09:00",
        "steps": "9 of 24",
        "load": f"{alone.net_kwh.sum():,.1f} kW",
        "utility_price": f"{decision.utility_price:,.3f} JPY/kWh",
        "fixed_load_kwh": f"{alone.hour_kwh['fixed_load_kwh'].sum():,.1f} kWh drawn",
        "ev_kwh": f"{-alone.hour_kwh['ev_kwh'].sum():,.1f} kWh delivered",
        "on_the_road": f"{len(alone.schemes['vehicles'].drivers):,}",
    }
    shown = world.summary()["three_level"]
    assert shown.pop("accounts")["parties"] == alone.ledger.balances
    assert shown == alone.summary()
    table = summary_table(world.summary(), "JPY", ["typical", "three_level"])
    page = so_far_html(world)
    for column in table.columns:
        for cell in column.cells:
            assert f">{escape(str(cell))}<" in page or f">{escape(str(cell).strip())}<" in page
    price, load = time_charts.price_chart(world, Look()), time_charts.load_chart(world, Look())
    drawn = {series["name"]: series["data"] for series in price["series"]}
    for m, community in enumerate(scenario.communities):
        assert drawn[community][-1] == pytest.approx(decision.community_price[m], rel=1e-3)
    drawn = {series["name"]: series["data"] for series in load["series"]}
    assert drawn["Three-level game"][-1] == pytest.approx(alone.net_kwh.sum(), abs=0.05)
    assert len(drawn["Typical charging"]) == 9


def test_a_whole_view_ends_with_the_results_of_the_same_run(tmp_path: Path) -> None:
    world = simulated("three-communities", 24)
    scenario = load_scenario("three-communities", ["plots=false", "record.vehicles=none"])
    start_run(scenario, tmp_path / "run")
    left = json.loads((tmp_path / "run" / "summary.json").read_text())
    for strategy, shown in world.summary().items():
        assert json.loads(json.dumps(shown)) == left[strategy]


def test_energies_of_a_chart_add_up_to_the_load() -> None:
    for name, steps in (("three-communities", 12), ("school-buses", 20)):
        world = simulated(name, steps)
        chart = time_charts.energy_chart(world, Look())
        stacked = np.sum([series["data"] for series in chart["series"]], axis=0)
        loads = [reading.net_kwh.sum() for reading in world.history[world.strategy]]
        assert stacked == pytest.approx(loads, abs=0.3)


def test_schools_are_seen_to_sell_and_what_they_are_paid() -> None:
    world = simulated("school-buses", 14)
    readings = list(world.history["optimal_energy_price"])
    sold = [float(reading.hour_kwh["school_bus_kwh"].sum()) for reading in readings]
    paid = [reading.paid["incentive for schools"] for reading in readings]
    assert any(energy > 0 for energy in sold)
    for energy, price in zip(sold, paid, strict=True):
        assert (energy > 0) == np.isfinite(price)
    summary = world.summary()["optimal_energy_price"]
    income = sum(e * p for e, p in zip(sold, paid, strict=True) if e > 0)
    assert income == pytest.approx(summary["school_income"])
    series = time_charts.price_chart(world, Look())["series"]
    dots = next(one for one in series if one["name"] == "incentive for schools")
    assert [value is not None for value in dots["data"]] == [energy > 0 for energy in sold]
    [stores] = world.stores.values()
    assert len(stores.names) == 20
    rings = map_and_grid.map_chart(world, Look())["series"][3]["data"]
    assert [dot["value"][2] for dot in rings] == pytest.approx(
        stores.energy_kwh / stores.capacity_kwh, abs=1e-3
    )


def test_homes_without_a_grid_show_what_happens_within_them() -> None:
    world = simulated("smart-home", 9)
    chart = time_charts.energy_chart(world, Look())
    assert chart["title"]["text"] == "Within the homes"
    drawn = {series["name"]: sum(series["data"]) for series in chart["series"]}
    sums = world.summary()["mpfa_mg_shifting"]
    assert drawn["generation used at once"] == pytest.approx(sums["home_direct_kwh"], rel=1e-3)
    assert drawn["wanted by appliances"] == pytest.approx(sums["home_wanted_kwh"], rel=1e-3)
    assert "nothing is drawn" in time_charts.load_chart(world, Look())["title"]["subtext"]
    assert "-0.0" not in so_far_html(world)


def test_vehicles_are_drawn_on_the_way_between_their_communities() -> None:
    world = simulated("three-communities", 8)
    road = world.on_the_road
    assert road is not None
    assert road.vehicles == len(world.watched.schemes["vehicles"].drivers) > 0
    assert len(road.at) == -(-road.vehicles // road.each) <= MOST_DOTS
    fleet = world.watched.schemes["vehicles"].fleet.population
    assert ((road.soc >= 0) & (road.soc <= 1)).all()
    assert road.soc.max() <= (fleet["energy_kwh"] / fleet["capacity_kwh"]).max() + 0.2
    homes, malls, offices = world.places
    for at in road.at:
        # Within a lane of one of the two roads to homes.
        off = [_distance(at, homes, end) for end in (malls, offices)]
        assert min(off) < 0.04


def _distance(at: Any, start: Any, end: Any) -> float:
    way = end - start
    along = np.clip(np.dot(at - start, way) / np.dot(way, way), 0, 1)
    return float(np.hypot(*(start + along * way - at)))


def test_a_vehicle_comes_nearer_to_where_it_goes() -> None:
    changes = ("vehicles.count=10", "step_h=0.25", "hours=12")
    setting = make_setting(load_scenario("three-communities", changes))
    roads, seen = VehicleRoads(setting), []

    def look(world: Simulation) -> None:
        seen.append(roads.read(world.schemes["vehicles"]))  # type: ignore[arg-type]

    simulation = Simulation(setting, "typical", look)
    for _ in range(setting.scenario.steps):
        simulation.step()
    moving = [road.at for road in seen if road.vehicles]
    assert len(moving) > 3
    assert all(np.isfinite(at).all() for at in moving)
    assert any(not np.array_equal(a, b) for a, b in pairwise(moving))


def test_many_vehicles_are_few_dots() -> None:
    world = simulated("three-communities", 8, "vehicles.count=20000", "game.solver=exact")
    assert world.on_the_road is not None
    assert world.on_the_road.vehicles == 10_000
    chart = map_and_grid.map_chart(world, Look())
    assert len(chart["series"][2]["data"]) <= MOST_DOTS
    assert f"a dot for every {world.on_the_road.each}" in chart["title"]["subtext"]


MANY = 6


def test_many_communities_have_short_labels_and_few_storages_each() -> None:
    given = load_scenario("school-buses").model_dump(mode="json")
    [feeder] = [community["feeder"] for community in given["communities"].values()]
    more = [
        f"communities.c{n}={{members: [], feeder: {json.dumps(feeder)}}}" for n in range(MANY - 1)
    ]
    world = simulated("school-buses", 8, *more)
    room = map_and_grid.room_of(world)
    chart = map_and_grid.map_chart(world, Look())
    communities, rings = chart["series"][1]["data"], chart["series"][3]["data"]
    assert len(communities) == MANY
    assert 0 < len(rings) <= room.stores < 20
    assert f"{len(rings)} drawn" in chart["title"]["subtext"]
    # A label shows the name, what is drawn and its price; the pointer has the rest.
    assert {one["label"]["formatter"].count("\n") for one in communities} == {1}
    of_schools = [one for one in communities if "school buses" in one["tooltip"]["formatter"]]
    assert [one["name"] for one in of_schools] == ["rochester"]


def test_lines_are_drawn_as_full_as_they_are() -> None:
    world = simulated("three-communities", 8, "communities.malls.feeder.rating_kw=2000")
    chart = map_and_grid.grid_chart(world, Look())
    links = chart["series"][0]["links"]
    assert len(links) == len(world.setting.grid.lines)
    fullest = max(float(loading) for loading in world.watched.loading)
    assert fullest > 1
    assert f"{fullest:.0%}" in chart["title"]["subtext"]
    assert OVERLOADED in {link["lineStyle"]["color"] for link in links}
    assert [line_colour(most) for most, _ in LINE_COLOURS] == [c for _, c in LINE_COLOURS]


def test_a_large_grid_is_drawn_down_to_its_communities() -> None:
    members = [
        f"{{kind: household, name: h{n}, count: 1, annual_kwh: 4000, profile: h0}}"
        for n in range(grid_tree.MOST_LINES)
    ]
    world = simulated(
        "three-communities", 1, "vehicles.count=0",
        f"communities.homes.members=[{', '.join(members)}]",
    )  # fmt: skip
    links = map_and_grid.grid_chart(world, Look())["series"][0]["links"]
    assert len(links) == 6
    assert {link["source"] for link in links} < set(world.setting.grid.nodes)


def test_a_community_without_supply_has_no_price() -> None:
    outages = "{mean_time_between_failures_h: 2, mean_time_to_repair_h: 6}"
    world = simulated("three-communities", 12, f"chance.feeder_outages={outages}")
    readings = list(world.history[world.strategy])
    dark = [(r.step, m) for r in readings for m in range(3) if r.price(m) is None]
    assert dark
    chart = time_charts.price_chart(world, Look())
    for step, m in dark:
        assert chart["series"][m]["data"][step] is None
    assert any(
        "no supply" in line
        for m in range(3)
        for line in map_and_grid.community_lines(world, readings[-1], m)
    ) == any(price is None for price in map(readings[-1].price, range(3)))


def test_a_run_ends_where_the_scenario_does() -> None:
    world = simulated("three-communities", 5, "hours=3", "vehicles.count=20")
    assert not world.running
    assert world.steps_done == 3
    assert world.watched.step_index == 3


def test_a_long_run_keeps_what_is_drawn_and_no_more() -> None:
    world = simulated(
        "three-communities", STEPS_SHOWN + 10, "hours=400", "vehicles.count=10", strategy="typical"
    )
    assert {len(readings) for readings in world.history.values()} == {STEPS_SHOWN}
    chart = time_charts.load_chart(world, Look())
    assert len(chart["xAxis"]["data"]) == len(chart["series"][0]["data"]) == STEPS_SHOWN
    last = world.setting.calendar.time_of(world.steps_done - 1)
    assert chart["xAxis"]["data"][-1] == f"{last:%a %d %b %H:%M}"


def test_the_first_strategy_alone_is_compared_with_none() -> None:
    world = simulated("three-communities", 2, strategy="typical")
    assert [each.strategy for each in world.worlds] == ["typical"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_value_of_a_scenario_is_a_place_of_its_slider(name: str) -> None:
    parameters = parameters_of(load_scenario(name))
    assert parameters
    assert len({parameter.name for parameter in parameters}) == len(parameters)
    for p in parameters:
        assert p.lowest <= p.value <= p.highest
        places = (p.value - p.lowest) / p.step
        assert places == pytest.approx(round(places), abs=1e-6)
        assert p.highest > p.lowest


def ends(given: Source) -> list[tuple[Parameter, float]]:
    return [(each, value) for each in given.parameters for value in (each.lowest, each.highest)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_ends_of_every_slider_are_right(name: str) -> None:
    given = source(name)
    for parameter, value in ends(given):
        changed = given.changed({parameter.name: value}, given.scenario.seed)
        assert changed != given.scenario or value == parameter.value


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_both_ends_of_every_slider_make_a_world(name: str) -> None:
    given = source(name)
    for parameter, value in ends(given):
        world = begin(given, **{parameter.name: value})
        assert world.problems == []
        assert world.value_of(parameter) == value
        world.step()
        assert figures(world)["steps"].startswith("1 of")


def test_sliders_change_the_world_and_an_unmoved_one_does_not() -> None:
    given = source("three-communities")
    values = {parameter.name: parameter.value for parameter in given.parameters}
    assert given.changed(values, 1) is given.scenario
    world = begin(given, **(values | {"vehicles__count": 300}))
    assert len(world.watched.schemes["vehicles"].fleet) == 300
    assert given.changed({}, 7).seed == 7


def test_every_scheme_of_a_city_has_sliders() -> None:
    fleet = load_scenario("three-communities").model_dump(mode="json", exclude_none=True)
    changes = [
        "strategies=[charge_after_use, three_level]",
        f"vehicles={json.dumps(fleet['vehicles'])}",
        *(f"communities.{k}={json.dumps(v)}" for k, v in fleet["communities"].items()),
        f"roads={json.dumps(fleet['roads'])}",
    ]
    found = parameters_of(load_scenario("school-buses", changes))
    assert {each.key.partition(".")[0] for each in found} == {"school_buses", "vehicles"}


def test_steps_of_sliders_are_round() -> None:
    assert [round_step(about) for about in (0, 0.35, 1.9, 100, 7500, 9999)] == [
        1, 0.2, 1, 100, 5000, 5000,
    ]  # fmt: skip


def test_values_that_do_not_go_together_are_reported_and_not_run() -> None:
    given = source("three-communities")
    world = LiveWorld(source=given, strategy="Three-level game", seed="one")
    assert world.problems == ["seed: 'one' is no whole number"]
    assert not world.running
    world.step()
    assert world.steps_done == 0
    world = begin(given, vehicles__capacity_kwh=-1)
    assert world.problems == [
        "battery of a vehicle [kWh]: the value -1 (allowed: a number from 2 to 80)"
    ]


def test_names_in_a_page_are_text_and_no_markup() -> None:
    world = begin(source("three-communities"))
    world.problems = ["<script>"]
    from hmesh.runs.live.figure_boxes import problems_html

    assert "<script>" not in problems_html(world.problems)


def test_stores_of_a_scheme_are_those_of_its_agents() -> None:
    world = simulated("battery-sharing", 3, strategy="shared_battery")
    [stores] = stores_of(world.watched).values()
    batteries = world.watched.schemes["battery_sharing"].batteries  # type: ignore[attr-defined]
    assert stores.energy_kwh.sum() == pytest.approx(batteries["energy_kwh"].sum())
    assert len(stores.names) == 39


def hmesh(*words: str) -> Any:
    return CliRunner().invoke(app, words, prog_name="hmesh", env={"COLUMNS": "120"})


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from importlib.metadata import PackageNotFoundError

    def none_there(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("hmesh.runs.live.server.version", none_there)
    reported = hmesh("live", "three-communities")
    assert reported.exit_code == 2
    assert reported.stderr.splitlines() == [
        "hmesh live: needs solara, solara-assets, altair; "
        "install hMESH with its extra: pip install 'hmesh[live]'"
    ]


def test_wrong_input_is_reported_in_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmesh.runs.live.server.version", lambda name: "1")
    reported = hmesh("live", "three-communities", "--strategy", "three_leve")
    assert reported.exit_code == 2
    assert "did you mean 'three_level'?" in reported.stderr
    reported = hmesh("live", "three-communities", "--set", "vehicles.cont=3")
    assert reported.exit_code == 2
    assert "did you mean 'count'?" in reported.stderr


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        with pytest.raises(InputError, match="is in use"):
            refuse_used(taken.getsockname()[1])
    refuse_used(0)


def test_the_command_line_does_not_load_the_viewer() -> None:
    import subprocess

    code = (
        "import hmesh.runs.command_line, hmesh.runs.live.source, hmesh.runs.live.world, sys; "
        "assert not {'solara', 'altair'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_small_amounts_keep_their_digits_and_none_has_no_sign() -> None:
    reported = [amount(value, 1) for value in (12345.67, 10, 9.99, 0.0312, -0.0001, -0.04, 0)]
    assert reported == ["12,345.7", "10.0", "9.990", "0.031", "0.000", "-0.040", "0.0"]
    assert amount(0.4, 0) == "0.40"


def test_a_dark_page_has_lighter_colours() -> None:
    assert Look().tone("#332288") == "#332288"
    assert Look(dark=True).tone("#000000") == "#595959"
    world = simulated("three-communities", 2, "vehicles.count=20")
    light, dark = (time_charts.price_chart(world, Look(dark=dark)) for dark in (False, True))
    for one, other in zip(light["series"], dark["series"], strict=True):
        assert other["data"] == one["data"]
        assert other["color"] == Look(dark=True).tone(one["color"]) != one["color"]


def test_all_energies_have_a_name_and_a_colour() -> None:
    from hmesh.runs.live.chart_style import ENERGY_COLOURS, ENERGY_NAMES

    assert set(ENERGIES) == set(ENERGY_COLOURS) == set(ENERGY_NAMES)


PLUGIN = """
import numpy as np
from hmesh.agents import ElectricVehicle
from hmesh.plugins import Decision, behaviour, strategy


@behaviour("idle")
class Idle(ElectricVehicle):
    def respond(self, price):
        return 0.0


@strategy("flat", scheme="vehicles", label="a flat tariff", colour="#123456")
class FlatTariff:
    def decide(self, simulation):
        price = np.where(simulation.supplied, 33.0, np.nan)
        return Decision(30.0, price, simulation.market.respond(price))
"""


@pytest.mark.usefixtures("plugins_withdrawn")
def test_what_plugins_add_is_watched_too(tmp_path: Path) -> None:
    (tmp_path / "flat.py").write_text(PLUGIN)
    changes = (
        "vehicles.count=6", "strategies=[typical, flat]",
        "behaviours=[{behaviour: idle, share: 1.0}]",
    )  # fmt: skip
    given = make_source("three-communities", changes, plugins=[str(tmp_path / "flat.py")])
    assert given.strategy == "flat"
    world = begin(given)
    for _ in range(2):
        world.step()
    assert world.problems == []
    assert figures(world)["utility_price"].startswith("30")
    assert not world.watched.schemes["vehicles"].vehicle_kwh.any()
    for draw in CHARTS:
        assert draw(world, Look())["series"]


@pytest.fixture(scope="module")
def shared_city() -> LiveWorld:
    """Return a small city in which everybody shares, some hours on."""
    small = [each for each in SMALL_CITY if not each.startswith(("strategies", "hours"))]
    return simulated("one-city", 12, *small)


def test_the_panel_of_gains_says_what_a_run_would(shared_city: LiveWorld) -> None:
    summary, names = shared_city.summary(), ["nobody_shares", "everybody_shares"]
    page = gains_html(shared_city)
    assert escape(gains_sentence(summary, "JPY", names)) in page
    assert 'class="gains"' in page
    table = gains_table(summary, "JPY", names)
    for column in table.columns:
        for cell in column.cells:
            assert escape(str(cell).strip()) in page
    begun = begin(source("one-city"))
    assert "Press Step" in gains_html(begun)
    first = simulated("three-communities", 2, strategy="typical")
    assert "choose another one" in gains_html(first)


def test_the_chart_of_local_exchange_says_what_the_world_does(shared_city: LiveWorld) -> None:
    chart = time_charts.local_chart(shared_city, Look())
    local = shared_city.watched.local_exchange
    assert local is not None
    drawn = {one["name"]: one["data"] for one in chart["series"]}
    for name, label, _ in LOCAL_USES:
        if label in drawn:
            due = float(local.energies[name].sum())
            assert drawn[label][-1] == pytest.approx(due, rel=1e-3, abs=1e-3)
    assert "used by other members" in drawn
    last = shared_city.last
    assert last is not None
    for feed_in, price, retail in last.local_prices.values():
        assert feed_in <= price <= retail
    assert len(last.local_prices) >= 1


def test_parts_of_the_page_are_those_that_have_something_to_show() -> None:
    parts = {
        name: len(parts_of(source(name)))
        for name in ("one-city", "three-communities", "smart-home")
    }
    assert parts["one-city"] == parts["three-communities"] + 1
    without = source("three-communities", "record.accounts=none")
    assert len(parts_of(without)) == parts["three-communities"] - 1


def test_sliders_of_a_city_with_prosumers_change_what_its_file_has() -> None:
    given = source("one-city")
    count = next(each for each in given.parameters if each.key == "vehicles.count")
    assert count.value == 1000
    for parameter in given.parameters:
        value = parameter.lowest if parameter.lowest != parameter.value else parameter.highest
        load_scenario("one-city", [f"{parameter.key}={value}"])


def test_prices_colour_communities_and_queues_are_reported() -> None:
    changes = (
        "strategies=[three_level]", "vehicles.groups.0.count=60", "vehicles.groups.2.count=10",
        "communities.works.chargers.0.count=2", "communities.centre.chargers.0.count=2", "step_h=1",
    )  # fmt: skip
    world = simulated("suburbs", 11, *changes)
    assert world.last is not None
    chart = map_and_grid.map_chart(world, Look())
    communities = chart["series"][1]["data"]
    prices = [world.last.price(m) for m in range(len(communities))]
    colours = [one["itemStyle"]["color"] for one in communities]
    low, high = map_and_grid.price_range(world) or (0.0, 0.0)
    past = [reading.community_price for reading in world.history["three_level"]]
    assert (low, high) == (np.min(past), np.max(past))
    assert f"price {low:,.2f} to {high:,.2f} EUR/kWh" in chart["title"]["subtext"]
    # The more expensive, the darker; the same price has the same colour.
    by_price = sorted(zip(prices, colours, strict=True), key=lambda each: (each[0] or 0.0, each[1]))
    reds = [int(colour[1:3], 16) for _, colour in by_price]
    assert reds == sorted(reds, reverse=True)
    # Those that want a plug where plugs are few, and have none.
    fleet = world.watched.schemes["vehicles"].fleet.population
    few = [bool(each.chargers) for each in world.given.communities.values()]
    without = fleet["plugs_in"] & (fleet["plug"] < 0)
    queues = [int((without & (fleet["place"] == m)).sum()) * few[m] for m in range(len(few))]
    assert max(queues) > 5
    for queue, one in zip(queues, communities, strict=True):
        reported = [part for part in one["tooltip"]["formatter"].split(", ") if "waiting" in part]
        assert reported == ([f"{queue} waiting"] if queue else [])
