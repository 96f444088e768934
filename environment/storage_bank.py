"""The storages of homes: what they can take and give in a step, and what that loses."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.errors import InputError, Problem

# What each quantity of a storage may be, and how that is said.
_ALLOWED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "capacity_kwh": (lambda value: value >= 0, "0 or more"),
    "soc_min": (lambda value: (value >= 0) & (value < 1), "0 to less than soc_max"),
    "soc_max": (lambda value: (value > 0) & (value <= 1), "more than soc_min, up to 1"),
    "power_kw": (lambda value: value > 0, "above 0"),
    "charge_efficiency": (lambda value: (value > 0) & (value <= 1), "above 0, up to 1"),
    "discharge_efficiency": (lambda value: (value > 0) & (value <= 1), "above 0, up to 1"),
}


@dataclass(frozen=True, slots=True)
class StorageBank:
    """Every storage of every home; each field is an array of shape (homes, storages).

    Within a step a storage may be charged and discharged. Its rating holds for each of the two.

    Attributes
    ----------
    capacity_kwh : array
        Size [kWh]; finite.
    soc_min, soc_max : array
        Limits of the state of charge, 0..1 [-].
    power_kw : array
        Rating at the plug, in each direction [kW]; may be infinite.
    charge_efficiency, discharge_efficiency : array
        From the plug to the store and from the store to the plug, 0 < efficiency <= 1 [-].
    """

    capacity_kwh: FloatArray
    soc_min: FloatArray
    soc_max: FloatArray
    power_kw: FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        *,
        capacity_kwh: ArrayLike,
        soc_min: ArrayLike = 0.2,
        soc_max: ArrayLike = 0.94,
        power_kw: ArrayLike = np.inf,
        charge_efficiency: ArrayLike = 0.92,
        discharge_efficiency: ArrayLike = 0.92,
    ) -> Self:
        """Make a bank from numbers or arrays that fit its shape, (homes, storages).

        Raises
        ------
        InputError
            If there is no storage, or a quantity is out of range; all of them are reported.
        """
        given = {
            "capacity_kwh": capacity_kwh,
            "soc_min": soc_min,
            "soc_max": soc_max,
            "power_kw": power_kw,
            "charge_efficiency": charge_efficiency,
            "discharge_efficiency": discharge_efficiency,
        }
        if shape[1] == 0:
            raise InputError([Problem("storages", "a home has no storage", "at least one")])
        columns = {
            name: np.asfortranarray(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))
            for name, value in given.items()
        }
        problems = []
        for name, column in columns.items():
            right, allowed = _ALLOWED[name]
            wrong = column[~right(column) | np.isnan(column)]
            if name == "capacity_kwh" and not wrong.size:
                wrong = column[np.isinf(column)]
                allowed = "a finite size"
            if wrong.size:
                problems.append(Problem(f"storages: {name}", f"the value {wrong[0]:g}", allowed))
        if not problems and np.any(columns["soc_min"] >= columns["soc_max"]):
            problems.append(
                Problem("storages: soc_min", "is not below soc_max", "soc_min < soc_max")
            )
        if problems:
            raise InputError(problems)
        return cls(**columns)

    @property
    def homes(self) -> int:
        """Number of homes."""
        return len(self.capacity_kwh)

    @property
    def storages(self) -> int:
        """Number of storages of each home."""
        return int(self.capacity_kwh.shape[1])

    def rows(self, rows: NDArray[np.intp] | slice) -> "StorageBank":
        """Return the storages of some homes."""
        return StorageBank(*(getattr(self, field.name)[rows] for field in fields(self)))

    def repeated(self, rows: int) -> "StorageBank":
        """Return the storages of one home as those of many homes alike."""
        return StorageBank(
            *(
                np.broadcast_to(getattr(self, field.name), (rows, self.storages))
                for field in fields(self)
            )
        )

    def at(self, soc: ArrayLike) -> FloatArray:
        """Return the stored energy at a state of charge, shape (homes, storages) [kWh]."""
        energy: FloatArray = np.asfortranarray(np.asarray(soc) * self.capacity_kwh)
        return energy

    def takeable_kwh(self, energy_kwh: FloatArray, step_h: float) -> FloatArray:
        """Return what each can be charged with in a step, at its plug [kWh]."""
        return self.exchange_bounds(energy_kwh, step_h)[1]

    def deliverable_kwh(self, energy_kwh: FloatArray, step_h: float) -> FloatArray:
        """Return what each can deliver in a step, at its plug [kWh]."""
        return 0.0 - self.exchange_bounds(energy_kwh, step_h)[0]

    def exchange_bounds(
        self, energy_kwh: FloatArray, step_h: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest exchange of each in a step, at its plug [kWh]."""
        return exchange_bounds(
            energy_kwh,
            self.capacity_kwh,
            self.soc_min,
            self.soc_max,
            self.power_kw,
            step_h,
            self.charge_efficiency,
            self.discharge_efficiency,
        )

    def after(self, energy_kwh: FloatArray, exchange_kwh: FloatArray) -> FloatArray:
        """Return the stored energy after an exchange at the plug, above 0 when charging [kWh]."""
        return charged(energy_kwh, exchange_kwh, self.charge_efficiency, self.discharge_efficiency)

    def losses_kwh(self, charge_kwh: FloatArray, discharge_kwh: FloatArray) -> FloatArray:
        """Return what charging and discharging lose in each storage [kWh].

        Parameters
        ----------
        charge_kwh, discharge_kwh : array, shape (..., homes, storages)
            Energy at the plug, before the charging loss and after the discharging loss, both
            at least 0 [kWh].

        Notes
        -----
        ``(1 - eta_c) C + (1 / eta_d - 1) D`` for each storage: eqs. (3.12) and (3.13) of the
        eNMES thesis applied to the storage's own flow. As printed they carry the storage on the
        left only, and for separate chains give half of the published losses.
        """
        losses: FloatArray = (1.0 - self.charge_efficiency) * charge_kwh + (
            1.0 / self.discharge_efficiency - 1.0
        ) * discharge_kwh
        return losses
