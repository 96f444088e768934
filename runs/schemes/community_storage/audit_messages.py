"""Whether the kept messages of storages say what was forecast, granted and drawn."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.community_storage.audit_households import NOT_RELIABLE, HouseholdChecks
from hmesh.runs.schemes.community_storage.audit_tables import StorageTables
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting

COLUMNS = ("step", "round", "kind", "sender", "receiver", "value", "count")

type Said = tuple[int, int, str, str, str, float, int]


def check_messages(
    run: Run,
    inputs: RunInputs,
    tables: StorageTables,
    shared: CommunityStorageSetting,
    used: list[int],
    households: HouseholdChecks,
) -> Check:
    """Compare the kept messages of every step with those that should have been sent.

    Parameters
    ----------
    run, inputs, tables, shared : Run, RunInputs, StorageTables, CommunityStorageSetting
        The run, what its scenario settles, its tables and its storages.
    used : list of int
        Numbers of the strategies that use storages.
    households : HouseholdChecks
        What was worked out independently of forecasts and plans.
    """
    tally = Tally("messages: of storages, as they must be", EXACT, "of the value")
    keep = inputs.scenario.messages.keep
    rows = tables.households
    if keep == "none" or rows is None or not inputs.reliable:
        tally.note("no message was kept" if keep == "none" else NOT_RELIABLE)
        return tally.check()
    kinds = ["DemandForecast", "DemandOutlook", "DemandStatus", "GenerationReport"]
    kinds += ["DischargeGrant", "StorageDraw", "GridPurchase"]
    forecasts = households.daily_forecasts()
    for s, number in enumerate(used):
        strategy = inputs.strategies[number]
        plans = households.outlooks(s)
        kept = run.table(
            "messages",
            [*COLUMNS, "time"],
            # Houses with storages say so, too, to their retailer.
            [("strategy", "=", strategy), ("kind", "in", kinds), ("receiver", "!=", "retailer")],
        ).to_pydict()
        reported: list[Said] = list(zip(*(kept[name] for name in COLUMNS), strict=True))
        due: list[Said] = []
        for step in range(inputs.steps):
            due += _of_step(tables, shared, s, step, forecasts.get(step), plans.get(step))
        if keep == "leaders":
            due = [message for message in due if message[-1] == 1]
        if len(reported) != len(due):
            off = np.array([float(abs(len(reported) - len(due)))])
            text = f"{strategy}, {len(reported):,} messages in place of {len(due):,}"
            tally.add(off, lambda at, text=text: text, None)  # type: ignore[misc]
            continue
        wrong = [float(a[:5] != b[:5] or a[6] != b[6]) for a, b in zip(reported, due, strict=True)]
        values, expected = (np.array([said[5] for said in part]) for part in (reported, due))
        off = np.maximum(np.array(wrong), relative(values, expected))
        if inputs.scenario.messages.latency_h == 0:
            off = np.maximum(off, np.abs(np.array(kept["time"])))

        def label(at: tuple[int, ...], due: list[Said] = due, strategy: str = strategy) -> str:
            step, _, kind, sender, receiver, *_ = due[at[0]]
            return f"{inputs.places.step(step)}, {strategy}, {kind} {sender} - {receiver}"

        tally.add(off, label, None)
    return tally.check()


def _of_step(
    tables: StorageTables,
    shared: CommunityStorageSetting,
    s: int,
    step: int,
    forecast: FloatArray | None,
    outlook: tuple[FloatArray, FloatArray] | None,
) -> list[Said]:
    """Return the messages of a step in the order in which they are sent."""
    rows = tables.households
    assert rows is not None
    demand, granted, drawn = (
        rows[name][step, s] for name in ("demand_kwh", "granted_kwh", "drawn_kwh")
    )
    storage_of = shared.households["storage"]
    groups = [(name, storage_of == row) for row, name in enumerate(shared.names)]
    own = [(name, who, int(who.sum())) for name, who in groups if who.any()]
    said: list[Said] = []
    if forecast is not None:
        said += [
            (
                step, 0, "DemandForecast", f"forecasters@{name}", f"households@{name}",
                float(np.nansum(forecast[:, who])), count,
            )
            for name, who, count in own
        ]  # fmt: skip
    if outlook is not None:
        said += [
            (
                step, 1, "DemandOutlook", f"households@{name}", name,
                float(np.nansum(outlook[0][:, who])), count,
            )
            for name, who, count in own
        ]  # fmt: skip
        said += [
            (step, 1, "DemandOutlook", f"plant@{name}", name, float(np.nansum(column)), 1)
            for name, column in zip(shared.names, outlook[1].T, strict=True)
        ]
    generation = tables.storages["generation_kwh"][step, s].tolist()
    said += [
        (step, 2, "GenerationReport", f"plant@{name}", name, energy, 1)
        for name, energy in zip(shared.names, generation, strict=True)
    ]
    said += [
        (step, 2, "DemandStatus", f"households@{name}", name, float(demand[who].sum()), count)
        for name, who, count in own
    ]
    said += [
        (step, 3, "DischargeGrant", name, f"households@{name}", float(granted[who].sum()), count)
        for name, who, count in own
    ]
    for name, who, count in own:
        sender = f"households@{name}"
        bought = float((demand - drawn)[who].sum())
        said.append((step, 4, "StorageDraw", sender, name, float(drawn[who].sum()), count))
        said.append((step, 4, "GridPurchase", sender, "grid", bought, count))
    return said
