"""The audit of the vehicles: their trips, what they exchange, and the game of every step."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, off_balance
from hmesh.runs.audits.behaviour_checks import behaviours_of, by_design
from hmesh.runs.audits.congestion_prices import CongestionAudit
from hmesh.runs.audits.equilibrium import EquilibriumAudit
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.investments import invested, valued_at
from hmesh.runs.audits.limits import AuditedGrid
from hmesh.runs.audits.member_energies import feeders_out
from hmesh.runs.audits.others_answers import OthersStep
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.utility import PriceGame
from hmesh.runs.audits.run_inputs import FILE_GONE, RunInputs
from hmesh.runs.audits.scheme_audit import (
    AnswersDue,
    Figures,
    MemberFlows,
    OwnBills,
    Payments,
    Sale,
    SchemeAudit,
)
from hmesh.runs.audits.table_reader import Columns, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.descriptor import OWN_RULE
from hmesh.runs.schemes.vehicles.audit import VehicleAudit
from hmesh.runs.schemes.vehicles.audit_adoption import check_adoption
from hmesh.runs.schemes.vehicles.audit_behaviours import BehaviourAudit
from hmesh.runs.schemes.vehicles.audit_departures import DepartureAudit
from hmesh.runs.schemes.vehicles.audit_figures import bound_counts, figures_of_vehicles
from hmesh.runs.schemes.vehicles.audit_fleet import (
    check_fleet,
    read_fleet,
    read_vehicles,
    vehicle_reader,
)
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_journeys import JourneyAudit
from hmesh.runs.schemes.vehicles.audit_plugs import PlugAudit
from hmesh.runs.schemes.vehicles.audit_scenario_travel import ScenarioTravel
from hmesh.runs.schemes.vehicles.audit_tariffs import TariffVehicleAudit
from hmesh.runs.schemes.vehicles.audit_trips import TrafficAudit
from hmesh.runs.schemes.vehicles.section import CONNECTION, on_the_way

_CHARGING, _DISCHARGING = "vehicle_charging", "vehicle_discharging"


class VehicleSchemeAudit(SchemeAudit):
    """The audits of trips, vehicles and their game, which go step by step.

    Parameters
    ----------
    run, inputs, hours : Run, RunInputs, dict of array
        The run, what its scenario settles, and the columns of hours.parquet.
    """

    step_by_step = True
    answers = True
    plugs_vehicles = True
    not_covered = tuple(
        f"{table}: order of rows" for table in ("trips", "sessions", "events", "departures")
    )
    added_figures = ("ev_charging_bill", "ev_discharging_income")

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.inputs = VehicleRunInputs.of(inputs)
        self.unknown_answers = "" if self.inputs.all_recorded else self.inputs.not_all_recorded
        self._behaving = behaviours_of(inputs, "vehicles")
        # Their answers to prices are their own, and so are those of their aggregators.
        self.answers_by_design = bool(self._behaving)
        self._run, self._hours = run, hours
        self._rows: Columns = {}
        self._first = 0
        shape = (2, inputs.steps, len(inputs.strategies))
        self._welfare = np.zeros(shape) if inputs.scenario.welfare_recorded else None

    def opening(self) -> Iterator[Check]:
        """Open the tables, and check who the vehicles are."""
        run, inputs = self._run, self.inputs
        fleet = read_fleet(run, inputs)
        yield check_fleet(inputs, fleet)
        yield from check_adoption(inputs)
        names = dict.fromkeys(("origin", "destination"), inputs.communities)
        trips = TableReader(run, "trips", names, inputs.start_ms)
        self._fleet = fleet
        # One number for all where none of them wants anything at its departure.
        self._miss_weight = fleet["miss_weight"] if fleet["miss_weight"].any() else 0.0
        record = inputs.scenario.record
        self.plugs = None
        named = any(each.parking_chargers for each in inputs.scenario.communities.values())
        if (named or record.sessions or record.events) and inputs.all_recorded:
            self.plugs = PlugAudit(run, inputs, fleet)
        self.journeys = None
        if on_the_way(inputs.scenario) and inputs.all_recorded and inputs.setting is not None:
            no_supply = feeders_out(inputs) | (lost_parts(inputs.scenario) > 0.0)
            self.journeys = JourneyAudit(run, inputs, fleet, no_supply)
        self.traffic = TrafficAudit(inputs, trips, fleet, self.plugs, self.journeys)
        self.own = TariffVehicleAudit(run, inputs, fleet)
        self.vehicles = VehicleAudit(
            inputs, self._hours, fleet, feeders_out(inputs), self._behaving.values(), self.beside,
            self.own.own,
        )  # fmt: skip
        slopes = 1 / (fleet["theta"] * fleet["charge_efficiency"] ** 2)
        follows, unknown = inputs.vehicle_strategies, self.unknown_answers
        self.equilibrium = EquilibriumAudit(inputs, follows, slopes, unknown)
        self.congestion = CongestionAudit(inputs, follows, unknown)
        self._charger_events = None
        if record.events and inputs.all_recorded:
            self._charger_events = self.vehicles.chargers.events(run)
        self.own_ways = BehaviourAudit(inputs, fleet, self._hours)
        self.departures = None
        if inputs.scenario.vehicles.departures:
            by = {"strategy": inputs.strategies}
            departures = TableReader(run, "departures", by, inputs.start_ms)
            self.departures = DepartureAudit(inputs, departures, fleet)
        self._reader = vehicle_reader(run, inputs)
        setting = inputs.of_scheme("vehicles")
        self._given = None if setting is None else ScenarioTravel(inputs, setting)

    def rows_per_step(self) -> int:
        """Return how many rows of vehicles.parquet a step has at most."""
        return self.inputs.recorded * len(self.inputs.strategies)

    def block(self, first: int, last: int) -> None:
        """Check some steps of the vehicles."""
        rows = read_vehicles(self._reader, self.inputs, self._fleet, first, last)
        travel = None if self._given is None else self._given.block(first, last)
        where = self.traffic.block(first, last, rows, travel)
        self.vehicles.add(first, rows, where, travel)
        self.own_ways.add(first, rows, where, travel)
        if self.departures is not None:
            self.departures.block(first, last, rows, where, travel)
        self.own.add(rows, where.way_kwh)
        self._rows, self._first, self._where = rows, first, where

    def game(self, step: int, strategy: int) -> tuple[GameStep, PriceGame] | None:
        """Return the vehicles of a step under a game, and check its equilibrium."""
        bargains = self.inputs.vehicle_strategies[strategy] != "typical"
        bargains &= self.inputs.pricing[strategy] != OWN_RULE and not self._behaving
        if self.grid is None or not self.inputs.all_recorded:
            return None
        if not bargains and self._welfare is None:
            return None
        if not self.inputs.plays(step):
            return None
        others = [each.others(step, strategy) for each in self.beside]
        known = [each for each in others if each is not None]
        if len(known) < len(others):
            self.unknown_answers = "not all who answer beside the vehicles are written down"
            return None
        seen = self._seen(step, strategy, self.grid, known)
        if self._welfare is not None:
            self._welfare[:, step, strategy] = seen.welfare(self.inputs)
        if not bargains:
            return None
        game = seen.game(self.inputs)
        self.equilibrium.add(seen, game)
        if self.unlimited_price is not None:
            self.congestion.add(seen, game, self.unlimited_price[step, strategy])
        return seen, game

    def answer_nodes(self) -> NDArray[np.intp] | None:
        """Return where the vehicles of each community are plugged in."""
        setting = self.inputs.of_scheme("vehicles")
        return None if setting is None else np.asarray(setting.connections)

    def welfare(self) -> tuple[FloatArray, FloatArray] | None:
        """Return the welfare of every step, and the planner's, where every vehicle is recorded."""
        if self._welfare is None or self.grid is None or self.unknown_answers:
            return None
        return self._welfare[0], self._welfare[1]

    def _seen(
        self, step: int, strategy: int, grid: AuditedGrid, others: list[OthersStep]
    ) -> GameStep:
        """Return what the vehicles of a step have to decide, and what is decided."""
        rows, first, hours = self._rows, self._first, self._hours
        parked = np.ones(rows["plugged"].shape[2], dtype=np.bool_)
        passive_kwh: FloatArray = np.zeros(len(self.inputs.communities))
        if self.journeys is not None:
            way = self._where.way_kwh[step - first, strategy]
            parked, passive_kwh = way < 0.0, self.journeys.way_of_community[step, strategy]
        mine = {name: values[step - first, strategy] for name, values in rows.items()}
        if self.own.tariffs:
            # What those exchange that pay by a tariff is there whatever the price.
            apart = parked & self.own.own & (mine["plugged"] == 1)
            places = len(self.inputs.communities)
            there = mine["community"][apart]
            passive_kwh = passive_kwh + np.bincount(there, mine["energy_kwh"][apart], places)
            parked = parked & ~self.own.own
        here = {name: values[step, strategy] for name, values in hours.items()}
        fleet = self._fleet
        return GameStep(
            step=step,
            strategy=strategy,
            where=np.where((mine["plugged"] == 1) & parked, mine["community"], -1),
            stores=AnsweringStores(
                mine["lam"], mine["theta"], mine["usable_kwh"], mine["min_kwh"], mine["max_kwh"],
                fleet["charge_efficiency"], fleet["discharge_efficiency"], fleet["wanted_kwh"],
                self._miss_weight,
            ),
            energy_kwh=np.where(parked, mine["energy_kwh"], 0.0),
            utility_price=float(here["utility_price"][0]),
            community_price=here["community_price"],
            passive_kwh=passive_kwh
            + here["net_kwh"]
            - here["ev_kwh"]
            - sum(each.exchanged_kwh for each in others),
            grid=grid,
            others=others,
        )  # fmt: skip

    def rest(self) -> Iterator[tuple[str, Columns]]:
        """Return the rows after the last step."""
        yield "vehicles", self._reader.rest()

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        yield from self.traffic.checks()
        yield from self.vehicles.checks()
        yield from self.own_ways.checks()
        yield from self.own.checks()
        yield from () if self.departures is None else self.departures.checks()
        yield from () if self.plugs is None else self.plugs.checks()
        yield from () if self.journeys is None else self.journeys.checks()
        yield from () if self._charger_events is None else [self._charger_events.check()]
        if not self._behaving:
            yield from self.equilibrium.checks()
            yield from self.congestion.checks()
        yield from by_design(self._behaving, "vehicles", self._inapplicable())

    def _inapplicable(self) -> list[str]:
        """Return the checks that do not apply where vehicles decide by behaviours, in words."""
        games = {name for name in self.inputs.vehicle_strategies if name != "typical"}
        if not games:
            return []
        checks = ["best response of each of them", "prices of communities in equilibrium"]
        checks.append("energies in equilibrium")
        checks += ["price of the utility in equilibrium"] if "three_level" in games else []
        kept = self.inputs.scenario.messages.keep != "none"
        return [*checks, *(["answers to offers"] if kept else [])]

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what vehicles draw where they are plugged in [kWh]."""
        names, drawn = self.inputs.communities, self._hours["ev_kwh"]
        return {(name, CONNECTION): drawn[:, :, m] for m, name in enumerate(names)}

    def sales(self) -> Sequence[Sale]:
        """Return what vehicles charge and discharge."""
        known = self.inputs.all_recorded
        vehicles, aggregator = "vehicles@{community}", "aggregator@{community}"
        charged = self.vehicles.charged_kwh if known else None
        discharged = self.vehicles.discharged_kwh if known else None
        if charged is not None and discharged is not None and self.own.tariffs:
            if self.own.meters.groups is None:
                charged = discharged = None
            else:
                charged = charged - self.own.meters.bought_kwh
                discharged = discharged - self.own.meters.sold_kwh
        return (
            Sale(_CHARGING, vehicles, aggregator, charged),
            Sale(_DISCHARGING, aggregator, vehicles, discharged),
        )

    def payments(self) -> Sequence[Payments]:
        """Return what vehicles with a tariff of their own should pay, and be paid."""
        return self.own.meters.payments() if self.own.tariffs else ()

    def direct_kwh(self) -> FloatArray:
        """Return what they settle with the utility [kWh]."""
        return self.own.meters.direct_kwh() if self.own.tariffs else np.zeros(1)

    def own_bills(self) -> OwnBills | None:
        """Return the accounts of vehicles with a tariff of their own."""
        return self.own.bills() if self.own.tariffs else {}

    def check_sales(self, ledger: Mapping[str, Columns], tally: Tally) -> None:
        """Check charging less discharging, where not every vehicle is written down."""
        if self.inputs.all_recorded:
            return
        tally.note(f"charging less discharging alone, since {self.inputs.not_all_recorded}")
        charging = ledger[_CHARGING]["energy_kwh"]
        discharging = ledger[_DISCHARGING]["energy_kwh"]
        label = self.inputs.places.label(self.inputs.communities)
        drawn = self._hours["ev_kwh"] - self.direct_kwh()
        tally.add(off_balance(drawn, charging, discharging), label)
        tally.add(np.maximum(np.maximum(-charging, -discharging), 0.0), label)

    def member_flows(self, group: str) -> MemberFlows | str:
        """Return what the vehicles of a group trade where they are plugged in."""
        own = self.own.meters.groups if self.own.tariffs else ()
        for number, meters in enumerate(own or ()):
            if meters.name == group:
                flows = self.own.meters.flows(number)
                return MemberFlows(
                    flows["bought_kwh"], flows["sold_kwh"], flows["paid"], flows["received"],
                    meters.place,
                )  # fmt: skip
        return self.vehicles.owned.flows(group)

    def answers_due(self, group: str) -> AnswersDue | str:
        """Return within which bounds the vehicles of a group could answer."""
        if self._given is None and self.inputs.scenario.vehicles.every[0].trip_reserve:
            return FILE_GONE
        return self.vehicles.owned.due(group)

    def committed_kwh(self, group: str) -> FloatArray | str:
        """Return nothing for each vehicle of a group: all that they draw answers to the price."""
        flows = self.member_flows(group)
        return flows if isinstance(flows, str) else np.zeros(flows.paid.shape)

    def figures(self) -> tuple[Figures, Figures]:
        """Return the figures of the vehicles and of their game."""
        inputs, hours = self.inputs, self._hours
        price = np.where(supplied(hours), hours["community_price"], 0.0)
        by_step: Figures = {
            "vehicle_kwh": hours["ev_kwh"].sum(axis=2),
            "ev_bill": (price * hours["ev_kwh"]).sum(axis=2),
            **bound_counts(inputs, hours),
        }
        cost, invests = self._of_chargers(price)
        by_step |= cost
        own = self.own.meters if self.own.tariffs else None
        if own is not None:
            traded = hours["ev_kwh"] - own.direct_kwh()
            paid, received = own.paid_and_received()
            by_step["ev_bill"] = (price * traded).sum(axis=2) + paid - received
            by_step |= own.figures()
        solver = inputs.scenario.game.solver
        if solver == "exact" and (self._behaving or inputs.played):
            pass  # Only the equilibrium shows how often the utility's best price is unattained.
        elif solver == "exact" and inputs.all_recorded:
            by_step["counts.unattained_optima"] = self.equilibrium.unattained
        elif solver in ("grid", "closed_form"):
            by_step["counts.unattained_optima"] = np.zeros_like(self.equilibrium.unattained)
        if not inputs.all_recorded:
            return by_step, invests
        by_step["ev_charging_bill"] = (price * self.vehicles.charged_kwh).sum(axis=2)
        by_step["ev_discharging_income"] = (price * self.vehicles.discharged_kwh).sum(axis=2)
        if own is not None:
            for name, energy, money in (
                ("ev_charging_bill", own.bought_kwh, paid),
                ("ev_discharging_income", own.sold_kwh, received),
            ):
                by_step[name] = by_step[name] - (price * energy).sum(axis=2) + money
        if self.departures is not None:
            by_step["counts.departures_short"] = self.departures.short
            by_step["departure_short_kwh"] = self.departures.short_kwh
            groups = inputs.scenario.vehicles.groups
            for group, short in zip(groups, self.departures.short_of_group, strict=True):
                by_step[f"departures_short@{group.name}"] = short
        if self.plugs is not None and any(self.plugs.kinds):
            by_step["counts.arrivals_without_plug"] = self.plugs.without_plug
            by_step["waiting_vehicle_h"] = self.plugs.waiting_h
        if self.journeys is not None:
            by_step["counts.trips_not_made"] = self.journeys.not_made
            by_step["counts.stops_on_the_way"] = self.journeys.stopped
            by_step["late_h"] = self.journeys.late_h
            by_step["on_the_way_kwh"] = self.journeys.way_kwh
        more, of_run = figures_of_vehicles(inputs, self.vehicles, self._fleet)
        by_step |= more
        for n, group in enumerate(() if own is None else own.groups or ()):
            if group.name:
                flows = self.own.meters.flows(n)
                bill = (flows["paid"] - flows["received"]).sum(axis=2)
                by_step[f"ev_bill@{group.name}"] = bill
        return by_step, of_run | invests

    def _of_chargers(self, asked: FloatArray) -> tuple[Figures, Figures]:
        """Return what vehicles pay and by wear, and what chargers for both directions cost."""
        inputs, economics = self.inputs, self.inputs.scenario.vehicles.economics
        if economics is None or not inputs.all_recorded:
            return {}, {}
        price, setting = asked, inputs.of_scheme("vehicles")
        if economics.tariff is not None:
            measured = None if setting is None else setting.tariff
            if economics.tariff.dataset is not None and measured is None:
                return {}, {}
            price = valued_at(inputs, economics, self._hours, measured)
        cost = (price * self._hours["ev_kwh"]).sum(axis=2)
        if economics.tariff is None and self.own.tariffs:
            paid, received = self.own.meters.paid_and_received()
            cost -= (price * self.own.meters.direct_kwh()).sum(axis=2) - paid + received
        cost += economics.wear * self.vehicles.discharged_kwh.sum(axis=2)
        both_ways = self._fleet["v2g_kw"][: inputs.all_there[-1]]
        both_ways = both_ways[both_ways > 0]
        each = economics.charger_price + economics.charger_price_per_kw * both_ways
        apart = np.array([name == "typical" for name in inputs.vehicle_strategies])
        invests = invested("ev", economics, np.where(apart, 0.0, each.sum()), inputs)
        return {"ev_running_cost": cost}, invests
