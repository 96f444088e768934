"""What the members of all communities use and generate in a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hmesh.agents.consumer import Consumer
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.arrays import FloatArray
from hmesh.environment.population import Population
from hmesh.runs.world.chance import Chance
from hmesh.runs.world.members import Members


@dataclass(frozen=True, slots=True)
class Meters:
    """The meters of a step, added up.

    Attributes
    ----------
    fixed_kwh, generation_kwh : array, shape (communities,)
        What the members used, and generated, negative [kWh].
    unserved_kwh, curtailed_kwh : array, shape (communities,)
        What outages of feeders kept members from using, and from generating [kWh].
    node_kwh : array, shape (nodes,)
        What every node of the grid took, generation subtracted [kWh].
    generated_kwh : dict of array, shape (consumers,)
        What consumers of each type generated, where any of them can [kWh].
    """

    fixed_kwh: FloatArray
    generation_kwh: FloatArray
    unserved_kwh: FloatArray
    curtailed_kwh: FloatArray
    node_kwh: FloatArray
    generated_kwh: dict[type[Consumer], FloatArray] = field(default_factory=dict)

    @property
    def passive_kwh(self) -> FloatArray:
        """What every community takes whatever the price [kWh]."""
        return self.fixed_kwh + self.generation_kwh


def read_meters(
    members: Members,
    consumers: Mapping[type[Consumer], AgentGroup[Consumer]],
    chance: Chance,
    step: int,
    nodes: int,
) -> Meters:
    """Let all members use and generate energy, those behind a feeder that is out none.

    Parameters
    ----------
    members : Members
        What their loads follow.
    consumers : mapping
        The consumers of this world, by type; their column ``load_kwh`` is written.
    chance : Chance
        What chance does in this step.
    step : int
        The step.
    nodes : int
        Nodes of the grid.
    """
    places = len(chance.feeder_out)
    fixed, generation, unserved, curtailed = (np.zeros(places) for _ in range(4))
    meters = Meters(fixed, generation, unserved, curtailed, np.zeros(nodes))
    sources = members.sources.load_kwh(step)
    measured = members.sources.generation_kwh(step)
    sun = None if members.clear_sky is None else members.clear_sky.generation_kwh(step)
    for kind, group in consumers.items():
        if not len(group):
            continue
        columns = group.population
        where, at = columns["community"], members.nodes[kind]
        load = columns["load_kwh"]
        np.multiply(columns["scale"], sources[columns["source"]], out=load)
        chance.vary(kind, load, step)
        supplied_part = 1.0 - chance.lost_part
        columns.heard |= {
            "sources_kwh": sources, "feeder_out": chance.feeder_out,
            "supplied_part": supplied_part,
        }  # fmt: skip
        in_part = bool(chance.lost_part.any())
        if in_part:
            lost = np.maximum(load, 0.0) * chance.lost_part[where]
            meters.unserved_kwh[:] += np.bincount(where, lost, places)
            load *= supplied_part[where]
        dark = chance.feeder_out[where] if chance.feeder_out.any() else None
        if dark is not None:
            lost = np.where(dark, np.maximum(load, 0.0), 0.0)
            meters.unserved_kwh[:] += np.bincount(where, lost, places)
            load[dark] = 0.0
        meters.fixed_kwh[:] += np.bincount(where, load, places)
        meters.node_kwh[:] += np.bincount(at, load, nodes)
        generated = _generated(columns, sun, measured, chance.clearness)
        if generated is not None:
            if in_part:
                lost = generated * chance.lost_part[where]
                meters.curtailed_kwh[:] += np.bincount(where, lost, places)
                generated = generated * supplied_part[where]
            if dark is not None:
                lost = np.where(dark, generated, 0.0)
                meters.curtailed_kwh[:] += np.bincount(where, lost, places)
                generated[dark] = 0.0
            meters.generation_kwh[:] -= np.bincount(where, generated, places)
            meters.node_kwh[:] -= np.bincount(at, generated, nodes)
            meters.generated_kwh[kind] = generated
    return meters


def _generated(
    columns: Population,
    sun: FloatArray | None,
    measured: FloatArray | None,
    clearness: FloatArray,
) -> FloatArray | None:
    """Return what each consumer generates [kWh], shape (consumers,); None where nobody can.

    Clouds dim only what is computed; what was measured has had its own.
    """
    computed: FloatArray | None = None
    followed: FloatArray | None = None
    if sun is not None:
        computed = columns["pv_kw"] * sun[columns["orientation"]] * clearness[columns["community"]]
    if measured is not None:
        followed = columns["scale"] * measured[columns["source"]]
    if computed is None or followed is None:
        return followed if computed is None else computed
    return computed + followed
