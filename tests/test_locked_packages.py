"""Every package that is installed is locked by its digest, and under a licence that may be used."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
import yaml

from benchmarks import advisories

ROOT = Path(__file__).parents[1]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
UV = ROOT / ".venv/bin/uv"
FREE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|Python Packaging|Zlib|CC0|MPL|Mozilla|LGPL-2.1"
)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(package: Distribution) -> str:
    reported = package.metadata
    classifiers = [c for c in reported.get_all("Classifier") or [] if c.startswith("License")]
    named = reported.get("License-Expression") or reported.get("License") or ""
    if not named and not classifiers:
        named = "".join(
            Path(str(package.locate_file(path))).read_text(encoding="utf-8")[:200]
            for path in package.files or ()
            if path.parent.name == "licenses"
        )
    return " ".join([named, *classifiers])


def test_every_file_of_every_package_is_locked_by_its_digest() -> None:
    for package in LOCK:
        if package["name"] == "hmesh":
            continue
        assert set(package["source"]) == {"registry"}, package["name"]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        for file in files:
            assert re.fullmatch("sha256:[0-9a-f]{64}", file["hash"]), package["name"]


def test_what_is_installed_is_what_is_locked_and_free() -> None:
    # Some packages have a version for each range of Python's.
    locked: dict[str, set[str]] = {package["name"]: set() for package in LOCK}
    for package in LOCK:
        locked[package["name"]].add(package["version"])
    found = 0
    for installed in distributions():
        name = canonical(installed.metadata["Name"])
        if name in locked and name != "hmesh":
            assert installed.version in locked[name], name
            assert FREE.search(licence(installed)), f"{name}: {licence(installed)}"
            found += 1
    assert found > 50


@pytest.mark.skipif(not UV.exists(), reason="uv is not in .venv")
def test_the_list_of_parts_holds_every_package_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "sbom.json"
    line = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if "$(bin)/uv export" in line
    )
    words = line.split()[1:-1]
    subprocess.run(
        [str(UV), *words, "--output-file", str(path)], cwd=ROOT, check=True, capture_output=True
    )
    listed = json.loads(path.read_text())["components"]
    names = {canonical(component["name"]) for component in listed}
    assert {"numpy", "mesa", "simpy", "solara", "jax"} <= names
    assert all(component["externalReferences"] for component in listed)


def test_make_installs_uv_by_the_digests_of_the_lock() -> None:
    makefile = (ROOT / "Makefile").read_text()
    made = subprocess.run(
        ["make", "-s", "-f", "-", "shown"], input=f"{makefile}\nshown:\n\t@echo $(uv_digests)\n",
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    (uv,) = (package for package in LOCK if package["name"] == "uv")
    files = [*uv["wheels"], uv["sdist"]]
    assert sorted(made.stdout.split()) == sorted(f"--hash={file['hash']}" for file in files)
    installs = re.findall(r"pip install(?:[^;\\]|\\\n)*", makefile)
    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)


ADVISORY = """
id: PYSEC-2099-1
details: |
  Reads past the end.

  More of it.
affected:
- package: {name: NumPy, ecosystem: PyPI}
  ranges:
  - type: GIT
    events: [{introduced: "0"}]
  - type: ECOSYSTEM
    events: [{introduced: "0"}, {fixed: "1.5"}, {introduced: "2.0"}, {fixed: 2.4.1}]
  versions: [1.9rc1]
aliases: [CVE-2099-7]
modified: "2099-01-02T03:04:05Z"
"""
NUMPY = """
[[package]]
name = "numpy"
version = "{}"
source = {{ registry = "https://pypi.org/simple" }}
"""


def advised(folder: Path, version: str, *words: str) -> subprocess.CompletedProcess[str]:
    lock = folder / "uv.lock"
    lock.write_text(NUMPY.format(version), encoding="utf-8")
    command = [sys.executable, "benchmarks/advisories.py", *words, "--lock", str(lock)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_locked_version_with_a_known_vulnerability_is_listed(tmp_path: Path) -> None:
    database = tmp_path / "vulns" / "numpy"
    database.mkdir(parents=True)
    (database / "PYSEC-2099-1.yaml").write_text(ADVISORY, encoding="utf-8")
    withdrawn = yaml.safe_load(ADVISORY) | {"id": "PYSEC-2099-2", "withdrawn": "2099-02-01"}
    (database / "PYSEC-2099-2.json").write_text(json.dumps(withdrawn), encoding="utf-8")
    done = advised(tmp_path, "2.4.0", str(tmp_path / "vulns"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "numpy 2.4.0: PYSEC-2099-1, CVE-2099-7; mended in 2.4.1",
        "    Reads past the end.",
        "2 advisories, the newest changed on 2099-01-02: 1 of them affect one of 1 locked "
        "versions of 1 packages",
    ]


def test_versions_are_affected_as_the_format_of_advisories_has_it() -> None:
    (affected,) = yaml.safe_load(ADVISORY)["affected"]
    versions = ["0.1", "1.4.9", "1.5", "1.9rc1", "1.9", "2.0a1", "2.0", "2.4.1.dev0", "2.4.1"]
    hit = [version for version in versions if advisories.is_affected(version, affected)]
    assert hit == ["0.1", "1.4.9", "1.9rc1", "2.0", "2.4.1.dev0"]
    until = {
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1"}, {"last_affected": "2"}]}]
    }
    assert [advisories.is_affected(v, until) for v in ("0.9", "1", "2", "2.0.1")] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no folder "),
        ("", "no advisory in it"),
        ("id: [", "PYSEC-1.yaml: "),
        ("id: PYSEC-1\naffected: [{package: {name: numpy, ecosystem: PyPI}, ranges: [{}]}]",
         "PYSEC-1: not in the format of OSV"),
    ],
)  # fmt: skip
def test_a_folder_without_advisories_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    text: str | None, said: str,
) -> None:  # fmt: skip
    folder = tmp_path / "vulns"
    if text is not None:
        folder.mkdir()
        (folder / "PYSEC-1.yaml").write_text(text, encoding="utf-8")
    (lock := tmp_path / "uv.lock").write_text(NUMPY.format("2.4.0"), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["advisories.py", str(folder), "--lock", str(lock)])
    assert advisories.main() == 2
    assert said in capsys.readouterr().err
