"""Vehicles that go by habit, plan ahead, or say that energy is worth more or less than it is."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.curve_vehicle import CurveVehicle
from hmesh.agents.electric_vehicle import VehicleRows
from hmesh.agents.row_agent import Column
from hmesh.agents.step_payment import StepPayment
from hmesh.environment.arrays import FloatArray
from hmesh.markets.answer_curves import constant_curves
from hmesh.markets.answers import Answers
from hmesh.markets.departure_value import (
    StoreColumns,
    answers_before_departure,
    best_response_before_departure,
    curves_before_departure,
)
from hmesh.markets.value_of_energy import (
    PlannedAnswer,
    PlanningStores,
    planned_answer,
    value_of_energy,
)

type Paid = StepPayment[FloatArray]

A_DAY_H = 24.0


class NowAndThenVehicle(CurveVehicle):
    """Exchanges some energy whatever the price, or best-responds; a subclass says which."""

    @classmethod
    def settled(cls, vehicles: VehicleRows) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return what each exchanges within its bounds [kWh], and who best-responds instead."""
        raise NotImplementedError

    @classmethod
    def curve_rows(cls, vehicles: VehicleRows) -> FloatArray:
        """Return a constant within its bounds where it does not look at the price."""
        energy, looks, stores = cls._terms(vehicles)
        curves = constant_curves(energy)
        if len(looks):
            curves[looks] = curves_before_departure(stores)
        return curves

    @classmethod
    def respond_rows(cls, vehicles: VehicleRows, price: float) -> FloatArray:
        """Return the energies at a price [kWh]."""
        energy, looks, stores = cls._terms(vehicles)
        energy = energy.copy()
        if len(looks):
            energy[looks] = best_response_before_departure(price, stores)
        return energy

    @classmethod
    def answers_rows(cls, vehicles: VehicleRows) -> Answers:
        """Return what they would exchange together at every price."""
        energy, looks, stores = cls._terms(vehicles)
        follow = float(energy.sum()) - float(energy[looks].sum())
        return answers_before_departure(follow, stores)

    @classmethod
    def _terms(cls, vehicles: VehicleRows) -> tuple[FloatArray, NDArray[np.intp], StoreColumns]:
        """Return what each does whatever the price, and who looks at the price instead."""

        def terms() -> tuple[FloatArray, NDArray[np.intp], StoreColumns]:
            energy, responds = cls.settled(vehicles)
            looks = np.flatnonzero(responds)
            return energy, looks, vehicles.stores().rows(looks)

        found: tuple[FloatArray, NDArray[np.intp], StoreColumns] = vehicles.once("terms", terms)
        return found


class HabitVehicle(NowAndThenVehicle):
    """Does what it did at that time of day before, and only now and then looks at the price."""

    attention = Column(np.float64, "-", 0.1, "how likely it best-responds instead")
    did_kwh = Column(
        np.float64, "kWh", np.nan, "what it last did at each time of day", state=True, width=1
    )

    @classmethod
    def widths(cls) -> dict[str, int]:
        """Return how many times of day it remembers."""
        return {"did_kwh": cls.given.day_slots}

    @classmethod
    def _slot(cls, vehicles: VehicleRows) -> int:
        hour = vehicles.model.calendar.hour_of_day(vehicles.model.step_index)
        return int(hour / A_DAY_H * cls.given.day_slots)

    @classmethod
    def settled(cls, vehicles: VehicleRows) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return what each did at that time of day before, and who looks at the price."""
        lower, upper = vehicles.exchange_bounds()
        did = vehicles.population["did_kwh"][vehicles.rows, cls._slot(vehicles)]
        follows = ~np.isnan(did) & (vehicles.draw("habit") >= vehicles.attention)
        return np.clip(np.nan_to_num(did), lower, upper), ~follows

    @classmethod
    def learn_rows(cls, vehicles: VehicleRows, settlement: Paid) -> None:
        """Remember what it did."""
        vehicles.population["did_kwh"][vehicles.rows, cls._slot(vehicles)] = settlement.energy_kwh


class PlanningVehicle(CurveVehicle):
    """Plans its next hours at the prices that it expects, and answers by what energy is worth."""

    @classmethod
    def _answer(cls, vehicles: VehicleRows) -> PlannedAnswer:
        """Return two clipped lines of each at the value of energy after the step."""

        def answer() -> PlannedAnswer:
            given, step_h = cls.given, vehicles.step_h
            steps = max(round(given.horizon_h / step_h), 1)
            # The price of this step is the one that it is asked about.
            expected = vehicles.model.expected_price.coming(steps)[1:]
            v2g = np.where(np.isnan(vehicles.v2g_kw), vehicles.power_kw, vehicles.v2g_kw)
            held = vehicles.stores()
            most = (vehicles.soc_max - vehicles.soc_min) * vehicles.capacity_kwh
            stores = PlanningStores(
                vehicles.lam, vehicles.theta, most, vehicles.power_kw * step_h, v2g * step_h,
                vehicles.charge_efficiency, vehicles.discharge_efficiency,
            )  # fmt: skip
            place = np.maximum(vehicles.community, 0)
            value = value_of_energy(stores, expected, place, given.levels)
            return planned_answer(stores, value, held.usable_kwh, held.lower_kwh, held.upper_kwh)

        found: PlannedAnswer = vehicles.once("answer", answer)
        return found

    @classmethod
    def curve_rows(cls, vehicles: VehicleRows) -> FloatArray:
        """Return two clipped lines of each."""
        return cls._answer(vehicles).curves()

    @classmethod
    def answers_rows(cls, vehicles: VehicleRows) -> Answers:
        """Return what they would exchange together at every price."""
        return cls._answer(vehicles).together()

    @classmethod
    def respond_rows(cls, vehicles: VehicleRows, price: float) -> FloatArray:
        """Return the energies at a price [kWh]."""
        return cls._answer(vehicles).energy_kwh(price)


class MisreportingVehicle(CurveVehicle):
    """Best-responds as if the first kWh were worth a multiple of what it is to it."""

    factor = Column(np.float64, "-", 1.0, "multiple of lam that it claims")

    @classmethod
    def claimed(cls, vehicles: VehicleRows) -> StoreColumns:
        """Return what it claims to value."""
        stores = vehicles.stores()
        return replace(stores, lam=np.multiply(stores.lam, vehicles.factor))

    @classmethod
    def curve_rows(cls, vehicles: VehicleRows) -> FloatArray:
        """Return the lines of what it claims."""
        return curves_before_departure(cls.claimed(vehicles))

    @classmethod
    def answers_rows(cls, vehicles: VehicleRows) -> Answers:
        """Return what they would exchange together by what they claim."""
        return answers_before_departure(0.0, cls.claimed(vehicles))

    @classmethod
    def respond_rows(cls, vehicles: VehicleRows, price: float) -> FloatArray:
        """Return the best response of what it claims [kWh]."""
        return best_response_before_departure(price, cls.claimed(vehicles))
