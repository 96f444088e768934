"""Published studies, simulated again and set beside their figures."""

from collections.abc import Callable, Sequence

from environment.errors import InputError, Problem, nearest

from .study_report import StudyReport

type Progress = Callable[[int, int], None]


def _vehicles(progress: Progress) -> StudyReport:
    from .replicate_vehicles import replicate_vehicles

    return replicate_vehicles(progress)


def _smart_home(progress: Progress) -> StudyReport:
    from .replicate_smart_home import replicate_smart_home

    return replicate_smart_home(progress)


def _school_buses(progress: Progress) -> StudyReport:
    from .replicate_school_buses import replicate_school_buses

    return replicate_school_buses(progress)


STUDIES: dict[str, Callable[[Progress], StudyReport]] = {
    "vehicles": _vehicles,
    "smart_home": _smart_home,
    "school_buses": _school_buses,
}


def replicate(
    studies: Sequence[str] = (), progress: Progress = lambda done, total: None
) -> list[StudyReport]:
    """Simulate published studies again.

    Parameters
    ----------
    studies
        Names in `STUDIES`; all of them where none is named.
    progress
        Told the parts done and the parts there are.

    Returns
    -------
    list of StudyReport
        One for each study, in the order named.

    Raises
    ------
    InputError
        If a study is unknown, before any is begun.
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

    def part(before: int) -> Progress:
        # The share that is done stays right, whatever number of parts a study has.
        return lambda done, total: progress(before * total + done, len(wanted) * total)

    return [STUDIES[name](part(before)) for before, name in enumerate(wanted)]
