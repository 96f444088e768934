"""The tables of a run's results: those of every run, and those of the schemes that take part."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh, name, price, time, whole
from hmesh.runs.results.contract import SCHEMA
from hmesh.runs.results.event_kinds import KINDS_OF
from hmesh.runs.schemes.registry import FromSchemes, schemes

if TYPE_CHECKING:
    import pyarrow as pa

    from hmesh.runs.scenarios.scenario import Scenario

# Of every run, whichever schemes take part.
OF_EVERY_RUN: Mapping[str, tuple[ResultColumn, ...]] = {
    "hours": (
        STEP,
        time("time", "start of the step"),
        STRATEGY,
        name("community", "name of the community"),
        kwh("fixed_load_kwh", "consumption of homes and buildings that answers to no price"),
        kwh("generation_kwh", "generation of the community, negative"),
        kwh("home_storage_kwh", "exchange of homes' and buildings' batteries, > 0 charging"),
        kwh("shared_storage_kwh", "exchange of the community's own storage, > 0 charging"),
        kwh("school_bus_kwh", "energy of parked school buses, > 0 discharged to the grid"),
        kwh("ev_kwh", "exchange of the electric vehicles, > 0 charging"),
        kwh("net_kwh", "energy drawn from the utility, < 0 delivered to it"),
        price("community_price", "price of the aggregator to its community, empty in an outage"),
        price("utility_price", "price of the utility to the aggregator"),
        whole("vehicles_present", "vehicles plugged in that answer to the price"),
        kwh("unserved_kwh", "consumption that an outage of the feeder left unserved"),
    ),
    "ledger": (
        STEP,
        STRATEGY,
        name("kind", "what is paid for"),
        name("payer", "who pays, and receives the energy"),
        name("payee", "who is paid, and delivers the energy"),
        kwh("energy_kwh", "energy paid for"),
        price("price", "price of the energy"),
        ResultColumn("amount", "number", "money", "money from payer to payee"),
    ),
    "messages": (
        STEP,
        STRATEGY,
        ResultColumn("time", "number", "h", "time within the step at which it was sent"),
        whole("round", "round of the negotiation"),
        name("kind", "what it says"),
        name("sender", "who sent it"),
        name("receiver", "whom it is for"),
        ResultColumn("value", "number", "", "price, energy or amount it carries", optional=True),
        whole("count", "number of agents addressed or answering"),
    ),
    "lines": (
        STEP,
        STRATEGY,
        name("line", "the two ends of the line"),
        kwh("sent_kwh", "energy sent into the line at the utility's end"),
        kwh("received_kwh", "energy received at the far end"),
        kwh("losses_kwh", "energy lost on the way"),
        ResultColumn("loading", "number", "1", "power on the line as a share of its rating"),
    ),
}  # fmt: skip

# Of a run whose plugins have metrics.
OF_METRICS: Mapping[str, tuple[ResultColumn, ...]] = {
    "metrics": (
        STEP,
        STRATEGY,
        name("metric", "name of the metric"),
        name("community", "name of the community, empty for a single number", optional=True),
        ResultColumn("value", "number", "", "its value after the settlement", optional=True),
    ),
}  # fmt: skip

# Written into the folder of a finished run by `hmesh voltages`.
OF_VOLTAGES: Mapping[str, tuple[ResultColumn, ...]] = {
    "voltages": (
        STEP,
        STRATEGY,
        name("node", "node of the grid"),
        ResultColumn(
            "voltage", "number", "1", "voltage over the nominal one, empty without a solution",
            optional=True,
        ),
    ),
    "ac_lines": (
        STEP,
        STRATEGY,
        name("line", "the two ends of the line"),
        ResultColumn(
            "losses_kwh", "number", "kWh", "energy lost with alternating current", optional=True
        ),
        ResultColumn(
            "loading", "number", "1", "current as a share of the rated one", optional=True
        ),
    ),
}  # fmt: skip

# Of a run whose prices keep limits of lines.
OF_LIMITS: Mapping[str, tuple[ResultColumn, ...]] = {
    "limits": (
        STEP,
        STRATEGY,
        name("community", "name of the community"),
        kwh("overload_kwh", "energy over the limit of its line that is most over it"),
        kwh("shed_kwh", "consumption left unserved so that lines keep their limits"),
        price("unlimited_price", "price of the community if no line had a limit"),
        ResultColumn("congestion_rent", "number", "money", "paid more because of limits"),
    ),
}  # fmt: skip

# Of a run that records welfare.
OF_WELFARE: Mapping[str, tuple[ResultColumn, ...]] = {
    "welfare": (
        STEP,
        STRATEGY,
        ResultColumn("welfare", "number", "money", "satisfaction of vehicles less generation cost"),
        ResultColumn("planner_welfare", "number", "money", "the same at the planner's prices"),
        ResultColumn("welfare_loss", "number", "money", "what the planner's is more"),
        ResultColumn(
            "price_of_anarchy", "number", "1", "the planner's over it, empty where it is not > 0",
            optional=True,
        ),
    ),
}  # fmt: skip

# Of a run that records events.
OF_EVENTS: Mapping[str, tuple[ResultColumn, ...]] = {
    "events": (
        STRATEGY,
        time("time", "when it happens"),
        name(
            "kind",
            "what happens: "
            + "; ".join(f"to a {of}: {', '.join(kinds)}" for of, kinds in KINDS_OF.items()),
        ),
        whole("vehicle", "number of the vehicle, from 0; -1 where it happens to something else"),
        name("place", "community, empty where it happens in none", optional=True),
        ResultColumn(
            "value", "number", "km, h or 1",
            "length of a trip or round [km]; plugged in: hours waited, unplugged: hours plugged "
            "in [h]; of messages how many; else 0",
        ),
        name("subject", f"to what it happens: {', '.join(KINDS_OF)}"),
        whole(
            "number",
            "which of them, from 0: that of the vehicle, also for its charger, of the bus, of the "
            "community of a feeder, of the message within its step; 0 for the utility",
        ),
    ),
}  # fmt: skip

# Of a run in which members of communities share what some of them generate.
OF_LOCAL_EXCHANGE: Mapping[str, tuple[ResultColumn, ...]] = {
    "local_exchange": (
        STEP,
        STRATEGY,
        name("community", "name of the community"),
        name("kind", "kind of its members: households, buildings, homes, schools"),
        kwh("own_kwh", "own energy that members used, as far as meters show it"),
        kwh("lack_kwh", "what they used beyond it"),
        kwh("surplus_kwh", "what they generated beyond it"),
        kwh("received_kwh", "surplus of other members that they got"),
        kwh("given_kwh", "surplus that other members got"),
        kwh("fed_in_kwh", "surplus that no member got"),
        price("local_price", "price of local energy without grid fee, empty where there is none"),
        price("feed_in_price", "price of a surplus that no member gets, empty in an outage"),
    ),
}  # fmt: skip

# The same for each member, where it is asked for.
OF_LOCAL_MEMBERS: Mapping[str, tuple[ResultColumn, ...]] = {
    "local_members": (
        STEP,
        STRATEGY,
        name("community", "name of the community"),
        name("kind", "kind of the member: households, buildings, homes or schools"),
        whole("member", "number of the member within its kind, from 0"),
        kwh("used_kwh", "energy it used, as far as its meter shows it"),
        kwh("generated_kwh", "energy it generated, as far as its meter shows it"),
        kwh("received_kwh", "surplus of other members that it got"),
        kwh("given_kwh", "surplus of it that other members got"),
    ),
}  # fmt: skip

# Of a run in which members join and leave the local exchange of their community.
OF_MEMBERSHIP: Mapping[str, tuple[ResultColumn, ...]] = {
    "membership": (
        STEP,
        STRATEGY,
        name("community", "name of the community"),
        name("kind", "kind of the member: households, buildings, homes or schools"),
        whole("member", "number of the member within its kind, from 0"),
        ResultColumn(
            "expected_saving", "number", "money",
            "what it expects to save in a month by taking part, empty at first", optional=True,
        ),
        ResultColumn(
            "probability", "number", "1",
            "with which it takes part if it chooses again, empty at first", optional=True,
        ),
        whole("takes_part", "1 where it takes part from this step on, else 0"),
    ),
}  # fmt: skip

# Of a run in which stores answer to the price with what their own rule leaves.
OF_STORE_ANSWERS: Mapping[str, tuple[ResultColumn, ...]] = {
    "store_answers": (
        STEP,
        STRATEGY,
        name("scheme", "the scheme that the store belongs to"),
        whole("owner", "number of its home, house, building, storage or bus, from 0"),
        name("storage", "which of the storages of its owner"),
        kwh("usable_kwh", "energy above its lowest state of charge once its own rule has acted"),
        kwh("lower_kwh", "least exchange at its plug beside that of its rule, 0 or below"),
        kwh("upper_kwh", "most exchange beside it"),
        kwh("exchange_kwh", "what it exchanges at the price of its community, > 0 charging"),
    ),
    "store_answer_sums": (
        STEP,
        STRATEGY,
        name("scheme", "the scheme that the stores belong to"),
        name("group", "name of a group of owners"),
        name("storage", "which of the storages of each owner"),
        kwh("charged_kwh", "energy these charge at the price of their community, at the plug"),
        kwh("discharged_kwh", "energy these discharge, at the plug"),
    ),
}  # fmt: skip

# Of a run with prosumers.
OF_PROSUMERS: Mapping[str, tuple[ResultColumn, ...]] = {
    "prosumers": (
        STEP,
        STRATEGY,
        whole("prosumer", "number of the prosumer, from 0"),
        name("community", "where it lives"),
        kwh("connection_kwh", "energy through its connection, > 0 drawn from the grid"),
        ResultColumn("paid", "number", "money", "money that all its parts pay"),
        ResultColumn("received", "number", "money", "money that they are paid"),
    ),
    "prosumer_parts": (
        STEP,
        STRATEGY,
        whole("prosumer", "number of the prosumer, from 0"),
        name("part", "households for its own load, else the kind of members its part is of"),
        kwh("bought_kwh", "energy the part pays for"),
        kwh("sold_kwh", "energy it is paid for"),
        ResultColumn("paid", "number", "money", "money it pays"),
        ResultColumn("received", "number", "money", "money it is paid"),
        kwh("home_kwh", "energy it draws at home, < 0 delivered"),
    ),
}  # fmt: skip

# Of a run that keeps accounts of all members.
OF_ACCOUNTS: Mapping[str, tuple[ResultColumn, ...]] = {
    "accounts": (
        whole("year", "year that it is the account of"),
        STRATEGY,
        name("kind", "households, buildings, homes, houses, schools, vehicles or prosumers"),
        whole("member", "number of the member within its kind, from 0"),
        name("community", "where it is at home, of a vehicle where it starts", optional=True),
        kwh("bought_kwh", "energy it paid for"),
        kwh("sold_kwh", "energy it was paid for"),
        ResultColumn("paid", "number", "money", "money it paid"),
        ResultColumn("received", "number", "money", "money it was paid"),
        kwh("stored_change_kwh", "energy in its batteries at the end less at the start"),
    ),
}  # fmt: skip

# Tables that only a scheme fills, by its name, those on request aside.
TABLES_OF: Mapping[str, tuple[str, ...]] = FromSchemes(
    lambda: {name: tuple(each.part("tables")) for name, each in schemes().items()}
)
TABLES: Mapping[str, tuple[ResultColumn, ...]] = FromSchemes(
    lambda: {
        **OF_EVERY_RUN,
        **OF_METRICS,
        **OF_VOLTAGES,
        **OF_LIMITS,
        **OF_WELFARE,
        **OF_EVENTS,
        **OF_LOCAL_EXCHANGE,
        **OF_LOCAL_MEMBERS,
        **OF_MEMBERSHIP,
        **OF_STORE_ANSWERS,
        **OF_PROSUMERS,
        **OF_ACCOUNTS,
        **{
            table: columns
            for each in schemes().values()
            for part in ("tables", "tables_on_request")
            for table, columns in dict(each.part(part)).items()
        },
    }
)


def tables_with(
    names: Collection[str],
    *,
    metrics: bool = False,
    limits: bool = False,
    welfare: bool = False,
    events: bool = False,
    accounts: bool = False,
    store_answers: bool = False,
    local_exchange: bool = False,
    local_members: bool = False,
    membership: bool = False,
    prosumers: bool = False,
) -> tuple[str, ...]:
    """Return the tables of a run in which some schemes take part, with or without those asked."""
    asked = (
        (metrics, OF_METRICS),
        (limits, OF_LIMITS),
        (welfare, OF_WELFARE),
        (events, OF_EVENTS),
        (accounts, OF_ACCOUNTS),
        (local_exchange, OF_LOCAL_EXCHANGE),
        (local_members, OF_LOCAL_MEMBERS),
        (membership, OF_MEMBERSHIP),
        (store_answers, OF_STORE_ANSWERS),
        (prosumers, OF_PROSUMERS),
    )
    more = (table for wanted, tables in asked if wanted for table in tables)
    return (*OF_EVERY_RUN, *more, *(t for name in names for t in TABLES_OF[name]))


def tables_of(scenario: "Scenario") -> tuple[str, ...]:
    """Return the tables of a run of a scenario."""
    there = tables_with(
        scenario.schemes,
        metrics=bool(scenario.metrics),
        limits=scenario.grid.limits == "keep",
        welfare=scenario.welfare_recorded,
        events=scenario.record.events,
        local_exchange=scenario.local_exchange,
        local_members=scenario.local_exchange and scenario.record.local_members,
        membership=scenario.members_join,
        store_answers=scenario.stores_answer,
        accounts=scenario.record.accounts == "all",
        prosumers=scenario.prosumers_there,
    )
    asked = (
        table
        for name in scenario.schemes
        for table in scenario.section(name).tables_asked(scenario)
    )
    return (*there, *asked)


def columns_since(table: str, schema: int) -> tuple[ResultColumn, ...]:
    """Return the columns that a table of results has had since a schema, or longer."""
    return tuple(column for column in TABLES[table] if column.since <= schema)


def arrow_schema(table: str, time_zone: str, schema: int = SCHEMA) -> "pa.Schema":
    """Return the Arrow schema of a table.

    Parameters
    ----------
    table : str
        The name of the table.
    time_zone : str
        The zone in which its times are stated.
    schema : int, optional
        The schema of the results.

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
        for column in columns_since(table, schema)
    ]
    return pa.schema(fields, metadata={"table": table, "schema": str(schema)})
