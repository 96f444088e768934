"""The rule by which published cells are judged, and that the table follows it."""

from decimal import Decimal
from itertools import pairwise

import pytest

from hmesh.runs.studies.published_figures import (
    KINDS,
    RULES,
    half_digit,
    published_figures,
    published_orders,
    tolerance_of,
)
from hmesh.runs.studies.replicate import STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_every_tolerance_follows_from_the_printed_digits(study: str) -> None:
    figures = published_figures(study)
    assert figures
    assert len({figure.configuration for figure in figures}) == 1
    for figure in figures:
        assert Decimal(str(figure.tolerance)) == tolerance_of(figure.printed, figure.rule)
        assert figure.kind in KINDS
        assert figure.rule in RULES
        assert figure.reason
        assert figure.source in set("BCHST")


def test_digits_that_are_printed_count() -> None:
    assert [half_digit(text) for text in ("67", "67.2", "0.700", "113056")] == [
        Decimal("0.5"), Decimal("0.05"), Decimal("0.0005"), Decimal("0.5"),
    ]  # fmt: skip
    assert tolerance_of("40.7", "digits and share") == Decimal("0.457")
    assert tolerance_of("7.19", "range of seeds") == Decimal("0.005")


@pytest.mark.parametrize("study", STUDIES)
def test_every_order_is_under_the_configuration_of_its_study(study: str) -> None:
    configuration = {figure.configuration for figure in published_figures(study)}
    orders = published_orders(study)
    assert orders
    for order in orders:
        assert {order.configuration} == configuration
        assert len(order.cells) == len(set(order.cells)) >= 2


# Orders that a source prints against its own table, each named in its reason.
def test_orders_are_those_of_the_published_cells_unless_their_reason_says_so() -> None:
    for study in STUDIES:
        value = {(f.item, f.metric): f.value for f in published_figures(study)}
        for order in published_orders(study):
            known = [value[cell] for cell in order.cells if cell in value]
            rises = all(a < b for a, b in pairwise(known))
            assert rises != ("contradicts" in order.reason), order.text
