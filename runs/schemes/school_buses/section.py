"""The school buses of a scenario: schools, their buses, and how critical hours are met."""

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, refuse_all
from hmesh.environment.school_rounds import DAY_H
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    DatasetFolder,
    Interval,
    Money,
    Name,
    NotNegative,
    Positive,
    SchemeSection,
    Section,
    Share,
    above_lowest,
    misplaced_groups,
    names_given_twice,
    ordered,
    read_of,
    read_together,
    refuse,
)
from hmesh.runs.scenarios.economics_section import BusEconomics
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.scenarios.preferences import FromFile, PositivePreference, Preference, file_problems
from hmesh.runs.scenarios.tariff_of_meters import StatedTariff
from hmesh.runs.schemes.school_buses.money import MONEY

ClockHour = Annotated[float, Field(ge=0, le=24)]
Round = Annotated[tuple[ClockHour, ClockHour], AS_TUPLE]
CONNECTION = "schools"
BLOCK_TABLES = ("bus_blocks", "calendar", "calendar_dates")
# A round past midnight that takes longer is rather one whose hours were swapped.
LONGEST_NIGHT_H = 12.0


class SchoolGroup(Section):
    """Schools of one community that own equally many buses."""

    lacks = keys.keep_their_capacity("buses")

    name: Name = Field(description="name of these schools in the results")
    community: str = Field(description="community in which they stand")
    schools: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1, description="how many schools"
    )
    buses: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=10, description="buses of each school; 0 for schools that own none"
    )


class CriticalHours(Section):
    """The hours in which the utility needs help: those above a base demand."""

    base_kw: Positive | None = Field(
        default=None, description="demand the utility meets without help [kW], or null"
    )
    share_of_peak: Share | None = Field(
        default=None, description="or the same as a share of the day's forecast peak [1], or null"
    )

    @check("share_of_peak")
    @classmethod
    def _one_of_two(cls, share: float | None, info: ValidationInfo) -> float | None:
        if (share is None) == (info.data.get("base_kw") is None):
            raise refuse("one of base_kw and share_of_peak states the base", allowed="one of them")
        return share


class BusResponse(Section):
    """Utility of the energy e in a parked bus, lam e - theta e^2 / 2.

    By default a bus has the lam of its school, and its theta times the number of its buses: so
    equal buses respond together as their school would.
    """

    lam: Money | None = Field(
        default=None,
        description="marginal utility of the first kWh stored [money/kWh], or null for that of its "
        "school",
    )
    theta: Positive | None = Field(
        default=None,
        description="slope of marginal utility per kWh stored [money/kWh^2], or null for that of "
        "its school times its buses",
    )


class SchoolBuses(SchemeSection):
    """Electric school buses, and the trade of their energy in critical hours."""

    shares_locally: ClassVar[str] = "schools"
    connects: ClassVar[str] = "schools"
    lacks = keys.keep_their_capacity("buses")

    groups: Annotated[tuple[SchoolGroup, ...], AS_TUPLE] = Field(description="schools")
    rounds: Annotated[tuple[Round, ...], AS_TUPLE] = Field(
        default=((6.0, 8.0), (15.0, 17.0)),
        description="clock hours from and to for each round that begins on a school day, past "
        "midnight where to lies before from [h]",
    )
    round_km: PositivePreference = Field(
        default=70.0, description="length of a bus's round; two bounds are drawn between [km]"
    )
    blocks: DatasetFolder | None = Field(
        default=None,
        description="folder of a dataset whose table bus_blocks states rounds and their lengths, "
        "in place of rounds and round_km, or null",
    )
    capacity_kwh: keys.Capacity = 200.0
    power_kw: keys.PlugPower = 60.0
    consumption_kwh_per_km: keys.Consumption = 1.0
    soc_min: keys.DischargeSocMin = 0.2
    soc_max: keys.ChargeSocMax = 0.9
    soc_start: keys.SocStart = 0.9
    charge_efficiency: keys.ChargeEfficiency = 1.0
    discharge_efficiency: keys.DischargeEfficiency = 1.0
    lam: Preference = money(
        MONEY["school_buses.lam"],
        "marginal utility of a school's first kWh; two bounds are drawn between",
    )
    theta: PositivePreference = money(
        MONEY["school_buses.theta"], "slope of marginal utility per kWh a school holds"
    )
    saturates: bool = Field(
        default=True, description="whether marginal utility is 0 beyond lam / theta"
    )
    origin: Literal["reserve", "empty"] = Field(
        default="reserve",
        description="from where utility counts energy: the lowest state of charge or empty",
    )
    reserve: bool = Field(
        default=True, description="keep back the energy of the rounds ahead of the next charging"
    )
    average_price_start: Money = money(
        MONEY["school_buses.average_price_start"], "average price of the energy stored at the start"
    )
    charging_window: Round = Field(
        default=(22.0, 6.0),
        description="clock hours between which valleys are filled, past midnight where to lies "
        "before from [h]",
    )
    critical: CriticalHours = Field(description="when the utility needs help")
    incentive_price: Interval = money(
        MONEY["school_buses.incentive_price"], "lowest and highest incentive price"
    )
    capped: bool = Field(
        default=True, description="whether the utility buys no more than the required demand"
    )
    centralised_margin: NotNegative = money(
        MONEY["school_buses.centralised_margin"],
        "what centralised control pays above the average price of stored energy",
    )

    economics: BusEconomics | None = Field(
        default=None,
        description="price of bidirectional chargers, interest and life, or null",
    )

    price_response: BusResponse | None = Field(
        default=None,
        description="what parked buses value energy at where it answers to the price of the step "
        "outside critical hours, unless buses charge after use, or null where it does not",
    )

    tariff: StatedTariff | None = Field(
        default=None,
        description="what the meter of each school pays the utility for what its buses charge, or "
        "null for the price of the community",
    )

    _ordered = check("incentive_price")(ordered)

    @check("tariff")
    @classmethod
    def _buys_alone(cls, tariff: StatedTariff | None) -> StatedTariff | None:
        if tariff is None:
            return None
        paid = "what buses deliver in critical hours is paid the incentive"
        given = (
            ("feed_in", tariff.feed_in is not None, "null"),
            ("feed_in_column", tariff.feed_in_column is not None, "null"),
            ("settlement", tariff.netted, "net_billing"),
        )
        refuse_all([Problem(name, paid, nothing) for name, there, nothing in given if there])
        return tariff

    def tariff_problems(self, scenario: Any) -> Iterator[Problem]:
        """Yield what of a scenario does not go with schools that have a tariff of their own."""
        if self.tariff is None:
            return
        place = "school_buses.tariff"
        if self.price_response is not None:
            message = "buses would answer to the price of the community, which schools do not pay"
            yield Problem(place, message, "null, or school_buses.price_response: null")
        for group in self.groups:
            if scenario.communities[group.community].local_exchange is not None:
                message = f"{group.community} shares at the price that schools do not pay"
                yield Problem(place, message, "null, or no local_exchange there")

    @property
    def school_count(self) -> int:
        """How many schools there are."""
        return sum(group.schools for group in self.groups)

    @property
    def bus_count(self) -> int:
        """How many buses they own."""
        return sum(group.schools * group.buses for group in self.groups)

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the nodes of the grid that schools add under a community."""
        here = any(group.community == community for group in self.groups)
        return (CONNECTION,) if here else ()

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """The dataset with the blocks of buses, and the one that sets prices."""
        prices = (each.datasets for each in (self.economics, self.tariff) if each is not None)
        return read_together(read_of(self.blocks, *BLOCK_TABLES), *prices)

    @property
    def files(self) -> list[str]:
        """Files of preferences, of rounds and of the tariff."""
        given = (self.lam, self.theta, self.round_km)
        named = [each.file for each in given if isinstance(each, FromFile)]
        return named + ([] if self.tariff is None else self.tariff.files)

    @classmethod
    def agree(cls, section: Self | None, info: ValidationInfo) -> Self | None:
        """Return the school buses where school terms and communities say what they need."""
        if section is None:
            return None
        problems = []
        if info.data.get("school_terms", ...) is None:
            allowed = "a section school_terms, such as {built_in: michigan}"
            problems.append(
                Problem("", "buses drive on school days, which nothing states", allowed)
            )
        problems += misplaced_groups(section.groups, info)
        refuse_all(problems)
        return section

    @check("groups")
    @classmethod
    def _distinct_names(cls, groups: tuple[SchoolGroup, ...]) -> tuple[SchoolGroup, ...]:
        if not groups:
            raise refuse("there is no school")
        refuse_all(names_given_twice(groups))
        return groups

    @check("rounds")
    @classmethod
    def _one_after_another(
        cls, rounds: tuple[tuple[float, float], ...]
    ) -> tuple[tuple[float, float], ...]:
        problems = [
            Problem(
                f"{k}",
                f"ends at {last:g}, not after it begins at {first:g}; past midnight it would take "
                f"{last + DAY_H - first:g} h",
                f"[from, to]; past midnight at most {LONGEST_NIGHT_H:g} h",
            )
            for k, (first, last) in enumerate(rounds)
            if last <= first and last + DAY_H - first > LONGEST_NIGHT_H
        ]
        problems += [
            Problem(f"{k + 1}", f"begins at {later[0]:g}, before the one before ends", "in order")
            for k, (sooner, later) in enumerate(pairwise(rounds))
            if later[0] < _end(sooner)
        ]
        if rounds and _end(rounds[-1]) > rounds[0][0] + DAY_H:
            message = f"ends at {rounds[-1][1]:g}, after the first one of the next day begins"
            allowed = f"an end by {rounds[0][0]:g}"
            problems.append(Problem(f"{len(rounds) - 1}", message, allowed))
        refuse_all(problems)
        return rounds

    _above_lowest = check("soc_max")(above_lowest)

    @check("charging_window")
    @classmethod
    def _some_hours(cls, window: tuple[float, float]) -> tuple[float, float]:
        if window[0] == window[1]:
            raise refuse(
                f"the window opens and closes at {window[0]:g}",
                allowed="two hours; [0, 24] is the whole day",
            )
        return window


def _end(hours: tuple[float, float]) -> float:
    """Return the hour at which a round ends, above 24 on the day after [h]."""
    first, last = hours
    return last + DAY_H * (last < first)


def preference_problems(scenario: Any, _: Any) -> Iterator[Problem]:
    """Return what is wrong with the files of preferences and of rounds."""
    schools: SchoolBuses = scenario.school_buses
    given = (
        (schools.lam, -inf, schools.school_count),
        (schools.theta, 0.0, schools.school_count),
        (schools.round_km, 0.0, schools.bus_count),
    )
    return file_problems(scenario, given)
