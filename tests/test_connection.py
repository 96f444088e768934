"""What limits and inverters of a connection allow, member by member and by balance."""

import numpy as np
import pytest

from hmesh.markets.connection import (
    Connection,
    battery_bounds,
    export_limit_kw,
    settle_connection,
)

INF = np.inf


def connection(n: int = 1, **given: object) -> Connection:
    values = {
        "import_kw": INF, "export_kw": INF, "inverter_kw": INF,
        "dc_coupled": False, "battery_exports": True, "grid_charges": True,
    } | given  # fmt: skip
    return Connection(**{name: np.broadcast_to(np.asarray(v), n) for name, v in values.items()})


def settled(load: float, sun: float, battery: float, worthless: bool = False, **given: object):
    at = connection(**given)
    args = np.array([load]), np.array([sun]), np.array([battery])
    flows = settle_connection(*args, at, 1.0, worthless=worthless)
    return {name: float(getattr(flows, name)[0]) for name in flows.__slots__}


def test_the_rule_of_seventy_per_cent_takes_the_lower_limit() -> None:
    limit = export_limit_kw(
        np.array([INF, 5.0, 5.0, INF]), np.array([10.0, 10.0, 6.0, 0.0]), np.full(4, 0.7)
    )
    assert limit.tolist() == pytest.approx([7.0, 5.0, 4.2, INF])


def test_export_limit_curtails_what_neither_load_nor_battery_takes() -> None:
    flows = settled(1.0, 10.0, 0.0, export_kw=7.0)
    assert flows == pytest.approx({
        "import_kwh": 0, "export_kwh": 7, "battery_kwh": 0, "curtailed_kwh": 2, "unserved_kwh": 0
    })  # fmt: skip
    assert settled(1.0, 10.0, 2.0, export_kw=7.0)["curtailed_kwh"] == 0.0


def test_inverter_of_the_modules_clips_and_one_for_both_lets_the_battery_take_it() -> None:
    ac = settled(0.0, 8.0, 3.0, inverter_kw=5.0)
    assert (ac["curtailed_kwh"], ac["export_kwh"]) == (3.0, 2.0)
    dc = settled(0.0, 8.0, 3.0, inverter_kw=5.0, dc_coupled=True)
    assert (dc["curtailed_kwh"], dc["export_kwh"]) == (0.0, 5.0)
    # With the sun at full rating nothing is left of the inverter to discharge through.
    assert settled(9.0, 5.0, -2.0, inverter_kw=5.0, dc_coupled=True)["battery_kwh"] == 0.0
    assert settled(9.0, 5.0, -2.0, inverter_kw=5.0)["battery_kwh"] == -2.0


def test_battery_serves_loads_only_where_it_may_not_export() -> None:
    assert settled(2.0, 0.5, -5.0, battery_exports=False)["battery_kwh"] == -1.5
    assert settled(2.0, 0.5, -5.0)["export_kwh"] == 3.5


def test_battery_charges_from_the_sun_only_where_the_grid_may_not() -> None:
    assert settled(2.0, 5.0, 5.0, grid_charges=False)["battery_kwh"] == 3.0
    assert settled(2.0, 1.0, 5.0, grid_charges=False)["battery_kwh"] == 0.0


def test_import_limit_cuts_charging_first_and_then_load() -> None:
    flows = settled(4.0, 0.0, 3.0, import_kw=5.0)
    assert (flows["battery_kwh"], flows["import_kwh"], flows["unserved_kwh"]) == (1.0, 5.0, 0.0)
    flows = settled(9.0, 1.0, 0.0, import_kw=5.0)
    assert (flows["import_kwh"], flows["unserved_kwh"]) == (5.0, 3.0)
    assert settled(9.0, 1.0, -2.0, import_kw=5.0)["unserved_kwh"] == 1.0


def test_worthless_export_is_curtailed_at_the_modules() -> None:
    flows = settled(1.0, 5.0, 1.0, worthless=True)
    assert (flows["export_kwh"], flows["curtailed_kwh"]) == (0.0, 3.0)


def random_members(n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray, Connection]:
    rng = np.random.default_rng(7)
    load, sun = rng.uniform(0, 8, n), np.maximum(rng.uniform(-4, 12, n), 0.0)
    limit = lambda: np.where(rng.random(n) < 0.4, INF, rng.uniform(0.5, 9, n))  # noqa: E731
    at = Connection(
        limit(), limit(), limit(), rng.random(n) < 0.5, rng.random(n) < 0.5, rng.random(n) < 0.5
    )
    return load, sun, rng.uniform(-6, 6, n), at


@pytest.mark.parametrize("worthless", [False, True])
def test_energy_is_conserved_and_every_limit_holds(worthless: bool) -> None:
    load, sun, battery, at = random_members()
    step_h = 0.5
    flows = settle_connection(load, sun, battery, at, step_h, worthless=worthless)
    lack = (
        flows.import_kwh + sun - flows.curtailed_kwh
        - (load - flows.unserved_kwh) - flows.battery_kwh - flows.export_kwh
    )  # fmt: skip
    assert np.abs(lack).max() < 1e-12
    assert (flows.import_kwh <= at.import_kw * step_h + 1e-12).all()
    assert (flows.export_kwh <= at.export_kw * step_h + 1e-12).all()
    assert (np.minimum(flows.import_kwh, flows.export_kwh) == 0).all()
    assert ((flows.curtailed_kwh >= -1e-12) & (flows.curtailed_kwh <= sun + 1e-12)).all()
    assert ((flows.unserved_kwh >= 0) & (flows.unserved_kwh <= load)).all()
    through = sun - flows.curtailed_kwh - np.where(at.dc_coupled, flows.battery_kwh, 0.0)
    assert (np.abs(through) <= at.inverter_kw * step_h + 1e-12).all()
    inside = ~at.battery_exports & (flows.battery_kwh < 0)
    assert (flows.export_kwh[inside] <= 1e-12).all()


def test_a_population_is_its_members_one_by_one() -> None:
    load, sun, battery, at = random_members(60)
    together = settle_connection(load, sun, battery, at, 0.25)
    for k in range(60):
        own = Connection(*(getattr(at, name)[k : k + 1] for name in at.__slots__))
        alone = settle_connection(load[k : k + 1], sun[k : k + 1], battery[k : k + 1], own, 0.25)
        for name in together.__slots__:
            assert getattr(together, name)[k] == getattr(alone, name)[0]


def test_bounds_are_the_furthest_exchanges_that_keep_what_can_be_kept() -> None:
    """Search every exchange: none beyond the bounds curtails, lacks and breaks no more."""
    load, sun, _, at = random_members(300)
    lowest, highest = battery_bounds(load, sun, at, 1.0)
    assert ((lowest <= 0) & (highest >= 0)).all()
    for k in range(300):
        rated, export, drawn = (float(getattr(at, n)[k]) for n in
                                ("inverter_kw", "export_kw", "import_kw"))  # fmt: skip

        def feasible(b: float, k: int = k, r: float = rated, x: float = export, m: float = drawn):
            direct = bool(at.dc_coupled[k])
            most = min(sun[k], max(r + b, 0.0)) if direct else min(sun[k], r)
            if direct and most - b < -r - 1e-9:
                return False
            if b < 0 and direct and sun[k] - b > r + 1e-9:
                return False  # discharging would curtail the sun
            usable = min(sun[k], r)
            if b < 0 and usable - b - load[k] > x + 1e-9:
                return False
            if b < 0 and not at.battery_exports[k] and usable - b - load[k] > 1e-9:
                return False
            if b > 0 and load[k] + b - most > max(m, load[k] - usable) + 1e-9:
                return False  # more load would stay unserved
            beyond = (sun[k] if direct else usable) - load[k]
            clipped = max(sun[k] - r, 0.0) if direct else 0.0
            return not (b > 0 and not at.grid_charges[k] and b > max(beyond, clipped, 0) + 1e-9)

        trial = np.linspace(-20, 20, 401)
        there = [b for b in trial if feasible(float(b)) or b == 0]
        assert max(there) <= highest[k] + 1e-9
        assert min(there) >= lowest[k] - 1e-9
        assert highest[k] >= 20 or max(there) > highest[k] - 0.1 - 1e-9
        assert lowest[k] <= -20 or min(there) < lowest[k] + 0.1 + 1e-9
