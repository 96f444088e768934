"""What of a scenario keeps its vehicles from being held in blocks by workers."""

from collections.abc import Iterator

from hmesh.environment.errors import Problem
from hmesh.runs.schemes.descriptor import PLANNER, RETAIL, THREE_LEVEL, TWO_LEVEL
from hmesh.runs.schemes.vehicles.setting import VehicleSetting
from hmesh.runs.strategy_names import pricing_of
from hmesh.runs.world.setting import Setting

# Rules of prices that go by sums and curves alone.
BY_CURVES = (RETAIL, TWO_LEVEL, THREE_LEVEL, PLANNER)
SOLVERS = ("negotiate", "exact", "grid")


def problems(setting: Setting) -> Iterator[Problem]:
    """Yield what keeps the vehicles of a run from being spread over workers, key by key."""
    vehicles: VehicleSetting = setting.schemes["vehicles"]
    scenario = setting.scenario
    record, messages = scenario.record, scenario.messages
    games = [s for s in scenario.strategies if pricing_of(s) in (TWO_LEVEL, THREE_LEVEL)]
    by_rules = [s for s in scenario.strategies if pricing_of(s) not in BY_CURVES]
    communities = scenario.communities.items()
    with_chargers = [name for name, each in communities if each.chargers]
    sharing = [name for name, each in communities if each.local_exchange is not None]
    several = len(vehicles.groups.names) > 1
    of_group = "vehicles.groups.*" if several else "vehicles"
    found: tuple[tuple[bool, str, str, str], ...] = (
        (not len(vehicles.fleet), "vehicles.count", "there is no vehicle to spread", "1 or more"),
        (
            bool(games) and scenario.game.solver not in SOLVERS, "game.solver",
            f"{scenario.game.solver} asks every vehicle", " or ".join(SOLVERS),
        ),
        (
            bool(by_rules), "strategies", f"{', '.join(by_rules)} goes by more than curves",
            "typical, two_level, three_level, planner",
        ),
        (scenario.grid.limits == "keep", "grid.limits", "prices keep limits of lines", "count"),
        (messages.latency_h > 0.0, "messages.latency_h", "messages arrive late", "0"),
        (messages.loss_rate > 0.0, "messages.loss_rate", "messages are lost", "0"),
        (messages.keep == "all", "messages.keep", "all keeps what vehicles say", "none, leaders"),
        (vehicles.growth is not None, "growth", "vehicles join", "no vehicles that join"),
        (
            scenario.chance.charger_outages is not None, "chance.charger_outages",
            "chargers of single vehicles fail", "null",
        ),
        (
            bool(with_chargers), f"communities.{next(iter(with_chargers), '')}.chargers",
            "vehicles wait for each other's plugs", "no chargers",
        ),
        (bool(vehicles.habits), f"{of_group}.plug_in", "vehicles plug in by habit", "always"),
        (
            vehicles.ability is not None, "travel.charge_on_the_way",
            "vehicles share fast chargers", "null",
        ),
        (
            bool(vehicles.own_tariffs), f"{of_group}.tariff",
            "vehicles pay by a tariff of their own", "null",
        ),
        (
            bool(scenario.chosen_behaviours), "behaviours",
            "agents have behaviours, which look at others", "none",
        ),
        (bool(scenario.plugins), "plugins", "plugins look at single vehicles", "none"),
        (
            scenario.prosumers_there, "communities", "prosumers own vehicles or may",
            "members that are no prosumers",
        ),
        (
            bool(sharing), f"communities.{next(iter(sharing), '')}.local_exchange",
            "members share among each other", "null",
        ),
        (record.sessions, "record.sessions", "sessions of single vehicles are written", "false"),
        (record.events, "record.events", "events of single vehicles are written", "false"),
        (bool(record.measures), "record.measures", "measures look at all vehicles", "none"),
        (record.accounts == "all", "record.accounts", "every vehicle has one", "kinds or none"),
    )  # fmt: skip
    for there, place, message, allowed in found:
        if there:
            yield Problem(place, f"{message}, which a run with --scheduler cannot do", allowed)
