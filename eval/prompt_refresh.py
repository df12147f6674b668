"""Prompts that one encoder has vectors of, encoded by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..embed.encoder import Encoder
from .refresh_plan import Pair, lacking_items

if TYPE_CHECKING:
    from ..store.bank import Bank


def refresh_prompts(bank: Bank, encoder: Encoder, pair: Pair) -> None:
    """Give every prompt of the old encoder's set that lacks it its vector, one by one, as `prompt_vectors` does."""
    lacking = lacking_items(bank, pair)
    if not len(lacking):
        return
    texts = {row["ordinal"]: row["text"] for row in bank.snapshot.latest("prompts", "ordinal", "text")}
    vectors = np.stack([encoder.encode_texts([texts[ordinal]]).vector[0] for ordinal in lacking.tolist()])
    for commit in bank.commits(f"refresh: {pair.new.name}"):
        with commit:
            bank.refresh()
            still = np.isin(lacking, lacking_items(bank, pair))  # another process may have kept some meanwhile
            if still.any():
                commit.append_features(pair.new, vectors[still], lacking[still])
    bank.refresh()
