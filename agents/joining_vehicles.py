"""Vehicles that join and leave their aggregator, month by month, by what that saved them."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import VehicleRows
from hmesh.agents.planning_vehicles import NowAndThenVehicle
from hmesh.agents.row_agent import Column
from hmesh.agents.step_payment import StepPayment
from hmesh.environment.arrays import FloatArray
from hmesh.markets.departure_value import gain_since
from hmesh.markets.membership import chance_to_take_part, savings_beside_others

type Paid = StepPayment[FloatArray]

A_MONTH_H = 730.0


class JoiningVehicle(NowAndThenVehicle):
    """Best-responds while it is a member of its aggregator, and else charges as it comes home."""

    member = Column(np.int8, "-", -1, "1 for a member, 0 for none; -1: its first draw", state=True)
    month_gain = Column(np.float64, "money", 0.0, "what it has gained this month", state=True)
    worth_before = Column(
        np.float64, "money", np.nan, "worth of what it held after its last exchange", state=True
    )

    kind_of: ClassVar[Any]

    @classmethod
    def begin_rows(cls, vehicles: VehicleRows) -> None:
        """Note who is compared with whom: those that begin in the same community."""
        kinds = np.unique(vehicles.community, return_inverse=True)[1].astype(np.intp)
        cls.kind_of = staticmethod(lambda: kinds)

    @classmethod
    def members(cls, vehicles: VehicleRows) -> NDArray[np.bool_]:
        """Return who is a member in this month."""
        first = vehicles.draw("first members of aggregators", 0) < cls.given.first_share
        return np.asarray(np.where(vehicles.member < 0, first, vehicles.member == 1))

    @classmethod
    def settled(cls, vehicles: VehicleRows) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return what each would charge in its night at home, and who is a member."""
        _, upper = vehicles.exchange_bounds()
        return np.where(vehicles.day_finished, upper, 0.0), cls.members(vehicles)

    @classmethod
    def learn_rows(cls, vehicles: VehicleRows, settlement: Paid) -> None:
        """Add what the step has brought, what driving has taken since the last one included."""
        gain, after = gain_since(
            vehicles.stores(), settlement.energy_kwh, settlement.paid, vehicles.worth_before
        )
        vehicles.month_gain = vehicles.month_gain + gain
        vehicles.worth_before = after

    @classmethod
    def revise_rows(cls, vehicles: VehicleRows) -> None:
        """Choose for the next month where one ends."""
        world, given = vehicles.model, cls.given
        step, calendar = world.step_index, world.calendar
        today = calendar.date_of(step)
        if calendar.date_of(step + 1).month == today.month:
            return
        # Comparing takes the whole group: kinds are known by the number in it.
        everybody = VehicleRows(world, vehicles.population, vehicles.population.group.rows_of(cls))
        own = np.searchsorted(everybody.rows, vehicles.rows)
        members = cls.members(everybody)
        began_h = max(calendar.elapsed_h(today.replace(day=1), 0.0), 0.0)
        months = ((step + 1) * vehicles.step_h - began_h) / A_MONTH_H
        gain = everybody.month_gain / months
        saving = savings_beside_others(gain, members, cls.kind_of())[own]
        chance = chance_to_take_part(saving, given.cost, given.sensitivity)
        reconsiders = vehicles.draw("reconsidered aggregator") < given.reconsiders
        joins = vehicles.draw("chosen aggregator") < chance
        vehicles.member = np.where(reconsiders, joins, members[own]).astype(np.int8)
        vehicles.month_gain = 0.0
