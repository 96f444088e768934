"""Every package that is installed is locked by its digest, and under a licence that may be used."""

import json
import re
import subprocess
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

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
