"""What a person may want to look at in a scenario's school terms and school buses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from math import inf

import numpy as np

from hmesh.environment.calendar import DAY_KINDS, Calendar
from hmesh.environment.errors import Problem
from hmesh.environment.school_rounds import DAY_H
from hmesh.environment.school_terms import SchoolTerms
from hmesh.runs.scenarios.calendar import calendar_of, school_terms_of
from hmesh.runs.scenarios.money_defaults import Given
from hmesh.runs.scenarios.plausibility import FAR_ABOVE, span, span_text
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.school import days_of
from hmesh.runs.scenarios.travel_section import DrawnTravel
from hmesh.runs.schemes.school_buses.money import buys_from_buses
from hmesh.runs.schemes.school_buses.section import SchoolBuses
from hmesh.runs.world.travel import plans_of

_DAY = timedelta(days=1)


def school_warnings(scenario: Scenario) -> list[Problem]:
    """Return what is unusual about school buses, and when there is school, in a scenario."""
    return [*_never_sold(scenario), *_of_terms(scenario)]


def _never_sold(scenario: Scenario) -> Iterator[Problem]:
    """Warn of schools whose energy is worth more to them than any incentive price."""
    schools: SchoolBuses | None = scenario.school_buses
    if schools is None or not buys_from_buses(Given(scenario.model_dump())):
        return
    lam = span(scenario, schools.lam, schools.school_count, -inf)
    highest = schools.incentive_price[1]
    if lam[0] > FAR_ABOVE * max(highest, 0.0):
        shown = span_text(lam, scenario.currency)
        message = f"{shown} lies far above the highest incentive price, {highest:g}"
        yield Problem("school_buses.lam", f"{message}: no school ever sells")


def _of_terms(scenario: Scenario) -> list[Problem]:
    calendar = calendar_of(scenario)
    terms = calendar.school_terms
    if terms is None:
        return [*_never_driven(scenario), *_window(scenario)]
    return [
        *_window(scenario),
        *_outside(scenario, calendar, terms),
        *_idle(scenario),
        *_weekends(scenario, terms),
        *_while_charging(scenario),
    ]


def _never_driven(scenario: Scenario) -> Iterator[Problem]:
    """Warn of travel on school holidays where no school terms are given."""
    kind, travel = DAY_KINDS.index("school_holiday"), scenario.travel
    message = "there are no school holidays, since no school terms are stated"
    if (plans_of(scenario).day == kind).any():
        yield Problem("vehicles.day_plans", message, "school_terms as well")
    if isinstance(travel, DrawnTravel) and "school_holiday" in travel.days:
        yield Problem("travel.days.school_holiday", message, "school_terms as well")


def _outside(scenario: Scenario, calendar: Calendar, terms: SchoolTerms) -> Iterator[Problem]:
    """Warn of weekdays of the run before and after all terms."""
    if terms.span is None:
        return
    first, last = calendar.date_of(0), calendar.date_of(scenario.steps - 1)
    begin, end = terms.span
    before, after = min(begin - _DAY, last), max(end + _DAY, first)
    outside = _weekdays(first, before) + _weekdays(after, last)
    if outside:
        message = (
            f"the run goes from {first} to {last}, the terms from {begin} to {end}: "
            f"{outside:,} days from Monday to Friday outside them have no school"
        )
        yield Problem("school_terms", message)


def _idle(scenario: Scenario) -> Iterator[Problem]:
    """Warn of days off that have no school anyway, perhaps of another year."""
    settings, terms = scenario.school_terms, school_terms_of(scenario, days_off=())
    if settings is None or terms is None:
        return
    always = replace(terms, extra_days=terms.extra_days - settings.extra)
    for index, entry in enumerate(settings.days_off):
        days = sorted(days_of((entry,)))
        if not any(_has_school(always, day) for day in days):
            text = f"{days[0]} to {days[-1]}" if len(days) > 1 else f"{days[0]}"
            yield Problem(f"school_terms.days_off.{index}", f"{text} has no school anyway")


def _has_school(terms: SchoolTerms, day: date) -> bool:
    return bool(terms.school_days(day.year)[day.timetuple().tm_yday - 1])


def _weekdays(first: date, last: date) -> int:
    """Return how many days from Monday to Friday lie between two, both included."""
    return int(np.busday_count(first, last + _DAY)) if first <= last else 0


def _weekends(scenario: Scenario, terms: SchoolTerms) -> Iterator[Problem]:
    """Warn of Saturdays and Sundays that a timetable's days of the week name."""
    settings = scenario.school_terms
    if settings is None or settings.gtfs is None:
        return
    weekends = sum((last - first).days + 1 - _weekdays(first, last) for first, last in terms.terms)
    if weekends:
        message = (
            f"{weekends:,} Saturdays and Sundays on which services run by their days of the week "
            "have no school"
        )
        yield Problem("school_terms.gtfs", message, "dates in calendar_dates.txt, or extra_days")


def _window(scenario: Scenario) -> Iterator[Problem]:
    """Warn of a charging window that is shorter than a step, in which no bus is charged."""
    buses = scenario.school_buses
    if buses is None:
        return
    opens, closes = buses.charging_window
    if 0.0 < (closes - opens) % DAY_H < scenario.step_h:
        message = f"from {opens:g} to {closes:g} no step of {scenario.step_h:g} h lies within it"
        yield Problem("school_buses.charging_window", message, "a longer window, or shorter steps")


def _while_charging(scenario: Scenario) -> Iterator[Problem]:
    """Warn of rounds that begin while buses charge, perhaps before they have what they need."""
    buses = scenario.school_buses
    if buses is None:
        return
    opens, closes = buses.charging_window
    if (closes - opens) % DAY_H == 0:
        return
    for number, (begins, _) in enumerate(buses.rounds if buses.blocks is None else ()):
        if (begins - opens) % DAY_H < (closes - opens) % DAY_H:
            message = (
                f"begins at {begins:g}, while the charging window from {opens:g} to {closes:g} is "
                "open: the energy for it may come too late"
            )
            yield Problem(f"school_buses.rounds.{number}", message, "another charging_window")
