"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh, name, whole

_FLOWS = (
    kwh("load_kwh", "energy used"),
    kwh("generation_kwh", "energy generated, without what was curtailed"),
    kwh("import_kwh", "drawn from the grid"),
    kwh("export_kwh", "delivered to the grid"),
    kwh("charge_kwh", "charged into the battery, at its plug"),
    kwh("discharge_kwh", "discharged from the battery, at its plug"),
    kwh("curtailed_kwh", "generation that limits or prices below 0 took away"),
    kwh("unserved_kwh", "load that a limit or an outage left unserved"),
    kwh("stored_kwh", "energy in the battery before the step"),
)

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "sites": (
        whole("site", "number of the meter, from 0; pooled ones come last"),
        name("name", "its group and member"),
        name("group", "name of its group"),
        name("community", "where it stands"),
        kwh("battery_kwh", "size of its battery"),
        ResultColumn("pv_kw", "number", "kW", "peak power of its modules, 0 if not known"),
    ),
    "site_steps": (
        STEP,
        STRATEGY,
        whole("site", "number of the meter, from 0"),
        *_FLOWS,
        kwh("capacity_kwh", "size of the battery as it has aged"),
        ResultColumn(
            "peak_target_kw", "number", "kW", "power of the month that it aims to keep, 0 for none"
        ),
        ResultColumn(
            "tier_surcharge", "number", "money/kWh",
            "what the tier in which it expects the month to end adds to a kWh drawn",
        ),
    ),
    "site_sums": (
        STEP,
        STRATEGY,
        name("group", "the sites of this group added up"),
        *_FLOWS,
    ),
}  # fmt: skip
