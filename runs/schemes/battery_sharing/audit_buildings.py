"""Whether every building and its battery keep to what was drawn and to physics, row by row."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.battery_sharing.audit_days import places_of, served_by_building

if TYPE_CHECKING:
    from hmesh.runs.schemes.battery_sharing.audit import BatteryAudit


def check_capacities(audit: "BatteryAudit", run: Run) -> None:
    """Compare the capacity of every battery with what it is sized to."""
    setting = audit.setting
    rows = TableReader(
        run, "batteries",
        {"community": audit.inputs.communities, "name": setting.names},
        audit.inputs.start_ms,
    ).rest()  # fmt: skip
    count = np.arange(len(setting.names))
    place = np.concatenate(
        [np.full(rows.stop - rows.start, m) for m, rows in enumerate(setting.communities)]
    )
    for name, expected in (("building", count), ("name", count), ("community", place)):
        if not np.array_equal(rows[name], expected):
            raise DamagedTableError("batteries", f"column {name} is out of order")
    nothing = np.zeros(len(setting.names))
    shares = any(name not in ("no_battery", "own_battery") for name in audit.strategies)
    alone = "own_battery" in audit.strategies
    for name, size in (
        ("shared_capacity_kwh", setting.shared_kwh if shares else nothing),
        ("own_capacity_kwh", setting.own_kwh if alone else nothing),
    ):
        if len(rows[name]) != len(size):
            raise DamagedTableError("batteries", f"it has {counted(len(rows[name]), 'row')}")
        off = relative(rows[name], size)
        audit.tallies.capacity.add(off, lambda place: setting.names[place[0]], None)


def check_loads(audit: "BatteryAudit", at: Columns) -> None:
    """Compare the load of every building with what its profile or file says."""
    inputs, tally = audit.inputs, audit.tallies.load
    if inputs.scenario.chance.demand_noise.building is not None:
        tally.note("loads are noisy; their sums are checked with the members")
        return
    there = supplied(audit.hours)
    place, part = places_of(audit.setting), served_by_building(inputs, audit.setting)
    for step in range(inputs.steps):
        load = part[step] * audit.setting.forecast.of_step(step)
        expected = np.where(there[step][:, place], load, 0.0)
        off = relative(at["load_kwh"][step], expected)
        tally.add(off[None], inputs.places.label("building", step), step)


def check_physics(audit: "BatteryAudit", at: Columns, capacity: FloatArray) -> None:
    """Check stores, ratings, own load first, and lines."""
    given, tallies, label = audit.given, audit.tallies, audit.inputs.places.label("building")
    charged, own, sent = at["charged_kwh"], at["own_kwh"], at["sent_kwh"]
    load, received = np.maximum(at["load_kwh"], 0.0), at["received_kwh"]
    after = audit.held_after(at)
    first = given.soc_min * capacity[:1]
    before = np.concatenate([first, after[:-1]])
    tallies.store.add(relative(at["stored_kwh"], before), label)
    # A battery that has lost capacity keeps what it held.
    most = np.maximum(given.soc_max * capacity, at["stored_kwh"])
    beyond = np.maximum(after - most, given.soc_min * capacity - after)
    rated = given.power_per_capacity * audit.inputs.step_h * capacity
    rated = rated * served_by_building(audit.inputs, audit.setting)[:, None]
    response = audit.response_of(at)
    taken = charged + np.maximum(response, 0.0)
    given_up = own + sent + np.maximum(-response, 0.0)
    beyond = np.maximum(beyond, np.maximum(taken, given_up) - rated)
    scale = np.maximum(capacity, 1.0)
    tallies.limits.add(np.maximum(beyond, 0.0) / scale, label)
    tallies.both.add(np.minimum(taken, given_up), label)
    negative = np.minimum.reduce([charged, own, sent, received, at["unplaced_kwh"]])
    tallies.limits.add(np.maximum(-negative, 0.0), label)
    kept = np.where((sent > 0) | (at["unplaced_kwh"] > 0), load - own, 0.0)
    tallies.own_first.add(np.abs(kept) / np.maximum(load, 1.0), label)
    fed_back = np.maximum(own + received - load, 0.0)
    tallies.own_first.add(fed_back / np.maximum(load, 1.0), label)
    lost = relative(
        audit.of_communities(received),
        (1.0 - given.line_loss_rate) * audit.of_communities(sent),
    )
    tallies.lines.add(lost, audit.inputs.places.label(audit.inputs.communities))


def check_exchanges(audit: "BatteryAudit", run: Run, at: Columns) -> None:
    """Compare who gave what to whom in every day with what left and what arrived."""
    inputs, count = audit.inputs, len(audit.setting.names)
    rows = TableReader(run, "exchanges", {"strategy": inputs.strategies}, inputs.start_ms).rest()
    days = inputs.calendar.days_of(0, inputs.steps)
    ends = np.append(np.flatnonzero(np.diff(days)), inputs.steps - 1)
    begins = np.concatenate([[0], ends[:-1] + 1])
    wrong = (rows["giver"] == rows["taker"]) | ~np.isin(rows["step"], ends)
    sides = np.stack([rows["giver"], rows["taker"]])
    if wrong.any() or (sides < 0).any() or (sides >= count).any():
        raise DamagedTableError("exchanges", "who gives, who takes or the step is none there is")
    shape = len(ends), len(inputs.strategies), count
    day = np.searchsorted(ends, rows["step"])
    for side, name in (("giver", "sent_kwh"), ("taker", "received_kwh")):
        place = np.ravel_multi_index((day, rows["strategy"], rows[side]), shape)
        paid = np.bincount(place, rows[name], int(np.prod(shape))).reshape(shape)
        summed = np.add.reduceat(at[name], begins, axis=0)
        off = relative(paid, summed)

        def where(place: tuple[int, ...]) -> str:
            name = inputs.strategies[place[1]]
            return f"{inputs.places.step(int(ends[place[0]]))}, {name}, building {place[2]}"

        audit.tallies.matrix.add(off, where, None)
    pair = relative(rows["received_kwh"], (1.0 - audit.given.line_loss_rate) * rows["sent_kwh"])
    audit.tallies.matrix.add(pair, lambda place: f"row {place[0]} of exchanges.parquet", None)
