"""The audit of vehicles with a tariff of their own: what suits them, and what they pay."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.metered_groups import MetersAudit, ReadMeters
from hmesh.runs.audits.reference.known_tariff import wrong_under_tariff
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs

_WHO = "vehicles with a tariff: "
_KEPT = (
    "community", "energy_kwh", "plugged", "plugged_part", "driven_km", "usable_kwh", "min_kwh",
    "max_kwh", "lam", "theta",
)  # fmt: skip
_CONSTANTS = ("charge_efficiency", "discharge_efficiency", "wanted_kwh", "miss_weight")
_STORES = ("lam", "theta", "usable_kwh")


class TariffVehicleAudit:
    """Keeps the rows of the vehicles with a tariff, block by block, and then checks them.

    Parameters
    ----------
    run, inputs, fleet : Run, VehicleRunInputs, dict of array
        The run, what its scenario settles, and the columns of fleet.parquet.

    Attributes
    ----------
    own : array of bool, shape (recorded,)
        Which recorded vehicles have a tariff.
    """

    def __init__(self, run: Run, inputs: VehicleRunInputs, fleet: Columns) -> None:
        self.run, self.inputs, self._fleet = run, inputs, fleet
        section, first = inputs.scenario.vehicles, 0
        self._rows: list[tuple[str, slice]] = []
        given = dict(section.tariffs)
        self.own = np.zeros(inputs.recorded, dtype=np.bool_)
        for number, group in enumerate(section.every):
            rows = slice(first, first := first + group.count)
            if number in given:
                self._rows.append((group.name, rows))
                self.own[rows] = True
        self.tariffs = list(given.values())
        self._mine = np.flatnonzero(self.own)
        self._kept: dict[str, list[FloatArray]] = {name: [] for name in (*_KEPT, "stops")}
        self._meters: MetersAudit | None = None

    def add(self, rows: Columns, way_kwh: FloatArray) -> None:
        """Keep the rows of some steps."""
        if not self._rows:
            return
        stops = np.broadcast_to(way_kwh >= 0.0, rows["energy_kwh"].shape)
        for name, held in self._kept.items():
            values = stops if name == "stops" else rows[name]
            held.append(values[:, :, self._mine].astype(np.float64))

    @property
    def meters(self) -> MetersAudit:
        """What they should pay, once all steps have been read."""
        if self._meters is None:
            inputs = self.inputs
            setting = inputs.of_scheme("vehicles")
            shape = inputs.steps, len(inputs.strategies), len(inputs.communities)
            groups, why = None, FILE_GONE
            if not inputs.all_recorded:
                why = inputs.not_all_recorded
            elif setting is not None:
                groups = self._read(setting)
            self._meters = MetersAudit(
                self.run, inputs, shape, "vehicles", "vehicle", self.tariffs, groups, why
            )
        return self._meters

    def _read(self, setting: object) -> list[ReadMeters]:
        """Return what the meters of each group read."""
        kept = {name: np.concatenate(held) for name, held in self._kept.items()}
        energy, where = kept["energy_kwh"], kept["community"].astype(np.intp)
        steps = np.arange(len(where))[:, None, None]
        last = np.maximum.accumulate(np.where(where >= 0, steps, -1), axis=0)
        before = np.maximum(setting.fleet["community"][self._mine], 0)  # type: ignore[attr-defined]
        known = np.take_along_axis(where, np.maximum(last, 0), axis=0)
        place = np.where(last >= 0, known, before).astype(np.intp)
        self._all = kept
        found, first = [], 0
        for (name, rows), made in zip(self._rows, setting.own_tariffs, strict=True):  # type: ignore[attr-defined]
            count = rows.stop - rows.start
            mine = slice(first, first := first + count)
            own = energy[:, :, mine]
            bought, sold = np.where(own > 0, own, 0.0), np.where(own < 0, -own, 0.0)
            numbers = np.arange(rows.start, rows.stop)
            found.append(
                ReadMeters(name, numbers, made.tariff, made.bill, bought, sold, place[:, :, mine])
            )
        return found

    def bills(self) -> Mapping[str, tuple[NDArray[np.intp], dict[str, FloatArray]]] | None:
        """Return by group which vehicles it has, and the sums of their accounts."""
        groups = self.meters.groups
        if groups is None:
            return None
        return {
            group.name: (
                group.rows,
                {name: flow.sum(axis=0) for name, flow in self.meters.flows(n).items()},
            )
            for n, group in enumerate(groups)
        }

    def checks(self) -> Iterator[Check]:
        """Check what each exchanges, and the prices of bands."""
        if not self._rows:
            return
        meters, inputs = self.meters, self.inputs
        yield from meters.checks(_WHO)
        if meters.groups is None:
            return
        best = Tally(f"{_WHO}best response to their own prices", EXACT, "kWh")
        for s, strategy in enumerate(inputs.vehicle_strategies):
            if strategy == "typical":
                continue
            first = 0
            for group in meters.groups:
                mine = slice(first, first := first + len(group.rows))
                off = self._off(group, s, mine)
                label = inputs.places.label("vehicle", 0, [inputs.strategies[s]])
                numbers = group.rows
                best.add(
                    off[:, None],
                    lambda at, n=numbers, say=label: say((*at[:2], int(n[at[2]]))),  # type: ignore[misc]
                    0,
                )
        yield best.check()

    def _off(self, group: ReadMeters, s: int, mine: slice) -> FloatArray:
        """Return how far each exchange is from the best one, shape (steps, vehicles) [kWh]."""
        kept = {name: values[:, s, mine] for name, values in self._all.items()}
        fleet = {name: values[group.rows] for name, values in self._fleet.items()}
        driven = kept["driven_km"] * fleet["consumption_kwh_per_km"]
        plugged_h = kept["plugged_part"] * self.inputs.step_h * fleet["charge_efficiency"]

        def before(values: FloatArray) -> FloatArray:
            return np.concatenate((np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)[:-1]))

        hours = before(plugged_h)
        need = np.where(hours > 0, before(driven) / np.where(hours > 0, hours, 1.0), 0.0)
        terms = self.meters.terms(group, s, need)
        off = np.zeros_like(driven)
        for step in range(len(off)):
            stores = AnsweringStores(
                lower_kwh=kept["min_kwh"][step],
                upper_kwh=kept["max_kwh"][step],
                **{name: kept[name][step] for name in _STORES},
                **{name: fleet[name] for name in _CONSTANTS},
            )
            off[step] = wrong_under_tariff(
                stores, terms.purchase[step], terms.feed_in[step], terms.rooms[:, step],
                terms.per_kwh, kept["energy_kwh"][step],
            )  # fmt: skip
        decides = (kept["plugged"] == 1) & (kept["stops"] == 0)
        return np.where(decides, off, 0.0)
