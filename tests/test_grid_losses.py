import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.demand_limits import demand_limits
from hmesh.markets.grid_losses import Feed
from hmesh.markets.line_tree import places_of
from hmesh.markets.load_shedding import shed_kwh
from tests.grids import OnGrid, as_tree, needed_kwh, on_grids


@given(on_grids(limits="all"), st.integers(0, 2**32 - 1))
def test_generation_and_flows_are_those_of_the_whole_tree(grid: OnGrid, seed: int) -> None:
    demand = np.random.default_rng(seed).uniform(-30, 30, (len(grid.passive_kwh), 4))
    feed = grid.feed()
    generated = feed.generation_kwh(demand)
    drawn, delivered = feed.excess_kwh(demand)
    tree = grid.tree
    shared = np.isfinite(tree.limit_kwh) & (grid.places.own < 0)
    for k in range(demand.shape[1]):
        received, needed = needed_kwh(tree, grid.nodes_kwh(demand[:, k]))
        assert generated[k] == pytest.approx(needed, rel=1e-12, abs=1e-10)
        np.testing.assert_allclose(tree.received_kwh(grid.nodes_kwh(demand[:, k])), received)
        if shared.any():
            flows, limits = received[shared], tree.limit_kwh[shared]
            assert drawn[k] == pytest.approx((flows - limits).max(), abs=1e-9)
            assert delivered[k] == pytest.approx((-flows - limits).max(), abs=1e-9)
        else:
            assert drawn[k] == delivered[k] == -np.inf


@given(on_grids(), st.integers(0, 2**32 - 1))
def test_pieces_give_the_generation_at_every_price(grid: OnGrid, seed: int) -> None:
    random = np.random.default_rng(seed)
    edges = np.sort(random.uniform(-20, 80, 5))
    offset, gain = random.uniform(-40, 60, (len(grid.passive_kwh), 4)), np.zeros((3, 4))
    gain = -random.choice([0.0, 0.3, 2.0], offset.shape)
    feed = grid.feed()
    made = feed.pieces(edges[:-1], edges[1:], offset, gain)
    assert made.starts[0] == edges[0]
    assert made.ends[-1] == edges[-1]
    np.testing.assert_array_equal(made.starts[1:], made.ends[:-1])
    for share in (0.0, 0.37, 1.0):
        price = made.starts + share * (made.ends - made.starts)
        demand = offset[:, made.source] + gain[:, made.source] * price
        expected = feed.generation_kwh(demand)
        np.testing.assert_allclose(made.offset + made.gain * price, expected, rtol=1e-9, atol=1e-8)


@given(on_grids(), st.integers(0, 2**32 - 1))
def test_losses_lie_within_their_bounds(grid: OnGrid, seed: int) -> None:
    random = np.random.default_rng(seed)
    both = np.sort(random.uniform(-30, 30, (2, len(grid.passive_kwh), 6)), axis=0)
    feed = grid.feed()
    least, most = feed.lost_kwh(both[0], both[1])
    for share in random.uniform(0, 1, (20, len(grid.passive_kwh), 6)):
        demand = both[0] + share * (both[1] - both[0])
        lost = feed.generation_kwh(demand) - demand.sum(axis=0)
        assert (lost >= least - 1e-9).all()
        assert (lost <= most + 1e-9).all()


@given(on_grids(limits="own"))
def test_demands_within_limits_are_those_that_own_lines_can_carry(grid: OnGrid) -> None:
    least, most = demand_limits(grid.places, grid.node_kwh, grid.passive_kwh)
    for m, node in enumerate(grid.places.answering.tolist()):
        own = [line for line in grid.tree.path(node) if grid.places.own[line] == m]
        for bound, inside in ((least[m], 1.0), (most[m], -1.0)):
            if not np.isfinite(bound) or least[m] > most[m]:
                continue
            demand = grid.passive_kwh.copy()
            demand[m] = bound
            assert grid.over_kwh(demand)[own].max() == pytest.approx(0.0, abs=1e-9)
            demand[m] = bound - 1e-3 * inside
            assert grid.over_kwh(demand)[own].max() > 1e-4


def test_a_star_without_losses_is_left_out() -> None:
    places = places_of(as_tree([0, 0], [0.0, 0.0], 5.0), np.array([1, 2]), np.array([-1, 0, 1]))
    feed = Feed(places, np.array([0.0, 3.0, 4.0]), np.array([3.0, 4.0]))
    assert feed.loss_free
    assert not feed.limited
    assert feed.lines == []
    assert feed.generation_kwh(np.array([[3.0], [4.0]])) == [7.0]


def test_a_line_leaves_an_equal_share_of_every_load_beyond_it_unserved() -> None:
    # The utility feeds 1, which feeds 2 and 3; 10 % are lost between 1 and 2.
    tree = as_tree([0, 1, 1], [0.0, 0.1, 0.0], [12.0, 100.0, 100.0])
    node_kwh, inelastic = np.array([0.0, 2.0, 10.0, 5.0]), np.array([0.0, 2.0, 10.0, 5.0])
    shed = shed_kwh(tree, node_kwh, inelastic)
    # 2 + 11 + 5 = 18 would arrive, 12 may: two thirds are served.
    np.testing.assert_allclose(shed, inelastic / 3)
    # What is no inelastic load is served whole, here 4 of the 10 at node 2.
    inelastic = np.array([0.0, 2.0, 6.0, 5.0])
    shed = shed_kwh(tree, node_kwh, inelastic)
    assert tree.received_kwh(node_kwh - shed)[0] == pytest.approx(12.0, rel=1e-12)
    np.testing.assert_allclose(shed[1:] / inelastic[1:], shed[1] / inelastic[1])


@given(on_grids(limits="all"))
def test_shedding_keeps_every_limit_that_it_can_keep(grid: OnGrid) -> None:
    nodes = grid.nodes_kwh(grid.passive_kwh + 5.0)
    inelastic = np.maximum(grid.node_kwh, 0.0)
    tree = grid.tree
    shed = shed_kwh(tree, nodes, inelastic)
    assert (shed >= 0).all()
    assert (shed <= inelastic + 1e-12).all()
    received = tree.received_kwh(nodes - shed)
    for line in np.flatnonzero(received > tree.limit_kwh + 1e-9).tolist():
        beyond = [node for node in range(1, len(nodes)) if line in tree.path(node)]
        np.testing.assert_allclose(shed[beyond], inelastic[beyond])
    if (tree.received_kwh(nodes) <= tree.limit_kwh).all():
        assert (shed == 0).all()
