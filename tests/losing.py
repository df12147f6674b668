"""Run as a script: commits to a bank while a folder of it is closed in between, and says what came of it, as JSON.

A process of its own, as root has to give up its right to write everywhere before it starts: `setpriv --bounding-set -dac_override`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from processes import KEY
from scanbank.store import Bank
from scanbank.store.errors import BankAccessError


def try_to_commit(bank: Bank, closed: Path) -> dict[str, str]:
    """What the commit raised, what the bank says afterwards, and whether the next commit works."""
    bank.refresh()
    before = bank.snapshot.id
    told = "nothing"
    mode = closed.stat().st_mode
    try:
        with bank.commit("loses") as commit:
            first = commit.reserve(2)
            commit.append("labels", [{"item": "lost", "level": "volume", "finding": "f", "status": "present", "source": "s"}])
            commit.append_features(KEY, np.ones((2, 4), dtype=np.float32), np.arange(first, first + 2))
            closed.chmod(0o500)
            commit.append("splits", [{"split": "s", "item": "lost", "level": "volume", "side": "test"}])
            commit.append_features(KEY, np.ones((1, 4), dtype=np.float32), np.array([first + 7]))
    except BankAccessError as error:
        told = str(error)
    finally:
        closed.chmod(mode)
    bank.refresh()
    same = bank.snapshot.id == before and bank.sql("SELECT * FROM labels WHERE item = 'lost'").num_rows == 0
    with bank.commit("goes on") as commit:
        commit.append("labels", [{"item": str(closed), "level": "volume", "finding": "f", "status": "absent", "source": "s"}])
    return {"told": told, "same": str(same)}


if __name__ == "__main__":
    opened = Bank.open(sys.argv[1])
    print(json.dumps({name: try_to_commit(opened, opened.path / name) for name in sys.argv[2:]}))  # noqa: T201
