"""Sentences that point at a depth of their scan, to learn where to look.

The term of intra-scan localization of RadFinder (Ging et al. 2026, "Learning to Read Where to Look", arXiv:2603.02026).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...store.errors import UsageError
from ..losses import depth_loss


@final
@dataclass(frozen=True)
class Pointers:
    """What is known of depths, of the training set's examples by number."""

    sentences: Sequence[Sequence[tuple[str, float]]]
    """Of each example, sentences and the depth that each refers to: z in mm, as the scan's."""
    z_mm: NDArray[np.float32]
    """(N, Z') of the steps along depth that the encoder gives (see `depths.depth_rows`); NaN in padding."""

    def __post_init__(self) -> None:
        if self.z_mm.ndim != 2 or len(self.z_mm) != len(self.sentences):
            raise UsageError(
                f"depths of shape {self.z_mm.shape} for {len(self.sentences)} examples; expected (examples, steps along depth)"
            )
        if not all(np.isfinite(z) for said in self.sentences for _, z in said):
            raise UsageError("a sentence points at no number of mm; leave it out")

    def drawn(self, rows: Sequence[int], most: int, generator: np.random.Generator) -> Pointed:
        """Up to `most` sentences of each example of a batch."""
        owner: list[int] = []
        chosen: list[tuple[str, float]] = []
        for place, row in enumerate(rows):
            said = self.sentences[row]
            for number in generator.permutation(len(said))[:most].tolist():
                owner.append(place)
                chosen.append(said[number])
        return Pointed(tuple(owner), tuple(text for text, _ in chosen), tuple(z for _, z in chosen))


@final
@dataclass(frozen=True)
class Pointed:
    """Sentences of a batch."""

    owner: tuple[int, ...]
    """Place in the batch of the scan that each speaks of."""
    texts: tuple[str, ...]
    target_mm: tuple[float, ...]

    def loss(self, seen: tuple[Tensor, Tensor], words: Tensor, z_mm: Tensor, at: Sequence[int], tau: float, sigma_mm: float) -> Tensor:
        """Cross-entropy over depth with a Gaussian-smoothed target, the mean over sentences.

        Args:
            seen: Vectors (B, Z', D) along depth and (B, Z') of bool, False for padding.
            words: (S, D) of the sentences, of unit length.
            z_mm: (B, Z') of each sentence's own scan, NaN in padding.
            at: Where in the batch each owner is seen: itself, or the mixture that holds it.
            tau: Cosines are divided by it.
            sigma_mm: How exactly a sentence is meant.
        """
        owner, place = torch.tensor(self.owner, dtype=torch.int64), torch.tensor(at, dtype=torch.int64)[list(self.owner)]
        depth, mask = seen[0][place.to(words.device)], seen[1][place.to(words.device)]
        z = z_mm[owner.to(z_mm.device)].to(words.device)
        similarity = torch.einsum("nzd,nd->nz", functional.normalize(depth.float(), dim=-1), words.float()) / tau
        target = torch.tensor(self.target_mm, device=words.device)
        return depth_loss(similarity, z.nan_to_num(nan=0.0), mask & ~z.isnan(), target, sigma_mm)
