"""What may differ from vehicle to vehicle and from group to group, and what must fit together."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.plug_habits import PlugHabit
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    CsvFile,
    Section,
    Share,
    existing_dataset,
    refuse,
)
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.scenarios.preferences import (
    EfficiencyPreference,
    FromFile,
    NotNegativePreference,
    PositivePreference,
    Preference,
    SharePreference,
    file_problems,
    highest_of,
    lowest_of,
)
from hmesh.runs.scenarios.tariff_of_meters import StatedTariff
from hmesh.runs.schemes.vehicles.behaviour_keys import Behaving, unknown_behaviour
from hmesh.runs.schemes.vehicles.money import MONEY

# What values of a file must be above, and at most, by key.
_ANY, _ABOVE_0, _AT_LEAST_0 = -np.inf, 0.0, -5e-324
BOUNDS: dict[str, tuple[float, float]] = {
    "capacity_kwh": (_ABOVE_0, np.inf),
    "power_kw": (_ABOVE_0, np.inf),
    "v2g_kw": (_AT_LEAST_0, np.inf),
    "consumption_kwh_per_km": (_AT_LEAST_0, np.inf),
    "soc_min": (_AT_LEAST_0, 1.0),
    "soc_max": (_AT_LEAST_0, 1.0),
    "soc_start": (_AT_LEAST_0, 1.0),
    "charge_efficiency": (_ABOVE_0, 1.0),
    "discharge_efficiency": (_ABOVE_0, 1.0),
    "lam": (_ANY, np.inf),
    "theta": (_ABOVE_0, np.inf),
    "departure_soc": (_AT_LEAST_0, 1.0),
    "departure_weight": (_AT_LEAST_0, np.inf),
}
# What a table of vehicle models gives in place of these keys.
OF_MODELS = ("capacity_kwh", "power_kw", "consumption_kwh_per_km")

Point = Annotated[tuple[Share, Share], AS_TUPLE]
Curve = Annotated[tuple[Point, ...], AS_TUPLE]


class VehicleModels(Section):
    """A table of vehicle models or one row of it, or the vehicles of a dataset."""

    file: CsvFile | None = Field(
        default=None,
        description="CSV file with the columns name, capacity_kwh, power_kw, "
        "consumption_kwh_per_km and, where wanted, v2g_kw and share; or null",
    )
    name: str | None = Field(
        default=None,
        description="the model of all vehicles, or null: each draws one by the column share",
    )
    dataset: str | None = Field(
        default=None,
        description="or the folder of a dataset with a table vehicles, assigned in turn; what it "
        "leaves out is as the keys say",
    )

    @check("dataset")
    @classmethod
    def _one_source(cls, dataset: str | None, info: ValidationInfo) -> str | None:
        if (dataset is None) == (info.data.get("file") is None) and "file" in info.data:
            both = "file and dataset are" if dataset else "neither file nor dataset is"
            raise refuse(f"{both} given", allowed="one of the two")
        if dataset is not None and info.data.get("name") is not None:
            raise refuse("its vehicles are assigned in turn", place="name", allowed="no name")
        return None if dataset is None else existing_dataset(dataset, info)


class PlugHabitSettings(Section):
    """When vehicles plug in as they arrive; all that is given must be met."""

    at_home: bool = Field(default=False, description="only at home")
    below: Share | None = Field(
        default=None, description="only below this state of charge as they arrive [1], or null"
    )
    probability: Curve | None = Field(
        default=None, description="points [state of charge, probability], or null: always"
    )

    @check("probability")
    @classmethod
    def _ascending(cls, points: Any) -> Any:
        return points if points is None else ascending(points)


def ascending(points: Any) -> Any:
    """Return points whose states of charge ascend."""
    if len(points) < 1 or any(b[0] <= a[0] for a, b in pairwise(points)):
        raise refuse(
            "the states of charge do not ascend", allowed="points, each above the one before"
        )
    return points


def _form(value: object) -> str:
    """Return whether a habit is a word or a section."""
    return "section" if isinstance(value, Mapping | PlugHabitSettings) else "word"


PlugIn = Annotated[
    Annotated[Literal["always", "at_home"], Tag("word")]
    | Annotated[PlugHabitSettings, Tag("section")],
    Discriminator(_form),
]


class VehicleKeys(Section):
    """What vehicles are like: each key one value for all of them, or a distribution."""

    lacks = keys.keep_their_capacity("vehicles")

    count: Annotated[int, Field(ge=0, le=10_000_000)] = Field(description="how many vehicles")
    day_plans: CsvFile | None = Field(
        default=None, description="CSV file of day plans, or null for the ten published ones"
    )
    model: VehicleModels | None = Field(
        default=None,
        description="models of vehicles, in place of capacity, power and consumption, or null",
    )
    capacity_kwh: PositivePreference = Field(
        default=40.0, description="capacity of a battery [kWh]"
    )
    power_kw: PositivePreference = Field(
        default=7.0, description="highest power at the plug [kW], both ways without v2g_kw"
    )
    v2g_kw: NotNegativePreference | None = Field(
        default=None,
        description="highest power at the plug discharging [kW]; 0: no V2G; null: that of charging",
    )
    consumption_kwh_per_km: NotNegativePreference = Field(
        default=0.16, description="consumption driving [kWh/km]"
    )
    charging_curve: Curve | None = Field(
        default=None,
        description="points [state of charge, share of the charging power], or null: full power",
    )
    soc_min: SharePreference = Field(
        default=0.2, description="lowest state of charge for discharging [-]"
    )
    soc_max: SharePreference = Field(
        default=0.9, description="highest state of charge for charging [-]"
    )
    soc_start: SharePreference = Field(default=0.5, description="state of charge at the start [-]")
    charge_efficiency: EfficiencyPreference = Field(
        default=1.0, description="stored per energy charged [-]"
    )
    discharge_efficiency: EfficiencyPreference = Field(
        default=1.0, description="delivered per energy taken out [-]"
    )
    lam: Preference = money(
        MONEY["vehicles.lam"], "marginal utility of the first kWh; two bounds are drawn between"
    )
    theta: PositivePreference = money(
        MONEY["vehicles.theta"], "slope of marginal utility per kWh stored"
    )
    departure_soc: SharePreference | None = Field(
        default=None, description="state of charge wanted at the next departure [1], or null"
    )
    departure_weight: NotNegativePreference | None = Field(
        default=None, description="additional value of a kWh below departure_soc [money/kWh]"
    )
    trip_reserve: bool = Field(
        default=False, description="whether the energy of the next trip is kept"
    )
    plug_in: PlugIn = Field(default="always", description="when they plug in where they arrive")
    behaviour: Behaving = Field(
        default=None,
        description="how they decide: by name, or with keys; null or best_response: by the best "
        "response to each price",
    )

    tariff: StatedTariff | None = Field(
        default=None,
        description="what the meter of each pays the utility and is paid, wherever it is plugged "
        "in, or null for the price of the community there",
    )

    @check("charging_curve")
    @classmethod
    def _ascending(cls, curve: Any) -> Any:
        if curve is None:
            return None
        ascending(curve)
        if any(share == 0 for _, share in curve[:-1]):
            raise refuse(
                "a share of 0 ends charging before the last point",
                allowed="shares above 0, the last one also 0",
            )
        return curve

    @property
    def habit(self) -> PlugHabit:
        """When the vehicles plug in."""
        given = self.plug_in
        if isinstance(given, str):
            return PlugHabit(at_home=given == "at_home")
        below = np.inf if given.below is None else given.below
        return PlugHabit(given.at_home, below, given.probability or ())

    @property
    def files(self) -> list[str]:
        """The files of day plans, models and distributions."""
        named = [] if self.day_plans is None else [self.day_plans]
        named += [] if self.model is None or self.model.file is None else [self.model.file]
        named += [] if self.behaviour is None else self.behaviour.files
        named += [] if self.tariff is None else self.tariff.files
        each = (getattr(self, key) for key in BOUNDS)
        return [*named, *(one.file for one in each if isinstance(one, FromFile))]

    def inconsistencies(self) -> Iterator[Problem]:
        """Yield what does not fit together, seen from the section."""
        yield from _limits(self.soc_min, self.soc_max)
        yield from _start(self.soc_min, self.soc_max, self.soc_start)
        yield from self._of_departure()
        if self.behaviour is not None:
            yield from unknown_behaviour(self.behaviour.name)
            if self.tariff is not None:
                message = (
                    f"{self.behaviour.name} answers to the price of a community, which vehicles "
                    "with a tariff do not pay"
                )
                yield Problem("behaviour", message, "null, or tariff: null")
        if self.model is not None and self.model.file is not None:
            for key in OF_MODELS:
                if getattr(self, key) != type(self).model_fields[key].default:
                    message = f"the models of {self.model.file} give it"
                    yield Problem(key, message, "to be left out, or no model")

    def _of_departure(self) -> Iterator[Problem]:
        if self.departure_soc is None and self.departure_weight is not None:
            yield Problem("departure_soc", "is missing", "a state of charge, with departure_weight")
        if self.departure_soc is None:
            return
        if self.departure_weight is None:
            allowed = "additional value of a kWh below departure_soc [money/kWh]"
            yield Problem("departure_weight", "is missing", allowed)
        wanted, most = highest_of(self.departure_soc), lowest_of(self.soc_max)
        if wanted > most:
            yield Problem(
                "departure_soc",
                f"departure_soc {wanted:g} is above soc_max {most:g}, to which vehicles charge",
                f"to {most:g}",
            )

    def file_problems(self, scenario: Any, count: int) -> Iterator[Problem]:
        """Return what is wrong with its files of distributions, for so many vehicles."""
        given = ((getattr(self, key), low, count, most) for key, (low, most) in BOUNDS.items())
        return file_problems(scenario, given)


def _limits(soc_min: Any, soc_max: Any) -> Iterator[Problem]:
    lowest, highest = highest_of(soc_min), lowest_of(soc_max)
    if highest <= lowest:
        yield Problem(
            "soc_max",
            f"soc_max {highest:g} is not above soc_min {lowest:g}",
            f"a state of charge above {lowest:g}, to 1",
        )


def _start(soc_min: Any, soc_max: Any, soc_start: Any) -> Iterator[Problem]:
    lowest, highest = highest_of(soc_min), lowest_of(soc_max)
    for start in (lowest_of(soc_start), highest_of(soc_start)):
        if start < lowest or start > highest:
            yield Problem(
                "soc_start",
                f"soc_start {start:g} is outside the limits of the state of charge",
                f"from soc_min {lowest:g} to soc_max {highest:g}",
            )
            return


def _refused(problems: Iterator[Problem]) -> None:
    """Refuse a field for the first of some problems with it."""
    for problem in problems:
        raise InputError([replace(problem, place="")])


def above_lowest(soc_max: Any, info: ValidationInfo) -> Any:
    """Return highest states of charge that are above all lowest ones."""
    _refused(_limits(info.data.get("soc_min", -1.0), soc_max))
    return soc_max


def within_limits(soc_start: Any, info: ValidationInfo) -> Any:
    """Return states of charge at the start that are within the limits."""
    _refused(_start(info.data.get("soc_min", 0.0), info.data.get("soc_max", 1.0), soc_start))
    return soc_start
