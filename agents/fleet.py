"""All vehicles of a world, and those parked in one community, deciding at once."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle, VehicleRows
from hmesh.agents.heard_prices import HeardPrices
from hmesh.agents.parked_vehicles import ParkedVehicles, PerVehicle
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, energy_at_plug, usable_kwh
from hmesh.environment.charging_curve import ChargingCurves, most_charged_kwh
from hmesh.environment.compiled import compiled_for, whole
from hmesh.environment.group_rows import GroupRows
from hmesh.environment.parked_kernel import count_parked, leave_after_driving, park
from hmesh.environment.plug_habits import AGENT_TYPE
from hmesh.environment.population import Population
from hmesh.environment.row_threads import PIECE_ROWS, over_pieces, over_rows, pieces_of
from hmesh.environment.streams import Streams
from hmesh.environment.vehicle_battery import vehicle_bounds, within_plug

VEHICLES = "vehicles"


class Fleet(AgentGroup[ElectricVehicle]):
    """All vehicles of a world, deciding at once.

    Parameters
    ----------
    model : mesa.Model
        The world of their run.
    population : Population
        Their columns.
    keeps_reserve : bool
        Whether any of them keeps the energy of its next trip.
    outages : bool
        Whether outages may keep plugs idle.
    curves : ChargingCurves or None
        The charging curves of their batteries; None where none has one.
    departures : bool
        Whether any of them wants energy by its next departure.
    chargers : bool
        Whether plugs bound what they exchange.
    on_the_way : bool
        Whether any of them stops on its way to charge.
    groups : GroupRows or None
        Which of them belong to which group; None where all are alike.
    """

    def __init__(
        self,
        model: Any,
        population: Population,
        *,
        keeps_reserve: bool = False,
        outages: bool = False,
        curves: ChargingCurves | None = None,
        departures: bool = False,
        chargers: bool = False,
        on_the_way: bool = False,
        groups: GroupRows | None = None,
    ) -> None:
        super().__init__(model, ElectricVehicle, population)
        self.keeps_reserve = keeps_reserve
        self.outages = outages
        self.curves = curves
        self.departures = departures
        self.chargers = chargers
        self.on_the_way = on_the_way
        self.groups = groups
        # What behaviours drew in the step, by purpose and step.
        self._drawn: dict[tuple[str, int], FloatArray] = {}
        # What vehicles of a class have worked out in the step, by row; NaN where they have not.
        self._worked_out: dict[tuple[type[ElectricVehicle], str], FloatArray] = {}

    def uniform_draws(
        self, streams: Streams, purpose: str, agent_type: str, day: int = 0
    ) -> FloatArray:
        """Return a uniform draw for each vehicle, each group from its own stream."""
        if self.groups is None:
            return super().uniform_draws(streams, purpose, agent_type, day)
        return self.groups.draw(streams, purpose, agent_type, day)

    def drawn(self, purpose: str, step: int) -> FloatArray:
        """Return what vehicles draw for a purpose of their behaviour in a step, once for all."""
        key = purpose, step
        if key not in self._drawn:
            streams = self.model.streams
            self._drawn[key] = self.uniform_draws(streams, purpose, AGENT_TYPE, step)
        return self._drawn[key]

    def worked_out(self, kind: type[ElectricVehicle], name: str) -> FloatArray:
        """Return what vehicles of a class have worked out in the step, NaN for nothing yet."""
        key = kind, name
        if key not in self._worked_out:
            self._worked_out[key] = np.full(len(self), np.nan)
        return self._worked_out[key]

    def belongs(self, name: str) -> NDArray[np.bool_]:
        """Return which vehicles belong to a group."""
        if self.groups is None or name not in self.groups.names:
            return super().belongs(name)
        mine: NDArray[np.bool_] = self.groups.group == self.groups.names.index(name)
        return mine

    def rows_at(self, kind: type[ElectricVehicle]) -> VehicleRows:
        """Return all vehicles of a class, wherever they are."""
        return VehicleRows(self.model, self.population, self.rows_of(kind))

    def rows_here(self, rows: NDArray[np.intp]) -> VehicleRows:
        """Return some vehicles at once."""
        return VehicleRows(self.model, self.population, rows)

    def begin_step(self) -> None:
        """Forget the prices of the step before."""
        self._drawn.clear()
        for held in self._worked_out.values():
            held[:] = np.nan
        self.population.heard["price"] = HeardPrices(len(self))
        self.population.heard["unpriced"] = False

    @property
    def plugged(self) -> NDArray[np.bool_]:
        """Whether each vehicle can exchange energy in this step."""
        plugged: NDArray[np.bool_] = self.plugged_part > 0
        return plugged

    @property
    def plugged_part(self) -> FloatArray:
        """Part of this step in which each vehicle can exchange energy, 0..1."""
        fleet = self.population
        can = fleet["community"] >= 0
        if self.outages:
            can &= ~fleet["cut_off"]
        return np.where(can, fleet["plugged_part"], 0.0)

    def each(self, name: str, rows: NDArray[np.intp] | slice) -> PerVehicle:
        """Return a constant quantity of some vehicles; one number if it is the same for all."""
        common = self.population.common(name)
        values: PerVehicle = self.population[name][rows] if common is None else common
        return values

    def exchange_bounds(
        self,
        rows: NDArray[np.intp] | slice,
        energy_kwh: FloatArray,
        plugged: float | FloatArray = 1.0,
    ) -> tuple[FloatArray, FloatArray]:
        """Return what vehicles holding ``energy_kwh`` can exchange in this step [kWh].

        They are plugged in for a part of it, 0..1.
        """
        fleet = self.population
        lower, upper = vehicle_bounds(
            energy_kwh,
            self.each("capacity_kwh", rows),
            self.each("soc_min", rows),
            self.each("soc_max", rows),
            self.each("power_kw", rows),
            self.model.calendar.step_h,
            self.each("charge_efficiency", rows),
            self.each("discharge_efficiency", rows),
            fleet["reserve_kwh"][rows] if self.keeps_reserve else 0.0,
            plugged,
            self.each("v2g_kw", rows),
            self.curves,
            -1 if self.curves is None else fleet["charging_curve"][rows],
            fleet["plug_kw"][rows] if self.curves is not None and self.chargers else np.inf,
        )
        if self.chargers:
            step_h, plug_kw, back_kw = (
                self.model.calendar.step_h, fleet["plug_kw"][rows], fleet["plug_v2g_kw"][rows],
            )  # fmt: skip
            lower, upper = within_plug((lower, upper), plug_kw, back_kw, step_h, plugged)
        if self.on_the_way:
            # At a stop a vehicle charges what it needs, whatever the price.
            way_kwh, at_plug = fleet["way_kwh"][rows], np.asarray(plugged) > 0.0
            needs = np.where(at_plug, way_kwh, 0.0)
            lower = np.where(way_kwh >= 0.0, needs, lower)
            upper = np.where(way_kwh >= 0.0, needs, upper)
        return lower, upper

    def parked_in(self, community: int) -> "ParkedVehicles":
        """Return the vehicles parked in a community whose plugs work."""
        fleet = self.population
        plugged = (fleet["community"] == community) & (fleet["plugged_part"] > 0)
        if self.outages:
            plugged &= ~fleet["cut_off"]
        if self.on_the_way:
            plugged &= fleet["way_kwh"] < 0.0
        rows = np.flatnonzero(plugged)
        energy = self.energy_at_plug_kwh(rows)
        lower, upper = self.exchange_bounds(rows, energy, fleet["plugged_part"][rows])
        usable = usable_kwh(energy, self.each("capacity_kwh", rows), self.each("soc_min", rows))
        return self._parked(rows, energy, usable, lower, upper)

    def parked(self, communities: int) -> list["ParkedVehicles"]:
        """Return the vehicles that are parked in each community and whose plugs work."""
        # Chargers and stops have bounds of their own.
        if self.chargers or self.on_the_way or not compiled_for(len(self)):
            return [self.parked_in(m) for m in range(communities)]
        fleet = self.population
        who = fleet["community"], fleet["plugged_part"], fleet["cut_off"], self.outages
        counts = np.zeros((pieces_of(len(self)), communities + 1), dtype=np.int64)
        over_pieces(len(self), lambda *some: count_parked(*some, PIECE_ROWS, *who, counts))
        # Vehicles of a community stand together, those of one piece after those of another.
        of_each = counts[:, 1:].sum(axis=0)
        ends = np.cumsum(of_each)
        places = np.cumsum(counts, axis=0) - counts
        places[:, 1:] += ends - of_each
        size = int(ends[-1])
        rows = np.empty(size, dtype=np.int64)
        held, usable, lower, upper = (np.empty(size) for _ in range(4))
        constant = (
            "capacity_kwh", "soc_min", "soc_max", "power_kw", "v2g_kw", "charge_efficiency",
            "discharge_efficiency",
        )  # fmt: skip
        preferences = {
            name: np.empty(size if fleet.common(name) is None else 0) for name in ("lam", "theta")
        }
        columns = (
            fleet["energy_kwh"], fleet["km_before_plug"], self._column("consumption_kwh_per_km"),
            *(self._column(name) for name in constant),
            fleet["reserve_kwh"] if self.keeps_reserve else whole(0.0, self),
        )  # fmt: skip
        wanted = (each for name in preferences for each in (self._column(name), preferences[name]))
        room = (places, rows, held, usable, lower, upper, *wanted)
        step_h = self.model.calendar.step_h
        over_pieces(len(self), lambda *some: park(*some, PIECE_ROWS, *who, *columns, step_h, *room))
        if self.curves is not None:
            self._bend(self.curves, rows, held, upper)
        parts = [slice(end - count, end) for end, count in zip(ends, of_each, strict=True)]
        return [
            self._parked(
                rows[p], held[p], usable[p], lower[p], upper[p],
                {name: each[p] for name, each in preferences.items() if len(each)},
            )
            for p in parts
        ]  # fmt: skip

    def _bend(
        self,
        curves: ChargingCurves,
        rows: NDArray[np.intp],
        held_kwh: FloatArray,
        upper_kwh: FloatArray,
    ) -> None:
        """Let charging curves bound what vehicles can charge, as `vehicle_bounds` does."""
        fleet = self.population
        hours = np.multiply(fleet["plugged_part"][rows], self.model.calendar.step_h)
        np.minimum(upper_kwh, self.each("power_kw", rows) * hours, out=upper_kwh)
        which = fleet["charging_curve"][rows]
        bent = np.flatnonzero(which >= 0)
        some = rows[bent]
        names = ("capacity_kwh", "power_kw", "charge_efficiency")
        capacity, power, into = (self.each(name, some) for name in names)
        most = most_charged_kwh(
            curves, which[bent], held_kwh[bent], capacity, power, hours[bent], into
        )
        upper_kwh[bent] = np.minimum(upper_kwh[bent], most)

    def _column(self, name: str) -> FloatArray:
        """Return a constant column, without memory of its own if it is the same for all."""
        common = self.population.common(name)
        return whole(self.population[name] if common is None else common, self)

    def _parked(
        self,
        rows: NDArray[np.intp],
        energy: FloatArray,
        usable: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        known: Mapping[str, FloatArray] = MappingProxyType({}),
    ) -> "ParkedVehicles":
        """Return vehicles by what they hold and could exchange, some columns known already."""
        names = ("lam", "theta", "charge_efficiency", "discharge_efficiency")
        lam, theta, into, out_of = (
            known[name] if name in known else self.each(name, rows) for name in names
        )
        behaving = tuple(
            (kind, k, VehicleRows(self.model, self.population, rows[k], (lower[k], upper[k])))
            for kind, k in self.replaced(rows)
        )
        return ParkedVehicles(
            VEHICLES, rows, usable, lower, upper, lam, theta, into, out_of, behaving,
            fleet=self, energy_kwh=energy, departure=self._departure(rows),
        )  # fmt: skip

    def _departure(self, rows: NDArray[np.intp]) -> tuple[FloatArray, FloatArray] | None:
        """Return what some vehicles want at their departure and its weight; None if nothing."""
        if not self.departures:
            return None
        weight = self.population["miss_weight"][rows]
        return (self.population["wanted_kwh"][rows], weight) if weight.any() else None

    def energy_at_plug_kwh(self, rows: NDArray[np.intp] | slice) -> FloatArray:
        """Return what vehicles hold when they are last plugged in within this step [kWh]."""
        fleet = self.population
        energy: FloatArray = fleet["energy_kwh"][rows]
        before = fleet["km_before_plug"][rows]
        if not before.any():
            return energy
        return np.asarray(energy_at_plug(energy, before, self.each("consumption_kwh_per_km", rows)))

    def driven(
        self, rows: NDArray[np.intp] | slice, exchange_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what batteries hold after this step's driving, and what they lacked for it [kWh].

        A battery is never emptied below 0: what it does not hold is unmet.

        Parameters
        ----------
        rows : array of int or slice
            Vehicles.
        exchange_kwh : array, shape (n,)
            What they exchange at their plugs in this step [kWh].
        """
        fleet, kwh_per_km = self.population, self.each("consumption_kwh_per_km", rows)
        if isinstance(rows, np.ndarray) and compiled_for(len(rows)):
            left, unmet = np.empty((2, len(rows)))
            names = ("charge_efficiency", "discharge_efficiency")
            whole_fleet = (fleet[name] for name in ("energy_kwh", "driven_km", "km_before_plug"))
            over_rows(
                partial(leave_after_driving, *whole_fleet), rows, whole(kwh_per_km, rows),
                *(whole(self.each(name, rows), rows) for name in names), exchange_kwh, left, unmet,
            )  # fmt: skip
            return left, unmet
        before_km = fleet["km_before_plug"][rows]
        before, after = before_km * kwh_per_km, (fleet["driven_km"][rows] - before_km) * kwh_per_km
        unmet = before - np.minimum(before, fleet["energy_kwh"][rows])
        into, out_of = (
            self.each(name, rows) for name in ("charge_efficiency", "discharge_efficiency")
        )
        held = charged(self.energy_at_plug_kwh(rows), exchange_kwh, into, out_of)
        used = np.minimum(after, held)
        return held - used, unmet + (after - used)
