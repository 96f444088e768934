"""Members with a meter each under a tariff of their own: what they pay, and know of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.retail_tariff import base_charge
from hmesh.environment.tariff_bands import month_of_steps
from hmesh.markets.tariff_response import TariffTerms
from hmesh.runs.world.member_payments import MemberPayments
from hmesh.runs.world.meter_bills import MeterBills, PartOfBill
from hmesh.runs.world.parts_of_bills import (
    PartsDue,
    bill_sums,
    paid_and_received,
    utility_income,
)
from hmesh.runs.world.stated_bill import StatedBill, stated_bill

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario
    from hmesh.runs.scenarios.tariff_of_meters import StatedTariff
    from hmesh.runs.world.simulation import Simulation

type Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class MeterGroup:
    """Meters under one tariff over a run.

    Attributes
    ----------
    name : str
        The group of members that they belong to.
    rows : array of int, shape (meters,)
        Which members of their kind have them, ascending.
    tariff : StatedTariff
        What the scenario states.
    bill : StatedBill
        The parts of the tariff.
    base_charge : array, shape (steps,)
        What a meter pays in each step whatever it uses [money].
    month_ends : array of bool, shape (steps,)
        Whether a month, or the run, ends with the step.
    """

    name: str
    rows: Rows
    tariff: "StatedTariff"
    bill: StatedBill
    base_charge: FloatArray
    month_ends: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Payers:
    """Who pays by meters.

    Attributes
    ----------
    kind : str
        Kind of the members, as in their accounts: "vehicles".
    party : str
        Who they are in the ledger, before the community.
    prefix : str
        What kinds of payments and figures begin with: "vehicle".
    """

    kind: str
    party: str
    prefix: str


def meter_group(
    name: str,
    rows: Rows,
    tariff: "StatedTariff",
    scenario: "Scenario",
    calendar: Calendar,
    place: str,
    prefix: str,
) -> MeterGroup:
    """Return the meters of a group of members.

    Parameters
    ----------
    name, rows, tariff : str, array of int, StatedTariff
        As those of `MeterGroup`.
    scenario, calendar : Scenario, Calendar
        The scenario and its calendar.
    place : str
        Key of the tariff, for errors.
    prefix : str
        What the kinds of its payments begin with.

    Raises
    ------
    InputError
        If bands leave a time without a price, or a file or dataset cannot be used.
    """
    month = month_of_steps(calendar, scenario.steps)
    return MeterGroup(
        name, rows, tariff, stated_bill(tariff, scenario, calendar, place, prefix),
        base_charge(calendar, scenario.steps, tariff.base_charge_per_month),
        np.append(np.diff(month) > 0, True),
    )  # fmt: skip


class TariffMeters:
    """The meters of members of one kind, group after group; they settle with the utility.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    groups : sequence of MeterGroup
        The groups.
    payers : Payers
        Who pays.

    Attributes
    ----------
    rows : array of int, shape (meters,)
        Which members of the kind have the meters.
    parts_of : list of slice
        The meters of each group.
    bought_kwh, sold_kwh, paid, received : array, shape (meters,)
        What each buys and delivers, pays and is paid in the step [kWh, money].
    place : array of int, shape (meters,)
        In the account of which community each is in the step.
    """

    bought_kwh: FloatArray
    sold_kwh: FloatArray
    paid: FloatArray
    received: FloatArray
    place: Rows

    def __init__(
        self, simulation: "Simulation", groups: Sequence[MeterGroup], payers: Payers
    ) -> None:
        self.simulation, self.groups, self.payers = simulation, tuple(groups), payers
        self.rows = np.concatenate([group.rows for group in groups]).astype(np.intp)
        ends = np.cumsum([0, *(len(group.rows) for group in groups)]).tolist()
        self.parts_of = [slice(a, b) for a, b in pairwise(ends)]
        self._bills = [self._meter_bills(group) for group in groups]
        self._drawn_kwh = np.zeros(len(self.rows))
        self._parts: list[list[PartOfBill]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def _meter_bills(self, group: MeterGroup) -> MeterBills:
        return MeterBills(
            group.bill, group.base_charge, len(group.rows), who=self.payers.party,
            prefix=self.payers.prefix,
            netted_to=group.month_ends if group.tariff.netted else None,
        )  # fmt: skip

    def terms(self, number: int, need_kw: FloatArray) -> TariffTerms:
        """Return what a kWh costs and brings the meters of a group in the step.

        They know their prices, what they have bought in the month and its highest power. The tier
        is the one in which the month is expected to end at the mean power of the run so far.
        Deliveries that are netted are taken to be worth a purchase.

        Parameters
        ----------
        number : int
            Which group.
        need_kw : array, shape (meters of the group,)
            Power up to which no demand charge keeps them from buying [kW].
        """
        group, step = self.groups[number], self.simulation.step_index
        mine, bill, count = self.parts_of[number], group.bill, len(group.rows)
        purchase = np.full(count, bill.purchase[step])
        rooms, surcharge = np.empty((0, count)), np.empty(0)
        if (monthly := bill.monthly) is not None:
            month, taxed = self._bills[number].month, 1.0 + bill.tax
            hours = step * self.simulation.step_h
            mean_kw = self._drawn_kwh[mine] / hours if step else np.zeros(count)
            purchase = purchase + taxed * monthly.foreseen(month, step, mean_kw)
            rooms = monthly.room_kwh(month, step, need_kw)
            surcharge = taxed * monthly.per_kwh
        feed_in = purchase if group.tariff.netted else np.full(count, bill.feed_in[step])
        return TariffTerms(purchase, feed_in, rooms, surcharge)

    def read(self, place: Rows, bought_kwh: FloatArray, sold_kwh: FloatArray) -> None:
        """Read the meters of the step, and work out what they pay.

        Parameters
        ----------
        place : array of int, shape (meters,)
            In the account of which community each is.
        bought_kwh, sold_kwh : array, shape (meters,)
            What each draws and delivers [kWh].
        """
        step, places = self.simulation.step_index, len(self.simulation.setting.communities)
        self.place, self.bought_kwh, self.sold_kwh = place, bought_kwh, sold_kwh
        self.simulation.direct_kwh += np.bincount(place, bought_kwh - sold_kwh, places)
        self.paid, self.received = np.zeros((2, len(self)))
        self._parts = []
        for bills, mine in zip(self._bills, self.parts_of, strict=True):
            parts = bills.parts(step, bought_kwh[mine], sold_kwh[mine])
            self.paid[mine], self.received[mine] = paid_and_received(
                parts, self.payers.party, mine.stop - mine.start
            )
            self._parts.append(parts)

    def pay(self) -> None:
        """Enter what they pay and are paid, part by part and community by community."""
        simulation, due = self.simulation, PartsDue(self.payers.party)
        places = len(simulation.setting.communities)
        for mine, parts in zip(self.parts_of, self._parts, strict=True):
            place = self.place[mine]
            there = np.unique(place).tolist()
            for part in parts:
                energies, amounts = (
                    np.bincount(place, values, places).tolist()
                    for values in (part.energy_kwh, part.amount)
                )
                simulation.direct_income += utility_income(part, sum(amounts))
                for m in there:
                    due.add(part, m, energies[m], amounts[m])
        due.pay(simulation)

    def payments(self) -> MemberPayments:
        """Return what each of them buys and sells, pays and is paid in the step."""
        return MemberPayments(
            self.payers.kind, self.bought_kwh, self.sold_kwh, self.paid, self.received, self.rows
        )

    @property
    def bill(self) -> float:
        """What all of them pay in the step less what they are paid [money]."""
        return float(self.paid.sum()) - float(self.received.sum())

    def sums(self) -> dict[str, float]:
        """Return the energies and the parts of the bills of the step."""
        prefix = self.payers.prefix
        every = (part for parts in self._parts for part in parts)
        return {
            f"{prefix}_tariff_import_kwh": float(self.bought_kwh.sum()),
            f"{prefix}_tariff_export_kwh": float(self.sold_kwh.sum()),
        } | bill_sums(every, self.payers.party, prefix)

    def move(self) -> None:
        """Let the month go on."""
        step = self.simulation.step_index
        for bills, mine in zip(self._bills, self.parts_of, strict=True):
            bills.move(step, self.bought_kwh[mine], self.sold_kwh[mine])
        self._drawn_kwh += self.bought_kwh

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live."""
        return {"drawn_kwh": self._drawn_kwh, "bills": [bills.state() for bills in self._bills]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self._drawn_kwh[...] = state["drawn_kwh"]
        for bills, held in zip(self._bills, state["bills"], strict=True):
            bills.restore(held)
