"""Keys of a tariff that a person states: bands, fees, charges of a month."""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.environment.tariff_bands import DAY_GROUPS, WEEK, TimeBand, month_and_day
from hmesh.runs.scenarios.base import AS_TUPLE, Money, NotNegative, Section, refuse

_DAYS = (*DAY_GROUPS, *WEEK)


class DaysOfYear(Section):
    """Days of a year, by their kind and season."""

    days: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        default=("all",),
        description="all, weekdays (no public holidays), weekends (and public holidays), holidays, "
        "or days of the week",
    )
    season: Annotated[tuple[str, str], AS_TUPLE] | None = Field(
        default=None,
        description="first and last day such as 10-01 and 03-31, or null for the whole year",
    )

    @check("days", mode="before")
    @classmethod
    def _one_or_many(cls, days: Any) -> Any:
        return (days,) if isinstance(days, str) else days

    @check("days")
    @classmethod
    def _known_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        problems = [
            Problem(str(index), f"no day is called {day!r}", ", ".join(_DAYS), nearest(day, _DAYS))
            for index, day in enumerate(days)
            if day not in _DAYS
        ]
        refuse_all(problems)
        return days

    @check("season")
    @classmethod
    def _days_of_the_year(cls, season: tuple[str, str] | None) -> tuple[str, str] | None:
        for text in season or ():
            try:
                month_and_day(text)
            except ValueError as error:
                raise refuse(str(error), allowed="a month and a day such as 10-01") from None
        return season

    @property
    def band(self) -> TimeBand:
        """The part of the year."""
        return TimeBand((0.0, 24.0), self.days, self._season)

    @property
    def _season(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        if self.season is None:
            return None
        return month_and_day(self.season[0]), month_and_day(self.season[1])


class TimeOfYear(DaysOfYear):
    """Hours, days and seasons in which a price holds."""

    hours: Annotated[tuple[float, float], AS_TUPLE] | None = Field(
        default=None,
        description="first hour and the one before which it ends, past midnight where it is not "
        "above the first, or null for all hours [h]",
    )

    @check("hours")
    @classmethod
    def _quarters(cls, hours: tuple[float, float] | None) -> tuple[float, float] | None:
        if hours is not None:
            wrong = [hour for hour in hours if not 0 <= hour <= 24 or (4 * hour) % 1]
            if wrong or hours[0] == 24:
                message = f"{wrong[0] if wrong else 24:g} is no such hour"
                raise refuse(message, allowed="quarters of an hour from 0 to 24 [h]")
        return hours

    @property
    def band(self) -> TimeBand:
        """The part of the year."""
        return TimeBand(self.hours or (0.0, 24.0), self.days, self._season)


class TariffBand(TimeOfYear):
    """A price of energy bought at some times; of several bands the first counts."""

    price: Money = Field(description="price of energy, without fees and tax [money/kWh]")


class DemandCharge(TimeOfYear):
    """What a month's highest mean power bought costs."""

    price_per_kw: NotNegative = Field(description="price of the highest mean power [money/kW]")
    interval: Literal[15, 30, 60] = Field(
        default=15, description="over how long the mean is taken [min]"
    )


class TariffTier(Section):
    """What energy of a month costs more beyond a threshold."""

    above_kwh: NotNegative = Field(description="energy bought in a month from which on [kWh]")
    surcharge: Money = Field(description="what each kWh beyond costs more [money/kWh]")
