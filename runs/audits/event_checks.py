"""The events that every world has: feeders that fail, and messages on their way."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.event_rows import HOUR_MS, EventRows
from hmesh.runs.audits.events_in_force import feeders_by_chance, feeders_by_events
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns, TableReader
from hmesh.runs.results.event_kinds import KINDS, SUBJECTS
from hmesh.runs.results.run_reader import Run


def check_events(run: Run, inputs: RunInputs) -> Iterator[Check]:
    """Check the events of feeders and messages, where events are recorded."""
    if inputs.scenario.record.events:
        yield _feeders(run, inputs)
        yield from _messages(run, inputs)


def _feeders(run: Run, inputs: RunInputs) -> Check:
    """Compare the failures and repairs of feeders with events and chance of the scenario."""
    rows = EventRows(run, inputs, "feeder", "as events and chance of the scenario have them")
    end = round(inputs.steps * inputs.step_h * HOUR_MS)
    causes = feeders_by_events(inputs.scenario), feeders_by_chance(inputs.scenario)
    for spans_of in causes:
        for place, spans in enumerate(spans_of):
            for begin, until in spans:
                for s in range(len(inputs.strategies)):
                    # What is out from the start by chance has not failed in the run.
                    if begin < end and (begin > 0 or spans_of is causes[0]):
                        rows.note(s, "fails", begin, place, place)
                    if until < end:
                        rows.note(s, "repaired", until, place, place)
    rows.compare(inputs.steps)
    return rows.check()


def _messages(run: Run, inputs: RunInputs) -> Iterator[Check]:
    """Check that each message is heard, lost or late, at its moment, and counted."""
    coded = {
        "strategy": inputs.strategies, "kind": KINDS, "subject": SUBJECTS,
        "place": inputs.communities,
    }  # fmt: skip
    rows = TableReader(run, "events", coded, inputs.start_ms).rest()
    mine = rows["subject"] == SUBJECTS.index("message")
    rows = {name: values[mine] for name, values in rows.items()}
    kinds = {name: rows["kind"] == KINDS.index(name) for name in ("sent", "heard", "lost", "late")}
    fate = Tally("events of messages: each is heard, lost or late, and counted", EXACT)
    kept = Tally("events of messages: sent as messages.parquet states", EXACT, "h")
    travel = Tally("events of messages: heard once the latency has passed", EXACT, "h")
    # No message is a vehicle.
    fate.add(np.abs(rows["vehicle"] + 1.0), lambda at: f"row {at[0]}", None)
    for s, strategy in enumerate(inputs.strategies):
        of = {name: some & (rows["strategy"] == s) for name, some in kinds.items()}
        stated = run.summary[strategy]["messages"].values()
        for name in ("sent", "lost", "late"):
            due = sum(count[name] for count in stated)
            off = abs(float(rows["value"][of[name]].sum()) - due)
            fate.add(np.array([off]), _named(f"{strategy}, {name}"), None)
        heard = sum(float(rows["value"][of[name]].sum()) for name in ("heard", "lost", "late"))
        off = abs(heard - float(rows["value"][of["sent"]].sum()))
        fate.add(np.array([off]), _named(f"{strategy}, heard"), None)
        settings = inputs.scenario.messages
        if settings.latency == "constant":
            step = _steps(inputs, rows["time"] - settings.latency_h * kinds["heard"])
            key = step * (1 << 32) + rows["number"]
            at = dict(zip(key[of["sent"]].tolist(), rows["time"][of["sent"]].tolist(), strict=True))
            sent = [at.get(k, np.inf) for k in key[of["heard"]].tolist()]
            off = np.abs(rows["time"][of["heard"]] - np.array(sent) - settings.latency_h)
            # Moments are whole milliseconds.
            travel.add(np.maximum(off - 1.5 / HOUR_MS, 0.0), lambda at: f"message {at[0]}", None)
        if settings.keep == "all":
            kept.add(_off_table(run, inputs, s, rows, of["sent"]), lambda at: f"row {at[-1]}", None)
    if inputs.scenario.messages.keep != "all":
        kept.note("not all messages are written down")
    yield from (fate.check(), kept.check(), travel.check())


def _named(text: str) -> Label:
    return lambda _: text


def _steps(inputs: RunInputs, hours: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the step in which each moment lies."""
    return np.floor(hours / inputs.step_h + 1e-6).astype(np.int64)


def _off_table(
    run: Run, inputs: RunInputs, s: int, rows: Columns, sent: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how far the messages sent are from those of messages.parquet."""
    names = ["step", "strategy", "time", "count"]
    table = run.table("messages", names, [("strategy", "=", inputs.strategies[s])])
    said = {name: table.column(name).to_numpy() for name in ("step", "time", "count")}
    due = said["step"] * inputs.step_h + said["time"]
    found = rows["time"][sent]
    if len(found) != len(due):
        return np.array([np.inf])
    counts = np.abs(np.sort(rows["value"][sent]) - np.sort(said["count"]))
    off = np.abs(np.sort(found) - np.sort(due)) - 1.0 / HOUR_MS
    found_off: NDArray[np.float64] = np.stack([np.maximum(off, 0.0), counts])
    return found_off
