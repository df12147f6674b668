"""Compiled loops whose machine code cannot be kept, or was kept and is damaged."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_LOOP = """
from scanbank.heads.compiled import compiled

@compiled
def doubled(value):
    return 2 * value
"""


def test_without_a_folder_for_the_cache_each_process_compiles_for_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(_LOOP)
    (tmp_path / "__pycache__").touch()  # no folder can be made there, by whoever asks
    hidden = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    environment = {**hidden, "XDG_CACHE_HOME": "/dev/null/cache", "NUMBA_CACHE_DIR": "/dev/null/numba"}
    done = subprocess.run(
        [sys.executable, "-c", "import loop; print(loop.doubled(21))"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


@pytest.mark.parametrize(("ending", "left"), [("nbi", 0), ("nbi", 20), ("nbc", -1)])
def test_a_damaged_file_of_the_cache_is_made_again(tmp_path: Path, ending: str, left: int) -> None:
    doubled = _loop(tmp_path)
    assert doubled(21) == 42
    (file,) = Path(doubled.stats.cache_path).glob(f"loop.doubled*.{ending}")
    whole = file.read_bytes()
    file.write_bytes(whole[:left])
    again = _loop(tmp_path)
    assert (again(21), again.stats.cache_hits.total()) == (42, 0)
    assert file.read_bytes() != whole[:left]
    third = _loop(tmp_path)
    assert (third(21), third.stats.cache_hits.total()) == (42, 1)


def test_a_damaged_file_that_cannot_be_replaced_is_passed_over(tmp_path: Path) -> None:
    doubled = _loop(tmp_path)
    assert doubled(21) == 42
    (file,) = Path(doubled.stats.cache_path).glob("loop.doubled*.nbi")
    file.unlink()
    file.mkdir()  # which even root cannot write over
    assert _loop(tmp_path)(21) == 42


def _loop(folder: Path) -> Any:
    """The loop as a process that begins finds it."""
    source = folder / "loop.py"
    if not source.exists():
        source.write_text(_LOOP)
    spec = importlib.util.spec_from_file_location("loop", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.doubled
