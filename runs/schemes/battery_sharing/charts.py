"""The charts of buildings' batteries: the load they level, what they give whom, what they hold."""

from itertools import takewhile

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything, descending, first_highest
from hmesh.environment.number_words import counted
from hmesh.runs.pictures.chart import QUIET, Chart, Series, balance, compared, heat, of_strategies
from hmesh.runs.pictures.figure_layout import Part
from hmesh.runs.pictures.quantity_text import energy_text, power_text
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.step_sums import StepSums
from hmesh.runs.schemes.battery_sharing.picture_data import BatteryData
from hmesh.runs.schemes.battery_sharing.picture_exchange import NOTICEABLE, pairs_text
from hmesh.runs.strategy_names import strategy_name

OWN, SENT, CHARGED = "#0072B2", "#CC79A7", "#56B4E9"
MOST_PAIRS = 16
_COLUMNS = (
    "load_kwh", "stored_kwh", "charged_kwh", "own_kwh", "sent_kwh", "received_kwh",
)  # fmt: skip


def battery_charts(data: RunData) -> list[Chart]:
    """Return the charts of shared batteries, as far as the run recorded them."""
    sums = StepSums(data, "buildings", _COLUMNS)
    found: list[Chart | None] = [_exchange(data)]
    if sums.strategies:
        note = _left_out(data)
        power = {name: sums.of(name) / data.step_h for name in _COLUMNS if name != "stored_kwh"}
        found = [_load(data, power, note), _power(data, power, note), *found]
        stored = sums.of("stored_kwh")
        if anything(stored):
            found.append(_stored(data, stored, note))
    return [chart for chart in found if chart is not None]


def _left_out(data: RunData) -> str:
    """Return what a reader must know of buildings that were not recorded."""
    count = data.run.table("batteries", ["building"]).num_rows
    recorded = data.scenario["record"]["buildings"]
    few = isinstance(recorded, int) and recorded < count
    return f"the first {recorded:,} of {count:,} buildings" if few else ""


def _load(data: RunData, power: dict[str, FloatArray], note: str) -> Chart:
    without = power["load_kwh"]
    # What lines lose of it is drawn from the grid.
    served = without + power["charged_kwh"] - power["own_kwh"] - power["received_kwh"]

    def of(s: int, colour: str) -> tuple[str, list[Series]]:
        finding = (
            f"buildings draw at most {power_text(served[s].max())}, without batteries "
            f"{power_text(without[s].max())}"
        )
        return finding, [
            Series("without batteries", without[s], QUIET, "area"),
            Series("with batteries", served[s], colour),
        ]

    return Chart(
        data, "battery_load", "Load of the buildings with and without batteries", what="load",
        unit="kW", note=note, **of_strategies(data, of),
    )  # fmt: skip


def _power(data: RunData, power: dict[str, FloatArray], note: str) -> Chart | None:
    findings = {}
    for s, strategy in enumerate(data.strategies):
        own, sent = (float(power[name][s].sum()) * data.step_h for name in ("own_kwh", "sent_kwh"))
        findings[strategy] = (
            f"batteries deliver {energy_text(own)} to their own buildings and "
            f"{energy_text(sent) if anything(sent) else 'nothing'} to others"
            if anything([own, sent])
            else "there are no batteries"
        )
    return balance(
        data, "battery_power", "Charging and discharging of the batteries", findings,
        [Part("charged", power["charged_kwh"], CHARGED)],
        [
            Part("delivered to the own building", power["own_kwh"], OWN),
            Part("delivered to other buildings", power["sent_kwh"], SENT),
        ],
        note=note,
    )  # fmt: skip


def _exchange(data: RunData) -> Chart | None:
    """Show which buildings give energy to which others, day by day."""
    battery = BatteryData(data)
    names = data.run.table("batteries", ["name"]).column("name").to_pylist()
    rows = data.run.table("exchanges", ["strategy", "step", "giver", "taker", "sent_kwh"])
    number = {name: s for s, name in enumerate(data.strategies)}
    pair = rows.column("giver").to_numpy() * max(len(names), 1) + rows.column("taker").to_numpy()
    pairs, place = np.unique(pair, return_inverse=True)
    sent = rows.column("sent_kwh").to_numpy()
    strategy = np.array([number[name] for name in rows.column("strategy").to_pylist()], np.intp)
    given = sum(float(data.total(name, "battery_discharged_kwh")) for name in data.strategies)
    if sent.sum() <= NOTICEABLE * given:
        return None
    day = battery.day_of_step
    by_day = np.zeros((len(data.strategies), len(pairs), int(day.max()) + 1))
    np.add.at(by_day, (strategy, place, day[rows.column("step").to_numpy()]), sent)
    order = descending(by_day.sum(axis=(0, 2)))[:MOST_PAIRS]
    # The energy of a day is shown at its end, and shown as its mean power.
    power = by_day[:, order] / (np.bincount(day) * data.step_h)
    shared, called = _shortened(names)
    shown = [" to ".join(called[b] for b in divmod(p, len(names))) for p in pairs[order].tolist()]
    findings = {
        name: f"{pairs_text(int(np.count_nonzero(by_day[s].sum(axis=1))))} "
        f"{energy_text(float(by_day[s].sum()))}"
        if anything(by_day[s])
        else "buildings exchange nothing"
        for s, name in enumerate(data.strategies)
    }
    left = len(pairs) - len(shown)
    notes = ["mean power of each day", f"{counted(left, 'weaker pair')} left out" if left else ""]
    if shared:
        notes.append(f"all buildings belong to {shared}")
    return heat(
        data, "battery_exchange", "Energy exchanged between buildings", findings, shown,
        power[:, :, day], "kW", note="; ".join(filter(None, notes)),
    )  # fmt: skip


def _shortened(names: list[str]) -> tuple[str, list[str]]:
    """Return what all names begin with, and what follows."""
    places = zip(*(name.split("/") for name in names), strict=False)
    shared = "".join(f"{part[0]}/" for part in takewhile(lambda part: len(set(part)) == 1, places))
    return shared.rstrip("/"), [name.removeprefix(shared) for name in names]


def _stored(data: RunData, stored: FloatArray, note: str) -> Chart:
    most = first_highest(stored.max(axis=1))
    held = {
        name: values
        for name, values in zip(data.strategies, stored, strict=True)
        if anything(values)
    }
    return compared(
        data, "battery_stored", "Energy in the batteries",
        f"batteries hold at most {energy_text(stored[most].max())}, under "
        f"{strategy_name(data.strategies[most])}",
        held, "kWh", note=note,
    )  # fmt: skip
