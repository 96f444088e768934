"""The tables of its results: every column with its kind, unit and meaning."""

from collections.abc import Mapping

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh, name, whole

_HOUSE_FLOWS = (
    kwh("appliances_kwh", "electricity of the appliances"),
    kwh("heat_kwh", "heat needed"),
    kwh("generation_kwh", "generation of the photovoltaics"),
    kwh("import_kwh", "bought from the utility"),
    kwh("export_kwh", "delivered to the utility"),
    kwh("charge_kwh", "charged into the battery, at its plug"),
    kwh("discharge_kwh", "discharged from the battery, at its plug"),
    kwh("heat_pump_kwh", "electricity of the heat pump"),
    kwh("tank_charge_kwh", "heat filled into the tank"),
    kwh("tank_discharge_kwh", "heat drawn from the tank"),
    kwh("unmet_heat_kwh", "heat that neither heat pump nor tank could give"),
    kwh("stored_kwh", "energy in the battery before the step"),
    kwh("tank_kwh", "heat in the tank before the step"),
)

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "storage_houses": (
        whole("house", "number of the house, from 0"),
        name("group", "name of its group"),
        name("community", "where it stands"),
        ResultColumn("load_scale", "number", "1", "factor on the series its appliances follow"),
        ResultColumn("heat_scale", "number", "1", "factor on the series its need of heat follows"),
    ),
    "house_steps": (
        STEP,
        STRATEGY,
        whole("house", "number of the house, from 0"),
        *_HOUSE_FLOWS,
    ),
    "house_sums": (
        STEP,
        STRATEGY,
        name("group", "the houses of this group added up"),
        *_HOUSE_FLOWS,
    ),
}  # fmt: skip
