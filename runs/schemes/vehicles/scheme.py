"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import (
    LEADERS,
    OWN_RULE,
    PLANNER,
    RETAIL,
    THREE_LEVEL,
    TWO_LEVEL,
    BehaviourDescriptor,
    Phase,
    ProsumerPart,
    SchemeDescriptor,
    StrategyDescriptor,
    SweepFigure,
)

SCHEME = SchemeDescriptor(
    name="vehicles",
    package=__package__,
    phase=Phase.STORAGE_THAT_MOVES,
    strategies=(
        StrategyDescriptor("typical", "typical charging", "#D55E00", pricing=RETAIL),
        StrategyDescriptor("two_level", "the two-level game", "#009E73", pricing=TWO_LEVEL),
        StrategyDescriptor(
            "three_level", "the three-level game", "#0072B2", everybody=True, pricing=THREE_LEVEL
        ),
        StrategyDescriptor("planner", "the planner", "#CC79A7", pricing=PLANNER, on_request=True),
        StrategyDescriptor(
            LEADERS, "leaders by rules of their own", "#882255", pricing=OWN_RULE, on_request=True
        ),
    ),
    section=".section:Vehicles",
    description="electric vehicles, none if left out",
    step=".new_vehicles:new_vehicles",
    figure="ev_bill",
    tables=".tables:TABLES",
    tables_on_request=".tables:ON_REQUEST",
    audit=".audit_scheme:VehicleSchemeAudit",
    pictures=(
        ("charging", "hmesh.runs.pictures.prices_and_charging:charging"),
        ("state_of_charge", ".charts:state_of_charge"),
        ("whereabouts", ".charts:draw_whereabouts"),
    ),
    charts=".charts:vehicle_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    setting=".setting:make_vehicle_setting",
    energies=".words:ENERGIES",
    remarks=".words:stored",
    row_place=20,
    title="vehicles",
    plans_over="step",
    outages_in_part=True,
    parameters=(
        ("vehicles.count", "vehicles"),
        ("vehicles.capacity_kwh", "battery of a vehicle [kWh]"),
        ("vehicles.power_kw", "power of a vehicle [kW]"),
        ("vehicles.soc_start", "state of charge at the start"),
        ("vehicles.theta", "slope of marginal utility [{currency}/kWh²]"),
        ("vehicles.groups.*.count", "{name}: vehicles"),
        ("vehicles.groups.*.power_kw", "power of a vehicle of {name} [kW]"),
        ("vehicles.groups.*.capacity_kwh", "battery of a vehicle of {name} [kWh]"),
    ),
    live=".live:VehiclesLive",
    figures=(
        SweepFigure(
            "ev_bill",
            "vehicles'\nbill [{currency}]",
            "vehicles' bill [{currency}]",
            "the vehicles' bill",
        ),
    ),
    file_problems=".section:preference_problems",
    warnings=".warnings:vehicle_warnings",
    money=".money:MONEY",
    size_note=".size:size_note",
    spread=".spread_limits:problems",
    pays="ev",
    rules="hmesh.runs.world.price_rules:RULES",
    prosumer_part=ProsumerPart(
        "vehicle",
        "vehicles",
        ".section:VehicleGroup",
        place="home",
        several=True,
        inherits=True,
        moves=True,
    ),
    deciding="hmesh.agents.electric_vehicle:ElectricVehicle",
    behaviours=tuple(
        BehaviourDescriptor(name, f"hmesh.agents.{agents}", f".behaviour_keys:{keys}")
        for name, agents, keys in (
            ("typical", "threshold_vehicles:TypicalVehicle", "Typical"),
            ("threshold", "threshold_vehicles:ThresholdVehicle", "Threshold"),
            ("habit", "planning_vehicles:HabitVehicle", "Habit"),
            ("foresight", "planning_vehicles:PlanningVehicle", "Foresight"),
            ("regret_matching", "threshold_vehicles:RegretVehicle", "RegretMatching"),
            ("q_learning", "threshold_vehicles:QLearningVehicle", "QLearning"),
            ("imitate", "threshold_vehicles:ImitatingVehicle", "Imitate"),
            ("misreport", "planning_vehicles:MisreportingVehicle", "Misreport"),
            ("join_and_leave", "joining_vehicles:JoiningVehicle", "JoinAndLeave"),
        )
    ),
)
