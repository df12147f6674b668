"""The text sides of the encoders that a study's feature sets are of, and the vectors of what is said of each finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..embed.adapt.opening import within
from ..embed.encoder import Encoder
from ..store.commit import Commit
from ..store.errors import EncoderError, UsageError
from ..store.progress import Progress
from .feature_choice import ChosenSet
from .prompt_vectors import ByPrompt, class_vectors, keep_prompts, prompt_vectors
from .prompts import Prompts

if TYPE_CHECKING:
    from ..store.bank import Bank

SCALE = 100.0
"""Of cosines, for encoders that tell none: CLIP's. It changes no metric."""


@final
@dataclass(frozen=True)
class ClassTexts:
    """Prompts of some findings by some encoders."""

    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    """By finding."""
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    """By digest; those with a text side."""
    made: Mapping[str, ByPrompt] = field(default_factory=dict)
    """By the encoder's digest, the vectors of all prompts."""
    vectors: Mapping[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)
    """By finding and the encoder's digest, as `class_vectors` gives them."""

    def of(self, finding: str, encoder: str) -> NDArray[np.float64] | None:
        return self.vectors.get((finding, encoder))

    def words(self, finding: str) -> tuple[str, ...]:
        """As `Prompts.words`."""
        return self.prompts[finding].words if finding in self.prompts else ()

    def told(self, finding: str) -> list[str | list[str] | None]:
        """As `Prompts.told`."""
        return self.prompts[finding].told if finding in self.prompts else []

    def keep(self, bank: Bank, commit: Commit) -> None:
        """Add to a commit what the bank, which sees what it builds on, does not hold yet."""
        if self.prompts:
            made = [(encoder, self.made[digest]) for digest, encoder in self.encoders.items()]
            keep_prompts(bank, commit, tuple(self.prompts.values()), made)


def class_texts(
    bank: Bank, every: Sequence[Prompts], chosen: Sequence[ChosenSet], opened_by: Callable[[str], Encoder], progress: Progress
) -> tuple[ClassTexts, list[str]]:
    """Prompts of findings by each encoder that has a text side, and remarks. Raises as `text_encoders`."""
    encoders, remarks = text_encoders(bank, chosen, opened_by, progress)
    made = {digest: prompt_vectors(bank, encoder, every) for digest, encoder in encoders.items()}
    vectors = {(prompts.finding, digest): class_vectors(prompts, of) for prompts in every for digest, of in made.items()}
    return ClassTexts({prompts.finding: prompts for prompts in every}, encoders, made, vectors), remarks


def check_absence(every: Sequence[Prompts]) -> None:
    """Raises UsageError where nothing is said of a finding's absence."""
    if lacking := [prompts.finding for prompts in every if not prompts.absent]:
        raise UsageError(
            f"the prompts of {', '.join(lacking)} say nothing of absence; add texts of it under absent, or score presence alone with "
            "`scanbank zeroshot --single`"
        )


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
            encoder = within(bank, opened_by)(spec.name)
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
