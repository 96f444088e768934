"""Parts of a study: chosen by name, kept in a folder, read back, with keys changed."""

from pathlib import Path

import pytest

from hmesh.environment.errors import InputError
from hmesh.runs.studies.changes import changed, study_scenario, with_changes
from hmesh.runs.studies.replicate import STUDIES, replicate
from hmesh.runs.studies.study_parts import SourceFigure, Study, StudyPart, run_study
from hmesh.runs.studies.study_report import Column, ReportSection


def small(made: list[str]) -> Study:
    """Return a study that notes which of its parts are made."""

    def part(name: str) -> StudyPart:
        def make(shared: object, tick: object) -> ReportSection:
            made.append(name)
            value = study_scenario("smart-home").seed
            return ReportSection(name, name, (Column("seed"),), ((value,),))

        return StudyPart(name, make, steps=2)

    def draw(shared: object, picture: object) -> None:
        picture.add_subplot().plot([0, 1], [1, 0])  # type: ignore[attr-defined]

    figures = (SourceFigure("3.10", "A line", draw),)
    return Study(
        "vehicles", "A study", lambda data: None, (part("one"), part("two")), lambda: figures
    )


def test_parts_are_chosen_by_name_and_counted() -> None:
    made: list[str] = []
    seen: list[tuple[int, int]] = []
    report = run_study(small(made), lambda done, total: seen.append((done, total)), only=["two"])
    assert made == ["two"]
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert report.passed
    assert report.verdict == "parts two"


def test_an_unknown_part_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"--only table-4\.2: school_buses has no such part"):
        replicate(["school_buses"], only=["table-4.2"])
    with pytest.raises(InputError, match=r"did you mean 'table-4\.1'"):
        replicate(["school_buses"], only=["table-4.2"])


def test_parts_that_lie_there_are_read_back(tmp_path: Path) -> None:
    made: list[str] = []
    study = small(made)
    first = run_study(study, only=["one"], folder=tmp_path)
    begun: list[str] = []
    again = run_study(study, folder=tmp_path, begins=lambda part: begun.append(part.name))
    assert made == ["one", "two"]
    assert begun == ["two"]
    assert again.sections[0] == first.sections[0]


def test_a_folder_of_other_keys_is_refused(tmp_path: Path) -> None:
    study = small([])
    run_study(study, folder=tmp_path)
    with pytest.raises(InputError, match=r"other inputs \(changes\)"):
        run_study(study, changes=["seed=5"], folder=tmp_path)


def test_keys_are_changed_for_every_part_and_no_longer() -> None:
    report = run_study(small([]), changes=["seed=5"])
    assert [section.rows for section in report.sections] == [((5,),), ((5,),)]
    assert not changed()
    with with_changes(["seed=7"]):
        assert study_scenario("smart-home").seed == 7
        # What a part varies cannot be changed; how the study differs from the scenario can.
        assert study_scenario("smart-home", "seed=8", base=["seed=9"]).seed == 8
        assert study_scenario("smart-home", base=["seed=9"]).seed == 7


def test_a_wrong_key_is_refused() -> None:
    with pytest.raises(InputError, match="seeed"):
        run_study(small([]), changes=["seeed=5"])


def test_options_of_one_study_need_one_study(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        replicate(only=["figures"], changes=["seed=1"], figures=True)
    assert [problem.place for problem in caught.value.problems] == ["--only", "--set", "--figures"]
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(InputError, match="holds something already"):
        replicate(["vehicles"], only=["contradictions"], out=tmp_path)


def test_a_part_is_written_as_it_is_found(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (report,) = replicate(["vehicles"], only=["contradictions"], out=out)
    assert [section.name for section in report.sections] == ["contradictions"]
    assert (out / "vehicles" / "parts" / "contradictions.json").is_file()
    assert (out / "vehicles" / "contradictions.csv").is_file()
    # The same command again goes on, and so does one for another part.
    replicate(["vehicles"], only=["contradictions"], out=out)


def test_figures_are_drawn_by_their_number(tmp_path: Path) -> None:
    run_study(small([]), folder=tmp_path, figures=True)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["figure-3-10.png"]


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_parts_with_names_of_their_own(name: str) -> None:
    study = STUDIES[name]
    assert study.name == name
    names = [part.name for part in study.parts]
    assert len(set(names)) == len(names)
    numbers = [figure.number for figure in study.figures()]
    assert len(set(numbers)) == len(numbers)
    assert all(part.seconds > 0 and part.steps > 0 for part in study.parts)
