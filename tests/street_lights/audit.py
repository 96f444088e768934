"""Whether the lamps drew what they should."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, Payments, SchemeAudit
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.strategy_names import strategies_within
from street_lights.section import CONNECTION, StreetLights


class StreetLightsAudit(SchemeAudit):
    """The audit of street lights."""

    def __init__(self, run: Run, inputs: RunInputs, hours: Columns) -> None:
        self.inputs, self.hours = inputs, hours
        self.lights: StreetLights = inputs.scenario.street_lights
        self.place = inputs.communities.index(self.lights.community)
        names = {"strategy": inputs.strategies}
        rows = TableReader(run, "lights", names, inputs.start_ms).rest()
        keys = {"step": range(inputs.steps), **names}
        self.drawn = framed("lights", rows, keys)["drawn_kwh"]

    def _here(self, values: FloatArray) -> FloatArray:
        """Return values of the community of the lamps, of the shape of the hours."""
        spread = np.zeros(self.hours["net_kwh"].shape)
        spread[:, :, self.place] = values
        return spread

    def hour_kwh(self) -> Mapping[str, FloatArray]:
        """Return what lamps add to the hours."""
        return {"fixed_load_kwh": self._here(self.drawn)}

    def drawn_kwh(self) -> Mapping[tuple[str, str], FloatArray]:
        """Return what lamps draw at their connection."""
        return {(self.lights.community, CONNECTION): self.drawn}

    def payments(self) -> Sequence[Payments]:
        """Return what lamps owe their aggregator."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        there = supplied(self.hours)
        there[:, :, np.arange(there.shape[2]) != self.place] = False
        energy = self._here(self.drawn)
        who = "lights@{community}", "aggregator@{community}"
        return [Payments("street_lights", *who, energy, price * energy, there)]

    def figures(self) -> tuple[Figures, Figures]:
        """Return energy, bill, outages and the hours lit."""
        price = np.where(supplied(self.hours), self.hours["community_price"], 0.0)
        dark = (self._wanted() > 0) & ~supplied(self.hours)[:, :, self.place]
        by_step = {
            "lights_kwh": self.drawn,
            "lights_bill": price[:, :, self.place] * self.drawn,
            "counts.lights_out": dark,
        }
        return by_step, {"lights_lit_h": (self.drawn > 0).sum(axis=0) * self.inputs.step_h}

    def checks(self) -> Iterator[Check]:
        """Check that lamps draw what they should, and nothing in an outage."""
        tally = Tally("street lights: lit at night", EXACT, "of the energy")
        due = np.where(supplied(self.hours)[:, :, self.place], self._wanted(), 0.0)
        tally.add(relative(self.drawn, due)[:, :, None], self.inputs.places.label(["lamps"]))
        yield tally.check()

    def _wanted(self) -> FloatArray:
        """Return what lamps would draw with supply, (steps, strategies) [kWh]."""
        inputs = self.inputs
        clock = [inputs.calendar.hour_of_day(step) for step in range(inputs.steps)]
        follows = strategies_within("street_lights", inputs.strategies)
        return inputs.step_h * np.array(
            [[self.lights.power_kw(hour, name) for name in follows] for hour in clock]
        )
