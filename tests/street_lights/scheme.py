"""What the scheme is called, and where its parts stand."""

from hmesh.runs.schemes.descriptor import (
    Phase,
    SchemeDescriptor,
    StrategyDescriptor,
    SweepFigure,
)

SCHEME = SchemeDescriptor(
    name="street_lights",
    package=__package__,
    phase=Phase.HOMES,
    strategies=(
        StrategyDescriptor("lights_all_night", "street lights all night", "#8C8C8C"),
        StrategyDescriptor("lights_dimmed", "dimmed street lights", "#0072B2"),
    ),
    section=".section:StreetLights",
    description="lamps along the streets, or null for none",
    step=".step:StreetLighting",
    figure="lights_bill",
    tables=".tables:TABLES",
    audit=".audit:StreetLightsAudit",
    pictures=(("street_lights", ".charts:lights"),),
    charts=".charts:light_charts",
    sentence=".sentences:sentence",
    rows=".words:rows",
    notes=".words:NOTES",
    parameters=(("street_lights.lamps", "lamps"), ("street_lights.watts", "power of a lamp [W]")),
    live=".live:StreetLightsLive",
    figures=(
        SweepFigure(
            "lights_bill",
            "lights'\nbill [{currency}]",
            "bill of street lights [{currency}]",
            "the bill of street lights",
        ),
    ),
)
