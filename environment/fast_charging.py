"""Places with fast chargers along a way, how long a stop at one takes, and what it gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.environment.charging_curve import (
    ChargingCurves,
    hours_to_charge,
    most_charged_kwh,
)
from hmesh.environment.errors import InputError
from hmesh.environment.last_digits import DUST_KWH
from hmesh.environment.moments import MS_PER_H, SECOND_MS
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork

# Seconds that rounding may leave.
_TIE = 1e-6

type PlaceOnWay = tuple[int, float]


@dataclass(frozen=True, slots=True)
class FastPlugs:
    """Plugs of one kind for vehicles on their way.

    Attributes
    ----------
    name : str
        How the kind is called.
    count : int
        How many there are.
    power_kw : float
        Power of each [kW].
    """

    name: str
    count: int
    power_kw: float


class WaysPastChargers:
    """Where the ways between communities pass others.

    Parameters
    ----------
    roads : RoadNetwork or RoadMap
        The ways.
    communities : sequence of str
        Names of the communities.
    with_chargers : set of int
        Communities with fast chargers.
    """

    def __init__(
        self,
        roads: RoadNetwork | RoadMap,
        communities: Sequence[str],
        with_chargers: set[int],
    ) -> None:
        self._roads = roads
        self._names = tuple(communities)
        self._chargers = with_chargers
        self._known: dict[tuple[int, int], tuple[PlaceOnWay, ...]] = {}

    def between(self, origin: int, destination: int) -> tuple[PlaceOnWay, ...]:
        """Return the places with fast chargers on a way, and how much of it lies before each.

        The origin is one of them, at 0; the destination is none. Where no road leads to it, or the
        way leads back to where it begins, no other place is known.
        """
        if (origin, destination) not in self._known:
            found = tuple(
                (place, part)
                for place, part in self._passed(origin, destination)
                if place in self._chargers
            )
            self._known[origin, destination] = found
        return self._known[origin, destination]

    def _passed(self, origin: int, destination: int) -> list[PlaceOnWay]:
        start, goal = self._names[origin], self._names[destination]
        if origin == destination:
            return [(origin, 0.0)]
        try:
            passed = self._roads.passed(start, goal)
        except InputError:
            return [(origin, 0.0)]
        whole = passed[-1][1]
        return [(self._names.index(name), km / whole) for name, km in passed[:-1]]


def stop_ms(
    held_kwh: float,
    wanted_kwh: float,
    full_kwh: float,
    power_kw: float,
    charge_efficiency: float,
) -> int:
    """Return how long a vehicle charges on its way [ms]: whole seconds, at a constant power.

    Parameters
    ----------
    held_kwh : float
        Stored energy as it is plugged in [kWh].
    wanted_kwh : float
        Stored energy with which it goes on [kWh].
    full_kwh : float
        Stored energy of the full battery, above which it never charges [kWh].
    power_kw : float
        Power at the plug [kW].
    charge_efficiency : float
        Stored per energy drawn [-].
    """
    per_second = power_kw * charge_efficiency * SECOND_MS / MS_PER_H
    wanted_s = max(min(wanted_kwh, full_kwh) - held_kwh, 0.0) / per_second
    return whole_seconds_ms(wanted_s, max(full_kwh - held_kwh, 0.0) / per_second)


def whole_seconds_ms(wanted_s: float, room_s: float) -> int:
    """Return how long a stop is that takes whole seconds [ms].

    Parameters
    ----------
    wanted_s : float
        Time after which the vehicle holds what it wants [s].
    room_s : float
        Time after which its battery is full [s].
    """
    # A whole number of seconds stays one where it is rounded.
    wanted = math.ceil(wanted_s - _TIE)
    return min(wanted, math.floor(room_s + _TIE)) * SECOND_MS


@dataclass(frozen=True, slots=True)
class CurveOfStop:
    """What a vehicle with a charging curve draws at a stop on its way.

    Attributes
    ----------
    curves : ChargingCurves
        All curves.
    which : int
        That of the vehicle.
    capacity_kwh, charge_efficiency : float
        Of its battery.
    power_kw : float
        Its power where the share is 1: what it takes at fast chargers, or what the plug gives
        where nothing else is stated [kW].
    plug_kw : float
        What the plug gives at most [kW].
    """

    curves: ChargingCurves
    which: int
    capacity_kwh: float
    charge_efficiency: float
    power_kw: float
    plug_kw: float

    def stop_ms(self, held_kwh: float, wanted_kwh: float, full_kwh: float) -> int:
        """Return how long it charges: whole seconds, as `stop_ms` takes its energies [ms]."""
        ends = np.array([max(min(wanted_kwh, full_kwh), held_kwh), max(full_kwh, held_kwh)])
        wanted, room = 3600.0 * hours_to_charge(
            self.curves, np.full(2, self.which), np.full(2, held_kwh), ends, self.capacity_kwh,
            self.power_kw, self.charge_efficiency, self.plug_kw,
        )  # fmt: skip
        return whole_seconds_ms(float(wanted), float(room))

    def drawn_kwh(self, held_kwh: float, length_ms: int) -> float:
        """Return what it draws in some time [kWh]."""
        return float(
            most_charged_kwh(
                self.curves, np.array([self.which]), np.array([held_kwh]), self.capacity_kwh,
                self.power_kw, length_ms / MS_PER_H, self.charge_efficiency, self.plug_kw,
            )[0]
        )  # fmt: skip


def reaches(km: float, held_kwh: float, kwh_per_km: float) -> bool:
    """Return whether a battery holds the energy of a distance.

    Parameters
    ----------
    km : float
        The distance [km].
    held_kwh : float
        Stored energy [kWh].
    kwh_per_km : float
        Consumption driving [kWh/km].
    """
    return km * kwh_per_km <= held_kwh - DUST_KWH or km == 0.0


def first_stop(
    places_km: Sequence[float],
    km: float,
    held_kwh: float,
    full_kwh: float,
    kwh_per_km: float,
) -> int | None:
    """Return at which place with fast chargers a vehicle stops first that does not reach its goal.

    It is the next one on the way. None where the battery does not reach it, or where even a full
    one does not reach from some place to the next, or to the goal.

    Parameters
    ----------
    places_km : sequence of float
        Distance of each place, ascending [km].
    km : float
        Distance of the goal [km].
    held_kwh, full_kwh : float
        Stored energy now, and of the full battery [kWh].
    kwh_per_km : float
        Consumption driving [kWh/km].
    """
    if not places_km or not reaches(places_km[0], held_kwh, kwh_per_km):
        return None
    gaps = np.diff([*places_km, km])
    return 0 if all(reaches(gap, full_kwh, kwh_per_km) for gap in gaps.tolist()) else None
