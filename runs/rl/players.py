"""Who may be played: what each observes, what it decides, and what it earns in a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.environment.population import Population
from hmesh.runs.rl.played_vehicle import PlayedVehicle

if TYPE_CHECKING:
    from hmesh.agents.community_energy_aggregator import CommunityEnergyAggregator
    from hmesh.runs.world.simulation import Simulation


# Beyond what any energy or price of a run amounts to, as spaces need finite ends.
MOST = 1e12
_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that a player observes or decides.

    Attributes
    ----------
    name, unit : str
        What it is.
    lowest, highest : float
        Its range.
    """

    name: str
    unit: str
    lowest: float = -MOST
    highest: float = MOST


class Player:
    """A member of a world whose decisions come from outside.

    Attributes
    ----------
    world : Simulation
        The world.
    name : str
        What it is called.
    observes, decides : tuple of Quantity
        The numbers of its observation and of its action.
    """

    def __init__(
        self,
        world: "Simulation",
        name: str,
        observes: tuple[Quantity, ...],
        decides: tuple[Quantity, ...],
    ) -> None:
        self.world, self.name = world, name
        self.observes, self.decides = observes, decides
        self.action = np.zeros(len(decides))

    def act(self, action: FloatArray) -> None:
        """Decide for the step that comes: -1 is the lowest price that may be asked, 1 the highest.

        What may be asked is that of the step, where events of the scenario change it.
        """
        self.action = action

    def observe(self) -> FloatArray:
        """Return what it has heard and knows of itself by now."""
        raise NotImplementedError

    def settle(self) -> None:
        """Take note of a step that is settled."""

    def balance(self) -> float:
        """Return what it has received less what it has paid since the run began [money]."""
        return float(self.world.ledger.balances.get(self.name, 0.0))


_HOUR = Quantity("hour_of_day", "h", 0.0, 24.0)


class PlayedUtility(Player):
    """The utility: its action is the price that it asks of all aggregators."""

    def __init__(self, world: "Simulation") -> None:
        names = world.setting.communities
        bids = tuple(Quantity(f"bid_{name}", "kWh") for name in names)
        bounds = world.bounds.utility_lower, world.bounds.utility_upper
        price = Quantity("price", "money/kWh", *bounds)
        super().__init__(world, "utility", (_HOUR, Quantity("price", "money/kWh"), *bids), (price,))
        utility = world.utility

        def asks(aggregators: "Sequence[CommunityEnergyAggregator]", lines: Any = None) -> None:
            """Ask all aggregators what they take at its price, in place of looking for one."""
            utility.take_part(aggregators, lines)
            utility.ask_once(self.price)

        utility.negotiate = asks  # type: ignore[method-assign]

    @property
    def price(self) -> float:
        """The price that it asks in the step [money/kWh]."""
        bounds = self.world.bounds
        return _within(float(self.action[0]), bounds.utility_lower, bounds.utility_upper)

    def observe(self) -> FloatArray:
        """Return its price of the last step and the bids that it heard last."""
        state = self.world.utility.state()
        heard = [state["last_heard"].get(name, 0.0) for name in self.world.setting.communities]
        price = state["price"] if self.world.step_index else 0.0
        return np.array([_hour(self.world), price, *heard])


class PlayedAggregator(Player):
    """An aggregator: its action is the price that it asks of its community."""

    def __init__(self, world: "Simulation", community: int) -> None:
        self.community, self.aggregator = community, world.aggregators[community]
        bounds = world.bounds.aggregator_lower, world.bounds.aggregator_upper
        observes = (
            _HOUR,
            Quantity("utility_price", "money/kWh"),
            Quantity("price", "money/kWh"),
            Quantity("metered_load", "kWh"),
            Quantity("answering", "-", 0.0),
            Quantity("exchange", "kWh"),
        )
        price = (Quantity("price", "money/kWh", *bounds),)
        super().__init__(world, f"aggregator@{self.aggregator.name}", observes, price)
        self.aggregator.played_price = lambda: self.price

    @property
    def price(self) -> float:
        """The price that it asks in the step [money/kWh]."""
        bounds = self.world.bounds
        return _within(float(self.action[0]), bounds.aggregator_lower, bounds.aggregator_upper)

    def observe(self) -> FloatArray:
        """Return what it heard, asked and metered in the last step."""
        world, m = self.world, self.community
        if world.step_index == 0:
            return np.array([_hour(world), 0.0, 0.0, 0.0, 0.0, 0.0])
        market = world.market
        energies = [exchange[m] for exchange in market.decision.exchange_kwh.values()]
        return np.array(
            [
                _hour(world),
                self.aggregator.heard_price,
                self.price,
                float(market.passive_kwh[m]),
                float(sum(len(each) for each in energies)),
                float(sum(each.sum() for each in energies)),
            ]
        )


class PlayedVehicleOwner(Player):
    """The owner of a vehicle: its action is the prices below and above which it trades."""

    def __init__(self, world: "Simulation", row: int, fleet: Population) -> None:
        self.row, self.fleet = row, fleet
        bounds = world.bounds.aggregator_lower, world.bounds.aggregator_upper
        decides = tuple(
            Quantity(name, "money/kWh", *bounds) for name in ("charge_below", "sell_above")
        )
        observes = (
            _HOUR,
            Quantity("price", "money/kWh"),
            Quantity("energy", "kWh", 0.0),
            Quantity("plugged_in", "-", 0.0, 1.0),
        )
        super().__init__(world, f"vehicle@{row}", observes, decides)
        self._paid = self._price = 0.0

    def act(self, action: FloatArray) -> None:
        """Decide for the step that comes; it sells above no lower price than it charges below."""
        super().act(action)
        bounds = self.world.bounds.aggregator_lower, self.world.bounds.aggregator_upper
        below, above = (_within(float(share), *bounds) for share in action)
        self.fleet["charge_below"][self.row] = below
        self.fleet["sell_above"][self.row] = max(below, above)

    def settle(self) -> None:
        """Take note of what it paid in the step, and of the price of its community."""
        for payments, _ in self.world.payments():
            if payments.kind == "vehicles":
                rows = np.arange(len(self.fleet))[payments.rows]
                own = np.flatnonzero(rows == self.row)
                self._paid += float((payments.paid - payments.received)[own].sum())
        where = int(self.fleet["community"][self.row])
        if where >= 0:
            self._price = float(self.world.paid_price()[where])

    def observe(self) -> FloatArray:
        """Return the price that it heard last, and its own battery and plug."""
        fleet, row = self.fleet, self.row
        plugged = fleet["community"][row] >= 0 and fleet["plugged_part"][row] > 0
        held = float(fleet["energy_kwh"][row])
        return np.array([_hour(self.world), self._price, held, float(plugged)])

    def balance(self) -> float:
        """Return what it has received less what it has paid [money]."""
        return -self._paid


def make_players(world: "Simulation", names: Sequence[str]) -> dict[str, Player]:
    """Return the players of a world by name, in the order in which they are named.

    Parameters
    ----------
    world : Simulation
        A world that has made no step.
    names : sequence of str
        "utility", "aggregator@homes" or "vehicle@0"; a star stands for any text.

    Raises
    ------
    InputError
        When there is no such player, or nobody would hear what one decides.
    """
    problems = _mute(world)
    communities = world.setting.communities
    vehicles = world.schemes.get("vehicles")
    group = None if vehicles is None else vehicles.deciding
    count = 0 if group is None else len(group)
    known = ["utility", *(f"aggregator@{name}" for name in communities)]
    known += [f"vehicle@{row}" for row in range(count)]
    chosen: dict[str, None] = {}
    for name in names:
        found = [each for each in known if fnmatchcase(each, name)]
        if not found:
            listed = [*known[:_MOST_LISTED], *(["..."] if len(known) > _MOST_LISTED else [])]
            message = f"nobody is called {name!r}"
            problems.append(Problem("players", message, ", ".join(listed), nearest(name, known)))
        chosen |= dict.fromkeys(found)
    if not names:
        problems.append(Problem("players", "nobody is played", ", ".join(known[:_MOST_LISTED])))
    if "utility" in chosen and world.strategy == "two_level":
        message = "under two_level the utility's tariff is given"
        problems.append(Problem("players", message, "strategy three_level"))
    refuse_all(problems)
    rows = [int(name.partition("@")[2]) for name in chosen if name.startswith("vehicle@")]
    if rows:
        assert group is not None
        group.replace(np.array(sorted(rows)), PlayedVehicle)
    players: dict[str, Player] = {}
    for name in chosen:
        kind, _, whom = name.partition("@")
        if kind == "utility":
            players[name] = PlayedUtility(world)
        elif kind == "aggregator":
            players[name] = PlayedAggregator(world, communities.index(whom))
        else:
            assert group is not None
            players[name] = PlayedVehicleOwner(world, int(whom), group.population)
    return players


def _mute(world: "Simulation") -> list[Problem]:
    """Return why nobody would hear a player, who speaks by messages about prices."""
    game = world.setting.scenario.game
    problems = []
    if world.strategy not in ("two_level", "three_level"):
        message = f"under {world.strategy} nobody bargains"
        problems.append(Problem("strategy", message, "two_level or three_level"))
    if game.solver != "negotiate":
        message = f"{game.solver!r} computes prices without asking anybody"
        problems.append(Problem("game.solver", message, "negotiate"))
    if game.bids != "prices":
        message = "players answer to prices, and send no curves"
        problems.append(Problem("game.bids", message, "prices"))
    return problems


def _within(share: float, lowest: float, highest: float) -> float:
    """Return the price at a share of a range, -1 its lowest and 1 its highest."""
    return lowest + (share + 1.0) / 2.0 * (highest - lowest)


def _hour(world: "Simulation") -> float:
    return float(world.calendar.hour_of_day(world.step_index))
