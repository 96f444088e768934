"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import Phase, SchemeDescriptor, StrategyDescriptor

SCHEME = SchemeDescriptor(
    name="battery_sharing",
    package=__package__,
    phase=Phase.STORAGE_THAT_STAYS,
    strategies=(
        StrategyDescriptor("no_battery", "no battery", "#8C8C8C"),
        StrategyDescriptor("own_battery", "levelling alone", "#D55E00"),
        StrategyDescriptor("shared_battery", "shared levelling", "#0072B2", everybody=True),
        StrategyDescriptor("priced_battery", "levelling by two prices", "#009E73"),
    ),
    section=".section:BatterySharing",
    description="batteries of buildings that share, or null for none",
    step=".step:BatterySharingScheme",
    figure="battery_bill",
    tables=".tables:TABLES",
    audit=".audit:BatteryAudit",
    pictures=(
        ("representative_days", ".pictures:draw_representative_days"),
        ("load_deviation", ".pictures:draw_deviation"),
        ("battery_capacities", ".pictures:draw_capacities"),
        ("weekly_exchange", ".picture_exchange:draw_weekly_exchange"),
        ("exchange_network", ".picture_exchange:draw_exchange_network"),
    ),
    charts=".charts:battery_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:make_battery_setting",
    row_place=40,
    title="batteries",
    parameters=(
        ("battery_sharing.capacity_kwh", "all shared batteries [kWh]"),
        ("battery_sharing.power_per_capacity", "power per capacity [kW/kWh]"),
        ("battery_sharing.charge_efficiency", "efficiency of charging"),
        ("battery_sharing.line_loss_rate", "lost between two buildings"),
    ),
    live=".live:BatterySharingLive",
    rules=".own_rules:RULES",
    pays="battery",
    deciding="hmesh.agents.building_battery:BuildingBattery",
    outages_in_part=True,
)
