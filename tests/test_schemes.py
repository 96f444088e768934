"""What schemes have in common, whichever of them take part."""

from typing import get_args

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
