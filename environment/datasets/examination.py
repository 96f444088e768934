"""What is unusual in the tables of a dataset, looked for as it is checked."""

from collections.abc import Iterator, Mapping

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.datasets.description import Description
from hmesh.environment.datasets.flaws import flaws
from hmesh.environment.datasets.implausible import (
    Readings,
    household_energy,
    negative,
    other_consumption,
    price_unit,
    registers,
    spikes,
)
from hmesh.environment.datasets.records import Records
from hmesh.environment.datasets.series import Series
from hmesh.environment.errors import Problem

# A series of which more was filled in than this is worth a warning.
MUCH_FILLED = 0.1


def unusual(
    description: Description, series: Mapping[str, Series], records: Mapping[str, Records]
) -> Iterator[Problem]:
    """Yield warnings of what is unusual in the tables of a dataset.

    Parameters
    ----------
    description : Description
        What its person states about it.
    series, records : mapping of Series, mapping of Records
        Its tables by name.
    """
    for table in series.values():
        for name, values in table.measured.items():
            place = f"{table.place}, column {name}"
            unit = table.unit_of(name).replace("money", description.currency or "money")
            readings = Readings(
                place, table.keys, values, table.start_us, table.interval_us, description.zone, unit
            )
            yield from flaws(readings, name, table.values[name])
            if table.unit_of(name) == "kWh":
                yield from spikes(readings)
                yield from registers(readings)
            elif table.unit_of(name) == "money/kWh":
                yield from spikes(readings)
                if description.currency is not None:
                    yield from price_unit(readings, description.currency)
        yield from _much_filled(table)
    if "profiles" in series and "load_kwh" in series["profiles"].measured:
        yield from _of_loads(series["profiles"], records.get("members"), description)


def _much_filled(table: Series) -> Iterator[Problem]:
    share = np.stack(list(table.filled_share.values())).max(axis=0)
    much = np.flatnonzero(share > MUCH_FILLED)
    if much.size == 0:
        return
    worst = int(share.argmax())
    if table.keys == ("",):
        message = f"{share[worst]:.0%} of the intervals are filled"
    else:
        message = (
            f"{much.size:,} {table.table.key}s have more than {MUCH_FILLED:.0%} of their intervals "
            f"filled, most '{table.keys[worst]}' with {share[worst]:.0%}"
        )
    yield Problem(table.place, message)


def _of_loads(
    profiles: Series, members: Records | None, description: Description
) -> Iterator[Problem]:
    """Yield warnings of loads, by what is known of their members."""
    place = f"{profiles.place}, column load_kwh"
    loads = profiles.measured["load_kwh"]
    readings = Readings(
        place, profiles.keys, loads, profiles.start_us, profiles.interval_us, description.zone
    )
    generates = _known(members, "pv_kw", profiles.keys) > 0
    if (measured := profiles.measured.get("pv_kwh")) is not None:
        generates |= ~np.isnan(measured).all(axis=0)
    yield from negative(readings, generates)
    kinds = dict(zip(*_columns(members, "kind"), strict=True))
    households = np.array([kinds.get(key) == "household" for key in profiles.keys], dtype=np.bool_)
    yield from household_energy(readings, households)
    stated = _known(members, "annual_kwh", profiles.keys)
    if members is not None:
        by_members = Readings(
            f"{members.place}, column annual_kwh", profiles.keys, profiles.values["load_kwh"],
            profiles.start_us, profiles.interval_us, description.zone,
        )  # fmt: skip
        yield from other_consumption(by_members, stated)


def _columns(members: Records | None, name: str) -> tuple[list[str], list[object]]:
    if members is None or name not in members.columns:
        return [], []
    return members.columns["member"].tolist(), members.columns[name].tolist()


def _known(members: Records | None, name: str, keys: tuple[str, ...]) -> FloatArray:
    """Return a number that the table of members gives, NaN where it does not, shape (keys,)."""
    given = dict(zip(*_columns(members, name), strict=True))
    return np.array([given.get(key, np.nan) for key in keys], dtype=np.float64)
