import numpy as np
import pytest

from hmesh.environment.thermal_comfort import comfort_band, needs_conditioning, room_temperature


@pytest.mark.parametrize(
    ("season", "category", "band"),
    [
        ("summer", "A", (23.5, 25.5)), ("winter", "A", (21.0, 23.0)),
        ("summer", "B", (23.0, 26.0)), ("winter", "B", (20.0, 24.0)),
        ("summer", "C", (22.0, 27.0)), ("winter", "C", (19.0, 25.0)),
        ("transition", "B", (20.0, 26.0)),
    ],
)  # fmt: skip
def test_bands_are_those_of_the_standard(season, category, band) -> None:
    assert comfort_band(season, category) == band


def test_a_room_follows_the_weather_as_slowly_as_it_is_reported() -> None:
    outdoor = np.concatenate([np.full(1, 10.0), np.full(200, 20.0)])
    room = room_temperature(outdoor, 1.0, 24.0, 3.0)
    assert room[0] == 13.0
    # After one time constant the step is done but for 1 / e.
    assert room[24] == pytest.approx(23.0 - 10.0 / np.e)
    assert room[-1] == pytest.approx(23.0, abs=0.01)
    quarters = room_temperature(np.repeat(outdoor, 4), 0.25, 24.0, 3.0)
    np.testing.assert_allclose(quarters[3::4], room, atol=1e-12)


def test_cold_rooms_are_heated_and_warm_ones_cooled() -> None:
    room = np.array([19.9, 20.1, 23.9, 24.1, 22.9, 23.1, 25.9, 26.1])
    seasons = ["winter"] * 4 + ["summer"] * 4
    needed = [True, False, False, True, True, False, False, True]
    assert needs_conditioning(room, seasons).tolist() == needed
