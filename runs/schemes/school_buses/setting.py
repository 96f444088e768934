"""The schools and buses of a scenario before anybody acts: columns, timetable and forecast."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_school_bus import ElectricSchoolBus
from hmesh.agents.school import School
from hmesh.environment.arrays import FloatArray
from hmesh.environment.block_rounds import read_block_rounds
from hmesh.environment.population import Population
from hmesh.environment.school_rounds import SchoolRounds, charging_window
from hmesh.environment.streams import Streams
from hmesh.markets.critical_hours import base_demand, required_demand
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.school_buses.demand_forecast import UtilityForecast
from hmesh.runs.schemes.school_buses.section import BLOCK_TABLES, CONNECTION, SchoolBuses
from hmesh.runs.world.dataset_files import load_dataset
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.tariff import prices_of_economics
from hmesh.runs.world.tariff_meters import MeterGroup, Payers, meter_group

# Who pays by the meters of schools.
PAYERS = Payers("schools", "schools", "bus")


@dataclass(frozen=True, slots=True, eq=False)
class SchoolSetting:
    """What all strategies share of the schools.

    Attributes
    ----------
    rules : SchoolBuses
        The scenario's section.
    schools, buses : Population
        Their columns; each world forks them.
    nodes : array of int, shape (schools,)
        Node of the grid at which each school is connected.
    hours : tuple of (float, float)
        Clock hours from and to for each round of a school day [h].
    rounds : SchoolRounds
        When buses are on their way.
    window, opens : array of bool, shape (steps,)
        Steps of the charging window, and those in which it opens.
    forecast : UtilityForecast
        What the utility expects of all members.
    step_h : float
        Length of a step [h].
    tariff : array, shape (steps,), optional
        The prices at which energy is valued, where they are not those paid [money/kWh].
    own_tariff : MeterGroup, optional
        The meters of schools that pay by a tariff of their own.
    """

    rules: SchoolBuses
    schools: Population
    buses: Population
    nodes: NDArray[np.intp]
    rounds: SchoolRounds
    hours: tuple[tuple[float, float], ...]
    window: NDArray[np.bool_]
    opens: NDArray[np.bool_]
    forecast: UtilityForecast
    step_h: float
    tariff: FloatArray | None = None
    own_tariff: MeterGroup | None = None

    def base_kwh(self, step: int) -> float:
        """Return the demand that the utility meets without help on the date of a step [kWh]."""
        critical = self.rules.critical
        if critical.base_kw is not None:
            return base_demand(np.empty(0), "energy", critical.base_kw * self.step_h)
        share = critical.share_of_peak or 0.0
        return base_demand(
            self.forecast.demand_kwh(self.forecast.day(step)), "share_of_peak", share
        )

    def is_critical(self, step: int) -> bool:
        """Return whether the forecast makes a step critical."""
        expected = self.forecast.demand_kwh([step])
        return bool(required_demand(expected, self.base_kwh(step))[0] > 0)

    def valley(self, step: int) -> NDArray[np.intp]:
        """Return the steps to charge in, from a step to the end of its window.

        Steps on the road and critical ones are none of them.
        """
        later = slice(step + 1, None)
        over = np.flatnonzero(~self.window[later] | self.opens[later])
        end = step + 1 + int(over[0]) if len(over) else len(self.window)
        return np.array(
            [s for s in range(step, end) if self.rounds.share[s] == 0 and not self.is_critical(s)],
            dtype=np.intp,
        )

    def critical_block(self, step: int) -> list[int]:
        """Return the critical steps from a step to the next round or the end of its date."""
        block = []
        for s in range(step, self.forecast.day(step).stop):
            if self.rounds.share[s] > 0:
                break
            if self.is_critical(s):
                block.append(s)
        return block


def make_school_setting(rules: SchoolBuses, setting: Setting) -> SchoolSetting:
    """Make the schools of a scenario."""
    scenario, calendar, streams = setting.scenario, setting.calendar, setting.streams
    members, grid = setting.members, setting.grid
    communities = list(scenario.communities)
    where = np.repeat(
        [communities.index(group.community) for group in rules.groups],
        [group.schools for group in rules.groups],
    )
    node = [grid.node_index.get(f"{name}/{CONNECTION}", -1) for name in communities]
    window, opens = charging_window(calendar, scenario.steps, *rules.charging_window)
    schools = _schools(scenario, rules, streams, where)
    buses, hours = _buses(scenario, rules, streams, schools), rules.rounds
    if rules.blocks is not None:
        dataset = load_dataset(scenario.path_of(rules.blocks), BLOCK_TABLES)
        terms = scenario.school_terms
        blocks = read_block_rounds(dataset, terms.services if terms is not None else ())
        hours = blocks.hours
        # The buses of the timetable are dealt in turn.
        buses.set("round_km", np.resize(blocks.round_km, len(buses)))
    return SchoolSetting(
        rules=rules,
        schools=schools,
        buses=buses,
        nodes=np.array(node, dtype=np.intp)[where],
        rounds=SchoolRounds.of(calendar, scenario.steps, hours, opens, window),
        hours=hours,
        window=window,
        opens=opens,
        forecast=UtilityForecast(scenario, calendar, members),
        step_h=scenario.step_h,
        tariff=prices_of_economics(rules.economics, scenario, setting.calendar, "school_buses"),
        own_tariff=None
        if rules.tariff is None
        else meter_group(
            "schools", np.arange(len(schools)), rules.tariff, scenario, calendar,
            "school_buses.tariff", PAYERS.prefix,
        ),
    )  # fmt: skip


def _schools(
    scenario: Scenario, rules: SchoolBuses, streams: Streams, where: NDArray[np.intp]
) -> Population:
    """Draw what each school values the energy in its buses at."""
    buses = np.repeat(
        [group.buses for group in rules.groups], [group.schools for group in rules.groups]
    )
    schools = Population(School.attributes(), len(where))
    schools.set("community", where.astype(np.int16))
    schools.set("buses", buses.astype(np.int32))
    schools.set("first_bus", (np.cumsum(buses) - buses).astype(np.int32))
    schools.set("saturates", rules.saturates)
    schools.set("average_price", rules.average_price_start)
    for name, purpose, above in (
        ("lam", "satisfaction", -np.inf), ("theta", "slope of marginal utility", 0.0)
    ):  # fmt: skip
        schools.set(name, _drawn(scenario, rules, streams, name, purpose, "school", above))
    return schools


def _buses(
    scenario: Scenario, rules: SchoolBuses, streams: Streams, schools: Population
) -> Population:
    """Give every bus its battery and draw the length of its round."""
    owned = [group.buses for group in rules.groups for _ in range(group.schools)]
    buses = Population(ElectricSchoolBus.attributes(), sum(owned))
    buses.set("school", np.repeat(np.arange(len(owned)), owned).astype(np.int32))
    for name in (
        "capacity_kwh", "power_kw", "consumption_kwh_per_km", "soc_min", "soc_max",
        "charge_efficiency", "discharge_efficiency",
    ):  # fmt: skip
        buses.set(name, getattr(rules, name))
    length = _drawn(scenario, rules, streams, "round_km", "round", "school bus", 0.0)
    buses.set("round_km", length)
    buses.set("energy_kwh", rules.soc_start * rules.capacity_kwh)
    if (response := rules.price_response) is not None:
        school = buses["school"]
        of_school = schools["theta"] * schools["buses"]
        lam, theta = response.lam, response.theta
        buses.set("lam", schools["lam"][school] if lam is None else lam)
        buses.set("theta", of_school[school] if theta is None else theta)
    return buses


def _drawn(
    scenario: Scenario,
    rules: SchoolBuses,
    streams: Streams,
    name: str,
    purpose: str,
    agent_type: str,
    above: float,
) -> FloatArray:
    """Draw a quantity of every school or bus."""
    size = rules.school_count if agent_type == "school" else rules.bus_count
    draw = streams.generator(purpose, agent_type).random(size)
    preference = getattr(rules, name)
    if isinstance(preference, FromFile):
        return preference.read(scenario.path_of(preference.file), draw, above)
    return preference_values(preference, draw)
