"""How long the audit of each built-in scenario takes, beside its run.

Every scenario is run whole and audited in the same process, both without pictures, ``--repeat``
times; the shortest processor times count, so that other work on the machine does not matter.

``--only NAME`` measures one of them. With ``--json FILE`` it writes the figures. The exit status is
1 where an audit takes longer than its run, or does not pass.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SMOKE = {"three-communities": ("vehicles.count=100", "hours=6")}


def measured(name: str, changes: tuple[str, ...], repeat: int) -> dict[str, Any]:
    """Return the processor times of a run and of its audit [s], and what the audit found."""
    from hmesh.runs import audit_run, load_scenario, start_run

    scenario = load_scenario(name, [*changes, "plots=false"])
    run_s, audit_s = list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="audit-time-") as parent:
        directory = Path(parent) / name
        for _ in range(repeat):
            shutil.rmtree(directory, ignore_errors=True)
            began = time.process_time()
            start_run(scenario, directory)
            between = time.process_time()
            report = audit_run(directory)
            run_s.append(between - began)
            audit_s.append(time.process_time() - between)
    return {
        "run_s": round(min(run_s), 3),
        "audit_s": round(min(audit_s), 3),
        "ratio": round(min(audit_s) / min(run_s), 3),
        "checks": len(report.checks),
        "passed": report.passed,
        "notes": sorted(
            {check.note for check in report.checks if "drawn by the seed" in check.note}
        ),
    }


def main() -> None:
    """Measure all built-in scenarios and print a line for each."""
    from hmesh.runs import builtin_scenarios

    names = [name for name, _ in builtin_scenarios()]
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", action="append", choices=names)
    options.add_argument("--repeat", type=int, default=3, help="times that each is measured")
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--smoke", action="store_true", help="one short scenario")
    given = options.parse_args()
    changes = SMOKE if given.smoke else {}
    figures: dict[str, Any] = {}
    for name in given.only or (SMOKE if given.smoke else names):
        found = measured(name, changes.get(name, ()), 1 if given.smoke else given.repeat)
        figures[name] = found
        print(
            f"{name:20} run {found['run_s']:8.2f} s, audit {found['audit_s']:7.2f} s, "
            f"{found['ratio']:.2f} of the run{'' if found['passed'] else ', FAILED'}",
            flush=True,
        )
    if given.json:
        from report import write_figures

        write_figures(given.json, {"scenarios": figures})
    slow = [name for name, found in figures.items() if found["ratio"] >= 1 or not found["passed"]]
    sys.exit(1 if slow and not given.smoke else 0)


if __name__ == "__main__":
    main()
