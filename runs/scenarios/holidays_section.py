"""The public holidays of a scenario."""

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios.base import Section, refuse


class Holidays(Section):
    """The public holidays, which count as Sundays."""

    country: str = Field(description="ISO 3166-1 code of the country")
    subdivision: str | None = Field(
        default=None, description="code of the state or province, or null"
    )

    @check("country")
    @classmethod
    def _known_country(cls, country: str) -> str:
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
        known = holidays.list_supported_countries().get(country, [])
        if subdivision not in known:
            raise refuse(
                f"{country} has no subdivision {subdivision!r}",
                allowed=", ".join(known) or "null",
                suggestion=nearest(subdivision, known),
            )
        return subdivision
