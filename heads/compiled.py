"""Machine code for loops that no array operation expresses: steps that need the one before, and walks over sorted items."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The same function, compiled when it is first called and kept in a cache beside its source, or in the user's cache folder.

    It holds no lock of Python's, so that threads run it at once. Sums may be added in another order than written, always the same one.
    """
    decorate = partial(numba.njit, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
    try:
        return cast("Function", decorate(cache=True)(function))
    except RuntimeError:  # neither folder can be written to: each process compiles for itself
        return cast("Function", decorate(cache=False)(function))
