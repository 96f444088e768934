"""What schemes have in common, whichever of them take part."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from runs import audit_run, load_scenario, start_run
from runs.scenarios.scenario import BUILT_IN
from runs.strategy_names import STRATEGIES_OF, Strategy, scheme_of, strategy_within


def test_every_strategy_belongs_to_one_scheme() -> None:
    named = [strategy for strategies in STRATEGIES_OF.values() for strategy in strategies]
    assert sorted(named) == sorted(get_args(Strategy))
    assert len(set(named)) == len(named)
    for scheme, strategies in STRATEGIES_OF.items():
        assert {scheme_of(strategy) for strategy in strategies} == {scheme}


def test_a_scheme_follows_its_first_strategy_where_another_scheme_is_compared() -> None:
    assert strategy_within("vehicles", "two_level") == "two_level"
    assert strategy_within("vehicles", "of my own") == "of my own"


def city() -> dict[str, Any]:
    """The built-in scenarios of all schemes as one: each brings its communities and its section."""
    given = {path.stem: yaml.safe_load(path.read_text()) for path in BUILT_IN.glob("*.yaml")}
    whole: dict[str, Any] = given["three-communities"]
    for name, scenario in given.items():
        if name == "three-communities":
            continue
        (scheme,) = set(scenario) & set(STRATEGIES_OF)
        renamed = {place: f"{place}-of-{name}" for place in scenario["communities"]}
        for place, community in scenario["communities"].items():
            whole["communities"][renamed[place]] = community
        text = json.dumps(scenario[scheme])
        for place, new in renamed.items():
            text = text.replace(f'"community": "{place}"', f'"community": "{new}"')
        whole[scheme] = json.loads(text)
    whole["school_terms"] = given["school-buses"]["school_terms"]
    whole["location"] = given["community-storage"]["location"]
    return whole


@pytest.mark.slow
def test_all_schemes_live_in_one_city_and_its_audit_holds(tmp_path: Path) -> None:
    path = tmp_path / "city.yaml"
    path.write_text(yaml.safe_dump(city(), sort_keys=False))
    changes = ["hours=24", "game.solver=exact", "strategies=[typical, three_level]"]
    scenario = load_scenario(str(path), changes)
    assert set(scenario.schemes) == set(STRATEGIES_OF)
    start_run(scenario, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, report.lines()
