"""Several feature sets of the same units side by side, for heads that fuse them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..heads import Blocks
from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.specs import FeatureKey
from .pooling import UnitFeatures


@final
@dataclass(frozen=True)
class FusedFeatures:
    """The vectors of N units in several feature sets, which a head brings to one scale as it learns."""

    name: str
    """`fusion(a+b)`, the names in alphabetical order."""
    keys: tuple[FeatureKey, ...]
    """Of the sets, in the same order."""
    pools: tuple[str, ...]
    """How slices became a scan in each; empty where nothing was pooled."""
    blocks: Blocks
    """(N, sum of widths); zeros where `present` is False."""
    present: NDArray[np.bool_]
    """(N,): False where one of the sets lacks the unit."""

    @property
    def digest(self) -> str:
        """Of everything that the vectors follow from, as a set's own digest is."""
        return spec_digest([[key.digest, pool] for key, pool in zip(self.keys, self.pools, strict=True)])


def fused(parts: Sequence[UnitFeatures]) -> FusedFeatures:
    """Put sets of the same units side by side. In whichever order they are given, the answer is the same.

    Raises:
        UsageError: there are fewer than two, one comes twice, or they are of different units.
    """
    parts = sorted(parts, key=lambda part: part.name)
    names = [part.name for part in parts]
    if len(parts) < 2:
        raise UsageError(f"fusion needs two feature sets or more; {names[0] if names else 'none'} is given: name others beside it")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"fusion is given {', '.join(twice)} more than once; name each feature set once")
    lengths = {part.name: len(part.X) for part in parts}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"fusion needs vectors of the same units; there are {', '.join(f'{n} in {name}' for name, n in lengths.items())}")
    present = np.all([part.present for part in parts], axis=0)
    X = np.concatenate([part.X for part in parts], axis=1)
    X[~present] = 0
    blocks = Blocks(X, tuple(part.X.shape[1] for part in parts))
    return FusedFeatures(f"fusion({'+'.join(names)})", tuple(p.key for p in parts), tuple(p.pool for p in parts), blocks, present)
