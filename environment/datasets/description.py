"""The description of a dataset, `dataset.yaml`."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from hmesh.environment.datasets.schema import TABLES
from hmesh.environment.errors import InputError, Problem, nearest

Labels = Literal["start", "end"]
Clock = Literal["utc", "wall", "standard"]
Day = Annotated[date, Field(strict=False)]
Minutes = Annotated[int, Field(ge=1, le=1440)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_default=True)


class TableFiles(_Part):
    """The file or files of a table, and where it differs from the rest of the dataset."""

    files: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        description="CSV or Parquet files, relative to the folder"
    )
    resolution: Minutes | None = Field(
        default=None, description="length of its intervals [min], or null for the dataset's"
    )
    labels: Labels | None = Field(
        default=None, description="what its times label, or null as in the dataset"
    )
    clock: Clock | None = Field(
        default=None, description="clock of its times, or null for the dataset's"
    )


class Holidays(_Part):
    """The public holidays."""

    country: str = Field(description="ISO 3166-1 code of the country")
    subdivision: str | None = Field(
        default=None, description="code of the state or province, or null"
    )


class Description(_Part):
    """A user's description of a dataset."""

    schema_version: Literal[1] = Field(alias="schema", description="version of the schema")
    name: str = Field(min_length=1, description="name of the dataset")
    description: str = Field(default="", description="what it holds")
    source: str = Field(default="", description="where it is from")
    licence: str = Field(min_length=1, description="licence of the data")
    time_zone: str = Field(description="IANA name of the time zone")
    clock: Clock = Field(
        description="clock of times without an offset: utc; wall, with daylight saving; or "
        "standard, without"
    )
    labels: Labels = Field(description="what the times of intervals label")
    start: str = Field(description="when the first interval starts, by the clock")
    end: str = Field(description="when the last interval ends, by the clock")
    resolution: Minutes = Field(description="length of an interval, a whole part of a day [min]")
    currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="ISO 4217 code, or null without prices"
    )
    holidays: Holidays | None = Field(default=None, description="public holidays, or null for none")
    special_days: Annotated[tuple[Day, ...], Field(strict=False)] = Field(
        default=(), description="further days on which things are as on public holidays"
    )
    gaps: Literal["refuse", "allow"] = Field(
        default="refuse", description="whether gaps of more than 7 days are refused"
    )
    tables: dict[str, TableFiles] = Field(description="tables by name, each with its file or files")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        zones = available_timezones()
        if name not in zones:
            message = f"no time zone is called {name!r}"
            raise InputError([Problem("", message, "", nearest(name, sorted(zones)))])
        return name

    @field_validator("start", "end")
    @classmethod
    def _time(cls, text: str) -> str:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            raise InputError(
                [Problem("", f"{text!r} is no time", "such as 2024-01-01T00:00")]
            ) from None
        if time.tzinfo is not None:
            raise InputError([Problem("", f"{text!r} carries an offset", "clock states it")])
        return text

    @field_validator("resolution")
    @classmethod
    def _part_of_a_day(cls, minutes: int) -> int:
        if 1440 % minutes:
            message = f"{minutes} min is no whole part of a day"
            raise InputError([Problem("", message, "such as 15, 30 or 60 [min]")])
        return minutes

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: str, info: ValidationInfo) -> str:
        start = info.data.get("start", end)
        if start != end and datetime.fromisoformat(end) <= datetime.fromisoformat(start):
            raise InputError([Problem("", f"{end!r} is not after the start {start!r}")])
        return end

    @field_validator("tables", mode="before")
    @classmethod
    def _short_forms(cls, tables: Any) -> Any:
        if not isinstance(tables, dict):
            return tables
        return {name: _spelled_out(files) for name, files in tables.items()}

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, TableFiles]) -> dict[str, TableFiles]:
        problems = [
            Problem(name, f"there is no table {name!r}", ", ".join(TABLES), nearest(name, TABLES))
            for name in tables
            if name not in TABLES
        ]
        if not tables:
            problems.append(Problem("", "there is no table", ", ".join(TABLES)))
        if problems:
            raise InputError(problems)
        return tables

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    def clock_of(self, table: str) -> tzinfo:
        """Return the zone by whose clock the times of a table are stated."""
        files = self.tables.get(table)
        return self._zone_of(self.clock if files is None else files.clock or self.clock)

    def labels_of(self, table: str) -> Labels:
        """Return what the times of a table label."""
        return self.tables[table].labels or self.labels

    def minutes_of(self, table: str) -> int:
        """Return the length of the intervals of a table [min]."""
        return self.tables[table].resolution or self.resolution

    def period(self) -> tuple[datetime, datetime]:
        """Return when the first interval starts and when the last one ends."""
        zone = self._zone_of(self.clock)
        begin, end = (
            datetime.fromisoformat(text).replace(tzinfo=zone) for text in (self.start, self.end)
        )
        return begin.astimezone(UTC), end.astimezone(UTC)

    def _zone_of(self, clock: Clock) -> tzinfo:
        if clock == "utc":
            return UTC
        if clock == "wall":
            return self.zone
        year = int(self.start[:4])
        # Summer is the half of the year in which the clocks are ahead.
        offsets = [self.zone.utcoffset(datetime(year, month, 1)) or timedelta() for month in (1, 7)]
        return timezone(min(offsets))


def _spelled_out(files: Any) -> Any:
    if isinstance(files, str):
        return {"files": [files]}
    return {"files": files} if isinstance(files, list) else files
