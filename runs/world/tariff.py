"""Tariffs that a scenario states, or that the market of a dataset sets."""

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.tariff_bands import band_prices
from hmesh.runs.scenarios.economics_section import Economics, EnergyTariff
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.dataset_files import load_dataset


def measured_tariff(scenario: Scenario, calendar: Calendar) -> FloatArray | None:
    """Return the utility's tariff of every step [money/kWh], or None where two prices set it.

    Raises
    ------
    InputError
        If the dataset cannot be used, is in another currency, or has a price above the highest
        community price, which would force a loss on the aggregator.
    """
    tariff = scenario.prices.time_of_use
    if tariff.dataset is None:
        return None
    prices, place = market_prices(scenario, calendar, tariff.dataset, tariff.column)
    highest = scenario.prices.aggregator[1]
    if prices.max() > highest:
        message = f"{tariff.column} rises to {prices.max():g}, above the highest community price"
        allowed = f"at most {highest:g}, the upper bound of prices.aggregator"
        raise InputError([Problem(place, message, allowed)])
    return prices


def market_prices(
    scenario: Scenario, calendar: Calendar, name: str, column: str
) -> tuple[FloatArray, str]:
    """Return the prices of a dataset's market in every step [money/kWh], and where they stand.

    Raises
    ------
    InputError
        If the dataset cannot be used, or is in another currency.
    """
    folder = scenario.path_of(name)
    dataset = load_dataset(folder, ("market",))
    currency = dataset.description.currency
    if currency != scenario.currency:
        message = f"prices are in {currency or 'no currency'}, not in the scenario's"
        place = f"{folder / 'dataset.yaml'}: currency"
        raise InputError([Problem(place, message, scenario.currency)])
    if "market" not in dataset.series:
        raise InputError([Problem(str(folder), "has no table market, which sets the tariff")])
    market = dataset.series["market"]
    prices: FloatArray = market.over(column, calendar, scenario.steps)[:, 0]
    return prices, market.place


def prices_of_economics(
    economics: Economics | None, scenario: Scenario, calendar: Calendar, scheme: str
) -> FloatArray | None:
    """Return the prices at which a scheme values energy in every step; None where none are stated.

    The section of the scheme holds `economics`; see `stated_prices`.
    """
    if economics is None or economics.tariff is None:
        return None
    return stated_prices(economics.tariff, scenario, calendar, f"{scheme}.economics.tariff")


def stated_prices(
    tariff: EnergyTariff, scenario: Scenario, calendar: Calendar, place: str
) -> FloatArray:
    """Return the prices of a stated tariff in every step, shape (steps,) [money/kWh].

    Parameters
    ----------
    tariff : EnergyTariff
        The tariff.
    scenario : Scenario
        The scenario that states it.
    calendar : Calendar
        From steps to dates and hours.
    place : str
        The key at which it stands, for errors.

    Raises
    ------
    InputError
        If bands leave a time without a price, or a dataset cannot be used.
    """
    if tariff.bands:
        bands = [(band.band, band.price) for band in tariff.bands]
        return band_prices(bands, calendar, scenario.steps, f"{place}.bands")
    assert tariff.dataset is not None
    prices, _ = market_prices(scenario, calendar, tariff.dataset, tariff.column)
    return prices
