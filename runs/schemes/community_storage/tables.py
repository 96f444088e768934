"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh, name, whole

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "storages": (
        STEP,
        STRATEGY,
        name("storage", "name of a storage that a community shares"),
        kwh("stored_kwh", "energy stored before the step"),
        kwh("generation_kwh", "energy that its plant generates"),
        kwh("charge_kwh", "energy of it that is taken in"),
        kwh("spilled_kwh", "energy of it that nobody takes"),
        kwh("delivered_kwh", "energy that its households draw"),
        kwh("grid_kwh", "energy that it charges from the grid by the clock"),
        whole("alpha", "the allowance leaves 1 / alpha of the least demand"),
    ),
    "storage_households": (
        STEP,
        STRATEGY,
        whole("household", "number of the household, from 0"),
        name("group", "its community and group of members"),
        name("storage", "the storage that may serve it"),
        kwh("demand_kwh", "demand"),
        ResultColumn("forecast_kwh", "number", "kWh", "demand forecast for the day", optional=True),
        kwh("used_kwh", "demand of the day before the step"),
        ResultColumn(
            "average_kwh", "number", "kWh", "mean demand expected of each step left of the day",
            optional=True,
        ),
        whole("place", "place among those that may draw, from 1, 0 where it may not"),
        kwh("granted_kwh", "energy that it may draw"),
        kwh("drawn_kwh", "energy that it draws from the storage"),
    ),
    "storage_plans": (
        STEP,
        STRATEGY,
        name("storage", "name of the storage that is planned for"),
        whole("alpha", "the allowance would leave 1 / alpha of the least demand"),
        kwh("delivered_kwh", "energy that would be delivered up to the end of the plan"),
        kwh("final_kwh", "energy that would be stored at the end of the plan"),
        whole("chosen", "1 for the alpha that is taken, else 0"),
    ),
    "storage_courses": (
        STEP,
        STRATEGY,
        name("storage", "name of the storage"),
        whole("alpha", "alpha of the first plan of the run"),
        kwh("stored_kwh", "energy that would be stored before the step, or at the plan's end"),
    ),
}  # fmt: skip
