"""The state of a run on the disk, from which it is resumed."""

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import own_folder, read_json, remove_own, sha256, sync, unwritable
from hmesh.runs.results.contract import CHECKPOINT_FORMAT
from hmesh.runs.results.names import STATE_FILES

_STATE, _ARRAYS, _DIGESTS = "state.json", "arrays.npz", "digests.json"
_KEYS = {"format", "steps_done", "scenario_hash", "state"}
# What NumPy and zipfile raise while they read a file that neither of them wrote.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError,
    MemoryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_NAME = re.compile(r"[0-9]{9}")


def save_checkpoint(
    folder: Path | str, steps_done: int, state: Mapping[str, Any], scenario_hash: str
) -> None:
    """Write the state of a run; the one before is kept until this one is on the disk.

    Parameters
    ----------
    folder : Path or str
        Where checkpoints are kept.
    steps_done : int
        How many steps of the run are done.
    state : mapping
        Nested mappings, lists and tuples of arrays, numbers, text, truth values and None.
    scenario_hash : str
        The digest of the scenario, from `hmesh.runs.scenario_hash`.

    Raises
    ------
    InputError
        When the folder cannot be written to, or holds links or what hMESH did not write.
    TypeError
        When the state holds anything else.
    """
    folder = Path(folder)
    arrays: dict[str, NDArray[Any]] = {}
    stated = {
        "format": CHECKPOINT_FORMAT,
        "steps_done": steps_done,
        "scenario_hash": scenario_hash,
        "state": _encode(state, arrays),
    }
    own_folder(folder.parent, folder.name)
    before = _checkpoints(folder)
    place = folder / f"{int(before[-1].name) + 1 if before else 1:09d}"
    new = folder / "new"
    remove_own(new, STATE_FILES)
    try:
        new.mkdir(parents=True)
        (new / _STATE).write_text(json.dumps(stated), encoding="utf-8")
        with (new / _ARRAYS).open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        digests = {name: sha256(new / name) for name in (_STATE, _ARRAYS)}
        (new / _DIGESTS).write_text(json.dumps(digests), encoding="utf-8")
        for path in (*new.iterdir(), new):
            sync(path)
        new.rename(place)
        sync(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    for older in before:
        remove_own(older, STATE_FILES, keep_others=True)


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is a state of the run on the disk, damaged or not."""
    return bool(_checkpoints(folder))


def load_checkpoint(folder: Path | str, scenario_hash: str) -> tuple[int, dict[str, Any]]:
    """Read the newest state of a run.

    Parameters
    ----------
    folder : Path or str
        Where checkpoints are kept.
    scenario_hash : str
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
    own_folder(folder.parent, folder.name)
    places = _checkpoints(folder)
    if not places:
        raise not_resumable(folder, "there is no checkpoint")
    place = places[-1]
    stated = _read_state(place)
    if stated.get("format") != CHECKPOINT_FORMAT:
        raise not_resumable(
            place, f"has format {stated.get('format')!r} instead of {CHECKPOINT_FORMAT}"
        )
    if (
        not stated.keys() >= _KEYS
        or type(stated["steps_done"]) is not int
        or stated["steps_done"] < 0
    ):
        raise not_resumable(place, f"{_STATE} is not what a run writes")
    if stated["scenario_hash"] != scenario_hash:
        message = "belongs to another scenario, or a file the scenario names changed"
        raise not_resumable(place, message)
    try:
        _refuse_bomb(place / _ARRAYS)
        with np.load(place / _ARRAYS, allow_pickle=False) as arrays:
            state = _decode(stated["state"], arrays)
    except _DAMAGE as error:
        raise not_resumable(place, f"{_ARRAYS} is damaged ({error})") from None
    if not isinstance(state, dict):
        raise not_resumable(place, f"{_STATE} is not what a run writes")
    return stated["steps_done"], state


def _refuse_bomb(path: Path) -> None:
    """Refuse packed arrays that hold far more than their file: hMESH packs them as they are.

    Raises
    ------
    ValueError
        When they do.
    """
    with zipfile.ZipFile(path) as packed:
        unpacked = sum(entry.file_size for entry in packed.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError(f"its {unpacked:,} bytes are packed, which hMESH never does")


def not_resumable(place: Path, message: str) -> InputError:
    """Return the error of a run whose state cannot be used, with what can be done."""
    remedy = "the run cannot go on; start it again in a new folder with hmesh run"
    return InputError([Problem(str(place), f"{message}; {remedy}")])


def _read_state(place: Path) -> dict[str, Any]:
    """Return what accompanies the arrays, once every file is what was written."""
    own_folder(place.parent, place.name)
    try:
        digests = read_json(place / _DIGESTS)
        for name in (_STATE, _ARRAYS):
            if digests.get(name) != sha256(place / name):
                raise not_resumable(place, f"{name} is damaged")
        return read_json(place / _STATE, finite=False)
    except InputError as error:
        if error.problems[0].place == str(place):
            raise
        raise not_resumable(place, f"is damaged ({error})") from None


def _checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints, the newest last."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


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
    if kind == "tuple" and isinstance(held, list):
        return tuple(_decode(item, arrays) for item in held)
    if kind != "mapping":
        raise ValueError(f"{held!r} is no {kind}")
    return {key: _decode(item, arrays) for key, item in held.items()}
