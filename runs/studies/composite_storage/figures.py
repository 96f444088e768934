"""The figures of Scientific Reports 14 (2024) 6279, drawn from what is simulated."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.retail_tariff import feed_in_years
from hmesh.markets.house_dispatch import running_cost
from hmesh.runs.studies.composite_storage.cases import CASES, JPY_PER_USD, STORAGES, paybacks
from hmesh.runs.studies.composite_storage.simulated_years import by_rules, priced
from hmesh.runs.studies.source_figures import MONTHS, draw_bars, draw_lines
from hmesh.runs.studies.study_parts import SourceFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
    from hmesh.runs.studies.composite_storage.study import HouseStudy

LOW_JPY = 7.0

type Draw = Callable[["HouseStudy", "Figure"], None]


def composite_storage_figures() -> tuple[SourceFigure, ...]:
    """Return the figures of the source that can be drawn."""
    return (
        SourceFigure("2", "electricity and heat used month by month", _use),
        SourceFigure("3", "sun of the photovoltaics month by month", _sun),
        SourceFigure("13", "purchases less sales month by month, four cases", _cost),
        SourceFigure("14", "running cost month by month, four cases", _running),
        SourceFigure("16", "CO2 emissions month by month, four cases", _emissions),
        SourceFigure("17", "payback by the year of the feed-in tariff, by rules", _paybacks),
        SourceFigure("18", "payback of a battery where both prices vary, by rules", _both_prices),
        SourceFigure("19", "payback without and with a carbon tax of 0.039 USD/kg", _taxed),
    )


def monthly(setting: "CompositeStorageSetting", values: FloatArray) -> list[float]:
    """Return sums by month, from April on."""
    months = setting.months
    return [float(values[months == month].sum()) for month in (*range(4, 13), 1, 2, 3)]


def _use(shared: "HouseStudy", figure: "Figure") -> None:
    demand = shared.setting.demand(0)
    bars = {
        "appliances": monthly(shared.setting, demand.load_kwh),
        "heat": monthly(shared.setting, demand.heat_kwh),
    }
    draw_bars(figure, MONTHS, bars, "month", "energy [kWh]")


def _sun(shared: "HouseStudy", figure: "Figure") -> None:
    bars = {"sun": monthly(shared.setting, shared.setting.demand(0).generation_kwh)}
    draw_bars(figure, MONTHS, bars, "month", "generation [kWh]")


def _of_cases(up: str, worth: Callable[..., FloatArray]) -> Draw:
    def draw(shared: "HouseStudy", figure: "Figure") -> None:
        setting = shared.setting
        prices = priced(setting, LOW_JPY)
        bars = {
            name: monthly(setting, worth(shared.low[case].flows, prices))
            for name, case in CASES.items()
        }
        draw_bars(figure, MONTHS, bars, "month", up)

    return draw


_cost = _of_cases(
    "purchases less sales [USD]",
    lambda flows, prices: (
        (prices.purchase * flows.import_kwh - prices.feed_in * flows.export_kwh) / JPY_PER_USD
    ),
)
_running = _of_cases(
    "running cost [USD]", lambda flows, prices: running_cost(flows, prices) / JPY_PER_USD
)
_emissions = _of_cases(
    "CO2 [kg]",
    lambda flows, prices: np.asarray(prices.emission_factor * flows.import_kwh),
)


def _paybacks(shared: "HouseStudy", figure: "Figure") -> None:
    setting, cases = shared.setting, tuple(CASES.values())
    found: dict[float, list[float]] = {}
    years = feed_in_years()
    for price, _ in years.values():
        if price not in found:
            simulated = by_rules(setting, cases, priced(setting, price))
            backs = paybacks(setting, simulated)
            found[price] = [np.nan if back is None else back for back in backs]
    lines = {
        name: [found[price][k] for price, _ in years.values()] for k, name in enumerate(STORAGES)
    }
    draw_lines(figure, list(years), lines, "year of the feed-in tariff", "payback [a]")


def _both_prices(shared: "HouseStudy", figure: "Figure") -> None:
    """Draw what stands for Figure 18, of which the text of the source does not say what it shows.

    It lies between the figures of prices and of a carbon tax; Figure 17 varies both prices.
    """
    feed_ins = sorted({feed_in for feed_in, _ in shared.both})
    factors = sorted({factor for _, factor in shared.both})
    lines = {
        f"purchases x {factor:g}": [
            np.nan if (back := shared.both[feed_in, factor][0]) is None else back
            for feed_in in feed_ins
        ]
        for factor in factors
    }
    draw_lines(figure, feed_ins, lines, "feed-in tariff [JPY/kWh]", "payback [a]")


def _taxed(shared: "HouseStudy", figure: "Figure") -> None:
    bars = {
        label: [np.nan if back is None else back for back in paybacks(shared.setting, years)]
        for label, years in (("no tax", shared.low), ("0.039 USD/kg", shared.taxed))
    }
    draw_bars(figure, STORAGES, bars, "case", "payback [a]")
