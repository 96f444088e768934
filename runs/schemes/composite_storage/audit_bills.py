"""Bills of houses worked out a second time: bands, fees, tax and charges of a month."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.reference.stated_tariff import (
    charges_of_months,
    local_times,
    price_of_step,
    stated_in_file,
)
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.schemes.composite_storage.house_tariff import HouseTariff
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting

type Values = NDArray[np.float64]


class BillAudit:
    """What houses should pay, by a second implementation.

    Parameters
    ----------
    inputs
        What the scenario of the run settles.
    setting
        Its houses before anybody acts.
    tariff
        What the scenario states.
    """

    def __init__(
        self, inputs: RunInputs, setting: CompositeStorageSetting, tariff: HouseTariff
    ) -> None:
        self.inputs, self.setting, self.tariff = inputs, setting, tariff
        self.calendar = inputs.calendar
        start = self.calendar.time_of(0).astimezone(self.calendar.zone)
        self._begins = local_times(start, inputs.steps, inputs.step_h)
        self._bands = list(tariff.bands)
        self._demand = list(tariff.demand_charges)
        if tariff.file is not None:
            path = inputs.scenario.path_of(tariff.file)
            minutes = max(15, round(60 * inputs.step_h))
            self._bands, of_file = stated_in_file(path, minutes)
            self._demand += of_file

    def energy(self) -> Values:
        """Return the price of energy in each step, without fees and tax [money/kWh]."""
        if not self._bands:
            return self.setting.bill.energy
        holiday = self.calendar.is_holiday
        return np.array(
            [price_of_step(self._bands, at, self.inputs.step_h, holiday) for at in self._begins]
        )

    def monthly(self, bought_kwh: Values) -> dict[str, Values]:
        """Return the charges of months by kind, of shape (steps, strategies, communities).

        Parameters
        ----------
        bought_kwh : array, shape (steps, strategies, houses)
            What every house buys [kWh].
        """
        _, strategies, houses = bought_kwh.shape
        community, places = self.setting.community, len(self.inputs.communities)
        kinds = ("house_demand_charge", "house_tier_charge")
        due = {kind: np.zeros((len(bought_kwh), strategies, places)) for kind in kinds}
        for s in range(strategies):
            for house in range(houses):
                charges = charges_of_months(
                    bought_kwh[:, s, house].tolist(),
                    self._begins,
                    self.inputs.step_h,
                    self._demand,
                    self.tariff.tiers,
                    self.calendar.is_holiday,
                )
                for kind, amounts in zip(kinds, charges, strict=True):
                    due[kind][:, s, community[house]] += amounts
        monthly = self.setting.bill.monthly
        return {kind: due[kind] for kind in (() if monthly is None else monthly.kinds)}

    def checks(self) -> Iterator[Check]:
        """Return whether each step has the price that the bands of the tariff state."""
        if not self._bands:
            return
        tally = Tally("houses with storages: bands of the tariff", EXACT, "of the price")
        off = relative(self.setting.bill.energy, self.energy())
        tally.add(off, lambda at: f"step {at[0]}", None)
        yield tally.check()
