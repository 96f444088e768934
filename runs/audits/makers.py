"""How the audits of schemes are made, each imported when its scheme takes part."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from runs.audits.premises import Premises
from runs.audits.scheme import SchemeAudit
from runs.audits.tables import Columns
from runs.results.run_reader import Run

type _Maker = Callable[[Run, Premises, Columns], SchemeAudit]


def _smart_homes(run: Run, premises: Premises, hours: Columns) -> SchemeAudit:
    from runs.schemes.smart_homes.audit import HomeAudit

    return HomeAudit(run, premises, hours)


def _battery_sharing(run: Run, premises: Premises, hours: Columns) -> SchemeAudit:
    from runs.schemes.battery_sharing.audit import BatteryAudit

    return BatteryAudit(run, premises, hours)


def _composite_storage(run: Run, premises: Premises, hours: Columns) -> SchemeAudit:
    from runs.schemes.composite_storage.audit import CompositeStorageAudit

    return CompositeStorageAudit(run, premises, hours)


def _school_buses(run: Run, premises: Premises, hours: Columns) -> SchemeAudit:
    from runs.schemes.school_buses.audit import SchoolAudit

    return SchoolAudit(run, premises, hours)


def _community_storage(run: Run, premises: Premises, hours: Columns) -> SchemeAudit:
    from runs.schemes.community_storage.audit import CommunityStorageAudit

    return CommunityStorageAudit(run, premises, hours)


# All but the vehicles, whose audit goes step by step.
_MAKERS: Mapping[str, _Maker] = MappingProxyType(
    {
        "smart_homes": _smart_homes,
        "composite_storage": _composite_storage,
        "battery_sharing": _battery_sharing,
        "community_storage": _community_storage,
        "school_buses": _school_buses,
    }
)


def scheme_audits(run: Run, premises: Premises, hours: Columns) -> list[SchemeAudit]:
    """Return the audits of all schemes of a run but the vehicles."""
    schemes = premises.scenario.schemes
    return [_MAKERS[name](run, premises, hours) for name in schemes if name in _MAKERS]
