"""What a simulation writes down of its schools in every step."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.runs.schemes.scheme_step import RowWriter
from hmesh.runs.schemes.step_rows import first_recorded, write_rows

if TYPE_CHECKING:
    from hmesh.runs.schemes.school_buses.step import SchoolBusSharing


def recorded_schools(wanted: str | int, schools: int) -> int:
    """Return how many schools, counted from the first, are written down."""
    return first_recorded(wanted, schools)


def write_step(writer: RowWriter, sharing: "SchoolBusSharing") -> None:
    """Write what the recorded schools could do in a step, and did."""
    wanted = sharing.setting.scenario.record.schools
    recorded = recorded_schools(wanted, len(sharing.district))
    if recorded == 0:
        return
    district = sharing.district
    own, fleet, by_school = district.population, district.buses.population, district.by_school
    least = np.ones(len(district))
    np.minimum.at(least, district.school_of, fleet["energy_kwh"] / fleet["capacity_kwh"])
    columns = {
        "school": np.arange(len(district)),
        "usable_kwh": sharing.usable_kwh(),
        "energy_kwh": sharing.sold_kwh - sharing.charged_kwh,
        "min_kwh": 0.0 - by_school(district.charge_kwh),
        "max_kwh": own["upper_kwh"],
        "lam": own["lam"],
        "theta": own["theta"],
        "average_price": own["average_price"],
        "incentive_price": sharing.decision.price,
        "counted_kwh": own["stored_kwh"],
        "stored_kwh": by_school(fleet["energy_kwh"]),
        "charged_kwh": sharing.charged_kwh,
        "sold_kwh": sharing.sold_kwh,
        "replaced_kwh": sharing.replaced_kwh,
        "driven_kwh": by_school(sharing.driven_kwh),
        "unmet_kwh": by_school(sharing.unmet_kwh),
        "least_soc": least,
    }
    write_rows(writer, sharing, "schools", columns, recorded)
