"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import Phase, SchemeDescriptor, StrategyDescriptor, SweepFigure

SCHEME = SchemeDescriptor(
    name="school_buses",
    package=__package__,
    phase=Phase.PEAK,
    strategies=(
        StrategyDescriptor("charge_after_use", "charging after use", "#D55E00"),
        StrategyDescriptor("valley_charging", "valley charging", "#E69F00"),
        StrategyDescriptor("centralised", "centralised control", "#009E73"),
        StrategyDescriptor("optimal_energy_price", "the optimal energy price", "#0072B2"),
    ),
    section=".section:SchoolBuses",
    description="electric school buses, or null for none",
    step=".step:SchoolBusSharing",
    figure="school_bill",
    tables=".tables:TABLES",
    audit=".audit:SchoolAudit",
    pictures=(
        ("school_buses", ".charts:bus_power"),
        ("incentive_prices", ".charts:draw_incentives"),
    ),
    charts=".charts:school_bus_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:make_school_setting",
    energies=".words:ENERGIES",
    row_place=60,
    title="school buses",
    parameters=(
        ("school_buses.groups.*.buses", "{name}: buses of a school"),
        ("school_buses.capacity_kwh", "battery of a bus [kWh]"),
        ("school_buses.power_kw", "power of a bus [kW]"),
        ("school_buses.critical.base_kw", "demand met without help [kW]"),
        ("school_buses.incentive_price.1", "highest incentive price [{currency}/kWh]"),
    ),
    live=".live:SchoolBusesLive",
    figures=(SweepFigure("school_bill", "schools'\nbill [{currency}]", "", "the schools' bill"),),
    file_problems=".section:preference_problems",
    warnings=".warnings:school_warnings",
    money=".money:MONEY",
    searches_price=".money:buys_from_buses",
    rules=".strategies:STRATEGIES",
    deciding="hmesh.agents.school:School",
    pays="school",
)
