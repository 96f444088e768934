"""One storage of a community, slot by slot: who draws from it, and how much (Algorithm 2, mended).

ICT Express, 2022, equations (10) to (43): a bright sky charges a storage that is not full, which
then serves nobody; otherwise the k households of the highest mean of what is left of the day may
draw, each ``clip(D - D_min / alpha, 0, D_max)``. All energies in kWh.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray

# A storage is full where less than this share of its size is left.
_FULL = 1e-9


@dataclass(frozen=True, slots=True)
class StorageUnit:
    """A storage, as of a battery.

    Attributes
    ----------
    proportional : bool
        Whether all get the same share where energy is short, not the first ones first.
    serves_while_charging : bool
        Whether a plant under a bright sky serves households first, and the storage adds the rest.
    """

    capacity_kwh: float
    soc_min: float
    soc_max: float
    power_kw: float
    charge_efficiency: float
    discharge_efficiency: float
    step_h: float
    proportional: bool = False
    serves_while_charging: bool = False

    def slot(
        self, held_kwh: float, sun_kwh: float, wanted_kwh: Sequence[float], *, bright: bool
    ) -> tuple[float, list[float]]:
        """Return what is charged in a slot, and what each of those gets that may draw."""
        rated = self.power_kw * self.step_h
        room = max(self.soc_max * self.capacity_kwh - held_kwh, 0.0) / self.charge_efficiency
        most_in = min(room, rated)
        usable = 0.0
        if self.serves_while_charging:
            usable = sun_kwh if bright else 0.0
        elif bright and most_in > _FULL * self.capacity_kwh:
            return min(sun_kwh, most_in), [0.0] * len(wanted_kwh)
        spare = max(held_kwh - self.soc_min * self.capacity_kwh, 0.0)
        given = self._dealt(wanted_kwh, usable + min(spare * self.discharge_efficiency, rated))
        return min(usable, sum(given) + most_in), given

    def _dealt(self, wanted_kwh: Sequence[float], left_kwh: float) -> list[float]:
        if self.proportional:
            total = sum(wanted_kwh)
            share = left_kwh / total if total > left_kwh else 1.0
            return [share * wanted for wanted in wanted_kwh]
        given = []
        for wanted in wanted_kwh:
            given.append(min(wanted, left_kwh))
            left_kwh -= given[-1]
        return given

    def from_grid(self, held_kwh: float, passes_kwh: float, level_kwh: float) -> float:
        """Return what it charges from the grid beside what passes it, to reach a level."""
        if held_kwh >= level_kwh:
            return 0.0
        rated = self.power_kw * self.step_h
        room = max(self.soc_max * self.capacity_kwh - held_kwh, 0.0)
        takes = min(room, level_kwh - held_kwh) / self.charge_efficiency
        return max(min(takes, rated) - passes_kwh, 0.0)

    def after(self, held_kwh: float, charge_kwh: float, given_kwh: float) -> float:
        """Return what it holds after a slot: what a plant gives at once passes no store."""
        stored = self.charge_efficiency * max(charge_kwh - given_kwh, 0.0)
        return held_kwh + stored - max(given_kwh - charge_kwh, 0.0) / self.discharge_efficiency


def ranked(average_kwh: Sequence[float], most: int) -> list[int]:
    """Return the households that may draw: those of the highest averages, ties to the lower row.

    A household that stated none (NaN) is never served. Averages that differ by rounding alone
    are equal.
    """
    lines = [(row, average) for row, average in enumerate(average_kwh) if average == average]
    order = sorted(lines, key=lambda each: (-float(f"{each[1]:.10e}"), each[0]))
    return [row for row, _ in order[:most]]


def allowance(
    demand_kwh: FloatArray, least_kwh: FloatArray, most_kwh: FloatArray, alpha: float
) -> FloatArray:
    """Return what households may draw in a slot, equations (38) to (41), of the shape given."""
    wanted: FloatArray = np.minimum(np.maximum(demand_kwh - least_kwh / alpha, 0.0), most_kwh)
    return wanted


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a storage and its households expect of some slots.

    Attributes
    ----------
    sun_kwh, bright : sequence of float, sequence of bool
        Generation of each slot, and whether it is enough to charge.
    served : sequence of sequence of int
        Households that may draw in each slot, in their order.
    demand_kwh, least_kwh : sequence of sequence of float
        Of each slot and household: demand, and the least seen in this slot of a day.
    most_kwh : sequence of float
        The highest demand seen of each household.
    """

    sun_kwh: Sequence[float]
    bright: Sequence[bool]
    served: Sequence[Sequence[int]]
    demand_kwh: Sequence[Sequence[float]]
    least_kwh: Sequence[Sequence[float]]
    most_kwh: Sequence[float]

    def wanted_by_those_served(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return demand, least and highest demand of those served, shape (slots, most served).

        They are 0 where nobody is.
        """
        width = max(map(len, self.served), default=0)
        demand, least, most = np.zeros((3, len(self.served), width))
        for t, served in enumerate(self.served):
            for place, household in enumerate(served):
                demand[t, place] = self.demand_kwh[t][household]
                least[t, place] = self.least_kwh[t][household]
                most[t, place] = self.most_kwh[household]
        return demand, least, most

    def course(
        self, storage: StorageUnit, held_kwh: float, wanted_kwh: FloatArray
    ) -> tuple[list[float], float]:
        """Return what the storage holds before each slot and in the end, and what it delivers.

        Where energy is short, the order of service does not change what all get together. Those
        served in a slot count as one, who wants what they want together, shape (slots,).
        """
        held, delivered = [held_kwh], 0.0
        for sun, bright, wanted in zip(self.sun_kwh, self.bright, wanted_kwh.tolist(), strict=True):
            charge, given = storage.slot(held[-1], sun, [wanted], bright=bright)
            delivered += sum(given)
            held.append(storage.after(held[-1], charge, sum(given)))
        return held, delivered


@dataclass(frozen=True, slots=True)
class AllowancePlan:
    """What comes of every alpha from 1 on, up to the one that is taken.

    Attributes
    ----------
    delivered_kwh : list of float
        What households would get, one for each alpha.
    stored_kwh : list of list of float
        What the storage would hold before each slot and in the end, a list for each alpha.
    settled : bool
        Whether the last alpha changed nothing more.
    """

    delivered_kwh: list[float]
    stored_kwh: list[list[float]]
    settled: bool

    @property
    def chosen(self) -> int:
        """The alpha that is taken."""
        return len(self.delivered_kwh)


def plan(
    outlook: Outlook,
    storage: StorageUnit,
    held_kwh: float,
    *,
    by_delivered: bool,
    tolerance_kwh: float,
    most_alpha: int,
) -> AllowancePlan:
    """Raise alpha until the energy left at the end, or delivered, changes no more."""
    delivered: list[float] = []
    stored: list[list[float]] = []
    demand, least, most = outlook.wanted_by_those_served()
    for alpha in range(1, most_alpha + 1):
        wanted = allowance(demand, least, most, alpha).sum(axis=1)
        held, given = outlook.course(storage, held_kwh, wanted)
        delivered.append(given)
        stored.append(held)
        if alpha > 1:
            values = delivered if by_delivered else [each[-1] for each in stored[-2:]]
            if abs(values[-1] - values[-2]) < tolerance_kwh:
                return AllowancePlan(delivered, stored, settled=True)
    return AllowancePlan(delivered, stored, settled=False)


def most_wanted(demand_kwh: FloatArray, households: int) -> FloatArray:
    """Return what the households of the highest demands use in each slot, shape (slots,)."""
    highest = np.sort(np.maximum(demand_kwh, 0.0), axis=1)[:, ::-1]
    total: FloatArray = highest[:, :households].sum(axis=1)
    return total


def most_at_once(
    storage: StorageUnit, sun_kwh: FloatArray, wanted_kwh: FloatArray, held: float
) -> float:
    """Return the most that can be delivered where a storage charges and serves at once.

    Energy is as good whenever it is delivered, so none is kept: Lindley's recursion.
    """
    rated = storage.power_kw * storage.step_h
    least, most = (soc * storage.capacity_kwh for soc in (storage.soc_min, storage.soc_max))
    delivered = 0.0
    for sun, wanted in zip(sun_kwh.tolist(), wanted_kwh.tolist(), strict=True):
        held += storage.charge_efficiency * min(sun, rated)
        given = min(wanted, rated, max(held - least, 0.0) * storage.discharge_efficiency)
        held = held - given / storage.discharge_efficiency
        # What was there above the limit stays; more than the limit is not filled.
        held = min(held, max(most, held - storage.charge_efficiency * min(sun, rated)))
        delivered += given
    return delivered


def most_at_once_and_direct(
    storage: StorageUnit, sun_kwh: FloatArray, wanted_kwh: FloatArray, held: float
) -> float:
    """Return the most that can be delivered where the plant serves households itself as well.

    What it gives at once loses nothing, so none of it is better stored.
    """
    direct = np.minimum(sun_kwh, wanted_kwh)
    return float(direct.sum()) + most_at_once(storage, sun_kwh - direct, wanted_kwh - direct, held)


def most_in_turns(
    storage: StorageUnit,
    sun_kwh: FloatArray,
    bright: Sequence[bool],
    wanted_kwh: FloatArray,
    held_kwh: float,
    parts_per_kwh: float,
) -> float:
    """Return the most that can be delivered where a storage that is charged serves nobody.

    The most that can have been delivered when the storage holds so many parts, slot after slot.
    Energies are rounded to parts, so that the result may be off by one in every slot.
    """
    rated = storage.power_kw * storage.step_h

    def parts(energy_kwh: float) -> int:
        return round(energy_kwh * parts_per_kwh)

    least, most = (parts(soc * storage.capacity_kwh) for soc in (storage.soc_min, storage.soc_max))
    begin = parts(held_kwh)
    lowest, highest = min(least, begin), max(most, begin)
    held = np.arange(lowest, highest + 1)
    best = np.full(len(held), -np.inf)
    best[begin - lowest] = 0.0
    for sun, shines, wanted in zip(sun_kwh.tolist(), bright, wanted_kwh.tolist(), strict=True):
        charging = (held < most) & shines
        # Serving: down from any level to any lower one that the limit and the demand allow.
        serving = np.where(charging | (held < least), -np.inf, best + held)
        width = parts(min(wanted, rated) / storage.discharge_efficiency) + 1
        reach = _highest_ahead(serving, width)
        after = np.where(held >= least, reach - held, -np.inf)
        after = np.maximum(after, np.where(charging | (held >= least), -np.inf, best))
        taken = parts(storage.charge_efficiency * min(sun, rated))
        to = np.maximum(np.minimum(held + taken, most), held) - lowest
        np.maximum.at(after, to[charging], best[charging])
        best = after
    return float(best.max()) / parts_per_kwh * storage.discharge_efficiency


def _highest_ahead(values: FloatArray, width: int) -> FloatArray:
    """Return the highest of each value and the `width` - 1 after it, by doubling what is seen."""
    found, seen = values.copy(), 1
    while seen < min(width, len(values)):
        by = min(seen, width - seen)
        found[:-by] = np.maximum(found[:-by], found[by:])
        seen += by
    return found
