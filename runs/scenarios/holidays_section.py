"""The public holidays of a scenario."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios.base import AS_TUPLE, DatasetFolder, Section, refuse
from hmesh.runs.scenarios.school import Day


class Holidays(Section):
    """The public holidays, which count as Sundays."""

    country: str | None = Field(default=None, description="ISO 3166-1 code of the country, or null")
    subdivision: str | None = Field(
        default=None, description="code of the state or province, or null"
    )
    dates: Annotated[tuple[Day, ...], AS_TUPLE] = Field(
        default=(), description="further days, such as those on which a works is closed"
    )
    dataset: DatasetFolder | None = Field(
        default=None, description="or a dataset, whose holidays and special days count too"
    )

    @property
    def days(self) -> tuple[date, ...]:
        """The further days."""
        return tuple(date.fromisoformat(day) for day in self.dates)

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if self.country is None and not self.dates and self.dataset is None:
            raise refuse("nothing names holidays", allowed="a country, dates or a dataset")
        return self

    @check("country")
    @classmethod
    def _known_country(cls, country: str | None) -> str | None:
        if country is None:
            return None
        import holidays

        loader = holidays.registry.EntityLoader
        if len(country) == 2 and isinstance(getattr(holidays, country, None), loader):
            return country  # found without the second that listing all of them takes
        countries = holidays.list_supported_countries()
        if country in countries:
            return country
        codes = {name: code for name, code, *_ in holidays.registry.COUNTRIES.values()}
        near = nearest(country, [*countries, *codes])
        raise refuse(f"no holidays are known of {country!r}", suggestion=codes.get(near, near))

    @check("subdivision")
    @classmethod
    def _known_subdivision(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        if subdivision is None or "country" not in info.data:
            return subdivision
        import holidays

        country = info.data["country"]
        if country is None:
            raise refuse("a subdivision needs its country", place="", allowed="country as well")
        known = holidays.list_supported_countries().get(country, [])
        if subdivision not in known:
            raise refuse(
                f"{country} has no subdivision {subdivision!r}",
                allowed=", ".join(known) or "null",
                suggestion=nearest(subdivision, known),
            )
        return subdivision
