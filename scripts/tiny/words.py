"""The word pieces of `tiny`, learned from its training reports."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 3000


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """WordPiece (Schuster & Nakajima 2012) on lower-case words; 0 is the end of a text, 1 what is unknown."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    letters = list("abcdefghijklmnopqrstuvwxyzäöüß0123456789.,;:()/%-")
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=["[PAD]", "[UNK]"], initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
