"""Metered sites of one strategy's world: what they draw, and what they pay."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.metered_sites import MeteredSites
from hmesh.environment.arrays import FloatArray
from hmesh.markets.connection import ConnectionFlows
from hmesh.runs.schemes.metered_sites.own_rules import RULES, SiteRule
from hmesh.runs.schemes.metered_sites.records import write_sites, write_step
from hmesh.runs.schemes.metered_sites.setting import PREFIX, YEAR_H, MeteredSitesSetting
from hmesh.runs.schemes.plugin_energies import decided_kwh
from hmesh.runs.schemes.scheme_step import RowWriter, Scheme
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments
from hmesh.runs.world.meter_bills import MeterBills, PartOfBill
from hmesh.runs.world.parts_of_bills import paid_and_received, utility_income

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


class MeteredSitesScheme(Scheme):
    """Sites that settle with the utility by the tariff of their meters.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        What sites have, and how their batteries decide.
    sites : MeteredSites
        The agents.
    load_kwh, sun_kwh : array, shape (sites,)
        What is to be used and could be generated in the step [kWh].
    energies_kwh : dict of array, shape (sites,)
        The energies of the step by the names of `ENERGIES` [kWh].
    """

    flows: ConnectionFlows
    load_kwh: FloatArray
    sun_kwh: FloatArray
    energies_kwh: dict[str, FloatArray]

    def __init__(self, simulation: "Simulation") -> None:
        setting: MeteredSitesSetting = simulation.setting.schemes["metered_sites"]
        self.simulation, self.setting = simulation, setting
        self.strategy = strategy_within("metered_sites", simulation.strategy)
        self.layout = setting.layout(self.strategy)
        own = RULES.get(self.strategy)
        self._rule: SiteRule | None = None if own is None else own()
        self.sites = MeteredSites(
            simulation, setting.population(self.strategy), setting.connection(self.layout),
            setting.control(self.strategy),
        )  # fmt: skip
        self._generation = setting.generation_kwh(self.strategy)
        self._places = len(simulation.setting.communities)
        count = len(self.layout.names)
        self._bills = MeterBills(
            setting.bill, setting.base_charge, count, who="sites", prefix=PREFIX,
            netted_to=setting.month_ends if setting.settings.tariff.netted else None,
        )  # fmt: skip
        self.highest_kw = np.zeros(count)
        self._first_energy = float(self.sites.population["energy_kwh"].sum())

    def act(self) -> None:
        """Let every site see its loads and its sun, decide, and draw what it lacks."""
        simulation, setting, step = self.simulation, self.setting, self.simulation.step_index
        if setting.first_of_day[step] == step:
            self._begin_day(step)
        self.there = simulation.supplied[self.layout.community]
        part = simulation.supplied_part[self.layout.community]
        load = np.where(self.there, part * self.layout.load_kwh[step], 0.0)
        sun = np.where(self.there, part * self._generation[step], 0.0)
        self.load_kwh, self.sun_kwh = load, sun
        tariff = setting.tariffs[step]
        self.sites.population.heard |= {
            "step": step, "loads_kwh": load, "suns_kwh": sun, "tariff": tariff,
            "supplied_part": part,
        }  # fmt: skip
        if self._rule is not None:
            wanted = self._rule.decide(self)
            self.sites.population.heard["wanted_kwh"] = decided_kwh(
                self.strategy, wanted, len(load)
            )
        # Without supply a site has no exchange: its meter is dark, and its battery idle.
        flows = self.sites.decide(step, load, sun, tariff)
        battery = np.where(self.there, flows.battery_kwh, 0.0)
        self.energies_kwh = {
            "load_kwh": load - flows.unserved_kwh,
            "generation_kwh": sun - flows.curtailed_kwh,
            "import_kwh": np.where(self.there, flows.import_kwh, 0.0),
            "export_kwh": np.where(self.there, flows.export_kwh, 0.0),
            "charge_kwh": np.maximum(battery, 0.0),
            "discharge_kwh": np.maximum(0.0 - battery, 0.0),
            "curtailed_kwh": flows.curtailed_kwh,
            "unserved_kwh": flows.unserved_kwh
            + np.where(self.there, 1.0 - part, 1.0) * self.layout.load_kwh[step],
        }
        self.battery_kwh = battery
        self._draw()
        self._payments = self._payments_of_step()

    def _begin_day(self, step: int) -> None:
        """Let batteries have aged, and plan the day."""
        setting, sites = self.setting, self.sites
        own = setting.settings.battery
        if own.fades:
            sites.age(step * setting.step_h / YEAR_H, own.calendar_fade, own.cycle_fade)
        if sites.control != "tariff":
            return
        if step:
            sites.end_day()
        monthly = setting.bill.monthly
        begins = not len(sites.worth) or (monthly is not None and bool(monthly.ends[step - 1]))
        least = np.zeros(len(self.layout.names))
        if not begins and setting.charges_power:
            seen = self._bills.month["peak_kw"].max(axis=0)
            least = np.maximum(sites.population["peak_target_kw"], seen)
        drawn = self._bills.month.get("month_kwh", np.zeros(0))
        ahead = setting.ahead(self.strategy, step, drawn, month_begins=begins)
        sites.begin_day(step, ahead, least)

    def _draw(self) -> None:
        community, node = self.layout.community, self.layout.node
        for name, energy in (
            ("fixed_load_kwh", self.energies_kwh["load_kwh"]),
            ("generation_kwh", 0.0 - self.energies_kwh["generation_kwh"]),
            ("home_storage_kwh", self.battery_kwh),
        ):
            self.simulation.draw(name, community, node, energy, direct=True)

    def _of_communities(self, values: FloatArray) -> FloatArray:
        return np.bincount(self.layout.community, values, self._places)

    def _payments_of_step(self) -> list[PartOfBill]:
        """Return the payments of each site, part by part."""
        step = self.simulation.step_index
        return self._bills.parts(
            step, self.energies_kwh["import_kwh"], self.energies_kwh["export_kwh"]
        )

    def pay(self) -> None:
        """Let sites pay for what they draw, and be paid for what they deliver."""
        simulation = self.simulation
        names, step = simulation.setting.communities, simulation.step_index
        for part in self._payments:
            energy = self._of_communities(part.energy_kwh)
            amount = self._of_communities(part.amount)
            for m in self.setting.inhabited:
                payer, payee = (
                    f"{side}@{names[m]}" if side == "sites" else side
                    for side in (part.payer, part.payee)
                )
                simulation.ledger.pay(
                    step, part.kind, payer, payee, float(energy[m]), part.price, float(amount[m])
                )
                simulation.direct_income += utility_income(part, float(amount[m]))

    def member_communities(self) -> Mapping[str, NDArray[np.intp]]:
        """Return where each site is, whether or not its meter is pooled."""
        return {"sites": self.setting.apart.community}

    def _to_members(self, values: FloatArray) -> FloatArray:
        """Return what of each meter is its members': of a pooled one by their loads of the step."""
        apart = self.setting.apart
        if self.layout is apart:
            return values
        load = apart.load_kwh[self.simulation.step_index]
        together = np.bincount(apart.group, load, len(values))[apart.group]
        count = self.layout.meters[apart.group]
        share = np.divide(load, together, where=together > 0, out=1.0 / count)
        shared: FloatArray = share * values[apart.group]
        return shared

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each site pays for what it draws, and is paid."""
        paid, received = paid_and_received(self._payments, "sites", len(self.layout.names))
        bought, sold = self.energies_kwh["import_kwh"], self.energies_kwh["export_kwh"]
        own = self._to_members
        yield MemberPayments("sites", own(bought), own(sold), own(paid), own(received))

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the battery of each site holds, equal parts of a pooled one [kWh]."""
        held, apart = self.sites.population["energy_kwh"], self.setting.apart
        if self.layout is apart:
            return {"sites": held}
        return {"sites": (held / self.layout.meters)[apart.group]}

    def sums(self) -> dict[str, float]:
        """Return the energies and the money of the step."""
        setting, step = self.setting, self.simulation.step_index
        sums = {f"{PREFIX}_{name}": float(v.sum()) for name, v in self.energies_kwh.items()}
        parts: dict[str, float] = {}
        for part in self._payments:
            name = f"{PREFIX}_bill_{part.kind.removeprefix(f'{PREFIX}_')}"
            parts[name] = (1.0 if part.payer == "sites" else -1.0) * float(part.amount.sum())
        bill = sum(parts.values())
        wear = setting.settings.battery.wear * sums["site_discharge_kwh"]
        lost = max(float(setting.bill.feed_in[step]), 0.0) * sums["site_curtailed_kwh"]
        return (
            sums
            | parts
            | {
                "site_bill": bill,
                "site_wear": wear,
                "site_curtailed_worth": lost,
                "site_running_cost": bill + wear,
            }
        )

    def counts(self) -> dict[str, int]:
        """Count sites whose modules were curtailed, and whose loads were not served."""
        noticeable = 1e-9
        return {
            "sites_curtailed": int((self.energies_kwh["curtailed_kwh"] > noticeable).sum()),
            "sites_unserved": int((self.energies_kwh["unserved_kwh"] > noticeable).sum()),
        }

    def record_start(self, writer: RowWriter) -> None:
        """Write who the sites are."""
        write_sites(writer, self)

    def record(self, writer: RowWriter) -> None:
        """Write what sites do in the step, before their batteries change."""
        write_step(writer, self)

    def move(self) -> None:
        """Let the batteries do what was decided, and the month go on."""
        step, setting = self.simulation.step_index, self.setting
        bought = self.energies_kwh["import_kwh"]
        self._bills.move(step, bought, self.energies_kwh["export_kwh"])
        np.maximum(self.highest_kw, bought / setting.step_h, out=self.highest_kw)
        self.sites.move(self.battery_kwh, bought)

    def summary(self) -> dict[str, Any]:
        """Return what batteries hold more than at first, powers, and what devices cost."""
        setting, own = self.setting, self.setting.settings
        column = self.sites.population
        sun, batteries = setting.investment(self.strategy)
        years = setting.steps * setting.step_h / YEAR_H
        new, cycled = float(column["new_kwh"].sum()), float(column["cycled_kwh"].sum())
        cycles = cycled / new / years if new else 0.0
        fade = own.battery.calendar_fade + own.battery.cycle_fade * cycles
        # Modules do not age here: what they save lasts.
        part = batteries / (sun + batteries) if sun + batteries else 0.0
        return {
            "site_highest_kw": float(self.highest_kw.sum()),
            "site_stored_change_kwh": float(column["energy_kwh"].sum()) - self._first_energy,
            "site_battery_kwh": new,
            "site_cycles_per_year": cycles,
            "site_investment": sun + batteries,
            "site_years": years,
            "site_interest_rate": own.economics.interest_rate,
            "site_lifetime_years": own.economics.lifetime_years,
            "site_fade_per_year": fade * part if new else 0.0,
            **(
                {"site_capacity_left": float(column["capacity_kwh"].sum()) / new if new else 1.0}
                if own.battery.fades
                else {}
            ),
        }

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        return {
            **self.sites.state(),
            "highest_kw": self.highest_kw,
            **self._bills.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.sites.restore(state)
        self.highest_kw[...] = state["highest_kw"]
        self._bills.restore(state)
