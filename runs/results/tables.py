"""The tables of a run's results: every column with its kind, unit and meaning."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a table.

    Attributes
    ----------
    name
        Its name.
    kind
        A whole number, a number, a name, or a time given as hours since the start of the run.
    unit
        Its unit; "1" where it has none, "" where it counts or names something.
    description
        What it says.
    optional
        Whether it may be empty.
    """

    name: str
    kind: Literal["whole", "number", "name", "time"]
    unit: str
    description: str
    optional: bool = False


def _whole(name: str, description: str) -> ResultColumn:
    return ResultColumn(name, "whole", "", description)


def _name(name: str, description: str, *, optional: bool = False) -> ResultColumn:
    return ResultColumn(name, "name", "", description, optional)


def _time(name: str, description: str) -> ResultColumn:
    return ResultColumn(name, "time", "", description)


def _kwh(name: str, description: str) -> ResultColumn:
    return ResultColumn(name, "number", "kWh", description)


def _price(name: str, description: str) -> ResultColumn:
    return ResultColumn(name, "number", "money/kWh", description, optional=True)


_STEP = _whole("step", "number of the step, from 0")
_STRATEGY = _name("strategy", "how prices are found and vehicles charge")
_LAM = ResultColumn("lam", "number", "money/kWh", "satisfaction of the first kWh")
_THETA = ResultColumn("theta", "number", "money/kWh^2", "fall of satisfaction per kWh stored")

_HOUSE_FLOWS = (
    _kwh("appliances_kwh", "electricity of the appliances"),
    _kwh("heat_kwh", "heat needed"),
    _kwh("generation_kwh", "generation of the photovoltaics"),
    _kwh("import_kwh", "bought from the utility"),
    _kwh("export_kwh", "delivered to the utility"),
    _kwh("charge_kwh", "charged into the battery, at its plug"),
    _kwh("discharge_kwh", "discharged from the battery, at its plug"),
    _kwh("heat_pump_kwh", "electricity of the heat pump"),
    _kwh("tank_charge_kwh", "heat filled into the tank"),
    _kwh("tank_discharge_kwh", "heat drawn from the tank"),
    _kwh("unmet_heat_kwh", "heat that neither heat pump nor tank could give"),
    _kwh("stored_kwh", "energy in the battery before the step"),
    _kwh("tank_kwh", "heat in the tank before the step"),
)

TABLES: Mapping[str, tuple[ResultColumn, ...]] = MappingProxyType({
    "hours": (
        _STEP,
        _time("time", "start of the step"),
        _STRATEGY,
        _name("community", "name of the community"),
        _kwh("fixed_load_kwh", "consumption of homes and buildings that answers to no price"),
        _kwh("generation_kwh", "generation of the community, negative"),
        _kwh("home_storage_kwh", "exchange of homes' and buildings' batteries, > 0 charging"),
        _kwh("shared_storage_kwh", "exchange of the community's own storage, > 0 charging"),
        _kwh("school_bus_kwh", "energy of parked school buses, > 0 discharged to the grid"),
        _kwh("ev_kwh", "exchange of the electric vehicles, > 0 charging"),
        _kwh("net_kwh", "energy drawn from the utility, < 0 delivered to it"),
        _price("community_price", "price of the aggregator to its community, empty in an outage"),
        _price("utility_price", "price of the utility to the aggregator"),
        _whole("vehicles_present", "vehicles plugged in"),
        _kwh("unserved_kwh", "consumption that an outage of the feeder left unserved"),
    ),
    "vehicles": (
        _STEP,
        _STRATEGY,
        _whole("vehicle", "number of the vehicle, from 0"),
        _name("community", "where it is parked, empty on the road", optional=True),
        ResultColumn("soc", "number", "1", "state of charge before the exchange"),
        _kwh("usable_kwh", "stored energy above the lowest state of charge"),
        _kwh("energy_kwh", "exchange at the plug, > 0 charging"),
        _kwh("min_kwh", "least exchange possible, negative when it can discharge"),
        _kwh("max_kwh", "greatest exchange possible"),
        _LAM,
        _THETA,
        _price("price", "price it pays or is paid"),
        ResultColumn("driven_km", "number", "km", "distance driven in the step"),
        _kwh("unmet_kwh", "energy its driving takes and its battery lacks"),
        _whole("plugged", "1 where it is plugged in, 0 on the road or in an outage"),
    ),
    "batteries": (
        _whole("building", "number of the building, from 0"),
        _name("name", "its community, group and number within it"),
        _name("community", "where it stands"),
        _kwh("shared_capacity_kwh", "capacity of its battery where they are shared"),
        _kwh("own_capacity_kwh", "capacity of its battery where nobody shares"),
    ),
    "buildings": (
        _STEP,
        _STRATEGY,
        _whole("building", "number of the building, from 0"),
        _kwh("load_kwh", "energy it uses"),
        _kwh("stored_kwh", "energy in its battery before the step"),
        _kwh("charged_kwh", "energy its battery draws from the grid"),
        _kwh("own_kwh", "energy its battery gives to it"),
        _kwh("sent_kwh", "energy its battery gives to other buildings, before the lines"),
        _kwh("received_kwh", "energy from other buildings' batteries, after the lines"),
        _kwh("unplaced_kwh", "energy its battery was to give and nobody took"),
    ),
    "exchanges": (
        _whole("step", "last step of the day"),
        _STRATEGY,
        _whole("giver", "building whose battery gives"),
        _whole("taker", "building that receives"),
        _kwh("sent_kwh", "energy of the day that leaves the battery"),
        _kwh("received_kwh", "what of it arrives"),
    ),
    "schools": (
        _STEP,
        _STRATEGY,
        _whole("school", "number of the school, from 0"),
        _kwh("usable_kwh", "energy of its buses above their lowest states of charge"),
        _kwh("energy_kwh", "exchange of its buses, > 0 discharged to the grid"),
        _kwh("min_kwh", "least exchange possible, negative when they can charge"),
        _kwh("max_kwh", "most it can sell"),
        _LAM,
        _THETA,
        _price("average_price", "average price of the energy in its buses"),
        _price("incentive_price", "price paid for what it sells, empty where nobody asks"),
        _kwh("counted_kwh", "energy its satisfaction counts"),
        _kwh("stored_kwh", "energy stored in its buses"),
        _kwh("charged_kwh", "energy its buses charge at their plugs"),
        _kwh("sold_kwh", "energy its buses deliver at their plugs"),
        _kwh("replaced_kwh", "charged energy that replaces energy sold before"),
        _kwh("driven_kwh", "energy its buses use on their rounds"),
        _kwh("unmet_kwh", "energy their rounds take and their batteries lack"),
        ResultColumn("least_soc", "number", "1", "lowest state of charge of its buses"),
    ),
    "trips": (
        _whole("vehicle", "number of the vehicle, from 0"),
        _time("departs", "time of departure"),
        _time("arrives", "time of arrival"),
        _name("origin", "community it leaves"),
        _name("destination", "community it drives to"),
        ResultColumn("km", "number", "km", "distance"),
        _kwh("energy_kwh", "energy the drive takes"),
    ),
    "homes": (
        _whole("home", "number of the smart home, from 0"),
        _name("group", "name of its group"),
        _name("community", "community in which it stands"),
        _name("member", "member of a dataset that it is, empty for none", optional=True),
    ),
    "home_groups": (
        _STEP,
        _STRATEGY,
        _name("group", "name of a group of smart homes"),
        _kwh("generation_kwh", "energy that generators deliver, curtailed energy included"),
        _kwh("wanted_kwh", "energy that appliances want"),
        _kwh("served_kwh", "energy that homes serve themselves"),
        _kwh("direct_kwh", "energy of it that comes straight from generators"),
        _kwh("charged_kwh", "energy charged into storages, at the plug"),
        _kwh("discharged_kwh", "energy discharged from storages, at the plug"),
        _kwh("losses_kwh", "energy lost by charging and discharging"),
        _kwh("curtailed_kwh", "generation that nothing could take"),
        _kwh("imported_kwh", "energy that the grid serves instead"),
        _kwh("exported_kwh", "generation that the grid takes"),
    ),
    "home_days": (
        _STEP,
        _STRATEGY,
        _whole("home", "number of the smart home, from 0"),
        _whole("steps", "steps of the day ahead, this one included"),
        _whole("wanted_slots", "slots that its appliances want, each of one appliance and step"),
        _whole("granted_slots", "slots that can be served without shifting"),
        _whole("committed_slots", "slots that hold"),
        _kwh("before_kwh", "losses and curtailment expected without shifting"),
        _kwh("after_kwh", "the same with the slots agreed on"),
        _whole("exact", "1 where every choice of slots was tried, or none was looked for"),
    ),
    "home_appliances": (
        _STEP,
        _STRATEGY,
        _whole("home", "number of the smart home, from 0"),
        _name("appliance", "name of the appliance"),
        _kwh("wanted_kwh", "energy it wants in the step"),
        _kwh("committed_kwh", "energy it counts on in the step"),
        _kwh("served_kwh", "energy that its home serves"),
        _kwh("imported_kwh", "energy that the grid serves instead"),
    ),
    "home_storages": (
        _STEP,
        _STRATEGY,
        _whole("home", "number of the smart home, from 0"),
        _name("storage", "name of the storage"),
        _kwh("energy_kwh", "stored energy before the step"),
        _kwh("charge_kwh", "energy charged, at the plug"),
        _kwh("discharge_kwh", "energy discharged, at the plug"),
        _kwh("losses_kwh", "energy lost by charging and discharging"),
    ),
    "home_flows": (
        _STEP,
        _STRATEGY,
        _whole("home", "number of the smart home, from 0"),
        _name("source", "the generator or storage it comes from, or `grid`"),
        _name("target", "the appliance or storage it goes to, or `grid`, or `curtailed`"),
        _kwh("energy_kwh", "energy, above 0, at the plug of a storage"),
    ),
    "home_capacities": (
        _STRATEGY,
        _whole("home", "number of the smart home, from 0"),
        _name("storage", "name of the storage"),
        _kwh("published_kwh", "capacity it needs on the first day by the published conditions"),
        _kwh("dynamic_kwh", "capacity with which it serves that day, step by step"),
    ),
    "ledger": (
        _STEP,
        _STRATEGY,
        _name("kind", "what is paid for"),
        _name("payer", "who pays, and receives the energy"),
        _name("payee", "who is paid, and delivers the energy"),
        _kwh("energy_kwh", "energy paid for"),
        _price("price", "price of the energy"),
        ResultColumn("amount", "number", "money", "money from payer to payee"),
    ),
    "messages": (
        _STEP,
        _STRATEGY,
        ResultColumn("time", "number", "h", "time within the step at which it was sent"),
        _whole("round", "round of the negotiation"),
        _name("kind", "what it says"),
        _name("sender", "who sent it"),
        _name("receiver", "whom it is for"),
        ResultColumn("value", "number", "", "price, energy or amount it carries", optional=True),
        _whole("count", "number of agents addressed or answering"),
    ),
    "fleet": (
        _whole("vehicle", "number of the vehicle, from 0"),
        _name("day_plan", "name of its day plan"),
        _kwh("capacity_kwh", "capacity of its battery"),
        ResultColumn("power_kw", "number", "kW", "highest power at the plug"),
        ResultColumn("consumption_kwh_per_km", "number", "kWh/km", "consumption driving"),
        _LAM,
        _THETA,
    ),
    "storages": (
        _STEP,
        _STRATEGY,
        _name("storage", "name of a storage that a community shares"),
        _kwh("stored_kwh", "energy stored before the step"),
        _kwh("generation_kwh", "energy that its plant generates"),
        _kwh("charge_kwh", "energy of it that is taken in"),
        _kwh("spilled_kwh", "energy of it that nobody takes"),
        _kwh("delivered_kwh", "energy that its households draw"),
        _whole("alpha", "the allowance leaves 1 / alpha of the least demand"),
    ),
    "storage_households": (
        _STEP,
        _STRATEGY,
        _whole("household", "number of the household, from 0"),
        _name("group", "its community and group of members"),
        _name("storage", "the storage that may serve it"),
        _kwh("demand_kwh", "demand"),
        ResultColumn("forecast_kwh", "number", "kWh", "demand forecast for the day", optional=True),
        _kwh("used_kwh", "demand of the day before the step"),
        ResultColumn(
            "average_kwh", "number", "kWh", "mean demand expected of each step left of the day",
            optional=True,
        ),
        _whole("place", "place among those that may draw, from 1, 0 where it may not"),
        _kwh("granted_kwh", "energy that it may draw"),
        _kwh("drawn_kwh", "energy that it draws from the storage"),
    ),
    "storage_plans": (
        _STEP,
        _STRATEGY,
        _name("storage", "name of the storage that is planned for"),
        _whole("alpha", "the allowance would leave 1 / alpha of the least demand"),
        _kwh("delivered_kwh", "energy that would be delivered up to the end of the plan"),
        _kwh("final_kwh", "energy that would be stored at the end of the plan"),
        _whole("chosen", "1 for the alpha that is taken, else 0"),
    ),
    "storage_courses": (
        _STEP,
        _STRATEGY,
        _name("storage", "name of the storage"),
        _whole("alpha", "alpha of the first plan of the run"),
        _kwh("stored_kwh", "energy that would be stored before the step, or at the plan's end"),
    ),
    "storage_houses": (
        _whole("house", "number of the house, from 0"),
        _name("group", "name of its group"),
        _name("community", "where it stands"),
        ResultColumn("load_scale", "number", "1", "factor on the series its appliances follow"),
        ResultColumn("heat_scale", "number", "1", "factor on the series its need of heat follows"),
    ),
    "house_steps": (
        _STEP,
        _STRATEGY,
        _whole("house", "number of the house, from 0"),
        *_HOUSE_FLOWS,
    ),
    "house_sums": (
        _STEP,
        _STRATEGY,
        _name("group", "the houses of this group added up"),
        *_HOUSE_FLOWS,
    ),
    "lines": (
        _STEP,
        _STRATEGY,
        _name("line", "the two ends of the line"),
        _kwh("sent_kwh", "energy sent into the line at the utility's end"),
        _kwh("received_kwh", "energy received at the far end"),
        _kwh("losses_kwh", "energy lost on the way"),
        ResultColumn("loading", "number", "1", "power on the line as a share of its rating"),
    ),
})  # fmt: skip


# Tables that only a scheme fills.
TABLES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "smart_homes": (
        "homes",
        "home_groups",
        "home_days",
        "home_appliances",
        "home_storages",
        "home_flows",
        "home_capacities",
    ),
    "composite_storage": ("storage_houses", "house_steps", "house_sums"),
    "battery_sharing": ("batteries", "buildings", "exchanges"),
    "community_storage": (
        "storages", "storage_households", "storage_plans", "storage_courses",
    ),
    "school_buses": ("schools",),
    "vehicles": ("vehicles", "trips", "fleet"),
})  # fmt: skip


def tables_with(schemes: Collection[str]) -> tuple[str, ...]:
    """Return the tables of a run in which some schemes take part."""
    absent = [names for scheme, names in TABLES_OF.items() if scheme not in schemes]
    return tuple(table for table in TABLES if all(table not in names for names in absent))


def arrow_schema(table: str, time_zone: str) -> "pa.Schema":
    """Return the Arrow schema of a table.

    Parameters
    ----------
    table
        The name of the table.
    time_zone
        The zone in which its times are told.

    Returns
    -------
    pyarrow.Schema
        Every field carries its unit and description.
    """
    import pyarrow as pa

    types: dict[str, Any] = {
        "whole": pa.int64(),
        "number": pa.float64(),
        "name": pa.dictionary(pa.int32(), pa.string()),
        "time": pa.timestamp("ms", tz=time_zone),
    }
    fields = [
        pa.field(
            column.name,
            types[column.kind],
            nullable=column.optional,
            metadata={"unit": column.unit, "description": column.description},
        )
        for column in TABLES[table]
    ]
    return pa.schema(fields, metadata={"table": table, "schema": str(SCHEMA)})
