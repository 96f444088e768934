"""A house that either buys or delivers in a step, stated so tightly that few steps need a search.

In a step in which feed-in is above the purchase price a binary variable says whether the house
buys. What storages do is split into what they do buying and what they do delivering, each within
the limits of that mode: the convex hull of both. The limits hold for a storage that is not charged
and discharged at once, so also of its level before the step: it cannot charge into the room, or
discharge the energy, that it makes in the same step. That is what keeps the linear relaxation from
buying and delivering by turns within an hour; most days then have no fraction left.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.mixed_integer_programme import Columns

if TYPE_CHECKING:
    from hmesh.markets.house_programme import HouseProgramme


class HouseModes:
    """The two modes of a step, buying and delivering, in the programme of a house.

    Parameters
    ----------
    programme : HouseProgramme
        The programme; without free sizes.

    Attributes
    ----------
    base_kwh : array, shape (steps,)
        What the house draws with idle storages [kWh].
    """

    def __init__(self, programme: "HouseProgramme") -> None:
        self.programme = programme
        demand, devices = programme.demand, programme.devices
        heat, cop = demand.heat_kwh, devices.cop
        self.base_kwh: FloatArray = demand.load_kwh + heat / cop - demand.generation_kwh
        bc, tc = programme.rated_kwh
        eta, eta_tank = devices.battery_efficiency, devices.tank_efficiency
        steps = demand.steps
        usable = (devices.soc_max - devices.soc_min) * devices.battery_kwh
        pumped = np.maximum(devices.heat_pump_kw * demand.step_h * cop - heat, 0.0)
        # What a storage takes and gives in a step at most when it does only one of the two.
        self._most: dict[str, FloatArray] = {
            "bc": np.full(steps, min(bc, usable / eta)),
            "bd": np.full(steps, min(bc, usable * eta)),
            "tc": np.minimum(min(tc, devices.tank_kwh / eta_tank), pumped),
            "td": np.minimum(min(tc, devices.tank_kwh * eta_tank), heat),
        }

    def forbid_both(self, where: NDArray[np.bool_]) -> None:
        """Let the house either buy or deliver in some steps."""
        programme, most = self.programme, self._most
        imp, exp = programme.of["imp"], programme.of["exp"]
        cop = programme.devices.cop
        most_given = programme.deliverable_kwh
        drawn = self.base_kwh + most["bc"] + most["tc"] / cop
        given = np.minimum(most["bd"] + most["td"] / cop - self.base_kwh, most_given)
        # A step whose sign nothing can change needs no variable.
        programme.upper[exp[where & (given <= 0.0)]] = 0.0
        programme.upper[imp[where & (drawn <= 0.0)]] = 0.0
        at = np.flatnonzero(where & (drawn > 0.0) & (given > 0.0))
        if not len(at):
            return
        buys = programme.choices(at)
        programme.add_rows([(imp[at], 1.0), (buys, -drawn[at])], -np.inf, 0.0)
        programme.add_rows([(exp[at], 1.0), (buys, given[at])], -np.inf, given[at])
        delivered: list[tuple[Columns, FloatArray | float]] = [
            (exp[at], 1.0),
            (buys, -self.base_kwh[at]),
        ]
        for storage, per_kwh in (("b", 1.0), ("t", cop)):
            if programme.rated_kwh["bt".index(storage)] > 0.0:
                charged, discharged = self._split(storage, at, buys)
                delivered += [(charged, 1.0 / per_kwh), (discharged, -1.0 / per_kwh)]
        # Delivered is what is left of the sun, and what storages give while delivering.
        programme.add_rows(delivered, -self.base_kwh[at], -self.base_kwh[at])

    def _split(self, storage: str, at: Columns, buys: Columns) -> tuple[Columns, Columns]:
        """Split what a storage does by the mode; return what it does delivering.

        Parameters
        ----------
        storage : str
            "b" for the battery, "t" for the tank.
        at, buys : array of int
            The steps, and the columns that state whether the house buys in them.
        """
        programme, devices = self.programme, self.programme.devices
        count = len(at)
        level = f"e{storage}"
        eta = devices.battery_efficiency if storage == "b" else devices.tank_efficiency
        kept = 1.0 if storage == "b" else programme.kept
        charge, discharge = (programme.of[f"{storage}{way}"][at] for way in "cd")
        most = [self._most[f"{storage}{way}"][at] for way in "cd"]
        shares = [np.divide(1.0, m, out=np.zeros(count), where=m > 0.0) for m in most]
        charged, discharged = (programme.add_columns(count, high=m) for m in most)
        held = programme.previous[level][at]
        low, high = programme.level_limits(level)
        holding = programme.add_columns(count, high=high)
        # Of charge and discharge only one is above 0: the sum of their shares is the mode's.
        one_way = [(charged, shares[0]), (discharged, shares[1])]
        programme.add_rows([*one_way, (buys, 1.0)], -np.inf, 1.0)
        other = [(charge, shares[0]), (discharge, shares[1])]
        other += [(columns, -share) for columns, share in one_way]
        programme.add_rows([*other, (buys, -1.0)], -np.inf, 0.0)
        for whole, part in ((charge, charged), (discharge, discharged), (held, holding)):
            programme.add_rows([(whole, 1.0), (part, -1.0)], 0.0, np.inf)
        # What is held before the step leaves room for the charge, and covers the discharge.
        delivering = [(holding, kept)]
        buying = [(held, kept), (holding, -kept)]
        programme.add_rows([*delivering, (charged, eta), (buys, high)], -np.inf, high)
        programme.add_rows([*buying, (charge, eta), (charged, -eta), (buys, -high)], -np.inf, 0.0)
        programme.add_rows([*delivering, (discharged, -1.0 / eta), (buys, low)], low, np.inf)
        programme.add_rows(
            [*buying, (discharge, -1.0 / eta), (discharged, 1.0 / eta), (buys, -low)], 0.0, np.inf
        )
        if kept < 1.0:
            programme.add_rows([(holding, 1.0), (buys, high)], -np.inf, high)
            programme.add_rows([(held, 1.0), (holding, -1.0), (buys, -high)], -np.inf, 0.0)
        return charged, discharged
