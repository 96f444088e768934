"""The world of a scenario as environments of PettingZoo and Gymnasium."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.runs.rl.players import Player, Quantity, make_players
from hmesh.runs.scenarios.overrides import Changes
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

try:
    import gymnasium
    from gymnasium.spaces import Box
    from gymnasium.utils import seeding
    from pettingzoo import ParallelEnv
except ImportError:
    remedy = "install hMESH with its extra: pip install 'hmesh[rl]'"
    message = f"Gymnasium or PettingZoo is not installed; {remedy}"
    raise InputError([Problem("hmesh.rl", message)]) from None

type ValuesByPlayer = dict[str, FloatArray]


class PlayedWorld:
    """The world of one strategy of a scenario, in which some are played.

    Parameters
    ----------
    scenario, strategy, changes : str, Path or Scenario, str, mapping or sequence of str
        As `parallel_env` takes them.
    players : sequence of str
        As `make_players` takes them.
    """

    def __init__(
        self,
        scenario: str | Path | Scenario,
        players: Sequence[str],
        strategy: str,
        changes: Changes,
    ) -> None:
        if not isinstance(scenario, Scenario):
            scenario = load_scenario(scenario, changes)
        elif changes:
            message = "a scenario that is loaded already is not changed"
            raise InputError([Problem("changes", message, "load_scenario with them")])
        if strategy not in scenario.strategies:
            message = f"the scenario has no strategy {strategy!r}"
            known = scenario.strategies
            raise InputError(
                [Problem("strategy", message, ", ".join(known), nearest(strategy, known))]
            )
        self.scenario, self.strategy, self.names = scenario, strategy, list(players)
        self.begin(scenario.seed)

    def begin(self, seed: int) -> None:
        """Begin a run with a seed."""
        scenario = self.scenario.model_copy(update={"seed": seed})
        self.world = Simulation(make_setting(scenario), self.strategy, self._record)
        self.players: dict[str, Player] = make_players(self.world, self.names)
        self._balances = dict.fromkeys(self.players, 0.0)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.world.step_index >= self.world.setting.scenario.steps

    def step(self, actions: "dict[str, Any]") -> dict[str, float]:
        """Let players act and the step happen; return what each has earned in it [money]."""
        for name, player in self.players.items():
            given = np.asarray(actions[name], dtype=np.float64).ravel()
            _refuse_outside(name, player.decides, given)
            player.act(given)
        self.world.step()
        rewards = {}
        for name, player in self.players.items():
            balance = player.balance()
            rewards[name] = balance - self._balances[name]
            self._balances[name] = balance
        return rewards

    def observe(self) -> ValuesByPlayer:
        """Return what each player observes."""
        return {name: player.observe() for name, player in self.players.items()}

    def _record(self, world: Simulation) -> None:
        """Drop what a run would write, and let owners of vehicles note what they paid."""
        world.ledger.drain()
        world.bus.drain_log()
        for player in self.players.values():
            player.settle()


def _refuse_outside(name: str, decides: Sequence[Quantity], given: FloatArray) -> None:
    """Refuse an action outside of its space, which is never clamped."""
    if given.shape != (len(decides),):
        message = f"{name} decides {', '.join(each.name for each in decides)}"
        raise ValueError(f"{message}, not {given.size} numbers")
    for each, value in zip(decides, given.tolist(), strict=True):
        if not -1.0 <= value <= 1.0:
            raise ValueError(f"{each.name} of {name} is {value:g}, allowed: -1 to 1")


def _observed(quantities: Sequence[Quantity]) -> Box:
    """Return the space of an observation."""
    low, high = ([getattr(q, end) for q in quantities] for end in ("lowest", "highest"))
    return Box(np.array(low), np.array(high), dtype=np.float64)


def _decided(quantities: Sequence[Quantity]) -> Box:
    """Return the space of an action: -1 is the lowest value of each, 1 the highest."""
    return Box(-1.0, 1.0, (len(quantities),), dtype=np.float64)


class HmeshParallelEnv(ParallelEnv):  # type: ignore[misc]  # it has no types
    """Several players in the world of a scenario; everybody else keeps its behaviour.

    `describe` says what the numbers of observations and actions are.
    """

    metadata = {"name": "hmesh_v0", "render_modes": []}  # noqa: RUF012 the library's own form
    render_mode = None

    def __init__(
        self,
        scenario: str | Path | Scenario,
        players: Sequence[str],
        strategy: str = "three_level",
        changes: Changes = (),
    ) -> None:
        self.played = PlayedWorld(scenario, players, strategy, changes)
        self.possible_agents = list(self.played.players)
        self.agents: list[str] = []
        first = self.played.players
        self.observation_spaces = {name: _observed(p.observes) for name, p in first.items()}
        self.action_spaces = {name: _decided(p.decides) for name, p in first.items()}
        self._drawing: np.random.Generator | None = None

    def observation_space(self, agent: str) -> Box:
        """Return the space of what a player observes."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """Return the space of what a player decides."""
        return self.action_spaces[agent]

    def describe(self, agent: str) -> dict[str, list[tuple[str, str, float, float]]]:
        """Return name, unit and range of each number of a player's observation and action."""
        return described(self.played.players[agent])

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ValuesByPlayer, dict[str, dict[str, Any]]]:
        """Begin a run: with a seed, the scenario's at first, then others that follow from it."""
        self._drawing, own = next_seed(self._drawing, seed, self.played.scenario.seed)
        self.played.begin(own)
        self.agents = list(self.possible_agents)
        return self.played.observe(), {name: {"seed": own} for name in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[Any, ...]:
        """Let all players act and the step happen."""
        rewards = self.played.step(actions)
        over = self.played.over
        names = list(self.agents)
        if over:
            self.agents = []
        infos: dict[str, dict[str, Any]] = {name: {} for name in names}
        ended = dict.fromkeys(names, False)
        return self.played.observe(), rewards, ended, dict.fromkeys(names, over), infos

    def render(self) -> None:
        """Show nothing; `hmesh live` does."""

    def close(self) -> None:
        """Hold nothing open."""


class HmeshEnv(gymnasium.Env[Any, Any]):
    """One player in the world of a scenario; everybody else keeps its behaviour."""

    metadata = {"render_modes": []}  # noqa: RUF012 the library's own form

    def __init__(
        self,
        scenario: str | Path | Scenario,
        player: str,
        strategy: str = "three_level",
        changes: Changes = (),
    ) -> None:
        self.played = PlayedWorld(scenario, [player], strategy, changes)
        if len(self.played.players) > 1:
            message = f"{player!r} names {len(self.played.players):,} players"
            raise InputError([Problem("player", message, "one; parallel_env takes several")])
        ((self.player, own),) = self.played.players.items()
        self.observation_space = _observed(own.observes)
        self.action_space = _decided(own.decides)
        self._drawing: np.random.Generator | None = None

    def describe(self) -> dict[str, list[tuple[str, str, float, float]]]:
        """Return name, unit and range of each number of observation and action."""
        return described(self.played.players[self.player])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begin a run: with a seed, the scenario's at first, then others that follow from it."""
        super().reset(seed=seed)
        self._drawing, own = next_seed(self._drawing, seed, self.played.scenario.seed)
        self.played.begin(own)
        return self.played.observe()[self.player], {"seed": own}

    def step(self, action: Any) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """Let the player act and the step happen."""
        reward = self.played.step({self.player: action})[self.player]
        return self.played.observe()[self.player], reward, False, self.played.over, {}


def described(player: Player) -> dict[str, list[tuple[str, str, float, float]]]:
    """Return name, unit and range of what a player observes and decides."""
    numbers = {"observation": player.observes, "action": player.decides}
    return {
        kind: [(each.name, each.unit, each.lowest, each.highest) for each in quantities]
        for kind, quantities in numbers.items()
    }


def next_seed(
    drawing: np.random.Generator | None, given: int | None, first: int
) -> tuple[np.random.Generator, int]:
    """Return what later seeds are drawn from, and the seed of this run."""
    if given is not None or drawing is None:
        own = first if given is None else given
        return seeding.np_random(own)[0], own
    return drawing, int(drawing.integers(2**32))


def parallel_env(
    scenario: str | Path | Scenario,
    players: Sequence[str],
    strategy: str = "three_level",
    changes: Changes = (),
) -> HmeshParallelEnv:
    """Return an environment of PettingZoo over the world of a scenario.

    Parameters
    ----------
    scenario : str, Path or Scenario
        The name of a built-in scenario, a YAML file, or a scenario.
    players : sequence of str
        "utility", "aggregator@homes", "vehicle@0", or with a star for several: "aggregator@*".
    strategy : str
        The strategy that is played, "two_level" or "three_level".
    changes : sequence of str, or mapping
        Changes of the scenario.

    Returns
    -------
    HmeshParallelEnv
        Observation: what a player has heard by messages and metered until now. Action: its price,
        or the prices below and above which a vehicle trades, each from -1, the lowest that may be
        asked, to 1, the highest. Reward: its account of the step [money]. It is truncated at the
        end of the run.

    Raises
    ------
    InputError
        When something of it is wrong, or the extra `rl` is not installed.
    """
    return HmeshParallelEnv(scenario, players, strategy, changes)


def env(
    scenario: str | Path | Scenario,
    player: str,
    strategy: str = "three_level",
    changes: Changes = (),
) -> HmeshEnv:
    """Return an environment of Gymnasium over the world of a scenario; see `parallel_env`."""
    return HmeshEnv(scenario, player, strategy, changes)
