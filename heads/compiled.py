"""Machine code for loops that no array operation expresses: steps that need the one before, and walks over sorted items."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar, cast

import numba

from .compiled_cache import MendingCache

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The same function, compiled when it is first called and kept in a cache beside its source, or in the user's cache folder.

    It holds no lock of Python's, so that threads run it at once. Sums may be added in another order than written, always the same one.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})(function)
    with contextlib.suppress(RuntimeError):  # neither folder can be written to: each process compiles for itself
        dispatcher._cache = MendingCache(function)  # pyright: ignore[reportAttributeAccessIssue] - as `cache=True` has it, with Numba's own
    return cast("Function", dispatcher)
