"""Members that join and leave local exchanges: the rule, runs, audit, mistakes."""

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.markets.membership import chance_to_take_part, expected_savings
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.audits.reference.membership import choices
from tests.local_exchange_runs import LOCAL, village_file
from tests.test_audit_tampering import edit

JOINING: tuple[str, ...] = (
    "start=2024-05-30T08:00", "hours=90",
    f"{LOCAL}={{allocation: need, membership: {{first_share: 0.7, cost: 1.5, sensitivity: 2, "
    "reconsiders: 0.8}}",
)  # fmt: skip
CHECK = "membership: members join and leave by what it saved"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("joining") / "run"
    start_run(load_scenario(village_file(), JOINING), directory)
    return directory


def test_those_outside_expect_what_others_of_their_kind_save() -> None:
    saved = np.array([4.0, 0.0, 2.0, 9.0, 0.0])
    there = np.array([True, False, True, False, False])
    kind = np.array([0, 0, 0, 1, 1])
    np.testing.assert_array_equal(expected_savings(saved, there, kind), [4.0, 3.0, 2.0, 0.0, 0.0])
    chance = chance_to_take_part(np.array([2.0, 3.0, -1e6]), 2.0, 0.5)
    np.testing.assert_allclose(chance, [0.5, 1.0 / (1.0 + np.exp(-0.5)), 0.0], atol=1e-12)
    np.testing.assert_array_equal(chance_to_take_part(saved, 3.0, 0.0), np.full(5, 0.5))


def test_the_rule_is_that_of_the_audit() -> None:
    stream = np.random.default_rng(2)
    for _ in range(20):
        count = int(stream.integers(1, 9))
        kind, there = stream.integers(0, 3, count), stream.random(count) < 0.5
        saved, cost = np.where(there, stream.uniform(0.0, 5.0, count), 0.0), 1.3
        draws = stream.random((count, 2))
        due = choices(
            kind.tolist(), there.tolist(), saved.tolist(), (cost, 1.7, 0.6),
            [(float(a), float(b)) for a, b in draws],
        )  # fmt: skip
        expected = expected_savings(saved, there, kind)
        chance = chance_to_take_part(expected, cost, 1.7)
        assert [each.expected_saving for each in due] == pytest.approx(expected.tolist())
        assert [each.probability for each in due] == pytest.approx(chance.tolist())
        chosen = np.where(draws[:, 0] < 0.6, draws[:, 1] < chance, there)
        assert [each.takes_part for each in due] == chosen.tolist()


@pytest.mark.slow
def test_a_run_in_which_members_join_and_leave_passes_its_audit(folder: Path) -> None:
    report = audit_run(folder)
    assert report.passed, report.failed
    (check,) = [each for each in report.checks if each.name == CHECK]
    assert check.passed
    rows = read_run(folder).table("membership").to_pandas()
    assert sorted(rows["step"].unique()) == [0, 40]
    later = rows[rows["step"] == 40]
    assert later["probability"].between(0.0, 1.0).all()
    first, second = (rows[rows["step"] == step]["takes_part"].to_numpy() for step in (0, 40))
    assert 0 < first.sum() < len(first)
    assert (first != second).any()
    # Those who do not take part get nothing, and feed in all they have.
    each = read_run(folder).table("local_members").to_pandas()
    each = each[each["community"] == "village"]
    for step in (0, 50):
        now = each[each["step"] == step]
        out = (first if step < 40 else second) == 0
        assert (now["received_kwh"].to_numpy()[out] == 0.0).all()
        assert (now["given_kwh"].to_numpy()[out] == 0.0).all()
    members = read_run(folder).summary["typical"]["local_exchange"]["village"]["members"]
    assert members == second.sum()


@pytest.mark.slow
def test_an_audit_finds_a_member_that_chose_otherwise(folder: Path, tmp_path: Path) -> None:
    for name, column in (("takes_part", "takes_part"), ("saving", "expected_saving")):
        damaged = shutil.copytree(folder, tmp_path / name)
        edit(damaged, "membership", column, lambda row, value: 1 - value if row == 21 else value)
        assert any(CHECK in str(each) for each in audit_run(damaged).failed)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_members(folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 30:
            signal.raise_signal(signal.SIGINT)

    scenario = load_scenario(village_file(), JOINING)
    with pytest.raises(KeyboardInterrupt):
        start_run(scenario, tmp_path / "parts", stop)
    resume_run(tmp_path / "parts")
    for name in ("membership.parquet", "local_members.parquet", "summary.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (folder / name).read_bytes()


def test_membership_where_prices_depend_on_all_members_is_refused() -> None:
    with pytest.raises(InputError, match="the price depends on the scarcity"):
        load_scenario(
            village_file(), [f"{LOCAL}={{price: scarcity, membership: {{sensitivity: 1}}}}"]
        )
