"""The contract of results over versions: which schemas are read, and what is said of the others."""

from collections.abc import Mapping
from typing import Any

from hmesh.environment.errors import InputError, Problem

# What changed with each schema of results. A column that is added takes the next number as its
# `since`; runs of an earlier schema are then read without it.
SCHEMAS: Mapping[int, str] = {1: "first release, hMESH 0.1.0"}
SCHEMA = max(SCHEMAS)
OLDEST_SCHEMA = min(SCHEMAS)

# What changed with each format of checkpoints. They are read by versions of their format alone.
CHECKPOINT_FORMATS: Mapping[int, str] = {1: "first release, hMESH 0.1.0"}
CHECKPOINT_FORMAT = max(CHECKPOINT_FORMATS)


def version_of(info: Mapping[str, Any]) -> str:
    """Return the version of hMESH that wrote a run last, "" where run.json does not say."""
    resumed = info.get("resumed_with")
    last = resumed[-1] if isinstance(resumed, list) and resumed else info.get("versions")
    found = last.get("hmesh") if isinstance(last, dict) else None
    return found if isinstance(found, str) and found.isprintable() else ""


def refuse_other_schema(place: str, info: Mapping[str, Any]) -> None:
    """Refuse results of a schema that this version does not read.

    Parameters
    ----------
    place : str
        Where run.json is.
    info : mapping
        What it states.

    Raises
    ------
    InputError
        With the version that reads it, where run.json states one.
    """
    schema = info.get("schema")
    if type(schema) is int and OLDEST_SCHEMA <= schema <= SCHEMA:
        return
    allowed = f"schema {SCHEMA}" if OLDEST_SCHEMA == SCHEMA else f"{OLDEST_SCHEMA} to {SCHEMA}"
    message = f"the results have schema {schema!r}"
    if "schema" not in info:
        message = "no schema of results is stated, so that this is no run of hMESH"
    if type(schema) is int and (wrote := version_of(info)):
        message += f"; hMESH {wrote} wrote them, read them with that version"
    raise InputError([Problem(place, message, allowed)])
