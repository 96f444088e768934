import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment import InputError
from hmesh.runs import load_checkpoint, save_checkpoint
from hmesh.runs.results import checkpoint as module

STATE: dict[str, Any] = {
    "columns": {"energy": np.linspace(0, 1, 5), "community": np.array([1, -1], np.int16)},
    "pending": (("depart", 7.25, 3), ("arrive", math.inf, 0)),
    "sums": {"money": hex(2**90), "nothing": None, "open": True},
    "log": [[1, 2.5, "a"], []],
    "array": {"array": 1},
    "empty": {},
}


def same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        pairs = zip(left, right, strict=True)
        return type(left) is type(right) and all(same(one, other) for one, other in pairs)
    return type(left) is type(right) and (left == right or left != left)


def only(folder: Path) -> Path:
    (place,) = folder.iterdir()
    return place


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 24, STATE, "hash")
    steps_done, state = load_checkpoint(tmp_path, "hash")
    assert steps_done == 24
    assert same(state, STATE)


simple = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.floats(), max_size=4).map(np.array)
    | st.lists(st.integers(0, 255), max_size=4).map(lambda values: np.array(values, np.uint8))
)


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            simple,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.lists(inner, max_size=3).map(tuple)
                | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_any_state_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, 1, state, "")
    assert same(load_checkpoint(folder, "")[1], state)


def test_the_newest_is_read_and_the_one_before_removed(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for steps_done in (24, 48, 48):
        save_checkpoint(tmp_path, steps_done, {"at": steps_done}, "hash")
        assert load_checkpoint(tmp_path, "hash") == (steps_done, {"at": steps_done})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000003", "parts"]


@pytest.mark.parametrize("broken", ["savez", "sha256", "sync"])
def test_the_one_before_survives_a_failure_while_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    save_checkpoint(tmp_path, 24, STATE, "hash")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np if broken == "savez" else module, broken, fail)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        save_checkpoint(tmp_path, 48, STATE, "hash")
    monkeypatch.undo()
    assert load_checkpoint(tmp_path, "hash")[0] == 24
    save_checkpoint(tmp_path, 48, STATE, "hash")
    assert load_checkpoint(tmp_path, "hash")[0] == 48
    assert len(list(tmp_path.iterdir())) == 1


def test_no_checkpoint_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no checkpoint; the run cannot go on; start"):
        load_checkpoint(tmp_path / "nowhere", "hash")


def test_another_scenario_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 24, STATE, "hash")
    with pytest.raises(InputError, match="belongs to another scenario"):
        load_checkpoint(tmp_path, "other")


@pytest.mark.parametrize("name", ["state.json", "arrays.npz", "digests.json"])
@pytest.mark.parametrize("how", ["truncated", "flipped", "missing", "empty"])
def test_damage_is_reported(tmp_path: Path, name: str, how: str) -> None:
    save_checkpoint(tmp_path, 24, STATE, "hash")
    path = only(tmp_path) / name
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "flipped":
        content[len(content) // 2] ^= 0x41
        path.write_bytes(content)
    else:
        path.write_bytes(content[: len(content) // 2 if how == "truncated" else 0])
    said = r"000000001: .*(damaged|cannot be read).*hmesh run|missing"
    with pytest.raises(InputError, match=said):
        load_checkpoint(tmp_path, "hash")


@pytest.mark.parametrize("content", ["[]", '{"format": 2}', '{"a": 1}', "nothing"])
def test_what_no_run_wrote_is_refused(tmp_path: Path, content: str) -> None:
    save_checkpoint(tmp_path, 24, STATE, "hash")
    place = only(tmp_path)
    (place / "state.json").write_text(content)
    digests = {name: module.sha256(place / name) for name in ("state.json", "arrays.npz")}
    (place / "digests.json").write_text(json.dumps(digests))
    with pytest.raises(InputError, match="the run cannot go on"):
        load_checkpoint(tmp_path, "hash")


@pytest.mark.parametrize(
    "value", [{1: "number as key"}, np.array([object()]), {1, 2}, b"bytes", lambda: None]
)
def test_what_would_need_pickle_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="a checkpoint cannot hold"):
        save_checkpoint(tmp_path, 1, {"value": value}, "hash")


def test_a_place_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        save_checkpoint(tmp_path / "file", 1, {}, "hash")


def test_numbers_of_numpy_come_back_as_plain_numbers(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, {"n": np.int16(3), "x": np.float64(0.1), "b": np.True_}, "")
    assert load_checkpoint(tmp_path, "")[1] == {"n": 3, "x": 0.1, "b": True}
