"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import Phase, ProsumerPart, SchemeDescriptor, StrategyDescriptor

SCHEME = SchemeDescriptor(
    name="smart_homes",
    package=__package__,
    plans_over="day",
    phase=Phase.HOMES,
    strategies=(
        StrategyDescriptor("spfa_s", "SPFA/S", "#D55E00"),
        StrategyDescriptor("spfa_gs", "SPFA/GS", "#E69F00"),
        StrategyDescriptor("mpfa_sg", "MPFA/SG", "#56B4E9"),
        StrategyDescriptor("mpfa_mg", "MPFA/MG", "#0072B2"),
        StrategyDescriptor("mpfa_sg_shifting", "MPFA/SG with shifting", "#009E73"),
        StrategyDescriptor(
            "no_home_storage", "homes without storages", "#8C8C8C", plural=True, on_request=True
        ),
        StrategyDescriptor("mpfa_mg_shifting", "MPFA/MG with shifting", "#CC79A7"),
    ),
    section=".section:SmartHomesSettings",
    description="smart homes, or null for none",
    step=".step:SmartHomeSharing",
    figure="homes",
    tables=".tables:TABLES",
    audit=".audit:HomeAudit",
    pictures=(
        ("home_energy", ".pictures:draw_home_energy"),
        ("home_losses", ".pictures:draw_home_losses"),
        ("home_storage", ".pictures:draw_home_storage"),
        ("home_capacity", ".pictures:draw_home_capacity"),
        ("home_flows", ".picture_flows:draw_home_flows"),
    ),
    charts=".charts:smart_home_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:make_smart_home_setting",
    energies=".words:ENERGIES",
    row_place=10,
    without_grid=True,
    title="storages of homes",
    parameters=(
        ("smart_homes.groups.*.count", "{name}: homes"),
        ("smart_homes.groups.*.storages.*.capacity_kwh", "{name} [kWh]"),
    ),
    live=".live:SmartHomesLive",
    size_note=".size:size_note",
    pays="home",
    without_devices=("no_home_storage",),
    rules=".own_rules:RULES",
    prosumer_part=ProsumerPart("home", "homes", ".section:HomeGroupSettings", {"connected": True}),
    outages_in_part=True,
)
