"""The map with fifty communities and 100,000 vehicles, and with vehicles that wait for chargers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from playwright.sync_api import Browser

from hmesh.runs import load_scenario, read_run, start_run, write_report
from tests.browsers import CHROMIUM
from tests.report_visits import Visit, opened
from tests.test_report_map import boxes_apart
from tests.test_suburbs import SMALL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

PLACES, VEHICLES = 50, 100_000
MAP = "hmesh.views[0].map"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    shift = np.random.default_rng(1).random((PLACES, 2)) * 0.01
    communities = {
        f"village-{n:02d}": {
            "location": {
                "latitude": float(50 + 0.03 * (n // 8) + shift[n, 0]),
                "longitude": float(9 + 0.05 * (n % 8) + shift[n, 1]),
            },
            "members": [
                {
                    "kind": "household",
                    "name": "h",
                    "count": 300,
                    "annual_kwh": 3500,
                    "profile": "h0",
                }
            ],
        }
        for n in range(PLACES)
    }
    day = {
        "travels": 0.9, "stops": [1], "trip_km": 12, "purposes": {"work": {"stay_h": 8}},
        "departs_h": {"distribution": "normal", "mean": 7.5, "deviation": 0.6},
    }  # fmt: skip
    given: dict[str, Any] = {
        "name": "many", "start": "2024-06-03T06:00", "time_zone": "Europe/Berlin", "hours": 3,
        "currency": "EUR", "strategies": ["three_level"], "plots": False,
        "generation_cost": {"quadratic": 1e-7, "linear": 0.1}, "game": {"solver": "exact"},
        "prices": {"utility": [0, 0.6], "aggregator": [0, 0.6]}, "communities": communities,
        "vehicles": {"count": VEHICLES, "lam": [0.2, 0.5], "theta": 0.008},
        "travel": {
            "kind": "drawn", "home": dict.fromkeys(communities, 1), "speed_km_h": 50,
            "days": {"every": day},
        },
    }  # fmt: skip
    (folder / "many.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    start_run(load_scenario(folder / "many.yaml"), folder / "run")
    write_report(folder / "run", folder / "page.html", audit=False)
    return folder / "page.html"


@pytest.fixture(scope="module")
def visit(browser: Browser, many: Path) -> Visit:
    return opened(browser, many)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_fifty_communities_are_readable(visit: Visit, many: Path, width: int, theme: Any) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.page.emulate_media(color_scheme=theme)
    visit.wait(f"document.documentElement.dataset.theme === '{theme}'")
    visit.set_clock(1.6)
    named = visit.run(f"{MAP}.named")
    assert len(named) >= 4
    assert boxes_apart(named)
    # No name is below the buttons of the map.
    wide = visit.run(f"{MAP}.width")
    assert all(box[4] <= wide - 46 or box[3] >= 112 for box in named)
    # Circles do not touch, and all are on the map.
    at, radius = np.array(visit.run(f"{MAP}.at")), visit.run(f"{MAP}.radius")
    apart = np.hypot(*(at[:, None] - at[None, :]).transpose(2, 0, 1))
    assert apart[np.triu_indices(PLACES, 1)].min() >= 2 * radius
    high = visit.run(f"{MAP}.height")
    assert (at - radius >= 0).all()
    assert (at + radius <= [wide, high]).all()
    reported = visit.run(f"{MAP}.count.textContent")
    drawn, everything = (int(word) for word in reported.split() if word.isdigit())
    assert drawn <= 24 < everything
    assert "3,000 of 100,000 are drawn" in visit.page.locator("#map-legend").inner_text()
    visit.check(many)


def test_zoom_finds_room_for_every_name_around(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1440, "height": 900})
    before = len(visit.run(f"{MAP}.named"))
    for _ in range(3):
        visit.page.get_by_label("Enlarge the map").nth(1).click()
    inside = visit.run(
        f"{MAP}.at.filter(([x, y]) => x >= 0 && y >= 0 && x <= {MAP}.width && y <= {MAP}.height)"
    )
    names = {box[0] for box in visit.run(f"{MAP}.named")}
    assert len(inside) < PLACES
    assert len(names) >= len(inside) - 2
    visit.page.get_by_label("Show the whole map").nth(1).click()
    assert len(visit.run(f"{MAP}.named")) == before


def test_flows_of_one_community_are_few(visit: Visit) -> None:
    visit.page.get_by_label("Flows of which community").select_option("village-20")
    shown = visit.run("hmesh.flowChoice.of(hmesh.runs[0], 0, 1)")
    script = "(() => ['origin', 'destination'].map((end) => [...hmesh.runs[0].flows[end]]))()"
    flows = visit.run(script)
    assert shown["drawn"]
    assert all(20 in (flows[0][n], flows[1][n]) for n in shown["drawn"])
    visit.page.get_by_label("Flows of which community").select_option("")


def test_who_waits_stands_on_the_map_and_in_the_table(browser: Browser, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start_run(load_scenario("suburbs", SMALL), run)
    write_report(run, tmp_path / "page.html", audit=False)
    visit = opened(browser, tmp_path / "page.html")
    assert "wait for a charger" in visit.page.locator("#map-legend").inner_text()
    rows = read_run(run).table("chargers").to_pandas()
    names = list(read_run(run).info["scenario"]["communities"])
    heads = visit.page.locator('[data-part="moment"] thead').locator("th, td").all_inner_texts()
    column = heads.index("waiting")
    for step in (5, 9, 12):
        visit.set_clock(step + 0.5)
        here = rows[rows["step"] == step].set_index("community")["waiting"]
        table = visit.page.locator('[data-part="moment"] tbody tr')
        for m, name in enumerate(names):
            reported = table.nth(m).locator("th, td").nth(column).inner_text().replace(",", "")
            lines = visit.run(f"{MAP}.reading({m})")
            if name not in here.index:
                assert reported == "-"
                assert not any("wait" in line for line in lines)
                continue
            assert float(reported) == pytest.approx(here[name], rel=6e-3, abs=6e-4)
            assert lines[-1] == f"{reported} wait for a charger"
    visit.check(tmp_path / "page.html")
