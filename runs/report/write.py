"""One web page that explains and shows the results of one or several runs."""

import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.extras import require
from hmesh.environment.safe_files import beside
from hmesh.runs.audits.audit_report import AuditReport
from hmesh.runs.audits.run_audit import audit_run, no_progress
from hmesh.runs.audits.sound_results import of_sound_results
from hmesh.runs.pictures.plugin_pictures import embedded
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report import markup
from hmesh.runs.report.gains_chart import gains
from hmesh.runs.report.headlines import in_full
from hmesh.runs.report.local_trade import local_trade
from hmesh.runs.report.map_selection import thinning, window_of
from hmesh.runs.report.packing import Packer, compressed
from hmesh.runs.report.payload import payload
from hmesh.runs.results.run_reader import Run
from hmesh.runs.results.unfinished_run import read_any_run

MOST_RUNS = 6
_PAGE = Path(__file__).parent / "page"
_SCRIPTS = (
    "unpack.js", "time.js", "clock.js", "colours.js", "frame.js", "hand.js", "flows.js", "map.js",
    "overview.js", "charts.js", "grid.js", "tables.js", "downloads.js", "hints.js", "tabs.js",
    "main.js",
)  # fmt: skip


def write_report(
    directories: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    audit: bool = True,
    progress: Callable[[int, int], None] = no_progress,
) -> list[str]:
    """Write a page about finished or interrupted runs that needs neither network nor server.

    Parameters
    ----------
    directories : Path, str, or sequence of Path or str
        The folder of a run, or folders of several, which are shown side by side.
    out : Path or str
        The file to write.
    audit : bool, optional
        Whether finished runs are audited.
    progress : callable, optional
        Called with the steps audited and the steps of the run, run by run.

    Returns
    -------
    list of str
        What the page leaves out or has thinned, and what its audits say.

    Raises
    ------
    InputError
        When a folder holds no run, its results are damaged, or the page cannot be written.
    """
    require("plotly", "report", "hmesh report")
    if isinstance(directories, Path | str):
        directories = [directories]
    if not 1 <= len(directories) <= MOST_RUNS:
        message = f"{len(directories)} runs are too many for a page"
        raise InputError([Problem("hmesh report", message, f"1 to {MOST_RUNS}")])
    runs = [read_any_run(directory) for directory in directories]
    names = _names(runs)
    share = 1.0 / len(runs)
    packer, reported, blocks, packed = Packer(), [], [], []
    datas = [RunData(run) for run in runs]
    for name, data in zip(names, datas, strict=True):
        with of_sound_results(data.run.directory):
            window = window_of(data, share)
            thinned = [*_unfinished(data), *thinning(data, window)]
            report, why_not = _audited(data, audit, progress)
            packed.append(packer.pack(payload(data, name, window, share)))
            blocks.append(_block(name, data, thinned, report, why_not))
        reported += [*thinned, f"{name}: {report.verdict if report else why_not}"]
    # Of one strategy there is nothing to compare: its results are the answer.
    found = "gains" if any(block["gains"] for block in blocks) else "headlines"
    words = _cells("headlines", blocks, len(runs) > 1)
    few = len(in_full(datas[0])) == len(datas[0].strategies)
    page = Template(_text("page.html")).substitute(
        title=escape(" and ".join(dict.fromkeys(names))),
        description=escape(_description(datas)),
        answer="answer" if len(runs) == 1 else "",
        arrangement="outcome" if len(runs) == 1 and few and found == "gains" else "stacked",
        answers=_cells(found, blocks, len(runs) > 1),
        headlines=f'<div class="cells" id="words">{words}</div>' if found == "gains" else "",
        remarks=_cells("remarks", blocks, len(runs) > 1),
        pictures=_pictures(blocks),
        comparison=markup.comparison(list(zip(names, datas, strict=True))),
        figures=_cells("figures", blocks, len(runs) > 1),
        verdict=_cells("verdict", blocks, len(runs) > 1),
        origin=_cells("origin", blocks, len(runs) > 1),
        trade="".join(block["trade"] for block in blocks),
        style=_text("page.css"),
        library=_library(),
        data=json.dumps(packed, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
        arrays=packer.text(),
        script="\n".join(_text(name) for name in _SCRIPTS),
    )
    with beside(Path(out)) as new:
        new.write_text(page, encoding="utf-8")
    return reported


def _names(runs: Sequence[Run]) -> list[str]:
    """Return what each run is called: its scenario, or its folder where several have the same."""
    scenarios = [str(run.info["scenario"]["name"]) for run in runs]
    if len(set(scenarios)) == len(runs):
        return scenarios
    folders = [run.directory.resolve().name for run in runs]
    if len(set(folders)) == len(runs):
        return folders
    return [f"{folder} ({number})" for number, folder in enumerate(folders, 1)]


def _description(datas: Sequence[RunData]) -> str:
    texts = [str(data.scenario.get("description") or "") for data in datas]
    return "; ".join(dict.fromkeys(filter(None, texts)))


def _unfinished(data: RunData) -> list[str]:
    if data.run.complete:
        return []
    info = data.run.info["scenario"]
    whole = data.run.info["steps_planned"]
    return [
        f"The run is not finished: {data.steps:,} of {whole:,} steps are done, and everything here "
        f"covers those. hmesh resume {data.run.directory} goes on with {info['name']}."
    ]


def _audited(
    data: RunData, wanted: bool, progress: Callable[[int, int], None]
) -> tuple[AuditReport | None, str]:
    """Return what the audit of a run found, or why there is none."""
    if not data.run.complete:
        return None, "Not audited: the run is not finished."
    if not wanted:
        return None, f"Not audited; hmesh audit {data.run.directory} does it."
    try:
        return audit_run(data.run.directory, progress), ""
    except InputError as error:
        return None, f"Not audited: {error}"


def _block(
    name: str, data: RunData, thinned: Sequence[str], report: AuditReport | None, why_not: str
) -> dict[str, str]:
    return {
        "name": escape(name),
        "gains": gains(data),
        "headlines": markup.headlines(data),
        "remarks": markup.remarks(data, thinned),
        "pictures": embedded(data) if data.run.complete else "",
        "figures": markup.all_figures(data),
        "verdict": markup.verdict(report, why_not),
        "origin": markup.origin(data),
        "trade": local_trade(data),
    }


def _pictures(blocks: Sequence[dict[str, str]]) -> str:
    """Return the pictures of plugins for each run; nothing where there are none."""
    if not any(block["pictures"] for block in blocks):
        return ""
    cells = _cells("pictures", blocks, len(blocks) > 1)
    head = "<details open><summary>Pictures of plugins</summary>"
    return f'{head}<div class="cells">{cells}</div></details>'


def _cells(part: str, blocks: Sequence[dict[str, str]], named: bool) -> str:
    """Return a part of the page for each run, with its name where there are several."""
    return "".join(
        f'<div class="cell" data-run="{number}">'
        + (f"<h3>{block['name']}</h3>" if named else "")
        + f"{block[part]}</div>"
        for number, block in enumerate(blocks)
    )


def _library() -> str:
    """Return the library of charts as its package has it, compressed to a third."""
    from importlib.resources import files

    return compressed(files("plotly").joinpath("package_data", "plotly.min.js").read_bytes())


def _text(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")
