"""Events of a scenario: values that change at a time, for good or until another time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.runs.scenarios.base import AS_TUPLE, Interval, Section, refuse
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.scenarios.sections import PriceRules
from hmesh.runs.scenarios.time_span import existing_time

SETTABLE = ("prices.utility", "prices.aggregator")
_CLOSE = 1e-9


class ScenarioEvent(Section):
    """What changes at a time; at least one of ``set``, ``feeders_out`` and ``vehicles``."""

    at: str = Field(description="local time at which it begins, that of a step")
    until: str | None = Field(
        default=None, description="local time at which it ends, or null where it never does"
    )
    set: dict[str, Interval] = Field(
        default={},
        description="prices.utility and prices.aggregator, and their bounds from then on "
        "[money/kWh]",
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
        if problems:
            raise InputError(problems)
        return given

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.set or self.feeders_out or self.vehicles):
            raise refuse("changes nothing", allowed="one of set, feeders_out and vehicles")
        if self.until is not None and self.vehicles:
            raise refuse("vehicles join for good", allowed="until: null")
        return self


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
    if not any(event.set for event in scenario.events):
        return
    for number in _places_of_change(scenario):
        yield from _price_problems(scenario, number)


def prices_set(scenario: Any, at_h: float) -> Mapping[str, tuple[float, float]]:
    """Return the values that events give to keys at a time from the start of the run [h].

    Of several events that set a key, the one that began last counts, of those that began at once
    the last in the list.
    """
    began: dict[str, float] = {}
    found: dict[str, tuple[float, float]] = {}
    for event in scenario.events:
        begins = hours_since_start(scenario, event.at)
        if begins > at_h + _CLOSE:
            continue
        if event.until is not None and hours_since_start(scenario, event.until) <= at_h + _CLOSE:
            continue
        for key, value in event.set.items():
            if key not in found or begins >= began[key]:
                found[key], began[key] = value, begins
    return found


def _time_problems(scenario: Any, event: ScenarioEvent, here: str) -> Iterator[Problem]:
    """Yield what is wrong with the times of an event."""
    begins = hours_since_start(scenario, event.at)
    times = {"at": begins}
    if event.until is not None:
        times["until"] = hours_since_start(scenario, event.until)
        if times["until"] <= begins:
            message = f"{event.until} is not after {event.at}"
            yield Problem(f"{here}.until", message, "a later time, or null")
    if not 0 <= begins < scenario.hours:
        message = f"{event.at} is not within the run"
        last = datetime.fromisoformat(scenario.start).replace(tzinfo=ZoneInfo(scenario.time_zone))
        last = (last.astimezone(UTC) + timedelta(hours=scenario.hours)).astimezone(last.tzinfo)
        allowed = f"{scenario.start} or later, before {last.replace(tzinfo=None).isoformat()[:16]}"
        yield Problem(f"{here}.at", message, allowed)
    for name, hours in times.items():
        steps = hours / scenario.step_h
        if abs(steps - round(steps)) > 1e-6:
            message = f"no step begins at {getattr(event, name)}"
            yield Problem(f"{here}.{name}", message, f"a multiple of {scenario.step_h:g} h")
    if event.vehicles and datetime.fromisoformat(event.at).time() != datetime.min.time():
        yield Problem(f"{here}.at", "vehicles join as a day begins", "a time of 00:00")


def _places_of_change(scenario: Any) -> Iterator[float]:
    """Yield the times at which prices may be others than before [h]."""
    for event in scenario.events:
        if event.set:
            yield hours_since_start(scenario, event.at)
            if event.until is not None:
                yield hours_since_start(scenario, event.until)


def _price_problems(scenario: Any, at_h: float) -> Iterator[Problem]:
    """Yield what is wrong with the prices that are in force from a time on."""
    changed = {key.removeprefix("prices."): v for key, v in prices_set(scenario, at_h).items()}
    if not changed:
        return
    when = f"events ({at_h:g} h after the start)"
    try:
        prices = PriceRules.model_validate(scenario.prices.model_dump() | changed)
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
