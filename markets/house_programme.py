"""The programme of a house that knows its steps ahead: what it may do, and what that costs.

Where nothing can be earned by buying and delivering, or charging and discharging, at once this is
a linear programme. In the steps where something could, binary variables forbid it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.number_words import counted
from hmesh.environment.thermal_tank import kept_share
from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HouseFlows, HousePrices
from hmesh.markets.house_modes import HouseModes
from hmesh.markets.mixed_integer_programme import Columns, MixedIntegerProgramme

VARIABLES = ("imp", "exp", "bc", "bd", "eb", "hp", "tc", "td", "et")
# A shortage of heat below this share of the demand is rounding.
NEGLIGIBLE = 1e-9
# Less than this charged and discharged at once is rounding [kWh].
AT_ONCE_KWH = 1e-5


@dataclass(frozen=True, slots=True)
class Stored:
    """What the storages of a house hold, battery and tank [kWh, kWh of heat]."""

    battery_kwh: float
    tank_kwh: float


def burning(flows: HouseFlows) -> bool:
    """Return whether a storage charges and discharges at once, beyond rounding."""
    pairs = (
        (flows.charge_kwh, flows.discharge_kwh),
        (flows.tank_charge_kwh, flows.tank_discharge_kwh),
    )
    return any(bool((np.minimum(*pair) > AT_ONCE_KWH).any()) for pair in pairs)


class HouseProgramme(MixedIntegerProgramme):
    """The programme of a house.

    Parameters
    ----------
    demand, devices, prices : HouseDemand, HouseDevices, HousePrices
        The house. Its photovoltaics are never curtailed.
    start : Stored, optional
        What the storages hold at first; without it what they hold at the end.
    apart : bool
        Days have nothing to do with each other. With a start every one begins with what it likes,
        `before`; without it with what it ends with.
    annuities : (float, float), optional
        What a kWh of battery, and of heat in the tank, costs over the steps [money/kWh]; then the
        sizes are chosen too.
    ramp_kw : float, optional
        Most change of the power drawn from the grid between two steps [kW].

    Attributes
    ----------
    of : dict of array, shape (steps,)
        Columns of the `VARIABLES`: bought, delivered, charged, discharged and stored of the battery
        (bc, bd, eb), electricity of the heat pump, and the same of the tank (tc, td, et) [kWh].
    previous : dict of array, shape (steps,)
        Columns of what battery and tank (eb, et) hold before each step.
    before : dict of array
        Columns of what they hold before the first step, or before every day where days are apart;
        empty without a start.
    sizes : array
        Columns of the sizes of battery and tank where these are free.
    """

    def __init__(
        self,
        demand: HouseDemand,
        devices: HouseDevices,
        prices: HousePrices,
        *,
        start: Stored | None = None,
        apart: bool = False,
        annuities: tuple[float, float] | None = None,
        ramp_kw: float | None = None,
    ) -> None:
        super().__init__()
        self.demand, self.devices, self.prices = demand, devices, prices
        self._choices: list[tuple[Columns, Columns]] = []
        self.start, self.apart, self.sized = start, apart, annuities is not None
        day = demand.day
        self.first = np.flatnonzero(np.diff(day, prepend=day[:1] - 1))
        self.last = np.append(self.first[1:], demand.steps) - 1
        self.of = self._variables()
        self.sizes = self.add_columns(2 * self.sized, cost=np.array(annuities or ()))
        self.before: dict[str, Columns] = {}
        self.previous = {name: self._previous(name) for name in ("eb", "et")}
        self._balances()
        if self.sized:
            self._limits_by_size()
        if ramp_kw is not None:
            imp, exp = self.of["imp"], self.of["exp"]
            most = ramp_kw * demand.step_h
            change = [(imp[1:], 1.0), (imp[:-1], -1.0), (exp[1:], -1.0), (exp[:-1], 1.0)]
            self.add_rows(change, -most, most)

    def _variables(self) -> dict[str, Columns]:
        demand, devices, prices = self.demand, self.devices, self.prices
        bc, tc = self.rated_kwh
        most: dict[str, FloatArray | float] = {
            "exp": self.deliverable_kwh,
            "bc": bc, "bd": bc, "eb": devices.soc_max * devices.battery_kwh,
            "hp": devices.heat_pump_kw * demand.step_h,
            "tc": tc, "td": tc, "et": devices.tank_kwh,
        }  # fmt: skip
        if self.sized:
            most |= dict.fromkeys(("bc", "bd", "eb", "tc", "td", "et"), np.inf)
            if devices.battery_exports:
                most["exp"] = np.inf
        cost: dict[str, FloatArray | float] = {
            "imp": prices.taxed,
            "exp": -prices.feed_in,
            "bd": prices.battery_wear,
            "td": prices.tank_wear,
        }
        least = {} if self.sized else {"eb": devices.soc_min * devices.battery_kwh}
        return {
            name: self.add_columns(
                demand.steps,
                low=least.get(name, 0.0),
                high=most.get(name, np.inf),
                cost=cost.get(name, 0.0),
            )
            for name in VARIABLES
        }

    @property
    def deliverable_kwh(self) -> FloatArray:
        """What is delivered in each step at most, shape (steps,) [kWh]."""
        given = self.rated_kwh[0] if self.devices.battery_exports else 0.0
        return self.demand.generation_kwh + given

    @property
    def rated_kwh(self) -> tuple[float, float]:
        """What battery and tank exchange in a step at most [kWh, kWh of heat]."""
        devices, step_h = self.devices, self.demand.step_h
        return (
            devices.battery_power_per_kwh * devices.battery_kwh * step_h,
            devices.tank_power_per_kwh * devices.tank_kwh * step_h,
        )

    def level_limits(self, name: str) -> tuple[float, float]:
        """Return what battery (eb) or tank (et) hold at least and at most [kWh, kWh of heat]."""
        devices = self.devices
        if name == "et":
            return 0.0, devices.tank_kwh
        return devices.soc_min * devices.battery_kwh, devices.soc_max * devices.battery_kwh

    def _previous(self, name: str) -> Columns:
        """Return the columns of what a storage holds before each step."""
        level = self.of[name]
        previous = np.roll(level, 1)
        if self.start is not None:
            begins = self.first if self.apart else self.first[:1]
            low, high = self.level_limits(name)
            self.before[name] = self.add_columns(len(begins), low=low, high=high)
            previous[begins] = self.before[name]
            if not self.apart:
                held = self.start.battery_kwh if name == "eb" else self.start.tank_kwh
                self.fix(self.before[name], held)
        elif self.apart:
            previous[self.first] = level[self.last]
        return previous

    def _balances(self) -> None:
        demand, devices, of = self.demand, self.devices, self.of
        net = demand.generation_kwh - demand.load_kwh
        used = [(of[name], 1.0) for name in ("hp", "bc", "exp")]
        self.add_rows([*used, (of["imp"], -1.0), (of["bd"], -1.0)], net, net)
        heat = demand.heat_kwh
        self.add_rows([(of["hp"], devices.cop), (of["td"], 1.0), (of["tc"], -1.0)], heat, heat)
        for level, charge, discharge, eta, kept in (
            ("eb", "bc", "bd", devices.battery_efficiency, 1.0),
            ("et", "tc", "td", devices.tank_efficiency, self.kept),
        ):
            change = [(of[charge], -eta), (of[discharge], 1.0 / eta)]
            self.add_rows([(of[level], 1.0), (self.previous[level], -kept), *change], 0.0, 0.0)
            if self.start is None and not self.apart and len(self.last) > 1:
                midnights = of[level][self.last]
                self.add_rows([(midnights[1:], 1.0), (midnights[:-1], -1.0)], 0.0, 0.0)

    @property
    def kept(self) -> float:
        """Share of its heat that the tank keeps over a step [-]."""
        return float(kept_share(self.devices.tank_loss_per_h, self.demand.step_h))

    def _limits_by_size(self) -> None:
        devices, step_h = self.devices, self.demand.step_h
        battery, tank = (np.full(self.demand.steps, size) for size in self.sizes)
        for name, size, limit in (
            ("eb", battery, devices.soc_max),
            ("bc", battery, devices.battery_power_per_kwh * step_h),
            ("bd", battery, devices.battery_power_per_kwh * step_h),
            ("et", tank, 1.0),
            ("tc", tank, devices.tank_power_per_kwh * step_h),
            ("td", tank, devices.tank_power_per_kwh * step_h),
        ):
            self.add_rows([(self.of[name], 1.0), (size, -limit)], -np.inf, 0.0)
        if devices.battery_exports:
            given = devices.battery_power_per_kwh * step_h
            most = self.demand.generation_kwh
            self.add_rows([(self.of["exp"], 1.0), (battery, -given)], -np.inf, most)
        self.add_rows([(self.of["eb"], -1.0), (battery, devices.soc_min)], -np.inf, 0.0)

    def hold_at_midnight(
        self, battery_kwh: FloatArray | float, tank_kwh: FloatArray | float
    ) -> None:
        """Let the storages hold what is stated at the end of every day [kWh, kWh of heat]."""
        for name, held in (("eb", battery_kwh), ("et", tank_kwh)):
            self.fix(self.of[name][self.last], held)

    def begin_with(self, battery_kwh: FloatArray, tank_kwh: FloatArray) -> None:
        """Let the storages hold what is stated before every day [kWh, kWh of heat]."""
        for name, held in (("eb", battery_kwh), ("et", tank_kwh)):
            self.fix(self.before[name], held)

    def forbid_at_once(self, *, everywhere: bool = False) -> None:
        """Forbid to buy and deliver, or to charge and discharge, in steps where it would pay.

        Parameters
        ----------
        everywhere : bool, optional
            Forbid to charge and discharge at once in all steps: it may pay to make room for the
            energy of a later day, though that is rare (`burning`).

        Raises
        ------
        InputError
            If that needs binary variables and the sizes are free, too.
        """
        nets = self.nets
        burns = {name: self._burns(name, everywhere=everywhere) for name in ("eb", "et")}
        if self.sized and (nets.any() or any(steps.any() for steps in burns.values())):
            message = "with these prices it would pay to do two things at once"
            allowed = "prices above 0 and feed-in below them, or a search over given sizes"
            raise InputError([Problem("sizing as one linear programme", message, allowed)])
        if nets.any():
            HouseModes(self).forbid_both(nets)
        for level, steps in burns.items():
            if steps.any():
                self._forbid_burning(level, np.flatnonzero(steps))

    def _forbid_burning(self, level: str, at: Columns) -> None:
        """Let a storage either charge or discharge in some steps."""
        battery = level == "eb"
        charge, discharge = (self.of[f"{level[1]}{way}"][at] for way in "cd")
        most = self.rated_kwh[0 if battery else 1]
        devices = self.devices
        eta = devices.battery_efficiency if battery else devices.tank_efficiency
        either = self.choices(at)
        self.add_rows([(charge, 1.0), (either, -most)], -np.inf, 0.0)
        self.add_rows([(discharge, 1.0), (either, most)], -np.inf, most)
        # Then it charges into room, and discharges energy, that was there before.
        held = (self.previous[level][at], 1.0 if battery else self.kept)
        low, high = self.level_limits(level)
        self.add_rows([held, (charge, eta)], -np.inf, high)
        self.add_rows([held, (discharge, -1.0 / eta)], low, np.inf)

    def choices(self, steps: Columns) -> Columns:
        """Add a binary variable for each of some steps, and return their columns."""
        columns = self.add_columns(len(steps), high=1.0, binary=True)
        self._choices.append((columns, steps))
        return columns

    def choices_by_day(self) -> list[Columns]:
        """Return the columns of each day's binary variables, in one order for the same day."""
        columns, steps = (
            np.concatenate([np.empty(0, dtype=np.intp), *(each[k] for each in self._choices)])
            for k in range(2)
        )
        day = np.searchsorted(self.last, steps)
        order = np.argsort(day, kind="stable")
        return np.split(columns[order], np.searchsorted(day[order], np.arange(1, len(self.last))))

    @property
    def nets(self) -> NDArray[np.bool_]:
        """Steps in which buying to deliver would pay."""
        prices: HousePrices = self.prices
        pays: NDArray[np.bool_] = prices.feed_in > prices.taxed
        return pays & self._delivers

    @property
    def _delivers(self) -> NDArray[np.bool_]:
        """Steps in which anything can be delivered."""
        always = self.devices.battery_exports and (self.sized or self.rated_kwh[0] > 0)
        return np.logical_or(self.demand.generation_kwh > 0, always)

    def _burns(self, storage: str, *, everywhere: bool) -> NDArray[np.bool_]:
        """Return in which steps charging and discharging at once might pay.

        A unit charged and discharged at once loses 1 - eta^2 of it and wears by eta^2. Where that
        pays in a step it may pay in others of the day, to have room for it.
        """
        prices, devices, demand = self.prices, self.devices, self.demand
        battery = storage == "eb"
        limit = self.rated_kwh[0 if battery else 1]
        eta = devices.battery_efficiency if battery else devices.tank_efficiency
        wear = prices.battery_wear if battery else prices.tank_wear
        per_kwh = 1.0 if battery else devices.cop
        through = eta**2
        if (limit == 0 and not self.sized) or (through == 1.0 and wear == 0.0):
            return np.zeros(demand.steps, dtype=np.bool_)
        worth = np.where(self._delivers, np.minimum(prices.taxed, prices.feed_in), prices.taxed)
        pays = worth * (1.0 - through) / per_kwh + wear * through <= 0.0
        if everywhere:
            return np.ones(demand.steps, dtype=np.bool_)
        lengths = np.diff(np.append(self.first, demand.steps))
        burns: NDArray[np.bool_] = np.repeat(np.logical_or.reduceat(pays, self.first), lengths)
        return burns

    def flows(self, values: FloatArray, *, relaxed: bool = False) -> HouseFlows:
        """Return what a solution is, at least 0, and never both ways where that is idle.

        Parameters
        ----------
        values : array
            The solution.
        relaxed : bool, optional
            It may buy and deliver at once.
        """
        found = {name: np.maximum(values[columns], 0.0) for name, columns in self.of.items()}
        prices, devices = self.prices, self.devices
        same = prices.feed_in == prices.taxed
        # Both at once without a loss is nothing at all; what binaries leave of it is rounding.
        for one, other, idle in (
            ("imp", "exp", same if relaxed else same | self.nets),
            ("bc", "bd", devices.battery_efficiency == 1.0),
            ("tc", "td", devices.tank_efficiency == 1.0),
        ):
            nothing = np.where(idle, np.minimum(found[one], found[other]), 0.0)
            found[one], found[other] = found[one] - nothing, found[other] - nothing
        return HouseFlows(
            import_kwh=found["imp"],
            export_kwh=found["exp"],
            charge_kwh=found["bc"],
            discharge_kwh=found["bd"],
            stored_kwh=found["eb"],
            heat_pump_kwh=found["hp"],
            tank_charge_kwh=found["tc"],
            tank_discharge_kwh=found["td"],
            tank_kwh=found["et"],
            unmet_heat_kwh=np.zeros(self.demand.steps),
        )

    def cost_by_day(self, values: FloatArray) -> FloatArray:
        """Return what each day of a solution costs where days are apart, shape (days,)."""
        steps = self.demand.steps
        each = (self.cost * values)[: len(VARIABLES) * steps].reshape(-1, steps).sum(axis=0)
        days: FloatArray = np.add.reduceat(each, self.first)
        for columns in self.before.values():
            days = days + self.cost[columns] * values[columns]
        return days

    def why_not(self, message: str) -> InputError:
        """Return why there is no dispatch: heat that nothing can give, or what HiGHS says."""
        demand, devices = self.demand, self.devices
        most_kwh = devices.heat_pump_kw * demand.step_h * devices.cop
        lacking = demand.heat_kwh > most_kwh * (1.0 + NEGLIGIBLE)
        if not lacking.any():
            return InputError([Problem("dispatch", f"no solution: {message}")])
        worst = int(np.argmax(demand.heat_kwh))
        problem = Problem(
            f"heat_kwh, step {worst}",
            f"{demand.heat_kwh[worst]:.3g} kWh of heat are needed, and in "
            f"{counted(int(lacking.sum()), 'step')} more than the heat pump makes; the tank of "
            f"{devices.tank_kwh:g} kWh of heat cannot give the rest",
            f"at most {most_kwh:.3g} kWh in a step, or a larger heat pump or tank",
        )
        return InputError([problem])

    def solution(self, gap: float, most_nodes: int | None = None, *, relaxed: bool = False) -> Any:
        """Return the solution.

        Raises
        ------
        InputError
            If there is none.
        """
        result = self.solve(gap, most_nodes, relaxed=relaxed)
        if result.x is None:
            raise self.why_not(result.message)
        return result
