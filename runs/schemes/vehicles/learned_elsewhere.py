"""What an aggregator learns of vehicles that workers hold, which learn it themselves by blocks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hmesh.environment.arrays import FloatArray
from hmesh.environment.curve_messages import CurveRequest
from hmesh.markets.demand_curve import Bends
from hmesh.markets.learned_blocks import GroupAnswer, widest

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.spread_vehicles import SpreadVehicles


@dataclass(frozen=True, slots=True)
class BlockDemand:
    """What is learned of the vehicles of a block in a community.

    Attributes
    ----------
    saturated_kwh : float
        What they exchange at the lowest of prices [kWh].
    bends : Bends
        Where their demand bends.
    unexplained : int
        How many of them nothing explains.
    """

    saturated_kwh: float
    bends: Bends
    unexplained: int


@dataclass(frozen=True, slots=True)
class DemandElsewhere:
    """What is learned of the vehicles of a community that workers hold.

    Attributes
    ----------
    sharing : SpreadVehicles
        All vehicles of the world.
    community : int
        Which community it is.
    blocks : sequence of BlockDemand
        What is learned of each block.
    """

    sharing: "SpreadVehicles"
    community: int
    blocks: Sequence[BlockDemand]

    @property
    def saturated_kwh(self) -> list[float]:
        """What those of each block exchange at the lowest of prices [kWh]."""
        return [each.saturated_kwh for each in self.blocks]

    @property
    def parts(self) -> list[Bends]:
        """Where the demand of each block bends."""
        return [each.bends for each in self.blocks]

    @property
    def unexplained(self) -> int:
        """How many nothing explains."""
        return sum(each.unexplained for each in self.blocks)

    def revised(self, answer: GroupAnswer) -> "DemandElsewhere":
        """Return the same with what those answer to a price that nothing explains."""
        assert isinstance(answer, EnergyElsewhere)
        revised = self.sharing.ask("revise", self.community, answer.price)
        blocks = zip(self.blocks, revised, strict=True)
        return replace(self, blocks=[replace(each, saturated_kwh=kwh) for each, kwh in blocks])


class LearnerElsewhere:
    """Learns what the vehicles of a community want, by what their blocks have learned.

    Parameters
    ----------
    sharing : SpreadVehicles
        All vehicles of the world.
    community : int
        Which community it is.
    prices : array, shape (prices,)
        Prices that they have answered, ascending [money/kWh].
    """

    def __init__(self, sharing: "SpreadVehicles", community: int, prices: FloatArray) -> None:
        self.sharing, self.community = sharing, community
        self.gap = widest(each[community] for each in sharing.learn(prices))

    def hear(self, price: float, answer: GroupAnswer, *, silent: bool) -> None:
        """Let all blocks learn from what their vehicles answer to a further price."""
        # Messages to workers are never lost.
        assert not silent
        self.gap = widest(self.sharing.ask("learn_further", self.community, price))

    def learned(self) -> DemandElsewhere:
        """Return what all answers say together."""
        blocks = self.sharing.learned(self.community)
        return DemandElsewhere(self.sharing, self.community, blocks)


class CurvesElsewhere:
    """The curves of the vehicles of a community, which only their blocks know.

    Parameters
    ----------
    sharing : SpreadVehicles
        All vehicles of the world.
    community : int
        Which community it is.
    request : CurveRequest
        What they were asked.
    """

    def __init__(self, sharing: "SpreadVehicles", community: int, request: CurveRequest) -> None:
        self.sharing, self.community, self.request = sharing, community, request

    def learned(self) -> DemandElsewhere:
        """Return what they say together."""
        blocks = [each[self.community] for each in self.sharing.curves(self.request)]
        return DemandElsewhere(self.sharing, self.community, blocks)


class EnergyElsewhere:
    """What the vehicles of a community exchange at a price, which only their blocks know.

    Parameters
    ----------
    sharing : SpreadVehicles
        All vehicles of the world.
    community : int
        Which community it is.
    price : float or None
        The price they act on [money/kWh]; None where they charge whatever it costs.
    """

    __slots__ = ("community", "price", "sharing")

    def __init__(self, sharing: "SpreadVehicles", community: int, price: float | None) -> None:
        self.sharing, self.community, self.price = sharing, community, price

    def __len__(self) -> int:
        return int(self.sharing.present[self.community])

    def learner(self, prices: FloatArray) -> LearnerElsewhere:
        """Return who learns what they want, after these ascending prices [money/kWh]."""
        return LearnerElsewhere(self.sharing, self.community, prices)
