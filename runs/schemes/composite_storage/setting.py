"""The houses with storages of a scenario before anybody acts: series, prices, columns, plans."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from hmesh.agents.house_conversation import LocalTariff
from hmesh.agents.house_populations import HousePopulations
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.heat_pump import carnot_cop, cop_of_points
from hmesh.environment.retail_tariff import base_charge
from hmesh.environment.tariff_bands import month_of_steps
from hmesh.environment.thermal_tank import loss_at_temperature
from hmesh.markets.exact_dispatch import ExactDispatch, dispatch_exactly
from hmesh.markets.home_energy_rules import TariffSignal, tariff_signals
from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HousePrices
from hmesh.markets.house_programme import Stored
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.composite_storage.house_keys import StorageHouseGroup, StorageSizes
from hmesh.runs.schemes.composite_storage.least_cost import least_cost_sizes, mean_demand
from hmesh.runs.schemes.composite_storage.own_rules import equipped_as
from hmesh.runs.schemes.composite_storage.section import CompositeStorage
from hmesh.runs.schemes.composite_storage.sources import HouseSources
from hmesh.runs.strategy_names import STRATEGIES_OF, is_own
from hmesh.runs.world.dataset_files import load_dataset
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.stated_bill import no_bill, stated_bill

SCHEME = "composite_storage"
STATE = "state"
# Payments that every bill has, and those that value added tax is not put on.
OF_EVERY_BILL = ("house_purchase", "house_feed_in", "house_base_charge", "carbon_tax")
CREDITS = ("house_net_metering",)
UNTAXED = ("house_feed_in", "house_net_metering", "carbon_tax")
# What adds up over a run, by its name in the tables and in the totals.
ENERGIES = (
    "appliances_kwh", "heat_kwh", "generation_kwh", "import_kwh", "export_kwh", "charge_kwh",
    "discharge_kwh", "heat_pump_kwh", "tank_charge_kwh", "tank_discharge_kwh", "unmet_heat_kwh",
)  # fmt: skip
NO_STORAGE, *WITH_STORAGE = (name for name in STRATEGIES_OF[SCHEME] if not is_own(name))
# The share of a dispatch's cost by which a plan may miss the cheapest where it needs binaries.
PLAN_GAP = 1e-6


class CompositeStorageSetting:
    """What all strategies share of the houses with storages.

    Attributes
    ----------
    settings : CompositeStorage
        The scenario's section.
    groups : list of slice
        Rows of each group of the section.
    community, node : array of int, shape (houses,)
        Where each house stands, and its node of the grid.
    names : list of str
        The communities of the scenario.
    series : HouseSeries
        What houses need and generate.
    bill : StatedBill
        The parts of what they pay.
    prices : HousePrices
        What they pay and what deliveries are taken to be worth, step by step; prices of 0 where
        their communities ask what they pay.
    month_ends : array of bool, shape (steps,)
        Whether a month, or the run, ends with the step.
    cop : array, shape (steps,)
        Coefficient of performance of heat pumps [-].
    tank_loss : array, shape (steps,)
        Share of the stored heat that tanks lose in an hour [1/h].
    base_charge : array, shape (steps,)
        What a house pays in each step whatever it uses [money].
    day, months : array of int, shape (steps,)
        Local day of each step, and the month it lies in.
    """

    def __init__(self, settings: CompositeStorage, setting: Setting) -> None:
        scenario, calendar, streams = setting.scenario, setting.calendar, setting.streams
        grid = setting.grid
        self.settings = settings
        self.steps, self.step_h = scenario.steps, scenario.step_h
        self.day = calendar.days_of(0, self.steps)
        begins = np.flatnonzero(np.diff(self.day, prepend=-1))
        months = [calendar.date_of(step).month for step in begins.tolist()]
        self.months = np.repeat(months, np.diff(np.append(begins, self.steps)))
        self.series, sizes = HouseSources(settings, scenario, calendar, streams).read()
        ends = np.cumsum(sizes)
        self.groups = [slice(e - n, e) for e, n in zip(ends.tolist(), sizes, strict=True)]
        self.names = names = list(scenario.communities)
        self.community = np.repeat(
            np.array([names.index(group.community) for group in settings.groups]), sizes
        )
        nodes = [grid.node_index[f"{g.community}/{g.name}"] for g in settings.groups]
        self.node = np.repeat(np.array(nodes, dtype=np.intp), sizes)
        tariff, devices = settings.tariff, settings.equipment
        self.bill = (
            no_bill(self.steps)
            if tariff.community
            else stated_bill(tariff, scenario, calendar, f"{SCHEME}.tariff", "house")
        )
        self.prices = HousePrices(
            purchase=self.bill.purchase,
            # Up to what is bought in the month, a delivery that is netted is worth a purchase.
            feed_in=self.bill.purchase if tariff.netted else self.bill.feed_in,
            battery_wear=devices.battery_wear,
            tank_wear=devices.tank_wear,
            carbon_tax=settings.carbon_tax,
            emission_factor=settings.emission_factor,
        )
        self.base_charge = base_charge(calendar, self.steps, tariff.base_charge_per_month)
        month = month_of_steps(calendar, self.steps)
        self.month_ends = np.append(np.diff(month) > 0, True)
        self.cop = self._cop(scenario, calendar)
        self.tank_loss = self._tank_loss(scenario, calendar)
        # A tax on what is bought changes what is cheap to a house as a price does.
        self._signals = tariff_signals(self.prices.taxed, self.day)
        self._planned = cache(self._solve)
        self._sized = cache(self._least_cost)
        first: dict[tuple[float, ...], int] = {}
        self._alike = [
            first.setdefault(self.series.key(house), house) for house in range(len(self.community))
        ]

    def _cop(self, scenario: Scenario, calendar: Calendar) -> FloatArray:
        """Return the coefficient of performance of heat pumps in every step [-]."""
        own = self.settings.devices
        if (outdoors := own.outdoor_cop) is None:
            return np.full(self.steps, own.cop)
        temp_air = self._temp_air(outdoors.dataset, "outdoor_cop", scenario, calendar)
        if outdoors.carnot_share is None:
            return cop_of_points(temp_air, np.array(outdoors.points))
        return carnot_cop(
            temp_air, outdoors.flow_temperature, outdoors.carnot_share, outdoors.highest
        )

    def _temp_air(self, name: str, key: str, scenario: Scenario, calendar: Calendar) -> FloatArray:
        """Return the temperature of the air in every step by a dataset [degC]."""
        dataset = load_dataset(scenario.path_of(name), ("weather",))
        weather = dataset.series.get("weather")
        if weather is None or "temp_air" not in weather.values:
            place = f"composite_storage.devices.{key}.dataset"
            message = f"{name} has no table weather with temp_air"
            raise InputError([Problem(place, message, "temperatures of the air")])
        temperature: FloatArray = weather.over("temp_air", calendar, self.steps)[:, 0]
        return temperature

    def _tank_loss(self, scenario: Scenario, calendar: Calendar) -> FloatArray:
        """Return the share of the stored heat that tanks lose in an hour, step by step [1/h]."""
        own = self.settings.equipment
        if (outdoors := own.outdoor_tank) is None:
            return np.full(self.steps, own.tank_loss_per_h)
        temp_air = self._temp_air(outdoors.dataset, "outdoor_tank", scenario, calendar)
        loss: FloatArray = loss_at_temperature(
            own.tank_loss_per_h, temp_air, outdoors.tank_temperature, outdoors.rated_temperature
        )
        if (highest := float(loss.max())) >= 1:
            message = f"at {temp_air.min():g} degC the tank would lose {highest:.3g} in an hour"
            place = "composite_storage.devices.tank_loss_per_h"
            raise InputError([Problem(place, message, "less than 1 in the coldest step")])
        return loss

    @property
    def local(self) -> bool:
        """Whether houses pay the price of their community."""
        return self.settings.tariff.community

    @property
    def inhabited(self) -> list[int]:
        """The communities in which houses stand, ascending."""
        places: list[int] = np.unique(self.community).tolist()
        return places

    @property
    def announcers(self) -> list[str]:
        """The communities that state prices to houses, where houses pay these."""
        return [self.names[m] for m in self.inhabited] if self.local else []

    @property
    def counts(self) -> dict[str, int]:
        """To how many houses each of them states its price."""
        there = zip(self.announcers, self.inhabited, strict=False)
        return {announcer: int(np.count_nonzero(self.community == m)) for announcer, m in there}

    @property
    def houses(self) -> int:
        """Number of houses."""
        return len(self.community)

    def group_of(self, house: int) -> StorageHouseGroup:
        """Return the group of a house."""
        return next(
            group
            for group, rows in zip(self.settings.groups, self.groups, strict=True)
            if rows.start <= house < rows.stop
        )

    def signal(self, step: int) -> TariffSignal:
        """Return what the retailer states of a step, the carbon tax on what is bought included."""
        cheap, peak_price, cheapest, left = self._signals
        return TariffSignal(
            purchase=float(self.prices.taxed[step]),
            feed_in=float(self.prices.feed_in[step]),
            cheap=bool(cheap[step]),
            peak_price=float(peak_price[step]),
            cheapest=float(cheapest[step]),
            cheap_steps=int(left[step]),
        )

    def steps_of_day(self, step: int) -> tuple[int, int]:
        """Return how many steps the day of a step has before it, and from it on."""
        # Days never fall, and only those next to the step are of interest.
        day = self.day[step]
        first, end = self.day.searchsorted(day), self.day.searchsorted(day, "right")
        return step - int(first), int(end) - step

    def local_tariffs(self, step: int, of_day: FloatArray) -> list[LocalTariff]:
        """Return what the houses of each community expect of a step's prices.

        Parameters
        ----------
        step : int
            The step.
        of_day : array, shape (steps of the day, communities)
            Prices of its day: those asked so far, and those expected [money/kWh].
        """
        tariff, passed = self.settings.tariff, self.steps_of_day(step)[0]
        assert tariff.feed_in_share is not None
        tax = self.prices.carbon_tax * self.prices.emission_factor
        lines = []
        for m in self.inhabited:
            asked = of_day[:, m]
            one_day = np.zeros(len(asked), dtype=np.intp)
            cheap, peak_price, cheapest, left = tariff_signals(asked + tax, one_day)
            signal = TariffSignal(
                purchase=float(asked[passed] + tax),
                feed_in=tariff.feed_in_share * float(asked[passed]),
                cheap=bool(cheap[passed]),
                peak_price=float(peak_price[passed]),
                cheapest=float(cheapest[passed]),
                cheap_steps=int(left[passed]),
            )
            rows = np.flatnonzero(self.community == m)
            lines.append(LocalTariff(self.names[m], rows, signal))
        return lines

    def sizes(self, strategy: str) -> StorageSizes:
        """Return the storages of each house under a strategy, tanks in the scenario's unit."""
        strategy = equipped_as(strategy)
        if strategy == NO_STORAGE:
            return StorageSizes()
        if self.settings.sizing == "least_cost":
            return self._sized(strategy)
        return self.settings.sizes_of(strategy)

    def _least_cost(self, strategy: str) -> StorageSizes:
        demand = mean_demand([self.demand(house) for house in range(self.houses)])
        devices = self._devices(StorageSizes())
        return least_cost_sizes(self.settings, strategy, demand, devices, self.prices)

    def devices(self, strategy: str) -> HouseDevices:
        """Return the devices of a house under a strategy."""
        return self._devices(self.sizes(strategy))

    def _devices(self, sizes: StorageSizes) -> HouseDevices:
        own = self.settings.equipment
        return HouseDevices(
            battery_kwh=sizes.battery_kwh,
            tank_kwh=self.settings.tank_heat_kwh(sizes.tank_kwh),
            heat_pump_kw=own.heat_pump_kw,
            cop=own.cop,
            battery_power_per_kwh=own.battery_power_per_kwh,
            battery_efficiency=own.battery_efficiency,
            soc_min=own.soc_min,
            soc_max=own.soc_max,
            tank_power_per_kwh=own.tank_power_per_kwh,
            tank_efficiency=own.tank_efficiency,
            tank_loss_per_h=own.tank_loss_per_h,
            battery_exports=own.battery_exports,
        )

    def investment(self, strategy: str) -> float:
        """Return the price of the storages of a house under a strategy [money]."""
        sizes = self.sizes(strategy)
        return (
            sizes.battery_kwh * self.settings.battery_price_per_kwh
            + sizes.tank_kwh * self.settings.price_of_tanks
        )

    def batteries_part(self, strategy: str) -> float:
        """Return which part of the price of storages is that of batteries, 0..1."""
        whole = self.investment(strategy)
        price = self.sizes(strategy).battery_kwh * self.settings.battery_price_per_kwh
        return price / whole if whole else 0.0

    def populations(self, strategy: str) -> HousePopulations:
        """Return the columns of all houses under a strategy."""
        devices, series = self.devices(strategy), self.series
        columns = HousePopulations.of(self.houses)
        columns.households.set("community", self.community.astype(np.int16))
        for need in ("load", "heat"):
            source = getattr(series, f"{need}_source")
            columns.households.set(f"{need}_source", source.astype(np.int32))
            columns.households.set(f"{need}_scale", getattr(series, f"{need}_scale"))
        columns.photovoltaics.set("source", series.generation_source.astype(np.int32))
        columns.photovoltaics.set("scale", series.generation_scale)
        columns.heat_pumps.set("power_kw", devices.heat_pump_kw)
        columns.heat_pumps.set("cop", devices.cop)
        for name, value in (
            ("capacity_kwh", devices.battery_kwh),
            ("power_kw", devices.battery_power_per_kwh * devices.battery_kwh),
            ("soc_min", devices.soc_min),
            ("soc_max", devices.soc_max),
            ("charge_efficiency", devices.battery_efficiency),
            ("discharge_efficiency", devices.battery_efficiency),
            ("wear", self.prices.battery_wear),
            ("energy_kwh", devices.soc_min * devices.battery_kwh),
        ):
            columns.batteries.set(name, value)
        for name, value in (
            ("capacity_kwh", devices.tank_kwh),
            ("power_kw", devices.tank_power_per_kwh * devices.tank_kwh),
            ("efficiency", devices.tank_efficiency),
            ("loss_per_h", devices.tank_loss_per_h),
            ("wear", self.prices.tank_wear),
        ):
            columns.tanks.set(name, value)
        return columns

    def demand(self, house: int) -> HouseDemand:
        """Return what a house needs and generates."""
        load, heat, generation = self.series.of_house(house)
        return HouseDemand(
            load_kwh=load,
            heat_kwh=heat,
            generation_kwh=generation,
            day=self.day,
            step_h=self.step_h,
        )

    def start(self, strategy: str) -> Stored:
        """Return what the storages of each house hold at first."""
        devices = self.devices(strategy)
        return Stored(devices.soc_min * devices.battery_kwh, 0.0)

    def plan(self, strategy: str, house: int) -> ExactDispatch:
        """Return the cheapest dispatch of a house over the whole run, from its start on."""
        return self._planned(strategy, self._alike[house])

    def _solve(self, strategy: str, house: int) -> ExactDispatch:
        return dispatch_exactly(
            self.demand(house),
            self.devices(strategy),
            self.prices,
            start=self.start(strategy),
            gap=PLAN_GAP,
        )

    def plans(
        self, strategy: str, houses: Sequence[int] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the planned exchange of battery and tank, shape (steps, houses) each [kWh].

        Parameters
        ----------
        strategy : str
            Which storages houses have.
        houses : sequence of int, optional
            Which houses, None for all.
        """
        chosen = range(self.houses) if houses is None else houses
        battery, tank = np.empty((2, self.steps, len(chosen)))
        for column, house in enumerate(chosen):
            flows = self.plan(strategy, house).flows
            battery[:, column] = flows.charge_kwh - flows.discharge_kwh
            tank[:, column] = flows.tank_charge_kwh - flows.tank_discharge_kwh
        return battery, tank
