"""The names that hMESH gives to what it writes into the folders of runs and sweeps."""

import re

_TABLE = r"[a-z][a-z_]*"
_STATE = r"(state\.json|arrays\.npz|digests\.json)"
_PART = rf"{_TABLE}-\d{{6,}}\.parquet"
_CHECKPOINT = rf"(new|\d{{9}})(/{_STATE})?|parts(/({_PART}|\.{_PART}\.new))?"
_RESULT = rf"(run\.json|summary\.json|roads\.json|{_TABLE}\.parquet|report\.html|trips\.[a-z4.]+)"
_PICTURE = r"[A-Za-z0-9_][A-Za-z0-9._-]*\.(png|svg|pdf)"

STATE_FILES = re.compile(_STATE)
PICTURE_FILES = re.compile(rf"{_PICTURE}|\.{_PICTURE}\.new")
PART_FILES = re.compile(rf"{_PART}|\.{_PART}\.new")
# Seen from the folder `checkpoint` of a run.
CHECKPOINT_FILES = re.compile(_CHECKPOINT)
# Seen from the folder `states` of a run.
_KEPT = rf"\d{{9}}(/(new|\d{{9}})(/{_STATE})?)?"
KEPT_FILES = re.compile(_KEPT)
# Seen from the folder of a run.
RUN_FILES = re.compile(
    rf"{_RESULT}|\.{_RESULT}\.new|\.lock|(plots|\.plots\.new)(/({_PICTURE}|\.{_PICTURE}\.new))?"
    rf"|checkpoint(/({_CHECKPOINT}))?|states(/({_KEPT}))?"
)
