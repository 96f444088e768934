"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import (
    LAM,
    STEP,
    STRATEGY,
    THETA,
    ResultColumn,
    kwh,
    name,
    price,
    time,
    whole,
)

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "vehicles": (
        STEP,
        STRATEGY,
        whole("vehicle", "number of the vehicle, from 0"),
        name("community", "where it is parked, empty on the road", optional=True),
        ResultColumn("soc", "number", "1", "state of charge before the exchange"),
        kwh("usable_kwh", "stored energy above the lowest state of charge"),
        kwh("energy_kwh", "exchange at the plug, > 0 charging"),
        kwh("min_kwh", "least exchange possible, negative when it can discharge"),
        kwh("max_kwh", "greatest exchange possible"),
        LAM,
        THETA,
        price("price", "price it pays or is paid"),
        ResultColumn("driven_km", "number", "km", "distance driven in the step"),
        kwh("unmet_kwh", "energy its driving takes and its battery lacks"),
        whole("plugged", "1 where it is plugged in, 0 on the road or in an outage"),
        ResultColumn("plugged_part", "number", "1", "part of the step in which it is plugged in"),
    ),
    "trips": (
        whole("vehicle", "number of the vehicle, from 0"),
        time("departs", "time of departure"),
        time("arrives", "time of arrival"),
        name("origin", "community it leaves"),
        name("destination", "community it drives to"),
        ResultColumn("km", "number", "km", "distance"),
        kwh("energy_kwh", "energy the drive takes"),
    ),
    "fleet": (
        whole("vehicle", "number of the vehicle, from 0"),
        name("day_plan", "name of its day plan"),
        kwh("capacity_kwh", "capacity of its battery"),
        ResultColumn("power_kw", "number", "kW", "highest power at the plug"),
        ResultColumn("consumption_kwh_per_km", "number", "kWh/km", "consumption driving"),
        LAM,
        THETA,
    ),
}  # fmt: skip
