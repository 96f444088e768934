"""The vehicles of one block of rows, as a worker holds them for a run that is spread.

A block is the world of its vehicles alone: it hears prices and what is cut off, and states what its
vehicles would and do exchange. Everything that others need of them are sums, curves and recorded
rows; what a vehicle does is done by the same code as in a run of one process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import PendingEvent
from hmesh.environment.curve_messages import CurveRequest
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.moments import MS_PER_H, step_moment
from hmesh.environment.rows_of_trips import RowsOfTrips
from hmesh.environment.streams import Streams
from hmesh.environment.traffic import AFTER_DAY
from hmesh.environment.trips import TripSource
from hmesh.environment.world import World
from hmesh.markets.demand_curve import Bends, bends_of_block
from hmesh.markets.learned_blocks import learned_of_curves
from hmesh.markets.learned_demand import Learning
from hmesh.markets.learned_lines import LearnedDemand
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.vehicles.learned_elsewhere import BlockDemand
from hmesh.runs.schemes.vehicles.records import write_departures, write_step
from hmesh.runs.schemes.vehicles.setting import VehicleSetting
from hmesh.runs.schemes.vehicles.step import VehicleSharing
from hmesh.runs.schemes.vehicles.typical_charging import until_full
from hmesh.runs.schemes.vehicles.vehicle_sums import VehicleSums


@dataclass(frozen=True, slots=True)
class CommonSetting:
    """What all blocks of a run share, by the names that a `Setting` has for it.

    Attributes
    ----------
    trips : TripSource or None
        The trips of the whole fleet; None where they follow day plans.
    """

    scenario: Scenario
    calendar: Calendar
    streams: Streams
    communities: tuple[str, ...]
    trips: TripSource | None


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """What the vehicles of a block could do in a step.

    Attributes
    ----------
    present : array of int, shape (communities,)
        How many are plugged in.
    least_kwh : array, shape (communities,)
        What they exchange together at least [kWh].
    in_their_night : int
        How many of them charge until they are full where nobody asks a price.
    night_kwh : array, shape (communities,)
        What these charge [kWh].
    saturated_kwh : array, shape (communities,)
        What all exchange at the lowest of prices [kWh].
    bends : tuple of Bends, one for each community
        Where their demand bends; none where nobody asks for it.
    """

    present: NDArray[np.intp]
    least_kwh: FloatArray
    in_their_night: int
    night_kwh: FloatArray
    saturated_kwh: FloatArray
    bends: tuple[Bends, ...]


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """What the vehicles of a block did in a step.

    Attributes
    ----------
    vehicle_sums : VehicleSums
        Their totals.
    rows : dict
        Rows of tables by name: the columns of what is recorded of them.
    """

    vehicle_sums: VehicleSums
    rows: dict[str, Mapping[str, Any]]


class _Rows:
    """Takes the rows of a step, one lot for each table."""

    def __init__(self) -> None:
        self.held: dict[str, Mapping[str, Any]] = {}

    def add(self, table: str, columns: Mapping[str, Any]) -> None:
        """Take rows."""
        assert table not in self.held
        self.held[table] = columns


class BlockWorld(World):
    """The world of the vehicles of one block: what `VehicleSharing` asks of a simulation.

    Parameters
    ----------
    shared : CommonSetting
        What all blocks share.
    part : VehicleSetting
        The vehicles of the block.
    strategy : str
        The strategy of the world that it is a part of.
    """

    # Nobody is both a prosumer and in a block, and nothing is logged.
    prosumers = None
    log = SimpleNamespace(wanted=False)

    def __init__(self, shared: CommonSetting, part: VehicleSetting, strategy: str) -> None:
        nothing: Any = None
        bus = MessageBus(shared.streams)
        super().__init__(shared.calendar, nothing, nothing, shared.streams, bus)
        self.setting = SimpleNamespace(
            scenario=shared.scenario, calendar=shared.calendar, streams=shared.streams,
            communities=shared.communities, schemes={"vehicles": part},
        )  # fmt: skip
        self.strategy = strategy
        places = len(shared.communities)
        self.chance = SimpleNamespace(
            feeder_out=np.zeros(places, dtype=np.bool_), lost_part=np.zeros(places)
        )
        self.market = SimpleNamespace(decision=SimpleNamespace(community_price=np.zeros(places)))

    def draw(self, *about: Any, **more: Any) -> None:
        """Draw nothing: what the vehicles of all blocks draw is drawn where they are added up."""

    def paid_price(self) -> FloatArray:
        """Return what every community pays [money/kWh], 0 where nothing can be exchanged."""
        price: FloatArray = self.market.decision.community_price
        return np.where(self.chance.feeder_out, 0.0, price)


class VehicleBlock:
    """Vehicles of one block in the world of one strategy.

    Parameters
    ----------
    shared : CommonSetting
        What all blocks share.
    part : VehicleSetting
        The vehicles.
    strategy : str
        The strategy of the world.
    """

    def __init__(self, shared: CommonSetting, part: VehicleSetting, strategy: str) -> None:
        if shared.trips is not None:
            rows = part.first, part.first + len(part.fleet)
            part = replace(part, trips=RowsOfTrips(shared.trips, *rows))
        # What vehicles ask of a simulation it has, and nothing else.
        world: Any = BlockWorld(shared, part, strategy)
        self.world, self.sharing = world, VehicleSharing(world)
        self._to_move, self._steps_done = False, 0
        self._learning: list[Learning] = []
        self._demand: dict[int, LearnedDemand] = {}

    def look(
        self,
        step: int,
        feeder_out: NDArray[np.bool_],
        lost_part: FloatArray,
        curves: bool,
        unpriced: bool,
    ) -> BlockOptions:
        """Begin a step: let traffic go on, and see what every battery could do.

        Parameters
        ----------
        step : int
            The step.
        feeder_out, lost_part : array, shape (communities,)
            Which feeders are out, and for which part of the step others are.
        curves, unpriced : bool
            Whether it is asked for demands at every price, and at none.
        """
        self._move()
        world, sharing = self.world, self.sharing
        world.step_index = step
        world.chance.feeder_out, world.chance.lost_part = feeder_out, lost_part
        world.turn()
        sharing.begin_step()
        sharing.look_around()
        self._unpriced: list[FloatArray] | None = None
        nothing = np.zeros(len(sharing.parked))
        night, count, saturated, bends = nothing, 0, nothing, tuple[Bends, ...]()
        if curves:
            answers = [parked.block_answers() for parked in sharing.parked]
            saturated = np.array([each.saturated_kwh for each in answers])
            bends = tuple(bends_of_block(each) for each in answers)
        if unpriced:
            self._unpriced, count = until_full(sharing)
            night = np.array(
                [
                    parked.total_kwh(energy)
                    for parked, energy in zip(sharing.parked, self._unpriced, strict=True)
                ]
            )
        least = np.array([parked.least_kwh() for parked in sharing.parked])
        return BlockOptions(sharing.present, least, count, night, saturated, bends)

    def learn(self, prices: FloatArray) -> list[tuple[float, float]]:
        """Learn what the vehicles of every community want from what they answer to prices.

        Parameters
        ----------
        prices : array, shape (prices,)
            Ascending [money/kWh].

        Returns
        -------
        list of tuple
            For each community the prices between which the widest gap is in what is known of one
            [money/kWh].
        """
        self._learning = []
        for parked in self.sharing.parked:
            plugs = parked.charge_efficiency, parked.discharge_efficiency
            answers = [parked.answer_to(price) for price in prices.tolist()]
            self._learning.append(Learning(prices, answers, plugs, 0.0))
        return [each.gap for each in self._learning]

    def learn_further(self, community: int, price: float) -> tuple[float, float]:
        """Learn from what the vehicles of a community answer to one more price [money/kWh]."""
        learning = self._learning[community]
        learning.hear(price, self.sharing.parked[community].answer_to(price))
        return learning.gap

    def learned(self, communities: Sequence[int]) -> list[BlockDemand]:
        """Return what is learned of the vehicles of some communities."""
        self._demand |= {m: self._learning[m].learned() for m in communities}
        return [_summed(self._demand[m]) for m in communities]

    def revise(self, community: int, price: float) -> float:
        """Return what the vehicles of a community exchange at the lowest of prices [kWh].

        Those that nothing explains are taken to exchange at any price what they do at this one
        [money/kWh].
        """
        energy = self.sharing.parked[community].respond(price)
        self._demand[community] = self._demand[community].revised(energy)
        return self._demand[community].kinks.saturated_kwh

    def curves(self, request: CurveRequest) -> list[BlockDemand]:
        """Return what the curves say together that vehicles state, for every community."""
        found = []
        for parked in self.sharing.parked:
            # A vehicle without a behaviour states a curve.
            assert not parked.behaving
            found.append(_summed(learned_of_curves(0.0, parked.curves(request), None, 1)))
        return found

    def worth(self, asked: Sequence[tuple[int, float | None]]) -> tuple[FloatArray, FloatArray]:
        """Return what vehicles of communities exchange at prices, and value after it.

        Parameters
        ----------
        asked : sequence of (int, float or None)
            Communities and prices; None where vehicles charge whatever it costs, NaN where they
            stay idle [money/kWh].

        Returns
        -------
        energy_kwh, worth : array, shape (asked,)
            In all [kWh, money].
        """
        energies = [self._exchange(m, price) for m, price in asked]
        groups = [self.sharing.parked[m] for m, _ in asked]
        found = zip(groups, energies, strict=True)
        values = [(group.total_kwh(energy), group.worth(energy)) for group, energy in found]
        energy, worth = np.array(values, dtype=np.float64).reshape(-1, 2).T
        return energy, worth

    def settle(self, community_price: FloatArray, prices: Sequence[float | None]) -> BlockOutcome:
        """Let the vehicles exchange what they do at prices; batteries move before the next step.

        Parameters
        ----------
        community_price : array, shape (communities,)
            What communities pay, NaN for nothing [money/kWh].
        prices : sequence of float or None
            What the vehicles of each act on, as of `worth`.
        """
        world, sharing = self.world, self.sharing
        # What was learned of the step is of no use any more.
        self._learning, self._demand = [], {}
        world.market.decision.community_price = community_price
        sharing.take_response([self._exchange(m, price) for m, price in enumerate(prices)])
        sharing.act()
        rows = _Rows()
        write_step(rows, sharing)
        write_departures(rows, sharing)
        self._to_move = True
        return BlockOutcome(sharing.vehicle_sums, rows.held)

    def _exchange(self, community: int, price: float | None) -> FloatArray:
        """Return what each vehicle of a community exchanges at a price [kWh]."""
        parked = self.sharing.parked[community]
        if price is None:
            assert self._unpriced is not None
            return self._unpriced[community]
        return np.zeros(len(parked)) if np.isnan(price) else parked.respond(price)

    def _move(self) -> None:
        """Let batteries move, where that is still to be done."""
        if self._to_move:
            self.sharing.move()
            self._to_move, self._steps_done = False, self.world.step_index + 1

    def stored_kwh(self) -> FloatArray:
        """Return what the battery of each vehicle holds, the step before over [kWh]."""
        self._move()
        held: FloatArray = self.sharing.fleet.population["energy_kwh"]
        return held

    def state(self) -> dict[str, Any]:
        """Return what changes during a run, the step before over: columns, and how many steps."""
        self._move()
        return {"steps_done": self._steps_done, "vehicles": self.sharing.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.sharing.restore(state["vehicles"])
        step, world = state["steps_done"], self.world
        self._steps_done = step
        if step == 0:
            return
        step_h, traffic = world.step_h, self.sharing.traffic
        day = 1
        while traffic.opens(day) < step:
            day += 1
        world.clock.restore(
            (step_moment(step, step_h) - 1) / MS_PER_H,
            (
                PendingEvent(traffic.opens(day) * step_h, 0, 1, "day", day),
                PendingEvent(step * step_h, AFTER_DAY, 2, "traffic", step),
            ),
        )
        world.step_index = step - 1


def _summed(learned: LearnedDemand) -> BlockDemand:
    """Return what others need of what is learned of a block."""
    kinks = learned.kinks
    return BlockDemand(kinks.saturated_kwh, bends_of_block(kinks), learned.unexplained_count)
