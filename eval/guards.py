"""Before anything is fitted: what must not be on both sides. One error, or remarks that a run keeps where the user takes it as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UsageError
from .feature_checks import check_finite
from .leaks import near_copies, refusal, shared_content, shared_patients, shared_studies
from .trained_items import trained_on

if TYPE_CHECKING:
    from ..store.bank import Bank
    from ..store.specs import EncoderSpec
    from .pooling import UnitFeatures
    from .units import Units


@final
@dataclass(frozen=True)
class Guarded:
    """What a study that goes on must say."""

    remarks: tuple[str, ...]
    """Leaks that were allowed, and what cannot be told."""
    recorded: tuple[Mapping[str, Any], ...]
    """`kind` and `count` of each leak."""

    @property
    def settings(self) -> dict[str, Any]:
        """For the run: nothing where there is no leak."""
        return {"allowed_leaks": list(self.recorded)} if self.recorded else {}


def check_leaks(
    bank: Bank,
    units: Units,
    sides: NDArray[np.str_],
    features: Sequence[UnitFeatures],
    *,
    allow: bool,
    rows: NDArray[np.int64] | None = None,
) -> Guarded:
    """Look for patients, studies, equal scans and near duplicates on more than one side, and for test items that an encoder was trained on.

    What cannot be told is a remark, never a refusal. Of several findings that share a split, their units may be given together: vectors
    are the slow part, some seconds for 25,000 x 512.

    Args:
        bank: the bank.
        units: N units; their labels do not matter.
        sides: (N,): `train`, `val`, `test`, or empty for units that are left out.
        features: the sets that heads learn from.
        allow: go on in spite of leaks.
        rows: (N,) where the units' vectors are in each of the sets; by default they are in the order of the units.

    Raises:
        UsageError: there are leaks and `allow` is False; it names each kind with its count, and the way out. Or vectors hold NaN.
    """
    rows = np.arange(len(units)) if rows is None else rows
    check_finite(units, features, rows)
    content, undecoded = shared_content(bank, units, sides)
    near, alike = near_copies(units, sides, features, rows)
    trained, untold = trained_on(bank, [one.key.encoder for one in features], units, sides)
    found = (shared_patients(units, sides), shared_studies(bank, units, sides), content, near, trained)
    leaks = [leak for leak in found if leak is not None]
    if leaks and not allow:
        raise refusal(leaks)
    allowed = [f"allowed: {leak.message}" for leak in leaks]
    return Guarded((*allowed, *undecoded, *alike, *untold), tuple({"kind": leak.kind, "count": leak.count} for leak in leaks))


def check_unseen(bank: Bank, encoders: Sequence[EncoderSpec], units: Units, *, allow: bool, way: str) -> Guarded:
    """Look whether encoders were trained on what they are measured on, where nothing else learns.

    Args:
        bank: the bank.
        encoders: whose vectors are measured.
        units: all that they are measured on; labels do not matter.
        allow: go on in spite of it.
        way: what else can be done, for the error.

    Raises:
        UsageError: one of them was, and `allow` is False.
    """
    leak, untold = trained_on(bank, encoders, units, np.full(len(units), "test"))
    if leak is None:
        return Guarded(tuple(untold), ())
    if not allow:
        raise UsageError(f"{leak.message}, and that says nothing of others. {way}, or give --allow-leak, which runs record")
    return Guarded((f"allowed: {leak.message}", *untold), ({"kind": leak.kind, "count": leak.count},))
