"""Houses with storages of one strategy's world: what their managers decide in a step."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.house_conversation import LocalTariff
from hmesh.agents.remaining_stores import Remainder
from hmesh.agents.row_agent import AgentGroup
from hmesh.agents.storage_household import HomeEnergyManager
from hmesh.agents.storage_houses import StorageHouses
from hmesh.environment.arrays import FloatArray
from hmesh.environment.capacity_fade import FadingCapacity
from hmesh.markets.home_energy_rules import HouseStep, TariffSignal
from hmesh.runs.investment_rows import fade_figures
from hmesh.runs.schemes.composite_storage.house_payments import HousePayments
from hmesh.runs.schemes.composite_storage.own_rules import RULES, HouseRule
from hmesh.runs.schemes.composite_storage.records import RESPONDING, write_houses, write_step
from hmesh.runs.schemes.composite_storage.setting import (
    CREDITS,
    OF_EVERY_BILL,
    CompositeStorageSetting,
)
from hmesh.runs.schemes.plugin_energies import decided_kwh
from hmesh.runs.schemes.scheme_step import AnswerBounds, RowWriter
from hmesh.runs.schemes.store_answers import StoreAnswers, StoreList, StoreNames, StoreScheme
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.member_payments import MemberPayments

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


ANSWERING = StoreNames("composite_storage", "houses", "houses", "house", "home_storage_kwh")
YEAR_H = 8760.0


class CompositeStorageHouses(StoreScheme):
    """Houses with photovoltaics, heat pump, battery and tank.

    They settle with the utility, or with the aggregator where they pay the price of their
    community.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    strategy : str
        Which storages houses have: a strategy of the scheme.
    houses : StorageHouses
        The agents.
    decided : HouseStep
        What every house does in the step.
    energies_kwh : dict of array, shape (houses,)
        The energies of the step by the names of `ENERGIES` [kWh].
    """

    decided: HouseStep
    energies_kwh: dict[str, FloatArray]

    def __init__(self, simulation: "Simulation") -> None:
        setting: CompositeStorageSetting = simulation.setting.schemes["composite_storage"]
        self.simulation = simulation
        self.setting = setting
        self.strategy = strategy_within("composite_storage", simulation.strategy)
        rule = RULES.get(self.strategy)
        self._rule: HouseRule | None = None if rule is None else rule()
        self.houses = StorageHouses(
            simulation, setting.populations(self.strategy), setting.settings.memory
        )
        self.answers = self._answers()
        self._plans: tuple[FloatArray, FloatArray] | None = None
        if setting.settings.manager == "foresight" and self._rule is None:
            self._plans = setting.plans(self.strategy)
        batteries, own = self.houses.columns.batteries, setting.settings.devices
        self._first_energy = batteries["energy_kwh"].sum()
        self.fade = FadingCapacity.where_asked(
            batteries["capacity_kwh"], own.calendar_fade, own.cycle_fade
        )
        self._places = len(simulation.setting.communities)
        self._first = np.array([rows.start for rows in setting.groups])
        self._community = setting.community[self._first]
        self.payments = HousePayments(self)

    def _answers(self) -> StoreAnswers | None:
        """Return what answers to the price of the step: batteries and tanks of all houses."""
        settings = self.setting.settings.price_response
        if settings is None:
            return None
        batteries, tanks = self.houses.columns.batteries, self.houses.columns.tanks
        eta = np.concatenate([batteries["charge_efficiency"], tanks["efficiency"]])
        place, node = (np.tile(each, 2) for each in (self.setting.community, self.setting.node))
        worth = {
            "lam": settings.lam, "theta": settings.theta,
            "charge_efficiency": eta, "discharge_efficiency": eta,
        }  # fmt: skip
        return StoreAnswers(self.simulation, ANSWERING, worth, self._listed(), place, node)

    def _listed(self) -> StoreList:
        """Return the batteries of all houses, and then their tanks."""
        setting, count = self.setting, self.setting.houses
        names = [group.name for group in setting.settings.groups]
        group = np.repeat(
            np.arange(len(names)) * len(RESPONDING), [g.stop - g.start for g in setting.groups]
        )
        return StoreList(
            np.tile(np.arange(count), 2), np.repeat([0, 1], count), RESPONDING,
            np.concatenate([group, group + 1]),
            [(name, storage) for name in names for storage in RESPONDING],
        )  # fmt: skip

    def look_around(self) -> None:
        """See what batteries and tanks could exchange beside what houses decided."""
        if self.answers is not None:
            self.answer_nodes = self.answers.answer_nodes
            left = Remainder(*self.houses.room_left(self.decided))
            self.answering = self.answers.offer(left, idle=True)

    @property
    def deciding(self) -> AgentGroup[HomeEnergyManager]:
        """The managers of all houses."""
        return self.houses.managers

    def act(self) -> None:
        """Let every house see its needs, decide, and draw what it lacks."""
        simulation, setting, step = self.simulation, self.setting, self.simulation.step_index
        if step and setting.day[step] != setting.day[step - 1]:
            self.houses.begin_day()
            if self.fade is not None:
                left = self.fade.age(step * setting.step_h)
                self.houses.columns.batteries.set("capacity_kwh", left)
        there = simulation.supplied[setting.community]
        needs, series, columns = setting.series.of_step(step), setting.series, self.houses.columns
        columns.households.heard |= {
            "there": there, "loads_kwh": series.load_kwh[step], "heats_kwh": series.heat_kwh[step]
        }  # fmt: skip
        columns.photovoltaics.heard |= {
            "there": there, "sources_kwh": series.generation_kwh[step]
        }  # fmt: skip
        part = simulation.supplied_part[setting.community]
        for devices in (
            columns.households, columns.photovoltaics, columns.batteries, columns.tanks,
            columns.heat_pumps,
        ):  # fmt: skip
            devices.heard["supplied_part"] = part
        self.unserved_kwh = float((np.where(there, 1.0 - part, 1.0) * needs[0]).sum())
        load, heat, generation = (np.where(there, part * need, 0.0) for need in needs)
        columns.heat_pumps["cop"][:] = setting.cop[step]
        columns.tanks["loss_per_h"][:] = setting.tank_loss[step]
        self.houses.begin_step(load, heat, generation)
        self.missed = 0
        if self._rule is not None:
            found = self._rule.decide(self)
            battery, tank = decided_kwh(self.strategy, found, 2, len(self.houses))
            self.decided = self.houses.follow(step, battery, tank, there)
        elif self._plans is None:
            self.decided = self.houses.decide(step, self._tariff(step), there)
        else:
            battery, tank = (plan[step] for plan in self._plans)
            self.decided = self.houses.follow(step, battery, tank, there)
            off = np.abs(self.decided.battery_kwh - battery) + np.abs(self.decided.tank_kwh - tank)
            self.missed = int(np.count_nonzero(off > 1e-6))
        self._add_up(load, heat, generation)
        self._draw(load, generation)
        self.payments.begin_step()

    def _tariff(self, step: int) -> TariffSignal | list[LocalTariff]:
        """Return what the retailer states for a step, or what houses expect communities to ask."""
        setting, expected = self.setting, self.simulation.expected_price
        if not setting.local:
            return setting.signal(step)
        assert expected is not None
        return setting.local_tariffs(step, expected.of_a_day(*setting.steps_of_day(step)))

    def _add_up(self, load: FloatArray, heat: FloatArray, generation: FloatArray) -> None:
        decided = self.decided
        self.energies_kwh = {
            "appliances_kwh": load,
            "heat_kwh": heat,
            "generation_kwh": generation,
            "import_kwh": decided.import_kwh,
            "export_kwh": decided.export_kwh,
            "charge_kwh": np.maximum(decided.battery_kwh, 0.0),
            "discharge_kwh": np.maximum(0.0 - decided.battery_kwh, 0.0),
            "heat_pump_kwh": decided.heat_pump_kwh,
            "tank_charge_kwh": np.maximum(decided.tank_kwh, 0.0),
            "tank_discharge_kwh": np.maximum(0.0 - decided.tank_kwh, 0.0),
            "unmet_heat_kwh": decided.unmet_heat_kwh,
        }
        self.by_group = {name: self.in_groups(each) for name, each in self.energies_kwh.items()}

    def in_groups(self, values: FloatArray) -> FloatArray:
        """Return the sums of a quantity of houses over each group, shape (groups,)."""
        sums: FloatArray = np.add.reduceat(values, self._first)
        return sums

    def in_communities(self, of_groups: FloatArray) -> FloatArray:
        """Return the sums of a quantity of groups over each community, shape (communities,)."""
        return np.bincount(self._community, of_groups, self._places)

    def _draw(self, load: FloatArray, generation: FloatArray) -> None:
        community, node, decided = self.setting.community, self.setting.node, self.decided
        for name, energy in (
            ("fixed_load_kwh", load + decided.heat_pump_kwh),
            ("generation_kwh", 0.0 - generation),
            ("home_storage_kwh", decided.battery_kwh),
        ):
            self.simulation.draw(name, community, node, energy, direct=not self.setting.local)

    def pay(self) -> None:
        """Let houses pay for what they draw and the tax, and be paid for what they deliver."""
        if self.answers is not None:
            self.answers.pay()
        self.payments.pay()

    def member_communities(self) -> Mapping[str, NDArray[np.intp]]:
        """Return where each house is."""
        return {"houses": self.setting.community}

    def members_of(self, group: str) -> NDArray[np.intp]:
        """Return which houses are of a group."""
        names = [each.name for each in self.setting.settings.groups]
        rows = self.setting.groups[names.index(group)]
        return np.arange(rows.start, rows.stop)

    def committed_kwh(self) -> Mapping[str, FloatArray]:
        """Return what each house draws by its own rule."""
        return {"houses": self.energies_kwh["import_kwh"] - self.energies_kwh["export_kwh"]}

    def answer_bounds(self) -> AnswerBounds | None:
        """Return within which bounds storages answer to the price of the step."""
        return None if self.answers is None else self.answers.bounds("houses")

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield what each house pays for what it draws and the state, and is paid."""
        return self.payments.member_payments()

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the battery of each house holds [kWh]."""
        return {"houses": self.houses.columns.batteries["energy_kwh"]}

    def sums(self) -> dict[str, float]:
        """Return the energies, the emissions and the money of the step."""
        prices = self.setting.prices
        sums = {f"house_{name}": float(values.sum()) for name, values in self.by_group.items()}
        amounts = {kind: float(amount.sum()) for kind, *_, amount in self.payments.of_step}
        bill = amounts["house_purchase"] - amounts["house_feed_in"]
        parts = {kind: amount for kind, amount in amounts.items() if kind not in OF_EVERY_BILL}
        bill += sum(-amount if kind in CREDITS else amount for kind, amount in parts.items())
        upkeep = (
            prices.battery_wear * sums["house_discharge_kwh"]
            + prices.tank_wear * sums["house_tank_discharge_kwh"]
        )
        if self.answers is not None:
            sums |= self.answers.sums()
        if (rooms := self.setting.settings.rooms) is not None:
            held = float(self.houses.columns.tanks["heat_kwh"].sum()) / self.setting.houses
            sums["house_rooms_warmer_kh"] = held / rooms.kwh_per_k * self.setting.step_h
        return sums | {
            "house_unserved_kwh": self.unserved_kwh,
            "house_co2_kg": prices.emission_factor * sums["house_import_kwh"],
            "house_bill": bill + amounts["house_base_charge"],
            "house_upkeep": upkeep,
            "house_carbon_tax": amounts["carbon_tax"],
            "house_running_cost": bill + upkeep + amounts["carbon_tax"],
            **(_by_part(amounts) if self.setting.settings.tariff.itemized else {}),
        }

    def counts(self) -> dict[str, int]:
        """Count what was unmet, unheard or not as planned in this step."""
        return {
            "houses_without_enough_heat": int(np.count_nonzero(self.decided.unmet_heat_kwh > 0)),
            "houses_unheard": self.houses.unheard,
            "house_plans_missed": self.missed,
        }

    def record_start(self, writer: RowWriter) -> None:
        """Write who the recorded houses are."""
        write_houses(writer, self)

    def record(self, writer: RowWriter) -> None:
        """Write what houses do in the step, before their storages change."""
        write_step(writer, self)

    def move(self) -> None:
        """Let the storages do what was decided, and the month go on."""
        self.payments.move()
        decided = self.decided
        if self.answers is not None:
            decided = self.houses.with_response(decided, self.answers.exchange_kwh)
        self.houses.move(decided)
        if self.fade is not None:
            self.fade.exchange(decided.battery_kwh)

    def summary(self) -> dict[str, Any]:
        """Return what storages hold more than at first, and what they cost."""
        columns, setting = self.houses.columns, self.setting
        stored = columns.batteries["energy_kwh"].sum() - self._first_energy
        return {
            "house_years": setting.steps * setting.step_h / YEAR_H,
            "house_lifetime_years": setting.settings.lifetime_years,
            "house_battery_kwh": setting.sizes(self.strategy).battery_kwh,
            "house_tank_kwh": setting.sizes(self.strategy).tank_kwh,
            "house_stored_change_kwh": float(stored),
            "house_tank_change_kwh": float(columns.tanks["heat_kwh"].sum()),
            "house_investment": setting.investment(self.strategy) * setting.houses,
            "house_interest_rate": setting.settings.interest_rate,
            **fade_figures(
                "house",
                self.fade,
                setting.steps * setting.step_h,
                setting.batteries_part(self.strategy),
            ),
        }

    def state(self) -> dict[str, Any]:
        """Return everything of it that changes during a run, live where it is an array."""
        fade = {} if self.fade is None else {"fade": self.fade.state()}
        return {**self.houses.columns.state(), **self.payments.state(), **fade}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.payments.restore(state)
        self.houses.columns.restore(state)
        if self.fade is not None:
            self.fade.restore(state["fade"])
            self.houses.columns.batteries.set("capacity_kwh", self.fade.left_kwh)


def _by_part(amounts: dict[str, float]) -> dict[str, float]:
    """Return the parts of the bill by their names in the totals."""
    return {
        f"house_bill_{kind.removeprefix('house_')}": amount
        for kind, amount in amounts.items()
        if kind != "carbon_tax"
    }
