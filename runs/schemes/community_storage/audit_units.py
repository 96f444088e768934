"""Whether storages and their plants keep to physics, and how near they are to the best."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.investments import faded
from hmesh.runs.audits.member_energies import sky_clearness
from hmesh.runs.audits.reference.batteries import held_after
from hmesh.runs.audits.reference.capacity_fade import capacity_by_step, loss_per_year
from hmesh.runs.audits.reference.shared_storage import (
    StorageUnit,
    most_at_once,
    most_at_once_and_direct,
    most_in_turns,
    most_wanted,
)
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.economics_section import StorageEconomics
from hmesh.runs.schemes.community_storage.section import CommunityStorage
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting
from hmesh.runs.strategy_names import strategy_label

# The dynamic programme divides a storage into at most so many parts, a watt-hour each or more.
MOST_PARTS, WH_PER_KWH = 20_000.0, 1000.0


def in_part(unit: StorageUnit, part: float, capacity_kwh: float) -> StorageUnit:
    """Return a storage as it is in a step in a part of which its feeder works."""
    if part == 1.0 and capacity_kwh == unit.capacity_kwh:
        return unit
    return replace(unit, power_kw=unit.power_kw * part, capacity_kwh=capacity_kwh)


def storages_of(rules: CommunityStorage, step_h: float) -> list[StorageUnit]:
    """Return the storages of a section of the scenario."""
    return [
        StorageUnit(
            storage.capacity_kwh,
            storage.soc_min,
            storage.soc_max,
            np.inf if storage.power_kw is None else storage.power_kw,
            storage.charge_efficiency,
            storage.discharge_efficiency,
            step_h,
            rules.sharing == "proportional",
            rules.serve_while_charging,
        )
        for storage in rules.storages
    ]


@dataclass(frozen=True, eq=False)
class StorageChecks:
    """The checks of storages.parquet.

    Attributes
    ----------
    rules : CommunityStorage
        The scenario's section.
    storages : dict of array
        Columns of shape (steps, strategies that use them, storages).
    supplied : array of bool
        Whether the community of each is supplied, likewise.
    step_h : float
        Length of a step [h].
    part : array, shape (steps, storages)
        For which part of each step the community of each is supplied.
    response : float or array
        What each exchanges at prices beside plant and households [kWh], likewise.
    days : array of int, shape (steps,), or None
        Number of the day of each step, where storages may lose capacity.
    """

    rules: CommunityStorage
    storages: Columns
    supplied: NDArray[np.bool_]
    step_h: float
    part: FloatArray
    response: FloatArray | float = 0.0
    days: NDArray[np.intp] | None = None

    @cached_property
    def capacity_kwh(self) -> FloatArray:
        """Capacity of each in every step, of the shape of the columns [kWh]."""
        new, shape = self._each("capacity_kwh"), self.storages["stored_kwh"].shape
        if self.days is None or not any(storage.fades for storage in self.rules.storages):
            return np.broadcast_to(new, shape)
        by_age, by_use = self._each("calendar_fade"), self._each("cycle_fade")
        found = np.empty(shape)
        for s in range(shape[1]):
            found[:, s] = capacity_by_step(
                new, self.discharged_kwh()[:, s], self.days, self.step_h, by_age, by_use
            )
        return found

    def discharged_kwh(self) -> FloatArray:
        """Return what each discharges at its plug, of the shape of the columns [kWh]."""
        done = self.storages["charge_kwh"] - self.storages["delivered_kwh"] + self.response
        return np.maximum(0.0 - done, 0.0)

    def fade_figures(
        self, economics: StorageEconomics | None, strategies: int, used: list[int]
    ) -> Figures:
        """Return the figures of the summary of storages that lose capacity."""
        if not any(storage.fades for storage in self.rules.storages):
            return {}
        new, hours = self._each("capacity_kwh"), len(self.storages["stored_kwh"]) * self.step_h
        by_age, by_use = self._each("calendar_fade"), self._each("cycle_fade")
        size, left, loss = np.zeros(strategies), np.zeros(strategies), np.zeros(strategies)
        for k, s in enumerate(used):
            size[s], left[s] = new.sum(), self.capacity_kwh[-1, k].sum()
            given = self.discharged_kwh()[:, k].sum(axis=0)
            loss[s] = loss_per_year(new, given, hours, by_age, by_use)
        part = 0.0
        if economics is not None:
            price = economics.storage_price_per_kwh * float(new.sum())
            plants = sum(s.pv_kw for s in self.rules.storages if s.sunlit)
            whole = price + (economics.pv_price_per_kw or 0.0) * plants
            part = price / whole if whole else 0.0
        return faded("storage", size, left, loss, part)

    def _each(self, name: str) -> FloatArray:
        return np.array([getattr(storage, name) for storage in self.rules.storages], np.float64)

    def _after(self) -> FloatArray:
        """Return what each holds after every step, of the shape of the columns."""
        exchange = self.storages["charge_kwh"] - self.storages["delivered_kwh"] + self.response
        into, out_of = self._each("charge_efficiency"), self._each("discharge_efficiency")
        return held_after(self.storages["stored_kwh"], exchange, into, out_of)

    def final_kwh(self) -> FloatArray:
        """Return what each holds at the end, shape (strategies, storages) [kWh]."""
        final: FloatArray = self._after()[-1]
        return final

    def stores(self, label: Label) -> Check:
        """Follow what each holds from step to step."""
        tally = Tally("storages: store changes by what goes in and out", EXACT, "of the energy")
        stored = self.storages["stored_kwh"]
        start = self._each("soc_start") * self._each("capacity_kwh")
        expected = np.concatenate(
            [np.broadcast_to(start, (1, *stored.shape[1:])), self._after()[:-1]]
        )
        tally.add(relative(stored, expected), label)
        return tally.check()

    def spilled(self, label: Label) -> Check:
        """Compare what is charged and spilled with what is generated."""
        tally = Tally("storages: generation is stored or spilled", EXACT, "of the energy")
        both = self.storages["charge_kwh"] + self.storages["spilled_kwh"]
        tally.add(relative(both, self.storages["generation_kwh"]), label)
        for name in ("charge_kwh", "spilled_kwh", "delivered_kwh"):
            tally.add(np.maximum(-self.storages[name], 0.0), label)
        return tally.check()

    def limits(self, label: Label) -> Check:
        """Compare states of charge and powers with their limits, and charging with serving."""
        at_once = self.rules.serve_while_charging
        never = "" if at_once else ", and never both charged and serving"
        tally = Tally(f"storages: within limits{never}", EXACT, "kWh")
        size = self.capacity_kwh
        start = self._each("soc_start") * self._each("capacity_kwh")
        lowest = np.minimum(self._each("soc_min") * size, start)
        # A storage that has lost capacity keeps what it held.
        highest = np.maximum(self._each("soc_max") * size, self.storages["stored_kwh"])
        after = self._after()
        tally.add(np.maximum(np.maximum(lowest - after, after - highest), 0.0), label)
        charge, delivered = self.storages["charge_kwh"], self.storages["delivered_kwh"]
        if not at_once:
            tally.add(np.minimum(charge, delivered), label)
        rated = np.array([s.power_kw or np.inf for s in self.rules.storages]) * self.step_h
        # One of them is 0, or their difference alone passes the store.
        through = charge - delivered + self.response
        tally.add(np.maximum(np.abs(through) - rated * self.part[:, None], 0.0), label)
        tally.add(np.where(self.supplied, 0.0, np.maximum(charge, delivered)), label)
        return tally.check()

    def from_grid(self, label: Label, inputs: RunInputs) -> Check:
        """Compare what storages charge from the grid with hours, level and ratings."""
        tally = Tally("storages: charge from the grid by the clock", EXACT, "of the energy")
        due = np.zeros_like(self.storages["grid_kwh"])
        night = self.rules.night_charging
        if night is not None:
            first, last = night.hours
            passes = self.storages["charge_kwh"] - self.storages["delivered_kwh"]
            for step in range(len(due)):
                clock = inputs.calendar.hour_of_day(step)
                inside = (clock - first) % 24 < ((last - first) % 24 or 24)
                for row, unit in enumerate(storages_of(self.rules, self.step_h)):
                    for s in np.flatnonzero(inside & self.supplied[step, :, row]).tolist():
                        size = float(self.capacity_kwh[step, s, row])
                        here = in_part(unit, float(self.part[step, row]), size)
                        due[step, s, row] = here.from_grid(
                            float(self.storages["stored_kwh"][step, s, row]),
                            float(passes[step, s, row]), night.soc * size,
                        )  # fmt: skip
        tally.add(relative(self.storages["grid_kwh"], due), label)
        return tally.check()

    def sun(self, label: Label, shared: CommunityStorageSetting, inputs: RunInputs) -> Check:
        """Compare the generation with that of sun and clouds, or what was measured."""
        tally = Tally("storages: plants generate what the sun gives", EXACT, "of the energy")
        by_name = sky_clearness(inputs)
        clear = np.stack([by_name[name] for name in inputs.communities], axis=1)
        sun = np.array([shared.plants.generation_kwh(step, sky) for step, sky in enumerate(clear)])
        expected = np.where(self.supplied, (self.part * sun)[:, None], 0.0)
        tally.add(relative(self.storages["generation_kwh"], expected), label)
        return tally.check()

    def bounds(
        self, shared: CommunityStorageSetting, demand_kwh: FloatArray, names: list[str]
    ) -> Check:
        """Compare what each delivers in all with the most that is possible.

        Parameters
        ----------
        shared : CommunityStorageSetting
            The storages.
        demand_kwh : array, shape (steps, households)
            What households use.
        names : list of str
            Names of the strategies that use storages.
        """
        tally = Tally("storages: none delivers more than is possible", 0.0, "kWh")
        if self.rules.grid_charging or self.rules.night_charging is not None:
            tally.note("the grid may charge them, too")
            return tally.check()
        storage_of = shared.households["storage"]
        reached = dict.fromkeys(names, (0.0, 0.0))
        over: list[float] = []
        where: list[str] = []
        for row, storage in enumerate(self.rules.storages):
            own = storages_of(self.rules, self.step_h)[row]
            start = storage.soc_start * storage.capacity_kwh
            wanted = most_wanted(demand_kwh[:, storage_of == row], storage.dischargers)
            parts = min(WH_PER_KWH, MOST_PARTS / storage.capacity_kwh)
            for s, name in enumerate(names):
                # Supply may differ by community, never by strategy: each has the same chances.
                generation = self.storages["generation_kwh"][:, s, row]
                dim = storage.charge_above_kw * self.part[:, row] * self.step_h
                bright = (generation >= dim) & (self.supplied[:, s, row])
                served = np.where(self.supplied[:, s, row], wanted, 0.0)
                if storage.fades:
                    # Limits as wide as they ever were allow more than any storage had.
                    last = float(self.capacity_kwh[-1, s, row]) / storage.capacity_kwh
                    own = replace(own, soc_min=storage.soc_min * last)
                if self.rules.serve_while_charging:
                    usable = np.where(bright, generation, 0.0)
                    most = loose = most_at_once_and_direct(own, usable, served, start)
                else:
                    most = loose = most_at_once(own, generation, served, start)
                if not (self.rules.serve_while_charging or storage.fades):
                    most = most_in_turns(own, generation, bright.tolist(), served, start, parts)
                delivered = float(self.storages["delivered_kwh"][:, s, row].sum())
                # Every step of the programme is rounded to a part.
                room = len(generation) / parts
                limit = min(most + room, loose + EXACT * max(loose, 1.0))
                over.append(max(delivered - limit, 0.0))
                where.append(f"{strategy_label(name)}, {storage.name}")
                done, possible = reached[name]
                reached[name] = (done + delivered, possible + min(most, loose))
        tally.add(np.array(over), lambda at: where[at[0]], None)
        direct = self.rules.serve_while_charging or any(s.fades for s in self.rules.storages)
        lines = [
            f"{strategy_label(name)} {100 * done / possible:.0f} %"
            for name, (done, possible) in reached.items()
            if possible > 0
        ]
        if lines:
            how = "possible" if direct else "that taking turns allows"
            tally.note(f"of the most {how}: {', '.join(lines)}")
        return tally.check()
