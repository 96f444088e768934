"""What devices a home has, how they are wired, and which of the four assignments feeds them."""

from dataclasses import dataclass
from typing import Literal, get_args

from hmesh.environment.errors import InputError, Problem

type Assignment = Literal["spfa_s", "spfa_gs", "mpfa_sg", "mpfa_mg"]

ASSIGNMENTS: tuple[Assignment, ...] = get_args(Assignment.__value__)


@dataclass(frozen=True, slots=True)
class HomeLayout:
    """What devices a home has and how they are wired; the same for all homes of a group.

    Attributes
    ----------
    storages : int
        Number of storages.
    generator_storage : tuple of int
        The storage into which each generator's own line leads.
    load_storage : tuple of int
        The storage from which each load's own line comes.
    generator_rank : tuple of int
        In which order generators feed loads directly, lowest first.
    load_rank : tuple of int
        In which order a generator feeds loads directly, lowest first.
    priority : tuple of int
        Priority class of each load; where not all can be met, the lowest is admitted first, and
        within a class the load that is named first.

    Raises
    ------
    InputError
        If there is no storage or load, or a line leads nowhere; everything is reported.
    """

    storages: int
    generator_storage: tuple[int, ...]
    load_storage: tuple[int, ...]
    generator_rank: tuple[int, ...]
    load_rank: tuple[int, ...]
    priority: tuple[int, ...]

    def __post_init__(self) -> None:
        problems = []
        if self.storages < 1:
            problems.append(Problem("storages", "a home has no storage", "at least one"))
        if not self.load_storage:
            problems.append(Problem("appliances", "a home has no appliance", "at least one"))
        for what, lines, ranks in (
            ("generators", self.generator_storage, (self.generator_rank,)),
            ("appliances", self.load_storage, (self.load_rank, self.priority)),
        ):
            problems += [
                Problem(
                    f"{what}[{k}]", f"its line leads to storage {s}", f"0 to {self.storages - 1}"
                )
                for k, s in enumerate(lines)
                if not 0 <= s < max(self.storages, 1)
            ]
            problems += [
                Problem(what, f"{len(rank)} ranks", f"one for each of the {len(lines)}")
                for rank in ranks
                if len(rank) != len(lines)
            ]
        if problems:
            raise InputError(problems)

    @property
    def generators(self) -> int:
        """Number of generators."""
        return len(self.generator_storage)

    @property
    def loads(self) -> int:
        """Number of loads."""
        return len(self.load_storage)

    @property
    def generators_in_order(self) -> list[int]:
        """Generators in the order in which they feed loads directly."""
        return sorted(range(self.generators), key=lambda g: (self.generator_rank[g], g))

    @property
    def loads_in_order(self) -> list[int]:
        """Loads in the order in which a generator feeds them directly."""
        return sorted(range(self.loads), key=lambda load: (self.load_rank[load], load))

    @property
    def loads_by_priority(self) -> list[int]:
        """Loads in the order in which they are admitted where not all can be met."""
        return sorted(range(self.loads), key=lambda load: (self.priority[load], load))

    def feeds_directly(self, assignment: Assignment, generator: int, load: int) -> bool:
        """Return whether a generator feeds a load without a storage between them."""
        if assignment == "spfa_s":
            return False
        same_chain = self.generator_storage[generator] == self.load_storage[load]
        return same_chain or assignment != "spfa_gs"
