"""Compiled loops where their machine code cannot be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_LOOP = """
from scanbank.heads.compiled import compiled

@compiled
def doubled(value):
    return 2 * value

print(doubled(21))
"""


def test_without_a_folder_for_the_cache_each_process_compiles_for_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(_LOOP)
    (tmp_path / "__pycache__").touch()  # no folder can be made there, by whoever asks
    hidden = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    environment = {**hidden, "XDG_CACHE_HOME": "/dev/null/cache", "NUMBA_CACHE_DIR": "/dev/null/numba"}
    done = subprocess.run(
        [sys.executable, "-c", "import loop"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
