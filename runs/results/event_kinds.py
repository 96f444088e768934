"""The events that `record.events` writes: what happens, and to what."""

from collections.abc import Mapping
from types import MappingProxyType

# In the order in which events of one moment are written.
SUBJECTS = ("feeder", "charger", "utility", "bus", "vehicle", "message")

# Of one subject at one moment, in this order.
KINDS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "feeder": ("fails", "repaired"),
        "charger": ("fails", "repaired"),
        "utility": ("critical_ends", "critical_begins", "window_closes", "window_opens"),
        "bus": ("arrives", "departs"),
        "vehicle": (
            "unplugs", "arrives", "not_made", "departs", "stops", "queues", "plugs_in", "goes_on",
        ),
        "message": ("sent", "lost", "heard", "late", "deadline"),
    }
)  # fmt: skip

# Each once; those of vehicles in their own order.
KINDS = tuple(
    dict.fromkeys(
        kind
        for subject in ("vehicle", "feeder", "utility", "message")
        for kind in KINDS_OF[subject]
    )
)
