"""Whether shared batteries pay at stated prices, and deviations over chosen days."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.schemes.battery_sharing.words import rows
from hmesh.runs.world.setting import make_setting
from tests.interrupted_runs import interrupted_run

# Thursday to Wednesday: five weekdays and a weekend, for eight businesses.
WEEK = (
    "plots=false", "hours=168", "start='2014-01-16T00:00'", "checkpoint_every_h=null",
    "communities.district.members.0.businesses=8", "strategies=[no_battery, shared_battery]",
    "battery_sharing.spread=equal",
)  # fmt: skip
PAYS = (
    "battery_sharing.economics={battery_price_per_kwh: 25000, interest_rate: 0.045, "
    "tariff: {bands: [{hours: [22, 8], price: 10.29}, {days: weekends, price: 15}, "
    "{price: 25.15}]}}"
)
WEEKDAYS = "battery_sharing.measure_days={days: weekdays}"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("economics") / "run"
    start_run(load_scenario("battery-sharing", [*WEEK, PAYS, WEEKDAYS]), folder)
    return folder


def tariff(at: datetime) -> float:
    if at.hour >= 22 or at.hour < 8:
        return 10.29
    return 15.0 if at.weekday() > 4 else 25.15


def test_the_cost_is_that_of_the_tariff(week: Path) -> None:
    report = audit_run(week)
    assert report.passed, "\n".join(report.lines())
    run = read_run(week)
    each = run.table("buildings").to_pandas()
    each = each[each["strategy"] == "shared_battery"]
    drawn = each["charged_kwh"] - each["own_kwh"] - each["received_kwh"]
    hours = run.table("hours").to_pandas().drop_duplicates("step").set_index("step")["time"]
    price = np.array([tariff(hours[step]) for step in each["step"]])
    summary = run.summary["shared_battery"]
    assert summary["battery_running_cost"] == pytest.approx(float((price * drawn).sum()), rel=1e-9)
    assert summary["battery_running_cost"] < 0  # a night price of two fifths pays for the losses
    assert summary["battery_running_cost"] != pytest.approx(summary["battery_bill"])
    assert summary["battery_investment"] == 25000 * summary["battery_capacity_kwh"]
    assert run.summary["no_battery"]["battery_running_cost"] == 0.0


def test_the_deviation_is_that_of_chosen_days(week: Path) -> None:
    run = read_run(week)
    hours = run.table("hours").to_pandas()
    for strategy, figures in run.summary.items():
        load = hours[hours["strategy"] == strategy]
        load = load[load["time"].dt.day_of_week < 5]
        by_day = load["net_kwh"].to_numpy().reshape(5, 24)
        assert figures["measured_load_deviation_kwh"] == pytest.approx(by_day.std(), rel=1e-9)
        assert figures["measured_load_deviation_daily_rms_kwh"] == pytest.approx(
            np.sqrt(by_day.var(axis=1).mean()), rel=1e-9
        )


@pytest.mark.parametrize(
    ("chosen", "days"),
    [
        pytest.param("{days: weekdays}", (0, 1, 4, 5, 6), marks=pytest.mark.slow),
        pytest.param("{days: saturday}", (2,), marks=pytest.mark.slow),
        pytest.param("{highest: 1}", None, marks=pytest.mark.slow),
    ],
)
def test_batteries_are_sized_for_the_chosen_days(chosen: str, days: tuple[int, ...] | None) -> None:
    """The same capacity as by a search over capacities on these days alone."""
    given = load_scenario("battery-sharing", [*WEEK, f"battery_sharing.measure_days={chosen}"])
    setting = make_setting(given).schemes["battery_sharing"]
    size = float(setting.shared_kwh.sum())
    everything = make_setting(load_scenario("battery-sharing", WEEK)).schemes["battery_sharing"]
    load = everything._year_kwh.sum(axis=0)
    if days is None:
        days = (int(load.sum(axis=1).argmax()),)
    levelled = everything._sizing()
    some = load[list(days)][None]
    at = np.linspace(0.0, 3.0 * max(size, 1.0), 301)
    deviation = [float(levelled.deviation_kwh(some, np.array([kwh]))[0]) for kwh in at]
    assert size == pytest.approx(at[int(np.argmin(deviation))], abs=at[1])
    assert float(levelled.deviation_kwh(some, np.array([size]))[0]) <= min(deviation) * (1 + 1e-6)


def test_days_that_the_run_never_reaches_are_refused() -> None:
    season = "battery_sharing.measure_days={season: [06-01, 08-31]}"
    scenario = load_scenario("battery-sharing", [*WEEK, season])
    with pytest.raises(InputError, match="measure_days: no whole day"):
        make_setting(scenario)


def test_payback_and_worth_follow_from_a_year() -> None:
    def totals(cost: float, investment: float, years: float = 1.0) -> dict[str, float]:
        figures = dict.fromkeys(("interest_rate", "investment", "years", "lifetime_years"), 0.0)
        figures |= {
            "interest_rate": 0.045, "investment": investment, "years": years,
            "lifetime_years": 15.0,
        }  # fmt: skip
        return {"battery_running_cost": cost} | {f"battery_{k}": v for k, v in figures.items()}

    every = [totals(0.0, 0.0, 2.0), totals(-400.0, 1000.0, 2.0)]
    of = {label: value for label, value, *_ in rows(every)}
    worth = of["batteries' net present value [{currency}]"](every[1])
    assert worth == pytest.approx(sum(200 / 1.045**year for year in range(1, 16)) - 1000)
    years = of["batteries' payback [a]"](every[1])
    assert years is not None
    assert 200 * (1 - 1.045**-years) / 0.045 == pytest.approx(1000)
    short = [totals(0.0, 0.0, 0.1), totals(-400.0, 1000.0, 0.1)]
    assert "batteries' payback [a]" not in {label for label, *_ in rows(short)}


@pytest.mark.slow
def test_an_interrupted_run_gives_the_same(week: Path, tmp_path: Path) -> None:
    short = [*WEEK, PAYS, WEEKDAYS, "hours=60"]
    start_run(load_scenario("battery-sharing", short), tmp_path / "whole")
    resume_run(interrupted_run(tmp_path / "parts", 31, load_scenario("battery-sharing", short)))
    whole, parts = (read_run(tmp_path / name).summary for name in ("whole", "parts"))
    assert whole == parts


@pytest.mark.slow
def test_buildings_of_a_wide_table_share_batteries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column for each building, as spreadsheets have them, imported and shared."""
    monkeypatch.chdir(tmp_path)
    lines = ["Time;Office [kWh];Shop [kWh];School [kWh]"]
    lines += [
        f"{1 + hour // 24:02d}.06.2023 {hour % 24:02d}:00;{100 + hour % 24},5;"
        f"{50 + 2 * (hour % 12)},0;{30 + hour % 7},25"
        for hour in range(72)
    ]
    (tmp_path / "wide.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = ["import", "csv", "wide.csv", "--out", "district", "--time-zone", "Asia/Tokyo"]
    words += ["--clock", "standard"]
    result = CliRunner().invoke(app, [*words, "--time-format", "%d.%m.%Y %H:%M"])
    assert result.exit_code == 0, result.output
    scenario = load_scenario(
        "battery-sharing",
        [
            "plots=false", "hours=72", "start='2023-06-01T00:00'", PAYS,
            "strategies=[no_battery, shared_battery]",
            f"communities.district.members=[{{kind: building, name: own, "
            f"dataset: {tmp_path / 'district'}}}]",
        ],
    )  # fmt: skip
    start_run(scenario, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    load = read_run(tmp_path / "run").table("buildings").to_pandas()["load_kwh"]
    expected = sum(180.75 + hour % 24 + 2 * (hour % 12) + hour % 7 for hour in range(72))
    assert load.sum() == pytest.approx(2 * expected)


@pytest.mark.slow
def test_two_years_of_growth_pay_by_their_mean(tmp_path: Path) -> None:
    two = [
        *WEEK, PAYS, "hours=17520", "communities.district.members.0.businesses=2",
        "growth.demand_per_year.building=0.1", "start='2013-04-01T00:00'", "step_h=2.0",
        "record.buildings=none",
    ]  # fmt: skip
    start_run(load_scenario("battery-sharing", two), tmp_path / "run")
    summary = read_run(tmp_path / "run").summary
    every = [summary["no_battery"], summary["shared_battery"]]
    assert every[1]["battery_years"] == pytest.approx(2.0, rel=2e-3)
    of = {label: value for label, value, *_ in rows(every)}
    saving = -every[1]["battery_running_cost"] / every[1]["battery_years"]
    worth = saving * (1 - 1.045**-15) / 0.045 - every[1]["battery_investment"]
    found = of["batteries' net present value [{currency}]"](every[1])
    assert found == pytest.approx(worth, rel=1e-9)
