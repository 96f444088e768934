"""The metered sites of a scenario before anybody acts: series, prices, meters, what is expected."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.metered_sites import DAYS_KNOWN, Ahead, Control, MeteredSite, MonthsAhead
from hmesh.environment.arrays import FloatArray
from hmesh.environment.population import Population
from hmesh.environment.retail_tariff import base_charge
from hmesh.environment.tariff_bands import month_of_steps
from hmesh.markets.connection import Connection, export_limit_kw
from hmesh.markets.tariff_control import StepTariff
from hmesh.runs.schemes.metered_sites.own_rules import RULES
from hmesh.runs.schemes.metered_sites.section import MeteredSites
from hmesh.runs.schemes.metered_sites.sources import GroupSeries, SiteSources
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.stated_bill import stated_bill

PREFIX = "site"
YEAR_H = 8760.0
# Payments that value added tax is not put on.
UNTAXED = ("site_feed_in", "site_net_metering")
ENERGIES = (
    "load_kwh", "generation_kwh", "import_kwh", "export_kwh", "charge_kwh", "discharge_kwh",
    "curtailed_kwh", "unserved_kwh",
)  # fmt: skip
BARE, SUNNY, SELF_CONSUMING, ON_TARIFF, POOLED = (
    "sites_without_devices", "sites_with_sun", "self_consuming_sites", "sites_on_tariff",
    "pooled_sites",
)  # fmt: skip
# How far batteries look ahead, and how far back they look for what to expect.
AHEAD_H, WEEK_H, DAY_H = 36.0, 168.0, 24.0


@dataclass(frozen=True, eq=False)
class SiteLayout:
    """What is behind each meter.

    Attributes
    ----------
    names : list of str
        Name of each site.
    group, community, node : array of int, shape (sites,)
        Number of its group, of its community, and of its node of the grid.
    load_kwh, generation_kwh : array, shape (steps, sites)
        What it uses, and what its modules could generate [kWh].
    battery_kwh, pv_kw : array, shape (sites,)
        Size of its battery, and peak power of its modules.
    meters : array, shape (sites,)
        How many meters are pooled into this one, each with the limits of a connection.
    """

    names: list[str]
    group: NDArray[np.intp]
    community: NDArray[np.intp]
    node: NDArray[np.intp]
    load_kwh: FloatArray
    generation_kwh: FloatArray
    battery_kwh: FloatArray
    pv_kw: FloatArray
    meters: FloatArray


class MeteredSitesSetting:
    """What all strategies share of the metered sites.

    Attributes
    ----------
    settings : MeteredSites
        The scenario's section.
    bill : StatedBill
        The parts of what each meter pays.
    base_charge : array, shape (steps,)
        What a meter pays in each step whatever it uses [money].
    month_ends : array of bool, shape (steps,)
        Whether a month, or the run, ends with the step.
    first_of_day : array of int, shape (steps,)
        The first step of the local day of each step.
    """

    def __init__(self, settings: MeteredSites, setting: Setting) -> None:
        scenario, calendar = setting.scenario, setting.calendar
        self.settings, self._setting = settings, setting
        self.steps, self.step_h = scenario.steps, scenario.step_h
        self.names = list(scenario.communities)
        self._series: list[GroupSeries] = SiteSources(
            settings, scenario, calendar, setting.streams
        ).read()
        place = "metered_sites.tariff"
        self.bill = stated_bill(settings.tariff, scenario, calendar, place, PREFIX)
        self.base_charge = base_charge(calendar, self.steps, settings.tariff.base_charge_per_month)
        day = calendar.days_of(0, self.steps)
        begins = np.flatnonzero(np.diff(day, prepend=-1))
        month = month_of_steps(calendar, self.steps)
        self.month_ends = np.append(np.diff(month) > 0, True)
        self.first_of_day = np.repeat(begins, np.diff(np.append(begins, self.steps)))

    def layout(self, strategy: str) -> SiteLayout:
        """Return what is behind each meter under a strategy."""
        return self.pooled if strategy == POOLED else self.apart

    @cached_property
    def apart(self) -> SiteLayout:
        """Every site with its own meter."""
        return self._layout(self._series)

    @cached_property
    def pooled(self) -> SiteLayout:
        """All sites of a group behind one meter."""
        pooled = [
            GroupSeries(
                [f"{group.name}/pooled"],
                series.load_kwh.sum(axis=1, keepdims=True),
                series.generation_kwh.sum(axis=1, keepdims=True),
                series.pv_kw * len(series.names),
                len(series.names),
            )
            for group, series in zip(self.settings.groups, self._series, strict=True)
        ]
        layout = self._layout(pooled)
        count = np.array([len(series.names) for series in self._series], dtype=np.float64)
        return SiteLayout(
            layout.names, layout.group, layout.community, layout.node, layout.load_kwh,
            layout.generation_kwh, layout.battery_kwh * count, layout.pv_kw, count,
        )  # fmt: skip

    def _layout(self, series: list[GroupSeries]) -> SiteLayout:
        groups = self.settings.groups
        sizes = [len(each.names) for each in series]
        grid = self._setting.grid
        nodes = [grid.node_index[f"{g.community}/{g.name}"] for g in groups]
        places = [self.names.index(group.community) for group in groups]
        return SiteLayout(
            [name for each in series for name in each.names],
            np.repeat(np.arange(len(groups)), sizes),
            np.repeat(np.array(places, dtype=np.intp), sizes),
            np.repeat(np.array(nodes, dtype=np.intp), sizes),
            np.concatenate([each.load_kwh for each in series], axis=1),
            np.concatenate([each.generation_kwh for each in series], axis=1),
            np.repeat([group.battery_kwh for group in groups], sizes),
            np.repeat([each.pv_kw for each in series], sizes),
            np.ones(sum(sizes)),
        )

    @property
    def inhabited(self) -> list[int]:
        """The communities in which sites stand, ascending."""
        places: list[int] = np.unique(self.apart.community).tolist()
        return places

    def connection(self, layout: SiteLayout) -> Connection:
        """Return what connections and inverters allow."""
        own, n = self.settings.connection, len(layout.names)

        def limit(value: float | None) -> FloatArray:
            return np.full(n, np.inf) if value is None else value * layout.meters

        share = np.full(n, np.inf if own.export_share_of_pv is None else own.export_share_of_pv)
        return Connection(
            import_kw=limit(own.import_kw),
            export_kw=export_limit_kw(limit(own.export_kw), layout.pv_kw, share),
            inverter_kw=limit(own.inverter_kw),
            dc_coupled=np.full(n, own.coupling == "dc"),
            battery_exports=np.full(n, own.battery_exports),
            grid_charges=np.full(n, own.grid_charges),
        )

    @staticmethod
    def control(strategy: str) -> Control:
        """Return how batteries decide under a strategy."""
        if strategy in (BARE, SUNNY):
            return "idle"
        if strategy in RULES:
            return "given"
        return "self_consumption" if strategy == SELF_CONSUMING else "tariff"

    def battery_kwh(self, strategy: str) -> FloatArray:
        """Return the size of the battery of each site under a strategy [kWh]."""
        layout = self.layout(strategy)
        there = strategy not in (BARE, SUNNY)
        return layout.battery_kwh if there else np.zeros(len(layout.names))

    def generation_kwh(self, strategy: str) -> FloatArray:
        """Return what modules could generate under a strategy, shape (steps, sites) [kWh]."""
        layout = self.layout(strategy)
        return np.zeros_like(layout.generation_kwh) if strategy == BARE else layout.generation_kwh

    def population(self, strategy: str) -> Population:
        """Return the columns of all sites under a strategy."""
        layout, own = self.layout(strategy), self.settings.battery
        size = self.battery_kwh(strategy)
        population = Population(MeteredSite.attributes(), len(layout.names))
        population.set("community", layout.community.astype(np.int16))
        population.set("group", layout.group.astype(np.int32))
        population.set("new_kwh", size)
        population.set("capacity_kwh", size)
        population.set("power_kw", own.power_per_kwh * size)
        population.set("energy_kwh", own.soc_min * size)
        for name in ("soc_min", "soc_max", "charge_efficiency", "discharge_efficiency", "wear"):
            population.set(name, getattr(own, name))
        return population

    def investment(self, strategy: str) -> tuple[float, float]:
        """Return the price of all modules, and of all batteries, under a strategy [money]."""
        own, layout = self.settings.economics, self.layout(strategy)
        sun = 0.0 if strategy == BARE else own.pv_price_per_kw * float(layout.pv_kw.sum())
        return sun, own.battery_price_per_kwh * float(self.battery_kwh(strategy).sum())

    @cached_property
    def tariffs(self) -> list[StepTariff]:
        """What every step costs, as those know who decide."""
        bill, own = self.bill, self.settings
        feed_in = self.worth_of_delivery
        demand = np.zeros(self.steps)
        if bill.monthly is not None and len(bill.monthly.price_per_kw):
            demand = (1.0 + bill.tax) * (bill.monthly.price_per_kw @ bill.monthly.counts)
        worthless = (feed_in < 0) & own.connection.curtails
        return [
            StepTariff(float(p), float(f), float(d), bool(w))
            for p, f, d, w in zip(bill.purchase, feed_in, demand, worthless, strict=True)
        ]

    @property
    def worth_of_delivery(self) -> FloatArray:
        """What a delivery is taken to be worth in each step, shape (steps,) [money/kWh]."""
        return self.bill.purchase if self.settings.tariff.netted else self.bill.feed_in

    @cached_property
    def charges_power(self) -> bool:
        """Whether the tariff has a charge for the highest power of a month."""
        return self.bill.monthly is not None and len(self.bill.monthly.price_per_kw) > 0

    def _months_ahead(self, step: int, month_kwh: FloatArray) -> MonthsAhead | None:
        """Return what is known of this month and the next one as a day begins."""
        bill = self.bill
        if bill.monthly is None or not len(bill.monthly.surcharge):
            return None
        begins = np.unique(self.first_of_day)
        today = int(np.searchsorted(begins, step))
        ends = np.flatnonzero(self.month_ends) + 1
        month = int(np.searchsorted(ends, step, side="right"))
        # The last month of a run ends with it, and a next one is as long as that.
        end, next_end = int(ends[month]), int(ends[min(month + 1, len(ends) - 1)])
        return MonthsAhead(
            month_kwh=month_kwh,
            known_h=(step - int(begins[max(today - DAYS_KNOWN, 0)])) * self.step_h,
            left_h=(end - step) * self.step_h,
            next_h=(next_end - end) * self.step_h,
            left_steps=end - step,
            above_kwh=bill.monthly.above_kwh,
            surcharge=(1.0 + bill.tax) * bill.monthly.surcharge,
        )

    def ahead(
        self, strategy: str, step: int, month_kwh: FloatArray, *, month_begins: bool
    ) -> Ahead | None:
        """Return what is expected as a day begins: what was read at the same time a week before.

        Where no week is known yet, what was read a whole number of days before, the fewest that are
        known; None on the first day.

        Parameters
        ----------
        strategy : str
            The strategy.
        step : int
            The first step of the day.
        month_kwh : array, shape (sites,)
            Energy that each has drawn in the month so far [kWh].
        month_begins : bool
            Whether the power of the month is looked for over a week, and not over the day alone.
        """
        a_day = round(DAY_H / self.step_h)
        if step < a_day:
            return None
        worth, peak = round(AHEAD_H / self.step_h), 0
        if self.charges_power:
            # The power of a month follows from a week, that of a day from this day.
            next_day = int(np.searchsorted(self.first_of_day, step, side="right"))
            peak = round(WEEK_H / self.step_h) if month_begins else next_day - step
        coming = np.arange(step, min(step + max(worth, peak), self.steps))
        known = step // a_day
        days = np.minimum((coming - step) // a_day + 1, known)
        past = coming - (7 if known >= 7 else days) * a_day
        while (late := past >= step).any():
            past = np.where(late, past - a_day, past)
        return Ahead(
            self.layout(strategy).load_kwh[past],
            self.generation_kwh(strategy)[past],
            self.tariffs[step : step + len(coming)],
            min(worth, len(coming)),
            min(peak, len(coming)),
            self._months_ahead(step, month_kwh),
        )
