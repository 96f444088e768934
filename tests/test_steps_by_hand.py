"""Parts of steps of schemes, worked out by hand in worlds of a few numbers."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.plug_traffic import NEVER_MS, Sessions
from hmesh.environment.population import Population
from hmesh.runs.results.buffer import Coded
from hmesh.runs.scenarios.economics_section import Economics
from hmesh.runs.schemes.community_storage.step import CommunityStorageSharing
from hmesh.runs.schemes.composite_storage.house_payments import HousePayments
from hmesh.runs.schemes.composite_storage.step import CompositeStorageHouses
from hmesh.runs.schemes.metered_sites.step import MeteredSitesScheme
from hmesh.runs.schemes.school_buses.school_days import SchoolDays
from hmesh.runs.schemes.school_buses.strategies import _only_idle_buses_sell
from hmesh.runs.schemes.school_buses.worth import cost_of_step
from hmesh.runs.schemes.vehicles import group_figures
from hmesh.runs.schemes.vehicles.departures import departing_of
from hmesh.runs.schemes.vehicles.journey_records import write_journeys
from hmesh.runs.schemes.vehicles.own_tariffs import VehicleTariffs
from hmesh.runs.schemes.vehicles.plug_records import _write_chargers, _write_sessions
from hmesh.runs.schemes.vehicles.plug_supply import PlugSupply
from hmesh.runs.schemes.vehicles.step import VehicleSharing
from hmesh.runs.schemes.vehicles.stops_on_the_way import move_at_stops
from hmesh.runs.schemes.vehicles.sums_and_counts import _of_chargers, counts_of


def nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def world_of(**of_it: Any) -> Any:
    """Return a world that has what is given, and nothing else."""
    return SimpleNamespace(**of_it)


def groups_with_exchange(tariffs: Any = None) -> Any:
    fleet = {"community": np.array([1, 0, 1, -1], dtype=np.int16)}
    return world_of(
        vehicles=world_of(groups=world_of(group=np.array([0, 1, 0, 1], dtype=np.int16))),
        fleet=world_of(population=fleet),
        simulation=world_of(paid_price=lambda: np.array([10.0, 20.0])),
        own_tariffs=tariffs,
    )


def exchanged(sharing: Any, block: slice = slice(0, 4)) -> tuple[Any, ...]:
    exchange = np.array([2.0, -3.0, -1.0, 4.0])[block]
    return group_figures._exchanged(sharing, exchange, block, 3)


@pytest.mark.parametrize("compiled", [True, False])
def test_groups_charge_discharge_and_pay_at_the_price_where_each_stands(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int]()

    def compiled_for(rows: int) -> bool:
        asked.append(rows)
        return compiled

    monkeypatch.setattr(group_figures, "compiled_for", compiled_for)
    charged, discharged, paid = exchanged(groups_with_exchange())
    assert asked[:1] == [4]
    # On the road, the last one pays no community.
    assert charged.tolist() == [2.0, 4.0, 0.0]
    assert discharged.tolist() == [1.0, 3.0, 0.0]
    assert paid.tolist() == [2 * 20.0 - 20.0, -3 * 10.0, 0.0]
    _, _, of_middle = exchanged(groups_with_exchange(), slice(1, 3))
    assert of_middle.tolist() == [-20.0, -30.0, 0.0]


def test_a_vehicle_with_a_tariff_pays_by_it_and_not_by_its_community() -> None:
    bills = np.array([7.0, 0.0, 0.0])
    tariffs = world_of(
        meters=world_of(rows=np.array([0])), bills_of_groups=lambda group, count: bills[:count]
    )
    charged, discharged, bill = exchanged(groups_with_exchange(tariffs))
    assert charged.tolist() == [2.0, 4.0, 0.0]
    assert discharged.tolist() == [1.0, 3.0, 0.0]
    assert bill.tolist() == [7.0 - 20.0, -30.0, 0.0]


def test_bills_of_groups_add_up_what_their_meters_ask() -> None:
    meters = world_of(
        rows=np.array([3, 1]), paid=np.array([5.0, 2.0]), received=np.array([1.0, 0.5])
    )
    bills = VehicleTariffs.bills_of_groups(world_of(meters=meters), np.array([0, 1, 0, 0]), 3)  # type: ignore[arg-type]
    assert bills.tolist() == [4.0, 1.5, 0.0]


def test_vehicles_with_a_tariff_and_others_are_put_together_where_they_stand() -> None:
    response = [(np.array([1]), np.array([0, 2]), np.array([5.0]))]
    tariffs: Any = world_of(_response=response)
    (together,) = VehicleTariffs.together(tariffs, [np.array([1.0, 2.0])])
    assert together.tolist() == [1.0, 5.0, 2.0]
    assert VehicleTariffs.of_others(tariffs, 0, together).tolist() == [1.0, 2.0]
    own = world_of(together=lambda exchange: [exchange[0] * 2.0])
    for given, factor in ((own, 2.0), (None, 1.0)):
        sharing: Any = world_of(own_tariffs=given)
        VehicleSharing.take_response(sharing, [np.array([3.0])])
        assert sharing.response_kwh[0].tolist() == [3.0 * factor]


def test_prosumers_pay_for_their_vehicles_where_those_stand() -> None:
    def sharing(own: Any) -> Any:
        return world_of(
            own_tariffs=own, exchange_kwh=lambda: np.array([2.0, -3.0, 4.0, 6.0]),
            simulation=world_of(prosumers=object(), paid_price=lambda: np.array([10.0, 20.0])),
            fleet=world_of(population={"community": np.array([1, 0, -1, 0])}),
        )  # fmt: skip

    (payments,) = VehicleSharing.member_payments(sharing(None))
    assert payments.kind == "vehicles"
    assert not payments.shared
    assert payments.bought_kwh.tolist() == [2.0, 0.0, 4.0, 6.0]
    assert payments.sold_kwh.tolist() == [0.0, 3.0, 0.0, 0.0]
    assert payments.paid.tolist() == [40.0, 0.0, 0.0, 60.0]
    assert payments.received.tolist() == [0.0, 30.0, 0.0, 0.0]
    by_meter = object()
    own = world_of(meters=world_of(rows=np.array([3])), payments=lambda: by_meter)
    first, others = VehicleSharing.member_payments(sharing(own))
    assert first is by_meter
    assert others.paid.tolist() == [40.0, 0.0, 0.0, 0.0]


def test_guests_pay_where_they_stand_and_at_stops_on_their_way() -> None:
    def sharing(own: Any) -> Any:
        return world_of(
            own_tariffs=own, response_kwh=[np.array([1.0, 2.0]), np.array([-3.0])],
            pay_price=[world_of(rows=np.array([0, 2])), world_of(rows=np.array([1]))],
            at_stops=np.array([3, 4, 5]),
            simulation=world_of(prosumers=None, paid_price=lambda: np.array([10.0, 20.0])),
            fleet=world_of(population={
                "community": np.array([0, 1, 0, 1, 0, 1]),
                "way_kwh": np.array([-1.0, -1.0, -1.0, 0.5, 0.25, 0.75]),
            }),
        )  # fmt: skip

    def found(own: Any) -> list[Any]:
        return [
            (each.kind, each.price, each.exchange_kwh.tolist(), each.rows.tolist())
            for each in VehicleSharing.member_payments(sharing(own))
            if each is not own_payments
        ]

    own_payments = object()
    at_plugs = [("vehicles", 10.0, [1.0, 2.0], [0, 2]), ("vehicles", 20.0, [-3.0], [1])]
    assert found(None) == [
        *at_plugs, ("vehicles", 10.0, [0.25], [4]), ("vehicles", 20.0, [0.5, 0.75], [3, 5])
    ]  # fmt: skip
    own = world_of(
        payments=lambda: own_payments, of_others=lambda m, energy: energy[: len(energy) - m],
        meter_of=np.array([-1, 0, -1, 1, -1, -1]),
    )  # fmt: skip
    assert found(own) == [
        at_plugs[0], ("vehicles", 20.0, [], [1]),
        ("vehicles", 10.0, [0.25], [4]), ("vehicles", 20.0, [0.75], [5]),
    ]  # fmt: skip


def test_buses_that_charge_leave_their_school_less_to_sell() -> None:
    population = {"upper_kwh": np.array([9.0, 9.0])}
    district = world_of(
        sell_kwh=np.array([1.0, 2.0, 4.0]), population=population,
        by_school=lambda each: np.array([each[:2].sum(), each[2]]),
    )  # fmt: skip
    sharing: Any = world_of(district=district)
    _only_idle_buses_sell(sharing, np.zeros(3))
    assert population["upper_kwh"].tolist() == [9.0, 9.0]
    _only_idle_buses_sell(sharing, np.array([0.0, 0.5, 0.0]))
    assert population["upper_kwh"].tolist() == [1.0, 4.0]
    _only_idle_buses_sell(sharing, np.array([0.5, 0.0, 0.1]))
    assert population["upper_kwh"].tolist() == [2.0, 0.0]


@pytest.mark.parametrize("tariff", [None, np.array([50.0, 70.0])])
def test_schools_pay_for_energy_and_wear_less_what_they_earn(tariff: Any) -> None:
    buses: Any = world_of(
        schools=world_of(rules=world_of(economics=world_of(wear=3.0)), tariff=tariff),
        simulation=world_of(paid_price=lambda: np.array([10.0, 20.0]), step_index=1),
        community=np.array([1, 0]), charged_kwh=np.array([4.0, 1.0]),
        response_kwh=np.array([-2.0, 0.5, 1.5]), sold_kwh=np.array([0.25, 0.0]),
        income=np.array([30.0, 0.0]), meters=None,
        district=world_of(by_school=lambda each: np.array([each[:2].sum(), each[2]])),
    )  # fmt: skip
    prices = (20.0, 10.0) if tariff is None else (70.0, 70.0)
    bought = (4.0 - 1.5, 1.0 + 1.5)
    energy = sum(price * kwh for price, kwh in zip(prices, bought, strict=True))
    # A quarter of a kWh sold to a school and two given back to the grid wear batteries.
    due = energy - 30.0 + 3.0 * (0.25 + 2.0)
    assert cost_of_step(buses) == {"school_running_cost": nearly(due)}
    if tariff is None:
        buses.meters, buses.charging_bill = object(), 11.0
        assert cost_of_step(buses) == {"school_running_cost": nearly(11.0 - 30.0 + 3.0 * 2.25)}
    buses.schools.rules.economics = None
    assert cost_of_step(buses) == {}


class Log:
    """Keeps what is noted."""

    def __init__(self, wanted: bool = True) -> None:
        self.wanted, self.notes = wanted, list[Any]()

    def note(self, what: str, kind: str, at_ms: Any, rows: Any, *further: Any) -> None:
        listed = [np.asarray(each).tolist() for each in (at_ms, rows, *further)]
        self.notes.append((what, kind, *listed))


@pytest.mark.parametrize("wanted", [True, False])
def test_recorded_buses_with_a_round_set_out(wanted: bool) -> None:
    log = Log(wanted)
    days: Any = world_of(
        simulation=world_of(
            log=log, setting=world_of(scenario=world_of(record=world_of(schools=2)))
        ),
        schools=world_of(
            buses={"school": np.array([0, 1, 2, 1]), "round_km": np.array([5.0, 0.0, 7.0, 9.0])},
            schools={"community": np.array([4, 6, 8], dtype=np.int16)} ,
        ),
        _now_ms=3_600_000,
    )  # fmt: skip
    days.schools.schools = Columns(days.schools.schools, 3)
    SchoolDays._drive(days, "sets out")
    expected = [("sets out", "bus", 3_600_000, [0, 3], [4, 6], [5.0, 9.0])]
    assert log.notes == (expected if wanted else [])


class Columns(dict[str, Any]):
    """Columns of some rows."""

    def __init__(self, columns: dict[str, Any], rows: int) -> None:
        super().__init__(columns)
        self._rows = rows

    def __len__(self) -> int:
        return self._rows


def fleet_of(count: int, **columns: Any) -> Population:
    population = Population(ElectricVehicle.attributes(), count)
    for name, values in columns.items():
        population.set(name, values)
    return population


class Failing:
    """Chargers that are out for known parts of the step."""

    def __init__(self, parts: list[float]) -> None:
        self._parts = np.array(parts)
        self.spans = list[Any]()

    def parts(self, begin: Any, end: Any) -> np.ndarray:
        self.spans.append((begin, end))
        return self._parts

    def changes_in(self, begin: Any, end: Any) -> Any:
        return world_of(
            rows=np.array([0, 1, 2]), out=np.array([True, False, True]),
            at_ms=np.array([begin + 10, begin + 20, end - 1]),
        )  # fmt: skip

    def state(self) -> str:
        return "as it was"


def supply_of(fleet: Population, failing: Failing | None, **of_chance: Any) -> tuple[Any, Log]:
    log = Log()
    chance = {"lost_part": np.zeros(2), "feeder_out": np.zeros(2, dtype=np.bool_)} | of_chance
    supply: Any = PlugSupply.__new__(PlugSupply)
    supply.fleet, supply.charger_outages, supply._cut_short = fleet, failing, None
    supply.simulation = world_of(chance=world_of(**chance), step_index=3, step_h=1.0, log=log)
    supply.setting = world_of(
        scenario=world_of(outages=[object()], record=world_of(vehicles=2), events=None)
    )
    supply.vehicles = world_of(traffic=world_of(vehicles_there=2))
    return supply, log


def test_a_charger_that_fails_for_a_part_of_the_step_leaves_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = fleet_of(
        4, way_kwh=[-1.0, -1.0, -1.0, 2.0], plugged_part=[1.0, 0.5, 1.0, 1.0],
        community=[0, 1, 1, 0],
    )  # fmt: skip
    failing = Failing([0.25, 0.4, 1.0, 0.75])
    supply, log = supply_of(fleet, failing, feeder_out=np.array([True, False]))
    monkeypatch.setattr(
        "hmesh.runs.schemes.vehicles.plug_supply.recorded_vehicles", lambda setting: 3
    )
    supply.begin_step()
    # The third is out all the step, which cuts it off; at a stop the fourth uses no charger.
    assert fleet["plugged_part"] == nearly([0.75, 0.3, 1.0, 1.0])
    assert fleet["charger_out"].tolist() == [False, False, True, False]
    assert fleet["cut_off"].tolist() == [True, False, True, True]
    begin, end = 3 * 3_600_000, 4 * 3_600_000
    assert failing.spans == [(begin, end)]
    assert log.notes == [
        ("fails", "charger", [begin + 10], [0]), ("repaired", "charger", [begin + 20], [1])
    ]  # fmt: skip
    supply.end_step()
    assert fleet["plugged_part"].tolist() == [1.0, 0.5, 1.0, 1.0]
    assert supply.state() == {"charger_outages": "as it was"}
    assert supply.not_whole().tolist() == [True, False]


def test_a_feeder_that_fails_for_a_part_cuts_short_who_stands_behind_it() -> None:
    fleet = fleet_of(3, way_kwh=-1.0, plugged_part=1.0, community=[1, -1, 0])
    supply, log = supply_of(fleet, None, lost_part=np.array([0.0, 0.4]))
    supply.begin_step()
    assert fleet["plugged_part"] == nearly([0.6, 1.0, 1.0])
    assert not fleet["cut_off"].any()
    assert supply.not_whole().tolist() == [False, True]
    supply.end_step()
    assert fleet["plugged_part"].tolist() == [1.0, 1.0, 1.0]
    assert log.notes == []
    assert supply.state() == {}
    # In a step without any loss who is unplugged meanwhile stays so.
    supply.simulation.chance.lost_part[:] = 0.0
    supply.begin_step()
    fleet["plugged_part"][:] = 0.5
    supply.end_step()
    assert fleet["plugged_part"].tolist() == [0.5, 0.5, 0.5]


def test_who_finds_no_plug_is_counted_where_chargers_are_named() -> None:
    plugs = world_of(unplugged=np.array([True, False, True]))
    for chargers, there, counted in (
        ({"slow": 1}, plugs, {"arrivals_without_plug": 2}), ({}, plugs, {}), ({"slow": 1}, None, {})
    ):  # fmt: skip
        vehicles: Any = world_of(plugs=there, fleet=world_of(chargers=chargers))
        assert _of_chargers(vehicles) == counted


@pytest.mark.parametrize("after", [True, False])
def test_who_sets_out_has_what_it_held_and_charged_less_what_it_drove(after: bool) -> None:
    fleet = fleet_of(
        3, miss_weight=[0.0, 1.0, 1.0], consumption_kwh_per_km=0.2, km_before_plug=5.0,
        charge_efficiency=0.9, discharge_efficiency=0.8, energy_kwh=[20.0, 20.0, 1.0],
        soc_min=0.1, capacity_kwh=40.0, wanted_kwh=[6.0, 14.0, 9.0],
    )  # fmt: skip
    sharing: Any = world_of(
        fleet=world_of(
            departures=True, population=fleet,
            energy_at_plug_kwh=lambda rows: fleet["energy_kwh"][rows] - 5.0 * 0.2,
        ),
        traffic=world_of(
            setting_out=world_of(
                vehicles=np.array([0, 1, 2]), km_so_far=np.array([0.0, 15.0, 15.0]),
                after_plug=np.full(3, after),
            )
        ),
        exchange_kwh=lambda: np.array([0.0, 2.0, -0.8]),
    )  # fmt: skip
    departing = departing_of(sharing)
    assert departing is not None
    assert departing.vehicles.tolist() == [1, 2]
    assert departing.wanted_kwh == nearly([14.0 + 4.0, 9.0 + 4.0])
    # The plug comes after 5 km and 1 kWh; 10 km later it sets out.
    held = (19.0 + 0.9 * 2.0 - 2.0, 0.0) if after else (20.0 - 3.0, 0.0)
    assert departing.held_kwh == nearly(held)
    assert departing.short_kwh == nearly([max(18.0 - held[0], 0.0), 13.0])
    assert departing.short == (1 if after else 2)
    sharing.fleet.departures = False
    assert departing_of(sharing) is None


def test_vehicles_at_stops_hold_what_they_charge_there() -> None:
    fleet = fleet_of(3, way_kwh=[-1.0, 2.0, 4.0], energy_kwh=[5.0, 6.0, 7.0])
    sharing: Any = world_of(
        at_stops=np.array([1, 2]),
        fleet=world_of(
            population=fleet,
            each=lambda name, rows: {"charge_efficiency": 0.5}.get(name, 0.8),
            energy_at_plug_kwh=lambda rows: fleet["energy_kwh"][rows] - 1.0,
        ),
    )
    move_at_stops(sharing)
    assert fleet["energy_kwh"].tolist() == [5.0, 5.0 + 1.0, 6.0 + 2.0]


@pytest.mark.parametrize("share", [None, 0.5])
def test_a_house_pays_energy_and_tax_and_is_credited_what_net_metering_adds(share: Any) -> None:
    payments: Any = HousePayments.__new__(HousePayments)
    payments.setting = world_of(
        prices=world_of(carbon_tax=10.0, emission_factor=0.1, purchase=np.array([0.0, 30.0])),
        bill=world_of(feed_in=np.array([0.0, 8.0]), tax=0.5, monthly=None),
        settings=world_of(tariff=world_of(feed_in_share=share)),
        base_charge=np.array([0.0, 5.0]), community=np.array([0, 1]), houses=2,
    )  # fmt: skip
    payments.simulation = world_of(step_index=1, paid_price=lambda: np.array([20.0, 40.0]))
    bought, sold = np.array([2.0, 0.0]), np.array([0.0, 3.0])
    answers = world_of(exchange_kwh=np.array([1.0, -1.0, 0.25, -0.5]))
    payments.houses = world_of(
        energies_kwh={"import_kwh": bought, "export_kwh": sold}, answers=answers
    )
    credit = world_of(credit=lambda step, bought, sold: step * (bought + 2.0 * sold))
    payments.netting = credit if share is None else None
    own, beside = payments.member_payments()
    price = (30.0, 30.0) if share is None else (20.0, 40.0)
    # A kWh and its tax, and the charge of the month with half as much on top.
    assert own.paid == nearly([(price[0] + 1.0) * 2.0 + 7.5, 7.5])
    assert own.received == nearly([2.0, 24.0 + 6.0] if share is None else [0.0, 0.5 * 40.0 * 3.0])
    assert (own.bought_kwh.tolist(), own.sold_kwh.tolist()) == ([2.0, 0.0], [0.0, 3.0])
    assert beside.paid == nearly([20.0 * 1.25, 0.0])
    assert beside.received == nearly([0.0, 40.0 * 1.5])
    assert not beside.shared


class OneSite:
    """A site whose flows are known."""

    def __init__(self, population: Any) -> None:
        self.population = population

    def decide(self, step: int, load: Any, sun: Any, tariff: Any) -> Any:
        return world_of(
            battery_kwh=np.array([0.5, 9.0]), import_kwh=np.array([1.0, 9.0]),
            export_kwh=np.array([0.25, 9.0]), curtailed_kwh=np.array([0.125, 0.0]),
            unserved_kwh=np.array([0.0625, 0.0]),
        )  # fmt: skip


def test_what_a_site_uses_is_its_load_less_what_is_not_served() -> None:
    scheme: Any = MeteredSitesScheme.__new__(MeteredSitesScheme)
    drawn = list[Any]()
    scheme.simulation = world_of(
        step_index=1, supplied=np.array([False, True]), supplied_part=np.array([1.0, 0.5]),
        draw=lambda name, *where, direct: drawn.append((name, where[-1].tolist(), direct)),
    )  # fmt: skip
    scheme.setting = world_of(first_of_day=np.array([0, 0]), tariffs=["cheap", "costly"])
    scheme.layout = world_of(
        community=np.array([1, 0]), node=np.array([0, 0]), names=("mill", "farm"),
        load_kwh=np.array([[0.0, 0.0], [4.0, 2.0]]),
    )  # fmt: skip
    scheme._rule = None
    scheme._generation = np.array([[0.0, 0.0], [2.0, 6.0]])
    scheme.sites = OneSite(world_of(heard={}))
    scheme._payments_of_step = lambda: "bills"
    scheme.act()
    energies = {name: each.tolist() for name, each in scheme.energies_kwh.items()}
    # Half of the step is supplied; the farm is not supplied at all.
    assert energies == {
        "load_kwh": [2.0 - 0.0625, 0.0], "generation_kwh": [1.0 - 0.125, 0.0],
        "import_kwh": [1.0, 0.0], "export_kwh": [0.25, 0.0], "charge_kwh": [0.5, 0.0],
        "discharge_kwh": [0.0, 0.0], "curtailed_kwh": [0.125, 0.0],
        "unserved_kwh": [0.0625 + 0.5 * 4.0, 2.0],
    }  # fmt: skip
    assert scheme.sites.population.heard["tariff"] == "costly"
    assert scheme.sites.population.heard["step"] == 1
    assert scheme.sites.population.heard["loads_kwh"].tolist() == [2.0, 0.0]
    assert drawn == [
        ("fixed_load_kwh", [1.9375, 0.0], True), ("generation_kwh", [-0.875, 0.0], True),
        ("home_storage_kwh", [0.5, 0.0], True),
    ]  # fmt: skip


def test_what_storages_invest_is_stated_beside_what_they_lost() -> None:
    class Storages(CommunityStorageSharing):
        used = True

        def __init__(self) -> None:
            """Hold nothing yet."""

    def scheme(used: bool) -> Any:
        found: Any = Storages()
        found.controllers = world_of(population={"energy_kwh": np.array([3.0, 4.0])})
        fade = world_of()
        found.shared = world_of(
            storages={"energy_kwh": np.array([1.0, 1.0])}, fade=lambda: fade, storages_part=None,
            investment=8760.0,
        )  # fmt: skip
        found.setting = world_of(scenario=world_of(steps=24, step_h=1.0))
        found.rules = world_of(economics=Economics())
        Storages.used, found.fade = used, None
        return found

    summary = scheme(True).summary()
    assert (summary["storage_final_kwh"], summary["storage_change_kwh"]) == (7.0, 5.0)
    assert (summary["storage_capacity_left"], summary["storage_fade_per_year"]) == (1.0, 0.0)
    assert summary["storage_investment"] == 8760.0
    assert scheme(False).summary()["storage_investment"] == 0.0


def test_storages_pay_for_what_they_charge_from_the_grid_by_night() -> None:
    class Storages(CommunityStorageSharing):
        used = True
        answers = None

        def __init__(self) -> None:
            """Hold nothing yet."""

    scheme: Any = Storages()
    paid = list[Any]()
    scheme.simulation = world_of(
        ledger=world_of(pay=lambda *entry: paid.append(entry)), step_index=5,
        supplied_communities=[0, 1],
        market=world_of(decision=world_of(community_price=np.array([10.0, 20.0]))),
    )  # fmt: skip
    scheme.setting = world_of(communities=["hill", "lake"])
    scheme.shared = world_of(community=np.array([1, 1]))
    scheme.rules = world_of(night_charging=object())
    scheme.delivered_kwh = np.array([1.5, 2.0])
    scheme.controllers = world_of(grid_kwh=np.array([0.25, 0.5]))
    scheme.pay()
    assert paid == [
        (5, "shared_storage", "aggregator@lake", "consumers@lake", 3.5, 20.0),
        (5, "storage_charging", "storages@lake", "aggregator@lake", 0.75, 20.0),
    ]


class Devices(SimpleNamespace):
    """Columns of devices, and what they have heard."""

    def __init__(self, **columns: Any) -> None:
        super().__init__(heard={}, columns=columns)

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def set(self, name: str, values: Any) -> None:
        self.columns[name] = values


class Houses:
    """Houses that do as they are asked, but for the last one."""

    def __init__(self) -> None:
        self.columns = world_of(
            households=Devices(), photovoltaics=Devices(), batteries=Devices(capacity_kwh=None),
            tanks=Devices(loss_per_h=np.zeros(2)), heat_pumps=Devices(cop=np.zeros(2)),
        )  # fmt: skip
        self.asked = list[Any]()
        self.days = 0

    def __len__(self) -> int:
        return 2

    def begin_day(self) -> None:
        self.days += 1

    def begin_step(self, *needs: Any) -> None:
        self.needs = [each.tolist() for each in needs]

    def follow(self, step: int, battery: Any, tank: Any, there: Any) -> Any:
        self.asked.append((step, battery.tolist(), tank.tolist(), there.tolist()))
        return world_of(battery_kwh=battery * [1.0, 0.5], tank_kwh=tank + np.array([0, 1e-7]))


def composite(plans: Any, rule: Any = None) -> Any:
    scheme: Any = CompositeStorageHouses.__new__(CompositeStorageHouses)
    needs = (np.array([4.0, 2.0]), np.array([3.0, 1.0]), np.array([2.0, 8.0]))
    scheme.simulation = world_of(
        step_index=24, supplied=np.array([False, True]), supplied_part=np.array([1.0, 0.25])
    )
    scheme.setting = world_of(
        day=np.repeat([0, 1], 24), community=np.array([1, 0]), step_h=0.5,
        series=world_of(
            of_step=lambda step: needs, load_kwh={24: "loads"}, heat_kwh={24: "heats"},
            generation_kwh={24: "sources"},
        ),
        cop=np.full(48, 3.0), tank_loss=np.full(48, 0.01),
    )  # fmt: skip
    scheme.houses, scheme._plans, scheme._rule = Houses(), plans, rule
    scheme.fade = world_of(age=lambda hours: hours + 1.0)
    scheme.strategy = "any"
    scheme._add_up = scheme._draw = lambda *needs: None
    scheme.payments = world_of(begin_step=lambda: None)
    return scheme


def test_houses_follow_the_plan_of_their_step_and_what_they_miss_is_counted() -> None:
    plans = [np.arange(96.0).reshape(48, 2), np.zeros((48, 2))]
    scheme = composite(plans)
    scheme.act()
    houses = scheme.houses
    assert houses.asked == [(24, [48.0, 49.0], [0.0, 0.0], [True, False])]
    # A quarter of the step is supplied where the first house stands, nothing at the second.
    assert houses.needs == [[1.0, 0.0], [0.75, 0.0], [0.5, 0.0]]
    assert scheme.unserved_kwh == 3.0 + 2.0
    assert scheme.missed == 1
    assert houses.days == 1
    assert houses.columns.batteries["capacity_kwh"] == 24 * 0.5 + 1.0
    assert houses.columns.heat_pumps["cop"].tolist() == [3.0, 3.0]
    assert houses.columns.tanks["loss_per_h"].tolist() == [0.01, 0.01]
    assert houses.columns.households.heard["loads_kwh"] == "loads"
    assert houses.columns.households.heard["heats_kwh"] == "heats"
    assert houses.columns.photovoltaics.heard["sources_kwh"] == "sources"
    assert all(
        devices.heard["supplied_part"].tolist() == [0.25, 1.0]
        for devices in vars(houses.columns).values()
    )
    rule = world_of(decide=lambda scheme: (np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    scheme = composite(None, rule)
    scheme.simulation.step_index = 24
    scheme.act()
    assert scheme.houses.asked == [(24, [1.0, 2.0], [3.0, 4.0], [True, False])]
    assert scheme.missed == 0


class Writer:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.tables = dict[str, Any]()

    def add(self, name: str, columns: dict[str, Any]) -> None:
        self.tables[name] = {
            key: [each.names[code] if code >= 0 else "" for code in each.codes.tolist()]
            if isinstance(each, Coded)
            else each.tolist()
            if isinstance(each, np.ndarray)
            else each
            for key, each in columns.items()
        }


def recording(monkeypatch: pytest.MonkeyPatch, recorded: int, **further: Any) -> Any:
    for module in ("plug_records", "journey_records"):
        monkeypatch.setattr(
            f"hmesh.runs.schemes.vehicles.{module}.recorded_vehicles", lambda setting: recorded
        )
    return world_of(
        setting=world_of(communities=("hill", "lake")),
        simulation=world_of(step_index=2, step_h=0.5, strategy="typical", last_step=False),
        **further,
    )


def test_sessions_are_written_in_the_order_of_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fast = world_of(name="slow"), world_of(name="fast")
    plugs: Any = world_of(chargers=[[slow, fast], [fast]])
    hour = 3_600_000
    ended = Sessions(
        vehicles=np.array([3, 1, 0, 7]), place=np.array([0, 1, 0, 0]),
        plug=np.array([1, 0, -1, 0]), arrived_ms=np.array([0, hour, hour, 0]),
        from_ms=np.array([hour, hour, 2 * hour, 0]),
        to_ms=np.array([3 * hour, 2 * hour, NEVER_MS, hour]),
        drawn_kwh=np.array([1.0, 2.0, 3.0, 4.0]), delivered_kwh=np.array([0.5, 0.0, 0.0, 0.0]),
        in_market=np.array([True, False, True, True]),
    )  # fmt: skip
    exchange = np.array([-2.0, 9.0, 9.0, 0.25, 0.0, 0.0, 0.0, 0.0])
    writer: Any = Writer()
    vehicles = recording(monkeypatch, 4, session_kwh=lambda: exchange)
    _write_sessions(writer, vehicles, plugs, ended)
    found = writer.tables["sessions"]
    never_first = NEVER_MS < 0
    rows = [2, 1, 0] if never_first else [1, 0, 2]
    due = {
        "vehicle": [3, 1, 0], "community": ["hill", "lake", "hill"],
        "charger": ["fast", "fast", ""], "arrives": [0.0, 1.0, 1.0], "plug_in": [1.0, 1.0, 2.0],
        "energy_kwh": [1.25, 2.0, 3.0], "delivered_kwh": [0.5, 0.0, 2.0],
    }  # fmt: skip
    for name, values in due.items():
        assert found[name] == [values[row] for row in rows], name
    ends = np.array([3.0, 2.0, np.nan])[rows]
    np.testing.assert_array_equal(np.array(found["plug_out"]), ends)
    assert found["strategy"] == "typical"
    # One alone is written, none is not.
    for recorded, written in ((1, [0]), (0, None)):
        writer.tables.clear()
        vehicles = recording(monkeypatch, recorded, session_kwh=lambda: exchange)
        _write_sessions(writer, vehicles, plugs, ended)
        assert (writer.tables["sessions"]["vehicle"] if writer.tables else None) == written


def test_chargers_are_written_where_they_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    half = 1_800_000
    plugs: Any = world_of(
        limited=np.array([False, True]), taken_ms=np.array([0, 3 * half]),
        waiting_ms=np.array([0, half // 2]), arrivals=np.array([5, 4]),
        unplugged=np.array([0, 1]),
    )  # fmt: skip
    writer: Any = Writer()
    _write_chargers(writer, recording(monkeypatch, 9), plugs)
    found = writer.tables["chargers"]
    assert found["community"] == ["lake"]
    assert (found["plugs_taken"], found["waiting"]) == ([3.0], [0.5])
    assert (found["arrivals"], found["without_plug"]) == ([4], [1])


def test_stops_and_changed_trips_are_written_of_recorded_vehicles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hour = 3_600_000
    stop = world_of(
        vehicle=1, kind="fast", place=1, arrived_ms=hour, from_ms=2 * hour, to_ms=3 * hour,
        drawn_kwh=4.0,
    )  # fmt: skip
    other = world_of(**vars(stop) | {"vehicle": 0, "kind": "slow", "place": 0, "to_ms": -1})
    beyond = world_of(**vars(stop) | {"vehicle": 2})
    trip = world_of(
        vehicle=0, departs_ms=hour, arrives_ms=3 * hour, set_out_ms=2 * hour, arrived_ms=6 * hour,
        stops=2,
    )  # fmt: skip
    unmade = world_of(**vars(trip) | {"vehicle": 1, "set_out_ms": -1, "arrived_ms": -1})
    journeys: Any = world_of(
        stops=[stop, beyond], changed=[trip, unmade, world_of(**vars(trip) | {"vehicle": 2})],
        open_stops=lambda end_ms: [world_of(**vars(other) | {"from_ms": end_ms})],
    )  # fmt: skip
    vehicles, writer = recording(monkeypatch, 2), Writer()
    vehicles.simulation.last_step = True
    write_journeys(writer, vehicles, journeys)  # type: ignore[arg-type]
    stops, changed = writer.tables["stops"], writer.tables["changed_trips"]
    assert (stops["vehicle"], stops["community"]) == ([1, 0], ["lake", "hill"])
    assert (stops["charger"], stops["arrives"]) == (["fast", "slow"], [1.0, 1.0])
    assert (stops["plug_in"], stops["energy_kwh"]) == ([2.0, 1.5], [4.0, 4.0])
    np.testing.assert_array_equal(stops["plug_out"], [3.0, np.nan])
    assert stops["strategy"] == "typical"
    assert (changed["vehicle"], changed["made"], changed["stops"]) == ([0, 1], [1, 0], [2, 2])
    assert (changed["departs"], changed["arrives"]) == ([1.0, 1.0], [3.0, 3.0])
    np.testing.assert_array_equal(changed["departs_late_h"], [1.0, np.nan])
    np.testing.assert_array_equal(changed["late_h"], [3.0, np.nan])
    np.testing.assert_array_equal(changed["departed"], [2.0, np.nan])
    np.testing.assert_array_equal(changed["arrived"], [6.0, np.nan])
    nothing: Any = world_of(stops=[], changed=[])
    writer.tables.clear()
    vehicles.simulation.last_step = False
    write_journeys(writer, vehicles, nothing)  # type: ignore[arg-type]
    assert not writer.tables


class Answering(list[Any]):
    """Stores that answer, and the least that they draw together."""

    def least_kwh(self) -> float:
        return float(sum(self))


@pytest.mark.parametrize("strategy", ["three_level", "two_level", "typical"])
def test_what_is_at_its_bound_in_a_step_is_counted(strategy: str) -> None:
    decision = world_of(
        community_price=np.array([50.0, 10.0, 30.0, 50.0]), utility_price=40.0,
        counts={"probes": 7},
    )  # fmt: skip
    vehicles: Any = world_of(
        strategy=strategy, present=np.array([2, 3, 0, 1]),
        pay_price=[[1], [2], [], [3]], plugs=None,
        simulation=world_of(
            bounds=world_of(
                aggregator_upper=50.0, aggregator_lower=10.0, utility_upper=40.0, utility_lower=5.0
            ),
            supplied=np.array([True, True, True, False]),
            market=world_of(
                decision=decision, passive_kwh=np.array([0.0, 1.0, 2.0, -1.0]),
                answering={"homes": [Answering([0.5]), Answering(), Answering(), Answering([1.0])]},
            ),
        ),
        vehicle_sums=world_of(
            at_bound=np.array([2, 1, 0, 1]), too_little=np.array([0, 1, 0, 0]), cut_off=4,
            unmet_trips=5, departures_short=6,
        ),
        fleet=world_of(departures=True, chargers=()),
        traffic=world_of(counts={"trips": 8}),
    )  # fmt: skip
    bounded = strategy != "typical"
    due = {
        # The first and the last are at the upper bound, the second at the lower one.
        "community_price_at_upper_bound": 2 * bounded, "community_price_at_lower_bound": bounded,
        "utility_price_at_bound": strategy == "three_level",
        "communities_without_vehicles": 1, "communities_with_captive_load": 2,
        "communities_all_saturated": 2, "vehicles_at_bound": 4, "parked_below_soc_min": 1,
        "vehicles_cut_off": 4, "unmet_trips": 5, "departures_short": 6, "trips": 8, "probes": 7,
    }  # fmt: skip
    assert counts_of(vehicles) == due
    decision.utility_price, vehicles.fleet.departures = 39.0, False
    del due["departures_short"]
    assert counts_of(vehicles) == due | {"utility_price_at_bound": 0}
    decision.utility_price = 5.0
    assert counts_of(vehicles)["utility_price_at_bound"] == (strategy == "three_level")


def test_the_state_of_vehicles_has_that_of_journeys_and_tariffs_where_there_are_any() -> None:
    def part(what: str) -> Any:
        return world_of(state=lambda: what)

    vehicles: Any = world_of(
        fleet=world_of(population=part("fleet")), journeys=part("journeys"),
        own_tariffs=part("tariffs"), supply=world_of(state=lambda: {"charger_outages": "out"}),
    )  # fmt: skip
    due = {
        "fleet": "fleet", "journeys": "journeys", "own_tariffs": "tariffs",
        "charger_outages": "out",
    }  # fmt: skip
    assert VehicleSharing.state(vehicles) == due
    vehicles.journeys = vehicles.own_tariffs = None
    assert VehicleSharing.state(vehicles) == {"fleet": "fleet", "charger_outages": "out"}
