from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from hmesh.environment.errors import InputError
from hmesh.runs import Run, audit_run, load_scenario, read_run, start_run
from hmesh.runs.audits.equilibrium import EquilibriumAudit
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.limits import AuditedGrid
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.run_inputs import run_inputs_of
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from tests.audited_runs import FEW, finished, outcome
from tests.interrupted_runs import interrupted_run

KEPT = [*FEW, "messages.keep=all", "hours=10", "start='2023-01-16T06:00'"]
OUTAGES = "{mean_time_between_failures_h: 8, mean_time_to_repair_h: 3}"
GOOD = {
    "exact": ["game.solver=exact"],
    "grid": ["game.solver=grid", "game.grid_step=0.01"],
    "efficiencies and losses on the lines": [
        "vehicles.charge_efficiency=0.9",
        "vehicles.discharge_efficiency=0.85",
        "communities.homes.feeder.loss_rate=0.05",
    ],
    "quarter hours": ["step_h=0.25", "hours=12", "start='2023-01-16T06:00'"],
    "trip reserve": ["vehicles.trip_reserve=true"],
    "lost messages": ["messages.loss_rate=0.05", "messages.keep=all"],
    "late messages": [
        "messages.latency_h=0.002",
        "messages.latency=exponential",
        "messages.deadline_h=0.4",
        "messages.keep=all",
    ],
    "some vehicles recorded": ["record.vehicles=7"],
    "no vehicle recorded": ["record.vehicles=none"],
    "no vehicles": ["vehicles.count=0"],
    "one strategy": ["strategies=[two_level]"],
    "other order, profit where nobody answers": [
        "strategies=[three_level, typical]",
        "prices.without_vehicles=profit_max",
        "prices.retail=average",
        "messages.keep=leaders",
    ],
    "two days in which the clocks change": ["hours=48", "start='2023-03-25T12:00'"],
    "an afternoon": ["hours=6", "start='2023-01-16T12:00'"],
    "batteries that run empty": [
        "vehicles.soc_start=0.25",
        "vehicles.consumption_kwh_per_km=0.5",
    ],
    "preferences of many kinds": [
        "vehicles.lam={distribution: normal, mean: 60, deviation: 5}",
        "vehicles.theta={distribution: lognormal, mean: 2, deviation: 0.5}",
    ],
    "noise and growth": [
        "chance.demand_noise.household.sigma=0.3",
        "growth.demand_per_year.building=0.5",
    ],
    "a fleet that grows": [
        "growth.vehicles_per_year=3650",
        "growth.vehicles_join=day",
        "hours=48",
        "vehicles.trip_reserve=true",
    ],
    "trips drawn for every day": [
        "travel={kind: drawn, home: {homes: 1}, speed_km_h: 40, days: {every: {travels: 0.9, "
        "departs_h: {distribution: uniform, low: 6, high: 9}, trip_km: {distribution: constant, "
        "value: 12}, stops: [1, 1], purposes: {work: {stay_h: {distribution: uniform, low: 2, "
        "high: 6}}}}}}",
    ],
    "outages and clouds": [
        f"chance.charger_outages={OUTAGES}",
        f"chance.feeder_outages={OUTAGES}",
        "chance.cloudiness.mean=0.5",
        "location={latitude: 52, longitude: 13}",
        "communities.homes.members.0.pv_kw=5",
        "start='2023-06-16T04:00'",
        "messages.keep=all",
    ],
}


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_good_runs_pass(changes: list[str]) -> None:
    report = audit_run(finished(*FEW, *changes))
    assert report.passed, "\n".join(report.lines())
    assert not report.failed


def test_what_cannot_be_checked_is_reported() -> None:
    report = audit_run(finished(*FEW, *GOOD["some vehicles recorded"]))
    left_out = {check.name: check.note for check in report.checks if check.passed is None}
    for strategy in ("two_level", "three_level"):
        assert "7 of 20" in left_out[f"equilibrium: communities' prices ({strategy})"]
    assert "energy: exchange of communities is that of vehicles" in left_out
    assert outcome(report)["vehicles: none does better by another exchange"] is True


def test_a_lost_announcement_is_no_failure_but_reported() -> None:
    report = audit_run(finished(*FEW, *GOOD["lost messages"]))
    notes = {check.name: check.note for check in report.checks}
    assert "stay idle" in notes["vehicles: none does better by another exchange"]
    assert "may be lost or late" in notes["equilibrium: vehicles' energies (three_level)"]


@pytest.mark.parametrize("strategy", ["two_level", "three_level"])
def test_closed_forms_fail_where_bounds_bind(strategy: str) -> None:
    directory = finished(*FEW, "game.solver=closed_form")
    report = audit_run(directory)
    assert all(name.startswith("equilibrium: ") for name in report.failed)
    vehicles = pq.read_table(directory / "vehicles.parquet").to_pandas()
    mine = vehicles[(vehicles["strategy"] == strategy) & (vehicles["plugged"] == 1)]
    at_bound = (mine["energy_kwh"] <= mine["min_kwh"]) | (mine["energy_kwh"] >= mine["max_kwh"])
    bound = set(mine["step"][at_bound & (mine["min_kwh"] < mine["max_kwh"])])
    failed = [c for c in report.checks if c.passed is False and strategy in c.name]
    assert {f"equilibrium: communities' prices ({strategy})"} <= {check.name for check in failed}
    for check in failed:
        assert 0 < len(check.failed_steps) < 12
        assert bound.intersection(check.failed_steps)
        reported = (
            f"off in {len(check.failed_steps)} of 24 steps: the closed form holds only where no"
        )
        assert reported in check.note
        assert "one does in each of them" in check.note


def test_closed_forms_pass_where_nothing_binds() -> None:
    free = [
        "vehicles.capacity_kwh=400", "vehicles.power_kw=1000", "vehicles.soc_min=0.4",
        "vehicles.consumption_kwh_per_km=0", "vehicles.lam=[68, 70]", "prices.utility=[0, 60]",
        "hours=6", "vehicles.count=40",
    ]  # fmt: skip
    report = audit_run(finished(*FEW, *free, "game.solver=closed_form"))
    assert report.passed, "\n".join(report.lines())


def test_an_answer_as_good_is_an_equilibrium_too() -> None:
    scenario = load_scenario(
        "three-communities",
        [
            "strategies=[two_level]", "game.solver=exact", "vehicles.count=2", "roads=[]",
            "prices.utility=[0, 100]", "prices.aggregator=[0, 100]",
        ],
    )  # fmt: skip
    run = Run(Path(), {"scenario": scenario.resolved()})
    inputs = VehicleRunInputs.of(run_inputs_of(run))
    audit = EquilibriumAudit(inputs, inputs.vehicle_strategies, slopes=np.array([0.5, 0.5]))
    tree = Tree.star([0.0] * 3, [np.inf] * 3)
    # Two vehicles, and a price of the utility at which two prices earn the aggregator the same.
    seen = GameStep(
        step=0,
        strategy=0,
        where=np.array([0, 0]),
        stores=AnsweringStores(
            lam=np.array([40.0, 70.0]),
            theta=np.array([2.0, 2.0]),
            usable_kwh=np.zeros(2),
            lower_kwh=np.zeros(2),
            upper_kwh=np.array([30.0, 1.0]),
        ),
        energy_kwh=np.zeros(2),
        utility_price=38.0 - 4.0 * np.sqrt(14.0),
        community_price=np.zeros(3),
        passive_kwh=np.zeros(3),
        grid=AuditedGrid(tree, np.ones(3), True, False, np.zeros((1, 1, 3)), None),
    )
    low, high = (seen.utility_price + 42.0) / 2, 68.0
    for price, good in ((low, True), (high, True), (67.0, False)):
        prices = np.array([price, seen.utility_price, seen.utility_price])
        other = replace(seen, community_price=prices)
        audit.add(other, other.game(audit.inputs))
        assert audit.checks()[0].passed is good
    assert "equally good at another price in 1 step" in audit.checks()[0].note


def test_a_coarse_grid_is_reported_what_it_loses() -> None:
    report = audit_run(finished(*FEW, "game.solver=grid", "hours=1"))
    check = next(c for c in report.checks if c.name == "equilibrium: utility's price (three_level)")
    assert check.tolerance == pytest.approx(0.1 / 1000 / 70)
    assert check.failed_steps == (0,)
    assert "another price would earn up to 0.067 % more" in check.note
    # What a finer grid finds lies on a coarser one to within its spacing, too.
    assert {"run.scenario.game.grid_step", "run.scenario.game.grid_zooms"} <= {*report.not_covered}
    assert "run.scenario.game.tolerance" not in report.not_covered


def test_files_of_the_scenario_are_used_while_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text(
        "plan,departs_h,duration_h,km,origin,destination\n"
        "errand,8.1,0.2,4,here,there\nerrand,8.5,0.3,4,there,here\n"
        "night,22.5,2,30,here,there\nnight,6,1,30,there,here\n"
    )
    hours = [f"2023-01-16T{hour:02}:00,{name},{hour / 10}" for hour in range(24) for name in "ab"]
    (tmp_path / "loads.csv").write_text("\n".join(["time,member,load_kwh", *hours]))
    member = "{kind: household, name: flats, file: loads.csv}"
    other = "{kind: building, name: shops, count: 2, annual_kwh: 9000, profile: g0}"
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntime_zone: Europe/Berlin\nstart: '2023-01-16T00:00'\n"
        "generation_cost: {quadratic: 0.05}\n"
        f"communities: {{here: {{members: [{member}]}}, there: {{members: [{other}]}}}}\n"
        "vehicles: {count: 8, day_plans: plans.csv, trip_reserve: true}\n"
    )
    start_run(load_scenario(str(tmp_path / "mine.yaml")), tmp_path / "run")
    assert audit_run(tmp_path / "run").passed
    (tmp_path / "loads.csv").unlink()
    report = audit_run(tmp_path / "run")
    assert report.passed
    assert outcome(report)["trips: those of the scenario"] is None
    notes = {check.name: check.note for check in report.checks}
    reported = notes["energy: members use and generate what they should"]
    assert reported == "in here a file that the scenario names is gone or has changed"


def test_only_a_finished_run_can_be_audited(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        audit_run(tmp_path / "none")
    with pytest.raises(InputError, match="holds no run"):
        audit_run(tmp_path)
    interrupted_run(tmp_path / "run", 2, load_scenario("three-communities", FEW))
    with pytest.raises(InputError, match="hmesh resume"):
        audit_run(tmp_path / "run")


def test_the_report_is_a_table_and_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    reported: list[tuple[int, int]] = []
    report = audit_run(finished(*KEPT), lambda done, total: reported.append((done, total)))
    assert reported[-1] == (10, 10)
    lines = report.lines()
    assert lines[0].endswith(f"{len(report.checks)} of {len(report.checks)} checks hold")
    assert len(lines) == 2 + len(report.checks)
    assert all(line.startswith("ok ") for line in lines[1:-1])
    assert lines[-1].startswith("not covered: run.wall_seconds, run.versions, ")
    Console(width=200).print(report)
    shown = capsys.readouterr().out
    assert "not covered: run.wall_seconds" in shown
    assert all(check.name in shown for check in report.checks)


def test_blocks_of_steps_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = finished(*KEPT)
    whole = audit_run(directory)
    monkeypatch.setattr("hmesh.runs.audits.run_audit.ROWS_AT_ONCE", 70)
    monkeypatch.setattr("hmesh.runs.audits.table_reader.ROWS_PER_BATCH", 17)
    assert audit_run(directory) == whole


def test_games_of_a_long_run_are_played_again_in_drawn_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hmesh.runs.audits.drawn_part.FAULTY_SHARE", 0.15)
    changes = [*FEW, "vehicles.count=3", "hours=30", "game.solver=exact", "record.welfare=true"]
    start_run(load_scenario("three-communities", [*changes, "plots=false"]), tmp_path / "run")
    inputs = run_inputs_of(read_run(tmp_path / "run"))
    # Of 19 steps a fault in 15 % of all escapes with 0.85^19 = 4.6 %.
    judged = [step for step in range(30) if inputs.plays(step)]
    assert len(judged) == 19
    assert judged == inputs.judged.tolist()
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    found = {check.name: check.note for check in report.checks}
    stated = "19 of 30 steps judged, drawn by the seed; a fault in 15 % of them is found with 95 %"
    assert stated in found["equilibrium: utility's price (three_level)"]
    assert stated in found["welfare: the planner's from the same state"]
    assert "summary.counts.unattained_optima" in report.not_covered
