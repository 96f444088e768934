"""The published study of community storage: what it compares, and what it may claim."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hmesh import environment
from hmesh.environment.errors import InputError
from hmesh.environment.forecasters import NoisyActual
from hmesh.environment.lstm_forecaster import LstmSettings
from hmesh.runs import load_scenario
from hmesh.runs.command_line import app
from hmesh.runs.studies.community_storage.better_forecasts import moved_share
from hmesh.runs.studies.community_storage.case import StorageCase, cases_of
from hmesh.runs.studies.community_storage.forecasts import (
    forecast_errors_section,
    printed_errors_section,
)
from hmesh.runs.studies.community_storage.network import measured_series, network_section
from hmesh.runs.studies.community_storage.openings import OPENINGS, openings_section
from hmesh.runs.studies.community_storage.options import options_section
from hmesh.runs.studies.community_storage.ranked_by_network import with_network
from hmesh.runs.studies.community_storage.served_tables import arithmetic, compared
from hmesh.runs.studies.community_storage.storage_study import (
    HOUSES,
    StorageStudy,
    scaled_case,
    study_setting,
)
from hmesh.runs.studies.community_storage.study import (
    bounds_section,
    by_household,
    found_of,
    run_time,
)
from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.replicate import STUDIES, replicate
from hmesh.runs.studies.verdicts import agrees
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

FIGURES = {(f.where, f.item, f.metric): f for f in published_figures("community_storage")}


@pytest.fixture(scope="module")
def cases() -> list[StorageCase]:
    return [scaled_case(study_setting(seed), FIGURES) for seed in range(1, 5)]


def test_the_study_is_known_by_its_name() -> None:
    assert "community_storage" in STUDIES


@pytest.mark.parametrize("alike", ["normal", "optimal"])
def test_a_case_is_what_a_run_does(alike: str) -> None:
    setting = study_setting(2)
    (case,) = cases_of(setting)
    simulation = Simulation(setting, f"community_storage_{alike}")
    drawn = np.zeros(3)
    for _ in range(setting.scenario.steps):
        simulation.step()
        drawn += simulation.schemes["community_storage"].controllers.drawn_kwh  # type: ignore[attr-defined]
    expected = case.normal() if alike == "normal" else case.optimal()[0]
    assert drawn == pytest.approx(expected, abs=1e-9)


def test_demands_are_those_published(cases: list[StorageCase]) -> None:
    for case in cases:
        demand = case.ahead.demand_kwh.sum(axis=0)
        assert demand == pytest.approx([11.81, 12.09, 13.11])
        assert (case.optimal()[0] < demand).all()


def test_the_days_are_those_that_the_source_prints() -> None:
    assert study_setting(1).scenario.start.startswith("2020-11-08")


def test_totals_are_of_the_size_published(cases: list[StorageCase]) -> None:
    optimal = np.array([case.optimal()[0].sum() for case in cases])
    normal = np.array([case.normal().sum() for case in cases])
    assert (normal < optimal).all()
    assert abs(normal.mean() - 7.50) < 1.0
    assert abs(optimal.mean() - 15.67) < 1.0
    assert all(30 < case.optimal()[1].chosen < 80 for case in cases)
    # Its days are fair: where alpha stays 1, the storage is full every day.
    for case in cases:
        stored = case.course(np.ones(1)).stored_kwh[1:].reshape(2, 96)
        assert stored.max(axis=1) == pytest.approx([9.5, 9.5])


def test_tables_3_and_4_stand_beside_ours(cases: list[StorageCase]) -> None:
    kwh, shares = compared(FIGURES, cases)
    assert [row[0] for row in kwh.rows] == [*HOUSES, "all"] * 2
    assert [row[0] for row in shares.rows] == [
        f"{house}, {mode}" for mode in ("normal", "optimal") for house in HOUSES
    ]
    for row in (*kwh.rows, *shares.rows):
        _, _, value, mean, lowest, highest, among = row
        assert lowest <= mean <= highest  # type: ignore[operator]
        assert among == (lowest <= value <= highest)  # type: ignore[operator]


def test_a_cell_is_judged_by_the_range_of_the_seeds(cases: list[StorageCase]) -> None:
    found = found_of(cases)
    figure = FIGURES["Table 3", "H3", "from community storage, optimal"]
    values = found["H3", figure.metric]
    assert isinstance(values, list)
    assert figure.rule == "range of seeds"
    assert agrees(figure, [*values, 7.3])
    assert not agrees(figure, [value for value in values if value < 7.0])
    assert found["H3", "demand, 2 days"] == pytest.approx([13.11] * len(cases))
    for grid, storage in zip(
        found["H1", "from grid, normal"], found["H1", "from community storage, normal"],  # type: ignore[arg-type]
        strict=True,
    ):  # fmt: skip
        assert grid + storage == pytest.approx(11.81)


def test_without_the_extra_the_network_is_said_not_to_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "hmesh.runs.studies.community_storage.ranked_by_network.find_spec", lambda name: None
    )
    section = with_network(StorageStudy(None), lambda: None)
    assert section.rows == ()
    assert "hmesh[forecast] is not installed" in section.text[0]


@pytest.mark.slow
def test_table_3_is_shown_by_household_under_each_reading() -> None:
    shared = StorageStudy(None)
    section = by_household(shared)
    rows = {row[:3]: row for row in section.rows}
    lowest, highest = 5, 6
    total = rows["printed days", "all", "optimal"]
    assert total[lowest] == pytest.approx(13.80, abs=0.005)
    assert total[highest] == pytest.approx(15.62, abs=0.005)
    normal = rows["printed days", "all", "normal"]
    assert (normal[lowest], normal[highest]) == pytest.approx((6.75, 8.08), abs=0.005)
    ordinary = rows["printed days, sky of any day", "all", "optimal"]
    assert (ordinary[lowest], ordinary[highest]) == pytest.approx((11.10, 15.07), abs=0.005)
    # Ranked by static averages the third household is within reach, and the first falls out.
    static = "January, static averages rank"
    assert rows[static, "H3", "optimal"][-1] is True
    assert rows[static, "all", "optimal"][-1] is True
    assert rows[static, "H1", "normal"][-1] is False


def test_tables_3_and_4_agree_with_each_other() -> None:
    assert all(row[-1] for row in arithmetic(FIGURES).rows)


def test_the_printed_errors_of_households_cannot_be() -> None:
    rows = {row[0]: row for row in printed_errors_section(FIGURES).rows}
    assert [rows[house][-1] for house in (*HOUSES, "PV")] == [False, False, False, True]
    assert rows["H1"][5] == pytest.approx(28.6, abs=0.05)


def test_errors_of_forecasters_keep_their_inequalities() -> None:
    section = forecast_errors_section(study_setting(1))
    assert all(row[-1] for row in section.rows)
    noise = [row for row in section.rows if row[0] == "noise"]
    assert all(14 < float(row[4] or 0) < 19 for row in noise)


def test_bounds_stand_in_their_order(cases: list[StorageCase]) -> None:
    section = bounds_section(cases)
    for row in section.rows:
        values = [float(value or 0) for value in row[1:-1]]
        assert values == pytest.approx(sorted(values), abs=1e-2)
        assert 85 < float(row[-1] or 0) <= 100


@pytest.mark.slow
def test_every_reading_is_reported(cases: list[StorageCase]) -> None:
    rows = {(row[0], row[1]): row[2::3] for row in options_section(FIGURES, cases).rows}
    assert rows["Table 3", "published"] == pytest.approx((7.50, 15.67))
    usual = rows["", "as the study"]
    assert rows["ties of (33), (37)", "last household first"] == pytest.approx(usual)
    assert rows["Algorithm 2", "as printed"][1] < usual[1]  # type: ignore[operator]
    assert rows["Algorithm 2", "all three served at once"][1] > usual[1]  # type: ignore[operator]
    assert rows["plant", "6 kW peak"][1] > usual[1]  # type: ignore[operator]
    assert rows["(41)", "all demand allowed"][1] >= usual[1] - 0.2  # type: ignore[operator]


@pytest.mark.slow
def test_days_sky_and_loads_that_are_left_open_move_the_totals(cases: list[StorageCase]) -> None:
    simulated: list[int] = []
    section = openings_section(
        FIGURES, cases[:1],
        lambda seed, changes: scaled_case(study_setting(seed, *changes), FIGURES),
        (1,), lambda: simulated.append(1),
    )  # fmt: skip
    assert len(simulated) == len(OPENINGS)
    rows = {f"{row[0]} {row[1]}": row[2:] for row in section.rows}
    assert len(rows) == len(OPENINGS) + 2
    usual = rows[" as the study"]
    assert usual[0] == pytest.approx(cases[0].normal().sum())
    for normal, lowest, highest, optimal, least, most in list(rows.values())[1:]:
        assert lowest <= normal <= highest < optimal  # type: ignore[operator]
        assert least <= optimal <= most  # type: ignore[operator]
    # Rougher loads and longer history have a smaller least demand, which alpha 1 leaves out.
    smooth, rough = (
        next(row for name, row in rows.items() if name.startswith(f"loads {kind}"))
        for kind in ("smoother", "rougher")
    )
    assert smooth[0] < usual[0] < rough[0]  # type: ignore[operator]
    assert rows["least demand of 3 days before"][0] < rows["least demand of 60 days before"][0]  # type: ignore[operator]
    assert rows["days in July"][3] < usual[3]  # type: ignore[operator]
    assert "Both published totals lie among ours" in section.text[0]
    assert rows["days Tuesday and Wednesday in January, fitted"][3] != usual[3]


def test_a_plan_takes_less_than_published(cases: list[StorageCase]) -> None:
    ((_, published, here),) = run_time(FIGURES, cases[0]).rows
    assert float(here or 0) < float(published or 0)


@pytest.mark.slow
def test_a_perfect_forecast_moves_nothing_and_noise_moves_some() -> None:
    setting = make_setting(load_scenario("community-storage", ["community_storage.plan_on=actual"]))
    shared = setting.schemes["community_storage"]
    assert shared is not None

    def served(sigma: float) -> np.ndarray:
        noisy = NoisyActual(shared.coming_demand_kwh, sigma, setting.streams, "study")
        return np.array([cases_of(setting, noisy)[0].optimal()[0]])

    perfect = served(0.0)
    assert moved_share(perfect, served(0.0)) == 0.0
    assert 0 < moved_share(served(1.0), perfect) < 1
    assert moved_share(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]])) == 1.0


@pytest.mark.slow
def test_the_whole_study_passes_and_says_who_gains() -> None:
    done: list[tuple[int, int]] = []
    (report,) = replicate(["community_storage"], lambda a, b: done.append((a, b)))
    assert report.passed
    assert done[-1][0] == done[-1][1]
    quality = report.section("forecast_quality")
    assert quality.bars is not None
    totals = dict(
        zip(quality.column("forecast"), quality.column("total [% of perfect]"), strict=True)
    )
    assert totals["perfect"] == 100
    assert float(totals["noise of sigma 0.21"] or 0) > float(totals["the last reading"] or 0)
    sizes = report.section("households")
    assert set(sizes.column("households")) == {3, 30, 300, 1000}
    totals_by_size, others = report.section("total_by_size"), report.section("others_by_size")
    for section in (totals_by_size, others):
        assert section.bars is not None
        assert section.column("size")[-1] == "1,000 households and 10 storages"
    for forecast in ("noise of sigma 0.21", "the last reading"):
        assert all(80 < float(cell or 0) < 100.5 for cell in totals_by_size.column(forecast))
    good, bad = (others.column(name) for name in ("noise of sigma 0.21", "the last reading"))
    assert all(float(a or 0) < float(b or 0) for a, b in zip(good, bad, strict=True))


def test_what_cannot_be_learned_from_is_reported_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = works(tmp_path / "measured", days=4)
    done: list[tuple[int, int]] = []
    with pytest.raises(InputError, match=r"works, load: 0 windows without a gap .*at least 25\)"):
        replicate(["community_storage"], lambda a, b: done.append((a, b)), folder)
    monkeypatch.setitem(sys.modules, "optax", None)
    monkeypatch.delitem(sys.modules, "hmesh.environment.lstm_forecaster")
    monkeypatch.delattr(environment, "lstm_forecaster", raising=False)
    with pytest.raises(InputError, match=r"optax is not installed .*hmesh\[forecast\]"):
        replicate(["community_storage"], lambda a, b: done.append((a, b)), folder)
    assert {steps for steps, _ in done} == {0}


def works(folder: Path, days: int) -> Path:
    """Write a dataset of a load that is the same every day, hour by hour."""
    folder.mkdir()
    times = pd.date_range("2021-01-04", periods=days * 24, freq="h")
    load = 2 + np.sin(np.arange(len(times)) * 2 * np.pi / 24)
    frame = pd.DataFrame({"time": times, "member": "works", "load_kwh": load})
    frame.to_csv(folder / "profiles.csv", index=False)
    end = (times[-1] + pd.Timedelta(hours=1)).isoformat()
    (folder / "dataset.yaml").write_text(
        "{schema: 1, name: works, time_zone: Asia/Seoul, clock: wall, labels: start, "
        f"resolution: 60, licence: none, start: '2021-01-04T00:00', end: '{end}', "
        "tables: {profiles: {files: [profiles.csv]}}}"
    )
    return folder


@pytest.mark.slow
def test_networks_learn_measured_series_and_are_held_against_naive_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMESH_FORECASTERS", str(tmp_path / "networks"))
    folder = works(tmp_path / "measured", days=14)
    load = 2 + np.sin(np.arange(14 * 24) * 2 * np.pi / 24)
    series, day = measured_series(folder)
    assert day == 24
    assert series["works, load"] == pytest.approx(load)
    settings = LstmSettings(window=6, units=4, epochs=3, batch=8)
    done: list[tuple[int, int]] = []
    section = network_section(folder, settings, lambda a, b: done.append((a, b)))
    assert done == [(1, 3), (2, 3), (3, 3)]
    rows = {row[0]: row for row in section.rows}
    assert list(rows) == ["network", "the last reading", "a day ago", "a week ago"]
    # What repeats every day is known a day before; a network so small may not find that out.
    assert rows["a day ago"][3] == pytest.approx(0.0, abs=1e-12)
    assert all(row[-1] for row in section.rows)
    assert (
        "beats the seasonal naive forecast, of a day and of a week ago, on 0 of 1"
        in (section.text[-1])
    )
    assert network_section(folder, settings, lambda a, b: done.append((a, b))).rows == section.rows
    assert len(done) == 3


def three_homes(folder: Path, days: int = 17) -> pd.DataFrame:
    """Write a dataset of three homes, hour by hour, one of them with photovoltaics."""
    folder.mkdir()
    times = pd.date_range("2021-06-07", periods=days * 24, freq="h")
    hour = np.arange(len(times)) % 24
    frames = []
    for k, name in enumerate(("north", "middle", "south")):
        load = 0.2 + 0.1 * k + 0.4 * np.exp(-(((hour - 18 - k) / 2) ** 2))
        frame = pd.DataFrame({"time": times, "member": name, "load_kwh": load.round(4)})
        size = 2.0 if name == "south" else np.nan
        sun = size * np.maximum(np.sin((hour - 6) * np.pi / 12), 0.0)
        frames.append(frame.assign(pv_kwh=sun.round(4)))
    held = pd.concat(frames)
    held.to_csv(folder / "profiles.csv", index=False)
    end = (times[-1] + pd.Timedelta(hours=1)).isoformat()
    (folder / "dataset.yaml").write_text(
        "{schema: 1, name: homes, time_zone: Asia/Seoul, clock: wall, labels: start, "
        f"resolution: 60, licence: none, start: '{times[0].isoformat()}', end: '{end}', "
        "tables: {profiles: {files: [profiles.csv]}}}"
    )
    return held


@pytest.mark.slow
def test_the_network_ranks_households_of_own_data_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hmesh replicate community_storage --only network --data FOLDER`, with small networks."""
    monkeypatch.setenv("HMESH_FORECASTERS", str(tmp_path / "networks"))
    small = ("community_storage.forecaster={kind: lstm, window: 24, units: 4, epochs: 2}",)
    monkeypatch.setattr("hmesh.runs.studies.community_storage.ranked_by_network.NETWORK", small)
    held = three_homes(tmp_path / "homes")
    words = ["replicate", "community_storage", "--only", "network", "--no-progress"]
    words += ["--data", str(tmp_path / "homes"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    assert "Measured households, ranked by the network of the title" in result.output
    (file,) = (tmp_path / "out").rglob("*table_3_measured.csv")
    table = pd.read_csv(file).set_index(["household", "operation"])
    last = held[held["time"] >= held["time"].max().normalize() - pd.Timedelta(days=1)]
    due = last.groupby("member", sort=False)["load_kwh"].sum()
    for house, member in zip(("H1", "H2", "H3"), ("north", "middle", "south"), strict=True):
        for mode in ("normal", "optimal"):
            row = table.loc[house, mode]
            assert row["demand"] == pytest.approx(due[member], rel=1e-9)
            served = row[["what will be ranks", "noise ranks", "the network ranks"]]
            assert served.between(0, due[member] + 1e-9).all()
    for column in ("what will be ranks", "noise ranks", "the network ranks"):
        assert table.loc[("all", "optimal"), column] > 0
    # What is known in advance is served best.
    best = table.loc[("all", "optimal"), "what will be ranks"]
    assert table.loc[("all", "optimal"), "the network ranks"] <= best + 1e-6
    # The networks are kept: the same command trains none a second time.
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "networks").iterdir()}
    assert kept
    words[-1] = str(tmp_path / "again")
    assert CliRunner().invoke(app, words, env={"COLUMNS": "120"}).exit_code == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "networks").iterdir()} == kept
