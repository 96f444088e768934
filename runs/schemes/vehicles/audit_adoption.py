"""Whether as many vehicles join each month as are adopted on the social network."""

from collections.abc import Iterator

import numpy as np

from hmesh.environment.streams import Streams
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.reference.diffusion import adopters_of_month
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.world.adoption import month_days, network_of

_WHO = "electric vehicle"


def check_adoption(inputs: VehicleRunInputs) -> Iterator[Check]:
    """Check how many vehicles there are, adopter by adopter; nothing where none is adopted."""
    scenario = inputs.scenario
    given = scenario.growth.adoption
    if given is None:
        return
    streams, count = Streams(scenario.seed), given.adopters
    network = network_of(given, streams)
    neighbours = [
        network.neighbours[first:last].tolist()
        for first, last in zip(network.first[:-1], network.first[1:], strict=True)
    ]
    order = streams.generator("first adopters", _WHO).random(count)
    begins = sorted(range(count), key=lambda who: (order[who], who))[: scenario.vehicles.count]
    adopted = [who in set(begins) for who in range(count)]
    low, high = given.thresholds
    threshold = low + (high - low) * streams.generator("thresholds", _WHO).random(count)
    due = np.zeros(scenario.steps)
    date = inputs.calendar.date_of
    days = [(date(step) - date(0)).days for step in range(scenario.steps)]
    for month, begin in enumerate(month_days(scenario, inputs.calendar)):
        draws = streams.generator("adoption", _WHO, month).random(count).tolist()
        new = adopters_of_month(
            neighbours, adopted, draws, (given.innovation, given.imitation),
            threshold.tolist() if given.rule == "threshold" else None,
        )  # fmt: skip
        for who in new:
            adopted[who] = True
        due[np.array(days) >= begin] += len(new)
    tally = Tally("growth: vehicles join as they are adopted", EXACT, "vehicles")
    there = inputs.all_there - inputs.all_there[0]
    if not scenario.growth.vehicles_per_year and not any(e.vehicles for e in scenario.events):
        off = np.abs(there - due)[:, None, None]
        tally.add(off, inputs.places.label())
    else:
        tally.note("not checked where others join too")
    yield tally.check()
