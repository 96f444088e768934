"""What houses with storages pay and are paid, step by step and month by month."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.schemes.composite_storage.setting import STATE, UNTAXED
from hmesh.runs.world.member_payments import MemberPayments, at_price
from hmesh.runs.world.meter_bills import NetMetering

if TYPE_CHECKING:
    from hmesh.runs.schemes.composite_storage.step import CompositeStorageHouses


class HousePayments:
    """The payments of all houses in a step, and the month that bills go on with.

    Parameters
    ----------
    houses : CompositeStorageHouses
        The houses of one strategy, and their world.

    Attributes
    ----------
    of_step : list
        The payments of the step, as `payments` returns them.
    """

    of_step: list[tuple[str, str, str, FloatArray, FloatArray, FloatArray]]

    def __init__(self, houses: "CompositeStorageHouses") -> None:
        self.houses, self.simulation, self.setting = houses, houses.simulation, houses.setting
        setting = self.setting
        self._inhabited = setting.inhabited
        self._places = len(self.simulation.setting.communities)
        self._base = houses.in_communities(houses.in_groups(np.ones(setting.houses)))
        monthly = setting.bill.monthly
        self._month = {} if monthly is None else monthly.begun(setting.houses)
        self.netting: NetMetering | None = None
        if setting.settings.tariff.netted:
            bill = setting.bill
            self.netting = NetMetering(
                setting.houses, bill.purchase, bill.feed_in, setting.month_ends
            )

    def begin_step(self) -> None:
        """Work out the payments of the step, where the price of communities is not in them."""
        self.of_step = [] if self.setting.local else self.payments()

    def payments(self) -> list[tuple[str, str, str, FloatArray, FloatArray, FloatArray]]:
        """Return the payments of the step: kind, payer, payee, prices, energies and amounts.

        Payer and payee are without their community; the arrays have the shape (communities,).
        """
        setting, step = self.setting, self.simulation.step_index
        prices, bill = setting.prices, setting.bill
        bought = self.houses.in_communities(self.houses.by_group["import_kwh"])
        sold = self.houses.in_communities(self.houses.by_group["export_kwh"])
        if (share := setting.settings.tariff.feed_in_share) is None:
            retailer = "utility"
            energy = np.full(self._places, bill.energy[step])
            feed_in = np.full(self._places, bill.feed_in[step])
        else:
            retailer = "aggregator"
            energy = self.simulation.paid_price()
            feed_in = share * energy
        base = setting.base_charge[step] * self._base
        tax = prices.carbon_tax * prices.emission_factor
        nothing = np.zeros(self._places)
        monthly = {
            kind: self.houses.in_communities(self.houses.in_groups(amount))
            for kind, amount in self._monthly_charges().items()
        }
        paid = [
            ("house_purchase", "houses", retailer, energy, bought, energy * bought),
            *(
                (f"house_fee_{name}", "houses", retailer, nothing + fee, bought, fee * bought)
                for name, fee in bill.fees.items()
            ),
            *((kind, "houses", retailer, nothing, nothing, due) for kind, due in monthly.items()),
            ("house_feed_in", retailer, "houses", feed_in, sold, feed_in * sold),
            ("house_base_charge", "houses", retailer, nothing, nothing, base),
            ("carbon_tax", "houses", STATE, nothing + tax, bought, tax * bought),
        ]
        if self.netting is not None:
            credit = self.houses.in_communities(self.houses.in_groups(self._credit()))
            paid.append(("house_net_metering", retailer, "houses", nothing, nothing, credit))
        if bill.tax:
            taxed = sum((amount for kind, *_, amount in paid if kind not in UNTAXED), nothing)
            due = bill.tax * taxed
            paid.append(("house_value_added_tax", "houses", STATE, nothing, nothing, due))
        return paid

    def _credit(self) -> FloatArray:
        """Return what net metering adds for a month that ends with the step, shape (houses,)."""
        if self.netting is None:
            return np.zeros(self.setting.houses)
        bought, sold = self._exchanged()
        return self.netting.credit(self.simulation.step_index, bought, sold)

    def _exchanged(self) -> tuple[FloatArray, FloatArray]:
        """Return what each house buys and sells in the step [kWh]."""
        energies = self.houses.energies_kwh
        return energies["import_kwh"], energies["export_kwh"]

    def _monthly_charges(self) -> dict[str, FloatArray]:
        """Return the charges of a month that ends with the step by kind, shape (houses,)."""
        setting, step = self.setting, self.simulation.step_index
        monthly = setting.bill.monthly
        if monthly is None:
            return {}
        if not monthly.ends[step]:
            return dict.fromkeys(monthly.kinds, np.zeros(setting.houses))
        known = monthly.after(self._month, step, self.houses.energies_kwh["import_kwh"])
        return monthly.charges(known)

    def pay(self) -> None:
        """Let houses pay for what they draw and the tax, and be paid for what they deliver."""
        simulation = self.simulation
        if self.setting.local:
            # The price of communities is set after houses have decided.
            self.of_step = self.payments()
        names, step = simulation.setting.communities, simulation.step_index
        asked = simulation.paid_price()
        for kind, payer, payee, prices, energies, amounts in self.of_step:
            for m in self._inhabited:
                sides = [
                    f"{side}@{names[m]}" if side in ("houses", "aggregator") else side
                    for side in (payer, payee)
                ]
                energy, amount = float(energies[m]), float(amounts[m])
                price = float(prices[m])
                simulation.ledger.pay(step, kind, sides[0], sides[1], energy, price, amount)
                utility = (payee == "utility") - (payer == "utility")
                simulation.direct_income += utility * amount
                if "aggregator" in (payer, payee):
                    # What the aggregator gets beyond the price of its community.
                    gets = 1.0 if payee == "aggregator" else -1.0
                    simulation.aggregator_margin += gets * (amount - float(asked[m]) * energy)

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each house pays for what it draws and the state, and is paid."""
        prices, bill, step = self.setting.prices, self.setting.bill, self.simulation.step_index
        bought, sold = self._exchanged()
        asked = self.simulation.paid_price()[self.setting.community]
        tax = prices.carbon_tax * prices.emission_factor
        if (share := self.setting.settings.tariff.feed_in_share) is None:
            paid = (float(prices.purchase[step]) + tax) * bought
            received = float(bill.feed_in[step]) * sold + self._credit()
        else:
            paid, received = (asked + tax) * bought, share * asked * sold
        # The price of energy has fees and value added tax in it, what is due by month has not.
        due = sum(self._monthly_charges().values(), self.setting.base_charge[step])
        paid = paid + (1.0 + bill.tax) * due
        yield MemberPayments("houses", bought, sold, paid, received)
        if self.houses.answers is not None:
            exchange = self.houses.answers.exchange_kwh.reshape(2, -1)
            more, less = np.maximum(exchange, 0.0), np.maximum(0.0 - exchange, 0.0)
            # Houses have a tariff of their own, and what their stores answer stays with it.
            more, less = more.sum(axis=0), less.sum(axis=0)
            yield at_price("houses", asked, more, less, shared=False)

    def move(self) -> None:
        """Let the month go on."""
        step, monthly = self.simulation.step_index, self.setting.bill.monthly
        bought, sold = self._exchanged()
        if monthly is not None:
            begun = monthly.begun(self.setting.houses)
            known = monthly.after(self._month, step, bought)
            for name, values in (begun if monthly.ends[step] else known).items():
                self._month[name][...] = values
        if self.netting is not None:
            self.netting.move(step, bought, sold)

    def state(self) -> dict[str, Any]:
        """Return what bills know of the month, live."""
        month = {"month": self._month} if self._month else {}
        netted = {} if self.netting is None else {"netted": self.netting.month}
        return {**month, **netted}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for name, values in self._month.items():
            values[...] = state["month"][name]
        for name, values in ({} if self.netting is None else self.netting.month).items():
            values[...] = state["netted"][name]
