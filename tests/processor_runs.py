"""Run built-in scenarios small, and write down all that the runs say of themselves.

A program of its own, since NumPy, OpenBLAS and the C library choose their code for a processor
when they are loaded: ``python -m tests.processor_runs FOLDER`` runs all of them, or those that are
named after it, and writes their texts; ``--drawn`` draws their pictures too.
"""

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from threadpoolctl import threadpool_info

from hmesh.runs import draw_plots, load_scenario, read_run, start_run
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.headlines import headline
from hmesh.runs.report.scheme_charts import charts
from hmesh.runs.run_notes import notes
from hmesh.runs.run_summary import summary_table

# Of each scenario as much as lets every scheme and strategy have something to say.
SMALL = {
    "three-communities": ("vehicles.count=40", "hours=24"),
    "smart-home": ("hours=24",),
    "school-buses": ("hours=24", "school_buses.groups.0.schools=3"),
    "battery-sharing": ("hours=48", "communities.district.members.0.businesses=8"),
    "community-storage": ("hours=24",),
    "composite-storage": ("years=null", "hours=48"),
    "suburbs": ("hours=13", "vehicles.groups.0.count=60", "vehicles.groups.2.count=20"),
    "one-city": (
        "hours=6", "vehicles.count=20", "smart_homes.groups.0.count=5",
        "strategies=[nobody_shares, everybody_shares]",
    ),
}  # fmt: skip
ALL_STRATEGIES = {"one-city": ("hours=24", "vehicles.count=20")}


def code_chosen() -> dict[str, list[str]]:
    """Return what NumPy and each OpenBLAS have chosen for this processor."""
    from numpy._core import _multiarray_umath as core

    features = core.__cpu_features__
    return {
        "numpy": [name for name in core.__cpu_dispatch__ if features[name]],
        "openblas": sorted(str(each.get("architecture")) for each in threadpool_info()),
    }


def texts_of(folder: Path, *, drawn: bool) -> dict[str, Any]:
    """Return every text about a run: its table, notes, headlines, charts and pictures."""
    data = RunData(read_run(folder))
    table = StringIO()
    Console(file=table, width=200).print(
        summary_table(data.summary, data.currency, data.strategies)
    )
    texts: dict[str, Any] = {
        "table": table.getvalue(),
        "notes": notes(data.summary, data.strategies),
        "headlines": {
            name: "".join(str(getattr(part, "text", part)) for part in headline(data, name))
            for name in data.strategies
        },
        "charts": {
            chart.name: [chart.heading, dict(chart.findings), chart.note, sorted(chart.series)]
            for chart in charts(data)
        },
    }
    if drawn:
        texts["pictures"] = {
            plot.name: [plot.finding, plot.path is not None] for plot in draw_plots(folder)
        }
    return texts


def main(folder: Path, *names: str, drawn: bool) -> None:
    """Run some scenarios, all strategies of the city where pictures are drawn."""
    folder.mkdir()
    for name in names:
        changes = (SMALL | (ALL_STRATEGIES if drawn else {}))[name]
        start_run(load_scenario(name, [*changes, "plots=false"]), folder / name)
        texts = texts_of(folder / name, drawn=drawn)
        (folder / f"{name}.json").write_text(json.dumps(texts), encoding="utf-8")
    (folder / "code.json").write_text(json.dumps(code_chosen()), encoding="utf-8")


if __name__ == "__main__":
    _, given, *words = sys.argv
    asked = [word for word in words if word != "--drawn"]
    main(Path(given), *(asked or SMALL), drawn="--drawn" in words)
