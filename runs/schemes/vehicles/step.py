"""Storage that moves: the vehicles of one strategy's world, and what they exchange in a step."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.fleet import Fleet
from hmesh.agents.fleet_learning import let_learn
from hmesh.agents.parked_vehicles import ParkedVehicles
from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.parked_kernel import exchange_of_some
from hmesh.environment.plug_traffic import PlugTraffic
from hmesh.environment.row_threads import over_rows
from hmesh.environment.traffic import ABSENT, Traffic
from hmesh.runs.schemes.scheme_step import AnswerBounds, RowWriter, Scheme
from hmesh.runs.schemes.vehicles.departures import Departing, departing_of
from hmesh.runs.schemes.vehicles.journey_records import write_journeys
from hmesh.runs.schemes.vehicles.own_tariffs import VehicleTariffs
from hmesh.runs.schemes.vehicles.plug_records import write_plugs
from hmesh.runs.schemes.vehicles.plug_supply import PlugSupply
from hmesh.runs.schemes.vehicles.records import (
    write_departures,
    write_fleet,
    write_step,
    write_trips,
)
from hmesh.runs.schemes.vehicles.setting import VehicleSetting
from hmesh.runs.schemes.vehicles.stops_on_the_way import charge_at_stops, move_at_stops
from hmesh.runs.schemes.vehicles.sums_and_counts import counts_of, summary_of, sums_of
from hmesh.runs.schemes.vehicles.typical_charging import typical_charging
from hmesh.runs.schemes.vehicles.vehicle_payments import (
    enter_payments,
    mean_paid,
    payments_of_each,
)
from hmesh.runs.schemes.vehicles.vehicle_sums import VehicleSums, step_sums
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


class VehicleSharing(Scheme):
    """Vehicles that drive between communities, and exchange energy at the price of the step.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        The world's strategy or its part for vehicles, or typical charging where that is another
        scheme's.
    whole : VehicleSetting
        All vehicles of the run, before anybody acts.
    fleet : Fleet
        The vehicles that this process holds.
    parked, pay_price : list of ParkedVehicles
        Those plugged in, by community, and those of them that pay its price.
    response_kwh : list of array
        What each of them exchanges in the step, by community [kWh].
    vehicle_kwh, charged_kwh, discharged_kwh : array, shape (communities,)
        What the vehicles of each community exchange in the step, charge and discharge [kWh].
    vehicle_sums : VehicleSums
        Totals of all vehicles in the step.
    at_stops : array of int
        Rows of the vehicles that charge at stops on their way in the step.
    way_kwh : array, shape (communities,)
        What they draw in each community [kWh].
    departing : Departing or None
        With what those set out in the step that want energy at their departure; None where nobody
        does.
    """

    vehicle_sums: VehicleSums
    parked: list[ParkedVehicles]
    pay_price: list[ParkedVehicles]
    departing: Departing | None
    response_kwh: list[FloatArray]
    at_stops: NDArray[np.intp]
    way_kwh: FloatArray

    def __init__(self, simulation: "Simulation") -> None:
        setting = simulation.setting
        self.simulation = simulation
        self.setting = setting
        self.strategy = strategy_within("vehicles", simulation.strategy)
        self.whole: VehicleSetting = setting.schemes["vehicles"]
        self.vehicles = self._own_part(self.whole)
        self.answer_nodes = self.vehicles.connections
        section = setting.scenario.vehicles
        reserve = any(group.trip_reserve for group in section.every)
        chargers = any(each.parking_chargers for each in setting.scenario.communities.values())
        record = setting.scenario.record
        self.follows_plugs = chargers or record.sessions or record.events
        keeps_reserve = reserve or self.vehicles.ability is not None
        self.idle = self.vehicles.idle_columns(
            plugs=self.follows_plugs,
            reserve=keeps_reserve,
            outages=setting.scenario.outages,
        )
        self.fleet = Fleet(
            simulation,
            self.vehicles.fleet.fork(self.idle),
            keeps_reserve=keeps_reserve,
            outages=setting.scenario.outages,
            curves=self.vehicles.curves,
            departures=section.departures,
            chargers=chargers,
            on_the_way=self.vehicles.ability is not None,
            groups=self.vehicles.groups,
        )
        kinds = [
            [c.kind for c in each.parking_chargers]
            for each in setting.scenario.communities.values()
        ]
        self.plugs = PlugTraffic(self.fleet.population, kinds) if self.follows_plugs else None
        tariffs = self.vehicles.own_tariffs
        self.own_tariffs = VehicleTariffs(self, tariffs) if tariffs else None
        self.journeys = self.vehicles.journeys_of(self.fleet.population)
        self.traffic = Traffic(
            simulation.clock,
            simulation.calendar,
            self.vehicles.trips_of(self.fleet.population, simulation.calendar),
            self.fleet.population,
            keep_reserve=keeps_reserve,
            journeys=self.journeys,
            habits=self.vehicles.habits_of(self.fleet.population, simulation.streams),
            plugs=self.plugs,
        )
        self.supply = PlugSupply(self)
        self.traffic.supply_out = self.supply.not_whole
        self.traffic.begin()
        self.started = False
        self.look_around()
        self.started = True

    def _own_part(self, vehicles: VehicleSetting) -> VehicleSetting:
        """Return the vehicles that this world itself holds: all."""
        return vehicles

    @property
    def vehicles_there(self) -> int:
        """How many vehicles there are by now: the first ones of the run."""
        return self.traffic.vehicles_there

    @property
    def deciding(self) -> Fleet:
        """The vehicles."""
        return self.fleet

    def begin_step(self) -> None:
        """Let chargers fail or be repaired, and cut off the vehicles behind them."""
        self.supply.begin_step()

    def look_around(self) -> None:
        """See where the vehicles are, and what every battery could do."""
        self.fleet.begin_step()
        # What was known of the step before need not be kept beside what is found now.
        market = self.simulation.market
        market.game, market.answering = None, {}
        self.parked, self.pay_price, self.answering = [], [], []
        self.parked = self.fleet.parked(len(self.setting.communities))
        self.narrowed = False
        self._who_answers()
        self.present = np.array([len(parked) for parked in self.parked])
        self.drivers = self.traffic.drivers
        charge_at_stops(self)

    def _who_answers(self) -> None:
        """Leave the price of the step to those that pay it."""
        own = self.own_tariffs
        self.pay_price = self.parked if own is None else own.others(self.parked)
        self.answering = self.pay_price

    def act_by_tariff(self) -> None:
        """Let vehicles with a tariff of their own exchange what suits them at its prices."""
        if self.own_tariffs is not None:
            self.own_tariffs.look_around()
            self.own_tariffs.act()

    def unpriced_kwh(self) -> list[FloatArray]:
        """Let the vehicles charge until full whose night at home has begun."""
        return typical_charging(self)

    def take_response(self, exchange_kwh: list[FloatArray]) -> None:
        """Take over what the vehicles exchange."""
        own = self.own_tariffs
        self.response_kwh = exchange_kwh if own is None else own.together(exchange_kwh)

    def act(self) -> None:
        """Let the vehicles exchange what they do at the price of the step."""
        if len(self.drivers):
            own = self._exchange_of(self.drivers)
            self.left_kwh, self.unmet_kwh = self.fleet.driven(self.drivers, own)
        else:
            self.left_kwh = self.unmet_kwh = np.zeros(0)
        self.departing = departing_of(self)
        self.vehicle_sums = step_sums(self)
        self.draw_exchanged()

    def draw_exchanged(self) -> None:
        """Draw what the vehicles of each community exchange together."""
        sums = self.vehicle_sums.exchanged_kwh.T
        self.vehicle_kwh, self.charged_kwh, self.discharged_kwh = np.ascontiguousarray(sums)
        communities = np.arange(len(self.vehicle_kwh))
        nodes = self.vehicles.connections
        drawn, tariffs = self.vehicle_kwh, self.own_tariffs
        if tariffs is not None:
            drawn = drawn - tariffs.drawn_kwh
        self.simulation.draw("ev_kwh", communities, nodes, drawn)
        if self.journeys is not None:
            self.vehicle_kwh = self.vehicle_kwh + self.way_kwh
            self.charged_kwh = self.charged_kwh + self.way_kwh

    def exchange_kwh(self) -> FloatArray:
        """Return what every vehicle of the fleet exchanges in this step [kWh]."""
        exchange = np.zeros(len(self.fleet))
        for parked, energy in zip(self.parked, self.response_kwh, strict=True):
            exchange[parked.rows] = energy
        if len(self.at_stops):
            exchange[self.at_stops] = self.fleet.population["way_kwh"][self.at_stops]
        return exchange

    def _exchange_of(self, rows: NDArray[np.intp]) -> FloatArray:
        """Return what some vehicles exchange in this step, their rows ascending [kWh]."""
        if len(self.at_stops) or not compiled_for(len(rows)):
            return self.exchange_kwh()[rows]
        exchange = np.zeros(len(rows))
        for parked, energy in zip(self.parked, self.response_kwh, strict=True):
            over_rows(partial(exchange_of_some, parked.rows, energy), rows, exchange)
        return exchange

    def session_kwh(self) -> FloatArray:
        """Return what of it every vehicle exchanges where it is parked [kWh]."""
        exchange = self.exchange_kwh()
        if self.journeys is not None:
            exchange[self.fleet.population["way_kwh"] >= 0.0] = 0.0
        return exchange

    def pay(self) -> None:
        """Let vehicles pay for what they charge and be paid for what they discharge."""
        enter_payments(self)

    def traded_kwh(self) -> tuple[FloatArray, FloatArray]:
        """Return what vehicles charge and discharge at the price of each community [kWh]."""
        own = self.own_tariffs
        if own is None:
            return self.charged_kwh, self.discharged_kwh
        return self.charged_kwh - own.charged_kwh, self.discharged_kwh - own.discharged_kwh

    def member_communities(self) -> Mapping[str, NDArray[np.intp]]:
        """Return where each vehicle starts, -1 for the road or where it joins later."""
        return {"vehicles": np.maximum(self.vehicles.fleet["community"].astype(np.intp), -1)}

    def members_of(self, group: str) -> NDArray[np.intp]:
        """Return which vehicles are of a group."""
        groups = self.vehicles.groups
        return groups.rows[groups.names.index(group)]

    def member_places(self) -> Mapping[str, NDArray[np.intp]]:
        """Return in which community each vehicle is, -1 on the road and before it joins."""
        where = self.fleet.population["community"].astype(np.intp)
        if self.journeys is not None:
            where[self.fleet.population["way_kwh"] >= 0.0] = -1
        if self.own_tariffs is not None:
            # Their meters are in the account of a community wherever they are.
            where[self.own_tariffs.meters.rows] = self.own_tariffs.meters.place
        return {"vehicles": np.maximum(where, -1)}

    def answer_bounds(self) -> AnswerBounds | None:
        """Return within which bounds the vehicles of all communities answer, one after another."""
        counts = [len(parked) for parked in self.parked]
        return AnswerBounds(
            "vehicles",
            np.concatenate([parked.rows for parked in self.parked]),
            np.repeat(np.arange(len(counts)), counts),
            np.concatenate([parked.lower_kwh for parked in self.parked]),
            np.concatenate([parked.upper_kwh for parked in self.parked]),
        )

    def narrow(self, lower_kwh: FloatArray, upper_kwh: FloatArray) -> None:
        """Let vehicles answer within narrower bounds."""
        ends = np.cumsum([len(parked) for parked in self.parked])[:-1]
        bounds = zip(np.split(lower_kwh, ends), np.split(upper_kwh, ends), strict=True)
        self.parked = [
            parked.within(lower, upper)
            for parked, (lower, upper) in zip(self.parked, bounds, strict=True)
        ]
        self.narrowed = True
        self._who_answers()

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each vehicle pays for charging and is paid for discharging."""
        return payments_of_each(self)

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the battery of each vehicle holds [kWh]."""
        return {"vehicles": self.fleet.population["energy_kwh"]}

    def sums(self) -> dict[str, float]:
        """Return the energies of the step, and the bill with its two parts."""
        return sums_of(self)

    def counts(self) -> dict[str, int]:
        """Count what was clipped, saturated, unmet or empty in this step."""
        return counts_of(self)

    def worst(self) -> dict[str, float]:
        """Return how much the utility may have missed."""
        return self.simulation.market.decision.worst

    def record_start(self, writer: RowWriter) -> None:
        """Write what never changes of the recorded vehicles."""
        write_fleet(writer, self.setting)

    def record(self, writer: RowWriter) -> None:
        """Write the recorded vehicles and the trips that begin in the step."""
        write_step(writer, self)
        write_trips(writer, self)
        write_departures(writer, self)
        if self.plugs is not None:
            write_plugs(writer, self, self.plugs)
        if self.journeys is not None:
            write_journeys(writer, self, self.journeys)

    def move(self) -> None:
        """Let the batteries do what was decided, and what the road took."""
        if self.strategy != "typical" and len(self.fleet.self_willed):
            price = np.where(
                self.simulation.supplied, self.simulation.market.decision.community_price, np.nan
            )
            let_learn(self.fleet, self.parked, price, self.response_kwh, mean_paid(self))
        if self.own_tariffs is not None:
            self.own_tariffs.move()
        for parked, energy in zip(self.parked, self.response_kwh, strict=True):
            parked.move(energy)
        move_at_stops(self)
        self.supply.end_step()
        self.fleet.population["energy_kwh"][self.drivers] = self.left_kwh
        if self.plugs is not None:
            self.plugs.exchange(self.session_kwh())
        self.traffic.end_step()

    def summary(self) -> dict[str, Any]:
        """Return how full the batteries are at the end, and what they hold more than at first."""
        return summary_of(self)

    def state(self) -> dict[str, Any]:
        """Return the columns of the fleet, live, and the journeys of those that do not reach.

        The clock of the world keeps who else is on the way.
        """
        state: dict[str, Any] = {"fleet": self.fleet.population.state()}
        if self.journeys is not None:
            state["journeys"] = self.journeys.state()
        if self.own_tariffs is not None:
            state["own_tariffs"] = self.own_tariffs.state()
        return state | self.supply.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.refuse_strange_places(state["fleet"])
        self.fleet.population.restore(state["fleet"])
        if self.journeys is not None:
            self.journeys.restore(state["journeys"])
        self.supply.restore(state)
        if self.own_tariffs is not None:
            self.own_tariffs.restore(state["own_tariffs"])

    def refuse_strange_places(self, fleet: Mapping[str, NDArray[Any]]) -> None:
        """Refuse columns of a fleet that is where nothing is."""
        where = np.concatenate((fleet["community"], fleet["place"]))
        if not np.isin(where, np.arange(ABSENT, len(self.setting.communities))).all():
            message = "a vehicle is parked in a community that does not exist"
            raise InputError([Problem("community", message)])


def vehicles_of(simulation: "Simulation") -> VehicleSharing:
    """Return the vehicles of a world."""
    vehicles = simulation.schemes["vehicles"]
    assert isinstance(vehicles, VehicleSharing)
    return vehicles
