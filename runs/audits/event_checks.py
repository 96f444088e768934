"""The events that every world has: feeders that fail, and messages on their way."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
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
    travel = Tally("events of messages: heard once the latency has passed", EXACT)
    ends = Tally("events of messages: given up by patience or deadline", EXACT)
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
        deadline = (rows["kind"] == KINDS.index("deadline")) & (rows["strategy"] == s)
        off = _off_deadlines(inputs, rows["time"][deadline])
        ends.add(off, lambda at: f"deadline {at[0]}", None)
        ends.add(_off_late(inputs, rows, of), lambda at: f"late message {at[0]}", None)
        if settings.latency == "constant":
            sent = _moments(rows, of["sent"])
            due = {(number, at + round(settings.latency_h * HOUR_MS)) for number, at in sent}
            off = _not_among(_moments(rows, of["heard"]), due)
            travel.add(off, lambda at: f"message {at[0]}", None)
        if settings.keep == "all":
            kept.add(_off_table(run, inputs, s, rows, of["sent"]), lambda at: f"row {at[-1]}", None)
    if inputs.scenario.messages.keep != "all":
        kept.note("not all messages are written down")
    yield from (fate.check(), kept.check(), travel.check(), ends.check())


def _off_deadlines(inputs: RunInputs, found_h: FloatArray) -> FloatArray:
    """Return how far deadlines are from those of the scenario: one in each step [h]."""
    given = inputs.scenario.messages.deadline_h
    end = round(inputs.steps * inputs.step_h * HOUR_MS)
    due = []
    if given is not None:
        begins = [round(step * inputs.step_h * HOUR_MS) for step in range(inputs.steps)]
        due = [at for at in (begin + round(given * HOUR_MS) for begin in begins) if at < end]
    if len(due) != len(found_h):
        return np.array([np.inf])
    off: FloatArray = np.abs(np.sort(found_h) - np.array(due, dtype=np.float64) / HOUR_MS)
    return off


def _off_late(inputs: RunInputs, rows: Columns, of: dict[str, NDArray[np.bool_]]) -> FloatArray:
    """Return infinity for each late message that is given up at another time than it must be."""
    given = inputs.scenario.messages
    # Who waits for messages of different latencies gives up after eight times the mean.
    patience = given.latency_h * (1.0 if given.latency == "constant" else 8.0)
    due = set()
    for number, sent_ms in _moments(rows, of["sent"]):
        step = int((sent_ms + 0.5) // (inputs.step_h * HOUR_MS))
        until = sent_ms + round(patience * HOUR_MS)
        if given.deadline_h is not None:
            until = min(until, round((step * inputs.step_h + given.deadline_h) * HOUR_MS))
            # Sent after the deadline: the talk of a step may go on beyond its end.
            due.add((number, sent_ms))
        due.add((number, max(until, sent_ms)))
    return _not_among(_moments(rows, of["late"]), due)


def _moments(rows: Columns, some: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return number and moment of some messages [ms]."""
    at_ms = np.rint(rows["time"][some] * HOUR_MS).astype(np.int64)
    return list(zip(rows["number"][some].tolist(), at_ms.tolist(), strict=True))


def _not_among(found: list[tuple[int, int]], due: set[tuple[int, int]]) -> FloatArray:
    """Return infinity for each of some that is not due, else 0; a millisecond may be rounding."""
    wrong = [not any((number, at + more) in due for more in (0, -1, 1)) for number, at in found]
    return np.where(np.array(wrong, dtype=np.bool_), np.inf, 0.0)


def _named(text: str) -> Label:
    return lambda _: text


def _off_table(
    run: Run, inputs: RunInputs, s: int, rows: Columns, sent: NDArray[np.bool_]
) -> FloatArray:
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
    found_off: FloatArray = np.stack([np.maximum(off, 0.0), counts])
    return found_off
