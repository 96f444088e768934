"""Houses for tests: some days of sun, appliances and heat that no file is needed for."""

import numpy as np

from hmesh.markets.house_dispatch import HouseDemand, HouseDevices, HousePrices

NIGHT, DAY = 13.21, 26.84
WEAR = {"battery_wear": 1.443, "tank_wear": 0.777}


def some_days(days: int = 7, seed: int = 1) -> HouseDemand:
    """Return a house that is empty from 8 to 18 h, sunny by day and warm by night."""
    chance = np.random.default_rng(seed)
    hour, day = np.tile(np.arange(24), days), np.repeat(np.arange(days), 24)
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)
    away = (hour >= 8) & (hour < 18)
    noise = 0.5 + chance.random(24 * days)
    return HouseDemand(
        load_kwh=np.where(away, 0.2, 0.9) * noise,
        heat_kwh=np.where(away, 0.0, 1.8) * noise[::-1],
        generation_kwh=4.0 * sun * chance.beta(2, 1.5, days)[day],
        day=day,
    )


def tariff(steps: int, feed_in: float, night: float = NIGHT, day: float = DAY) -> HousePrices:
    """Return a tariff that is cheap from 22 to 8 h."""
    hour = np.arange(steps) % 24
    cheap = (hour >= 22) | (hour < 8)
    return HousePrices(
        purchase=np.where(cheap, night, day), feed_in=np.full(steps, feed_in), **WEAR
    )


CASES = {
    "no_storage": HouseDevices(),
    "battery": HouseDevices(battery_kwh=8.2),
    "thermal_tank": HouseDevices(tank_kwh=14.1),
    "hybrid_storage": HouseDevices(battery_kwh=5.6, tank_kwh=10.2),
}
