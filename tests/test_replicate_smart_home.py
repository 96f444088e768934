import pytest

from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.smart_homes.storages import (
    EFFICIENCIES,
    SIZES_KWH,
    changes_of,
    with_efficiency,
)
from hmesh.runs.studies.smart_homes.study import STUDY
from hmesh.runs.studies.smart_homes.study_days import SEASONS, STRATEGY, study_days
from hmesh.runs.studies.study_parts import run_study
from hmesh.runs.studies.study_report import StudyReport

BEYOND = ("efficiencies", "storage-sizes")


@pytest.fixture(scope="module")
def report() -> StudyReport:
    # What goes beyond the source is a test of its own.
    names = [part.name for part in STUDY.parts]
    return run_study(STUDY, only=[name for name in names if name not in BEYOND])


def test_every_cell_has_the_verdict_on_record(report: StudyReport) -> None:
    assert report.passed
    figures = published_figures("smart_home")
    table = [figure for figure in figures if figure.where.startswith("Table")]
    assert len(table) == 22
    # Published MPFA/MG in summer cannot be above MPFA/SG, nor can both be met.
    assert [figure.item for figure in table if not figure.agreed] == ["MPFA/MG summer"]
    assert "emergent 0 of 0, set 27 of 33" in report.verdict
    assert report.section("verdict").rows[-1][0] == "counts nothing: AC from 05:00"
    assert "tolerance" in [column.name for column in report.section("cells").columns]


# How far off an independent implementation of the same rules is [%], as far as it states.
RESIDUALS = {
    "losses": {
        "SPFA/S winter": 0.00, "SPFA/GS winter": 0.00, "MPFA/SG winter": 0.12,
        "MPFA/MG winter": 0.01, "MPFA/SG+LS winter": -0.06, "MPFA/MG+LS winter": -0.06,
        "SPFA/S summer": 0.01, "SPFA/GS summer": 0.00, "MPFA/SG summer": 0.50,
        "MPFA/MG summer": -0.05, "MPFA/SG+LS summer": -0.77, "MPFA/MG+LS summer": 0.22,
    },
    "capacities": {
        "SPFA/S winter": -0.66, "MPFA/SG winter": 0.07, "MPFA/MG winter": -0.21,
        "MPFA/SG+LS winter": 0.07, "MPFA/MG+LS winter": -0.06, "SPFA/S summer": 0.29,
        "MPFA/SG summer": 0.41, "MPFA/MG summer": -1.22, "MPFA/SG+LS summer": 0.42,
        "MPFA/MG+LS summer": -0.25,
    },
}  # fmt: skip


@pytest.mark.parametrize("section", RESIDUALS)
def test_residuals_are_those_of_an_independent_implementation(
    report: StudyReport, section: str
) -> None:
    table = report.section(section)
    found = dict(zip(table.column("assignment"), table.column("off [%]"), strict=True))
    assert found == pytest.approx(RESIDUALS[section], abs=0.015)


def test_statements_of_the_texts_are_compared_with_the_tables(report: StudyReport) -> None:
    reported = report.section("claims")
    agree = dict(zip(reported.column("printed [%]"), reported.column("agree"), strict=True))
    # An integer is as good as its digits: 67 is 67.2 rounded.
    assert [text for text, fine in agree.items() if fine] == [
        "67", "66.5", "53.7", "66.8", "67.9", "9.9", "72.9", "72.2", "57", "51.9",
    ]  # fmt: skip
    assert [text for text, fine in agree.items() if not fine] == [
        "55.2", "11.4", "1.4", "62.1", "6.7", "1.9", "2.1", "21.9", "29.6", "5.8", "16.9",
    ]  # fmt: skip
    figures = {f.printed for f in published_figures("smart_home") if f.unit == "%"}
    assert figures <= set(agree)


def test_the_texts_agree_with_another_day_without_shifting(report: StudyReport) -> None:
    table = report.section("baselines")
    implied = table.column("without, as stated implies [kWh]")
    assert implied == pytest.approx(
        [0.622, 0.620, 96.3, 76.1, 0.622, 0.626, 86.0, 106.2], rel=0.001
    )


def test_capacities_hour_by_hour_are_proved(report: StudyReport) -> None:
    table = report.section("honest")
    assert all(table.column("serves, and 1 % less does not"))
    assert not all(table.column("holds all generation"))


def test_the_day_is_lived_by_agents() -> None:
    days = study_days()
    assert set(days) == {(name, season) for name in STRATEGY for season in SEASONS}
    for day in days.values():
        assert day.generation_kwh.shape == day.used_kwh.shape == (24, 2)
        assert (day.used_kwh <= day.wanted_kwh + 1e-12).all()


@pytest.mark.parametrize("eta", [0.8, 1.0])
def test_losses_by_efficiency_follow_from_what_is_generated_and_served(eta: float) -> None:
    """SPFA/S stores all it generates: its losses have a closed form."""
    days = study_days(*with_efficiency(eta))
    for season in SEASONS:
        day = days["SPFA/S", season]
        due = (1 - eta) * day.generation_kwh.sum() + (1 / eta - 1) * day.used_kwh.sum()
        assert day.losses_kwh == pytest.approx(due, rel=1e-9, abs=1e-12)
        if eta == 1.0:
            assert all(days[name, season].losses_kwh == pytest.approx(0) for name in STRATEGY)


def test_a_storage_of_no_size_serves_what_is_generated_in_the_hour() -> None:
    days = study_days(*changes_of("capacity_kwh", 1e-6))
    for season in SEASONS:
        assert days["SPFA/S", season].used_kwh.sum() == 0.0
        day = days["MPFA/SG", season]
        hours = zip(day.generation_kwh.sum(axis=1), day.wanted_kwh, strict=True)
        # All of the loads wanted that fit, air conditioner first.
        due = [
            ac + vf if ac + vf <= sun + 1e-9 else ac if 0 < ac <= sun + 1e-9
            else vf if vf <= sun + 1e-9 else 0.0
            for sun, (ac, vf) in hours
        ]  # fmt: skip
        assert day.used_kwh.sum(axis=1) == pytest.approx(due, abs=1e-5)


@pytest.mark.slow
def test_efficiencies_and_sizes_of_storages_are_a_study() -> None:
    report = run_study(STUDY, only=list(BEYOND))
    table = report.section("efficiencies")
    assert len(table.rows) == 2 * len(EFFICIENCIES)
    base = study_days()
    at_092 = next(row for row in table.rows if row[0] == "0.92 winter")
    assert at_092[3:] == pytest.approx([base[name, "winter"].losses_kwh for name in STRATEGY])
    served = report.section("storage_sizes")
    assert len(served.rows) == 2 * len(SIZES_KWH)
    for season in SEASONS:
        shares = [row[3:] for row in served.rows if row[2] == season]
        # The largest is as good as none at all: it never fills.
        assert shares[-1] == pytest.approx(
            [
                100 * base[name, season].used_kwh.sum() / base[name, season].wanted_kwh.sum()
                for name in STRATEGY
            ]
        )
    assert table.bars is not None
    assert served.bars is not None
