"""What the tables of a dataset may hold: the one place that reading, messages and pages go by."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "time", "clock", "date"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of a table.

    Attributes
    ----------
    name : str
        Its name.
    kind : Kind
        What its cells are: text, a number, a point in time, a clock time that may pass 24:00, or
        a date.
    unit : str
        Unit of its numbers; "" for what has none.
    description : str
        What it says.
    required : bool
        Whether the table must have it, and each row a value.
    lowest, highest : float
        Bounds of its numbers.
    above_lowest : bool
        Whether the lowest bound itself is not allowed.
    options : tuple of str
        The only texts allowed, where not every one is.
    refers_to : str
        Table whose first column must name what stands here, where the dataset has that table.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    required: bool = False
    lowest: float = -1e12
    highest: float = 1e12
    above_lowest: bool = False
    options: tuple[str, ...] = ()
    refers_to: str = ""

    @property
    def allowed(self) -> str:
        """What may stand in a cell, in words."""
        match self.kind:
            case "text":
                return ", ".join(self.options) if self.options else "text"
            case "time":
                return "a time in ISO 8601, such as 2024-01-01 13:00 or 2024-01-01T13:00+01:00"
            case "clock":
                return "a clock time such as 07:45, past midnight 24:30"
            case "date":
                return "a date such as 20240131 or 2024-01-31"
        unit = f" [{self.unit}]" if self.unit and self.unit != "1" else ""
        return f"{self._range()}{unit}"

    def _range(self) -> str:
        far = 1e11
        low = f"above {self.lowest:g}" if self.above_lowest else f"{self.lowest:g}"
        if self.lowest > -far and self.highest < far:
            return f"a number from {low} to {self.highest:g}".replace("from above", "above")
        if self.lowest > -far:
            return f"a number {low}" if self.above_lowest else f"a number of at least {low}"
        return "a finite number with a point, such as 0.35"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a dataset.

    Attributes
    ----------
    name : str
        Its name.
    description : str
        What a row of it is.
    columns : tuple of Attribute
        The columns it may have.
    series : bool
        Whether it has a row for every interval; `key` then names whose intervals they are.
    key : str
        Column that distinguishes the series of a table, "" where there is one only.
    some_of : bool
        Whether it must have at least one of the columns that are not required.
    """

    name: str
    description: str
    columns: tuple[Attribute, ...]
    series: bool = False
    key: str = ""
    some_of: bool = False

    @property
    def quantities(self) -> tuple[Attribute, ...]:
        """The columns of a series that are measured."""
        return tuple(column for column in self.columns if column.kind == "number")


def _energy(name: str, description: str, lowest: float = 0.0) -> Attribute:
    return Attribute(name, "number", "kWh", description, lowest=lowest)


def _irradiance(name: str, description: str) -> Attribute:
    return Attribute(name, "number", "W/m2", description, lowest=0, highest=2000)


_TIME = Attribute("time", "time", "", "the interval, by its start or end", required=True)
_KM = Attribute("km", "number", "km", "distance driven", required=True, lowest=0, above_lowest=True)
_DEPARTS = Attribute("departs", "clock", "", "when it departs", required=True)
_ARRIVES = Attribute("arrives", "clock", "", "when it arrives", required=True)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _positive(name: str, unit: str, description: str, required: bool = False) -> Attribute:
    return Attribute(name, "number", unit, description, required, lowest=0, above_lowest=True)


_ALL = (
    Table(
        "members",
        "a household or a building",
        (
            Attribute("member", "text", "", "its name", required=True),
            Attribute("kind", "text", "", "what it is", options=("household", "building")),
            Attribute("community", "text", "", "where it stands"),
            _positive(
                "annual_kwh", "kWh", "consumption in a year; its profile is compared with it"
            ),
            _positive("scale", "1", "factor on its profile"),
            _positive("pv_kw", "kW", "nominal power of its photovoltaics"),
            _positive("floor_area_m2", "m2", "floor area"),
        ),
    ),
    Table(
        "profiles",
        "a member's energy in an interval; every `_kwh` may be a `_kw`, its mean power",
        (
            _TIME,
            Attribute("member", "text", "", "whose it is", required=True, refers_to="members"),
            _energy("load_kwh", "electricity consumed, without the photovoltaics", lowest=-1e12),
            _energy("pv_kwh", "electricity generated by photovoltaics"),
            _energy("heating_kwh", "heat for the rooms"),
            _energy("cooling_kwh", "cold for the rooms"),
            _energy("hot_water_kwh", "heat for hot water"),
        ),
        series=True,
        key="member",
        some_of=True,
    ),
    Table(
        "weather",
        "the weather in an interval, by the names of pvlib",
        (
            _TIME,
            _irradiance("ghi", "global horizontal irradiance"),
            _irradiance("dni", "direct normal irradiance"),
            _irradiance("dhi", "diffuse horizontal irradiance"),
            Attribute("temp_air", "number", "°C", "temperature of the air", lowest=-90, highest=65),
            Attribute("wind_speed", "number", "m/s", "wind speed", lowest=0, highest=120),
            Attribute(
                "relative_humidity", "number", "%", "relative humidity", lowest=0, highest=110
            ),
        ),
        series=True,
        some_of=True,
    ),
    Table(
        "market",
        "prices and carbon in an interval",
        (
            _TIME,
            Attribute("price", "number", "money/kWh", "price of energy bought"),
            Attribute("feed_in", "number", "money/kWh", "price of energy fed in"),
            Attribute("carbon", "number", "kg/kWh", "carbon dioxide emitted", lowest=0, highest=10),
        ),
        series=True,
        some_of=True,
    ),
    Table(
        "system_demand",
        "demand of a whole region in an interval; `demand_kw` may stand for `demand_kwh`",
        (
            _TIME,
            Attribute("region", "text", "", "the region, where there are several"),
            _energy("demand_kwh", "energy consumed"),
        ),
        series=True,
        key="region",
        some_of=True,
    ),
    Table(
        "trips",
        "a trip of a vehicle on its day",
        (
            Attribute("vehicle", "text", "", "whose it is", required=True, refers_to="vehicles"),
            _DEPARTS,
            _ARRIVES,
            _KM,
            Attribute("origin", "text", "", "where it begins"),
            Attribute("destination", "text", "", "where it ends"),
            Attribute("day", "text", "", "day of the week", options=_WEEK),
            _positive("weight", "1", "how many trips it stands for"),
        ),
    ),
    Table(
        "vehicles",
        "a vehicle",
        (
            Attribute("vehicle", "text", "", "its name", required=True),
            Attribute("community", "text", "", "where it is at home"),
            _positive("capacity_kwh", "kWh", "capacity of its battery"),
            _positive("power_kw", "kW", "highest power at the plug"),
            _positive("consumption_kwh_per_km", "kWh/km", "consumption driving"),
        ),
    ),
    Table(
        "charging_sessions",
        "a vehicle's stay at a charge point",
        (
            Attribute("plug_in", "time", "", "when it is plugged in", required=True),
            Attribute("plug_out", "time", "", "when it is unplugged", required=True),
            Attribute("energy_kwh", "number", "kWh", "energy charged", required=True, lowest=0),
            Attribute("charge_point", "text", "", "the charge point"),
            Attribute("vehicle", "text", "", "the vehicle", refers_to="vehicles"),
            _positive("power_kw", "kW", "highest power of the charge point"),
        ),
    ),
    Table(
        "bus_blocks",
        "a block of trips that a bus runs in one go, on the days of its service",
        (
            Attribute("block", "text", "", "its name", required=True),
            Attribute("service_id", "text", "", "days on which it runs", required=True),
            _DEPARTS,
            _ARRIVES,
            _KM,
            Attribute("bus", "text", "", "the bus"),
            Attribute("school", "text", "", "the school"),
        ),
    ),
    Table(
        "calendar",
        "days of the week on which a service runs, as in the calendar.txt of GTFS",
        (
            Attribute("service_id", "text", "", "the service", required=True),
            *(
                Attribute(day, "text", "", f"1 if it runs on {day}s", True, options=("0", "1"))
                for day in _WEEK
            ),
            Attribute("start_date", "date", "", "first day", required=True),
            Attribute("end_date", "date", "", "last day", required=True),
        ),
    ),
    Table(
        "calendar_dates",
        "a day on which a service runs (1) or does not (2) after all, as in calendar_dates.txt",
        (
            Attribute("service_id", "text", "", "the service", required=True),
            Attribute("date", "date", "", "the day", required=True),
            Attribute("exception_type", "text", "", "1 added, 2 removed", True, options=("1", "2")),
        ),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
