"""What vehicles pay in a step: by community, all together, each by itself, and on average."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.world.member_payments import ExchangePayments, MemberPayments, at_price

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


def enter_payments(vehicles: "VehicleSharing") -> None:
    """Enter what vehicles pay for what they charge, and are paid for what they discharge."""
    simulation = vehicles.simulation
    pay, step = simulation.ledger.pay, simulation.step_index
    charges, discharges = vehicles.traded_kwh()
    if vehicles.own_tariffs is not None:
        vehicles.own_tariffs.meters.pay()
    for m in simulation.supplied_communities:
        name = vehicles.setting.communities[m]
        price = float(simulation.market.decision.community_price[m])
        party, aggregator = f"vehicles@{name}", f"aggregator@{name}"
        charged, discharged = float(charges[m]), float(discharges[m])
        pay(step, "vehicle_charging", party, aggregator, charged, price)
        pay(step, "vehicle_discharging", aggregator, party, discharged, price)


def paid_and_received(vehicles: "VehicleSharing") -> tuple[float, float]:
    """Return what all vehicles pay in the step and what they are paid [money]."""
    price = vehicles.simulation.paid_price()
    paid, received = (float((price * energy).sum()) for energy in vehicles.traded_kwh())
    if vehicles.own_tariffs is None:
        return paid, received
    meters = vehicles.own_tariffs.meters
    return paid + float(meters.paid.sum()), received + float(meters.received.sum())


def mean_paid(vehicles: "VehicleSharing") -> float:
    """Return what a vehicle pays on average, less what it is paid [money]."""
    charged, discharged = vehicles.traded_kwh()
    traded = charged - discharged
    if vehicles.own_tariffs is None:
        traded = vehicles.vehicle_kwh - vehicles.way_kwh
    paid = float((vehicles.simulation.paid_price() * traded).sum())
    return paid / max(int(vehicles.present.sum()), 1)


def payments_of_each(vehicles: "VehicleSharing") -> Iterator[MemberPayments]:
    """Yield what each vehicle pays for charging and is paid for discharging."""
    own = vehicles.own_tariffs
    if own is not None:
        yield own.payments()
    # Vehicles are guests where they stand, and no members of the community there.
    if vehicles.simulation.prosumers is None:
        prices = vehicles.simulation.paid_price().tolist()
        for m, (price, some) in enumerate(zip(prices, vehicles.pay_price, strict=True)):
            energy = vehicles.response_kwh[m]
            energy = energy if own is None else own.of_others(m, energy)
            yield ExchangePayments("vehicles", price, energy, some.rows)
        fleet, stops = vehicles.fleet.population, vehicles.at_stops
        stops = stops if own is None else stops[own.meter_of[stops] < 0]
        for m in np.unique(fleet["community"][stops]).tolist():
            here = stops[fleet["community"][stops] == m]
            yield ExchangePayments("vehicles", prices[m], fleet["way_kwh"][here], here)
        return
    # What several vehicles of a prosumer pay is added up in the order of their rows.
    exchange = vehicles.exchange_kwh()
    if own is not None:
        exchange[own.meters.rows] = 0.0
    price = np.append(vehicles.simulation.paid_price(), 0.0)
    asked = price[np.maximum(vehicles.fleet.population["community"], -1)]
    charged, discharged = np.maximum(exchange, 0.0), np.maximum(-exchange, 0.0)
    yield at_price("vehicles", asked, charged, discharged, shared=False)
