"""Published studies, simulated again and set beside their figures."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.runs.studies.study_report import StudyReport

type Progress = Callable[[int, int], None]


def _vehicles(progress: Progress) -> StudyReport:
    from hmesh.runs.studies.vehicles.study import replicate_vehicles

    return replicate_vehicles(progress)


def _smart_home(progress: Progress) -> StudyReport:
    from hmesh.runs.studies.smart_homes.study import replicate_smart_home

    return replicate_smart_home(progress)


def _battery_sharing(progress: Progress, data: Path | None = None) -> StudyReport:
    from hmesh.runs.studies.battery_sharing.study import replicate_battery_sharing

    return replicate_battery_sharing(progress, data)


def _school_buses(progress: Progress) -> StudyReport:
    from hmesh.runs.studies.school_buses.study import replicate_school_buses

    return replicate_school_buses(progress)


def _composite_storage(progress: Progress) -> StudyReport:
    from hmesh.runs.studies.composite_storage.study import replicate_composite_storage

    return replicate_composite_storage(progress)


def _community_storage(progress: Progress, data: Path | None = None) -> StudyReport:
    from hmesh.runs.studies.community_storage.study import replicate_community_storage

    return replicate_community_storage(progress, data)


STUDIES: dict[str, Callable[[Progress], StudyReport]] = {
    "vehicles": _vehicles,
    "smart_home": _smart_home,
    "battery_sharing": _battery_sharing,
    "school_buses": _school_buses,
    "community_storage": _community_storage,
    "composite_storage": _composite_storage,
}

# Studies whose conclusions are drawn again for measured loads, where a person has them.
TAKE_DATA = {"battery_sharing": _battery_sharing, "community_storage": _community_storage}


def replicate(
    studies: Sequence[str] = (),
    progress: Progress = lambda done, total: None,
    data: Path | str | None = None,
) -> list[StudyReport]:
    """Simulate published studies again.

    Parameters
    ----------
    studies
        Names in `STUDIES`; all of them where none is named.
    progress
        Told the parts done and the parts there are.
    data
        Dataset of measured loads for the studies in `TAKE_DATA`, or None.

    Returns
    -------
    list of StudyReport
        One for each study, in the order named.

    Raises
    ------
    InputError
        If a study is unknown, before any is begun, or none of them takes measured loads.
    """
    unknown = [name for name in studies if name not in STUDIES]
    if unknown:
        raise InputError(
            [
                Problem(name, "there is no such study", ", ".join(STUDIES), nearest(name, STUDIES))
                for name in unknown
            ]
        )
    wanted = list(dict.fromkeys(studies)) or list(STUDIES)
    if data is not None and not TAKE_DATA.keys() & set(wanted):
        message = "none of these studies takes measured loads"
        raise InputError([Problem("--data", message, f"one of {', '.join(TAKE_DATA)}")])

    def part(before: int) -> Progress:
        # The share that is done stays right, whatever number of parts a study has.
        return lambda done, total: progress(before * total + done, len(wanted) * total)

    return [
        STUDIES[name](part(before))
        if data is None or name not in TAKE_DATA
        else TAKE_DATA[name](part(before), Path(data))
        for before, name in enumerate(wanted)
    ]
