"""How the smart homes of a run decide under each of their strategies."""

from collections.abc import Mapping
from types import MappingProxyType

from hmesh.agents.home_controller import ControlSettings
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.markets.home_layout import ASSIGNMENTS, Assignment
from hmesh.runs.schemes.smart_homes.own_rules import RULES, assignment_under, granted_by
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings

# The assignment of each strategy, and whether loads are shifted.
STRATEGIES: Mapping[str, tuple[Assignment, bool]] = MappingProxyType(
    {
        "spfa_s": ("spfa_s", False),
        "spfa_gs": ("spfa_gs", False),
        "mpfa_sg": ("mpfa_sg", False),
        "mpfa_mg": ("mpfa_mg", False),
        "mpfa_sg_shifting": ("mpfa_sg", True),
        # Generators feed all appliances, and nothing is kept.
        "no_home_storage": ("mpfa_mg", False),
        "mpfa_mg_shifting": ("mpfa_mg", True),
    }
)

WITHOUT_STORAGES = "no_home_storage"


def control_of(strategy: str, settings: SmartHomesSettings) -> ControlSettings:
    """Return how controllers decide under a strategy."""
    if strategy in RULES:
        named = assignment_under(strategy)
        if named not in ASSIGNMENTS:
            place, near = f"strategy {strategy!r}: assignment", nearest(named, ASSIGNMENTS)
            raise InputError(
                [Problem(place, f"unknown assignment {named!r}", ", ".join(ASSIGNMENTS), near)]
            )
        return ControlSettings(named, grants=granted_by(strategy))
    assignment, shifts = STRATEGIES[strategy]
    return ControlSettings(assignment, shifts, settings.exact_choices, settings.rounds)
