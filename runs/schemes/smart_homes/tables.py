"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh, name, whole

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "homes": (
        whole("home", "number of the smart home, from 0"),
        name("group", "name of its group"),
        name("community", "community in which it stands"),
        name("member", "member of a dataset that it is, empty for none", optional=True),
    ),
    "home_groups": (
        STEP,
        STRATEGY,
        name("group", "name of a group of smart homes"),
        kwh("generation_kwh", "energy that generators deliver, curtailed energy included"),
        kwh("wanted_kwh", "energy that appliances want"),
        kwh("served_kwh", "energy that homes serve themselves"),
        kwh("direct_kwh", "energy of it that comes straight from generators"),
        kwh("charged_kwh", "energy charged into storages, at the plug"),
        kwh("discharged_kwh", "energy discharged from storages, at the plug"),
        kwh("losses_kwh", "energy lost by charging and discharging"),
        kwh("curtailed_kwh", "generation that nothing could take"),
        kwh("imported_kwh", "energy that the grid serves instead"),
        kwh("exported_kwh", "generation that the grid takes"),
    ),
    "home_days": (
        STEP,
        STRATEGY,
        whole("home", "number of the smart home, from 0"),
        whole("steps", "steps of the day ahead, this one included"),
        whole("wanted_slots", "slots that its appliances want, each of one appliance and step"),
        whole("granted_slots", "slots that can be served without shifting"),
        whole("committed_slots", "slots that hold"),
        kwh("before_kwh", "losses and curtailment expected without shifting"),
        kwh("after_kwh", "the same with the slots agreed on"),
        whole("exact", "1 where every choice of slots was tried, or none was looked for"),
    ),
    "home_appliances": (
        STEP,
        STRATEGY,
        whole("home", "number of the smart home, from 0"),
        name("appliance", "name of the appliance"),
        kwh("wanted_kwh", "energy it wants in the step"),
        kwh("committed_kwh", "energy it counts on in the step"),
        kwh("served_kwh", "energy that its home serves"),
        kwh("imported_kwh", "energy that the grid serves instead"),
    ),
    "home_storages": (
        STEP,
        STRATEGY,
        whole("home", "number of the smart home, from 0"),
        name("storage", "name of the storage"),
        kwh("energy_kwh", "stored energy before the step"),
        kwh("charge_kwh", "energy charged, at the plug"),
        kwh("discharge_kwh", "energy discharged, at the plug"),
        kwh("losses_kwh", "energy lost by charging and discharging"),
    ),
    "home_flows": (
        STEP,
        STRATEGY,
        whole("home", "number of the smart home, from 0"),
        name("source", "the generator or storage it comes from, or `grid`"),
        name("target", "the appliance or storage it goes to, or `grid`, or `curtailed`"),
        kwh("energy_kwh", "energy, above 0, at the plug of a storage"),
    ),
    "home_capacities": (
        STRATEGY,
        whole("home", "number of the smart home, from 0"),
        name("storage", "name of the storage"),
        kwh("published_kwh", "capacity it needs on the first day by the published conditions"),
        kwh("dynamic_kwh", "capacity with which it serves that day, step by step"),
    ),
}  # fmt: skip
