"""What all sections of a scenario are made of: strict reading, kinds of numbers, refusals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from hmesh.environment.errors import InputError, Problem, impossible_path, nearest

# A list of YAML becomes a tuple; what stands in it is still read strictly.
AS_TUPLE = Field(strict=False)

Share = Annotated[float, Field(ge=0, le=1)]
LossRate = Annotated[float, Field(ge=0, lt=1)]
Efficiency = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e12)]
NotNegative = Annotated[float, Field(ge=0, le=1e12)]
Money = Annotated[float, Field(ge=-1e12, le=1e12)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Interval = Annotated[tuple[Money, Money], AS_TUPLE]

# Names of groups, communities and scenarios are parts of file names, of which systems allow 255
# bytes in all.
LONGEST_NAME = 100

# What else than groups is connected to the grid under a community.
GRID_PARTS = ("charging", "community-storage", "feeder", "schools")


class Section(BaseModel):
    """A part of a scenario: unknown keys, text for numbers, NaN and infinity are refused."""

    # Keys that other sections have and this one lacks: why, and what is allowed in their place.
    lacks: ClassVar[Mapping[str, tuple[str, str]]] = {}

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        # Nested sections are built once, as parts of the scenario that is read.
        defer_build=True,
    )


class SchemeSection(Section):
    """The section of a scheme, and what a scenario asks of it."""

    # What it connects to the grid, in the word that `grid.connections` uses; the scheme's name
    # where it is empty.
    connects: ClassVar[str] = ""
    # Kind of those of its agents that are members of the local exchange of their community.
    shares_locally: ClassVar[str] = ""
    # Whether its agents give households or buildings energy at the price of their community.
    gives_members: ClassVar[bool] = False

    @classmethod
    def absent(cls) -> Self | None:
        """Return the section of a scenario that leaves it out; None where it then has none."""
        return None

    def with_owned(self, groups: tuple[Any, ...]) -> Self:
        """Return the section with groups that prosumers own after its own."""
        own: tuple[Any, ...] = getattr(self, "groups", ())
        return self.model_copy(update={"groups": (*own, *groups)})

    def without_owned(self, given: int) -> Self:
        """Return the section as it was given, of whose groups the first ones are its own."""
        own: tuple[Any, ...] = getattr(self, "groups", ())
        return self.model_copy(update={"groups": own[:given]})

    @classmethod
    def agree(cls, section: Any, info: ValidationInfo) -> Any:
        """Return the section, or None, once it is found to agree with the sections before it."""
        return section

    def takes_part(self, scenario: Any) -> bool:
        """Return whether the scheme takes part in a scenario with this section."""
        return True

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the nodes of the grid that the scheme adds under a community, by name."""
        return ()

    @property
    def expects_prices(self) -> bool:
        """Whether its agents plan on the price that they expect of their community."""
        return False

    @property
    def stores_answer(self) -> bool:
        """Whether it has stores that answer to prices with what their own rule leaves."""
        return getattr(self, "price_response", None) is not None

    @property
    def decided_above(self) -> str:
        """Why its agents are not asked what they want, so that none can have a behaviour."""
        return ""

    @property
    def behaving_groups(self) -> dict[str, Any]:
        """The behaviour by which each of its groups decides, with its keys, by name of the group.

        None for one that decides as all agents of the type do; "" is the name of the only group.
        """
        return {}

    @property
    def asked_tables(self) -> tuple[str, ...]:
        """Tables on request of its scheme that a run with it fills."""
        return ()

    def tables_asked(self, scenario: Any) -> tuple[str, ...]:
        """Return those, and those that other sections of the scenario ask for."""
        return self.asked_tables

    def tariff_problems(self, scenario: Any) -> Iterator[Problem]:
        """Yield what of a scenario does not go with tariffs that its agents have of their own."""
        yield from ()

    @property
    def files(self) -> list[str]:
        """Single files that it names."""
        return []

    @property
    def load_files(self) -> list[str]:
        """Those of its files that hold measured energies, steps by columns."""
        return []

    @property
    def communities_of_members(self) -> set[str]:
        """Communities in which its agents live."""
        return set()

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Datasets that it names, and the tables they are read for."""
        return {}

    @property
    def sunlit(self) -> bool:
        """Whether what its agents generate follows from the sky over a community."""
        return False

    @property
    def in_the_sun(self) -> str:
        """Generators by the sun of a known place, such as "storages have plants"."""
        return ""


def refuse(message: str, *, place: str = "", allowed: str = "", suggestion: str = "") -> InputError:
    """Return the error of one field, placed relative to that field."""
    return InputError([Problem(place, message, allowed, suggestion)])


def short_enough(name: str) -> str:
    """Return a name that files, folders and columns can bear."""
    allowed = f"printable characters, at most {LONGEST_NAME} bytes of them"
    if not name.isprintable():
        raise refuse(f"the name {name[:LONGEST_NAME]!r} cannot be printed", allowed=allowed)
    if (size := len(name.encode())) > LONGEST_NAME:
        raise refuse(f"the name takes {size:,} bytes", allowed=allowed)
    return name


Name = Annotated[str, Field(min_length=1), AfterValidator(short_enough)]


def ordered(interval: tuple[float, float]) -> tuple[float, float]:
    """Return an interval whose lower bound does not pass its upper one."""
    lower, upper = interval
    if lower > upper:
        raise refuse(
            f"the lower bound {lower:g} is above the upper bound {upper:g}",
            allowed="[lower, upper] with lower <= upper",
        )
    return interval


def above_lowest(soc_max: float, info: ValidationInfo) -> float:
    """Return a highest state of charge that is above the lowest, ``soc_min``."""
    soc_min = info.data.get("soc_min", -1.0)
    if soc_max <= soc_min:
        raise refuse(
            f"soc_max {soc_max:g} is not above soc_min {soc_min:g}",
            allowed=f"a state of charge above {soc_min:g}, to 1",
        )
    return soc_max


def within_limits(soc_start: float, info: ValidationInfo) -> float:
    """Return a state of charge from ``soc_min`` to ``soc_max``."""
    lowest, highest = info.data.get("soc_min", 0.0), info.data.get("soc_max", 1.0)
    if not lowest <= soc_start <= highest:
        raise refuse(
            f"soc_start {soc_start:g} is outside the limits of the state of charge",
            allowed=f"from soc_min {lowest:g} to soc_max {highest:g}",
        )
    return soc_start


def names_given_twice(parts: Sequence[Any], what: str = "group", place: str = "") -> list[Problem]:
    """Return a problem for each part of a section that is called like one before it.

    Parameters
    ----------
    parts : sequence
        Each with a name.
    what : str, optional
        What one of them is.
    place : str, optional
        Where they stand, seen from the section, with a point at its end.
    """
    names = [part.name for part in parts]
    return [
        Problem(f"{place}{k}.name", f"another {what} is called {name!r} too", "its own name")
        for k, name in enumerate(names)
        if name in names[:k]
    ]


def existing(file: str, info: ValidationInfo, suffixes: tuple[str, ...]) -> str:
    """Return the name of a file that is there, seen from the scenario's folder."""
    folder: Path | None = (info.context or {}).get("check_files_in")
    if folder is None:
        return file
    path = folder / file
    if path.suffix.lower() not in suffixes:
        raise refuse(f"cannot read {file!r}", allowed=" or ".join(suffixes))
    looked_up(path)
    if not path.is_file():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        names = [entry.name for entry in beside if entry.suffix.lower() in suffixes]
        near = nearest(path.name, names)
        suggestion = (Path(file).parent / near).as_posix() if near else ""
        raise refuse(f"there is no file {path}", suggestion=suggestion)
    return file


def file_there(*suffixes: str) -> AfterValidator:
    """Return what a type needs whose values name files of some kinds that are there."""
    return AfterValidator(lambda file, info: existing(file, info, suffixes))


CsvFile = Annotated[str, file_there(".csv")]
TableFile = Annotated[str, file_there(".csv", ".parquet")]
JsonFile = Annotated[str, file_there(".json")]


def existing_dataset(folder: str, info: ValidationInfo) -> str:
    """Return the name of a dataset that is there, seen from the scenario's folder."""
    seen_from: Path | None = (info.context or {}).get("check_files_in")
    if seen_from is None:
        return folder
    path = seen_from / folder
    looked_up(path / "dataset.yaml")
    if not (path / "dataset.yaml").is_file():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        names = [entry.name for entry in beside if (entry / "dataset.yaml").is_file()]
        near = nearest(path.name, names)
        suggestion = (Path(folder).parent / near).as_posix() if near else ""
        raise refuse(
            f"{path} holds no dataset",
            allowed="a folder with a dataset.yaml",
            suggestion=suggestion,
        )
    return folder


DatasetFolder = Annotated[str, AfterValidator(existing_dataset)]


def read_of(dataset: str | None, *tables: str) -> dict[str, tuple[str, ...]]:
    """Return a dataset with the tables that are read of it; nothing where none is named."""
    return {} if dataset is None else {dataset: tables}


def read_together(*parts: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return datasets with all the tables that several parts of a scenario read of them."""
    used: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for dataset, tables in part.items():
            used[dataset] = (*used.get(dataset, ()), *tables)
    return used


def looked_up(path: Path) -> None:
    """Refuse a path that the system cannot look up."""
    if reason := impossible_path(path):
        raise refuse(f"{str(path)!r} cannot be opened: {reason}", allowed="a path that can be")


def of_no_other_part(name: str) -> str:
    """Return a name that no part of the grid under a community bears already."""
    if name in GRID_PARTS:
        raise refuse(f"{name!r} is the name of another part of the grid", allowed="its own name")
    return name


def misplaced_groups(groups: Iterable[Any], info: ValidationInfo) -> list[Problem]:
    """Return what is wrong with where a scheme's groups live, and with what they are called there.

    Each is a place of the grid or is placed beside one in the results, so that neither members of
    its community nor groups of another scheme there may bear its name.

    Parameters
    ----------
    groups : iterable
        Each with the name of its community and its own name.
    info : ValidationInfo
        What the scenario says in sections before this one.
    """
    communities = info.data.get("communities")
    if communities is None:
        return []
    taken = {
        (community, member.name): f"members of {community} are called {member.name!r}"
        for community, there in communities.items()
        for member in there.members
        # What prosumers own is called as they are.
        if member.kind != "prosumer"
    }
    prosumers = {
        (community, member.name)
        for community, there in communities.items()
        for member in there.members
        if member.kind == "prosumer"
    }
    for scheme, section in info.data.items():
        for other in getattr(section, "groups", ()):
            # Groups of vehicles live nowhere.
            where = getattr(other, "community", None)
            text = f"a group of {scheme} in {where} is called {other.name!r} too"
            if where is not None and (where, other.name) not in prosumers:
                taken.setdefault((where, other.name), text)
    problems = []
    for g, group in enumerate(groups):
        if group.community not in communities:
            message = f"no community is called {group.community!r}"
            near = nearest(group.community, communities)
            problems.append(Problem(f"groups.{g}.community", message, ", ".join(communities), near))
        elif message := taken.get((group.community, group.name), ""):
            problems.append(Problem(f"groups.{g}.name", message, "its own name"))
    return problems
