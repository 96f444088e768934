"""A study as parts with names, which are run, kept and read back one by one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.safe_files import beside, own_folder, read_json, write_json
from hmesh.runs.studies.changes import with_changes
from hmesh.runs.studies.study_report import ReportSection, StudyReport, section_of
from hmesh.runs.studies.verdicts import passed_as_recorded, verdict_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

type Tick = Callable[[], None]
type Progress = Callable[[int, int], None]
type Sections = ReportSection | Sequence[ReportSection]

# From here on a part says how long it takes [s].
LONG_S = 60
KEPT = "parts"
FIGURES = "figures"


@dataclass(frozen=True, slots=True)
class StudyPart:
    """A part of a study.

    Attributes
    ----------
    name : str
        How a person asks for it.
    make : callable
        Returns its sections, given what the study shares and what to call after each step.
    steps : int
        Steps that it counts for.
    seconds : int
        About how long it takes on one core [s].
    """

    name: str
    make: Callable[[Any, Tick], Sections]
    steps: int = 1
    seconds: int = 1


@dataclass(frozen=True, slots=True)
class SourceFigure:
    """A figure of a source, drawn from what is simulated.

    Attributes
    ----------
    number : str
        Its number in the source.
    caption : str
        What it shows.
    draw : callable
        Draws it on an empty figure, given what the study shares.
    """

    number: str
    caption: str
    draw: Callable[[Any, "Figure"], None]

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"figure-{self.number.replace('.', '-').lower()}.png"


@dataclass(frozen=True, slots=True)
class Study:
    """A published study.

    Attributes
    ----------
    name, title : str
        Its name, and what is compared with what.
    shared : callable
        Makes what its parts share, given a dataset of measured loads or None.
    parts : tuple of StudyPart
        In the order of the report.
    figures : callable
        Returns the figures of its source that can be drawn.
    takes_data : bool
        Whether it draws its conclusions again for measured loads.
    """

    name: str
    title: str
    shared: Callable[[Path | None], Any]
    parts: tuple[StudyPart, ...]
    figures: Callable[[], tuple[SourceFigure, ...]] = field(default=tuple)
    takes_data: bool = False

    def chosen(self, only: Sequence[str]) -> tuple[StudyPart, ...]:
        """Return the parts of some names, all where none is named.

        Raises
        ------
        InputError
            If a name is unknown.
        """
        known = [part.name for part in self.parts]
        unknown = [name for name in only if name not in known]
        if unknown:
            raise InputError(
                [
                    Problem(
                        f"--only {name}", f"{self.name} has no such part", ", ".join(known),
                        nearest(name, known),
                    )
                    for name in unknown
                ]
            )  # fmt: skip
        return tuple(part for part in self.parts if not only or part.name in only)


def run_study(
    study: Study,
    progress: Progress = lambda done, total: None,
    *,
    only: Sequence[str] = (),
    changes: Sequence[str] = (),
    data: Path | None = None,
    folder: Path | None = None,
    figures: bool = False,
    begins: Callable[[StudyPart], None] = lambda part: None,
) -> StudyReport:
    """Run parts of a study, one after another.

    Parameters
    ----------
    study : Study
        The study.
    progress : callable, optional
        Called with the steps done and the steps there are.
    only, changes, data : sequence of str, sequence of str, Path, optional
        Names of parts, keys of the scenario to change, dataset of measured loads.
    folder : Path, optional
        Where each part is written as soon as it is found, and read from if it is there already.
    figures : bool
        Whether the figures of the source are drawn into the folder.
    begins : callable, optional
        Called with every part that is made, before it is.

    Raises
    ------
    InputError
        If a part, a key or the dataset is wrong, or the folder holds parts of another study.
    """
    parts = study.chosen(only)
    drawn = study.figures() if figures and folder is not None else ()
    total, done = sum(part.steps for part in parts) + len(drawn), 0

    def tick() -> None:
        nonlocal done
        done = min(done + 1, total)
        progress(done, total)

    progress(0, total)
    kept = None if folder is None else _Kept(folder, study, changes, data)
    sections: list[ReportSection] = []
    with with_changes(changes):
        shared = study.shared(data)
        for part in parts:
            before = done
            found = kept.read(part.name) if kept else None
            if found is None:
                begins(part)
                made = part.make(shared, tick)
                found = [made] if isinstance(made, ReportSection) else list(made)
                if kept:
                    kept.write(part.name, found)
            while done < before + part.steps:
                tick()
            sections += found
        for figure in drawn:
            assert folder is not None
            _draw(study, figure, shared, folder / FIGURES)
            tick()
    verdict = verdict_sentence(sections) or f"parts {', '.join(part.name for part in parts)}"
    passed = passed_as_recorded(sections)
    if not passed:
        verdict += "; not every verdict is the one on record"
    return StudyReport(study.name, study.title, passed, verdict, tuple(sections))


class _Kept:
    """The parts of a study that were found already, and lie in its folder."""

    def __init__(
        self, folder: Path, study: Study, changes: Sequence[str], data: Path | None
    ) -> None:
        from hmesh.runs.results.versions import versions_now

        self._folder = own_folder(folder / KEPT, make=True)
        self._identity = {
            "study": study.name,
            "changes": list(changes),
            "data": None if data is None else str(data),
            "version": versions_now()["hmesh"],
        }
        file = self._folder / "study.json"
        if file.exists():
            there = read_json(file)
            if there != self._identity:
                other = ", ".join(key for key in there if there[key] != self._identity.get(key))
                message = f"holds parts of another study or other inputs ({other})"
                raise InputError(
                    [Problem(str(folder), message, "the same inputs, or a new folder")]
                )
        else:
            write_json(file, self._identity)

    def read(self, name: str) -> list[ReportSection] | None:
        file = self._folder / f"{name}.json"
        if not file.exists():
            return None
        return [section_of(each) for each in read_json(file)["sections"]]

    def write(self, name: str, sections: Sequence[ReportSection]) -> None:
        kept = {"sections": [asdict(section) for section in sections]}
        write_json(self._folder / f"{name}.json", kept)


def _draw(study: Study, figure: SourceFigure, shared: object, folder: Path) -> None:
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, 4.5), layout="constrained")
    figure.draw(shared, picture)
    picture.suptitle(f"Figure {figure.number}: {figure.caption}", fontsize="medium")
    with beside(own_folder(folder, make=True) / figure.file) as new:
        picture.savefig(new, format="png", dpi=150)
