"""Vehicles that workers hold in blocks of rows, as the world of a strategy sees them.

Curves come from the blocks and prices go to them. All else of the world is where it always is, and
adds up the sums of blocks in their order, as it does where it holds all vehicles itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.agents.answering import Answering
from hmesh.agents.fleet import VEHICLES
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Heard, Who, reply_to
from hmesh.environment.curve_messages import CurveBid, CurveRequest
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.environment.row_blocks import added, row_blocks
from hmesh.markets.answers import Answers, inelastic_answer
from hmesh.markets.learned_blocks import widest
from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.descriptor import RETAIL, THREE_LEVEL, TWO_LEVEL
from hmesh.runs.schemes.scheme_step import AnswerBounds, RowWriter
from hmesh.runs.schemes.vehicles.learned_elsewhere import (
    BlockDemand,
    CurvesElsewhere,
    EnergyElsewhere,
)
from hmesh.runs.schemes.vehicles.records import recorded_vehicles, write_trips
from hmesh.runs.schemes.vehicles.setting import VehicleSetting
from hmesh.runs.schemes.vehicles.step import VehicleSharing
from hmesh.runs.schemes.vehicles.typical_charging import plug_in
from hmesh.runs.schemes.vehicles.vehicle_block import (
    BlockOptions,
    BlockOutcome,
    CommonSetting,
    VehicleBlock,
)
from hmesh.runs.schemes.vehicles.vehicle_sums import VehicleSums
from hmesh.runs.spread.row_pool import RowPool
from hmesh.runs.strategy_names import pricing_of
from hmesh.runs.world.member_payments import MemberPayments
from hmesh.runs.world.setting import Setting

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

# Steps after which the states of all blocks are fetched, where no checkpoint has done so before.
# A block that is lost is asked again what it was asked since.
KEPT_EVERY = 24
# At no price: vehicles charge in their night at home, whatever it costs.
UNPRICED = None
IDLE = float("nan")


class VehiclesElsewhere:
    """The vehicles of a community as its aggregator addresses them, held in blocks by workers.

    Parameters
    ----------
    sharing : SpreadVehicles
        All vehicles of the world.
    community : int
        Which community it is.
    """

    name = VEHICLES
    # What plugs lose is known where vehicles are held, and learned with there.
    charge_efficiency = discharge_efficiency = float("nan")

    def __init__(self, sharing: "SpreadVehicles", community: int) -> None:
        self.sharing, self.community = sharing, community

    def __len__(self) -> int:
        return int(self.sharing.present[self.community])

    @property
    def blocks(self) -> list[slice]:
        """The places of those of each block."""
        ends = np.cumsum([each.present[self.community] for each in self.sharing.seen]).tolist()
        return [slice(begin, end) for begin, end in pairwise([0, *ends])]

    def answers(self, fixed_kwh: float) -> Answers:
        """Return what they would exchange at every price, plus an inelastic load [kWh]."""
        if not len(self):
            return inelastic_answer(fixed_kwh)
        seen, m = self.sharing.seen, self.community
        nothing = np.empty(0)
        return Answers(
            fixed_kwh + added(float(each.saturated_kwh[m]) for each in seen),
            nothing, nothing, nothing, parts=tuple(each.bends[m] for each in seen),
        )  # fmt: skip

    def hear(self, offer: PriceOffer, who: Who) -> EnergyBid:
        """Answer an offer with energies that workers work out, and nobody else."""
        assert who is True
        energy: Any = EnergyElsewhere(self.sharing, self.community, offer.price)
        return EnergyBid(energy_kwh=energy, **reply_to(offer, len(self)))

    def hear_curves(self, request: CurveRequest, who: Who) -> CurveBid:
        """Answer a request with curves that workers add up, and nobody else."""
        assert who is True
        curves: Any = CurvesElsewhere(self.sharing, self.community, request)
        return CurveBid(curves=curves, **reply_to(request, len(self)))

    def follow(self, announcement: Heard[PriceAnnouncement]) -> Any:
        """Return what they exchange at the price announced, which all hear."""
        assert announcement.who is True
        return self.respond(announcement.message.price)

    def respond(self, price: float) -> Any:
        """Return what they exchange at ``price``."""
        self.sharing.may_be_asked.append((self.community, price))
        return EnergyElsewhere(self.sharing, self.community, price)

    def best_kwh(self, price: float) -> Any:
        """Return what they value most at ``price``, which is how they respond."""
        return self.respond(price)

    def worth(self, exchange_kwh: Any) -> float:
        """Return what all of them value after an exchange, before they pay for it [money]."""
        return self.sharing.worth_of(self.community, exchange_kwh)[1]

    def total_kwh(self, exchange_kwh: Any) -> float:
        """Return what all of them exchange together [kWh]."""
        if isinstance(exchange_kwh, EnergyElsewhere) and exchange_kwh.price is UNPRICED:
            return float(self.sharing.night_kwh[self.community])
        return self.sharing.worth_of(self.community, exchange_kwh)[0]

    def least_kwh(self) -> float:
        """Return what all of them exchange together at least [kWh]."""
        return float(added(each.least_kwh[self.community] for each in self.sharing.seen))


class SpreadVehicles(VehicleSharing):
    """The vehicles of a world whose rows workers hold.

    It holds as many vehicles itself as have their trips written down, and lets them drive alone.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    """

    seen: list[BlockOptions]

    def __init__(self, simulation: "Simulation") -> None:
        self.pool: RowPool = simulation.setting.spread
        self.world = simulation.strategy
        if not self.pool.begun:
            begin_blocks(self.pool, simulation.setting)
        self._worths: dict[tuple[int, float | None], tuple[float, float]] = {}
        self._first_prices: FloatArray = np.empty(0)
        self._gaps: list[list[tuple[float, float]]] = []
        self._learned: dict[int, list[BlockDemand]] = {}
        self._curves: list[list[BlockDemand]] | None = None
        self.may_be_asked: list[tuple[int, float | None]] = []
        self._kept_at = 0
        super().__init__(simulation)
        groups: Any = [VehiclesElsewhere(self, m) for m in range(len(self.setting.communities))]
        self.groups: list[Answering] = groups
        self.pay_price, self.answering = groups, groups

    def _own_part(self, vehicles: VehicleSetting) -> VehicleSetting:
        setting = self.setting
        writes = self.world == setting.scenario.strategies[0]
        return vehicles.part(0, recorded_vehicles(setting) if writes else 0)

    @property
    def vehicles_there(self) -> int:
        """How many vehicles there are: all, from the start."""
        return len(self.whole.fleet)

    def begin_step(self) -> None:
        """Let nothing fail: what chance does to plugs it does where vehicles are."""

    def look_around(self) -> None:
        """Let all blocks begin the step, and hear what their vehicles could do."""
        if not self.started:
            super().look_around()
            self.present = np.zeros(len(self.setting.communities), dtype=np.intp)
            return
        simulation, chance = self.simulation, self.simulation.chance
        unpriced = pricing_of(simulation.strategy) == RETAIL
        curves = simulation.setting.scenario.welfare_recorded or not (unpriced or self._by_messages)
        about = simulation.step_index, chance.feeder_out, chance.lost_part
        self.seen = self.ask("look", *about, curves, unpriced)
        self.present = added(each.present for each in self.seen)
        self.night_kwh = added(each.night_kwh for each in self.seen)
        self._worths, self.may_be_asked = {}, []
        self._first_prices, self._curves = np.empty(0), None

    @property
    def _by_messages(self) -> bool:
        """Whether aggregators ask vehicles instead of computing from their parameters."""
        solver = self.simulation.setting.scenario.game.solver
        return solver == "negotiate" and pricing_of(self.world) in (TWO_LEVEL, THREE_LEVEL)

    def ask(self, method: str, *given: Any) -> list[Any]:
        """Return what all blocks answer, the first block first."""
        return self.pool.ask(self.world, method, *given)

    def learn(self, prices: FloatArray) -> list[list[tuple[float, float]]]:
        """Return the widest gaps in what each block has learned of every community by prices.

        Communities are asked the same prices first, so that one question serves all.
        """
        if not np.array_equal(prices, self._first_prices):
            self._first_prices, self._learned = prices, {}
            self._gaps = self.ask("learn", prices)
        return self._gaps

    def learned(self, community: int) -> list[BlockDemand]:
        """Return what each block has learned of a community.

        With the first of those all are asked for of which nothing is hidden, and so no further
        price is asked.
        """
        if community not in self._learned:
            whole = [m for m in range(len(self.groups)) if self._hides_nothing(m)]
            asked = whole if community in whole else [community]
            found = self.ask("learned", asked)
            self._learned |= {m: [each[k] for each in found] for k, m in enumerate(asked)}
        return self._learned[community]

    def _hides_nothing(self, community: int) -> bool:
        below, above = widest(each[community] for each in self._gaps)
        return below == above

    def curves(self, request: CurveRequest) -> list[list[BlockDemand]]:
        """Return what the curves of each block and community say, asked once in a step."""
        if self._curves is None:
            self._curves = self.ask("curves", request)
        return self._curves

    def unpriced_kwh(self) -> list[Any]:
        """Let the vehicles charge until full whose night at home has begun."""
        count = sum(each.in_their_night for each in self.seen)
        plug_in(self, count, added(self.night_kwh.tolist()))
        return [EnergyElsewhere(self, m, UNPRICED) for m in range(len(self.groups))]

    def take_response(self, exchange_kwh: list[Any]) -> None:
        """Take over at which prices the vehicles exchange."""
        self.prices = [_price_of(each) for each in exchange_kwh]

    def worth_of(self, community: int, exchange_kwh: Any) -> tuple[float, float]:
        """Return what the vehicles of a community exchange in all, and value after it.

        With the first question of a step all are put that may follow: of all communities, at the
        price decided and at the planner's.
        """
        price = _price_of(exchange_kwh)
        if price is not UNPRICED and np.isnan(price):
            return 0.0, 0.0
        wanted = community, price
        if wanted not in self._worths:
            self._ask_worths([*self.may_be_asked, wanted])
        return self._worths[wanted]

    def _ask_worths(self, wanted: Sequence[tuple[int, float | None]]) -> None:
        new = [each for each in dict.fromkeys(wanted) if each not in self._worths]
        answers = self.ask("worth", new)
        energy, worth = (added(each[k] for each in answers) for k in (0, 1))
        self._worths.update(
            zip(new, zip(energy.tolist(), worth.tolist(), strict=True), strict=True)
        )
        self.may_be_asked = []

    def act(self) -> None:
        """Let the vehicles of all blocks exchange what they do at the prices of the step."""
        price = self.simulation.market.decision.community_price
        done: list[BlockOutcome] = self.ask("settle", price, self.prices)
        self.rows = [each.rows for each in done]
        self.vehicle_sums = VehicleSums.added(each.vehicle_sums for each in done)
        self.departing = None
        self.draw_exchanged()

    def record(self, writer: RowWriter) -> None:
        """Write the recorded vehicles and the trips that begin in the step."""
        for table in ("vehicles", "trips", "departures"):
            if table == "trips":
                write_trips(writer, self)
                continue
            rows = [block[table] for block in self.rows if table in block]
            if rows:
                writer.add(table, _joined(rows))

    def move(self) -> None:
        """Forget the step; batteries move as the next one begins."""
        self.traffic.end_step()
        self._kept_at += 1
        if self._kept_at >= KEPT_EVERY:
            self._fetch_states()

    def answer_bounds(self) -> AnswerBounds | None:
        """Return no bounds: nobody narrows what is elsewhere."""
        return None

    def member_payments(self) -> Iterable[MemberPayments]:
        """Yield nothing: no vehicle has an account of its own."""
        return ()

    def stored_kwh(self) -> Mapping[str, FloatArray]:
        """Return what the battery of each vehicle holds [kWh]."""
        return {VEHICLES: np.concatenate(self.ask("stored_kwh"))}

    def state(self) -> dict[str, Any]:
        """Return the state that a world has which holds all vehicles itself."""
        states = [each["vehicles"] for each in self._fetch_states()]
        columns = {
            name: np.concatenate([each["fleet"][name] for each in states])
            for name in states[0]["fleet"]
        }
        return {"fleet": columns}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`, of whichever kind of run."""
        self.refuse_strange_places(state["fleet"])
        like = self.fleet.population.state()
        blocks = row_blocks(self.vehicles_there)
        # The state of the world is taken over before that of its clock.
        done = self.simulation.step_index
        self.pool.restore(
            self.world,
            [
                {
                    "steps_done": done,
                    "vehicles": {"fleet": {name: state["fleet"][name][a:b] for name in like}},
                }
                for a, b in blocks
            ],
        )
        own = len(self.fleet)
        super().restore({"fleet": {name: state["fleet"][name][:own] for name in like}})
        self._kept_at = 0

    def _fetch_states(self) -> list[Any]:
        self._kept_at = 0
        return self.pool.states(self.world)


def begin_blocks(pool: RowPool, setting: Setting) -> None:
    """Let a pool hold the vehicles of a run, in fixed blocks of their rows."""
    vehicles: VehicleSetting = setting.schemes[VEHICLES]
    shared = CommonSetting(
        setting.scenario, setting.calendar, setting.streams, setting.communities, vehicles.trips
    )
    blocks = row_blocks(len(vehicles.fleet))
    parts = [replace(vehicles.part(first, end), trips=None) for first, end in blocks]
    pool.begin(VehicleBlock, shared, parts, setting.scenario.strategies)


def _price_of(exchange_kwh: Any) -> float | None:
    """Return the price on which vehicles act; those that were given no energy are idle."""
    if isinstance(exchange_kwh, EnergyElsewhere):
        return exchange_kwh.price
    assert not np.any(exchange_kwh)
    return IDLE


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rows of several blocks as one lot."""
    return {name: _column([part[name] for part in parts]) for name in parts[0]}


def _column(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Coded):
        return Coded(np.concatenate([each.codes for each in values]), first.names)
    return np.concatenate(values) if isinstance(first, np.ndarray) else first
