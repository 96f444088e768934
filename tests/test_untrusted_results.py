"""Results of a stranger, whose digests agree, take no more memory than results of a run may."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hmesh.environment import InputError
from hmesh.environment.safe_files import sha256
from hmesh.runs import audit_run, draw_plots, load_scenario, read_run, resume_run, start_run
from hmesh.runs.audits.sound_results import of_sound_results
from hmesh.runs.command_line import app
from hmesh.runs.report.write import write_report
from hmesh.runs.results import table_bounds
from hmesh.runs.results.table_bounds import MOST_PAGE_BYTES, refuse_large
from hmesh.runs.results.unfinished_run import read_any_run
from tests.interrupted_runs import interrupted
from tests.test_damaged_runs import sealed

SMALL = (
    "vehicles.count=2", "hours=3", "game.solver=exact", "plots=false", "strategies=[typical]",
)  # fmt: skip
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>\x1b[2J'


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whole") / "run"
    start_run(load_scenario("three-communities", SMALL), directory)
    return directory


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def vouched(directory: Path) -> None:
    """Let run.json vouch for all files as they are now."""
    path = directory / "run.json"
    info = json.loads(path.read_text())
    info["sha256"] = {name: sha256(directory / name) for name in info["sha256"]}
    path.write_text(json.dumps(info))


def with_name(rows: pa.Table, column: str, name: str) -> pa.Table:
    """Return a table in which the first name of a column is another one."""
    at = rows.schema.get_field_index(column)
    names = [name, *rows.column(at).to_pylist()[1:]]
    field = rows.schema.field(at)
    array = pa.array(names, pa.string()).dictionary_encode().cast(field.type)
    return rows.set_column(at, field, array)


def notes(directory: Path) -> str:
    return "\n".join(audit_run(directory).lines())


def test_a_table_by_community_has_the_rows_that_run_json_states(run: Path, tmp_path: Path) -> None:
    path = run / "hours.parquet"
    rows = pq.read_table(path)
    pq.write_table(pa.concat_tables([rows] * 3).combine_chunks(), path)
    vouched(run)
    for show in (draw_plots, lambda folder: write_report(folder, tmp_path / "page.html")):
        with pytest.raises(InputError, match=r"holds 27 rows \(allowed: at most 9\)"):
            show(run)
    assert "27 rows, 9 at most belong there" in notes(run)


def test_rows_beyond_a_share_of_memory_are_refused_before_they_are_held(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run / "ledger.parquet"
    rows = pq.read_table(path).slice(0, 1)
    pq.write_table(pa.concat_tables([rows] * 2**14).combine_chunks(), path)
    vouched(run)
    monkeypatch.setattr(table_bounds, "most_bytes", lambda: 2.0**19)
    read = read_run(run)
    for filters in (None, [("step", "=", 0)]):
        with pytest.raises(InputError, match=r"more than a table may have that is read as a whole"):
            read.table("ledger", filters=filters)
    assert read.table("ledger", filters=[("step", "=", 1)]).num_rows == 0
    assert "more than a table may have that is read as a whole" in notes(run)


def lying(path: Path, column: str) -> None:
    """Let the end of a file say that a column unpacks to a mebibyte."""

    def coded(number: int) -> bytes:
        number, found = number * 2, b""
        while number > 0x7F:
            found += bytes([number & 0x7F | 0x80])
            number >>= 7
        return found + bytes([number])

    described = pq.read_metadata(path)
    at = described.schema.names.index(column)
    true = coded(described.row_group(0).column(at).total_uncompressed_size)
    content = path.read_bytes()
    end = len(content) - described.serialized_size - 8
    assert true in content[end:]
    assert len(true) == len(coded(2**21))
    path.write_bytes(content[:end] + content[end:].replace(true, coded(2**21)))
    assert pq.read_metadata(path).row_group(0).column(at).total_uncompressed_size == 2**21


def test_a_name_that_fills_the_memory_is_refused_whatever_the_end_of_the_file_says(
    run: Path, tmp_path: Path
) -> None:
    path = run / "ledger.parquet"
    long = "x" * (MOST_PAGE_BYTES + 1)
    pq.write_table(
        with_name(pq.read_table(path), "kind", long), path, compression="zstd",
        write_statistics=False,
    )  # fmt: skip
    lying(path, "kind")
    vouched(run)
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match=r"ledger\.parquet, column kind: has a page that unpacks"):
        read_run(run).table("ledger")
    assert "has a page that unpacks to 16,77" in notes(run)
    assert read_run(run).table("ledger", ["amount"]).num_rows > 0


def test_a_page_that_repeats_parts_of_names_is_refused(run: Path) -> None:
    path = run / "ledger.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows, path, use_dictionary=False, column_encoding={"kind": "DELTA_BYTE_ARRAY"})
    with pytest.raises(InputError, match="column kind: cannot be read: pages are encoded by 7"):
        read_run(run).table("ledger")


def test_pages_are_as_large_as_pyarrow_says(whole: Path) -> None:
    for path in whole.glob("*.parquet"):
        described = pq.read_metadata(path)
        refuse_large(path, described, described.schema.names)
        for number in range(described.num_columns if described.num_row_groups else 0):
            chunk = described.row_group(0).column(number)
            content: Any = path.read_bytes()
            pages = list(table_bounds._pages(path, content, chunk))
            headers = chunk.total_uncompressed_size - sum(p.unpacked_bytes for p in pages)
            assert 10 * len(pages) < headers < 200 * len(pages)


def test_a_part_of_an_interrupted_run_that_fills_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("hmesh.runs.results.writer.ROWS_PER_PART", 5)
        run = interrupted(tmp_path / "run", 2, *SMALL)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.setattr(table_bounds, "most_bytes", lambda: 200.0)
    for use in (resume_run, read_any_run):
        with pytest.raises(InputError, match=r"parts/\w+-000000\.parquet.*(holds|unpacks)"):
            use(run)
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_names_of_a_stranger_reach_neither_the_terminal_nor_the_page(
    run: Path, tmp_path: Path
) -> None:
    for table, column in (("lines", "line"), ("ledger", "kind"), ("ledger", "payer")):
        path = run / f"{table}.parquet"
        pq.write_table(with_name(pq.read_table(path), column, HOSTILE), path)
    vouched(run)
    for words in (["audit", str(run)], ["report", str(run), "--out", str(tmp_path / "page.html")]):
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code in (0, 1)
        assert "\x1b[2J" not in answer.output
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_what_cannot_be_shown_is_blamed_on_results_that_fail_their_audit(run: Path) -> None:
    with pytest.raises(ZeroDivisionError), of_sound_results(run):
        _ = 1 / 0
    path = run / "ledger.parquet"
    pq.write_table(with_name(pq.read_table(path), "payer", "nobody"), path)
    vouched(run)
    message = r"cannot be shown, as no run writes such results; their audit says: "
    with pytest.raises(InputError, match=message) as blamed, of_sound_results(run):
        _ = 1 / 0
    assert isinstance(blamed.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("name", ["../run.json", "/etc/passwd.json", "a/../b.json", "x.parquet\n"])
def test_run_json_names_files_of_its_own_folder_alone(run: Path, name: str) -> None:
    path = run / "run.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps(info | {"sha256": info["sha256"] | {name: "0" * 64}}))
    with pytest.raises(InputError, match="sha256"):
        read_run(run)


def test_what_a_link_leads_to_is_not_quoted(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a word that nobody shall see")
    for name in ("summary.json", "ledger.parquet"):
        (run / name).unlink()
        (run / name).symlink_to(tmp_path / "secret")
    vouched(run)
    for words in (["audit", str(run)], ["report", str(run)], ["plot", str(run)]):
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code in (1, 2)
        assert "nobody shall" not in answer.output


def test_a_state_of_a_stranger_holds_no_more_than_its_file(tmp_path: Path) -> None:
    run = interrupted(tmp_path / "run", 2, *SMALL)
    (place,) = (run / "checkpoint").glob("0*")
    state = json.loads((place / "state.json").read_text())
    (place / "state.json").write_text(json.dumps(state | {"format": 10**30}))
    sealed(run)
    with pytest.raises(InputError, match="has format"):
        resume_run(run)
