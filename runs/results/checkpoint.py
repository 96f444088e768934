"""The state of a run on the disk, from which it goes on."""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from environment.errors import InputError, Problem
from runs.results.safe_files import sha256, sync, unwritable

_FORMAT = 1
_STATE, _ARRAYS, _DIGESTS = "state.json", "arrays.npz", "digests.json"


def save_checkpoint(
    folder: Path | str, steps_done: int, state: Mapping[str, Any], scenario_hash: str
) -> None:
    """Write the state of a run; the one before is kept until this one is on the disk.

    Parameters
    ----------
    folder
        Where checkpoints are kept.
    steps_done
        How many steps of the run are done.
    state
        Nested mappings, lists and tuples of arrays, numbers, text, truth values and None.
    scenario_hash
        The digest of the scenario, from `runs.scenario_hash`.

    Raises
    ------
    InputError
        When the folder cannot be written to.
    TypeError
        When the state holds anything else.
    """
    folder = Path(folder)
    arrays: dict[str, NDArray[Any]] = {}
    told = {
        "format": _FORMAT,
        "steps_done": steps_done,
        "scenario_hash": scenario_hash,
        "state": _encode(state, arrays),
    }
    before = _checkpoints(folder)
    place = folder / f"{int(before[-1].name) + 1 if before else 1:09d}"
    new = folder / "new"
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        (new / _STATE).write_text(json.dumps(told), encoding="utf-8")
        with (new / _ARRAYS).open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        digests = {name: sha256(new / name) for name in (_STATE, _ARRAYS)}
        (new / _DIGESTS).write_text(json.dumps(digests), encoding="utf-8")
        for path in (*new.iterdir(), new):
            sync(path)
        new.rename(place)
        sync(folder)
        for older in before:
            shutil.rmtree(older)
    except OSError as error:
        raise unwritable(folder, error) from error


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is a state of the run on the disk, damaged or not."""
    return bool(_checkpoints(folder))


def load_checkpoint(folder: Path | str, scenario_hash: str) -> tuple[int, dict[str, Any]]:
    """Read the newest state of a run.

    Parameters
    ----------
    folder
        Where checkpoints are kept.
    scenario_hash
        The digest of the scenario that is to go on.

    Returns
    -------
    steps_done : int
        How many steps of the run are done.
    state : dict
        What `save_checkpoint` was given.

    Raises
    ------
    InputError
        When there is none, it is damaged, or it belongs to another scenario.
    """
    folder = Path(folder)
    places = _checkpoints(folder)
    if not places:
        raise _refusal(folder, "there is no checkpoint")
    place = places[-1]
    told = _read_state(place)
    if told.get("format") != _FORMAT:
        raise _refusal(place, f"has format {told.get('format')!r} instead of {_FORMAT}")
    if told["scenario_hash"] != scenario_hash:
        raise _refusal(place, "belongs to another scenario, or a file the scenario names changed")
    try:
        with np.load(place / _ARRAYS, allow_pickle=False) as arrays:
            state = _decode(told["state"], arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _refusal(place, f"{_ARRAYS} is damaged ({error})") from None
    return told["steps_done"], state


def _read_state(place: Path) -> dict[str, Any]:
    """Return what stands beside the arrays, once every file is what was written."""
    try:
        digests = json.loads((place / _DIGESTS).read_text(encoding="utf-8"))
        for name in (_STATE, _ARRAYS):
            if digests[name] != sha256(place / name):
                raise _refusal(place, f"{name} is damaged")
        told = json.loads((place / _STATE).read_text(encoding="utf-8"))
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _refusal(place, f"is damaged ({error})") from None
    if not isinstance(told, dict):
        raise _refusal(place, f"{_STATE} is not what a run writes")
    return told


def _refusal(place: Path, message: str) -> InputError:
    remedy = "the run cannot go on; start it again with hmesh run"
    return InputError([Problem(str(place), f"{message}; {remedy}")])


def _checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints, the newest last."""
    return sorted(folder.glob("[0-9]" * 9))


def _encode(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return a value for JSON: arrays by name, mappings and tuples marked, the rest as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: _encode(item, arrays) for key, item in value.items()}}
    raise TypeError(f"a checkpoint cannot hold {value!r} of type {type(value).__name__}")


def _decode(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "array":
        return arrays[held]
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in held)
    return {key: _decode(item, arrays) for key, item in held.items()}
