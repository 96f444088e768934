"""What a scheme is made of, so that everything else finds it by the scheme's name."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.runs.schemes.part_kinds import REQUIRED, Part, is_place, unfit


class Phase(IntEnum):
    """When in the hour a scheme acts."""

    HOMES = 1
    STORAGE_THAT_STAYS = 2
    PEAK = 3
    STORAGE_THAT_MOVES = 4


# Which rule sets the prices of a step: what generation costs, one of two games, or a planner.
RETAIL, TWO_LEVEL, THREE_LEVEL, PLANNER = "retail", "two_level", "three_level", "planner"
# The strategy of leaders that do not best-respond, whose pricing is a rule of its own.
LEADERS = "leaders"
# Or a rule of a plugin, which stands under the name of its strategy.
OWN_RULE = "own"


@dataclass(frozen=True, slots=True)
class BehaviourDescriptor:
    """A behaviour that agents of a scheme may have without a plugin.

    Attributes
    ----------
    name : str
        What a scenario calls it.
    agent_class : Part
        The agents that have it, of a class with ``with_keys``.
    keys : Part
        Its keys, a section with a ``name``.
    """

    name: str
    agent_class: Part
    keys: Part


@dataclass(frozen=True, slots=True)
class StrategyDescriptor:
    """A strategy of a scheme.

    Attributes
    ----------
    name : str
        What a scenario calls it.
    title : str
        What it is called within a sentence.
    colour : str
        Its colour in every picture.
    everybody : bool
        Whether it is the scheme's part where everybody shares; else that is its last.
    pricing : str
        Which rule sets the prices under it, one of `RETAIL`, `TWO_LEVEL`, `THREE_LEVEL`, `PLANNER`
        and `OWN_RULE`; "" where that is no matter of the scheme.
    plural : bool
        Whether its title is plural: "batteries lower the peak".
    on_request : bool
        Whether only a scenario that names it compares it.
    own : bool
        Whether a plugin added it by a rule of its own.
    """

    name: str
    title: str
    colour: str = ""
    everybody: bool = False
    pricing: str = ""
    plural: bool = False
    on_request: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What a count or an energy of the summary says of one case.

    Attributes
    ----------
    text : str or None
        In words; None where it says how much work was done and warns of nothing.
    place : int
        Lines of lower places stand first.
    of_games : bool
        Whether it says something only where prices are bargained for.
    """

    text: str | None
    place: int = 50
    of_games: bool = False


@dataclass(frozen=True, slots=True)
class SweepFigure:
    """A figure by which a sweep compares runs.

    Attributes
    ----------
    key : str
        Its key in the summary.
    head : str
        The head of its column, on two lines.
    axis : str
        What the axis of a picture says; "" where it is not drawn.
    title : str
        What it is called within a sentence.
    """

    key: str
    head: str
    axis: str
    title: str


@dataclass(frozen=True, slots=True)
class ProsumerPart:
    """What prosumers may own that a scheme knows, in a group of its section.

    Attributes
    ----------
    key : str
        What a scenario calls it among what prosumers own.
    kind : str
        Kind of its members, as accounts call it.
    group : Part
        The class of the groups of its section, or its place. Its fields beside ``name``, ``count``
        and that of its place are what a scenario says of it.
    fixed : mapping
        Fields of the group that are the same for all prosumers.
    place : str
        The field of the group that says in which community it is.
    several : bool
        Whether one may own several, so that a scenario says how many ``each`` has.
    inherits : bool
        Whether what a scenario leaves out of a group is that of the section, not a default.
    moves : bool
        Whether its members move between communities.
    """

    key: str
    kind: str
    group: Part
    fixed: Mapping[str, Any] = field(default_factory=dict)
    place: str = "community"
    several: bool = False
    inherits: bool = False
    moves: bool = False


@dataclass(frozen=True, kw_only=True)
class SchemeDescriptor:
    """Everything of a scheme: how it is called, where it acts, and where its parts stand.

    Attributes
    ----------
    name : str
        Its name, which is that of its section of a scenario and of its folder.
    package : str
        The package of its folder, from which its parts are seen.
    phase, strategies, section, description, step, figure, tables, audit : Phase or None, \
    tuple of StrategyDescriptor or None, Part, str or None, Part, str or None, Part, Part
        See `REQUIRED`.
    pictures, charts, sentence, rows, notes : tuple of (str, Part) or None, Part, Part, Part, Part
        Likewise.
    setting : Part
        What all its strategies share, a function of its section and the setting of the world;
        the section itself where there is none.
    tables_on_request : Part
        Tables that only some runs fill, as ``tables``; its section names them in `asked_tables`.
    energies : Part
        What its energies of the summary say where there are any, a Note by the name of each.
    remarks : Part
        Further notes, a function of the summary and the names of the strategies.
    row_place : int
        Where its rows stand in the summary table; those of lower places stand first.
    without_grid : bool
        Whether its agents may be off the grid, so that nothing is drawn and nothing paid.
    title : str
        What its storages are called beside those of others.
    parameters : tuple of (str, str)
        Keys of a scenario that sliders of the live view may change, each with its label.
    live : Part
        What the live view shows of it in a step, a `LiveParts`.
    figures : tuple of SweepFigure
        Figures by which a sweep compares runs.
    file_problems : Part
        What is wrong with the files it names, a function of scenario and calendar.
    warnings : Part
        What a person may want to look at in a scenario, a function of it.
    money : Part
        Its built-in amounts of money, a `MoneyDefault` by the key of each.
    price_tables : Part
        The built-in tables of prices that a scenario uses, a function of what it gives; each a
        `PriceTable`.
    searches_price : Part
        Whether it finds a price by the solver of the game, a function of what a scenario gives.
    settles_apart : Part
        Whether its agents pay by a tariff of their own alone, whatever energy costs to generate; a
        function of what a scenario gives.
    size_note : Part
        A line where its tables get very long, a function of the scenario.
    spread : Part
        What of a setting keeps workers from holding its agents, a function that yields problems;
        of a scheme without it the process of the run holds all agents itself.
    pays : str
        Prefix of the figures by which its devices pay, as `hmesh.runs.investment_rows` reads them.
    without_devices : tuple of str
        Its strategies that need none of these devices; its first one where none is named.
    rules : Part
        The table to which a strategy of a plugin adds its rule, where the scheme takes any.
    deciding : Part
        The type of its agents whose decisions a behaviour of a plugin may override; `deciding` of
        its step is the group of them.
    behaviours : tuple of BehaviourDescriptor
        The behaviours that these may have without a plugin.
    prosumer_part : ProsumerPart or None
        What prosumers may own of it, a `ProsumerPart`, where its section has groups.
    outages_in_part : bool
        Whether an outage of a part of a step cuts its agents off for that part alone; else for the
        steps as whose first moment a feeder is out.
    plans_over : {"step", "day", "run"}
        On which part of the future what it does in a step depends: the step alone, the rest of the
        "day", or the rest of the "run". A run of which no scheme plans over it can be extended.
    """

    name: str
    package: str = ""
    phase: Phase | None = None
    strategies: tuple[StrategyDescriptor, ...] | None = None
    section: Part = None
    description: str | None = None
    step: Part = None
    figure: str | None = None
    tables: Part = None
    audit: Part = None
    pictures: tuple[tuple[str, Part], ...] | None = None
    charts: Part = None
    sentence: Part = None
    rows: Part = None
    notes: Part = None
    setting: Part = None
    tables_on_request: Part = ()
    energies: Part = ()
    remarks: Part = ()
    row_place: int = 50
    without_grid: bool = False
    title: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    live: Part = ()
    figures: tuple[SweepFigure, ...] = ()
    file_problems: Part = ()
    warnings: Part = ()
    money: Part = ()
    price_tables: Part = ()
    searches_price: Part = ()
    settles_apart: Part = ()
    size_note: Part = ()
    spread: Part = ()
    pays: str = ""
    without_devices: tuple[str, ...] = ()
    rules: Part = ()
    deciding: Part = ()
    behaviours: tuple[BehaviourDescriptor, ...] = ()
    prosumer_part: ProsumerPart | None = None
    outages_in_part: bool = False
    plans_over: Literal["step", "day", "run"] = "run"

    @property
    def place(self) -> str:
        """Where it is written down."""
        module = sys.modules.get(self.package)
        file = getattr(module, "__file__", None)
        # A plugin that is one file is known by it, and not by the module that it becomes.
        of_file = file is not None and not hasattr(module, "__path__")
        where = Path(str(file)).name if of_file else self.package
        return f"scheme {self.name} ({where or 'no package'})"

    def check(self) -> None:
        """Refuse a scheme that leaves out what every scheme needs.

        Raises
        ------
        InputError
            Naming everything that is missing or cannot be found, and where it belongs.
        """
        problems = [
            Problem(self.place, f"{name} is missing from its descriptor", what)
            for name, what in REQUIRED.items()
            if getattr(self, name) is None
        ]
        if self.strategies is not None and not self.strategies:
            problems.append(Problem(self.place, "it has no strategy", REQUIRED["strategies"]))
        problems += self._misplaced()
        problems += [
            Problem(self.place, message, REQUIRED.get(name, ""))
            for name, part in self._parts()
            if part not in (None, ()) and not is_place(part) and (message := unfit(name, part))
        ]
        refuse_all(problems)

    def _parts(self) -> list[tuple[str, Part]]:
        """Return all parts as they are stated, each picture alone."""
        parts = [(each.name, getattr(self, each.name)) for each in fields(self)]
        return [each for each in parts if each[0] != "pictures"] + [
            ("pictures", draw) for _, draw in self.pictures or ()
        ]

    def _misplaced(self) -> list[Problem]:
        """Return a problem for each part whose module is not there, without importing it."""
        places = {
            (name, importlib.util.resolve_name(part.partition(":")[0], self.package))
            for name, part in self._parts()
            if is_place(part)
        }
        return [
            Problem(self.place, f"{name}: there is no module {module}", REQUIRED.get(name, ""))
            for name, module in sorted(places)
            if importlib.util.find_spec(module) is None
        ]

    def part(self, name: str) -> Any:
        """Return a part, imported if only its place is stated.

        Raises
        ------
        InputError
            When there is none at that place, or it is not what the part must be.
        """
        return self.found(name, getattr(self, name))

    def found(self, name: str, part: Part) -> Any:
        """Return what a part says, `name` being what it is called in the descriptor."""
        if not is_place(part):
            return part
        module, _, attribute = part.partition(":")
        what = REQUIRED.get(name, "")
        try:
            held = importlib.import_module(module, self.package)
        except ModuleNotFoundError as error:
            full = importlib.util.resolve_name(module, self.package)
            if error.name != full:
                raise
            message = f"{name}: there is no module {full}"
            raise InputError([Problem(self.place, message, what)]) from None
        if not hasattr(held, attribute):
            message = f"{name}: {held.__name__} has no {attribute!r}"
            raise InputError([Problem(self.place, message, what)])
        found = getattr(held, attribute)
        if message := unfit(name, found):
            raise InputError([Problem(self.place, message, what)])
        return found

    def all_pictures(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """Return its pictures, each a name and a function of the run's data."""
        return [(name, self.found("pictures", draw)) for name, draw in self.pictures or ()]

    @property
    def always_there(self) -> bool:
        """Whether a scenario that leaves out its section has one nevertheless."""
        return self.part("section").absent() is not None

    def takes_part(self, scenario: Any) -> bool:
        """Return whether it takes part in a scenario."""
        section = getattr(scenario, self.name, None)
        return section is not None and bool(section.takes_part(scenario))
