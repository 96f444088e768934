"""What the storage serves where the network of the study's Table 1 ranks households."""

from collections.abc import Callable
from importlib.util import find_spec

from hmesh.runs.studies.community_storage.case import cases_of
from hmesh.runs.studies.community_storage.measured_days import measured_days
from hmesh.runs.studies.community_storage.storage_study import (
    HOUSES,
    SEEDS,
    StorageStudy,
    study_setting,
)
from hmesh.runs.studies.study_report import Cell, Column, ReportSection

NETWORK_NEEDS = ("jax", "equinox", "optax")
NETWORK = ("community_storage.forecaster={kind: lstm}",)


def with_network(shared: StorageStudy, tick: Callable[[], None]) -> ReportSection:
    """Let the network of Table 1 rank the households of one seed, in place of noise."""
    seed = SEEDS[0]
    title = "Table 3 driven by the network of the title [kWh]"
    missing = [name for name in NETWORK_NEEDS if find_spec(name) is None]
    if missing:
        # A replication of everything else must not end for an extra that is not installed.
        text = f"Not made: {', '.join(missing)} of the extra hmesh[forecast] is not installed."
        return ReportSection("table_3_network", title, text=(text,))
    noise = shared.cases()[0]
    network = shared.case_of(seed, NETWORK)
    rows: list[tuple[Cell, ...]] = []
    for mode in ("normal", "optimal"):
        metric = f"from community storage, {mode}"
        both = [
            case.normal() if mode == "normal" else case.optimal()[0] for case in (noise, network)
        ]
        for column, house in enumerate(HOUSES):
            value = shared.figures["Table 3", house, metric].value
            rows.append((house, mode, value, *(float(energy[column]) for energy in both)))
        totals = [float(energy.sum()) for energy in both]
        rows.append(("all", mode, sum(float(str(row[2])) for row in rows[-3:]), *totals))
    words = (
        f"Seed {seed}. Everywhere else what is expected of the households is what they will use, "
        "with noise of the size of the published errors. Here the network of Table 1 expects it, "
        "trained on the 14 days before, one network for each household; it expects a day slot by "
        "slot from what it expected before. Networks are kept and used again.",
    )
    columns = (
        Column("household"), Column("operation"), Column("published", ".2f"),
        Column("noise ranks", ".2f"), Column("the network ranks", ".2f"),
    )  # fmt: skip
    return ReportSection("table_3_network", title, columns, tuple(rows), words)


def on_measured_days(shared: StorageStudy) -> ReportSection:
    """Let noise, the network and what will be rank measured households on their last days."""
    assert shared.data is not None
    seed, changes = SEEDS[0], measured_days(shared.data, HOUSES)
    ranking = {
        "what will be ranks": ("community_storage.forecaster.sigma=0",),
        "noise ranks": (),
        "the network ranks": NETWORK,
    }
    cases = [cases_of(study_setting(seed, *changes, *each))[0] for each in ranking.values()]
    demand = cases[0].ahead.demand_kwh.sum(axis=0)
    rows: list[tuple[Cell, ...]] = []
    for mode in ("normal", "optimal"):
        served = [case.normal() if mode == "normal" else case.optimal()[0] for case in cases]
        for column, house in enumerate(HOUSES):
            found = (float(energy[column]) for energy in served)
            rows.append((house, mode, float(demand[column]), *found))
        totals = (float(energy.sum()) for energy in served)
        rows.append(("all", mode, float(demand.sum()), *totals))
    text = (
        f"The last two whole days of the first three members of {shared.data.name}, with the "
        "storage of the study. The network of Table 1 has learned from the 14 days before them, "
        "which nothing here has seen else; what will be is the best that a forecast can do.",
    )
    columns = (
        Column("household"), Column("operation"), Column("demand", ".2f"),
        *(Column(name, ".2f") for name in ranking),
    )  # fmt: skip
    title = "Measured households, ranked by the network of the title [kWh]"
    return ReportSection("table_3_measured", title, columns, tuple(rows), text)


def network_sections(shared: StorageStudy, tick: Callable[[], None]) -> list[ReportSection]:
    """Return what comes of the network: on the days of the study, and on measured ones."""
    sections = [with_network(shared, tick)]
    if shared.data is not None and all(find_spec(name) is not None for name in NETWORK_NEEDS):
        sections.append(on_measured_days(shared))
    return sections
