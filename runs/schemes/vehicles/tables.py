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
        name("group", "name of its group, empty where all are alike", optional=True),
        name("model", "name of its model, empty where it has none", optional=True),
        ResultColumn("v2g_kw", "number", "kW", "highest power at the plug discharging"),
        ResultColumn("soc_min", "number", "1", "lowest state of charge for discharging"),
        ResultColumn("soc_max", "number", "1", "highest state of charge for charging"),
        ResultColumn("soc_start", "number", "1", "state of charge with which it begins"),
        ResultColumn("charge_efficiency", "number", "1", "stored per energy charged"),
        ResultColumn("discharge_efficiency", "number", "1", "delivered per energy taken out"),
        kwh("wanted_kwh", "energy above soc_min that it wants at departure, 0 for none"),
        ResultColumn("miss_weight", "number", "money/kWh", "value of a kWh below it beside lam"),
        name("home", "its home, empty where no habit asks for it", optional=True),
    ),
}  # fmt: skip

# Of a run in which vehicles want energy by their departure.
ON_REQUEST: Mapping[str, tuple[ResultColumn, ...]] = {
    "departures": (
        STEP,
        STRATEGY,
        whole("vehicle", "number of the vehicle, from 0, of those that want energy at departure"),
        kwh("wanted_kwh", "stored energy that it wants as it sets out in the step"),
        kwh("held_kwh", "stored energy with which it sets out"),
        kwh("short_kwh", "what it lacks of what it wants"),
    ),
    "chargers": (
        STEP,
        STRATEGY,
        name("community", "name of the community, of those that name their chargers"),
        ResultColumn("plugs_taken", "number", "1", "plugs taken, on average over the step"),
        ResultColumn("waiting", "number", "1", "vehicles that wait, on average over the step"),
        whole("arrivals", "vehicles that ask for a plug in the step"),
        whole("without_plug", "of them, those that have none by the step's end"),
    ),
    "sessions": (
        STRATEGY,
        whole("vehicle", "number of the vehicle, from 0"),
        name("community", "where it is plugged in"),
        name("charger", "kind of the charger, empty where each vehicle has a plug", optional=True),
        time("arrives", "when it arrives, or the run starts"),
        time("plug_in", "when it is plugged in"),
        time("plug_out", "when it is unplugged, empty where the run ends before", optional=True),
        kwh("energy_kwh", "energy charged"),
        kwh("delivered_kwh", "energy discharged"),
    ),
    "stops": (
        STRATEGY,
        whole("vehicle", "number of the vehicle, from 0"),
        name("community", "where it stops on its way"),
        name("charger", "kind of the charger"),
        time("arrives", "when it comes there"),
        time("plug_in", "when it is plugged in"),
        time("plug_out", "when it goes on, empty where the run ends before", optional=True),
        kwh("energy_kwh", "energy charged"),
    ),
    "changed_trips": (
        STEP,
        STRATEGY,
        whole("vehicle", "number of the vehicle, from 0"),
        time("departs", "when it meant to depart"),
        time("arrives", "when it meant to arrive"),
        whole("made", "1 where it has arrived in the step, 0 where the trip is not made"),
        ResultColumn(
            "departs_late_h", "number", "h", "how late it departed, empty if not made",
            optional=True,
        ),
        ResultColumn(
            "late_h", "number", "h", "how late it arrived, empty if not made", optional=True
        ),
        whole("stops", "how often it stopped on its way"),
    ),
}  # fmt: skip
