import pytest

from hmesh.runs.studies.published_figures import published_figures
from hmesh.runs.studies.smart_homes.study import SEASONS, STRATEGY, replicate_smart_home, study_days
from hmesh.runs.studies.study_report import StudyReport


@pytest.fixture(scope="module")
def report() -> StudyReport:
    return replicate_smart_home(lambda done, total: None)


def test_every_published_cell_is_reproduced(report: StudyReport) -> None:
    assert report.passed
    assert report.verdict.startswith("22 of 22 cells of tables 3.2 to 3.4 are reproduced")
    cells = sum(len(report.section(name).rows) for name in ("losses", "capacities"))
    figures = published_figures("smart_home")
    assert cells == sum(figure.where.startswith("Table") for figure in figures) == 22


# How far off an independent implementation of the same rules is [%], as far as it tells.
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


def test_statements_of_the_texts_are_held_against_the_tables(report: StudyReport) -> None:
    told = report.section("claims")
    agree = dict(zip(told.column("told [%]"), told.column("agree"), strict=True))
    for value in (66.5, 53.7, 66.8, 67.9, 57.0, 51.9):
        assert agree[value]
    for value in (55.2, 11.4, 1.4, 62.1, 6.7, 1.9, 2.1, 21.9, 29.6, 16.9):
        assert not agree[value]
    figures = {f.value for f in published_figures("smart_home") if f.unit == "%"}
    assert figures <= set(agree)


def test_the_texts_agree_with_another_day_without_shifting(report: StudyReport) -> None:
    table = report.section("baselines")
    implied = table.column("without, as told implies [kWh]")
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
