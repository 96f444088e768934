"""Vehicles that pay by a tariff of their own, wherever they are plugged in, and know it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.known_tariffs import KnownTariffs
from hmesh.agents.parked_vehicles import ParkedVehicles
from hmesh.environment.arrays import FloatArray
from hmesh.markets.tariff_response import best_under_tariff
from hmesh.runs.schemes.vehicles.setting import PAYERS
from hmesh.runs.world.member_payments import MemberPayments
from hmesh.runs.world.tariff_meters import MeterGroup, TariffMeters

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

type Rows = NDArray[np.intp]


class VehicleTariffs:
    """The vehicles of a world with a tariff of their own: they take no part in the price of a step.

    Each has a meter that reads all that it exchanges, at whatever plug. It is in the account of
    the community where it stands, on the road of the one where it stood last.

    Parameters
    ----------
    sharing : VehicleSharing
        All vehicles, their fleet made.
    groups : sequence of MeterGroup
        Those with a tariff.

    Attributes
    ----------
    meters : TariffMeters
        What they pay.
    meter_of : array of int, shape (vehicles,)
        The meter of each vehicle, -1 for none.
    vehicle_kwh, charged_kwh, discharged_kwh : array, shape (communities,)
        What they exchange in the step in each community, at stops on their way too [kWh].
    """

    def __init__(self, sharing: "VehicleSharing", groups: Sequence[MeterGroup]) -> None:
        self.sharing = sharing
        self.meters = TariffMeters(sharing.simulation, groups, PAYERS)
        fleet = sharing.fleet.population
        self.meter_of = np.full(len(fleet), -1, dtype=np.intp)
        self.meter_of[self.meters.rows] = np.arange(len(self.meters))
        self._group_of = np.empty(len(self.meters), dtype=np.intp)
        for number, part in enumerate(self.meters.parts_of):
            self._group_of[part] = number
        rows = self.meters.rows
        self._last_place = np.maximum(fleet["community"][rows].astype(np.intp), 0)
        self._driven_kwh, self._plugged_h = np.zeros((2, len(rows)))
        self._response: list[tuple[Rows, Rows, FloatArray]] = []

    def others(self, parked: Sequence[ParkedVehicles]) -> list[ParkedVehicles]:
        """Return those parked in each community that pay its price."""
        return [here.some(np.flatnonzero(self.meter_of[here.rows] < 0)) for here in parked]

    @property
    def need_kw(self) -> FloatArray:
        """The power at which each could charge what it has driven, while it was plugged in [kW]."""
        rows = self.meters.rows
        into = np.broadcast_to(self.sharing.fleet.each("charge_efficiency", rows), len(rows))
        hours = self._plugged_h * into
        need: FloatArray = np.zeros_like(hours)
        np.divide(self._driven_kwh, hours, out=need, where=hours > 0.0)
        return need

    def look_around(self) -> None:
        """See what a kWh costs in the step, and brings."""
        need, meters = self.need_kw, self.meters
        terms = [meters.terms(k, need[part]) for k, part in enumerate(meters.parts_of)]
        first = np.array([part.start for part in meters.parts_of])
        known = KnownTariffs(self.meter_of, self._group_of, first, tuple(terms))
        self.sharing.fleet.population.heard["tariffs"] = known

    def act(self) -> None:
        """Let each exchange what suits it best at its own prices, before others are asked.

        Under typical charging they charge as all others do, when their night at home has begun.
        """
        sharing, simulation = self.sharing, self.sharing.simulation
        fleet, places = sharing.fleet.population, len(sharing.setting.communities)
        known: KnownTariffs = fleet.heard["tariffs"]
        self._response, exchange = [], np.zeros(len(self.meters))
        for m, here in enumerate(sharing.parked):
            mine = np.flatnonzero(self.meter_of[here.rows] >= 0)
            own = here.some(mine)
            energy = np.zeros(len(mine))
            if sharing.strategy == "typical":
                energy = np.where(fleet["day_finished"][own.rows], own.upper_kwh, 0.0)
            elif len(mine):
                for places_of_group, terms in known.by_group(own.rows):
                    stores = own.columns.rows(places_of_group)
                    energy[places_of_group] = best_under_tariff(stores, terms)
            others = np.flatnonzero(self.meter_of[here.rows] < 0)
            self._response.append((mine, others, energy))
            exchange[self.meter_of[own.rows]] = energy
            nodes = sharing.vehicles.connections[m : m + 1]
            simulation.draw("ev_kwh", np.array([m]), nodes, np.array([energy.sum()]))
        if len(sharing.at_stops):
            meter = self.meter_of[sharing.at_stops]
            exchange[meter[meter >= 0]] = fleet["way_kwh"][sharing.at_stops[meter >= 0]]
        where = fleet["community"][self.meters.rows].astype(np.intp)
        place = np.where(where >= 0, where, self._last_place)
        bought, sold = np.maximum(exchange, 0.0), np.maximum(0.0 - exchange, 0.0)
        self.meters.read(place, bought, sold)
        self.charged_kwh = np.bincount(place, bought, places)
        self.discharged_kwh = np.bincount(place, sold, places)
        self.drawn_kwh = np.array([energy.sum() for *_, energy in self._response])

    def together(self, exchange_kwh: Sequence[FloatArray]) -> list[FloatArray]:
        """Return what all those parked in each community exchange, others and these [kWh]."""
        found = []
        for (mine, others, energy), of_others in zip(self._response, exchange_kwh, strict=True):
            both = np.empty(len(mine) + len(others))
            both[mine], both[others] = energy, of_others
            found.append(both)
        return found

    def of_others(self, community: int, energy_kwh: FloatArray) -> FloatArray:
        """Return what those exchange that pay the price of a community, of all there [kWh]."""
        return energy_kwh[self._response[community][1]]

    def payments(self) -> MemberPayments:
        """Return what each of them pays and is paid in the step."""
        return self.meters.payments()

    def bills_of_groups(self, group: NDArray[np.signedinteger[Any]], count: int) -> FloatArray:
        """Return what all of them pay less what they are paid by group of vehicles [money]."""
        bill = self.meters.paid - self.meters.received
        return np.bincount(group[self.meters.rows], bill, count)

    def move(self) -> None:
        """Let the month go on, and remember what was driven and for how long they were plugged in.

        Asked before the batteries move.
        """
        fleet, rows = self.sharing.fleet.population, self.meters.rows
        used = self.sharing.fleet.each("consumption_kwh_per_km", rows)
        self._driven_kwh += fleet["driven_km"][rows] * used
        self._plugged_h += self.sharing.fleet.plugged_part[rows] * self.sharing.simulation.step_h
        self._last_place[...] = self.meters.place
        self.meters.move()

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live."""
        return {
            "meters": self.meters.state(), "last_place": self._last_place,
            "driven_kwh": self._driven_kwh, "plugged_h": self._plugged_h,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.meters.restore(state["meters"])
        self._last_place[...] = state["last_place"]
        self._driven_kwh[...] = state["driven_kwh"]
        self._plugged_h[...] = state["plugged_h"]
