"""Members with a tariff of their own: what their meters read, and what they pay the utility."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.consumer import Consumer
from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.retail_tariff import base_charge
from hmesh.environment.tariff_bands import month_of_steps
from hmesh.runs.scenarios.groups_with_tariff import groups_with_tariff
from hmesh.runs.world.member_payments import MemberPayments
from hmesh.runs.world.members import Members
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
    from hmesh.runs.world.simulation import Simulation


WHO, PREFIX = "consumers", "member"


@dataclass(frozen=True, slots=True)
class GroupTariff:
    """The tariff of a group of members over a run.

    Attributes
    ----------
    kind : type
        What the members are.
    rows : slice
        Which of this kind they are.
    community : int
        Where they are.
    bill : StatedBill
        The parts of the tariff.
    base_charge : array, shape (steps,)
        What a meter pays in each step whatever it uses [money].
    month_ends : array of bool, shape (steps,)
        Whether a month, or the run, ends with the step.
    netted : bool
        Whether a delivery is worth as much as a purchase of its month.
    """

    kind: type[Consumer]
    rows: slice
    community: int
    bill: StatedBill
    base_charge: FloatArray
    month_ends: NDArray[np.bool_]
    netted: bool

    @property
    def meters(self) -> int:
        """How many members there are."""
        return int(self.rows.stop - self.rows.start)

    def bills(self) -> MeterBills:
        """Return what their meters pay, before the first step."""
        return MeterBills(
            self.bill, self.base_charge, self.meters, who=WHO, prefix=PREFIX,
            netted_to=self.month_ends if self.netted else None,
        )  # fmt: skip


def make_group_tariffs(
    scenario: "Scenario", calendar: Calendar, members: Members
) -> tuple[GroupTariff, ...]:
    """Return the tariffs of all groups of members that have one.

    Raises
    ------
    InputError
        If bands leave a time without a price, or a file or dataset cannot be used.
    """
    rows = {
        group.name: (kind, group.rows)
        for kind, groups in members.groups.items()
        for group in groups
    }
    names, steps, found = list(scenario.communities), scenario.steps, []
    for community, place, group in groups_with_tariff(scenario):
        kind, own = rows[f"{community}/{group.name}"]
        tariff = group.tariff
        found.append(
            GroupTariff(
                kind, own, names.index(community),
                stated_bill(tariff, scenario, calendar, place, PREFIX),
                base_charge(calendar, steps, tariff.base_charge_per_month),
                np.append(np.diff(month_of_steps(calendar, steps)) > 0, True),
                tariff.netted,
            )
        )  # fmt: skip
    return tuple(found)


class MemberTariffs:
    """The members of a world that have a tariff of their own, and settle with the utility.

    A meter reads what a member uses less what it generates in the step: it buys or delivers.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    load_kwh, generated_kwh : array, shape (communities,)
        What they use and generate in the step, which is no trade with the aggregator [kWh].
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.groups = simulation.setting.tariffs_of_members
        self._bills = [group.bills() for group in self.groups]
        self.with_tariff = {
            kind: np.zeros(len(group), dtype=np.bool_)
            for kind, group in simulation.consumers.items()
        }
        for group in self.groups:
            self.with_tariff[group.kind][group.rows] = True
        self._places = len(simulation.setting.communities)

    def read(self) -> None:
        """Read the meters of the step, and work out what they pay."""
        simulation, step = self.simulation, self.simulation.step_index
        self.load_kwh, self.generated_kwh = np.zeros((2, self._places))
        self._flows: list[tuple[FloatArray, FloatArray]] = []
        self._parts: list[list[PartOfBill]] = []
        for group, bills in zip(self.groups, self._bills, strict=True):
            load = simulation.consumers[group.kind].population["load_kwh"][group.rows]
            generated = simulation.meters.generated_kwh.get(group.kind)
            sun = np.zeros(group.meters) if generated is None else generated[group.rows]
            net = load - sun
            bought, sold = np.maximum(net, 0.0), np.maximum(0.0 - net, 0.0)
            self.load_kwh[group.community] += float(load.sum())
            self.generated_kwh[group.community] += float(sun.sum())
            simulation.direct_kwh[group.community] += float(load.sum()) - float(sun.sum())
            self._flows.append((bought, sold))
            self._parts.append(bills.parts(step, bought, sold))

    def pay(self) -> None:
        """Enter what they pay and are paid, part by part."""
        due = PartsDue(WHO)
        for group, parts in zip(self.groups, self._parts, strict=True):
            for part in parts:
                amount = float(part.amount.sum())
                due.add(part, group.community, float(part.energy_kwh.sum()), amount)
                self.simulation.direct_income += utility_income(part, amount)
        due.pay(self.simulation)

    def payments(self) -> Iterator[MemberPayments]:
        """Yield what each of them buys and sells, pays and is paid in the step."""
        for group, parts, flows in zip(self.groups, self._parts, self._flows, strict=True):
            paid, received = paid_and_received(parts, WHO, group.meters)
            name = f"{group.kind.scenario_name}s"
            yield MemberPayments(name, *flows, paid, received, group.rows)

    def sums(self) -> dict[str, float]:
        """Return the energies and the parts of the bills of the step."""
        found = {
            f"{PREFIX}_tariff_import_kwh": sum(float(b.sum()) for b, _ in self._flows),
            f"{PREFIX}_tariff_export_kwh": sum(float(s.sum()) for _, s in self._flows),
        }
        every = (part for parts in self._parts for part in parts)
        return found | bill_sums(every, WHO, PREFIX)

    def move(self) -> None:
        """Let the month go on."""
        step = self.simulation.step_index
        for bills, flows in zip(self._bills, self._flows, strict=True):
            bills.move(step, *flows)

    def state(self) -> list[dict[str, Any]]:
        """Return everything that changes during a run, live."""
        return [bills.state() for bills in self._bills]

    def restore(self, state: list[Mapping[str, Any]]) -> None:
        """Go on from an earlier `state`."""
        for bills, held in zip(self._bills, state, strict=True):
            bills.restore(held)
