"""What meters under a stated tariff pay, step by step, and what is known of the month so far."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.monthly_charges import net_metering_credit
from hmesh.runs.world.stated_bill import StatedBill

UTILITY, STATE = "utility", "state"
# What is known of deliveries of a month: bought, delivered, and worth at both prices.
_NETTED = ("bought_kwh", "delivered_kwh", "at_purchase", "at_feed_in")


@dataclass(frozen=True, slots=True)
class PartOfBill:
    """A part of what meters pay in a step, or are paid.

    Attributes
    ----------
    kind : str
        What is paid for.
    payer, payee : str
        Who pays whom, without a community.
    price : float
        Price of a kWh, 0 of what is due whatever is used [money/kWh].
    energy_kwh, amount : array, shape (meters,)
        What is paid for, and how much [kWh, money].
    """

    kind: str
    payer: str
    payee: str
    price: float
    energy_kwh: FloatArray
    amount: FloatArray


class NetMetering:
    """What net metering knows of the month that has begun, meter by meter.

    Parameters
    ----------
    meters : int
        How many meters there are.
    purchase, feed_in : array, shape (steps,)
        What energy bought costs with fees and tax, and what a delivery is paid [money/kWh].
    ends : array of bool, shape (steps,)
        Whether a month, or the run, ends with the step.
    """

    def __init__(
        self, meters: int, purchase: FloatArray, feed_in: FloatArray, ends: NDArray[np.bool_]
    ) -> None:
        self._purchase, self._feed_in, self._ends = purchase, feed_in, ends
        self.month = {name: np.zeros(meters) for name in _NETTED}

    def _after(self, step: int, bought: FloatArray, sold: FloatArray) -> dict[str, FloatArray]:
        added = bought, sold, self._purchase[step] * sold, self._feed_in[step] * sold
        return {name: self.month[name] + more for name, more in zip(_NETTED, added, strict=True)}

    def credit(self, step: int, bought: FloatArray, sold: FloatArray) -> FloatArray:
        """Return what it adds for a month that ends with the step, shape (meters,) [money]."""
        if not self._ends[step]:
            return np.zeros(len(bought))
        return net_metering_credit(*self._after(step, bought, sold).values())

    def move(self, step: int, bought: FloatArray, sold: FloatArray) -> None:
        """Let the month go on, or another one begin."""
        for name, values in self._after(step, bought, sold).items():
            self.month[name][...] = 0.0 if self._ends[step] else values


class MeterBills:
    """What meters pay by one tariff.

    Parameters
    ----------
    bill : StatedBill
        The parts of the tariff.
    base_charge : array, shape (steps,)
        What a meter pays in each step whatever it uses [money].
    meters : int
        How many meters there are.
    who, prefix : str
        Who pays, and what kinds of payments begin with: "sites" and "site".
    netted_to : array of bool, shape (steps,), or None
        Whether a month, or the run, ends with the step, where deliveries are netted.

    Attributes
    ----------
    netting : NetMetering or None
        What is known of deliveries where they are netted.
    """

    def __init__(
        self,
        bill: StatedBill,
        base_charge: FloatArray,
        meters: int,
        *,
        who: str,
        prefix: str,
        netted_to: NDArray[np.bool_] | None,
    ) -> None:
        self._bill, self._base, self._meters = bill, base_charge, meters
        self._who, self._prefix, self.netting = who, prefix, None
        if netted_to is not None:
            self.netting = NetMetering(meters, bill.purchase, bill.feed_in, netted_to)
        self.month = {} if bill.monthly is None else bill.monthly.begun(meters)

    def parts(self, step: int, bought: FloatArray, sold: FloatArray) -> list[PartOfBill]:
        """Return what meters pay in a step, and are paid, part by part.

        Parameters
        ----------
        step : int
            The step.
        bought, sold : array, shape (meters,)
            What each draws and delivers in it [kWh].
        """
        bill, who, prefix, none = self._bill, self._who, self._prefix, np.zeros(self._meters)
        energy, feed_in = float(bill.energy[step]), float(bill.feed_in[step])
        base = np.full(self._meters, self._base[step])
        paid = [
            PartOfBill(f"{prefix}_purchase", who, UTILITY, energy, bought, energy * bought),
            *(
                PartOfBill(f"{prefix}_fee_{name}", who, UTILITY, fee, bought, fee * bought)
                for name, fee in bill.fees.items()
            ),
            *(
                PartOfBill(kind, who, UTILITY, 0.0, none, due)
                for kind, due in self._monthly(step, bought).items()
            ),
            PartOfBill(f"{prefix}_base_charge", who, UTILITY, 0.0, none, base),
            PartOfBill(f"{prefix}_feed_in", UTILITY, who, feed_in, sold, feed_in * sold),
        ]
        if self.netting is not None:
            credit = self.netting.credit(step, bought, sold)
            paid.append(PartOfBill(f"{prefix}_net_metering", UTILITY, who, 0.0, none, credit))
        if bill.tax:
            # Value added tax is put on what is bought, not on what is delivered.
            taxed = sum((part.amount for part in paid if part.payer == who), none)
            tax = bill.tax * taxed
            paid.append(PartOfBill(f"{prefix}_value_added_tax", who, STATE, 0.0, none, tax))
        return paid

    def _monthly(self, step: int, bought: FloatArray) -> Mapping[str, FloatArray]:
        """Return the charges of a month that ends with the step by kind, shape (meters,)."""
        monthly = self._bill.monthly
        if monthly is None:
            return {}
        if not monthly.ends[step]:
            return dict.fromkeys(monthly.kinds, np.zeros(self._meters))
        return monthly.charges(monthly.after(self.month, step, bought))

    def move(self, step: int, bought: FloatArray, sold: FloatArray) -> None:
        """Let the month go on, or another one begin."""
        if (monthly := self._bill.monthly) is not None:
            begun = monthly.begun(self._meters)
            known = monthly.after(self.month, step, bought)
            for name, values in (begun if monthly.ends[step] else known).items():
                self.month[name][...] = values
        if self.netting is not None:
            self.netting.move(step, bought, sold)

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, live."""
        netted = {} if self.netting is None else {"netted": self.netting.month}
        return {**({"month": self.month} if self.month else {}), **netted}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for kept, values in self._kept(state):
            kept[...] = values

    def _kept(self, state: Mapping[str, Any]) -> Iterator[tuple[FloatArray, FloatArray]]:
        for name, held in self.month.items():
            yield held, state["month"][name]
        if self.netting is not None:
            for name, held in self.netting.month.items():
                yield held, state["netted"][name]
