import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from hmesh.environment import InputError
from hmesh.runs import draw_plots, load_scenario, notes, read_run, read_yaml, resume_run, start_run
from hmesh.runs.audits.run_audit import audit_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_again, interrupted_run
from tests.quick_cases import quick

BASE: dict[str, Any] = read_yaml("""
name: chance
time_zone: Europe/Berlin
start: 2024-05-15T06:00
hours: 30
plots: false
location: {latitude: 52.5, longitude: 13.4}
communities:
  homes:
    members:
      - {kind: household, name: south, count: 12, annual_kwh: 4e3, profile: h0, pv_kw: 3}
      - {kind: household, name: east, count: 4, annual_kwh: 4e3, profile: h0, pv_kw: 1,
         pv_azimuth: 90}
    feeder: {loss_rate: 0.02}
  malls:
    members: [{kind: building, name: mall, count: 2, annual_kwh: 4e4, profile: g4, pv_kw: 20}]
    feeder: {loss_rate: 0.01}
  offices:
    members: [{kind: building, name: office, count: 3, annual_kwh: 3e4, profile: g1}]
vehicles: {count: 20}
""", "base")  # fmt: skip
NOISE = {"household": {"sigma": 0.4}, "building": {"sigma": 0.2, "correlation_h": 6}}
CLOUDS = {"mean": 0.6, "deviation": 0.25, "correlation_h": 3}
CHARGERS = {"mean_time_between_failures_h": 12, "mean_time_to_repair_h": 4}
FEEDERS = {"mean_time_between_failures_h": 10, "mean_time_to_repair_h": 3}
CHANCE = {
    "demand_noise": NOISE,
    "cloudiness": CLOUDS,
    "charger_outages": CHARGERS,
    "feeder_outages": FEEDERS,
}
EVERYTHING: dict[str, Any] = {
    "chance": CHANCE,
    "growth": {"demand_per_year": {"household": 0.5, "building": 1.0}},
    "messages": {
        "latency_h": 5e-4, "latency": "exponential", "loss_rate": 0.02, "deadline_h": 0.4,
        "keep": "all",
    },
    "vehicles": {
        "count": 20,
        "lam": {"distribution": "normal", "mean": 60, "deviation": 5, "low": 50},
        "theta": {"distribution": "lognormal", "mean": 2, "deviation": 0.5},
    },
}  # fmt: skip


def scenario(**changes: Any) -> Scenario:
    return Scenario.model_validate(BASE | changes)


def simulated(steps: int = 30, strategy: str = "typical", **changes: Any) -> list[dict[str, Any]]:
    """Return what every step of a world had."""
    reported: list[dict[str, Any]] = []

    def keep(simulation: Simulation) -> None:
        fleet = simulation.schemes["vehicles"].fleet.population
        reported.append(
            {
                "load": {
                    kind.scenario_name: group.population["load_kwh"].copy()
                    for kind, group in simulation.consumers.items()
                },
                "fixed": simulation.meters.fixed_kwh,
                "generation": simulation.meters.generation_kwh,
                "unserved": simulation.meters.unserved_kwh,
                "curtailed": simulation.meters.curtailed_kwh,
                "clearness": simulation.chance.clearness,
                "feeder_out": simulation.chance.feeder_out,
                "supplied_part": np.where(
                    simulation.chance.feeder_out, 0.0, 1.0 - simulation.chance.lost_part
                ),
                "charger_out": fleet["charger_out"].copy(),
                "price": simulation.market.decision.community_price,
            }
        )

    simulation = Simulation(make_setting(scenario(**changes)), strategy, keep)
    for _ in range(steps):
        simulation.step()
    return reported


def of(steps: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([step[name] for step in steps])


def loads(steps: list[dict[str, Any]], kind: str) -> np.ndarray:
    return np.array([step["load"][kind] for step in steps])


def digests(directory: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((directory / "run.json").read_text())["sha256"]
    return found


def table(directory: Path, name: str) -> pd.DataFrame:
    frame: pd.DataFrame = read_run(directory).table(name).to_pandas()
    return frame


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with all kinds of chance at once."""
    directory = tmp_path_factory.mktemp("everything") / "run"
    start_run(scenario(**EVERYTHING), directory)
    return directory


def test_every_kind_of_chance_draws_for_itself() -> None:
    quiet, all_on = simulated(), simulated(chance=CHANCE)
    noisy = simulated(chance={"demand_noise": NOISE})
    cloudy = simulated(chance={"cloudiness": CLOUDS})
    dark = simulated(chance={"feeder_outages": FEEDERS})
    supplied = of(all_on, "supplied_part")
    np.testing.assert_array_equal(of(all_on, "clearness"), of(cloudy, "clearness"))
    np.testing.assert_array_equal(of(all_on, "feeder_out"), of(dark, "feeder_out"))
    np.testing.assert_allclose(of(all_on, "fixed"), of(noisy, "fixed") * supplied, rtol=1e-12)
    np.testing.assert_allclose(of(dark, "fixed") + of(dark, "unserved"), of(quiet, "fixed"))
    np.testing.assert_allclose(
        of(all_on, "generation") - of(all_on, "curtailed"), of(cloudy, "generation")
    )
    assert ((supplied > 0) & (supplied < 1)).any()
    assert (supplied == 0).any()
    assert of(all_on, "curtailed").sum() > 0


def test_households_and_buildings_are_noisy_apart() -> None:
    quiet = simulated()
    noisy = simulated(chance={"demand_noise": {"household": {"sigma": 0.4}}})
    both = simulated(chance={"demand_noise": NOISE})
    np.testing.assert_array_equal(loads(noisy, "building"), loads(quiet, "building"))
    np.testing.assert_array_equal(loads(noisy, "household"), loads(both, "household"))
    assert (loads(noisy, "household") != loads(quiet, "household")).all()
    assert (loads(both, "building") != loads(quiet, "building")).all()


def test_more_members_and_vehicles_change_nothing_for_the_others() -> None:
    before = simulated(chance=CHANCE)
    communities = json.loads(json.dumps(BASE["communities"]))
    communities["homes"]["members"][0]["count"] = 15
    communities["malls"]["members"].append(
        {"kind": "household", "name": "flats", "count": 2, "annual_kwh": 2e3, "profile": "h0"}
    )
    after = simulated(communities=communities, vehicles={"count": 33}, chance=CHANCE)
    rows = np.r_[0:12, 15:19]
    np.testing.assert_array_equal(loads(after, "household")[:, rows], loads(before, "household"))
    np.testing.assert_array_equal(loads(after, "building"), loads(before, "building"))
    np.testing.assert_array_equal(of(after, "clearness"), of(before, "clearness"))
    np.testing.assert_array_equal(of(after, "charger_out")[:, :20], of(before, "charger_out"))


def test_noise_multiplies_the_load_and_remembers() -> None:
    quiet, noisy = simulated(30), simulated(30, chance={"demand_noise": NOISE})
    factor = loads(noisy, "household") / loads(quiet, "household")
    z = (np.log(factor) + 0.4**2 / 2) / 0.4
    assert abs(z.mean()) < 0.5
    assert np.diff(z, axis=0).std() == pytest.approx(np.sqrt(2 * (1 - np.exp(-1 / 24))), rel=0.1)
    assert (np.abs(np.corrcoef(z.T) - np.eye(16)) < 1 - 1e-9).all()


def test_the_sky_is_one_or_each_communitys_own() -> None:
    clear = of(simulated(), "generation")
    common = of(simulated(chance={"cloudiness": CLOUDS}), "clearness")
    assert (common == common[:, :1]).all()
    own = simulated(chance={"cloudiness": CLOUDS | {"common": False}})
    assert (of(own, "clearness")[:, 0] != of(own, "clearness")[:, 1]).all()
    np.testing.assert_allclose(of(own, "generation"), clear * of(own, "clearness"))
    assert clear[:, 2].max() == 0
    assert clear[4, 0] < -10


def test_demand_grows_by_kind_from_the_start() -> None:
    quiet = simulated(5)
    grown = simulated(5, growth={"demand_per_year": {"household": 0.5}})
    factor = 1.5 ** (np.arange(5)[:, None] / 8760)
    np.testing.assert_allclose(
        loads(grown, "household"), loads(quiet, "household") * factor, rtol=1e-12
    )
    np.testing.assert_array_equal(loads(grown, "building"), loads(quiet, "building"))


@pytest.mark.slow
def test_a_community_without_supply_takes_no_part(everything: Path) -> None:
    hours = table(everything, "hours")
    out = hours["community_price"].isna()
    assert 0 < out.mean() < 1
    dark = hours[out]
    for name in ("fixed_load_kwh", "generation_kwh", "ev_kwh", "net_kwh", "vehicles_present"):
        assert (dark[name] == 0).all()
    assert (dark["unserved_kwh"] > 0).all()
    # An outage of a part of a step leaves some of the load served.
    assert (hours.loc[~out & (hours["unserved_kwh"] > 0), "fixed_load_kwh"] > 0).all()
    spoken = table(everything, "messages")
    talking = set(zip(spoken["strategy"], spoken["step"], spoken["receiver"], strict=True))
    for row in dark.itertuples():
        assert (row.strategy, row.step, row.community) not in talking


def test_a_vehicle_without_a_working_plug_exchanges_nothing(everything: Path) -> None:
    vehicles = table(everything, "vehicles")
    idle = vehicles[vehicles["plugged"] == 0]
    assert idle["community"].notna().any()
    for name in ("energy_kwh", "min_kwh", "max_kwh"):
        assert (idle[name] == 0).all()
    assert idle["price"].isna().all()
    plugged = vehicles[vehicles["plugged"] == 1]
    assert plugged["community"].notna().all()
    present = plugged.groupby(["step", "strategy", "community"], observed=True).size()
    hours = table(everything, "hours").set_index(["step", "strategy", "community"])
    reported = hours.loc[hours["vehicles_present"] > 0, "vehicles_present"]
    assert present.to_dict() == reported.to_dict()


def test_energy_and_money_balance_with_everything_on(everything: Path) -> None:
    hours = table(everything, "hours")
    parts = hours["fixed_load_kwh"] + hours["generation_kwh"] + hours["ev_kwh"]
    np.testing.assert_allclose(hours["net_kwh"], parts, rtol=1e-12, atol=1e-9)
    assert (hours["generation_kwh"] < 0).any()
    lines = table(everything, "lines")
    roots = lines[lines["line"].astype(str).str.startswith("utility - ")]
    ledger = table(everything, "ledger")
    generated = ledger[ledger["kind"] == "generation"].set_index(["strategy", "step"])
    sent = roots.groupby(["strategy", "step"], observed=True)["sent_kwh"].sum()
    np.testing.assert_allclose(generated["energy_kwh"].sort_index(), sent.sort_index(), atol=1e-9)
    sold = ledger[ledger["kind"] == "photovoltaics"]["energy_kwh"].sum()
    assert sold == pytest.approx(-hours["generation_kwh"].sum())
    for totals in read_run(everything).summary.values():
        assert totals["money_imbalance"] == 0
        own = totals["fixed_load_bill"] + totals["ev_bill"] - totals["generation_income"]
        profit = totals["aggregator_profit"] + totals["utility_profit"] + totals["generation_cost"]
        assert own == pytest.approx(profit)


def test_the_summary_shows_what_chance_did(everything: Path) -> None:
    summary = read_run(everything).summary
    hours = table(everything, "hours")
    for name, totals in summary.items():
        mine = hours[hours["strategy"] == name]
        assert totals["unserved_kwh"] == pytest.approx(mine["unserved_kwh"].sum())
        assert totals["counts"]["feeders_out"] == mine["community_price"].isna().sum()
        assert totals["counts"]["vehicles_cut_off"] > 0
        assert totals["curtailed_kwh"] > 0
    reported = "\n".join(notes(summary))
    for part in ("outages left unserved", "outages cut off", "without supply", "came too late"):
        assert part in reported


def test_the_audit_passes_with_everything_on(everything: Path, tmp_path: Path) -> None:
    assert audit_run(everything).passed
    # Where no message is lost or given up the equilibrium is required, too.
    heard = EVERYTHING | {"messages": {"latency_h": 5e-4, "latency": "exponential"}}
    start_run(scenario(**heard, step_h=0.5, hours=12), tmp_path / "run")
    audit = audit_run(tmp_path / "run")
    assert audit.passed
    assert all(check.passed for check in audit.checks if "equilibrium" in check.name)


@pytest.mark.slow
@pytest.mark.parametrize("hours", quick({30}, [30, 30 * 24]))
def test_figures_stand_communities_without_supply(hours: int, tmp_path: Path) -> None:
    changes = {"strategies": ["typical"], "record": {"vehicles": 2}, "hours": hours}
    start_run(scenario(**changes, chance=CHANCE), tmp_path / "run")
    plots = {plot.name: plot for plot in draw_plots(tmp_path / "run")}
    assert all(plot.path for plot in plots.values())
    assert "nan" not in plots["prices"].finding
    assert "on the road or cut off" in plots["whereabouts"].finding


def test_a_resumed_run_is_the_run_never_interrupted(everything: Path, tmp_path: Path) -> None:
    directory = tmp_path / "run"

    interrupted_run(directory, 7, scenario(**EVERYTHING))
    resume_run(interrupted_again(directory, 19))
    assert digests(directory) == digests(everything)


def test_messages_that_all_arrive_change_no_price(tmp_path: Path) -> None:
    late = {"latency_h": 0.01, "latency": "exponential"}
    start_run(scenario(hours=6), tmp_path / "at once")
    start_run(scenario(hours=6, messages=late), tmp_path / "late")
    assert digests(tmp_path / "at once") == digests(tmp_path / "late")


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("solver", ["negotiate", "grid", "closed_form", "exact"])
@pytest.mark.parametrize("strategy", ["two_level", "three_level"])
def test_every_solver_stands_outages_of_some_and_of_all(solver: str, strategy: str) -> None:
    never = {"mean_time_between_failures_h": 1, "mean_time_to_repair_h": 1e9}
    for feeders in (FEEDERS, never):
        steps = simulated(24, strategy, game={"solver": solver}, chance={"feeder_outages": feeders})
        assert of(steps, "feeder_out").any()
        np.testing.assert_array_equal(np.isnan(of(steps, "price")), of(steps, "feeder_out"))
    assert of(steps, "feeder_out").all()


def test_a_vehicle_alone_sees_the_outage_that_all_see() -> None:
    simulation = Simulation(make_setting(scenario(chance={"charger_outages": CHARGERS})), "typical")
    simulation.step()
    plugged = simulation.schemes["vehicles"].fleet.plugged
    assert 0 < plugged.sum() < len(plugged)
    for vehicle, here in zip(simulation.schemes["vehicles"].fleet, plugged, strict=True):
        assert (vehicle.exchange_bounds() != (0.0, 0.0)) == here


def fleet_of(**changes: Any) -> Any:
    """Return the columns of the vehicles of a scenario."""
    return make_setting(scenario(**changes)).schemes["vehicles"].fleet


@pytest.mark.parametrize(
    ("given", "mean", "deviation"),
    [
        (60.0, 60.0, 0.0),
        ([50.0, 70.0], 60.0, 20 / np.sqrt(12)),
        ({"distribution": "constant", "value": 3}, 3.0, 0.0),
        ({"distribution": "uniform", "low": 1, "high": 2}, 1.5, 1 / np.sqrt(12)),
        ({"distribution": "normal", "mean": 60, "deviation": 4}, 60.0, 4.0),
        ({"distribution": "lognormal", "mean": 2, "deviation": 1}, 2.0, 1.0),
        ({"distribution": "triangular", "low": 0, "mode": 3, "high": 3}, 2.0, 1 / np.sqrt(2)),
    ],
)
def test_preferences_follow_their_distribution(given: Any, mean: float, deviation: float) -> None:
    fleet = fleet_of(vehicles={"count": 20_000, "lam": given})
    assert fleet["lam"].mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(20_000))
    assert fleet["lam"].std() == pytest.approx(deviation, rel=0.05, abs=1e-12)
    fewer = fleet_of(vehicles={"count": 50, "lam": given})
    np.testing.assert_array_equal(fewer["lam"], fleet["lam"][:50])


def test_satisfaction_and_its_fall_are_drawn_apart() -> None:
    given = {"distribution": "uniform", "low": 1, "high": 2}
    fleet = fleet_of(vehicles={"count": 5000, "lam": given, "theta": given})
    assert abs(np.corrcoef(fleet["lam"], fleet["theta"])[0, 1]) < 0.05
    again = fleet_of(vehicles={"count": 5000, "lam": 60, "theta": given})
    np.testing.assert_array_equal(again["theta"], fleet["theta"])


def test_preferences_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "survey.csv").write_text("name,lam\na,51\nb,52\nc,53\n")
    lam = {"distribution": "file", "file": "survey.csv", "column": "lam"}
    path = tmp_path / "scenario.yaml"

    def fleet(**vehicles: Any) -> np.ndarray:
        path.write_text(yaml.safe_dump(BASE | {"vehicles": vehicles}))
        values: np.ndarray = make_setting(load_scenario(str(path))).schemes["vehicles"].fleet["lam"]
        return values

    np.testing.assert_array_equal(fleet(count=2, lam=lam), [51.0, 52.0])
    drawn = fleet(count=300, lam=lam | {"drawn": True})
    assert set(drawn) == {51.0, 52.0, 53.0}
    with pytest.raises(InputError, match=r"survey\.csv: has 3 rows .*at least 4"):
        fleet(count=4, lam=lam)
    assert "survey.csv" in load_scenario(str(path)).files()
    with pytest.raises(InputError, match=r"no file .*serve\.csv.*survey\.csv"):
        fleet(count=1, lam=lam | {"file": "serve.csv"})


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            "vehicles.lam={distribution: normel}",
            ["vehicles.lam.distribution", "normel", "'normal'"],
        ),
        ("vehicles.lam={low: 1}", ["no distribution is named", "triangular"]),
        ("vehicles.lam={distribution: uniform, low: 3, high: 1}", ["lam.high", "below low 3"]),
        ("vehicles.lam={distribution: triangular, low: 3, mode: 5, high: 4}", ["below mode 5"]),
        (
            "vehicles.lam={distribution: normal, mean: 1, deviation: 0}",
            ["lam.deviation", "above 0"],
        ),
        (
            "vehicles.lam={distribution: normal, mean: 1, deviation: 1, low: 20}",
            ["hardly anything lies above 20", "9 or less"],
        ),
        ("vehicles.theta={distribution: normal, mean: 2, deviation: 1}", ["above 0"]),
        ("vehicles.theta=[0, 2]", ["vehicles.theta", "lowest value is 0"]),
        ("chance.cloudiness={mean: 0.9, deviation: 0.4}", ["deviates by 0.4", "below 0.3"]),
        (
            "chance.feeder_outages={mean_time_between_failures_h: 100, mean_time_to_repair_h: 0}",
            ["chance.feeder_outages.mean_time_to_repair_h", "above 0"],
        ),
        ("chance.demand_noise.household={sigma: -1}", ["household.sigma", "from 0"]),
        ("growth.demand_per_year.building=-1", ["above -1"]),
        ("communities.homes.members.0.pv_kw=5", ["location", "photovoltaics"]),
        ("messages.latency=gamma", ["messages.latency", "constant, exponential"]),
    ],
)
def test_what_is_wrong_is_reported_with_its_place(change: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario("three-communities", [change])
    for part in parts:
        assert part in str(caught.value)
