"""Which charts each scheme adds to those that every run has."""

from collections.abc import Callable

from runs.pictures.run_data import RunData
from runs.report.chart import Chart
from runs.report.general_charts import general_charts


def _of_smart_homes(data: RunData) -> list[Chart]:
    from runs.schemes.smart_homes.charts import smart_home_charts

    return smart_home_charts(data)


def _of_houses(data: RunData) -> list[Chart]:
    from runs.schemes.composite_storage.charts import house_charts

    return house_charts(data)


def _of_batteries(data: RunData) -> list[Chart]:
    from runs.schemes.battery_sharing.charts import battery_charts

    return battery_charts(data)


def _of_community_storage(data: RunData) -> list[Chart]:
    from runs.schemes.community_storage.charts import community_storage_charts

    return community_storage_charts(data)


def _of_school_buses(data: RunData) -> list[Chart]:
    from runs.schemes.school_buses.charts import school_bus_charts

    return school_bus_charts(data)


def _of_vehicles(data: RunData) -> list[Chart]:
    from runs.schemes.vehicles.charts import vehicle_charts

    return vehicle_charts(data)


# A function for each scheme that has charts of its own, imported when it takes part.
CHARTS_OF: dict[str, Callable[[RunData], list[Chart]]] = {
    "smart_homes": _of_smart_homes,
    "composite_storage": _of_houses,
    "battery_sharing": _of_batteries,
    "community_storage": _of_community_storage,
    "school_buses": _of_school_buses,
    "vehicles": _of_vehicles,
}


def charts(data: RunData) -> list[Chart]:
    """Return the charts of a run: those of every run, then those of the schemes that take part."""
    found = general_charts(data)
    for scheme in data.schemes:
        if scheme in CHARTS_OF:
            found += CHARTS_OF[scheme](data)
    return found
