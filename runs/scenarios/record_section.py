"""How messages travel in a run, and what is written to its results."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import AS_TUPLE, LossRate, NotNegative, Positive, Section, refuse
from hmesh.runs.scenarios.durations import AS_HOURS
from hmesh.runs.scenarios.measure_names import MEASURES, OF_ACCOUNTS

AUTO = "auto"
# So many rows of a table are said to be many, and are what `AUTO` writes of a kind at most, a row
# of each member at every step.
MANY_ROWS = 20_000_000


class MessageSettings(Section):
    """How messages travel within a step, and which are kept."""

    latency_h: Annotated[NotNegative, AS_HOURS] = Field(
        default=0.0, description="mean time a message takes [h]"
    )
    latency: Literal["constant", "exponential"] = Field(
        default="constant", description="whether all messages take this time, or each its own"
    )
    loss_rate: LossRate = Field(default=0.0, description="share of the messages lost [-]")
    deadline_h: Annotated[Positive, AS_HOURS] | None = Field(
        default=None, description="time within a step after which nobody waits [h], or null"
    )
    keep: Literal["none", "leaders", "all"] = Field(
        default="none", description="whose messages are written to the results"
    )


class Record(Section):
    """What is written to the results beside the hours of the communities."""

    # The kinds whose members are written at every step.
    kinds: ClassVar[tuple[str, ...]] = (
        "vehicles", "buildings", "schools", "homes", "houses", "sites", "prosumers",
    )  # fmt: skip

    vehicles: keys.Recorded = Field(
        default="all",
        description="which vehicles are written at every step: all, none, the first N or auto",
    )
    buildings: keys.Recorded = Field(
        default="all",
        description="which buildings with batteries are written at every step: all, none, the "
        "first N or auto",
    )
    schools: keys.Recorded = Field(
        default="all",
        description="which schools are written at every step: all, none, the first N or auto",
    )
    homes: keys.Recorded = Field(
        default="all",
        description="which smart homes are written at every step: all, none, the first N or auto",
    )
    houses: keys.Recorded = Field(
        default="all",
        description="which houses with storages are written at every step: all, none, the "
        "first N or auto",
    )
    sites: keys.Recorded = Field(
        default="all",
        description="which metered sites are written at every step: all, none, the first N or auto",
    )
    prosumers: keys.Recorded = Field(
        default="all",
        description="which prosumers are written at every step: all, none, the first N or auto",
    )
    sessions: bool = Field(
        default=False,
        description="whether times of the recorded vehicles at a plug are written as they end",
    )
    events: bool = Field(
        default=False,
        description="whether what happens to feeders, chargers, school buses, vehicles and "
        "messages, of those recorded, is written at its own time",
    )
    welfare: bool = Field(
        default=True,
        description="whether welfare and the planner's are written, where vehicles answer prices",
    )
    local_members: bool = Field(
        default=False,
        description="whether it is written at every step what each member got and gave in the "
        "local exchange of its community",
    )
    burn_in_h: NotNegative = Field(
        default=0.0,
        description="what sweeps leave out at the start of each run, of whose rest the summary "
        "has figures of their own [h]",
    )
    states: Literal["none", "end", "all"] = Field(
        default="none",
        description="which states stay in the folder of the run, to extend it or to branch from "
        "it: none; end, that of its end; all, those of all its checkpoints too",
    )
    accounts: Literal["none", "kinds", "all"] = Field(
        default="kinds",
        description="who has accounts: none; kinds, all parties of the ledger and households and "
        "buildings of each community; all, every member too",
    )
    measures: Annotated[tuple[str, ...], AS_TUPLE] = Field(
        default=(), description="measures of what emerges among vehicles that are recorded, by name"
    )

    @check("measures")
    @classmethod
    def _known_measures(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in names:
            if name not in MEASURES:
                raise refuse(
                    f"there is no measure {name!r}", allowed=", ".join(MEASURES),
                    suggestion=nearest(name, MEASURES),
                )  # fmt: skip
            if name in OF_ACCOUNTS and info.data.get("accounts") != "all":
                raise refuse(f"{name} needs every account", allowed="record.accounts: all")
        return names


def _of_every_kind(record: Any) -> Any:
    """Return a section that says `AUTO` of every kind where that one word stands for it."""
    return dict.fromkeys(Record.kinds, AUTO) if record == AUTO else record


def auto_beside(held: Any, record: Any) -> Any:
    """Return what a section becomes where it is changed: one word leaves other keys as they are."""
    if record == AUTO and isinstance(held, dict):
        return held | _of_every_kind(record)
    return record


RecordOrAuto = Annotated[Record, BeforeValidator(_of_every_kind)]


def most_recorded(scenario: Any) -> int:
    """Return how many members of a kind `AUTO` writes at every step of a run, at most."""
    rows_of_each: int = scenario.steps * len(scenario.strategies)
    return max(MANY_ROWS // max(rows_of_each, 1), 1)


def with_numbers_for_auto(scenario: Any) -> Any:
    """Return a scenario that says how many members it writes wherever it said `AUTO`.

    So results state the number, and a run that is extended goes on with it.
    """
    record: Record = scenario.record
    automatic = [kind for kind in record.kinds if getattr(record, kind) == AUTO]
    if automatic:
        most = dict.fromkeys(automatic, most_recorded(scenario))
        scenario.__dict__["record"] = record.model_copy(update=most)
    return scenario
