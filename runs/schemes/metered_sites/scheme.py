"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import Phase, SchemeDescriptor, StrategyDescriptor

SCHEME = SchemeDescriptor(
    name="metered_sites",
    package=__package__,
    phase=Phase.HOMES,
    strategies=(
        StrategyDescriptor("sites_without_devices", "sites as they are", "#8C8C8C", plural=True),
        StrategyDescriptor("sites_with_sun", "sites with photovoltaics", "#E69F00", plural=True),
        StrategyDescriptor("self_consuming_sites", "self-consuming sites", "#56B4E9", plural=True),
        StrategyDescriptor("sites_on_tariff", "sites that know tariffs", "#0072B2", plural=True),
        StrategyDescriptor("pooled_sites", "pooled sites", "#009E73", plural=True),
    ),
    section=".section:MeteredSites",
    description="metered sites under a tariff, or null for none",
    step=".step:MeteredSitesScheme",
    figure="site_running_cost",
    tables=".tables:TABLES",
    audit=".audit:MeteredSitesAudit",
    pictures=(
        ("site_electricity", ".charts:draw_site_electricity"),
        ("site_power", ".charts:draw_site_power"),
    ),
    charts=".charts:site_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:MeteredSitesSetting",
    row_place=20,
    title="batteries of sites",
    parameters=(
        ("metered_sites.groups.*.battery_kwh", "{name}: battery of a meter [kWh]"),
        ("metered_sites.groups.*.photovoltaics.pv_kw", "{name}: photovoltaics [kW]"),
        ("metered_sites.battery.power_per_kwh", "power of batteries per size [kW/kWh]"),
    ),
    live=".live:MeteredSitesLive",
    warnings=".warnings:site_warnings",
    settles_apart=".section:sites_settle_apart",
    size_note=".size:size_note",
    rules=".own_rules:RULES",
    pays="site",
    without_devices=("sites_without_devices", "sites_with_sun"),
    outages_in_part=True,
)
