"""What a simulation writes down of its metered sites."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.results.buffer import Coded
from hmesh.runs.schemes.metered_sites.setting import POOLED, SiteLayout
from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import first_recorded, write_rows
from hmesh.runs.strategy_names import strategies_within

if TYPE_CHECKING:
    from hmesh.runs.schemes.metered_sites.step import MeteredSitesScheme


def write_sites(writer: RowWriter, scheme: "MeteredSitesScheme") -> None:
    """Write what is behind each meter, those of pooled sites last."""
    setting = scheme.setting
    followed = strategies_within("metered_sites", scheme.simulation.setting.scenario.strategies)
    _write(writer, scheme, setting.apart, 0)
    if POOLED in followed:
        _write(writer, scheme, setting.pooled, len(setting.apart.names))


def _write(writer: RowWriter, scheme: "MeteredSitesScheme", layout: SiteLayout, first: int) -> None:
    count = len(layout.names)
    groups = [group.name for group in scheme.setting.settings.groups]
    writer.add(
        "sites",
        {
            "site": first + np.arange(count),
            "name": Coded(np.arange(count), layout.names),
            "group": Coded(layout.group, groups),
            "community": Coded(layout.community, list(scheme.simulation.setting.communities)),
            "battery_kwh": layout.battery_kwh,
            "pv_kw": layout.pv_kw,
        },
    )


def write_step(writer: RowWriter, scheme: "MeteredSitesScheme") -> None:
    """Write what sites do in a step: all of a group added up, and the recorded ones each."""
    column, layout = scheme.sites.population, scheme.layout
    flows = scheme.energies_kwh | {"stored_kwh": column["energy_kwh"]}
    groups = [group.name for group in scheme.setting.settings.groups]
    sums = {name: np.bincount(layout.group, v, len(groups)) for name, v in flows.items()}
    write_rows(writer, scheme, "site_sums", {"group": groups} | sums)
    wanted = scheme.simulation.setting.scenario.record.sites
    count = first_recorded(wanted, len(layout.names))
    if count:
        first = len(scheme.setting.apart.names) if scheme.strategy == POOLED else 0
        rows = {"site": first + np.arange(len(layout.names))} | flows
        kept = ("capacity_kwh", "peak_target_kw", "tier_surcharge")
        rows |= {name: column[name] for name in kept}
        write_rows(writer, scheme, "site_steps", rows, count)
