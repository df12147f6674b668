"""Vectors of prompts, kept in the bank beside the images' so that a text is encoded once, and the vector of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..heads.vectors import unit
from ..store.commit import Commit
from ..store.specs import FeatureKey, ViewSpec
from .prompts import Prompts

if TYPE_CHECKING:
    from ..store.bank import Bank

ByPrompt = Mapping[str, NDArray[np.float32]]
"""By the digest of a prompt, its vector (D,)."""


def prompt_vectors(bank: Bank, encoder: Encoder, every: Sequence[Prompts]) -> ByPrompt:
    """The vector of each prompt, from the bank where it has it.

    Texts are encoded one by one: in a batch, the last digits of one depend on the others.

    Raises:
        EncoderError: the encoder has no text side.
    """
    rows = [row for prompts in every for row in prompts.rows]
    key = FeatureKey("prompt", encoder.spec, ViewSpec())
    held = next((s for s in bank.feature_sets if s.digest == key.digest), None)
    found: dict[str, NDArray[np.float32]] = {}
    if held is not None:
        ordinals = _ordinals(bank)
        known = [row["prompt"] for row in rows if row["prompt"] in ordinals]
        places = np.array([ordinals[prompt] for prompt in known], dtype=np.int64)
        there = np.isin(places, held.items())
        if there.any():
            names = [prompt for prompt, is_there in zip(known, there.tolist(), strict=True) if is_there]
            found = dict(zip(names, held.of(places[there]).astype(np.float32), strict=True))
    for row in rows:
        if row["prompt"] not in found:
            # as the bank will hold it, so that the first run and the next give the same scores
            found[row["prompt"]] = encoder.encode_texts([row["text"]]).vector[0].astype(encoder.spec.precision).astype(np.float32)
    return found


def class_vectors(prompts: Prompts, vectors: ByPrompt) -> NDArray[np.float64]:
    """(2, D), absence before presence, or (1, D) of presence alone: of several texts the mean of their unit vectors, of unit length.

    So are CLIP's prompts brought together (Radford et al., arXiv:2103.00020, section 3.1.4).
    """
    of = {
        polarity: [vectors[row["prompt"]].astype(np.float64) for row in prompts.rows if row["polarity"] == polarity]
        for polarity in ("absent", "present")
    }
    return np.stack([unit(unit(np.stack(each)).mean(axis=0)) for each in of.values() if each])


def keep_prompts(bank: Bank, commit: Commit, every: Sequence[Prompts], made: Sequence[tuple[Encoder, ByPrompt]]) -> None:
    """Add prompts to the bank and their vectors by each encoder, where they are not there; `bank` sees what `commit` builds on."""
    rows = {row["prompt"]: row for prompts in every for row in prompts.rows}
    held = _ordinals(bank)
    new = [row for prompt, row in rows.items() if prompt not in held]
    first = commit.reserve(len(new)) if new else 0
    held |= {row["prompt"]: first + place for place, row in enumerate(new)}
    commit.append("prompts", (row | {"ordinal": held[row["prompt"]]} for row in new))
    ordinals = np.array([held[prompt] for prompt in rows], dtype=np.int64)
    sets = {s.digest: s for s in bank.feature_sets}
    for encoder, vectors in made:
        key = FeatureKey("prompt", encoder.spec, ViewSpec())
        fresh = ~np.isin(ordinals, sets[key.digest].items()) if key.digest in sets else np.ones(len(ordinals), dtype=bool)
        if fresh.any():
            commit.append_features(key, np.stack([vectors[prompt] for prompt in rows])[fresh], ordinals[fresh])


def _ordinals(bank: Bank) -> dict[str, int]:
    return {row["prompt"]: row["ordinal"] for row in bank.snapshot.latest("prompts", "ordinal")}
