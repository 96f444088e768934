"""A scenario with changed values as a file that others can run."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path, PurePosixPath

import yaml

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.runs.plugins.loading import is_file
from hmesh.runs.scenarios.overrides import Changes, override
from hmesh.runs.scenarios.scenario_files import content_of, find_scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario

# More than this is no file to pass on by mail [bytes].
MOST_BYTES = 20_000_000


def shared_scenario(
    name_or_path: str,
    changes: Changes,
    seed: int,
    strategies: Sequence[str],
    plugins: Sequence[str] = (),
) -> tuple[str, Callable[[], bytes]]:
    """Return a scenario with other values, seed and strategies as a file.

    What the file of the scenario leaves out, it leaves out, too.

    Parameters
    ----------
    name_or_path, changes, plugins : str, mapping or sequence of str, sequence of str
        As `load_scenario` takes them.
    seed : int
        The seed in place of the scenario's.
    strategies : sequence of str
        The strategies in place of the scenario's.

    Returns
    -------
    name : str
        Name of the file: YAML, or a ZIP archive (.zip) with the files that the scenario names.
    content : callable
        Returns what it holds; an archive is packed when that is asked for.

    Raises
    ------
    InputError
        When the values do not go together, or files that the scenario names lie outside of its
        folder or are too large.
    """
    path = find_scenario(name_or_path)
    given = deepcopy(content_of(path.read_text(encoding="utf-8"), path.name))
    override(given, changes)
    given["seed"], given["strategies"] = seed, list(strategies)
    scenario = load_scenario(name_or_path, changes, seed, plugins)
    if scenario.plugins:
        given["plugins"] = list(scenario.plugins)
    text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=100)
    content = f"# {path.name} with other values.\n{text}".encode()
    beside = {name: path.parent / name for name in scenario.files()}
    # A plugin of the command line lies anywhere, and is called as its file.
    plugged = scenario.loaded_plugins
    beside |= {each.name: Path(each.path) for each in plugged if is_file(each.name)}
    if not beside:
        return f"{path.stem}-changed.yaml", lambda: content
    _refuse_elsewhere(path, beside)

    def packed() -> bytes:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"{path.stem}-changed.yaml", content)
            for name, place in beside.items():
                file.write(place, name)
        return archive.getvalue()

    return f"{path.stem}-changed.zip", packed


def _refuse_elsewhere(path: Path, files: Mapping[str, Path]) -> None:
    problems = [
        Problem(path.name, f"names {name}, which lies elsewhere", f"files in {path.parent.name}/")
        for name in files
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
    ]
    refuse_all(problems)
    size = sum(place.stat().st_size for place in files.values())
    if size > MOST_BYTES:
        message = f"names files of {size / 1e6:,.0f} MB"
        raise InputError([Problem(path.name, message, f"at most {MOST_BYTES / 1e6:,.0f} MB")])
