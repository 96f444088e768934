"""The published study of shared batteries: figures, conclusions, and measured buildings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs.studies.battery_sharing.building_year import (
    BatteryStudy,
    BuildingYear,
    measured_study,
    measured_year,
    synthetic_year,
)
from hmesh.runs.studies.battery_sharing.curves import curve, representative, searches
from hmesh.runs.studies.battery_sharing.readings_of_the_source import READINGS, found_by, readings
from hmesh.runs.studies.battery_sharing.spread import (
    capacities,
    closing_days,
    closing_shares,
    emergent,
)
from hmesh.runs.studies.battery_sharing.study import (
    STUDY,
    conclusions,
    found_of,
    judged,
    peak_cut,
)
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.replicate import replicate
from hmesh.runs.studies.study_parts import run_study
from tests.shared_datasets import _write, uk_buildings

# What an independent implementation found on other synthetic loads, beside what was published:
# ours are to be as near at least.
OTHER_CODE = {
    "capacity saved [%]": (13.2, 11.0),
    "deviation, shared [kWh]": (3_960, 5_632),
    "deviation, each alone [kWh]": (4_113, 5_739),
    "highest winter hour cut [%]": (26.6, 33.0),
    "lost in scenario a [kWh]": (0, 0.08 * 27),
    "lost in scenario b [kWh]": (333_697, 76_555),
    "summer valley [kWh]": (13_123, 12_367),
    "winter peak [kWh]": (28_390, 25_634),
}


@pytest.fixture(scope="module")
def study() -> BatteryStudy:
    return BatteryStudy(synthetic_year())


def months(year: BuildingYear, count: int) -> BuildingYear:
    """Return some days of a year, spread over it."""
    days = np.linspace(0, len(year.dates) - 1, count).astype(int)
    dates = tuple(year.dates[day] for day in days.tolist())
    return BuildingYear(year.name, year.names, year.load_kwh[:, days], dates, year.closed)


@pytest.fixture(scope="module")
def few(study: BatteryStudy) -> BatteryStudy:
    return BatteryStudy(months(study.year, 60))


@pytest.mark.slow
def test_it_is_at_least_as_near_as_another_implementation(study: BatteryStudy) -> None:
    """The whole year of the study; other tests hold sixty days of it to what was published."""
    total = study.year.total_kwh
    winter = study.year.months(12, 1, 2)
    hottest = int(total.max(axis=1).argmax())
    free, cycled = study.design("free"), study.design("full").shared_net_kwh
    ours = {
        "capacity saved [%]": 100 * free.saved,
        "deviation, shared [kWh]": free.shared.annual_kwh,
        "deviation, each alone [kWh]": free.own.annual_kwh,
        "highest winter hour cut [%]": 100 * peak_cut(total[winter], cycled[winter]),
        "lost in scenario a [kWh]": 0.08 * study.exchanged_kwh("a"),
        "lost in scenario b [kWh]": 0.08 * study.exchanged_kwh("b"),
        "summer valley [kWh]": float(total[hottest].min()),
        "winter peak [kWh]": float(total[winter].max()),
    }
    for name, (published, theirs) in OTHER_CODE.items():
        assert abs(ours[name] - published) <= abs(theirs - published), (name, ours[name])
    # The order of the published deviations: no battery, each alone, shared.
    without = float(total.std())
    assert free.shared.annual_kwh < free.own.annual_kwh < without
    assert free.shared_kwh < float(free.own_kwh.sum())


@pytest.mark.slow
def test_batteries_of_least_exchange_give_nothing_away(few: BatteryStudy) -> None:
    lost = [0.08 * few.exchanged_kwh(name) for name in "abc"]
    given = float(few.full_discharge.total_kwh.sum())
    assert lost[0] <= 1e-6 * given
    assert lost[0] <= lost[1] <= lost[2]
    for name, least in zip("abc", lost, strict=True):
        assert 0.08 * few.exchanged_kwh(name, alike=True) >= least - 1e-3
    rule = few.rule_kwh
    assert rule.sum() >= few.design("full").shared_kwh
    assert (few.allocation.capacity_kwh <= 1.002 * rule + 1e-6).all()
    assert np.corrcoef(rule, few.allocation.capacity_kwh)[0, 1] > 0.9


def test_every_published_figure_stands_beside_ours(few: BatteryStudy) -> None:
    figures = published_figures("battery_sharing")
    tally, cells, orders, others = judged(figures, few)
    assert len(figures) == len(cells.rows) == 12
    assert cells.column("published") == [figure.printed for figure in figures]
    assert cells.columns[3].name == figures[0].configuration == "full cycle, annual"
    assert len(tally.rows) == 7
    assert len(orders.rows) == 3
    assert len(others.rows) == 12
    again = BatteryStudy(few.year)
    shares = closing_shares(few)
    found = found_of(figures, few, few.design("full"))
    assert found["two vs one closing day", "additional energy loss"] == pytest.approx(
        100 * (shares[2] - shares[1])
    )
    verdicts, hold = conclusions(few, again)
    assert hold == all(verdicts.column("holds, synthetic"))
    assert verdicts.column("synthetic") == verdicts.column("measured")


def test_no_single_reading_gives_all_figures(study: BatteryStudy) -> None:
    by_name = {reading.name: reading for reading in READINGS}
    figures = published_figures("battery_sharing")
    values = {(f.item, f.metric): f.value for f in figures}
    weekdays = by_name["weekdays June to August, free, within days, 10-20 h"]
    before, found = found_by(weekdays, study.year)
    # Above twice the published deviation of batteries alone, as "reduced by more than half" asks.
    assert before == pytest.approx(8252, abs=1)
    assert before > 2 * values["individual", "load standard deviation"]
    assert found["shared", "aggregate battery capacity"] == pytest.approx(81_967, rel=1e-3)
    assert found["individual", "aggregate battery capacity"] == pytest.approx(93_615, rel=1e-3)
    assert found["shared", "load standard deviation"] == pytest.approx(3_895, abs=2)
    assert found["individual", "load standard deviation"] == pytest.approx(4_047, abs=2)
    assert found["shared vs individual", "capacity reduction"] == pytest.approx(12.4, abs=0.1)
    lossless = by_name["June to August, free, within days, 8-22 h, lossless"]
    _, found = found_by(lossless, study.year)
    assert found["shared", "aggregate battery capacity"] == pytest.approx(97_988, rel=1e-3)
    assert found["individual", "aggregate battery capacity"] == pytest.approx(116_278, rel=1e-3)


@pytest.mark.slow
def test_readings_are_searched_and_named(few: BatteryStudy) -> None:
    section = readings(published_figures("battery_sharing"), few.year)
    assert len(section.rows) == len(READINGS) + 1
    assert section.text[-1].startswith("No single reading gives all of them")


def test_parts_of_the_report(few: BatteryStudy) -> None:
    u_shape = curve(few)
    full, free = (u_shape.column(name) for name in ("full, days", "free, days"))
    assert min(full) not in (full[0], full[-1])  # type: ignore[type-var]
    assert free == sorted(free, reverse=True)  # type: ignore[type-var]
    # No store of that size levels more, and no levelling within days more than one of the year.
    for name in ("full", "free"):
        for level, least in zip(
            u_shape.column(f"{name}, days"), u_shape.column("no limits, days"), strict=True
        ):
            assert level >= least - 1e-6  # type: ignore[operator]
    years, days = (u_shape.column(f"no limits, {name}") for name in ("year", "days"))
    assert years == sorted(years, reverse=True)  # type: ignore[type-var]
    assert days == sorted(days, reverse=True)  # type: ignore[type-var]
    found = searches(few)
    least, *others = found.column("deviation [kWh]")
    assert [least / other for other in others] == pytest.approx(np.ones(4), abs=1e-4)  # type: ignore[operator]
    assert all(other >= least * (1 - 1e-9) for other in others)  # type: ignore[operator]
    golden, *rest = found.column("sizes tried")
    assert rest == [400] * 4
    assert 0 < golden < 40  # type: ignore[operator]
    errors = representative(few).column("error [kWh]")
    assert errors == sorted(errors, reverse=True)  # type: ignore[type-var]
    assert len(capacities(few).rows) == 39
    off = emergent(few).column("largest difference from the optimum [kWh]")
    assert max(off) < 1e-9  # type: ignore[type-var]
    shares = closing_shares(few)
    assert shares[0] < shares[1] < shares[2]
    assert len(closing_days(few).rows) == 3


def test_measured_data_is_for_studies_that_take_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of these studies takes measured loads"):
        replicate(["vehicles"], data=tmp_path)


TIMES = pd.date_range("2014-01-06", periods=21 * 24, freq="h")
HUMP = 5 + 20 * np.exp(-(((TIMES.hour.to_numpy() - 13) / 4.0) ** 2))


def dataset(folder: Path, lost: tuple[int, ...] = (), **loads: np.ndarray) -> Path:
    """Write three weeks of buildings, some rows of each left out."""
    rows = [
        pd.DataFrame({"time": TIMES, "member": name, "load_kwh": load}).drop(index=list(lost))
        for name, load in loads.items()
    ]
    return _write(
        folder, {"profiles": pd.concat(rows)}, time_zone="Asia/Tokyo", clock="wall",
        start="2014-01-06T00:00", end="2014-01-27T00:00", licence="none",
    )  # fmt: skip


def test_hours_that_are_missing_are_filled_and_reported(tmp_path: Path) -> None:
    whole = measured_year(dataset(tmp_path / "whole", one=HUMP, two=2 * HUMP))
    assert whole.filled_share == 0.0
    gaps = measured_year(dataset(tmp_path / "gaps", (30, 31, 32), one=HUMP, two=2 * HUMP))
    assert gaps.filled_share == pytest.approx(3 / len(TIMES))
    assert np.isfinite(gaps.load_kwh).all()
    section, _ = conclusions(BatteryStudy(whole), BatteryStudy(gaps))
    assert f"{300 / len(TIMES):.2f} % of the hours were missing and filled" in section.text[1]
    # Nobody is closed: what closing days do cannot be stated, and does not count as refuted.
    at = section.column("conclusion").index("two closing days double the exchange")
    assert section.rows[at][1:] == ("no such buildings", None) * 2


@pytest.mark.parametrize(
    ("loads", "reported"),
    [
        ({"one": np.full(len(TIMES), 4.0), "two": np.full(len(TIMES), 7.0)}, "flat, or higher by"),
        ({"one": np.zeros(len(TIMES)), "two": np.zeros(len(TIMES))}, "flat, or higher by night"),
        ({"one": 30.0 - HUMP, "two": 60.0 - HUMP}, "flat, or higher by night"),
        ({"one": HUMP}, "holds 1 building, which shares with nobody"),
    ],
)
def test_measured_loads_that_no_battery_levels_are_refused(
    loads: dict[str, np.ndarray], reported: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reported):
        measured_study(dataset(tmp_path / "data", **loads))


def test_one_flat_meter_among_others_has_no_battery_alone(tmp_path: Path) -> None:
    flat, empty = np.full(len(TIMES), 7.0), np.zeros(len(TIMES))
    study = measured_study(dataset(tmp_path / "data", one=HUMP, two=2 * HUMP, f=flat, g=empty))
    own = dict(zip(study.year.names, study.design("full").own_kwh.tolist(), strict=True))
    assert own["f"] == own["g"] == 0.0
    assert own["one"] > 0.0
    section, _ = conclusions(study, None)
    assert all(np.isfinite(study.exchanged_kwh(name)) for name in "abc")
    assert len(section.rows) == 12


@pytest.fixture(scope="module")
def measured(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildingYear:
    if not (shared / "data").is_dir():
        pytest.skip("the shared data are not here")
    return measured_year(uk_buildings(shared / "data", tmp_path_factory.mktemp("uk") / "uk"))


def test_measured_buildings_are_read_by_the_clock(measured: BuildingYear, shared: Path) -> None:
    assert measured.load_kwh.shape == (39, 365, 24)
    assert (str(measured.dates[0]), str(measured.dates[-1])) == ("2013-04-01", "2014-03-31")
    path = shared / "data" / "buildings" / "buildings_uk_2013-04_2014-03_hourly.parquet"
    raw = pd.read_parquet(path).astype({"building_id": str})
    raw["time"] = pd.to_datetime(raw["timestamp_utc"])
    one = raw[raw["building_id"] == measured.names[3]].set_index("time")["electricity_kwh"]
    one.index = one.index.tz_localize(None) if one.index.tz is not None else one.index
    # 5 July 2013, 10 o'clock in London, is 9 in UTC; 5 January 2014 is the same in both.
    dates = list(map(str, measured.dates))
    assert measured.load_kwh[3, dates.index("2013-07-05"), 10] == one["2013-07-05 09:00"]
    assert measured.load_kwh[3, dates.index("2014-01-05"), 10] == one["2014-01-05 10:00"]
    assert np.isfinite(measured.load_kwh).all()


def test_closing_days_are_those_that_the_notes_state(measured: BuildingYear, shared: Path) -> None:
    meta = pd.read_csv(shared / "data" / "buildings" / "buildings_uk_2013-04_2014-03_meta.csv")
    reported = dict(zip(meta["building_id"], meta["closed_days_per_week"], strict=True))
    found = measured.closed.sum(axis=1)
    off = [n for n, days in zip(measured.names, found, strict=True) if reported[n] != days]
    ambiguous = set(meta.loc[meta["class_confidence"] != "clear", "building_id"])
    assert set(off) <= ambiguous


@pytest.mark.slow
def test_the_conclusions_survive_on_measured_buildings(shared: Path, tmp_path: Path) -> None:
    data = uk_buildings(shared / "data", tmp_path / "uk")
    report = run_study(STUDY, lambda done, total: None, data=data)
    assert report.passed
    conclusions = report.section("conclusions")
    # With full cycles the capacities are too unlike for sharing to level better.
    assert [row[0] for row in conclusions.rows if not row[2]] == [
        "sharing levels better (full, year)"
    ]
    others = [row for row in conclusions.rows if row[0] != "sharing levels better (full, year)"]
    assert all(row[4] for row in others)
    page = (Path(__file__).parents[1] / "docs/models/battery-sharing.md").read_text("utf-8")
    for conclusion, ours, _, theirs, _ in others:
        assert f"| {conclusion} | {ours} | {theirs} |" in page
    levels = report.section("curve_measured").column("full, days")
    assert min(levels) not in (levels[0], levels[-1])  # type: ignore[type-var]
    report.save(tmp_path / "report")
    assert (tmp_path / "report" / "curve.png").is_file()
