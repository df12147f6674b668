"""Whether any scan of a bank can give a view, told from its tables before anything is decoded: one line instead of a failure for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..store.errors import ViewError
from ..store.scan import DECLARED
from ..store.specs import ViewSpec
from ..store.windows import Window
from .mask_rule import parse_mask
from .windowing import check_values

if TYPE_CHECKING:
    from ..store.bank import Bank


def check_feasible(bank: Bank, views: Sequence[ViewSpec]) -> None:
    """Say of each view whether at least one scan can give it, as far as tables tell. A bank without scans passes.

    Raises:
        ViewError: none can: no scan has the mask, or the values that the windows are about.
    """
    answer = bank.sql(
        f"SELECT DISTINCT has_hu, window_lo_hu AS lo, window_hi_hu AS hi FROM volumes WHERE kind IS DISTINCT FROM '{DECLARED}'"
    )
    kinds = [(row["has_hu"], None if row["lo"] is None else Window(row["lo"], row["hi"])) for row in answer.to_pylist()]
    for view in dict.fromkeys(views):
        _check_mask(bank, view)
        failed = [error for has_hu, exported in kinds if (error := _refusal(view, has_hu, exported))]
        if failed and len(failed) == len(kinds):
            raise failed[0]


def _refusal(view: ViewSpec, has_hu: bool, exported: Window | None) -> ViewError | None:
    try:
        check_values(view, has_hu=has_hu, exported=exported)
    except ViewError as error:
        return error
    return None


def _check_mask(bank: Bank, view: ViewSpec) -> None:
    finding = parse_mask(view.mask).finding if view.mask else ""
    if not finding:
        return
    there = sorted({row["finding"] for row in bank.snapshot.latest("masks", "finding")})
    if finding not in there:
        has = f"masks of {', '.join(there)}" if there else "no masks"
        raise ViewError(f"no scan of {bank.name} has a mask of {finding!r}; it has {has}: ingest some with `scanbank ingest --masks`")
