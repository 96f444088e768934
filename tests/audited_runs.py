import tempfile
from functools import cache
from pathlib import Path

from hmesh.runs import AuditReport, load_scenario, start_run

# A hundredth of the case study.
FEW = [
    "vehicles.count=20",
    "communities.homes.members.0.count=10",
    "communities.malls.members.0.annual_kwh=7.2e4",
    "communities.offices.members.0.annual_kwh=3.0e4",
    "generation_cost.quadratic=0.05",
]
FILES = "files: as the run wrote them"


@cache
def finished(*changes: str) -> Path:
    """Return the folder of a run of the case study with changes; the same one for the same ones."""
    # Lives as long as the process.
    folder = Path(_folders().name) / str(len(list(Path(_folders().name).iterdir())))
    start_run(load_scenario("three-communities", changes), folder)
    return folder


@cache
def _folders() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="audited-")


def outcome(report: AuditReport) -> dict[str, bool | None]:
    """Return whether each check passed, by its name."""
    return {check.name: check.passed for check in report.checks}
