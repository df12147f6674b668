"""The names of `scanbank.heads`, which load when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import scanbank.heads as heads

_SMALL = """import sys
import scanbank.heads.threads, scanbank.heads.vectors
print(*sorted({"sklearn", "torch", "scipy.stats"} & set(sys.modules)))"""


@pytest.mark.parametrize("name", heads.__all__)
def test_every_name_that_is_listed_is_there(name: str) -> None:
    assert getattr(heads, name) is not None
    assert name in dir(heads)


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'LinearHeads'"):
        getattr(heads, "LinearHeads")  # noqa: B009 - a checker would rightly not have it


def test_a_small_module_loads_none_of_the_libraries_that_fit() -> None:
    done = subprocess.run((sys.executable, "-c", _SMALL), check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
