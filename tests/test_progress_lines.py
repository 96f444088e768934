import re
import threading

import pytest

from hmesh.runs import progress_lines as lines
from hmesh.runs.progress_lines import PartsDone, progress_lines
from hmesh.runs.terminal import progress_bar


def test_work_done_before_the_first_pause_ends_shows_no_progress_outside_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE_S", 60.0)
    with progress_bar(shown=True) as progress:
        progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_outside_a_terminal_begins_early_and_ends_at_a_line_a_minute() -> None:
    now, parts, ends_at = 1_000.0, PartsDone(), 1_190.0

    def finished_within(seconds: float) -> bool:
        nonlocal now
        finished = now + seconds >= ends_at
        now = min(now + seconds, ends_at)
        if now > 1_002.0:
            parts.update(round((now - 1_000) * 10), 1_900)
        return finished

    assert list(progress_lines("steps", parts, finished_within, lambda: now)) == [
        "steps: getting ready after 0:00:02",
        "steps: 60 of 1,900 after 0:00:06",
        "steps: 140 of 1,900 after 0:00:14",
        "steps: 300 of 1,900 after 0:00:30",
        "steps: 620 of 1,900 after 0:01:02",
        "steps: 1,220 of 1,900 after 0:02:02",
        "steps: 1,820 of 1,900 after 0:03:02",
    ]


def test_progress_outside_a_terminal_goes_to_the_error_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE_S", 0.02)
    shown, threads = "", threading.active_count()
    with progress_bar(shown=True, what="parts") as progress:
        progress(7, 24)
        while not shown.endswith("\n"):
            shown += capsys.readouterr().err
    line = shown.partition("\n")[0]
    assert re.fullmatch(r"parts: (7 of 24|getting ready) after \d:\d\d:\d\d", line)
    assert threading.active_count() == threads


def test_no_progress_is_shown_where_none_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "FIRST_PAUSE_S", 0.0)
    threads = threading.active_count()
    with progress_bar(shown=False) as progress:
        progress(7, 24)
        assert threading.active_count() == threads
    assert capsys.readouterr() == ("", "")
