"""Whether the runs of a sweep are made side by side on a cluster, or each spread over all of it."""

from collections.abc import Sequence

from hmesh.environment.row_blocks import row_blocks
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.spread.spreading import spread_problems
from hmesh.runs.sweeps.sweep_plan import PlannedRun
from hmesh.runs.world.setting import make_setting


def spreads(runs: Sequence[PlannedRun], processes: int) -> bool:
    """Return whether runs keep more of a cluster busy one after another than side by side.

    A run that is spread has as much to do at once as its fleet has blocks of rows. Where both ways
    keep as many busy, runs are made side by side, which sends less.

    Parameters
    ----------
    runs : sequence of PlannedRun
        The runs that are to be made.
    processes : int
        How many things the cluster does at a time.
    """
    if len(runs) >= processes:
        return False
    scenarios = [Scenario.from_resolved(run.resolved) for run in runs]
    blocks = min(len(row_blocks(scenario.vehicles.count)) for scenario in scenarios)
    if min(blocks, processes) <= len(runs):
        return False
    # Only large fleets come here, and few runs.
    return not any(spread_problems(make_setting(scenario)) for scenario in scenarios)
