"""Electric vehicles: batteries that drive between communities and trade where they park."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.driven_battery import DrivenBattery, DrivenBatteryRows
from hmesh.agents.known_tariffs import KnownTariffs
from hmesh.agents.row_agent import Column
from hmesh.agents.step_payment import StepPayment
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, energy_at_plug, usable_kwh
from hmesh.environment.charging_curve import ChargingCurves
from hmesh.environment.population import Population
from hmesh.environment.vehicle_battery import vehicle_bounds, within_plug
from hmesh.markets.answer_curves import COLUMNS, answer_curve, sum_of_curves
from hmesh.markets.answers import Answers
from hmesh.markets.departure_value import StoreColumns, best_response_before_departure
from hmesh.markets.learned_demand import learn_demand
from hmesh.markets.tariff_response import best_under_tariff
from hmesh.markets.vehicle_response import best_response


class ElectricVehicle(DrivenBattery):
    """A battery on wheels that weighs the energy it holds against its price."""

    decisions = ("respond",)

    lam = Column(np.float64, "money/kWh", 60.0, "value of the first kWh held")
    theta = Column(np.float64, "money/kWh^2", 2.0, "fall of that value with every kWh held")
    v2g_kw = Column(np.float64, "kW", np.nan, "rating at the plug discharging; NaN: as charging")
    charging_curve = Column(np.int16, "-", -1, "charging curve of its battery; -1 for none")
    soc_start = Column(np.float64, "-", 0.5, "state of charge with which it begins")
    wanted_kwh = Column(np.float64, "kWh", 0.0, "usable energy that it wants at its departure")
    miss_weight = Column(np.float64, "money/kWh", 0.0, "value of a kWh below that, added to lam")
    keeps_reserve = Column(np.bool_, "-", True, "whether it keeps the energy of its next trip")
    vehicle_group = Column(np.int16, "-", 0, "group of vehicles that it belongs to")
    model_row = Column(np.int16, "-", -1, "row in the table of models; -1 for none")
    day_plan = Column(np.int32, "-", 0, "day plan it follows")
    community = Column(np.int16, "-", 0, "where it is parked longest; -1 on the road", state=True)
    place = Column(np.int16, "-", 0, "where it is as the step ends; -1 on the road", state=True)
    day_finished = Column(np.bool_, "-", False, "in its night at home", state=True)
    night_now = Column(np.bool_, "-", False, "in its night at home as the step ends", state=True)
    next_trip_km = Column(np.float64, "km", 0.0, "length of the next trip it knows of", state=True)
    km_before_plug = Column(
        np.float64, "km", 0.0, "distance driven in this step before it is last plugged in",
        state=True,
    )  # fmt: skip
    plugged_part = Column(
        np.float64, "-", 1.0, "part of the step in which it is plugged in where it is parked",
        state=True,
    )  # fmt: skip
    plug = Column(np.int8, "-", -1, "kind of charger that it holds as the step ends", state=True)
    asks_since_ms = Column(np.int64, "ms", -1, "since when it awaits a plug, or -1", state=True)
    arrived_ms = Column(np.int64, "ms", 0, "when it arrived where it is", state=True)
    plugged_since_ms = Column(np.int64, "ms", 0, "when it was plugged in there", state=True)
    session_kwh = Column(np.float64, "kWh", 0.0, "drawn since it was plugged in", state=True)
    session_sold_kwh = Column(np.float64, "kWh", 0.0, "delivered since then", state=True)
    plug_kw = Column(np.float64, "kW", np.inf, "highest power of its plug in the step", state=True)
    plug_v2g_kw = Column(
        np.float64, "kW", np.inf, "highest power of its plug discharging in the step", state=True
    )
    way_kwh = Column(
        np.float64, "kWh", -1.0, "charged at a stop on the way in this step; -1 at no stop",
        state=True,
    )  # fmt: skip
    home = Column(np.int16, "-", -1, "community of its home, -1 where nobody asks for it")
    plugs_in = Column(np.bool_, "-", True, "whether it plugs in where it is", state=True)
    charger_out = Column(
        np.bool_, "-", False, "whether its charger is out for all of the step", state=True
    )
    cut_off = Column(np.bool_, "-", False, "whether an outage keeps its plug idle", state=True)

    @property
    def can_exchange(self) -> bool:
        """Whether it is plugged in, and no outage keeps its plug idle."""
        return self.community >= 0 and self.plugged_part > 0 and not self.cut_off

    @property
    def part_of_step(self) -> float:
        """Part of the step in which it can exchange energy, 0..1."""
        return self.plugged_part if self.can_exchange else 0.0

    @property
    def energy_at_plug_kwh(self) -> float:
        """Stored energy when it is last plugged in within this step [kWh]."""
        held = energy_at_plug(self.energy_kwh, self.km_before_plug, self.consumption_kwh_per_km)
        return float(held)

    def exchange_bounds(self) -> tuple[float, float]:
        """Return the least and the greatest energy it can exchange in this step [kWh]."""
        if self.way_kwh >= 0.0:
            return self.way_kwh, self.way_kwh
        lower, upper = vehicle_bounds(
            self.energy_at_plug_kwh, self.capacity_kwh, self.soc_min, self.soc_max, self.power_kw,
            self.model.calendar.step_h, self.charge_efficiency, self.discharge_efficiency,
            self.held_back_kwh, self.part_of_step, self.v2g_kw, curves_of(self.group),
            self.charging_curve, self.plug_kw,
        )  # fmt: skip
        lower, upper = within_plug(
            (lower, upper), self.plug_kw, self.plug_v2g_kw, self.model.calendar.step_h,
            self.part_of_step,
        )  # fmt: skip
        return float(lower), float(upper)

    def step(self) -> None:
        """Drive, hear the price of the step and exchange what suits it best.

        Without a price it charges until full, once its night at home has begun.
        """
        exchange = self._exchange() if self.community >= 0 else 0.0
        held = float(
            charged(
                self.energy_at_plug_kwh, exchange, self.charge_efficiency, self.discharge_efficiency
            )
        )
        wanted = (self.driven_km - self.km_before_plug) * self.consumption_kwh_per_km
        self.energy_kwh = held - min(wanted, held)

    def _exchange(self) -> float:
        """Return what it exchanges in the step, by what it has heard [kWh]."""
        if self.way_kwh >= 0.0:
            return float(self.way_kwh)
        if self.population.heard["unpriced"]:
            return self.exchange_bounds()[1] if self.day_finished else 0.0
        known: KnownTariffs | None = self.population.heard.get("tariffs")
        terms = None if known is None else known.of(self.row)
        if terms is not None:
            return float(best_under_tariff(self.as_rows().stores(), terms)[0])
        price = float(self.heard("price"))
        return 0.0 if np.isnan(price) else self.respond(price)

    def respond(self, price: float) -> float:
        """Return the energy it exchanges at ``price`` [kWh], above 0 when charging.

        Override it to give a vehicle its own decision rule; what lies outside its
        `exchange_bounds` is refused. It must change nothing: it is asked at many prices.
        """
        if type(self) is not ElectricVehicle and self.by_rows("respond"):
            return float(type(self).respond_rows(self.as_rows(), price)[0])
        lower, upper = self.exchange_bounds()
        usable = usable_kwh(self.energy_at_plug_kwh, self.capacity_kwh, self.soc_min)
        if self.miss_weight > 0.0:
            stores = self.as_rows().stores()
            return float(best_response_before_departure(price, stores)[0])
        energy = best_response(
            price, self.lam, self.theta, usable, lower, upper,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        return float(energy)

    def curve(self, lowest_price: float, highest_price: float) -> FloatArray:
        """Return its answer to every price, by `answer_curves.COLUMNS`, shape (14,).

        It follows from what it responds to some prices of the range, unless its class states it for
        many at once by `curve_rows`. NaN where no clipped line and no battery explains that: then
        it is asked about prices.
        """
        if self.by_rows("curve"):
            stated: FloatArray = self.curve_rows(self.as_rows())[0]
            return stated
        learned = learn_demand(
            lambda price: np.array([self.respond(price)]), 0.0, lowest_price, highest_price,
            charge_efficiency=self.charge_efficiency,
            discharge_efficiency=self.discharge_efficiency,
        )  # fmt: skip
        if learned.unexplained[0]:
            return np.full(len(COLUMNS), np.nan)
        return answer_curve(learned.kinks)

    # A class whose vehicles answer by curves has a class method `curve_rows(cls, vehicles)`, which
    # returns a row of `hmesh.markets.answer_curves.COLUMNS` for each of them.
    curve_rows: ClassVar[Any]

    @classmethod
    def answers_rows(cls, vehicles: "VehicleRows") -> Answers:
        """Return what vehicles that state curves would exchange together at every price."""
        return sum_of_curves(0.0, vehicles.curves(cls))

    @classmethod
    def respond_rows(cls, vehicles: "VehicleRows", price: float) -> FloatArray:
        """Return the energies that many vehicles exchange at ``price`` [kWh], shape (n,).

        Override it in place of `respond`, so that vehicles of a behaviour decide at once.
        """
        stores = vehicles.stores()
        if (stores.miss_weight > 0.0).any():
            return best_response_before_departure(price, stores)
        energy: FloatArray = best_response(
            price, stores.lam, stores.theta, stores.usable_kwh, stores.lower_kwh,
            stores.upper_kwh, stores.charge_efficiency, stores.discharge_efficiency,
        )  # fmt: skip
        return energy

    def learn(self, settlement: StepPayment[float]) -> None:
        """Take in what it paid in a step in which it was asked a price.

        It is called once a step, before batteries move, of vehicles that are plugged in and have a
        behaviour. Here and in `revise`, and nowhere else, a behaviour changes its columns.
        """
        if self.by_rows("learn"):
            here = StepPayment(
                np.array([settlement.price]), np.array([settlement.energy_kwh]),
                settlement.mean_paid,
            )  # fmt: skip
            self.learn_rows(self.as_rows(), here)

    @classmethod
    def learn_rows(cls, vehicles: "VehicleRows", settlement: StepPayment[FloatArray]) -> None:
        """Take in what many vehicles paid; override it in place of `learn`.

        It is called once a step of all vehicles of a class that were asked a price, in whichever
        community; ``settlement.price`` is an array then.
        """

    def revise(self) -> None:
        """Look around once the step is settled, wherever it is; it is called after `learn`."""
        if self.by_rows("revise"):
            self.revise_rows(self.as_rows())

    @classmethod
    def revise_rows(cls, vehicles: "VehicleRows") -> None:
        """Let many vehicles look around; override it in place of `revise`.

        It is called once a step of all vehicles of a class, those on the road included.
        """

    def as_rows(self) -> "VehicleRows":
        """Return it as rows, of which there is one."""
        return VehicleRows(self.model, self.population, np.array([self.row]))


class VehicleRows(DrivenBatteryRows):
    """Many vehicles at once: what a behaviour decides for, and lets learn."""

    __slots__ = ("_of_step",)

    _of_step: dict[str, Any]

    def __init__(
        self,
        model: Any,
        population: Population,
        rows: NDArray[np.intp],
        bounds: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        super().__init__(model, population, rows, bounds)
        object.__setattr__(self, "_of_step", {})

    def curves(self, kind: type[ElectricVehicle]) -> FloatArray:
        """Return the curves that a class gives these vehicles; computed once a step."""
        curves: FloatArray = self.once("curves", lambda: kind.curve_rows(self))
        return curves

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is worked out once for the questions of a step, by its name."""
        if name not in self._of_step:
            self._of_step[name] = make()
        return self._of_step[name]

    def draw(self, purpose: str, step: int | None = None) -> FloatArray:
        """Return a uniform draw for each, shape (n,), from a stream of the purpose and the step.

        Each group of vehicles has its own stream, and a vehicle the draw of its row: neither
        who else has the behaviour nor further vehicles move it.
        """
        at = self.model.step_index if step is None else step
        drawn: FloatArray = self.population.group.drawn(purpose, at)[self.rows]
        return drawn

    @property
    def step_h(self) -> float:
        """Length of the step [h]."""
        hours: float = self.model.calendar.step_h
        return hours

    @property
    def can_exchange(self) -> NDArray[np.bool_]:
        """Whether each is plugged in, and no outage keeps its plug idle."""
        can: NDArray[np.bool_] = (self.community >= 0) & (self.plugged_part > 0) & ~self.cut_off
        return can

    @property
    def energy_at_plug_kwh(self) -> FloatArray:
        """Stored energy of each when it is last plugged in within this step [kWh]."""
        return energy_at_plug(self.energy_kwh, self.km_before_plug, self.consumption_kwh_per_km)

    @property
    def part_of_step(self) -> FloatArray:
        """Part of the step in which each can exchange energy, 0..1."""
        return np.where(self.can_exchange, self.plugged_part, 0.0)

    def exchange_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest energy each can exchange in this step [kWh]."""
        if self._bounds is not None:
            return self._bounds
        lower, upper = vehicle_bounds(
            self.energy_at_plug_kwh, self.capacity_kwh, self.soc_min, self.soc_max, self.power_kw,
            self.model.calendar.step_h, self.charge_efficiency, self.discharge_efficiency,
            self.reserve_kwh, self.part_of_step, self.v2g_kw, curves_of(self.population.group),
            self.charging_curve, self.plug_kw,
        )  # fmt: skip
        lower, upper = within_plug(
            (lower, upper), self.plug_kw, self.plug_v2g_kw, self.model.calendar.step_h,
            self.part_of_step,
        )  # fmt: skip
        at_stop = self.way_kwh >= 0.0
        if at_stop.any():
            lower = np.where(at_stop, self.way_kwh, lower)
            upper = np.where(at_stop, self.way_kwh, upper)
        return lower, upper

    def stores(self) -> StoreColumns:
        """Return what each values energy at and can exchange in this step."""
        lower, upper = self.exchange_bounds()
        usable = usable_kwh(self.energy_at_plug_kwh, self.capacity_kwh, self.soc_min)
        return StoreColumns(
            self.lam, self.theta, usable,
            lower, upper, self.charge_efficiency, self.discharge_efficiency,
            self.wanted_kwh, self.miss_weight,
        )  # fmt: skip


def curves_of(group: Any) -> ChargingCurves | None:
    """Return the charging curves of a fleet; None where its batteries have none."""
    curves: ChargingCurves | None = getattr(group, "curves", None)
    return curves
