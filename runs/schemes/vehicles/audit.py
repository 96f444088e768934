"""Whether every vehicle keeps to physics and does what is best for it, step by step."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.others_answers import OthersAudit
from hmesh.runs.audits.reference.batteries import (
    held_after,
    most_along_curve,
    most_charge,
    most_discharge,
    plugged_rating,
)
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_fleet import curves_of
from hmesh.runs.schemes.vehicles.audit_inputs import ChargerOutages, VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_journeys import stopping
from hmesh.runs.schemes.vehicles.audit_owned import OwnedVehicles
from hmesh.runs.schemes.vehicles.audit_scenario_travel import Travel
from hmesh.runs.schemes.vehicles.audit_sums import by_community, check_sums, figures_of_groups
from hmesh.runs.schemes.vehicles.audit_whereabouts import Whereabouts

AT_BOUND = 1e-9


class VehicleAudit:
    """Checks vehicles.parquet, a few steps at a time.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    hours, fleet : dict of array
        The columns of hours.parquet and fleet.parquet.
    out : array of bool, shape (steps, communities)
        Which communities are without supply.
    behaving : iterable of array of int, optional
        Rows of vehicles that decide by a behaviour of a plugin; None where they are not known.
    beside : sequence of OthersAudit, optional
        What knows those who answer to prices beside the vehicles.
    own : array of bool, optional
        Which recorded vehicles pay by a tariff of their own; None for nobody.

    Attributes
    ----------
    charged_kwh, discharged_kwh, present : array
        What the recorded vehicles of each community charge and discharge, and how many are plugged
        in there, of the shape of the hours.
    counts : dict of array, shape (steps, strategies)
        Figures of the summary that follow from the vehicles.
    stored_kwh : array, shape (strategies, vehicles)
        What is stored after the steps checked so far.
    """

    def __init__(
        self,
        inputs: VehicleRunInputs,
        hours: Columns,
        fleet: Columns,
        out: NDArray[np.bool_],
        behaving: Iterable[NDArray[np.intp] | None] = (),
        beside: Sequence[OthersAudit] = (),
        own: NDArray[np.bool_] | None = None,
    ) -> None:
        self.inputs, self.beside = inputs, beside
        # Whether all are written down who answer beside the vehicles.
        self.others_known = True
        responds = np.ones(inputs.recorded, dtype=np.bool_)
        for rows in behaving:
            responds[slice(None) if rows is None else rows[rows < inputs.recorded]] = False
        self._own = np.zeros(inputs.recorded, dtype=np.bool_) if own is None else own
        responds &= ~self._own
        self._best_responders = np.flatnonzero(responds)
        self._hours, self._fleet = hours, fleet
        named = any(each.parking_chargers for each in inputs.scenario.communities.values())
        self._chargers_named, self._plugs_known = named, not named or inputs.all_recorded
        self._feeders_out, self._lost_parts = out, lost_parts(inputs.scenario)
        self.chargers = ChargerOutages(inputs, fleet["group"])
        shape = hours["ev_kwh"].shape
        self.charged_kwh, self.discharged_kwh = np.zeros(shape), np.zeros(shape)
        self.present = np.zeros(shape, dtype=np.int64)
        self.counts: dict[str, FloatArray] = {}
        self._start_kwh = fleet["soc_start"] * fleet["capacity_kwh"]
        every = inputs.scenario.vehicles.every
        self._keeps_reserve = any(group.trip_reserve for group in every)
        self._curves = curves_of(inputs, fleet)
        self._stops = stopping(inputs, fleet)
        self.owned = OwnedVehicles(inputs)
        self.stored_kwh = np.zeros((len(inputs.strategies), inputs.recorded))
        follows = list(enumerate(inputs.vehicle_strategies))
        self._games = [s for s, name in follows if name != "typical" and not inputs.own_rule(s)]
        self._typical = [s for s, name in follows if name == "typical"]
        self._idle = 0
        name, share = "vehicles: ", "of the capacity"
        self._worth = Tally(f"{name}worth of energy never changes", 0.0)
        self._where = Tally(f"{name}parked where their trips end", 0.0)
        self._km = Tally(f"{name}driven as far as their trips go", EXACT, "km")
        self._plugged = Tally(f"{name}plugged in unless an outage prevents it", 0.0)
        self._price = Tally(f"{name}price of their community", 0.0, "money/kWh")
        self._soc = Tally(f"{name}state of charge from 0 to 1", EXACT, "of the capacity")
        self._store = Tally(f"{name}store changes by exchange and driving", EXACT, share)
        self._unmet = Tally(f"{name}unmet is what the store lacks", EXACT, "kWh")
        self._bounds = Tally(f"{name}bounds as rating and store allow", EXACT, share)
        self._within = Tally(f"{name}exchange within rating and bounds", EXACT, "kWh")
        self._road = Tally(f"{name}nothing exchanged on the road or unplugged", 0.0, "kWh")
        self._best = Tally(f"{name}none does better by another exchange", EXACT, "kWh")
        self._charge = Tally(f"{name}typical charging after the last trip", EXACT, "kWh")

    def add(
        self,
        first: int,
        rows: Columns,
        where: Whereabouts,
        travel: Travel | None,
    ) -> None:
        """Check some steps.

        Parameters
        ----------
        first : int
            The first of them.
        rows : dict of array, shape (steps, strategies, vehicles)
            Columns of vehicles.parquet.
        where : Whereabouts
            Where the trips have every vehicle, and how far it drives.
        travel : Travel or None
            What the trips of the scenario amount to, None where they are not known.
        """
        label = self.inputs.places.label("vehicle", first)
        there = np.arange(self.inputs.recorded) < self._there(first, rows)[:, None, None]
        for name in ("lam", "theta"):
            off = np.abs(rows[name] - self._fleet[name])
            self._worth.add(np.where(there, off, 0.0), label, first)
        elsewhere = rows["community"] != where.community
        self._where.add(elsewhere * float(self._plugs_known), label, first)
        self._km.add(np.abs(rows["driven_km"] - where.km), label, first)
        self._plugs(first, rows, where, label)
        at_plug = self._batteries(first, rows, where, label)
        self._bounds_met(first, rows, where, at_plug, travel, label)
        self._decisions(first, rows, where, travel)
        self._sum_up(first, rows, where, travel)

    def checks(self) -> list[Check]:
        """Return what was found."""
        if self._idle:
            self._best.note(f"{self._idle:,} stay idle, which a lost announcement allows")
        if self.inputs.setting is None:
            self._charge.note(FILE_GONE)
        tallies = [
            self._worth, self._where, self._km, self._plugged, self._price, self._soc, self._store,
            self._unmet, self._bounds, self._within, self._road,
        ]  # fmt: skip
        tallies += [self._best] if self._games and len(self._best_responders) else []
        tallies += [self._charge] if self._typical else []
        if not self.inputs.all_recorded:
            for tally in tallies:
                tally.note(self.inputs.not_all_recorded)
        return [*(tally.check() for tally in tallies), *check_sums(self.inputs, self._hours, self)]

    def _plugs(self, first: int, rows: Columns, where: Whereabouts, label: Label) -> None:
        """Check who is plugged in, and at which price."""
        here = slice(first, first + len(rows["price"]))
        # Nowhere is -1, the last place, which is always out and has no price.
        out = np.pad(self._feeders_out[here], ((0, 0), (0, 1)), constant_values=True)
        place = rows["community"] % out.shape[1]
        no_supply = np.take_along_axis(out[:, None], place, axis=2)
        own_out = self.chargers.block(here.start, here.stop)[:, None]
        # At a stop on its way a vehicle uses no charger of its own.
        own_out = np.where(where.way_kwh < 0.0, own_out, 0.0)
        lost = np.pad(self._lost_parts[here], ((0, 0), (0, 1)))
        on = 1.0 - np.take_along_axis(lost[:, None], place, axis=2)
        part = np.where(no_supply, 0.0, where.plugged * on * (1.0 - own_out))
        known = float(self._plugs_known)
        self._plugged.add(np.abs(rows["plugged"] - (part > 0)) * known, label, first)
        self._plugged.add(np.abs(rows["plugged_part"] - part) * known, label, first)
        asked = np.pad(
            self._hours["community_price"][here],
            ((0, 0), (0, 0), (0, 1)),
            constant_values=np.nan,
        )
        due = np.where(rows["plugged"] == 1, np.take_along_axis(asked, place, axis=2), np.nan)
        neither = np.isnan(due) & np.isnan(rows["price"])
        self._price.add(np.where(neither, 0.0, np.abs(rows["price"] - due)), label, first)

    def _batteries(self, first: int, rows: Columns, where: Whereabouts, label: Label) -> FloatArray:
        """Follow what is stored from step to step; return what each holds when plugged in [kWh]."""
        fleet = self._fleet
        capacity = fleet["capacity_kwh"]
        stored = rows["soc"] * capacity
        self._soc.add(np.maximum(np.maximum(-rows["soc"], rows["soc"] - 1.0), 0.0), label, first)
        wanted = rows["driven_km"] * fleet["consumption_kwh_per_km"]
        way_there = where.km_before * fleet["consumption_kwh_per_km"]
        at_plug = np.maximum(stored - way_there, 0.0)
        after = held_after(
            at_plug, rows["energy_kwh"], fleet["charge_efficiency"], fleet["discharge_efficiency"]
        )
        way_back = np.maximum(wanted - way_there, 0.0)
        unmet = np.maximum(way_there - stored, 0.0) + np.maximum(way_back - after, 0.0)
        self._unmet.add(np.abs(rows["unmet_kwh"] - unmet), label, first)
        after = np.maximum(after - way_back, 0.0)
        before = np.concatenate((self.stored_kwh[None], after[:-1]))
        there = self._there(first, rows)
        already = self.inputs.there[first - 1] if first else 0
        joining = np.arange(already, there[-1])
        before[np.searchsorted(there, joining, side="right"), :, joining] = self._start_kwh[
            joining, None
        ]
        self._store.add(np.abs(stored - before) / capacity, label, first)
        self.stored_kwh = after[-1].copy()
        usable = at_plug - fleet["soc_min"] * capacity
        self._bounds.add(np.abs(rows["usable_kwh"] - usable) / capacity, label, first)
        return at_plug

    def _there(self, first: int, rows: Columns) -> NDArray[np.int64]:
        """Return how many vehicles there are in some steps."""
        return self.inputs.there[first : first + len(rows["soc"])]

    def _bounds_met(
        self,
        first: int,
        rows: Columns,
        where: Whereabouts,
        stored: FloatArray,
        travel: Travel | None,
        label: Label,
    ) -> None:
        """Compute bounds again, and compare them and the exchange.

        Where the energy of the next trip is kept back and that trip is not known, only the upper
        bound can be stated.
        """
        fleet, step_h = self._fleet, self.inputs.step_h
        plugged, part = rows["plugged"] == 1, rows["plugged_part"]
        rated = plugged_rating(fleet["power_kw"], step_h, part)
        given = plugged_rating(fleet["v2g_kw"], step_h, part)
        plug_kwh = plugged_rating(where.plug_kw, step_h, part)
        given = np.minimum(given, plugged_rating(where.plug_v2g_kw, step_h, part))
        capacity = fleet["capacity_kwh"]
        reserve = np.zeros(1) if travel is None else travel.reserve_kwh[:, None]
        if self._stops is not None:
            # Who stops or stays where its battery does not reach never sells what a trip takes.
            kept_kwh = where.kept_km * fleet["consumption_kwh_per_km"]
            reserve = np.maximum(reserve, np.where(self._stops, kept_kwh, 0.0))
        kept = fleet["soc_min"] * capacity + reserve
        lower = -most_discharge(stored, kept, given, fleet["discharge_efficiency"])
        upper = most_charge(stored, fleet["soc_max"] * capacity, rated, fleet["charge_efficiency"])
        for points, mine in self._curves:
            into = fleet["charge_efficiency"][mine] / capacity[mine]
            soc = stored[..., mine] / capacity[mine]
            limit = (where.plug_kw / fleet["power_kw"])[..., mine]
            filled = most_along_curve(points, soc, rated[..., mine] * into, limit)
            upper[..., mine] = np.minimum(upper[..., mine], (filled - soc) / into)
        upper, rated = np.minimum(upper, plug_kwh), np.minimum(rated, plug_kwh)
        stops = where.way_kwh >= 0.0
        needs = np.where(plugged, where.way_kwh, 0.0)
        lower, upper = np.where(stops, needs, lower), np.where(stops, needs, upper)
        rated = np.where(stops, needs, rated)
        self.owned.add(rows, lower, upper)
        # The connection of a prosumer may leave its vehicle less, which has a check of its own.
        held = ~self.owned.limited * float(self._plugs_known) / capacity
        if travel is not None or not (self._keeps_reserve or self._stops is not None):
            # What a vehicle keeps back is that of the stay with which it takes part.
            reported: Any = (
                where.as_parked if self._keeps_reserve or self._stops is not None else True
            )
            off = np.where(reported, np.abs(rows["min_kwh"] - lower) * held, 0.0)
            self._bounds.add(off, label, first)
        self._bounds.add(np.abs(rows["max_kwh"] - upper) * held, label, first)
        energy = rows["energy_kwh"]
        beyond = np.maximum(rows["min_kwh"] - energy, energy - rows["max_kwh"])
        beyond = np.maximum(np.maximum(beyond, np.maximum(energy - rated, -energy - given)), 0.0)
        self._within.add(beyond, label, first)
        for name in ("energy_kwh", "min_kwh", "max_kwh"):
            self._road.add(np.where(plugged, 0.0, np.abs(rows[name])), label, first)

    def _decisions(
        self, first: int, rows: Columns, where: Whereabouts, travel: Travel | None
    ) -> None:
        """Compare the exchange with the best one, or with typical charging."""
        fleet = self._fleet
        for s, strategy in enumerate(self.inputs.vehicle_strategies):
            label = self.inputs.places.label("vehicle", first, [strategy])
            mine = {name: values[:, s : s + 1] for name, values in rows.items()}
            energy = mine["energy_kwh"]
            if self.inputs.own_rule(s):
                continue
            if strategy != "typical":
                # Who is not plugged in has bounds of 0, whatever the price.
                price = np.where(mine["plugged"] == 1, mine["price"], 0.0)
                stores = AnsweringStores(
                    mine["lam"], mine["theta"], mine["usable_kwh"], mine["min_kwh"],
                    mine["max_kwh"], fleet["charge_efficiency"], fleet["discharge_efficiency"],
                    fleet["wanted_kwh"], fleet["miss_weight"],
                )  # fmt: skip
                off = stores.wrong_by(price, energy)
                off = np.where(self._at(where.way_kwh, s) >= 0.0, 0.0, off)
                if len(self._best_responders) < energy.shape[2]:
                    energy, off = (each[:, :, self._best_responders] for each in (energy, off))
                if not self.inputs.reliable:
                    idle = (energy == 0.0) & (off > EXACT)
                    self._idle += int(idle.sum())
                    off[idle] = 0.0
                self._best.add(off, self._named(label), first)
            elif travel is not None:
                charging = travel.finished[:, None] & (mine["plugged"] == 1)
                off = np.abs(energy - np.where(charging, mine["max_kwh"], 0.0))
                off *= where.as_parked[:, min(s, where.km.shape[1] - 1)][:, None]
                self._charge.add(off, label, first)

    def _named(self, label: Label) -> Label:
        """Return the label of numbers of best responders alone, by the numbers of all vehicles."""
        rows = self._best_responders
        return lambda at: label((*at[:2], int(rows[at[2]])))

    def _sum_up(self, first: int, rows: Columns, where: Whereabouts, travel: Travel | None) -> None:
        """Add up what the vehicles of each community do, and what the summary counts."""
        here = slice(first, first + len(rows["soc"]))
        energy, lower, upper = rows["energy_kwh"], rows["min_kwh"], rows["max_kwh"]
        parked = np.broadcast_to(where.way_kwh < 0.0, rows["plugged"].shape)
        plugged = (rows["plugged"] == 1) & parked
        count = len(self.inputs.communities)
        way_kwh = by_community(count, rows, np.where(parked, 0.0, energy))
        rows = {**rows, "plugged": rows["plugged"] * parked}
        present = by_community(count, rows, None)
        answers = {**rows, "plugged": rows["plugged"] * ~self._own}
        answering = by_community(count, answers, None)
        self.present[here] = answering
        self.charged_kwh[here] = by_community(count, rows, np.maximum(energy, 0.0)) + way_kwh
        self.discharged_kwh[here] = by_community(count, rows, np.maximum(-energy, 0.0))
        saturated = (lower < upper) & ((energy <= lower) | (energy >= upper))
        stuck = by_community(count, rows, saturated.astype(np.float64)) == present
        passive = self._hours["net_kwh"][here] - self._hours["ev_kwh"][here] + way_kwh
        passive = passive + by_community(count, rows, np.where(self._own, energy, 0.0))
        captive = passive + by_community(count, answers, lower)
        for each in self.beside:
            for step, strategy in np.ndindex(captive.shape[:2]):
                others = each.others(first + step, strategy)
                if others is not None:
                    captive[step, strategy] += others.least_kwh - others.exchanged_kwh
                else:
                    self.others_known = False
        counted = {
            "counts.vehicles_at_bound": saturated,
            "counts.parked_below_soc_min": plugged & (rows["usable_kwh"] < -AT_BOUND),
            "counts.vehicles_cut_off": (rows["community"] >= 0)
            & ~(plugged | ~parked)
            & (where.plugged > 0),
            "counts.unmet_trips": rows["unmet_kwh"] > 0,
            "counts.communities_all_saturated": (present > 0) & stuck,
            "counts.communities_with_captive_load": (answering > 0) & (captive > 0),
            "driven_km": rows["driven_km"],
            "unmet_trip_kwh": rows["unmet_kwh"],
        }
        if self.inputs.scenario.vehicles.groups:
            counted |= figures_of_groups(self.inputs, self._fleet["group"], first, rows, where)
        if not self.others_known:
            del counted["counts.communities_with_captive_load"]
        if travel is not None:
            # By queues and habits a vehicle may take part with another stay than the longest.
            habits = self.inputs.scenario.vehicles.habits
            if not (self._chargers_named or habits or self._stops is not None):
                counted["plugged_in"] = travel.finished[:, None] & plugged
            for name, values in travel.counts.items():
                counted[f"counts.{name}"] = values[:, None, None]
        for name, values in counted.items():
            counted_so_far = self.counts.setdefault(name, np.zeros(self.present.shape[:2]))
            counted_so_far[here] = values.sum(axis=2)

    def _at(self, values: FloatArray, s: int) -> FloatArray:
        """Return a quantity under one strategy; it may be the same under all."""
        s = min(s, values.shape[1] - 1)
        return values[:, s : s + 1]
