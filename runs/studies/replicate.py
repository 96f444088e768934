"""Published studies, simulated again and compared with their figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.safe_files import own_folder
from hmesh.runs.results.new_folder import refuse_used
from hmesh.runs.results.resuming import way_on
from hmesh.runs.studies.study_parts import Progress, Study, StudyPart, run_study
from hmesh.runs.studies.study_report import StudyReport

# The folder of each study, in the order in which all of them are replicated.
_FOLDERS = {
    "vehicles": "vehicles",
    "smart_home": "smart_homes",
    "battery_sharing": "battery_sharing",
    "school_buses": "school_buses",
    "community_storage": "community_storage",
    "composite_storage": "composite_storage",
}


class _Studies(Mapping[str, Study]):
    """The studies by name, each imported when it is first asked for."""

    def __getitem__(self, name: str) -> Study:
        module = import_module(f"hmesh.runs.studies.{_FOLDERS[name]}.study")
        study: Study = module.STUDY
        return study

    def __iter__(self) -> Iterator[str]:
        return iter(_FOLDERS)

    def __len__(self) -> int:
        return len(_FOLDERS)


STUDIES: Mapping[str, Study] = _Studies()


def replicate(
    studies: Sequence[str] = (),
    progress: Progress = lambda done, total: None,
    data: Path | str | None = None,
    *,
    only: Sequence[str] = (),
    changes: Sequence[str] = (),
    out: Path | None = None,
    figures: bool = False,
    begins: Callable[[StudyPart], None] = lambda part: None,
) -> list[StudyReport]:
    """Simulate published studies again.

    Parameters
    ----------
    studies : sequence of str, optional
        Names in `STUDIES`; all of them where none is named.
    progress : callable, optional
        Called with the steps done and the steps there are.
    data : Path or str, optional
        Dataset of measured loads for the studies that take one, or None.
    only : sequence of str, optional
        Names of the parts of the one study named; all of them where none is named.
    changes : sequence of str, optional
        Keys of the scenario of the one study named that are changed, ``key=value``.
    out : Path, optional
        Folder into which every part is written as soon as it is found, a folder for each study.
        Parts that lie there already are read back, so that an interrupted replication goes on.
    figures : bool, optional
        Whether the figures of the sources are drawn, into the folder.
    begins : callable, optional
        Called with every part that is made, before it is.

    Returns
    -------
    list of StudyReport
        One for each study, in the order named.

    Raises
    ------
    InputError
        If a study or part is unknown, before any is begun, none of them takes measured loads, or
        parts or keys are named for several studies.
    """
    wanted = _wanted(studies)
    problems = []
    if data is not None and not any(STUDIES[name].takes_data for name in wanted):
        takers = ", ".join(name for name in STUDIES if STUDIES[name].takes_data)
        message = "none of these studies takes measured loads"
        problems.append(Problem("--data", message, f"one of {takers}"))
    for option, given in (("--only", only), ("--set", changes)):
        if given and len(wanted) > 1:
            problems.append(Problem(option, "belongs to one study", "one study by its name"))
    if figures and out is None:
        problems.append(Problem("--figures", "has nowhere to be drawn", "--out DIR beside it"))
    refuse_all(problems)
    for name in wanted:
        STUDIES[name].chosen(only)

    if out is not None:
        _refuse_foreign(out)

    def part(before: int) -> Progress:
        # The share that is done stays right, whatever number of steps a study has.
        return lambda done, total: progress(before * total + done, len(wanted) * total)

    reports = []
    for before, name in enumerate(wanted):
        study = STUDIES[name]
        folder = None if out is None else own_folder(out, name, make=True)
        report = run_study(
            study,
            part(before),
            only=only,
            changes=changes,
            data=Path(data) if data is not None and study.takes_data else None,
            folder=folder,
            figures=figures,
            begins=begins,
        )
        if folder is not None:
            report.save(folder)
        reports.append(report)
    return reports


def _refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds anything but studies."""
    there = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if not there or there - _FOLDERS.keys():
        refuse_used(out, way_on)


def _wanted(studies: Sequence[str]) -> list[str]:
    unknown = [name for name in studies if name not in _FOLDERS]
    if unknown:
        raise InputError(
            [
                Problem(name, "there is no such study", ", ".join(STUDIES), nearest(name, STUDIES))
                for name in unknown
            ]
        )
    return list(dict.fromkeys(studies)) or list(STUDIES)
