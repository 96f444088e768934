"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import Phase, SchemeDescriptor, StrategyDescriptor

SCHEME = SchemeDescriptor(
    name="community_storage",
    package=__package__,
    phase=Phase.STORAGE_THAT_STAYS,
    strategies=(
        StrategyDescriptor("no_community_storage", "no community storage", "#8C8C8C"),
        StrategyDescriptor("community_storage_normal", "the storage's normal operation", "#D55E00"),
        StrategyDescriptor(
            "community_storage_optimal", "the storage's optimal operation", "#0072B2"
        ),
    ),
    section=".section:CommunityStorage",
    description="storages that communities share, or null for none",
    step=".step:CommunityStorageSharing",
    figure="storage_credit",
    tables=".tables:TABLES",
    audit=".audit:CommunityStorageAudit",
    pictures=(
        ("storage_charging", ".pictures:draw_charging"),
        ("household_demand", ".pictures:draw_households"),
        ("charge_by_iteration", ".pictures:draw_iterations"),
        ("allowance", ".pictures:draw_convergence"),
        ("shares", ".pictures:draw_shares"),
    ),
    charts=".charts:community_storage_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:CommunityStorageSetting",
    row_place=50,
    title="community storages",
    parameters=(
        ("community_storage.storages.*.capacity_kwh", "{name} [kWh]"),
        ("community_storage.storages.*.pv_kw", "{name}: photovoltaics [kW]"),
        ("community_storage.storages.*.pv_scale", "{name}: factor on measured photovoltaics"),
        ("community_storage.forecaster.sigma", "error of forecasts"),
    ),
    live=".live:CommunityStorageLive",
    pays="storage",
    file_problems=".plants:plant_problems",
    warnings=".warnings:storage_warnings",
    rules=".own_rules:RULES",
    deciding="hmesh.agents.community_storage:ServedHousehold",
    outages_in_part=True,
)
