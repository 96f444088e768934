"""Events of a scenario: values that change at a time, permanently or until another time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.runs.scenarios.base import AS_TUPLE, Interval, Money, Section, refuse
from hmesh.runs.scenarios.durations import AS_HOURS
from hmesh.runs.scenarios.price_sections import PriceRules
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.scenarios.time_span import existing_time
from hmesh.runs.schemes.registry import scheme

BOUNDS = ("prices.utility", "prices.aggregator")
TARIFF = ("prices.time_of_use.on_peak", "prices.time_of_use.off_peak")
SETTABLE = (*BOUNDS, *TARIFF)
_CLOSE = 1e-9


class ScenarioEvent(Section):
    """What changes at a time; at least one of ``set``, ``feeders_out`` and ``vehicles``."""

    at: str = Field(
        description="local time at which it begins, that of a step; any where only feeders are out"
    )
    until: str | None = Field(
        default=None, description="local time at which it ends, or null where it never does"
    )
    lasts: Annotated[float, Field(gt=0, le=1e6), AS_HOURS] | None = Field(
        default=None,
        description="how long it lasts, in place of until: hours, or text as 20 min [h]",
    )
    set: dict[str, Interval | Money] = Field(
        default={},
        description="prices.utility and prices.aggregator, and their bounds from then on; "
        "prices.time_of_use.on_peak and .off_peak, and the tariff from then on [money/kWh]",
    )
    feeders_out: Annotated[tuple[str, ...], AS_TUPLE] = Field(
        default=(), description="communities whose feeder is out"
    )
    vehicles: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        default=0, description="vehicles that join the fleet, at a midnight [-]"
    )

    @check("at", "until")
    @classmethod
    def _time(cls, time: str | None, info: ValidationInfo) -> str | None:
        return None if time is None else existing_time(time, info)

    @check("set")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        problems = [
            Problem(
                f"'{key}'",
                "cannot change in the course of a run",
                ", ".join(SETTABLE),
                nearest(key, SETTABLE),
            )
            for key in given
            if key not in SETTABLE
        ]
        for key, value in given.items():
            if key in SETTABLE and isinstance(value, tuple) != (key in BOUNDS):
                allowed = "two numbers in brackets" if key in BOUNDS else "a number"
                problems.append(Problem(f"'{key}'", f"{value} is not allowed", allowed))
        refuse_all(problems)
        return given

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.set or self.feeders_out or self.vehicles):
            raise refuse("changes nothing", allowed="one of set, feeders_out and vehicles")
        if not self.for_good and self.vehicles:
            raise refuse("vehicles join permanently", allowed="until: null, and no lasts")
        if self.until is not None and self.lasts is not None:
            raise refuse("until and lasts are given", allowed="one of the two")
        return self

    @property
    def for_good(self) -> bool:
        """Whether it never ends."""
        return self.until is None and self.lasts is None


def knows_parts(name: str) -> bool:
    """Return whether an outage of a part of a step cuts agents of a scheme off for it alone."""
    return scheme(name).outages_in_part


def span_of(scenario: Any, event: ScenarioEvent) -> tuple[float, float]:
    """Return from when to when an event is in force, from the start of the run [h].

    One that never ends ends at infinity.
    """
    begins = hours_since_start(scenario, event.at)
    if event.lasts is not None:
        return begins, begins + event.lasts
    return begins, inf if event.until is None else hours_since_start(scenario, event.until)


def hours_since_start(scenario: Any, time: str) -> float:
    """Return how long after its start the clocks of a scenario show a local time [h]."""
    zone = ZoneInfo(scenario.time_zone)
    start, then = (datetime.fromisoformat(each) for each in (scenario.start, time))
    apart = then.replace(tzinfo=zone).astimezone(UTC) - start.replace(tzinfo=zone).astimezone(UTC)
    return apart / timedelta(hours=1)


def joining(scenario: Any) -> tuple[tuple[int, int], ...]:
    """Return the days, counted from the start of the run, on which events let vehicles join."""
    begin = datetime.fromisoformat(scenario.start).date()
    return tuple(
        ((datetime.fromisoformat(event.at).date() - begin).days, event.vehicles)
        for event in scenario.events
        if event.vehicles
    )


def event_problems(scenario: Any) -> Iterator[Problem]:
    """Yield what is wrong with the events of a scenario, seen beside the rest of it."""
    for k, event in enumerate(scenario.events):
        here = f"events.{k}"
        yield from _time_problems(scenario, event, here)
        for name in event.feeders_out:
            if name not in scenario.communities:
                yield Problem(
                    f"{here}.feeders_out",
                    f"no community is called {name!r}",
                    ", ".join(scenario.communities),
                    nearest(name, scenario.communities),
                )
        if event.vehicles and "vehicles" not in scenario.schemes:
            yield Problem(f"{here}.vehicles", "no vehicles take part", "a section vehicles")
        for key in TARIFF:
            if key in event.set and scenario.prices.time_of_use.dataset is not None:
                message = "the market of a dataset sets the tariff"
                yield Problem(f"{here}.set.'{key}'", message, "prices.time_of_use.dataset: null")
    if not any(event.set for event in scenario.events):
        return
    for number in _places_of_change(scenario):
        yield from _price_problems(scenario, number)


def prices_set(scenario: Any, at_h: float) -> Mapping[str, Any]:
    """Return the values that events give to keys at a time from the start of the run [h].

    Of several events that set a key, the one that began last counts, of those that began at once
    the last in the list.
    """
    began: dict[str, float] = {}
    found: dict[str, tuple[float, float] | float] = {}
    for event in scenario.events:
        begins, ends = span_of(scenario, event)
        if begins > at_h + _CLOSE or ends <= at_h + _CLOSE:
            continue
        for key, value in event.set.items():
            if key not in found or begins >= began[key]:
                found[key], began[key] = value, begins
    return found


def _time_problems(scenario: Any, event: ScenarioEvent, here: str) -> Iterator[Problem]:
    """Yield what is wrong with the times of an event."""
    begins, ends = span_of(scenario, event)
    times = {"at": begins}
    if not event.for_good:
        times["until" if event.lasts is None else "lasts"] = ends
        if ends <= begins:
            message = f"{event.until} is not after {event.at}"
            yield Problem(f"{here}.until", message, "a later time, or null")
    if not 0 <= begins < scenario.hours:
        message = f"{event.at} is not within the run"
        last = datetime.fromisoformat(scenario.start).replace(tzinfo=ZoneInfo(scenario.time_zone))
        last = (last.astimezone(UTC) + timedelta(hours=scenario.hours)).astimezone(last.tzinfo)
        allowed = f"{scenario.start} or later, before {last.replace(tzinfo=None).isoformat()[:16]}"
        yield Problem(f"{here}.at", message, allowed)
    # What has no part of a step is taken whole by those who know of none.
    whole = [name for name in scenario.schemes if not knows_parts(name)]
    if event.set or event.vehicles or whole:
        yield from _times_of_steps(scenario, event, here, times, whole)
    if event.vehicles and datetime.fromisoformat(event.at).time() != datetime.min.time():
        yield Problem(f"{here}.at", "vehicles join as a day begins", "a time of 00:00")


def _times_of_steps(
    scenario: Any, event: ScenarioEvent, here: str, times: Mapping[str, float], whole: list[str]
) -> Iterator[Problem]:
    """Yield a problem for each time of an event at which no step begins."""
    why = "" if event.set or event.vehicles else f", and {', '.join(whole)} knows whole steps alone"
    for name, hours in times.items():
        steps = hours / scenario.step_h
        if abs(steps - round(steps)) > 1e-6:
            shown = event.at if name == "lasts" else getattr(event, name)
            after = f" and {event.lasts:g} h" if name == "lasts" else ""
            message = f"no step begins at {shown}{after}{why}"
            yield Problem(f"{here}.{name}", message, f"a multiple of {scenario.step_h:g} h")


def _places_of_change(scenario: Any) -> Iterator[float]:
    """Yield the times at which prices may be others than before [h]."""
    for event in scenario.events:
        if event.set:
            begins, ends = span_of(scenario, event)
            yield begins
            if ends < inf:
                yield ends


def _price_problems(scenario: Any, at_h: float) -> Iterator[Problem]:
    """Yield what is wrong with the prices that are in force from a time on."""
    changed = prices_set(scenario, at_h)
    if not changed:
        return
    when = f"events ({at_h:g} h after the start)"
    given = scenario.prices.model_dump()
    given |= {key.removeprefix("prices."): changed[key] for key in BOUNDS if key in changed}
    given["time_of_use"] |= {key.split(".")[-1]: changed[key] for key in TARIFF if key in changed}
    try:
        prices = PriceRules.model_validate(given)
    except ValidationError as error:
        yield from problems_of(error, PriceRules, lambda keys: f"{when}: prices.{'.'.join(keys)}")
        return
    tariff = prices.time_of_use
    if "two_level" not in scenario.strategies or tariff.dataset is not None:
        return
    highest = prices.aggregator[1]
    if max(tariff.on_peak, tariff.off_peak) > highest:
        message = f"the tariff of the two-level game is above the highest community price {highest}"
        yield Problem(when, message, f"at least {max(tariff.on_peak, tariff.off_peak):g}")


def refuse_wrong_events(scenario: Any) -> Any:
    """Return a scenario whose events fit the rest of it.

    Raises
    ------
    InputError
        Naming every problem.
    """
    if scenario.events and (problems := list(dict.fromkeys(event_problems(scenario)))):
        raise InputError(problems)
    return scenario
