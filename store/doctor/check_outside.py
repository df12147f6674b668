"""The key and the local map, which lie outside the bank: readable by their owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import ScanbankError
from ..key import default_key_file, find_key
from ..local_map import map_file
from .case import Case
from .cures import MakePrivate
from .findings import Finding


def check_outside(case: Case) -> Iterator[Finding]:
    """What only the owner may read is so. A bank without them is sound, but cannot do everything."""
    if case.card is None:
        return
    key_id = str(case.card["key"])
    try:
        find_key(key_id, case.key_file)
    except ScanbankError as error:
        yield Finding("note", "the bank's key", f"is not at hand ({error})", "without it nothing is ingested or found by its original id")
    named = case.key_file or (Path(env) if (env := os.environ.get("SCANBANK_KEY_FILE")) else default_key_file(key_id))
    for path, what in ((named, "the key"), (map_file(str(case.card["bank"])), "the map from items to files")):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            problem = f"({what}) may be read by others: its mode is {mode:04o}"
            yield Finding("warning", str(path), problem, f"chmod 600 {path}; --repair does it", MakePrivate(path))
