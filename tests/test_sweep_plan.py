import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.runs import make_plan
from hmesh.runs.sweeps.plan_differences import plan_differences
from hmesh.runs.sweeps.sweep_plan import SweepPlan
from hmesh.runs.sweeps.values import read_seeds, read_variation

NAME = "three-communities"
SMALL = ["vehicles.count=20", "hours=3"]


def plan(*vary: str, **options: Any) -> SweepPlan:
    return make_plan(NAME, vary, changes=SMALL, **options)


def reported(*vary: str, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        plan(*vary, **options)
    return str(caught.value).splitlines()


def test_a_grid_holds_all_combinations_with_the_same_seeds() -> None:
    made = plan("vehicles.theta=1,2.5", "strategies=[typical],[three_level]", seeds="3")
    assert [point.values for point in made.points] == [
        {"vehicles.theta": theta, "strategies": [strategy]}
        for theta in (1.0, 2.5)
        for strategy in ("typical", "three_level")
    ]
    assert len(made.runs) == 12
    by_point = [{run.seed for run in made.runs if run.number == number} for number in range(4)]
    assert all(seeds == set(made.seeds) for seeds in by_point)
    assert len({run.name for run in made.runs}) == 12
    assert made.runs[0].resolved["vehicles"]["theta"] == 1.0
    assert made.runs[0].resolved["seed"] == made.seeds[0]


def test_runs_are_small_unless_asked() -> None:
    resolved = plan().runs[0].resolved
    assert (resolved["record"]["vehicles"], resolved["plots"]) == ("none", False)
    changes = [*SMALL, "plots=true", "record.vehicles=5"]
    resolved = make_plan(NAME, changes=changes).runs[0].resolved
    assert (resolved["record"]["vehicles"], resolved["plots"]) == (5, True)


def test_names_can_be_read_and_are_short() -> None:
    names = [run.name for run in plan("prices.utility=[0, 70],[0,50]", seeds=[7]).runs]
    assert names[0].startswith("utility=-0.0-70.0-_seed=7_")
    assert all(len(name) < 120 for name in names)
    longer = plan("vehicles.theta=1,2", "generation_cost.linear=1:2:2", "hours=3,4", seeds=[1])
    assert longer.runs[0].name.startswith("theta=1_linear=1_hours=3_seed=1_")


def test_a_range_ends_where_it_says_and_holds_exact_numbers() -> None:
    values = plan("vehicles.soc_min=0:0.5:6").values("vehicles.soc_min")
    assert values == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert plan("vehicles.count=10:30:3").values("vehicles.count") == [10, 20, 30]


def test_seeds_are_distinct_and_fewer_are_the_first_of_more() -> None:
    many = read_seeds("2000", 1)
    assert len(set(many)) == 2000
    assert read_seeds(50, 1) == many[:50]
    assert read_seeds("50", 2) != many[:50]
    assert read_seeds("5,3,9", 1) == (5, 3, 9)
    assert read_seeds("7,", 1) == (7,)
    assert read_seeds(None, 12) == (12,)


@pytest.mark.parametrize("given", ["0", "x", "1,1", "-3", "1.5", "99999999", "", str(2**63) + ","])
def test_wrong_seeds_are_refused(given: str) -> None:
    with pytest.raises(InputError) as caught:
        read_seeds(given, 1)
    assert str(caught.value).startswith("--seeds: ")


@pytest.mark.parametrize("size", [5, 16])
def test_a_latin_hypercube_has_one_value_in_each_equal_part(size: int) -> None:
    made = plan("vehicles.theta=1:3", "vehicles.count=1:64", sample="latin", points=size)
    theta = np.array(made.values("vehicles.theta"))
    assert sorted(np.floor((theta - 1) / 2 * size).astype(int)) == list(range(size))
    assert all(isinstance(count, int) for count in made.values("vehicles.count"))
    again = plan("vehicles.theta=1:3", sample="latin", points=size)
    assert again.values("vehicles.theta") == theta.tolist()
    other = make_plan(
        NAME, ["vehicles.theta=1:3"], changes=[*SMALL, "seed=2"], sample="latin", points=size
    )
    assert other.values("vehicles.theta") != theta.tolist()


def test_a_latin_hypercube_takes_names_in_equal_shares() -> None:
    made = plan(
        "game.solver=negotiate,exact", "vehicles.theta=1:3", sample="latin", points=10
    )  # fmt: skip
    solvers = [point.values["game.solver"] for point in made.points]
    assert sorted(solvers) == ["exact"] * 5 + ["negotiate"] * 5


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ("vehicles.cont=1,2", "there is no key 'cont' (did you mean 'count'?)"),
        ("vehicles.theta=1,-2", "--vary: vehicles.theta: -2 is not allowed"),
        ("vehicles.theta=3:1:5", "the range 3:1:5 is empty"),
        ("vehicles.theta=1:3", "states no number of values"),
        ("vehicles.theta=1:3:1", "states no number of values"),
        ("vehicles.theta=1:3:2.5", "states no number of values"),
        ("vehicles.theta=a:3:2", "'a:3:2' is no range"),
        ("vehicles.count=10:20:4", "are not all whole numbers"),
        ("vehicles.count=1.5:3:2", "does not begin and end with a whole number"),
        ("vehicles.theta=1,1.0,1.0", "1.0 is given twice"),
        ("vehicles.theta=1,,2", "a value is empty"),
        ("vehicles.theta", "varies nothing"),
        ("seed=1,2", "seeds are not varied"),
        ("game.solver=exact,gird", "did you mean 'grid'?"),
        ("game.solver=[exact", "is not YAML"),
        ("vehicles.theta=1:2:200000", "are 200,000 points"),
    ],
)
def test_wrong_values_are_reported_with_their_key(vary: str, words: str) -> None:
    lines = reported(vary)
    assert any(words in line for line in lines), lines
    assert all(line.startswith("--vary") for line in lines)


def test_all_mistakes_of_all_points_are_reported_at_once() -> None:
    lines = reported("vehicles.soc_min=0.1,0.95", "vehicles.soc_max=0.5,1.5", "game.solver=exact,x")
    assert len(lines) == len(set(lines))
    assert any("'x' is not allowed" in line for line in lines)
    assert any("1.5" in line for line in lines)
    assert any("soc_max 0.5 is not above soc_min 0.95" in line for line in lines)


def test_mistakes_of_form_are_reported_at_once() -> None:
    lines = reported("vehicles.theta=3:1:2", "vehicles.theta=1,2", "vehicles.theta=1", seeds="x")
    assert any("is empty" in line for line in lines)
    assert any("varied twice" in line for line in lines)
    assert any(line.startswith("--seeds") for line in lines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sample": "latn", "points": 3}, "did you mean 'latin'?"),
        ({"sample": "latin"}, "--points: is missing"),
        ({"points": 3}, "--points with --sample latin"),
        ({"sample": "latin", "points": 0}, "0 points cannot be made"),
    ],
)
def test_wrong_samples_are_refused(options: dict[str, Any], words: str) -> None:
    assert any(words in line for line in reported("vehicles.theta=1,2", **options))


def test_a_latin_hypercube_refuses_numbers_of_values() -> None:
    lines = reported("vehicles.theta=1:3:4", sample="latin", points=3)
    assert any("which a Latin hypercube takes from points" in line for line in lines)


def test_a_file_that_only_one_point_names_is_checked(tmp_path: Path) -> None:
    text = Path(f"hmesh/runs/scenarios/built_in/{NAME}.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text)
    (tmp_path / "plans.csv").write_text(
        "plan,departs_h,km,origin,destination\na,8,x,homes,malls\na,18,5,malls,homes\n"
    )
    with pytest.raises(InputError) as caught:
        make_plan(str(tmp_path / "mine.yaml"), ["vehicles.day_plans=null,plans.csv"])
    assert "'x'" in str(caught.value)


def test_a_range_is_a_name_where_no_number_stands() -> None:
    scenario = {"start": "2023-01-16T01:00"}
    assert read_variation("start=1:2:3", scenario, "grid").texts == ("1:2:3",)


def test_every_difference_of_plans_is_named() -> None:
    def described(*vary: str, **options: Any) -> dict[str, Any]:
        return json.loads(json.dumps(make_plan(NAME, vary, **options).described()))

    before = described("vehicles.theta=1,2", seeds=3, changes=["hours=3"])
    assert plan_differences(before, before) == []
    now = described(
        "vehicles.theta=1,3", "vehicles.count=5,6", seeds=4,
        changes=["hours=4", "prices.retail=average"],
    )  # fmt: skip
    lines = plan_differences(before, now)
    for words in (
        "hours is 3 there, 4 now",
        "prices.retail is marginal there, average now",
        "vehicles.theta varies over 1, 2 there, 1, 3 now",
        "vehicles.count varies over not varied there, 5, 6 now",
    ):
        assert words in lines
    assert any(line.startswith("seeds are 3 (") for line in lines)
    assert len(lines) == 5
