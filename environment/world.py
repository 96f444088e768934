"""The world of a run: time, place, chance, messages and money, as a Mesa model."""

from typing import Any

from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import Clock
from hmesh.environment.grid import Grid
from hmesh.environment.ledger import Ledger
from hmesh.environment.light_mesa import mesa
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork
from hmesh.environment.streams import Streams


class World(mesa.Model[Any, Any]):
    """What surrounds the agents; who acts in it is added by subclasses.

    Parameters
    ----------
    calendar : Calendar
        From steps to local time.
    grid : Grid
        Lines from the utility to everyone.
    roads : RoadNetwork or RoadMap
        Roads between the communities.
    streams : Streams
        All chance of the run.
    bus : MessageBus
        Carries the messages.

    Attributes
    ----------
    clock : Clock
        Events between the steps.
    ledger : Ledger
        Who paid whom.
    agent_groups : list
        Groups of agents that are rows of a population, in the order in which they were made.
    step_index : int
        The step that is now; steps are counted from the start of the run, resumed or not.
    """

    def __init__(
        self,
        calendar: Calendar,
        grid: Grid,
        roads: RoadNetwork | RoadMap,
        streams: Streams,
        bus: MessageBus,
    ) -> None:
        self.agent_groups: list[Any] = []
        super().__init__(rng=streams.seed)
        self.calendar = calendar
        self.grid = grid
        self.roads = roads
        self.streams = streams
        self.bus = bus
        self.clock = Clock()
        self.ledger = Ledger()
        self.step_index = 0

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return self.calendar.step_h

    def turn(self) -> None:
        """Let happen what is due by the start of this step."""
        self.clock.run_until(self.step_index * self.step_h)
        self.bus.begin_step(self.step_index)
