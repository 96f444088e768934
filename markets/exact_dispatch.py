"""The cheapest dispatch of a house with perfect foresight, and with it the cheapest sizes.

Where nothing can be earned by buying and delivering, or charging and discharging, at once this is
a linear programme. In the steps where something could, a binary variable forbids it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from environment.errors import InputError, Problem
from environment.thermal_tank import kept_share
from markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HouseFlows,
    HousePrices,
    Series,
    running_cost,
)

VARIABLES = ("imp", "exp", "bc", "bd", "eb", "hp", "tc", "td", "et")
# A shortage of heat below this share of the demand is rounding.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class ExactDispatch:
    """The cheapest dispatch.

    Attributes
    ----------
    flows
        What the house does, arrays of shape (steps,).
    cost
        What that costs, without investments [money].
    battery_kwh, tank_kwh
        Sizes of the storages [kWh], the tank's of heat.
    objective
        The cost and, where sizes were free, their annuities [money].
    gap
        By how much a cheaper dispatch may have been missed, as a share of the objective [-].
    """

    flows: HouseFlows
    cost: float
    battery_kwh: float
    tank_kwh: float
    objective: float
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the storages of a house hold, battery and tank [kWh, kWh of heat]."""

    battery_kwh: float
    tank_kwh: float


def dispatch_exactly(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    *,
    start: Stored | None = None,
    midnight: Stored | None = None,
    annuities: tuple[float, float] | None = None,
    ramp_kw: float | None = None,
    relaxed: bool = False,
    gap: float = 1e-7,
    time_limit_s: float = 900.0,
) -> ExactDispatch:
    """Return the cheapest dispatch of a house that knows all steps ahead.

    Parameters
    ----------
    demand, devices, prices
        The house. Its photovoltaics are never curtailed.
    start : Stored, optional
        What the storages hold at first; they may then end as they like. Without it both hold the
        same at every local midnight, and at the end what they held at first.
    midnight : Stored, optional
        What they hold at every midnight, where that is not left to the programme either.
    annuities : (float, float), optional
        What a kWh of battery, and of heat in the tank, costs over the steps [money/kWh]; then the
        sizes are chosen too, whatever those of the devices.
    ramp_kw : float, optional
        Most change of the power drawn from the grid between two steps [kW].
    relaxed : bool
        Leave out what forbids doing two things at once; the cost is then a lower bound.
    gap : float
        Share of the objective by which a cheaper dispatch may be missed, with binary variables.
    time_limit_s : float
        Time after which the best dispatch so far is taken where binary variables are needed [s].

    Raises
    ------
    InputError
        If heat pump and tank cannot give the heat that is needed.

    Notes
    -----
    Source: Scientific Reports 14 (2024) 6279, lower layer: eqs. (16) to (19), whose (18) prints
    the efficiency of discharging on the wrong side. A house that is paid more than it pays (or is
    paid for buying) would buy to deliver and charge to discharge; the meter nets what happens at
    once, ``imp exp = 0``, and ``bc bd = 0`` and ``tc td = 0`` in steps where losses would pay.
    """
    programme = _Programme(demand, devices, prices, start, annuities, ramp_kw)
    if midnight is not None:
        programme.hold_at_midnight(midnight)
    if not relaxed:
        programme.forbid_at_once()
    solution = programme.solve(gap, time_limit_s)
    found = solution.x
    steps = demand.steps
    series = {
        name: np.maximum(found[k * steps : (k + 1) * steps], 0.0)
        for k, name in enumerate(VARIABLES)
    }
    for charge, discharge, efficiency in (
        ("bc", "bd", devices.battery_efficiency),
        ("tc", "td", devices.tank_efficiency),
    ):
        if efficiency == 1.0:
            # Without losses both at once is nothing at all.
            nothing = np.minimum(series[charge], series[discharge])
            series[charge], series[discharge] = (
                series[charge] - nothing,
                series[discharge] - nothing,
            )
    flows = HouseFlows(
        import_kwh=series["imp"],
        export_kwh=series["exp"],
        charge_kwh=series["bc"],
        discharge_kwh=series["bd"],
        stored_kwh=series["eb"],
        heat_pump_kwh=series["hp"],
        tank_charge_kwh=series["tc"],
        tank_discharge_kwh=series["td"],
        tank_kwh=series["et"],
        unmet_heat_kwh=np.zeros(steps),
    )
    sizes = (devices.battery_kwh, devices.tank_kwh)
    if annuities is not None:
        sizes = (float(found[9 * steps]), float(found[9 * steps + 1]))
    return ExactDispatch(
        flows,
        float(running_cost(flows, prices).sum()),
        *sizes,
        float(solution.fun),
        float(getattr(solution, "mip_gap", None) or 0.0),
    )


def dispatch_day_by_day(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    midnight: Stored,
    gap: float = 1e-7,
) -> ExactDispatch:
    """Return the cheapest dispatch whose storages hold the same at every midnight, as told.

    Days then have nothing to do with each other, and each is a programme of its own: with binary
    variables that is much faster than one of all days, which chooses what midnights hold as well.

    Parameters
    ----------
    demand, devices, prices
        The house.
    midnight : Stored
        What the storages hold at every midnight, also at first and at the end.
    gap : float
        As for `dispatch_exactly`, of every day.
    """
    last = np.append(np.flatnonzero(np.diff(demand.day)), demand.steps - 1)
    days = []
    first = 0
    for end in (last + 1).tolist():
        of_day = replace(
            prices, purchase=prices.purchase[first:end], feed_in=prices.feed_in[first:end]
        )
        there = demand.between(first, end)
        days.append(dispatch_exactly(there, devices, of_day, midnight=midnight, gap=gap))
        first = end
    flows = HouseFlows(
        **{
            name: np.concatenate([getattr(day.flows, name) for day in days])
            for name in HouseFlows.__dataclass_fields__
        }
    )
    cost = float(running_cost(flows, prices).sum())
    missed = sum(day.gap * abs(day.objective) for day in days)
    return ExactDispatch(
        flows, cost, devices.battery_kwh, devices.tank_kwh, cost, missed / max(abs(cost), 1e-9)
    )


class _Programme:
    """The programme of a house: variables in the order of `VARIABLES`, sizes, then binaries."""

    def __init__(
        self,
        demand: HouseDemand,
        devices: HouseDevices,
        prices: HousePrices,
        start: Stored | None,
        annuities: tuple[float, float] | None,
        ramp_kw: float | None,
    ) -> None:
        self.demand, self.devices, self.prices = demand, devices, prices
        self.sized, self.start = annuities is not None, start
        steps = demand.steps
        self.columns = 9 * steps + 2 * self.sized
        self.rows: list[Any] = []
        self.low: list[Series] = []
        self.high: list[Series] = []
        nothing = np.zeros(steps)
        cost = {
            "imp": prices.taxed,
            "exp": -prices.feed_in,
            "bd": np.full(steps, prices.battery_wear),
            "td": np.full(steps, prices.tank_wear),
        }
        self.cost = np.concatenate(
            [*(cost.get(name, nothing) for name in VARIABLES), np.array(annuities or ())]
        )
        self.upper = np.concatenate([*self._limits(), np.full(2 * self.sized, np.inf)])
        self.lower = np.zeros(self.columns)
        if not self.sized:
            self.lower[self._of("eb")] = devices.soc_min * devices.battery_kwh
        self.binary = np.zeros(self.columns, dtype=np.int8)
        self._balances()
        if self.sized:
            self._limits_by_size()
        if ramp_kw is not None:
            change = sparse.diags_array([1.0, -1.0], offsets=[1, 0], shape=(steps - 1, steps))
            most = np.full(steps - 1, ramp_kw * demand.step_h)
            self._add({"imp": change, "exp": -change}, -most, most)

    def _of(self, name: str) -> slice:
        k, steps = VARIABLES.index(name), self.demand.steps
        return slice(k * steps, (k + 1) * steps)

    def _limits(self) -> list[Series]:
        """Return the upper limits of all variables."""
        demand, devices, steps = self.demand, self.devices, self.demand.steps
        bc, tc = self._rated_kwh()
        full = {
            "imp": np.inf,
            "bc": bc, "bd": bc, "eb": devices.soc_max * devices.battery_kwh,
            "hp": devices.heat_pump_kw * demand.step_h,
            "tc": tc, "td": tc, "et": devices.tank_kwh,
        }  # fmt: skip
        if self.sized:
            full |= dict.fromkeys(("bc", "bd", "eb", "tc", "td", "et"), np.inf)
        return [
            demand.generation_kwh if name == "exp" else np.full(steps, full[name])
            for name in VARIABLES
        ]

    def _rated_kwh(self) -> tuple[float, float]:
        """Return what battery and tank exchange in a step at most [kWh, kWh of heat]."""
        devices, step_h = self.devices, self.demand.step_h
        return (
            devices.battery_power_per_kwh * devices.battery_kwh * step_h,
            devices.tank_power_per_kwh * devices.tank_kwh * step_h,
        )

    def _add(self, blocks: dict[str, Any], low: Series, high: Series) -> None:
        """Add rows, given the columns of some variables; B, H and binaries by their place."""
        count, steps = len(low), self.demand.steps
        parts = [blocks.get(name, sparse.csr_array((count, steps))) for name in VARIABLES]
        if self.sized:
            parts += [blocks.get(name, sparse.csr_array((count, 1))) for name in ("B", "H")]
        self.rows.append(sparse.hstack(parts, format="csr"))
        self.low.append(low)
        self.high.append(high)

    def _balances(self) -> None:
        demand, devices, steps = self.demand, self.devices, self.demand.steps
        one = sparse.eye_array(steps, format="csr")
        net = demand.generation_kwh - demand.load_kwh
        self._add({"hp": one, "bc": one, "exp": one, "imp": -one, "bd": -one}, net, net)
        heat = demand.heat_kwh
        self._add({"hp": devices.cop * one, "td": one, "tc": -one}, heat, heat)
        back = sparse.eye_array(steps, k=-1, format="csr")
        if self.start is None:
            back = back + sparse.csr_array(([1.0], ([0], [steps - 1])), shape=(steps, steps))
        kept = kept_share(devices.tank_loss_per_h, demand.step_h)
        held = np.zeros((2, steps))
        if self.start is not None:
            held[:, 0] = self.start.battery_kwh, kept * self.start.tank_kwh
        eta, eta_tank = devices.battery_efficiency, devices.tank_efficiency
        self._add({"eb": one - back, "bc": -eta * one, "bd": one / eta}, held[0], held[0])
        self._add(
            {"et": one - kept * back, "tc": -eta_tank * one, "td": one / eta_tank},
            held[1],
            held[1],
        )
        if self.start is None:
            self._equal_midnights()

    def _equal_midnights(self) -> None:
        day = self.demand.day
        last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
        count = len(last) - 1
        ends = sparse.csr_array(
            (np.ones(count + 1), (np.arange(count + 1), last)), shape=(count + 1, len(day))
        )
        if count:
            change, none = ends[1:] - ends[:-1], np.zeros(count)
            self._add({"eb": change}, none, none)
            self._add({"et": change}, none, none)

    def _limits_by_size(self) -> None:
        devices, steps, step_h = self.devices, self.demand.steps, self.demand.step_h
        one, none = sparse.eye_array(steps, format="csr"), np.zeros(steps)
        below = np.full(steps, -np.inf)

        def each(value: float) -> Any:
            return sparse.csr_array(np.full((steps, 1), value))

        for name, size, limit in (
            ("eb", "B", devices.soc_max),
            ("bc", "B", devices.battery_power_per_kwh * step_h),
            ("bd", "B", devices.battery_power_per_kwh * step_h),
            ("et", "H", 1.0),
            ("tc", "H", devices.tank_power_per_kwh * step_h),
            ("td", "H", devices.tank_power_per_kwh * step_h),
        ):
            self._add({name: one, size: each(-limit)}, below, none)
        self._add({"eb": -one, "B": each(devices.soc_min)}, below, none)

    def hold_at_midnight(self, stored: Stored) -> None:
        """Let the storages hold what is told at the end of every day."""
        last = np.append(np.flatnonzero(np.diff(self.demand.day)), self.demand.steps - 1)
        for name, value in (("eb", stored.battery_kwh), ("et", stored.tank_kwh)):
            at = self._of(name).start + last
            self.lower[at] = self.upper[at] = value

    def forbid_at_once(self) -> None:
        """Forbid to buy and deliver, or to charge and discharge, in steps where it would pay."""
        demand, devices, prices = self.demand, self.devices, self.prices
        sun = demand.generation_kwh > 0
        dearest = prices.feed_in > prices.taxed
        bc, tc = self._rated_kwh()
        hp = devices.heat_pump_kw * demand.step_h
        # What is bought where nothing is delivered at most, and the other way round.
        lacking = demand.load_kwh - demand.generation_kwh
        most = np.maximum(lacking + hp + bc, 0.0)
        most_out = np.clip(bc - lacking, 0.0, demand.generation_kwh)
        self._either("imp", "exp", most, most_out, sun & dearest)
        worth = np.where(sun, np.minimum(prices.taxed, prices.feed_in), prices.taxed)
        for charge, discharge, limit, efficiency, wear, per_kwh in (
            ("bc", "bd", bc, devices.battery_efficiency, prices.battery_wear, 1.0),
            ("tc", "td", tc, devices.tank_efficiency, prices.tank_wear, devices.cop),
        ):
            if limit == 0:
                continue
            # A unit charged and discharged at once loses 1 - eta^2 of it and wears by eta^2.
            through = efficiency**2
            if through == 1.0 and wear == 0.0:
                continue
            pays: NDArray[np.bool_] = worth * (1.0 - through) / per_kwh + wear * through <= 0.0
            both = np.full(demand.steps, limit)
            self._either(charge, discharge, both, both, pays)

    def _either(
        self, one: str, other: str, most: Series, most_other: Series, where: NDArray[np.bool_]
    ) -> None:
        """Let only one of two variables be above 0 in some steps."""
        if self.sized and where.any():
            message = "with these prices it would pay to do two things at once"
            allowed = "prices above 0 and feed-in below them, or a search over given sizes"
            raise InputError([Problem("sizing as one linear programme", message, allowed)])
        steps = np.flatnonzero(where)
        count = len(steps)
        if count == 0:
            return
        at = np.arange(count)
        width = self.columns + count
        first = self._of(one).start + steps
        second = self._of(other).start + steps
        new = self.columns + at
        rows = sparse.csr_array(
            (
                np.concatenate([np.ones(count), -most[steps], np.ones(count), most_other[steps]]),
                (
                    np.concatenate([at, at, count + at, count + at]),
                    np.concatenate([first, new, second, new]),
                ),
            ),
            shape=(2 * count, width),
        )
        self.rows.append(rows)
        self.low.append(np.full(2 * count, -np.inf))
        self.high.append(np.concatenate([np.zeros(count), most_other[steps]]))
        self.cost = np.append(self.cost, np.zeros(count))
        self.upper = np.append(self.upper, np.ones(count))
        self.lower = np.append(self.lower, np.zeros(count))
        self.binary = np.append(self.binary, np.ones(count, dtype=np.int8))
        self.columns = width

    def solve(self, gap: float, time_limit_s: float) -> Any:
        """Return the solution of HiGHS.

        Raises
        ------
        InputError
            If there is none.
        """
        wide = [
            sparse.csr_array((rows.data, rows.indices, rows.indptr), (rows.shape[0], self.columns))
            for rows in self.rows
        ]
        result = milp(
            self.cost,
            integrality=self.binary,
            bounds=Bounds(self.lower, self.upper),
            constraints=LinearConstraint(
                sparse.vstack(wide, format="csr"),
                np.concatenate(self.low),
                np.concatenate(self.high),
            ),
            options={"time_limit": time_limit_s, "mip_rel_gap": gap},
        )
        if result.x is None:
            raise InputError([self._why(result.message)])
        return result

    def _why(self, message: str) -> Problem:
        """Return why there is no dispatch: heat that nothing can give, or what HiGHS says."""
        demand, devices = self.demand, self.devices
        most_kwh = devices.heat_pump_kw * demand.step_h * devices.cop
        lacking = demand.heat_kwh > most_kwh * (1.0 + NEGLIGIBLE)
        if not lacking.any():
            return Problem("dispatch", f"no solution: {message}")
        worst = int(np.argmax(demand.heat_kwh))
        return Problem(
            f"heat_kwh, step {worst}",
            f"{demand.heat_kwh[worst]:.3g} kWh of heat are needed, and in "
            f"{int(lacking.sum()):,} steps more than the heat pump makes; the tank of "
            f"{devices.tank_kwh:g} kWh of heat cannot give the rest",
            f"at most {most_kwh:.3g} kWh in a step, or a larger heat pump or tank",
        )
