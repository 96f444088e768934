"""How messages travel in a run, and what is written to its results."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import AS_TUPLE, LossRate, NotNegative, Positive, Section, refuse
from hmesh.runs.scenarios.durations import AS_HOURS
from hmesh.runs.scenarios.measure_names import MEASURES, OF_ACCOUNTS


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

    vehicles: keys.Recorded = Field(
        default="all",
        description="which vehicles are written at every step: all, none or the first N",
    )
    buildings: keys.Recorded = Field(
        default="all",
        description="which buildings with batteries are written at every step: all, none or the "
        "first N",
    )
    schools: keys.Recorded = Field(
        default="all",
        description="which schools are written at every step: all, none or the first N",
    )
    homes: keys.Recorded = Field(
        default="all",
        description="which smart homes are written at every step: all, none or the first N",
    )
    houses: keys.Recorded = Field(
        default="all",
        description="which houses with storages are written at every step: all, none or the "
        "first N",
    )
    sites: keys.Recorded = Field(
        default="all",
        description="which metered sites are written at every step: all, none or the first N",
    )
    prosumers: keys.Recorded = Field(
        default="all",
        description="which prosumers are written at every step: all, none or the first N",
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
