"""The parts of a bill under a stated tariff: what each kWh costs by part, charges of a month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import Problem, refuse_all
from hmesh.environment.exchange_rates import converted
from hmesh.environment.retail_tariff import CURRENCY, time_of_use
from hmesh.environment.tariff_bands import (
    TimeBand,
    band_prices,
    month_of_steps,
    read_tariff_file,
    within,
)
from hmesh.markets.monthly_charges import demand_charge, surcharge_foreseen, tier_charge
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.tariff_sections import DemandCharge, TariffBand, TariffTier
from hmesh.runs.world.tariff import market_prices


class TariffKeys(Protocol):
    """The keys of a tariff that a person states, whichever section holds them."""

    @property
    def bands(self) -> Sequence[TariffBand]:
        """Prices by hour, day and season, the first that holds counts."""
        ...

    @property
    def file(self) -> str | None:
        """A JSON file of bands and demand charges."""
        ...

    @property
    def time_of_use(self) -> str | None:
        """A built-in tariff of purchases."""
        ...

    @property
    def dataset(self) -> str | None:
        """The folder of a dataset with a table market."""
        ...

    @property
    def column(self) -> str:
        """Its column of prices of purchases."""
        ...

    @property
    def feed_in_column(self) -> str | None:
        """Its column of prices of deliveries."""
        ...

    @property
    def fees(self) -> Mapping[str, float]:
        """Fees on energy bought by name [money/kWh]."""
        ...

    @property
    def value_added_tax(self) -> float:
        """Share added to energy, fees and monthly amounts [-]."""
        ...

    @property
    def demand_charges(self) -> Sequence[DemandCharge]:
        """Charges for the highest mean power of each month."""
        ...

    @property
    def tiers(self) -> Sequence[TariffTier]:
        """Surcharges on energy of a month beyond thresholds."""
        ...

    def feed_in_price(self, currency: str) -> float:
        """Return the price paid for what is delivered [money/kWh]."""
        ...


@dataclass(frozen=True, slots=True)
class StatedBill:
    """What a meter pays for energy by part, each over the steps of a run.

    Attributes
    ----------
    energy : array, shape (steps,)
        Price of energy bought, without fees and tax [money/kWh]; 0 where a community asks it.
    fees : dict of float
        Fees on it by name, each constant [money/kWh].
    feed_in : array, shape (steps,)
        Price of what is delivered [money/kWh]; 0 where a community asks it.
    tax : float
        Share of all that is bought that is added as value added tax [-].
    monthly : MonthlyCharges or None
        Charges of a month, None where there are none.
    """

    energy: FloatArray
    fees: dict[str, float]
    feed_in: FloatArray
    tax: float
    monthly: "MonthlyCharges | None"

    @property
    def purchase(self) -> FloatArray:
        """What energy bought costs with fees and tax, shape (steps,) [money/kWh]."""
        if not self.fees and not self.tax:
            return self.energy
        total: FloatArray = (self.energy + sum(self.fees.values())) * (1.0 + self.tax)
        return total


def no_bill(steps: int) -> StatedBill:
    """Return the bill where a community asks the price, known when its price is set."""
    return StatedBill(np.zeros(steps), {}, np.zeros(steps), 0.0, None)


def stated_bill(
    tariff: TariffKeys, scenario: Scenario, calendar: Calendar, place: str, prefix: str
) -> StatedBill:
    """Return the parts of a bill under a tariff.

    Parameters
    ----------
    tariff : TariffKeys
        What the scenario states.
    scenario : Scenario
        The scenario.
    calendar : Calendar
        Its calendar, whose local clock and public holidays are those of the tariff.
    place : str
        Key of the tariff in the scenario, for errors.
    prefix : str
        What the kinds of payments begin with, such as "house".

    Raises
    ------
    InputError
        If a dataset or a file cannot be used, bands leave a time without a price, or steps are
        longer than the interval of a demand charge.
    """
    steps = scenario.steps
    demand: list[tuple[TimeBand, float, int, str]] = [
        (charge.band, charge.price_per_kw, charge.interval, f"{place}.demand_charges.{n}")
        for n, charge in enumerate(tariff.demand_charges)
    ]
    if tariff.bands:
        bands = [(band.band, band.price) for band in tariff.bands]
        energy = band_prices(bands, calendar, steps, f"{place}.bands")
    elif tariff.file is not None:
        held = read_tariff_file(scenario.path_of(tariff.file))
        energy = band_prices(held.bands, calendar, steps, f"{place}.file: {tariff.file}")
        # The file states no interval: a step of a quarter of an hour or more is what there is.
        minutes = max(15, round(60 * scenario.step_h))
        demand += [(band, price, minutes, f"{place}.file") for band, price in held.demand]
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
        monthly = MonthlyCharges(demand, tariff, calendar, steps, prefix)
    return StatedBill(energy, dict(tariff.fees), feed_in, tariff.value_added_tax, monthly)


class MonthlyCharges:
    """Charges of a month for the energy and the highest powers that each meter buys.

    A month ends with its last step, by the local calendar; the last one ends with the run.

    Attributes
    ----------
    ends : array of bool, shape (steps,)
        Whether a month ends with the step.
    """

    def __init__(
        self,
        demand: list[tuple[TimeBand, float, int, str]],
        tariff: TariffKeys,
        calendar: Calendar,
        steps: int,
        prefix: str,
    ) -> None:
        self.prefix = prefix
        minutes = round(60 * calendar.step_h)
        problems = [
            Problem(place, f"the highest power of {interval} min is not known in steps of "
                    f"{minutes} min", f"step_h of {interval / 60:g} or a whole part of it")
            for _, _, interval, place in demand
            if interval % minutes
        ]  # fmt: skip
        refuse_all(problems)
        self.step_h = calendar.step_h
        self.price_per_kw = np.array([price for _, price, _, _ in demand])
        self.counts = np.array([within(band, calendar, steps) for band, *_ in demand], dtype=bool)
        self.counts = self.counts.reshape(len(demand), steps)
        self.per_interval = np.array([interval // minutes for _, _, interval, _ in demand])
        self.above_kwh = np.array([tier.above_kwh for tier in tariff.tiers])
        self.surcharge = np.array([tier.surcharge for tier in tariff.tiers])
        month = month_of_steps(calendar, steps)
        self.ends = np.append(np.diff(month) > 0, True)
        # Steps until the month of each is over, counted from its begin.
        self._left = self._steps_left()

    def _steps_left(self) -> NDArray[np.intp]:
        last = np.flatnonzero(self.ends)
        of_step = last[np.searchsorted(last, np.arange(len(self.ends)))]
        return np.asarray(of_step - np.arange(len(self.ends)) + 1, dtype=np.intp)

    @property
    def per_kwh(self) -> FloatArray:
        """What a kWh beyond the highest power costs, by its interval, shape (charges,)."""
        hours: FloatArray = self.per_interval * self.step_h
        return self.price_per_kw / hours

    def foreseen(self, known: dict[str, FloatArray], step: int, mean_kw: FloatArray) -> FloatArray:
        """Return what the tier foreseen adds to each kWh of a step, shape (meters,) [money/kWh].

        Parameters
        ----------
        known : dict of array
            What is known of the month before the step.
        step : int
            The step.
        mean_kw : array, shape (meters,)
            Mean power that is expected for the rest of the month [kW].
        """
        left_h = float(self._left[step]) * self.step_h
        return surcharge_foreseen(
            known["month_kwh"], mean_kw, left_h, self.above_kwh, self.surcharge
        )

    def room_kwh(self, known: dict[str, FloatArray], step: int, need_kw: FloatArray) -> FloatArray:
        """Return what meters may buy in a step without a higher charge for their power [kWh].

        Parameters
        ----------
        known : dict of array
            What is known of the month before the step.
        step : int
            The step.
        need_kw : array, shape (meters,)
            Power that each is let have in any case [kW].

        Returns
        -------
        array, shape (charges, meters)
            At least 0; infinite where a charge does not hold in the step.
        """
        place = step % self.per_interval
        begun = np.where((place == 0)[:, None], 0.0, known["interval_kwh"])
        hours = (self.per_interval * self.step_h)[:, None]
        room = np.maximum(np.maximum(known["peak_kw"], need_kw) * hours - begun, 0.0)
        return np.where(self.counts[:, step, None], room, np.inf)

    def begun(self, meters: int) -> dict[str, FloatArray]:
        """Return what is known of a month before its first step.

        Returns
        -------
        dict of array
            `month_kwh` of shape (meters,), energy bought; `interval_kwh` and `peak_kw` of shape
            (charges, meters), energy in the interval that has begun and the highest power.
        """
        charges = len(self.price_per_kw)
        return {
            "month_kwh": np.zeros(meters),
            "interval_kwh": np.zeros((charges, meters)),
            "peak_kw": np.zeros((charges, meters)),
        }

    def after(
        self, known: dict[str, FloatArray], step: int, bought_kwh: FloatArray
    ) -> dict[str, FloatArray]:
        """Return what is known of the month once a step is over.

        Parameters
        ----------
        known : dict of array
            What `begun` returns, as it was before the step.
        step : int
            The step.
        bought_kwh : array, shape (meters,)
            What each meter buys in it [kWh].
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

    def charges(self, known: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Return the charges of a month that is over by kind, arrays of shape (meters,)."""
        charges = {}
        if len(self.price_per_kw):
            charges[f"{self.prefix}_demand_charge"] = demand_charge(
                known["peak_kw"], self.price_per_kw
            )
        if len(self.surcharge):
            charges[f"{self.prefix}_tier_charge"] = tier_charge(
                known["month_kwh"], self.above_kwh, self.surcharge
            )
        return charges

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its payments."""
        there = {"demand": len(self.price_per_kw), "tier": len(self.surcharge)}
        return tuple(f"{self.prefix}_{kind}_charge" for kind, many in there.items() if many)
