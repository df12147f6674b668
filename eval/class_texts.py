"""The text sides of the encoders that a study's feature sets are of, and the vectors of each finding's pair of prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..store.commit import Commit
from ..store.errors import EncoderError, UsageError
from ..store.progress import Progress
from .feature_choice import ChosenSet
from .prompts import PromptPair, keep_prompts, prompt_pair, prompt_vectors

if TYPE_CHECKING:
    from ..store.bank import Bank

SCALE = 100.0
"""Of cosines, for encoders that tell none: CLIP's. It changes no metric."""


@final
@dataclass(frozen=True)
class ClassTexts:
    """Prompts of some findings by some encoders."""

    pairs: tuple[PromptPair, ...] = ()
    """Of each finding."""
    encoders: Mapping[str, Encoder] | None = None
    """By digest; those with a text side. None: nobody asked for texts."""
    vectors: Mapping[tuple[str, str], NDArray[np.float64]] | None = None
    """By finding and the encoder's digest: (2, D), absence before presence."""

    def of(self, finding: str, encoder: str) -> NDArray[np.float64] | None:
        return (self.vectors or {}).get((finding, encoder))

    def keep(self, bank: Bank, commit: Commit) -> None:
        """Add to a commit what the bank, which sees what it builds on, does not hold yet."""
        for pair in self.pairs:
            made = [
                (encoder, vectors.astype(np.float32))
                for digest, encoder in (self.encoders or {}).items()
                if (vectors := self.of(pair.finding, digest)) is not None
            ]
            keep_prompts(bank, commit, pair, made)


def class_texts(
    bank: Bank, findings: Sequence[str], chosen: Sequence[ChosenSet], opened_by: Callable[[str], Encoder], progress: Progress
) -> tuple[ClassTexts, list[str]]:
    """The usual pair of prompts of each finding, by each encoder that has a text side, and remarks. Raises as `text_encoders`."""
    encoders, remarks = text_encoders(bank, chosen, opened_by, progress)
    pairs = tuple(prompt_pair(finding) for finding in findings)
    vectors = {
        (pair.finding, digest): prompt_vectors(bank, encoder, pair).astype(np.float64)
        for pair in pairs
        for digest, encoder in encoders.items()
    }
    return ClassTexts(pairs, encoders, vectors), remarks


def text_encoders(
    bank: Bank, chosen: Sequence[ChosenSet], opened_by: Callable[[str], Encoder], progress: Progress
) -> tuple[dict[str, Encoder], list[str]]:
    """The encoders of these sets that have a text side, by digest, and what was wrong with others."""
    specs = {one.features.key.encoder.digest: one.features.key.encoder for one in chosen}
    found: dict[str, Encoder] = {}
    failed: list[EncoderError] = []
    for digest, spec in specs.items():
        progress.advance(note=spec.name)
        try:
            encoder = opened_by(spec.name)
        except EncoderError as error:
            failed.append(error)
            continue
        if "text" not in encoder.offers:
            continue
        if encoder.spec.digest == digest:
            found[digest] = encoder
            continue
        failed.append(
            EncoderError(
                f"encoder {spec.name!r} is not the one that made the bank's vectors (digest {encoder.spec.digest[:8]}, the bank has "
                f"{digest[:8]}): its texts would not fit; `scanbank embed {bank.name} --encoder {spec.name}` makes new ones"
            )
        )
    if not found and failed:
        raise failed[0]
    if not found:
        names = ", ".join(sorted({spec.name for spec in specs.values()}))
        raise UsageError(
            f"zero-shot needs an encoder with a text side, and none of the bank's feature sets here has one ({names}); "
            f"`scanbank embed {bank.name} --encoder tiny` makes one"
        )
    return found, [*(encoder.note for encoder in found.values() if encoder.note), *(str(error) for error in failed)]
