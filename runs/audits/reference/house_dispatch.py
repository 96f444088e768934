"""The balances of a house, what it pays, and the cheapest dispatch of some of its days."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.houses import Devices
from hmesh.runs.audits.reference.stores import Numbers

type Flows = Mapping[str, FloatArray]
type Index = NDArray[np.intp]
# Rows, columns and values of a part of a matrix.
type Entry = tuple[Index, Index, Numbers]

_NAMES = (
    "import_kwh", "export_kwh", "charge_kwh", "discharge_kwh", "heat_pump_kwh", "tank_charge_kwh",
    "tank_discharge_kwh", "stored_kwh", "tank_kwh",
)  # fmt: skip
# What may not be done both ways at once.
_EITHER = (
    ("import_kwh", "export_kwh"),
    ("charge_kwh", "discharge_kwh"),
    ("tank_charge_kwh", "tank_discharge_kwh"),
)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a house pays in each step; arrays of shape (steps,).

    Attributes
    ----------
    purchase, feed_in : array
        Price of what is bought, taxes on it included, and of what is delivered [money/kWh].
    battery_wear, tank_wear : float
        Upkeep of battery and tank per energy that they give [money/kWh].
    """

    purchase: FloatArray
    feed_in: FloatArray
    battery_wear: float
    tank_wear: float

    def cost(self, flows: Flows) -> FloatArray:
        """Return what each step costs [money], flows of shape (steps, ...)."""
        shape = (-1, *([1] * (flows["import_kwh"].ndim - 1)))
        paid: FloatArray = (
            self.purchase.reshape(shape) * flows["import_kwh"]
            - self.feed_in.reshape(shape) * flows["export_kwh"]
            + self.battery_wear * flows["discharge_kwh"]
            + self.tank_wear * flows["tank_discharge_kwh"]
        )
        return paid


def electricity_lacks(flows: Flows, load_kwh: FloatArray, sun_kwh: FloatArray) -> FloatArray:
    """Return how much more electricity is used than comes in [kWh]."""
    used = load_kwh + flows["heat_pump_kwh"] + flows["charge_kwh"] + flows["export_kwh"]
    comes: FloatArray = sun_kwh + flows["import_kwh"] + flows["discharge_kwh"]
    return used - comes


def heat_lacks(flows: Flows, heat_kwh: FloatArray, cop: Numbers) -> FloatArray:
    """Return how much more heat is needed and stored than is made, drawn and unmet [kWh]."""
    needed = heat_kwh + flows["tank_charge_kwh"]
    made = cop * flows["heat_pump_kwh"] + flows["tank_discharge_kwh"] + flows["unmet_heat_kwh"]
    lacks: FloatArray = needed - made
    return lacks


def battery_after(held_kwh: FloatArray, flows: Flows, efficiency: float) -> FloatArray:
    """Return what a battery holds after a step [kWh]."""
    after: FloatArray = (
        held_kwh + efficiency * flows["charge_kwh"] - flows["discharge_kwh"] / efficiency
    )
    return after


def tank_after(held_kwh: FloatArray, flows: Flows, efficiency: float, kept: Numbers) -> FloatArray:
    """Return what a tank holds after a step of which it keeps a share of its heat [kWh]."""
    after: FloatArray = (
        kept * held_kwh
        + efficiency * flows["tank_charge_kwh"]
        - flows["tank_discharge_kwh"] / efficiency
    )
    return after


def cheapest(
    needs: tuple[FloatArray, FloatArray, FloatArray],
    prices: Prices,
    devices: Devices,
    step_h: float,
    first: tuple[float, float],
    last: tuple[float, float],
    *,
    cop: Numbers | None = None,
    tank_loss_per_h: Numbers | None = None,
) -> float:
    """Return what the cheapest dispatch of some steps costs that ends as it is stated [money].

    Parameters
    ----------
    needs : tuple of array
        Electricity of the appliances, heat needed and generation of the steps [kWh].
    prices, devices, step_h : Prices, Devices, float
        What is paid, the devices, and the length of a step [h].
    first, last : (float, float)
        What battery and tank hold at first and in the end [kWh]. No heat may be unmet.
    cop : float or array, optional
        Coefficient of performance of each step, that of the devices unless given [-].
    tank_loss_per_h : float or array, optional
        Share of its heat that the tank loses in an hour in each step, likewise [1/h].

    Notes
    -----
    Binary variables forbid to do anything both ways at once, wherever that might earn something:
    where energy is sold for more than it costs, or costs less than nothing.
    """
    load, heat, sun = needs
    steps, d = len(load), devices
    cop = d.cop if cop is None else cop
    lost = d.tank_loss_per_h if tank_loss_per_h is None else tank_loss_per_h
    at = {name: np.arange(k * steps, (k + 1) * steps) for k, name in enumerate(_NAMES)}
    cost, high = np.zeros(len(_NAMES) * steps), np.full(len(_NAMES) * steps, np.inf)
    low = np.zeros_like(high)
    for name, worth in (
        ("import_kwh", prices.purchase), ("export_kwh", -prices.feed_in),
        ("discharge_kwh", prices.battery_wear), ("tank_discharge_kwh", prices.tank_wear),
    ):  # fmt: skip
        cost[at[name]] = worth
    battery, tank = d.battery_kw * step_h, d.tank_kw * step_h
    delivered = sun + battery if d.battery_exports else sun
    for name, most in (
        ("export_kwh", delivered), ("charge_kwh", battery), ("discharge_kwh", battery),
        ("heat_pump_kwh", d.pump_kw * step_h), ("tank_charge_kwh", tank),
        ("tank_discharge_kwh", tank), ("stored_kwh", d.soc_max * d.battery_kwh),
        ("tank_kwh", d.tank_kwh),
    ):  # fmt: skip
        high[at[name]] = most
    low[at["stored_kwh"]] = d.soc_min * d.battery_kwh
    rows = _Rows(steps)
    rows.add(
        {
            "heat_pump_kwh": 1,
            "charge_kwh": 1,
            "export_kwh": 1,
            "import_kwh": -1,
            "discharge_kwh": -1,
        },
        sun - load,
    )
    rows.add({"heat_pump_kwh": cop, "tank_discharge_kwh": 1, "tank_charge_kwh": -1}, heat)
    for level, way, eta, kept, begin in (
        ("stored_kwh", "", d.battery_efficiency, 1.0, first[0]),
        ("tank_kwh", "tank_", d.tank_efficiency, (1 - lost) ** step_h, first[1]),
    ):
        each = np.broadcast_to(kept, steps)
        due = np.zeros(steps)
        due[0] = each[0] * begin
        change = {level: 1.0, f"{way}charge_kwh": -eta, f"{way}discharge_kwh": 1 / eta}
        rows.add(change, due, before={level: -each[1:]})
    for level, end in (("stored_kwh", last[0]), ("tank_kwh", last[1])):
        # What is held in the end is given to within rounding.
        low[at[level][-1]] = high[at[level][-1]] = min(
            max(end, low[at[level][-1]]), high[at[level][-1]]
        )
    limits = [rows.equal(at, len(cost))]
    binary = 0
    if (prices.feed_in > prices.purchase).any() or min(
        prices.purchase.min(), prices.feed_in.min()
    ) < 0:
        binary = len(_EITHER) * steps
        most_drawn = load + d.pump_kw * step_h + battery
        bounds = {"import_kwh": most_drawn, "export_kwh": delivered}
        limits = [
            LinearConstraint(_widened(limits[0].A, binary), limits[0].lb, limits[0].ub),
            _either(at, len(cost), steps, {**bounds, **_rated(battery, tank)}),
        ]
    found = milp(
        np.concatenate([cost, np.zeros(binary)]),
        bounds=Bounds(np.append(low, np.zeros(binary)), np.append(high, np.ones(binary))),
        constraints=limits,
        integrality=np.append(np.zeros(len(cost)), np.ones(binary)),
        options={"mip_rel_gap": 1e-9},
    )
    return float(found.fun) if found.success else np.inf


class _Rows:
    """Equations of all steps, each of flows of the step and levels of the one before."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.blocks: list[tuple[dict[str, Numbers], dict[str, Numbers]]] = []
        self.due: list[FloatArray] = []

    def add(
        self,
        now: Mapping[str, Numbers],
        due: FloatArray,
        before: Mapping[str, Numbers] | None = None,
    ) -> None:
        self.blocks.append((dict(now), dict(before or {})))
        self.due.append(due)

    def equal(self, at: Mapping[str, Index], columns: int) -> LinearConstraint:
        entries: list[Entry] = []
        steps = np.arange(self.steps)
        for k, (now, before) in enumerate(self.blocks):
            row = k * self.steps + steps
            entries += [(row, at[name], factor) for name, factor in now.items()]
            entries += [(row[1:], at[name][:-1], factor) for name, factor in before.items()]
        due = np.concatenate(self.due)
        return LinearConstraint(_matrix(entries, len(due), columns), due, due)


def _rated(battery_kwh: float, tank_kwh: float) -> dict[str, float]:
    return {
        "charge_kwh": battery_kwh, "discharge_kwh": battery_kwh,
        "tank_charge_kwh": tank_kwh, "tank_discharge_kwh": tank_kwh,
    }  # fmt: skip


def _either(
    at: Mapping[str, Index], columns: int, steps: int, most: Mapping[str, Numbers]
) -> LinearConstraint:
    """Return that of two flows one is 0: ``x <= M y`` and ``z <= N (1 - y)``."""
    entries: list[Entry] = []
    due: list[FloatArray] = []
    row = np.arange(steps)
    for k, (one, other) in enumerate(_EITHER):
        choice = columns + k * steps + np.arange(steps)
        entries += [(row, at[one], 1.0), (row, choice, 0.0 - np.asarray(most[one]))]
        due.append(np.zeros(steps))
        row = row + steps
        entries += [(row, at[other], 1.0), (row, choice, np.asarray(most[other]))]
        due.append(np.broadcast_to(most[other], steps))
        row = row + steps
    ends = np.concatenate(due)
    matrix = _matrix(entries, len(ends), columns + len(_EITHER) * steps)
    return LinearConstraint(matrix, -np.inf, ends)


def _matrix(entries: list[Entry], rows: int, columns: int) -> coo_array:
    values = np.concatenate([np.broadcast_to(v, len(r)) for r, _, v in entries]).astype(float)
    where = tuple(np.concatenate([e[k] for e in entries]).astype(int) for k in (0, 1))
    return coo_array((values, where), shape=(rows, columns)).tocsr()


def _widened(matrix: coo_array, columns: int) -> coo_array:
    wide = matrix.tocoo()
    return coo_array(
        (wide.data, (wide.row, wide.col)), shape=(wide.shape[0], wide.shape[1] + columns)
    ).tocsr()
