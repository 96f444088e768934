import numpy as np
import pytest

from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import Setting, make_setting
from hmesh.runs.world.simulation import Simulation


def setting_of(*changes: str) -> Setting:
    return make_setting(load_scenario("school-buses", ["hours=60", "game.solver=exact", *changes]))


def metered_kwh(setting: Setting) -> list[float]:
    """Return what all members draw in each step, before any battery does."""
    simulation = Simulation(setting, "charge_after_use")
    metered = []
    for _ in range(setting.scenario.steps):
        simulation.step()
        metered.append(simulation.schemes["school_buses"].metered_kwh)  # type: ignore[attr-defined]
    return metered


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("step_h=0.5",),
        ("growth.demand_per_year={household: 3.0, building: -0.5}",),
        (
            "communities.rochester.members.0.pv_kw=400",
            "location={latitude: 42.7, longitude: -83.1}",
        ),
    ],
)  # fmt: skip
def test_without_chance_the_forecast_is_what_is_metered(changes: tuple[str, ...]) -> None:
    setting = setting_of(*changes)
    expected = setting.schemes["school_buses"].forecast.demand_kwh(range(setting.scenario.steps))
    np.testing.assert_allclose(metered_kwh(setting), expected, rtol=1e-12)


def test_noise_is_in_the_demand_and_not_in_its_forecast() -> None:
    plain = setting_of()
    noisy = setting_of("chance.demand_noise={household: {sigma: 0.5, correlation_h: 6}}")
    steps = range(60)
    forecast = noisy.schemes["school_buses"].forecast.demand_kwh(steps)
    assert forecast.tolist() == plain.schemes["school_buses"].forecast.demand_kwh(steps).tolist()
    assert np.abs(np.array(metered_kwh(noisy)) / forecast - 1).max() > 1e-3


def test_days_of_a_forecast_are_local_dates_cut_by_the_run() -> None:
    # The clocks go forward on 12 March 2023.
    setting = setting_of("start='2023-03-11T18:00'")
    day = setting.schemes["school_buses"].forecast.day
    assert [len(day(step)) for step in (0, 6, 40)] == [6, 23, 24]
    assert day(6) == range(6, 29)


def test_critical_steps_are_those_above_the_base_of_their_date() -> None:
    schools = setting_of("school_buses.critical={share_of_peak: 0.95}").schemes["school_buses"]
    assert schools is not None
    load = schools.forecast.demand_kwh(range(48)).reshape(2, 24)
    wanted = (load > 0.95 * load.max(axis=1, keepdims=True)).ravel().tolist()
    assert [schools.is_critical(step) for step in range(48)] == wanted
    first = wanted.index(True)
    block = schools.critical_block(first)
    assert block[0] == first
    assert all(wanted[step] for step in block)
    assert not any(schools.rounds.share[first : block[-1] + 1] > 0)


def test_a_night_leaves_out_steps_on_the_road_and_critical_ones() -> None:
    schools = setting_of(
        "school_buses.charging_window=[0, 24]", "school_buses.critical={share_of_peak: 0.95}"
    ).schemes["school_buses"]
    assert schools is not None
    slots = schools.valley(0).tolist()
    left_out = set(range(24)) - set(slots)
    critical = {step for step in range(24) if schools.is_critical(step)}
    assert left_out == critical | {6, 7, 15, 16}
    assert schools.valley(24).min() == 24
