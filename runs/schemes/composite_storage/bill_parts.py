"""The parts of a house's bill: what each kWh costs by part, and charges of a month."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.exchange_rates import converted
from hmesh.environment.retail_tariff import CURRENCY, time_of_use
from hmesh.environment.tariff_bands import (
    TimeBand,
    band_prices,
    month_of_steps,
    read_tariff_file,
    within,
)
from hmesh.markets.monthly_charges import demand_charge, tier_charge
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.composite_storage.house_tariff import HouseTariff
from hmesh.runs.world.tariff import market_prices

type Series = NDArray[np.float64]

PLACE = "composite_storage.tariff"


@dataclass(frozen=True, slots=True)
class HouseBill:
    """What a house pays for energy by part, each over the steps of a run.

    Attributes
    ----------
    energy
        Price of energy bought, without fees and tax, shape (steps,) [money/kWh]; 0 where a
        community asks it.
    fees
        Fees on it by name, each constant [money/kWh].
    feed_in
        Price of what is delivered, shape (steps,) [money/kWh]; 0 where a community asks it.
    tax
        Share of all that is bought that is added as value added tax [-].
    monthly
        Charges of a month, None where there are none.
    """

    energy: Series
    fees: dict[str, float]
    feed_in: Series
    tax: float
    monthly: "MonthlyCharges | None"

    @property
    def purchase(self) -> Series:
        """What energy bought costs with fees and tax, shape (steps,) [money/kWh]."""
        if not self.fees and not self.tax:
            return self.energy
        total: Series = (self.energy + sum(self.fees.values())) * (1.0 + self.tax)
        return total


def house_bill(tariff: HouseTariff, scenario: Scenario, calendar: Calendar) -> HouseBill:
    """Return the parts of a bill under a tariff.

    Raises
    ------
    InputError
        If a dataset or a file cannot be used, bands leave a time without a price, or steps are
        longer than the interval of a demand charge.
    """
    steps = scenario.steps
    if tariff.community:
        # What communities ask is known when their prices are set.
        return HouseBill(np.zeros(steps), {}, np.zeros(steps), 0.0, None)
    demand: list[tuple[TimeBand, float, int, str]] = [
        (charge.band, charge.price_per_kw, charge.interval, f"{PLACE}.demand_charges.{n}")
        for n, charge in enumerate(tariff.demand_charges)
    ]
    if tariff.bands:
        bands = [(band.band, band.price) for band in tariff.bands]
        energy = band_prices(bands, calendar, steps, f"{PLACE}.bands")
    elif tariff.file is not None:
        held = read_tariff_file(scenario.path_of(tariff.file))
        energy = band_prices(held.bands, calendar, steps, f"{PLACE}.file: {tariff.file}")
        # The file states no interval: a step of a quarter of an hour or more is what there is.
        minutes = max(15, round(60 * scenario.step_h))
        demand += [(band, price, minutes, f"{PLACE}.file") for band, price in held.demand]
    elif tariff.time_of_use is not None:
        built_in = time_of_use(tariff.time_of_use, calendar, steps)
        energy = converted(built_in, CURRENCY, scenario.currency)
    else:
        assert tariff.dataset is not None
        energy, _ = market_prices(scenario, calendar, tariff.dataset, tariff.column)
    if tariff.feed_in_column is not None:
        assert tariff.dataset is not None
        feed_in, _ = market_prices(scenario, calendar, tariff.dataset, tariff.feed_in_column)
    else:
        feed_in = np.full(steps, tariff.feed_in_price(scenario.currency))
    monthly = None
    if demand or tariff.tiers:
        monthly = MonthlyCharges(demand, tariff, calendar, steps)
    return HouseBill(energy, dict(tariff.fees), feed_in, tariff.value_added_tax, monthly)


class MonthlyCharges:
    """Charges of a month for the energy and the highest powers that a house buys.

    A month ends with its last step, by the local calendar; the last one ends with the run.

    Attributes
    ----------
    ends : array of bool, shape (steps,)
        Whether a month ends with the step.
    """

    def __init__(
        self,
        demand: list[tuple[TimeBand, float, int, str]],
        tariff: HouseTariff,
        calendar: Calendar,
        steps: int,
    ) -> None:
        minutes = round(60 * calendar.step_h)
        problems = [
            Problem(place, f"the highest power of {interval} min is not known in steps of "
                    f"{minutes} min", f"step_h of {interval / 60:g} or a whole part of it")
            for _, _, interval, place in demand
            if interval % minutes
        ]  # fmt: skip
        if problems:
            raise InputError(problems)
        self.step_h = calendar.step_h
        self.price_per_kw = np.array([price for _, price, _, _ in demand])
        self.counts = np.array([within(band, calendar, steps) for band, *_ in demand], dtype=bool)
        self.counts = self.counts.reshape(len(demand), steps)
        self.per_interval = np.array([interval // minutes for _, _, interval, _ in demand])
        self.above_kwh = np.array([tier.above_kwh for tier in tariff.tiers])
        self.surcharge = np.array([tier.surcharge for tier in tariff.tiers])
        month = month_of_steps(calendar, steps)
        self.ends = np.append(np.diff(month) > 0, True)

    def begun(self, houses: int) -> dict[str, Series]:
        """Return what is known of a month before its first step.

        Returns
        -------
        dict of array
            `month_kwh` of shape (houses,), energy bought; `interval_kwh` and `peak_kw` of shape
            (charges, houses), energy in the interval that has begun and the highest power.
        """
        charges = len(self.price_per_kw)
        return {
            "month_kwh": np.zeros(houses),
            "interval_kwh": np.zeros((charges, houses)),
            "peak_kw": np.zeros((charges, houses)),
        }

    def after(self, known: dict[str, Series], step: int, bought_kwh: Series) -> dict[str, Series]:
        """Return what is known of the month once a step is over.

        Parameters
        ----------
        known : dict of array
            What `begun` returns, as it was before the step.
        step : int
            The step.
        bought_kwh : array, shape (houses,)
            What each house buys in it [kWh].
        """
        # Intervals follow each other from the start of the run on.
        place = step % self.per_interval
        begun = np.where((place == 0)[:, None], 0.0, known["interval_kwh"])
        begun = begun + np.where(self.counts[:, step, None], bought_kwh, 0.0)
        whole = ((place == self.per_interval - 1) | self.ends[step])[:, None]
        power_kw = begun / (self.per_interval * self.step_h)[:, None]
        return {
            "month_kwh": known["month_kwh"] + bought_kwh,
            "interval_kwh": begun,
            "peak_kw": np.where(whole, np.maximum(known["peak_kw"], power_kw), known["peak_kw"]),
        }

    def charges(self, known: dict[str, Series]) -> dict[str, Series]:
        """Return the charges of a month that is over by kind, arrays of shape (houses,)."""
        charges = {}
        if len(self.price_per_kw):
            charges["house_demand_charge"] = demand_charge(known["peak_kw"], self.price_per_kw)
        if len(self.surcharge):
            charges["house_tier_charge"] = tier_charge(
                known["month_kwh"], self.above_kwh, self.surcharge
            )
        return charges

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its payments."""
        there = {
            "house_demand_charge": len(self.price_per_kw), "house_tier_charge": len(self.surcharge)
        }  # fmt: skip
        return tuple(kind for kind, many in there.items() if many)
