"""Bills under a stated tariff worked out a second time: bands and charges of a month."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.reference.stated_tariff import (
    base_of_step,
    charges_of_months,
    credit_of_month,
    local_times,
    price_of_step,
    stated_in_file,
)
from hmesh.runs.audits.run_inputs import EXACT, RunInputs

if TYPE_CHECKING:
    import pandas as pd


def amounts_of_ledger(
    inputs: RunInputs, ledger: "pd.DataFrame", kind: str, side: str, steps: int
) -> tuple[FloatArray, FloatArray]:
    """Return energies [kWh] and amounts of a kind of payment as the ledger has them.

    For runs in which no other table settles them.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario of the run settles.
    ledger : DataFrame
        The table of payments.
    kind : str
        What is paid for.
    side : str
        The column with the party of the community: "payer" or "payee".
    steps : int
        Number of steps of the run.

    Returns
    -------
    tuple of two arrays, shape (steps, strategies, communities)
        Energies and amounts, 0 where the ledger has none.
    """
    shape = (2, steps, len(inputs.strategies), len(inputs.communities))
    energy, amount = np.zeros(shape)
    mine = ledger[ledger["kind"] == kind]
    s = [inputs.strategies.index(name) for name in mine["strategy"]]
    m = [inputs.communities.index(name.partition("@")[2]) for name in mine[side]]
    at = mine["step"].to_numpy()
    energy[at, s, m], amount[at, s, m] = mine["energy_kwh"], mine["amount"]
    return energy, amount


class BillAudit:
    """What meters should pay, by a second implementation.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario of the run settles.
    tariff : object
        What the scenario states.
    energy : array, shape (steps,)
        Price of energy in each step where no bands set it [money/kWh].
    community : array of int
        Number of the community of each meter.
    kinds : sequence of str
        The kinds of charges of a month that there are.
    prefix : str
        What these kinds begin with.

    Attributes
    ----------
    begins : list of datetime
        When each step begins, by the local clock.
    demand : list of DemandCharge
        The charges for the highest power of a month, those of a file too.
    """

    def __init__(
        self,
        inputs: RunInputs,
        tariff: Any,
        energy: FloatArray,
        community: NDArray[np.intp],
        kinds: Sequence[str],
        prefix: str,
    ) -> None:
        self.inputs, self.tariff, self.kinds = inputs, tariff, kinds
        self._energy, self._community, self._prefix = energy, community, prefix
        self.calendar = inputs.calendar
        start = self.calendar.time_of(0).astimezone(self.calendar.zone)
        self.begins = local_times(start, inputs.steps, inputs.step_h)
        self._bands = list(tariff.bands)
        self.demand = list(tariff.demand_charges)
        if tariff.file is not None:
            path = inputs.scenario.path_of(tariff.file)
            minutes = max(15, round(60 * inputs.step_h))
            self._bands, of_file = stated_in_file(path, minutes)
            self.demand += of_file

    def energy(self) -> FloatArray:
        """Return the price of energy in each step, without fees and tax [money/kWh]."""
        if not self._bands:
            return self._energy
        holiday = self.calendar.is_holiday
        return np.array(
            [price_of_step(self._bands, at, self.inputs.step_h, holiday) for at in self.begins]
        )

    def monthly(self, bought_kwh: FloatArray) -> dict[str, FloatArray]:
        """Return the charges of months by kind, of shape (steps, strategies, communities).

        Parameters
        ----------
        bought_kwh : array, shape (steps, strategies, meters)
            What every meter buys [kWh].
        """
        _, strategies, meters = bought_kwh.shape
        community, places = self._community, len(self.inputs.communities)
        kinds = (f"{self._prefix}_demand_charge", f"{self._prefix}_tier_charge")
        due = {kind: np.zeros((len(bought_kwh), strategies, places)) for kind in kinds}
        for s in range(strategies):
            for meter in range(meters):
                charges = charges_of_months(
                    bought_kwh[:, s, meter].tolist(),
                    self.begins,
                    self.inputs.step_h,
                    self.demand,
                    self.tariff.tiers,
                    self.calendar.is_holiday,
                )
                for kind, amounts in zip(kinds, charges, strict=True):
                    due[kind][:, s, community[meter]] += amounts
        return {kind: due[kind] for kind in self.kinds}

    def parts(
        self, bought_kwh: FloatArray, sold_kwh: FloatArray, feed_in: FloatArray
    ) -> dict[str, FloatArray]:
        """Return what each meter is due by kind of payment, credits too [money].

        Parameters
        ----------
        bought_kwh, sold_kwh : array, shape (steps, meters)
            What every meter buys and delivers under one strategy [kWh].
        feed_in : array, shape (steps,)
            What deliveries are paid in each step [money/kWh].

        Returns
        -------
        dict of array, shape (steps, meters)
            By the kinds that the ledger has.
        """
        tariff, begins, prefix = self.tariff, self.begins, self._prefix
        price, step_h = self.energy(), self.inputs.step_h
        parts: dict[str, FloatArray] = {f"{prefix}_purchase": price[:, None] * bought_kwh}
        parts |= {f"{prefix}_fee_{name}": fee * bought_kwh for name, fee in tariff.fees.items()}
        if self.kinds:
            months = [
                charges_of_months(
                    column.tolist(), begins, step_h, self.demand, tariff.tiers,
                    self.calendar.is_holiday,
                )
                for column in bought_kwh.T
            ]  # fmt: skip
            for n, kind in enumerate((f"{prefix}_demand_charge", f"{prefix}_tier_charge")):
                if kind in self.kinds:
                    charges = np.array([month[n] for month in months])
                    parts[kind] = charges.reshape(-1, len(begins)).T
        base = [base_of_step(at, step_h, tariff.base_charge_per_month) for at in begins]
        parts[f"{prefix}_base_charge"] = np.array(base)[:, None] + np.zeros_like(bought_kwh)
        taxed = sum(parts.values(), np.zeros_like(bought_kwh))
        parts[f"{prefix}_feed_in"] = feed_in[:, None] * sold_kwh
        if tariff.netted:
            full = (price + sum(tariff.fees.values())) * (1.0 + tariff.value_added_tax)
            parts[f"{prefix}_net_metering"] = self._netted(bought_kwh, sold_kwh, full, feed_in)
        if tariff.value_added_tax:
            parts[f"{prefix}_value_added_tax"] = tariff.value_added_tax * taxed
        return parts

    def _netted(
        self, bought: FloatArray, sold: FloatArray, price: FloatArray, feed_in: FloatArray
    ) -> FloatArray:
        """Return what net metering adds, month by month and meter by meter."""
        credits = np.zeros_like(bought)
        months: dict[tuple[int, int], list[int]] = {}
        for step, local in enumerate(self.begins):
            months.setdefault((local.year, local.month), []).append(step)
        for steps in months.values():
            for meter in range(bought.shape[1]):
                credits[steps[-1], meter] = credit_of_month(
                    bought[steps, meter].tolist(), sold[steps, meter].tolist(),
                    price[steps].tolist(), feed_in[steps].tolist(),
                )  # fmt: skip
        return credits

    def credits(
        self, bought_kwh: FloatArray, delivered_kwh: FloatArray, feed_in: FloatArray
    ) -> FloatArray:
        """Return what net metering adds, month by month and meter by meter.

        Parameters
        ----------
        bought_kwh, delivered_kwh : array, shape (steps, meters)
            What every meter buys and delivers under one strategy [kWh].
        feed_in : array, shape (steps,)
            What deliveries are paid in each step [money/kWh].

        Returns
        -------
        array, shape (steps, communities)
            The credits [money].
        """
        fees, tax = sum(self.tariff.fees.values()), self.tariff.value_added_tax
        price = (self.energy() + fees) * (1.0 + tax)
        credits = np.zeros((len(bought_kwh), len(self.inputs.communities)))
        months: dict[tuple[int, int], list[int]] = {}
        for step, local in enumerate(self.begins):
            months.setdefault((local.year, local.month), []).append(step)
        for steps in months.values():
            for meter, m in enumerate(self._community.tolist()):
                credits[steps[-1], m] += credit_of_month(
                    bought_kwh[steps, meter].tolist(), delivered_kwh[steps, meter].tolist(),
                    price[steps].tolist(), feed_in[steps].tolist(),
                )  # fmt: skip
        return credits

    def checks(self, who: str) -> Iterator[Check]:
        """Return whether each step has the price that the bands of the tariff state."""
        if not self._bands:
            return
        tally = Tally(f"{who}bands of the tariff", EXACT, "of the price")
        off = relative(self._energy, self.energy())
        tally.add(off, lambda at: f"step {at[0]}", None)
        yield tally.check()
