"""Compare the locked packages with a database of known vulnerabilities, without a network.

The database is a folder of advisories in the format of OSV, in YAML or JSON, such as a clone of
the Python Packaging Advisory Database. Every package and version of ``uv.lock`` that an advisory
affects is printed, with the versions that are free of it. Advisories that were withdrawn, and those
of other ecosystems than PyPI, are left out.

The exit status is 1 where a package is affected, and 2 where the folder holds no advisories or one
of them cannot be read.
"""

import argparse
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

LOCK = Path(__file__).parents[1] / "uv.lock"
ENDINGS = (".yaml", ".yml", ".json")
MOST_BYTES = 2**22
WANTED = (
    "DATABASE must name a folder of advisories in the format of OSV, such as a clone of "
    "https://github.com/pypa/advisory-database"
)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableError(Exception):
    """An advisory, or a folder of them, that cannot be read."""


@dataclass(frozen=True, slots=True)
class Affected:
    """A locked package that an advisory affects.

    Attributes
    ----------
    package, version : str
        As they are locked.
    advisory : str
        The identifier of the advisory, with those of other databases.
    free_from : str
        Later versions in which the fault is mended, "" where there are none.
    says : str
        The first line of what the advisory says.
    """

    package: str
    version: str
    advisory: str
    free_from: str
    says: str

    def __str__(self) -> str:
        mended = f"mended in {self.free_from}" if self.free_from else "no version mends it"
        return f"{self.package} {self.version}: {self.advisory}; {mended}\n    {self.says}"


def locked(path: Path) -> dict[str, set[str]]:
    """Return the versions of every package that is locked, by its canonical name."""
    found: dict[str, set[str]] = defaultdict(set)
    for package in tomllib.loads(path.read_text(encoding="utf-8"))["package"]:
        if "registry" in package["source"]:
            found[canonicalize_name(package["name"])].add(package["version"])
    return dict(found)


def advisories(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every advisory of a folder and those below it.

    Raises
    ------
    UnreadableError
        If there is no such folder, none holds an advisory, or one cannot be read.
    """
    if not folder.is_dir():
        raise UnreadableError(f"no folder {folder}: {WANTED}")
    count = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            continue
        advisory = read(path)
        if advisory is not None:
            count += 1
            yield advisory
    if not count:
        raise UnreadableError(f"{folder}: no advisory in it, in YAML or JSON with id and affected")


def read(path: Path) -> Mapping[str, Any] | None:
    """Return what a file says, None where it is no advisory.

    Raises
    ------
    UnreadableError
        If it is neither YAML nor JSON, or larger than any advisory.
    """
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableError(f"{path}: larger than {MOST_BYTES:,} bytes, which no advisory is")
    try:
        text = path.read_text(encoding="utf-8")
        is_json = path.suffix.lower() == ".json"
        found = json.loads(text) if is_json else yaml.load(text, LOADER)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UnreadableError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict) or not {"id", "affected"} <= found.keys():
        return None
    return found


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Return whether a version is one of those that are listed, or lies in a range of them.

    Ranges follow the evaluation that OSV prescribes: the last event at or before the version
    decides. Those of commits say nothing of a version.
    """
    asked = Version(version)
    if any(same(str(listed), asked) for listed in affected.get("versions") or ()):
        return True
    return any(
        within(asked, each["events"])
        for each in affected.get("ranges") or ()
        if each["type"] != "GIT"
    )


def same(listed: str, asked: Version) -> bool:
    """Return whether a listed version is the one that is asked for."""
    try:
        return Version(listed) == asked
    except InvalidVersion:
        return listed == str(asked)


def within(asked: Version, events: list[Mapping[str, Any]]) -> bool:
    """Return whether a version lies in a range that events open and close."""
    limits = [str(event["limit"]) for event in events if "limit" in event]
    if limits and not any(limit == "*" or asked < Version(limit) for limit in limits):
        return False
    vulnerable = False
    pairs = [(kind, str(value)) for event in events for kind, value in event.items()]
    # At the same version a range that closes gives way to the one that opens.
    of_kind = {"fixed": 0, "last_affected": 1, "introduced": 2}
    pairs = [pair for pair in pairs if pair[0] in of_kind]
    for kind, value in sorted(pairs, key=lambda pair: (from_text(pair[1]), of_kind[pair[0]])):
        first = from_text(value)
        if kind == "introduced" and asked >= first:
            vulnerable = True
        elif (kind == "fixed" and asked >= first) or (kind == "last_affected" and asked > first):
            vulnerable = False
    return vulnerable


def from_text(version: str) -> Version:
    """Return a version of an event; "0" stands before all others."""
    return Version("0.dev0" if version == "0" else version)


def matches(packages: Mapping[str, set[str]], advisory: Mapping[str, Any]) -> Iterator[Affected]:
    """Yield the locked packages that an advisory affects, each version once."""
    if advisory.get("withdrawn"):
        return
    names = ", ".join(map(str, [advisory["id"], *(advisory.get("aliases") or ())]))
    said = str(advisory.get("summary") or advisory.get("details") or "").strip()
    seen = set[tuple[str, str]]()
    for affected in advisory["affected"]:
        package = affected.get("package") or {}
        name = canonicalize_name(str(package.get("name", "")))
        if package.get("ecosystem") != "PyPI" or name not in packages:
            continue
        for version in sorted(packages[name] - {found for each, found in seen if each == name}):
            if is_affected(version, affected):
                seen.add((name, version))
                text = " ".join(re.split(r"\n\s*\n", said)[0].split())
                yield Affected(name, version, names, free(version, affected), text[:200])


def free(version: str, affected: Mapping[str, Any]) -> str:
    """Return the versions later than one in which a fault is mended, "" where there are none."""
    fixed = {
        str(event["fixed"])
        for each in affected.get("ranges") or ()
        if each["type"] != "GIT"
        for event in each["events"]
        if "fixed" in event and Version(str(event["fixed"])) > Version(version)
    }
    return ", ".join(sorted(fixed, key=Version))


def main() -> int:
    """Print what is affected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("database", help="folder of advisories in the format of OSV")
    parser.add_argument("--lock", type=Path, default=LOCK, help="uv.lock, or another one")
    given = parser.parse_args()
    if not given.database:
        print(f"no folder is named: {WANTED}", file=sys.stderr)
        return 2
    packages = locked(given.lock)
    count, newest, found = 0, "", list[Affected]()
    try:
        for advisory in advisories(Path(given.database)):
            count += 1
            newest = max(newest, str(advisory.get("modified") or ""))
            try:
                found += matches(packages, advisory)
            except (AttributeError, KeyError, TypeError, InvalidVersion) as error:
                raise UnreadableError(
                    f"{advisory['id']}: not in the format of OSV ({error!r})"
                ) from error
    except UnreadableError as error:
        print(error, file=sys.stderr)
        return 2
    for each in found:
        print(each)
    versions = sum(map(len, packages.values()))
    print(
        f"{count:,} advisories, the newest changed on {newest[:10] or 'an unknown day'}: "
        f"{len(found)} of them affect one of {versions} locked versions of {len(packages)} packages"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
