"""What can be checked of the Dockerfile without an engine that builds it."""

import fnmatch
import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()


def instructions() -> list[tuple[str, list[str]]]:
    """Return each instruction of the Dockerfile with its words."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    split = (line.split(maxsplit=1) for line in lines)
    return [
        (name, re.findall(r'"([^"]*)"', rest) if rest.startswith("[") else shlex.split(rest))
        for name, rest in split
    ]


def words(instruction: str) -> list[str]:
    (found,) = (rest for name, rest in instructions() if name == instruction)
    return found


def ignored(path: str) -> bool:
    """Return whether a file or folder, or one above it, is left out of what is copied."""
    parts = Path(path).parts
    above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    patterns = [pattern.removeprefix("**/") for pattern in IGNORED]
    return any(
        fnmatch.fnmatchcase(part, pattern)
        or (f"**/{pattern}" in IGNORED and fnmatch.fnmatchcase(Path(part).name, pattern))
        for part in above
        for pattern in patterns
    )


def test_every_copied_source_is_there_and_not_ignored() -> None:
    copied = [rest for name, rest in instructions() if name in ("COPY", "ADD")]
    stages = [rest[2] for name, rest in instructions() if name == "FROM" and len(rest) == 3]
    assert copied
    for *sources, destination in copied:
        if sources[0].startswith("--from="):
            # Of an earlier stage, to where it was built, as the environment names that folder.
            assert sources[0].removeprefix("--from=") in stages
            assert sources[1:] == [destination] == words("WORKDIR")
            continue
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source == "." or not ignored(source), source


def test_all_that_the_build_needs_is_copied() -> None:
    (packages,) = (PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],)
    rooms = [path.resolve().name for path in (ROOT / "hmesh").iterdir() if path.is_symlink()]
    assert {"agents", "environment", "markets", "runs"} <= set(rooms)
    fragments = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]
    needed = [
        "pyproject.toml", "uv.lock", ".python-version", "Makefile",
        *PROJECT["project"]["license-files"], *packages, *rooms,
        *(fragment["path"] for fragment in fragments if "path" in fragment),
    ]  # fmt: skip
    # The folder is copied as a whole, so that nothing is left out but what is ignored.
    assert any(rest[0] == "." for name, rest in instructions() if name == "COPY")
    for path in needed:
        assert (ROOT / path).exists(), path
        assert not ignored(path), path
    for room in rooms:
        for file in (ROOT / room).rglob("*"):
            path = file.relative_to(ROOT).as_posix()
            assert "__pycache__" in path or not ignored(path), path


def test_what_belongs_to_the_machine_is_not_copied() -> None:
    for path in (".venv/bin/python", "results/first/run.json", ".git/config", "site/index.html"):
        assert ignored(path), path
    assert ignored("runs/__pycache__/run.pyc")


def test_it_has_the_python_and_the_uv_that_are_locked() -> None:
    images = {rest[0] for name, rest in instructions() if name == "FROM"}
    wanted = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    # What was built by one Python runs by the same one.
    (image,) = images
    assert re.fullmatch(rf"python:{re.escape(wanted)}(\.\d+)?(-slim)?", image)
    # uv is taken by make in the version of the lock, so that no other one is named.
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"\buv\b", text)
    (made,) = (rest for name, rest in instructions() if name == "RUN" and rest[0] == "make")
    target, parts = made[1], made[2].removeprefix("PARTS=")
    assert re.search(r"^PARTS \?=", makefile, re.MULTILINE)
    extras = set(re.findall(r"--extra (\S+)", parts))
    assert extras
    assert extras <= set(PROJECT["project"]["optional-dependencies"])
    assert re.search(rf"^synced := {re.escape(target)}$", makefile, re.MULTILINE)
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    (locked,) = (package["version"] for package in lock if package["name"] == "uv")
    pattern = re.search(r"uv_version := \$\(shell sed -n '(.+)' uv\.lock\)", makefile)
    assert pattern is not None
    assert re.search(
        rf'^name = "uv"\nversion = "{re.escape(locked)}"$', (ROOT / "uv.lock").read_text(), re.M
    )
    # make is not a part of the image.
    (installed,) = (rest for name, rest in instructions() if name == "RUN" and "install" in rest)
    assert "make" in installed


def test_it_starts_a_command_of_the_project() -> None:
    (command,) = words("ENTRYPOINT")
    assert command in PROJECT["project"]["scripts"]
    assert words("CMD") == ["--help"]
    (workdir,) = words("WORKDIR")
    (path,) = words("ENV")
    assert path == f"PATH={workdir}/.venv/bin:$PATH"
