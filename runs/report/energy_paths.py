"""Which community's energy the vehicles carry where: charged here, driven or delivered there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.energy_origin import shares_after_charging
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_selection import Window

MOST_CELLS = 20_000_000
MOST_GROUPS = 12


@dataclass(frozen=True, slots=True)
class EnergyPaths:
    """Energy of the recorded vehicles by where it was charged and where it went.

    Origins are the communities and, last, what was in store when a vehicle was first there.

    Attributes
    ----------
    delivered_kwh : array, shape (strategies, origins, communities)
        Delivered to the grid of a community [kWh].
    driven_kwh : array, shape (strategies, origins)
        Used on the road [kWh].
    kept_kwh : array, shape (strategies, origins)
        In store at the end [kWh].
    charged_kwh : array, shape (strategies, communities)
        Charged at the plugs of a community [kWh].
    carried_kwh : array, shape (strategies, steps of the window, communities, communities)
        Brought from one community and delivered in another, step by step [kWh]: charged there, or
        in store when the vehicle first was there. No steps where there would be too many numbers.
    exchanged_kwh : array, shape (strategies, steps of the window, groups, communities)
        Exchange at the plugs by group of vehicles, > 0 charging [kWh].
    groups : list of str
        Names of those groups, as the scenario names them or after their day plans.
    """

    delivered_kwh: FloatArray
    driven_kwh: FloatArray
    kept_kwh: FloatArray
    charged_kwh: FloatArray
    carried_kwh: FloatArray
    exchanged_kwh: FloatArray
    groups: list[str]


def energy_paths(data: RunData, window: Window) -> EnergyPaths | None:
    """Follow the energy of all recorded vehicles through a run; None where none was recorded."""
    if data.recorded == 0:
        return None
    tracing = _Tracing(data, window)
    names = ["community", "soc", "energy_kwh", "driven_km", "unmet_kwh"]
    for steps, values in data.vehicle_blocks(names):
        for row, step in enumerate(range(steps.start, steps.stop)):
            tracing.step(step, {name: held[row] for name, held in values.items()})
    return tracing.paths()


class _Tracing:
    """Goes through the steps of a run; its arrays are those of `EnergyPaths`."""

    def __init__(self, data: RunData, window: Window) -> None:
        self.window = window
        self.strategies, self.places = len(data.strategies), len(data.communities)
        fleet = data.run.table("fleet")
        self.capacity_kwh = fleet.column("capacity_kwh").to_numpy()
        self.kwh_per_km = fleet.column("consumption_kwh_per_km").to_numpy()
        self.charging, self.discharging = _efficiencies(data, fleet)
        self.groups, self.group = _groups(data, fleet)
        s, c, origins = self.strategies, self.places, self.places + 1
        self.shares = np.zeros((s, data.recorded, origins))
        self.shares[:, :, -1] = 1.0
        self.stored_kwh = np.zeros((s, data.recorded))
        self.first_place = np.full(data.recorded, -1)
        self.delivered = np.zeros((s, origins, c))
        self.driven = np.zeros((s, origins))
        self.charged = np.zeros((s, c))
        cells = s * window.steps * c * max(c, len(self.groups))
        held = window.steps if cells <= MOST_CELLS else 0
        self.carried = np.zeros((s, held, c, c))
        self.exchanged = np.zeros((s, held, len(self.groups), c))

    def step(self, step: int, values: dict[str, FloatArray]) -> None:
        """Take in a step; every column has shape (strategies, vehicles)."""
        for s in range(self.strategies):
            there = np.flatnonzero(~np.isnan(values["soc"][s]))
            self._step(step, s, there, {name: held[s, there] for name, held in values.items()})

    def _step(
        self, step: int, s: int, there: NDArray[np.intp], values: dict[str, FloatArray]
    ) -> None:
        energy = values["energy_kwh"]
        parked = ~np.isnan(values["community"])
        where = np.where(parked, values["community"], 0.0).astype(np.intp)
        new = parked & (self.first_place[there] < 0)
        self.first_place[there[new]] = where[new]
        stored = values["soc"] * self.capacity_kwh[there]
        added = np.maximum(energy, 0.0) * self.charging[there]
        given = np.maximum(-energy, 0.0)
        used = np.maximum(
            values["driven_km"] * self.kwh_per_km[there] - values["unmet_kwh"], 0.0
        )  # unmet energy was in no battery
        shares = self.shares[s, there]
        delivered = np.zeros_like(self.delivered[s]).T
        np.add.at(delivered, where, shares * given[:, None])
        self.delivered[s] += delivered.T
        self.driven[s] += used @ shares
        self.charged[s] += np.bincount(where, np.maximum(energy, 0.0), self.places)
        at = step - self.window.first
        if 0 <= at < self.carried.shape[1]:
            self.carried[s, at] = self._brought(there, where, shares[:, -1] * given, delivered)
            np.add.at(self.exchanged[s, at], (self.group[there], where), energy)
        self.shares[s, there] = shares_after_charging(shares, stored, added, where)
        self.stored_kwh[s, there] = stored + added - given / self.discharging[there] - used

    def _brought(
        self,
        there: NDArray[np.intp],
        where: NDArray[np.intp],
        from_start: FloatArray,
        delivered: FloatArray,
    ) -> FloatArray:
        """Return what was delivered by the community it was brought from, without its own."""
        brought = delivered.T[:-1].copy()
        known = self.first_place[there] >= 0
        np.add.at(brought, (self.first_place[there[known]], where[known]), from_start[known])
        np.fill_diagonal(brought, 0.0)
        return brought

    def paths(self) -> EnergyPaths:
        """Return what was found."""
        kept = np.einsum("sv,svo->so", self.stored_kwh, self.shares)
        return EnergyPaths(
            self.delivered, self.driven, kept, self.charged, self.carried, self.exchanged,
            self.groups,
        )  # fmt: skip


def _efficiencies(data: RunData, fleet: Any) -> list[FloatArray]:
    """Return the efficiencies of charging and discharging of each vehicle."""
    names = ("charge_efficiency", "discharge_efficiency")
    if set(names) <= set(fleet.column_names):
        return [fleet.column(name).to_numpy() for name in names]
    # Runs of earlier versions have vehicles that are alike.
    return [np.full(data.recorded, float(data.scenario["vehicles"][name])) for name in names]


def _groups(data: RunData, fleet: Any) -> tuple[list[str], NDArray[np.intp]]:
    """Return the names of few groups of vehicles, and the group of each: as named, or by plan."""
    named = data.scenario["vehicles"].get("groups")
    plans = fleet.column("group" if named else "day_plan").to_pylist()
    names = list(dict.fromkeys(plans))
    if len(names) > MOST_GROUPS:
        return ["all vehicles"], np.zeros(len(plans), dtype=np.intp)
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[name] for name in plans], dtype=np.intp)
