"""What vehicles with a behaviour take in once a step is settled, class by class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle, VehicleRows
from hmesh.agents.fleet import Fleet
from hmesh.agents.parked_vehicles import ParkedVehicles
from hmesh.agents.step_payment import StepPayment
from hmesh.environment.arrays import FloatArray

# Vehicles of a class in one community: which, their places among those parked there, their rows.
type _Asked = tuple[int, NDArray[np.intp], VehicleRows]


def let_learn(
    fleet: Fleet,
    parked: Sequence[ParkedVehicles],
    price: FloatArray,
    exchange_kwh: Sequence[FloatArray],
    mean_paid: float,
) -> None:
    """Let vehicles with a behaviour learn from what they exchanged, and look around.

    Parameters
    ----------
    fleet : Fleet
        All vehicles.
    parked : sequence of ParkedVehicles
        Those plugged in, by community.
    price : array, shape (communities,)
        The price of each, NaN where nobody was asked one [money/kWh].
    exchange_kwh : sequence of array
        What they exchange, by community [kWh].
    mean_paid : float
        What all of them pay on average [money].
    """
    for kind in fleet.classes[1:]:
        asked = [
            (m, places, vehicles)
            for m, here in enumerate(parked)
            for own, places, vehicles in here.behaving
            if own is kind and not np.isnan(price[m])
        ]
        if asked:
            _learn(fleet, kind, asked, price, exchange_kwh, mean_paid)
        if kind.by_rows("revise"):
            kind.revise_rows(fleet.rows_at(kind))
        elif kind.revise is not ElectricVehicle.revise:
            for row in fleet.rows_of(kind).tolist():
                fleet[row].revise()


def _learn(
    fleet: Fleet,
    kind: type[ElectricVehicle],
    asked: list[_Asked],
    price: FloatArray,
    exchange_kwh: Sequence[FloatArray],
    mean_paid: float,
) -> None:
    rows = np.concatenate([vehicles.rows for _, _, vehicles in asked])
    energy = np.concatenate([exchange_kwh[m][places] for m, places, _ in asked])
    paid = np.repeat([price[m] for m, _, _ in asked], [len(places) for _, places, _ in asked])
    if not kind.by_rows("learn"):
        for row, asked_price, own in zip(
            rows.tolist(), paid.tolist(), energy.tolist(), strict=True
        ):
            fleet[row].learn(StepPayment(asked_price, own, mean_paid))
        return
    bounds = [vehicles.exchange_bounds() for _, _, vehicles in asked]
    lower, upper = (np.concatenate(each) for each in zip(*bounds, strict=True))
    vehicles = VehicleRows(fleet.model, fleet.population, rows, (lower, upper))
    kind.learn_rows(vehicles, StepPayment(paid, energy, mean_paid))
