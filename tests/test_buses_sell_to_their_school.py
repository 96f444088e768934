"""School buses that sell to the building of their school, and then to their community."""

import json
from pathlib import Path

import numpy as np
import pytest

from hmesh.runs import audit_run, load_scenario, read_run, start_run

SHARING = "valley_charging+two_level"
SCENARIO = """
name: own-school
time_zone: America/Detroit
start: 2023-10-02T00:00
hours: 48
currency: USD
school_terms: {built_in: michigan}
strategies: [valley_charging, valley_charging+two_level]
generation_cost: {quadratic: 1.0e-5, linear: 0.08, fixed: 0}
prices: {utility: [0.05, 0.6], aggregator: [0.05, 0.6],
         time_of_use: {on_peak: 0.42, off_peak: 0.12, from_hour: 9, to_hour: 21}}
game: {solver: exact}
communities:
  quarter:
    members:
      - {kind: building, name: classrooms, annual_kwh: 250000, profile: g1}
      - {kind: household, name: homes, count: 60, annual_kwh: 4000, profile: h0}
    local_exchange: {allocation: static, shares: {classrooms: 1000000}, pass_on: true,
                     feed_in_price: 0.06}
vehicles: {count: 0}
school_buses:
  groups: [{name: school, community: quarter, buses: 6}]
  critical: {share_of_peak: 0.99}
  round_km: 20
  lam: 0.5
  theta: 0.0008
  average_price_start: 0.12
  incentive_price: [0.05, 0.6]
  centralised_margin: 0.05
  price_response: {}
record: {accounts: all, local_members: true}
plots: false
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two days with sales to the school first, and the same ones with none but to the grid."""
    folder = tmp_path_factory.mktemp("school")
    (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    found = []
    for name, more in (("shared", []), ("fed", ["{allocation: none, feed_in_price: 0.06}"])):
        changes = [f"communities.quarter.local_exchange={text}" for text in more]
        start_run(load_scenario(folder / "s.yaml", changes), folder / name)
        found.append(folder / name)
    return found[0], found[1]


@pytest.mark.slow
def test_the_school_itself_is_served_first(runs: tuple[Path, Path]) -> None:
    members = read_run(runs[0]).table("local_members").to_pandas()
    members = members[members["strategy"] == SHARING]
    given = members[members["kind"] == "schools"].set_index("step")["given_kwh"]
    classrooms = members[members["kind"] == "buildings"].set_index("step")
    steps = given.index[given > 1e-6]
    assert len(steps) > 5
    first = np.minimum(given, classrooms["used_kwh"])[steps]
    # Beside a million the weights of sixty households are next to nothing.
    np.testing.assert_allclose(classrooms["received_kwh"][steps], first, rtol=1e-3)
    homes = members[members["kind"] == "households"].groupby("step")["received_kwh"].sum()
    np.testing.assert_allclose(
        homes[steps] + classrooms["received_kwh"][steps], given[steps], rtol=1e-9
    )
    assert homes[steps].sum() > 10


@pytest.mark.slow
def test_the_price_lies_between_and_the_account_of_the_school_says_so(
    runs: tuple[Path, Path],
) -> None:
    for run in runs:
        report = audit_run(run)
        assert report.passed, report.failed
    rows = read_run(runs[0]).table("local_exchange").to_pandas()
    rows = rows[(rows["strategy"] == SHARING) & (rows["kind"] == "schools")]
    hours = read_run(runs[0]).table("hours").to_pandas()
    price = hours[hours["strategy"] == SHARING].set_index("step")["community_price"]
    sold = rows[rows["given_kwh"] > 0].set_index("step")
    assert (sold["local_price"] >= sold["feed_in_price"] - 1e-12).all()
    assert (sold["local_price"] <= price[sold.index] + 1e-12).all()
    one, other = (json.loads((run / "summary.json").read_text())[SHARING] for run in runs)
    assert one["school_charged_kwh"] == other["school_charged_kwh"]
    more = (sold["given_kwh"] * (sold["local_price"] - sold["feed_in_price"])).sum()
    assert more > 1
    balance = [each["accounts"]["kinds"]["schools"]["balance"] for each in (one, other)]
    assert balance[0] - balance[1] == pytest.approx(more, rel=1e-9)
