"""The built-in amounts of money of vehicles, and where each has effect."""

from collections.abc import Callable

from hmesh.runs.scenarios.money_defaults import (
    PER_KWH,
    PER_KWH2,
    THREE_COMMUNITIES,
    Given,
    MoneyDefault,
    by_key,
    content_of,
)


def _asked_for(key: str) -> Callable[[Given], bool]:
    """Return whether there are vehicles, now or later, for which the built-in amount holds."""

    def asked(given: Given) -> bool:
        joining = bool(given.of("growth.vehicles_per_year"))
        groups = given.of("vehicles.groups")
        if not groups or not isinstance(groups, list | tuple):
            return bool(given.of("vehicles.count")) or joining
        own = [content_of(group) for group in groups]
        return any(key not in group and (joining or group.get("count")) for group in own)

    return asked


MONEY = by_key(
    MoneyDefault(
        "vehicles.lam", (50.0, 70.0), "JPY", PER_KWH, THREE_COMMUNITIES, _asked_for("lam")
    ),
    MoneyDefault("vehicles.theta", 2.0, "JPY", PER_KWH2, THREE_COMMUNITIES, _asked_for("theta")),
)
