"""The sites of a run one by one: what their meters allow, what their batteries hold and do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.drawn_part import drawn_part, note_of
from hmesh.runs.audits.reference.capacity_fade import capacity_by_step
from hmesh.runs.audits.reference.metered_sites import Price, Site, allowed, settle
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import DamagedTableError, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.metered_sites.setting import (
    ENERGIES,
    ON_TARIFF,
    POOLED,
    SELF_CONSUMING,
    MeteredSitesSetting,
    SiteLayout,
)
from hmesh.runs.schemes.step_rows import first_recorded

PREFIX = "metered sites: "
# Of more steps of sites under all strategies, so many are judged one by one.
MOST_ROWS = 20_000


def in_part(site: Site, part: float) -> Site:
    """Return a site as it is in a step in a part of which its feeder works."""
    names = ("power_kw", "import_kw", "export_kw", "inverter_kw")
    return replace(site, **{name: getattr(site, name) * part for name in names})


class RowAudit:
    """The sites that are written down.

    Parameters
    ----------
    run, inputs, setting : Run, RunInputs, MeteredSitesSetting
        The run, what its scenario settles, and its sites before anybody acts.
    strategies : sequence of str
        What sites do under each strategy of the run.

    Attributes
    ----------
    complete : bool
        Whether all sites are written down.
    """

    def __init__(
        self,
        run: Run,
        inputs: RunInputs,
        setting: MeteredSitesSetting,
        strategies: Sequence[str],
    ) -> None:
        self.run, self.inputs, self.setting = run, inputs, setting
        self.strategies = strategies
        self.first = [len(setting.apart.names) if n == POOLED else 0 for n in strategies]
        sizes = [len(setting.layout(name).names) for name in strategies]
        wanted = inputs.scenario.record.sites
        self.count = [first_recorded(wanted, size) for size in sizes]
        self.complete = self.count == sizes
        self.rows = self._read() if any(self.count) else {}

    def _read(self) -> Mapping[str, FloatArray]:
        inputs = self.inputs
        places = max(f + n for f, n in zip(self.first, self.count, strict=True))
        expected = np.zeros((inputs.steps, len(self.strategies), places), dtype=np.bool_)
        for s, (first, count) in enumerate(zip(self.first, self.count, strict=True)):
            expected[:, s, first : first + count] = True
        names = {"strategy": inputs.strategies}
        rows = TableReader(self.run, "site_steps", names, inputs.start_ms).rest()
        keys: dict[str, range | Sequence[str]] = {
            "step": range(inputs.steps), **names, "site": range(places)
        }  # fmt: skip
        return framed("site_steps", rows, keys, expected)

    def of(self, s: int, name: str) -> FloatArray:
        """Return a column of the sites under a strategy, shape (steps, sites)."""
        first, count = self.first[s], self.count[s]
        if not count:
            return np.zeros((self.inputs.steps, 0))
        values: FloatArray = self.rows[name][:, s, first : first + count]
        return values

    def site(self, s: int, k: int, capacity_kwh: float) -> Site:
        """Return a site under a strategy with a battery that has aged to a size."""
        strategy = self.strategies[s]
        layout, own = self.setting.layout(strategy), self.setting.settings
        meters, limits = float(layout.meters[k]), own.connection
        new = float(self.setting.battery_kwh(strategy)[k])

        def limit(value: float | None) -> float:
            return float("inf") if value is None else value * meters

        export = limit(limits.export_kw)
        if limits.export_share_of_pv is not None and layout.pv_kw[k] > 0:
            export = min(export, limits.export_share_of_pv * float(layout.pv_kw[k]))
        return Site(
            capacity_kwh=capacity_kwh,
            power_kw=own.battery.power_per_kwh * new,
            soc_min=own.battery.soc_min,
            soc_max=own.battery.soc_max,
            charge_efficiency=own.battery.charge_efficiency,
            discharge_efficiency=own.battery.discharge_efficiency,
            wear=own.battery.wear,
            import_kw=limit(limits.import_kw),
            export_kw=export,
            inverter_kw=limit(limits.inverter_kw),
            dc_coupled=limits.coupling == "dc",
            battery_exports=limits.battery_exports,
            grid_charges=limits.grid_charges,
        )

    def part(self, step: int, k: int, s: int) -> float:
        """Return for which part of a step a site under a strategy is supplied."""
        place = self.setting.layout(self.strategies[s]).community[k]
        return float(self.inputs.served_part[step, place])

    def price(self, step: int) -> Price:
        """Return what a step costs by the parts of the bill."""
        bill, own = self.setting.bill, self.setting.settings
        tariff = own.tariff
        fees = sum(tariff.fees.values())
        purchase = (float(bill.energy[step]) + fees) * (1.0 + tariff.value_added_tax)
        netted = tariff.settlement == "net_metering"
        feed_in = purchase if netted else float(bill.feed_in[step])
        demand = 0.0
        if bill.monthly is not None:
            charges = zip(bill.monthly.price_per_kw, bill.monthly.counts[:, step], strict=True)
            demand = (1.0 + tariff.value_added_tax) * sum(p for p, counts in charges if counts)
        return Price(purchase, feed_in, float(demand), feed_in < 0 and own.connection.curtails)

    def tiers_expected(self, s: int, first: int, k: int) -> tuple[float, float, int]:
        """Return what tiers add to a kWh in this month and the next one, and where that begins.

        A month is expected to end in the tier that it reaches where the rest of it draws as the up
        to seven days before did.

        Parameters
        ----------
        s, first, k : int
            The strategy, the first step of a day and the site.
        """
        tariff, ends = self.setting.settings.tariff, self.setting.month_ends
        begin = first
        while begin > 0 and not ends[begin - 1]:
            begin -= 1
        end = first + 1
        while not ends[end - 1]:
            end += 1
        if not tariff.tiers or first == 0:
            return 0.0, 0.0, end
        next_end = end + 1
        while next_end < len(ends) and not ends[next_end - 1]:
            next_end += 1
        days = sorted(set(self.setting.first_of_day[:first].tolist()))[-7:]
        bought = self.of(s, "import_kwh")[:, k]
        a_step = float(bought[days[0] : first].sum()) / (first - days[0])
        drawn = float(bought[begin:first].sum())
        tax = 1.0 + tariff.value_added_tax

        def more(energy: float) -> float:
            return sum(tax * tier.surcharge for tier in tariff.tiers if energy > tier.above_kwh)

        next_steps = next_end - end if end < len(ends) else 0
        return more(drawn + (end - first) * a_step), more(next_steps * a_step), end

    def layouts(self) -> Iterator[tuple[SiteLayout, int]]:
        """Yield the layouts whose sites are named, each with its first number."""
        yield self.setting.apart, 0
        if POOLED in self.strategies:
            yield self.setting.pooled, len(self.setting.apart.names)

    def checks(self, there: NDArray[np.bool_], sums: Mapping[str, FloatArray]) -> Iterator[Check]:
        """Return what was found.

        Parameters
        ----------
        there : array of bool, shape of the hours
            Where there is supply.
        sums : mapping of array, shape (steps, strategies, groups)
            The columns of site_sums.parquet.
        """
        yield self._named()
        if not any(self.count):
            return
        if self.complete:
            yield self._added_up(sums)
        yield self._begins()
        yield self._capacities()
        yield self._targets()
        yield self._tiers()
        yield self._meters(there)

    def _named(self) -> Check:
        layouts = list(self.layouts())
        names = {
            "name": [name for layout, _ in layouts for name in layout.names],
            "group": [group.name for group in self.setting.settings.groups],
            "community": self.inputs.communities,
        }
        rows = TableReader(self.run, "sites", names, self.inputs.start_ms).rest()
        due = {
            "site": np.arange(len(names["name"])),
            "name": np.arange(len(names["name"])),
            "group": np.concatenate([layout.group for layout, _ in layouts]),
            "community": np.concatenate([layout.community for layout, _ in layouts]),
            "battery_kwh": np.concatenate([layout.battery_kwh for layout, _ in layouts]),
            "pv_kw": np.concatenate([layout.pv_kw for layout, _ in layouts]),
        }
        if len(rows["site"]) != len(due["site"]):
            raise DamagedTableError(
                "sites", f"{counted(len(rows['site']), 'row')} for {len(due['site'])}"
            )
        tally = Tally(f"{PREFIX}are those of the scenario", EXACT, "of the figure")
        for name, values in due.items():
            off = np.abs(np.asarray(rows[name], dtype=np.float64) - values)
            tally.add(off, lambda at, name=name: f"{name} of site {at[0]}", None)  # type: ignore[misc]
        return tally.check()

    def _added_up(self, sums: Mapping[str, FloatArray]) -> Check:
        tally = Tally(f"{PREFIX}groups are the sums of their sites", EXACT, "of the energy")
        groups = [group.name for group in self.setting.settings.groups]
        label = self.inputs.places.label(groups)
        for name in (*ENERGIES, "stored_kwh"):
            added = np.zeros(sums[name].shape)
            for s, strategy in enumerate(self.strategies):
                layout = self.setting.layout(strategy)
                for g in range(len(groups)):
                    added[:, s, g] = self.of(s, name)[:, layout.group == g].sum(axis=1)
            tally.add(relative(sums[name], added), label)
        return tally.check()

    def _begins(self) -> Check:
        """Check that batteries begin at their lowest state of charge."""
        tally = Tally(f"{PREFIX}batteries begin empty", EXACT, "of the energy")
        lowest = self.setting.settings.battery.soc_min
        for s, strategy in enumerate(self.strategies):
            size = self.setting.battery_kwh(strategy)[: self.count[s]]
            off = relative(self.of(s, "stored_kwh")[:1], lowest * size)
            tally.add(off[:, None], self._label(s))
        return tally.check()

    def _capacities(self) -> Check:
        """Check that batteries lose capacity by age and by cycles, once a day."""
        tally = Tally(f"{PREFIX}batteries age as stated", EXACT, "of the capacity")
        own = self.setting.settings.battery
        first = self.setting.first_of_day
        for s, strategy in enumerate(self.strategies):
            new = self.setting.battery_kwh(strategy)[: self.count[s]]
            left = capacity_by_step(
                new, self.of(s, "discharge_kwh"), first, self.inputs.step_h,
                own.calendar_fade, own.cycle_fade,
            )  # fmt: skip
            off = relative(self.of(s, "capacity_kwh"), left)
            tally.add(off[:, None], self._label(s))
        return tally.check()

    def _targets(self) -> Check:
        """Check that powers aimed at hold for a day, and rise within a month."""
        tally = Tally(f"{PREFIX}powers aimed at hold for the day", EXACT, "kW")
        first, ends = self.setting.first_of_day, self.setting.month_ends
        planned = np.unique(first)[1:2]
        for s in range(len(self.strategies)):
            target = self.of(s, "peak_target_kw")
            off = np.abs(target - target[first])
            if not self.setting.charges_power or self.strategies[s] not in (ON_TARIFF, POOLED):
                off = np.abs(target)
            else:
                falls = np.maximum(target[:-1] - target[1:], 0.0)
                falls[ends[:-1]] = 0.0
                falls[planned - 1] = 0.0
                off[1:] = np.maximum(off[1:], falls)
            tally.add(off[:, None], self._label(s))
        return tally.check()

    def _tiers(self) -> Check:
        """Check in which tier sites expect their month to end."""
        tally = Tally(f"{PREFIX}tiers are foreseen as stated", EXACT, "money/kWh")
        first = self.setting.first_of_day
        begins = np.unique(first).tolist()
        for s, strategy in enumerate(self.strategies):
            found = self.of(s, "tier_surcharge")
            due = np.zeros_like(found)
            if strategy in (ON_TARIFF, POOLED):
                for begin in begins[1:]:
                    due[first == begin] = [
                        self.tiers_expected(s, begin, k)[0] for k in range(self.count[s])
                    ]
            tally.add(np.abs(found - due)[:, None], self._label(s))
        return tally.check()

    def _label(self, s: int) -> Label:
        names = self.setting.layout(self.strategies[s]).names
        return self.inputs.places.label(names, 0, [self.inputs.strategies[s]])

    def sampled(self, s: int) -> list[tuple[int, int]]:
        """Return the steps and sites of a strategy that are judged one by one."""
        count, part = self.count[s], MOST_ROWS // len(self.count)
        seed, rows = self.inputs.scenario.seed, self.inputs.steps * count
        drawn = drawn_part(seed, f"steps of sites, {self.strategies[s]}", rows, part)
        return [divmod(n, count) for n in drawn.tolist()]

    def _meters(self, there: NDArray[np.bool_]) -> Check:
        """Check meters and batteries: what limits allow, and exchanges by rule or of none."""
        tally = Tally(f"{PREFIX}meters and batteries keep their limits", EXACT, "kWh per kWh")
        h = self.inputs.step_h
        names = (*ENERGIES, "stored_kwh", "capacity_kwh")
        for s, strategy in enumerate(self.strategies):
            layout = self.setting.layout(strategy)
            held = {name: self.of(s, name) for name in names}
            off = np.zeros((self.inputs.steps, self.count[s]))
            sampled = self.sampled(s)
            tally.note(note_of(len(sampled), off.size, "steps of sites"))
            for step, k in sampled:
                at = {name: float(values[step, k]) for name, values in held.items()}
                exchange = at["charge_kwh"] - at["discharge_kwh"]
                if not there[step, s, layout.community[k]]:
                    used = at["load_kwh"] + at["generation_kwh"] + at["import_kwh"]
                    off[step, k] = used + at["export_kwh"] + abs(exchange)
                    continue
                part = self.part(step, k, s)
                site = in_part(self.site(s, k, at["capacity_kwh"]), part)
                wanted = at["load_kwh"] + at["unserved_kwh"]
                load, dark = part * wanted, (1.0 - part) * wanted
                sun = at["generation_kwh"] + at["curtailed_kwh"]
                low, high = allowed(site, at["stored_kwh"], load, sun, h)
                found = settle(site, load, sun, exchange, h, self.price(step).worthless)
                wrong = max(low - exchange, exchange - high, 0.0)
                wrong = max(wrong, abs(found.drawn - at["import_kwh"]))
                wrong = max(wrong, abs(found.delivered - at["export_kwh"]))
                wrong = max(wrong, abs(found.curtailed - at["curtailed_kwh"]))
                wrong = max(wrong, abs(found.unserved + dark - at["unserved_kwh"]))
                if strategy == SELF_CONSUMING:
                    due = min(max(sun - load, low), high)
                    wrong = max(wrong, abs(exchange - due))
                off[step, k] = wrong / max(load, sun, 1.0)
            tally.add(off[:, None], self._label(s))
        return tally.check()
