"""Prompt pairs of findings, and their vectors, kept in the bank beside the images' so that a text is encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..store.commit import Commit
from ..store.digests import spec_digest
from ..store.errors import UsageError
from ..store.specs import FeatureKey, ViewSpec

if TYPE_CHECKING:
    from ..store.bank import Bank

POSITIVE, NEGATIVE = "{} is present.", "{} is not present."
"""CT-CLIP's pair (arXiv:2403.17834)."""


@final
@dataclass(frozen=True)
class PromptPair:
    """Two texts that only differ in what they say of a finding."""

    finding: str
    present: str
    absent: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """For the table `prompts`, without ordinals."""
        texts = (("absent", self.absent), ("present", self.present))
        return [
            {"prompt": spec_digest([self.finding, polarity, text]), "finding": self.finding, "polarity": polarity, "text": text}
            for polarity, text in texts
        ]


def prompt_pair(finding: str, present: str | None = None, absent: str | None = None) -> PromptPair:
    """The usual pair of a finding, or the texts given instead; of `finding=class`, the class is what prompts name.

    Raises:
        UsageError: a text is blank, or both are the same.
    """
    words = (finding.partition("=")[2] or finding).replace("_", " ")
    pair = [
        " ".join((text if text is not None else form.format(words)).split()) for text, form in ((present, POSITIVE), (absent, NEGATIVE))
    ]
    if not all(pair) or pair[0] == pair[1]:
        raise UsageError(f"prompts {pair[0]!r} and {pair[1]!r}: expected two different texts, one for presence and one for absence")
    return PromptPair(finding, *pair)


def prompt_vectors(bank: Bank, encoder: Encoder, pair: PromptPair) -> NDArray[np.float32]:
    """(2, D): the vectors of absence and presence, from the bank where it has them.

    Raises:
        EncoderError: the encoder has no text side.
    """
    key = FeatureKey("prompt", encoder.spec, ViewSpec())
    held = next((s for s in bank.feature_sets if s.digest == key.digest), None)
    ordinals = _ordinals(bank, pair)
    if held is not None and len(ordinals) == 2 and np.isin(ordinals, held.items()).all():
        return held.of(ordinals).astype(np.float32)
    # as the bank will hold them, so that the first run and the next give the same scores
    return encoder.encode_texts([pair.absent, pair.present]).vector.astype(encoder.spec.precision).astype(np.float32)


def keep_prompts(bank: Bank, commit: Commit, pair: PromptPair, vectors: Sequence[tuple[Encoder, NDArray[np.float32]]]) -> None:
    """Add a pair to the bank and its vectors by each encoder, where they are not there; `bank` sees what `commit` builds on."""
    held = {row["prompt"]: row["ordinal"] for row in bank.snapshot.latest("prompts", "ordinal")}
    new = [row for row in pair.rows if row["prompt"] not in held]
    first = commit.reserve(len(new)) if new else 0
    held |= {row["prompt"]: first + place for place, row in enumerate(new)}
    commit.append("prompts", (row | {"ordinal": held[row["prompt"]]} for row in new))
    ordinals = np.array([held[row["prompt"]] for row in pair.rows], dtype=np.int64)
    sets = {s.digest: s for s in bank.feature_sets}
    for encoder, pairs in vectors:
        key = FeatureKey("prompt", encoder.spec, ViewSpec())
        fresh = ~np.isin(ordinals, sets[key.digest].items()) if key.digest in sets else np.ones(2, dtype=bool)
        if fresh.any():
            commit.append_features(key, pairs[fresh], ordinals[fresh])


def _ordinals(bank: Bank, pair: PromptPair) -> NDArray[np.int64]:
    held = {row["prompt"]: row["ordinal"] for row in bank.snapshot.latest("prompts", "ordinal")}
    return np.array([held[row["prompt"]] for row in pair.rows if row["prompt"] in held], dtype=np.int64)
