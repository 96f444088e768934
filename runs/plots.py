"""The figures of a finished run, each with a title that says what it shows."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runs.results.run_reader import read_run
from runs.results.safe_files import beside, unwritable

if TYPE_CHECKING:
    from runs.pictures.run_data import RunData
    from runs.pictures.sheet import Drawing

    type _Picture = tuple[str, Callable[[RunData], Drawing]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of a run.

    Attributes
    ----------
    name
        What it is about.
    finding
        Its title: what it shows. Without a figure, why there is none.
    path
        The PNG file, None where there is nothing to draw.
    """

    name: str
    finding: str
    path: Path | None


def draw_plots(directory: Path | str) -> list[Plot]:
    """Draw the figures of a finished run into its folder `plots`.

    Parameters
    ----------
    directory
        The folder of the run.

    Returns
    -------
    list of Plot
        Every figure, also those for which the run holds nothing to draw.

    Raises
    ------
    InputError
        When the run is not finished, its results are damaged, or the folder cannot be written.
    """
    from matplotlib import style as matplotlib_style

    from runs.pictures.run_data import RunData
    from runs.pictures.sheet import style

    data = RunData(read_run(directory))
    folder = data.run.directory / "plots"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None
    plots = []
    with matplotlib_style.context(["default", style()]), warnings.catch_warnings():
        # A name may be in a script that no installed font can write; its boxes say so.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        for name, draw in _pictures(data, drawn=bool(data.hours("net_kwh").any())):
            drawing = draw(data)
            path = None
            if drawing.figure is not None:
                path = folder / f"{name}.png"
                with beside(path) as new:
                    told = {"Title": name, "Description": drawing.finding}
                    quickly = {"compress_level": 3}
                    drawing.figure.savefig(new, format="png", metadata=told, pil_kwargs=quickly)
            plots.append(Plot(name, drawing.finding, path))
    return plots


def _pictures(data: "RunData", *, drawn: bool) -> "list[_Picture]":
    """Return the pictures of a run; those of the grid where anything is drawn from it."""
    from runs.pictures.city import EVERYBODY, draw_whole_and_parts
    from runs.pictures.lines import draw_line_loading
    from runs.pictures.load import draw_load, draw_peak_to_average
    from runs.pictures.market import draw_prices

    pictures: list[_Picture] = [
        ("load", draw_load),
        ("peak_to_average", draw_peak_to_average),
        ("prices", draw_prices),
    ]
    if EVERYBODY in data.strategies:
        pictures.insert(0, ("whole_and_parts", draw_whole_and_parts))
    of_schemes = [picture for scheme in data.schemes for picture in _PICTURES_OF[scheme]()]
    if not drawn and "smart_homes" in data.schemes:
        # Homes without a grid: there is no load of the grid and nothing has a price.
        return of_schemes
    return [*pictures, *of_schemes, ("line_loading", draw_line_loading)]


def _of_smart_homes() -> "list[_Picture]":
    from runs.schemes.smart_homes import picture_flows as home_flows
    from runs.schemes.smart_homes import pictures as smart_homes

    return [
        ("home_energy", smart_homes.draw_home_energy),
        ("home_losses", smart_homes.draw_home_losses),
        ("home_storage", smart_homes.draw_home_storage),
        ("home_capacity", smart_homes.draw_home_capacity),
        ("home_flows", home_flows.draw_home_flows),
    ]


def _of_vehicles() -> "list[_Picture]":
    from runs.pictures.market import draw_charging
    from runs.schemes.vehicles.pictures import draw_state_of_charge, draw_whereabouts

    return [
        ("charging", draw_charging),
        ("state_of_charge", draw_state_of_charge),
        ("whereabouts", draw_whereabouts),
    ]


def _of_composite_storage() -> "list[_Picture]":
    from runs.schemes.composite_storage import pictures as houses

    return [
        ("typical_days", houses.draw_typical_days),
        ("house_energy", houses.draw_house_energy),
        ("house_money", houses.draw_house_money),
    ]


def _of_battery_sharing() -> "list[_Picture]":
    from runs.schemes.battery_sharing import picture_exchange as battery_exchange
    from runs.schemes.battery_sharing import pictures as batteries

    return [
        ("representative_days", batteries.draw_representative_days),
        ("load_deviation", batteries.draw_deviation),
        ("battery_capacities", batteries.draw_capacities),
        ("weekly_exchange", battery_exchange.draw_weekly_exchange),
        ("exchange_network", battery_exchange.draw_exchange_network),
    ]


def _of_school_buses() -> "list[_Picture]":
    from runs.schemes.school_buses.pictures import draw_bus_power, draw_incentives

    return [("school_buses", draw_bus_power), ("incentive_prices", draw_incentives)]


def _of_community_storage() -> "list[_Picture]":
    from runs.schemes.community_storage import pictures as community_storage

    return [
        ("storage_charging", community_storage.draw_charging),
        ("household_demand", community_storage.draw_households),
        ("charge_by_iteration", community_storage.draw_iterations),
        ("allowance", community_storage.draw_convergence),
        ("shares", community_storage.draw_shares),
    ]


# The pictures of each scheme, imported when it takes part.
_PICTURES_OF = {
    "smart_homes": _of_smart_homes,
    "composite_storage": _of_composite_storage,
    "battery_sharing": _of_battery_sharing,
    "school_buses": _of_school_buses,
    "community_storage": _of_community_storage,
    "vehicles": _of_vehicles,
}
