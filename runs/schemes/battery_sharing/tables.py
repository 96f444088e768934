"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh, name, whole

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "batteries": (
        whole("building", "number of the building, from 0"),
        name("name", "its community, group and number within it"),
        name("community", "where it stands"),
        kwh("shared_capacity_kwh", "capacity of its battery where they are shared"),
        kwh("own_capacity_kwh", "capacity of its battery where nobody shares"),
    ),
    "buildings": (
        STEP,
        STRATEGY,
        whole("building", "number of the building, from 0"),
        kwh("load_kwh", "energy it uses"),
        kwh("stored_kwh", "energy in its battery before the step"),
        kwh("charged_kwh", "energy its battery draws from the grid"),
        kwh("own_kwh", "energy its battery gives to it"),
        kwh("sent_kwh", "energy its battery gives to other buildings, before the lines"),
        kwh("received_kwh", "energy from other buildings' batteries, after the lines"),
        kwh("unplaced_kwh", "energy its battery was to give and nobody took"),
    ),
    "exchanges": (
        whole("step", "last step of the day"),
        STRATEGY,
        whole("giver", "building whose battery gives"),
        whole("taker", "building that receives"),
        kwh("sent_kwh", "energy of the day that leaves the battery"),
        kwh("received_kwh", "the part that arrives"),
    ),
}  # fmt: skip
