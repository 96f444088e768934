"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import Phase, ProsumerPart, SchemeDescriptor, StrategyDescriptor

SCHEME = SchemeDescriptor(
    name="composite_storage",
    package=__package__,
    phase=Phase.HOMES,
    strategies=(
        StrategyDescriptor("no_house_storage", "houses without storage", "#8C8C8C", plural=True),
        StrategyDescriptor("house_battery", "batteries of houses", "#D55E00", plural=True),
        StrategyDescriptor("thermal_tank", "thermal tanks of houses", "#009E73", plural=True),
        StrategyDescriptor(
            "hybrid_storage", "batteries and tanks of houses", "#0072B2", plural=True
        ),
    ),
    section=".section:CompositeStorage",
    description="houses with battery and thermal tank, or null for none",
    step=".step:CompositeStorageHouses",
    figure="house_running_cost",
    tables=".tables:TABLES",
    audit=".audit:CompositeStorageAudit",
    pictures=(
        ("typical_days", ".pictures:draw_typical_days"),
        ("house_energy", ".pictures:draw_house_energy"),
        ("house_money", ".pictures:draw_house_money"),
    ),
    charts=".charts:house_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:CompositeStorageSetting",
    energies=".words:ENERGIES",
    row_place=30,
    title="batteries of houses",
    parameters=(
        ("composite_storage.groups.*.count", "{name}: houses"),
        ("composite_storage.groups.*.photovoltaics.pv_kw", "{name}: photovoltaics [kW]"),
        (
            "composite_storage.groups.*.photovoltaics.scale",
            "{name}: factor on measured photovoltaics",
        ),
        ("composite_storage.sizes.hybrid_storage.battery_kwh", "battery of a house [kWh]"),
        ("composite_storage.sizes.hybrid_storage.tank_kwh", "tank of a house [kWh]"),
        ("composite_storage.devices.heat_pump_kw", "heat pump [kW]"),
    ),
    live=".live:CompositeStorageLive",
    warnings=".warnings:house_warnings",
    money=".money:MONEY",
    price_tables=".money:price_tables",
    settles_apart=".money:houses_settle_apart",
    size_note=".size:size_note",
    pays="house",
    prosumer_part=ProsumerPart("house", "houses", ".section:StorageHouseGroup"),
    rules=".own_rules:RULES",
    deciding="hmesh.agents.storage_household:HomeEnergyManager",
    outages_in_part=True,
)
