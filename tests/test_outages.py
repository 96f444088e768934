"""Failures and repairs at their own second, drawn for many at once and for one alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hmesh.environment import Streams
from hmesh.environment.outages import DAY_MS, Outages
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.audits.reference.outages import times_out

STREAMS = Streams(3)
OFTEN = "{mean_time_between_failures_h: 5, mean_time_to_repair_h: 0.5}"
RUN = (
    "vehicles.count=12", "hours=30", "plots=false", "record.events=true", "messages.keep=all",
    "strategies=[typical, three_level]", "game.solver=exact", "start=2023-01-16T16:00",
    f"chance.feeder_outages={OFTEN}", f"chance.charger_outages={OFTEN}",
)  # fmt: skip


def draws(day: int, change: int, size: int = 50) -> np.ndarray:
    return STREAMS.generator(f"outages {change}", "row", day).random(size)


def spans_of(outages: Outages, days: int) -> list[list[tuple[int, int]]]:
    return [outages.spans(row, 0, days * DAY_MS) for row in range(outages.size)]


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and found[-1][1] == begin:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found


@given(st.floats(0.1, 60.0), st.floats(0.02, 30.0))
def test_many_fail_as_each_alone_does(up_h: float, down_h: float) -> None:
    outages = Outages(5, up_h, down_h, lambda day, change: draws(day, change, 5))
    for row, spans in enumerate(spans_of(outages, 3)):
        alone = times_out(3, lambda d, c, row=row: float(draws(d, c, 5)[row]), up_h, down_h)
        assert merged(spans) == merged(alone)


@pytest.mark.parametrize(("up_h", "down_h"), [(40.0, 5.0), (12.0, 0.5)])
def test_times_are_exponential_with_the_means_asked_for(up_h: float, down_h: float) -> None:
    rows, days = 120, 60
    outages = Outages(rows, up_h, down_h, lambda day, change: draws(day, change, rows))
    share = down_h / (up_h + down_h)
    at_start = outages.parts(0, 1)
    assert at_start.mean() == pytest.approx(share, abs=4 * np.sqrt(share / rows))
    changes = outages.changes_in(0, days * DAY_MS)
    order = np.lexsort((changes.at_ms, changes.rows))
    row, at, out = (each[order] for each in (changes.rows, changes.at_ms, changes.out))
    one = row[1:] == row[:-1]
    # Those that begin early enough, so that none that lasts longer is left out.
    one &= at[:-1] < (days - 8 * (up_h + down_h) / 24) * DAY_MS
    lasted = np.diff(at)[one] / 3_600_000
    for now, mean in ((True, down_h), (False, up_h)):
        times = lasted[out[:-1][one] == now]
        assert times.mean() == pytest.approx(mean, abs=4 * mean / np.sqrt(len(times)) + 1e-3)
        assert stats.kstest(times[:4000], stats.expon(scale=mean).cdf).pvalue > 1e-3


def test_shorter_steps_meet_the_same_outages() -> None:
    def parts(step_ms: int) -> np.ndarray:
        outages = Outages(50, 6.0, 0.7, draws)
        steps = range(0, 2 * DAY_MS, step_ms)
        return np.array([outages.parts(at, at + step_ms) for at in steps])

    hours, minutes = parts(3_600_000), parts(300_000)
    np.testing.assert_allclose(minutes.reshape(48, 12, 50).mean(axis=1), hours, atol=1e-12)
    assert ((hours > 0) & (hours < 1)).any()


def test_one_more_moves_no_other_and_a_state_goes_on() -> None:
    outages = Outages(50, 6.0, 2.0, draws)
    more = Outages(51, 6.0, 2.0, lambda day, change: draws(day, change, 51))
    assert spans_of(more, 2)[:50] == spans_of(outages, 2)
    outages.reach(DAY_MS + 5, DAY_MS + 6)
    again = Outages(50, 6.0, 2.0, draws)
    again.restore(outages.state())
    for at in range(DAY_MS, 3 * DAY_MS, 7_200_000):
        np.testing.assert_array_equal(
            again.parts(at, at + 7_200_000), outages.parts(at, at + 7_200_000)
        )


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run in which feeders and chargers fail for minutes."""
    folder = tmp_path_factory.mktemp("dark") / "run"
    start_run(load_scenario("three-communities", RUN), folder)
    return folder


def test_feeders_fail_at_their_own_second_and_cost_that_part_of_the_energy(dark: Path) -> None:
    run = read_run(dark)
    events = run.table("events").to_pandas()
    mine = events[(events["subject"] == "feeder") & (events["strategy"] == "typical")]
    assert {"fails", "repaired"} == set(mine["kind"])
    assert (mine["time"].dt.minute > 0).any()
    for name, changes in mine.groupby("place", observed=True):
        kinds = changes["kind"].tolist()
        assert all(a != b for a, b in pairwise(kinds)), name
    hours = run.table("hours").to_pandas()
    hours = hours[(hours["strategy"] == "typical") & (hours["community"] == "homes")]
    wanted = (hours["fixed_load_kwh"] + hours["unserved_kwh"]).to_numpy()
    out_h = np.zeros(30)
    failed = None
    at_homes = mine[mine["place"] == "homes"]
    for kind, time in zip(at_homes["kind"], at_homes["time"], strict=True):
        at = (time - hours["time"].iloc[0]).total_seconds() / 3600
        if kind == "fails":
            failed = at
            continue
        begin = 0.0 if failed is None else failed
        edges = np.clip(np.arange(31.0), begin, at)
        out_h += np.diff(edges)
        failed = None
    if failed is not None:
        out_h += np.diff(np.clip(np.arange(31.0), failed, 30.0))
    np.testing.assert_allclose(hours["unserved_kwh"], wanted * out_h, atol=1e-9)
    assert ((out_h > 0) & (out_h < 1)).any()


@pytest.mark.slow
def test_a_run_with_failures_passes_its_audit_and_resumes(dark: Path, tmp_path: Path) -> None:
    checks = audit_run(dark).checks
    assert not [each for each in checks if each.passed is False]
    names = {each.name.partition(":")[0] for each in checks if each.passed}
    assert {"events of feeders", "events of chargers", "events of messages"} <= names

    def stop(done: int, _: int) -> None:
        if done in (17, 26):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_run(load_scenario("three-communities", RUN), tmp_path / "broken", stop)
    with pytest.raises(KeyboardInterrupt):
        resume_run(tmp_path / "broken", stop)
    resume_run(tmp_path / "broken")
    for file in sorted(dark.glob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes(), file.name
