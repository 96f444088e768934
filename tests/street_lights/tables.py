"""The table of its results."""

from collections.abc import Mapping

from hmesh.runs.results.columns import STEP, STRATEGY, ResultColumn, kwh

TABLES: Mapping[str, tuple[ResultColumn, ...]] = {
    "lights": (STEP, STRATEGY, kwh("drawn_kwh", "energy that all lamps draw")),
}
