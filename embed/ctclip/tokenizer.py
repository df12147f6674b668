"""The text side's tokenizer: that of BiomedVLP-CXR-BERT-specialized, lower-cased word pieces, from its own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import torch
from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from tokenizers.models import WordPiece
from torch import Tensor

from ...store.errors import EncoderError
from ..weights import cached_file, in_hub_cache

REPOSITORY = "microsoft/BiomedVLP-CXR-BERT-specialized"
NAMES = ("vocab.txt", "tokenizer.json")
"""The published scripts read `vocab.txt`; the other holds the same pieces."""
MAX_PIECES = 512
"""As published; longer texts lose their end."""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@final
class CxrBertTokenizer:
    """Texts to pieces, as transformers' BertTokenizer makes them with `truncation=True, max_length=...`.

    Args:
        vocabulary: Pieces and their numbers.
        max_pieces: [CLS] and [SEP] included.

    Raises:
        EncoderError: the vocabulary lacks a piece that every text needs.
    """

    def __init__(self, vocabulary: dict[str, int], max_pieces: int = MAX_PIECES) -> None:
        if lacking := [piece for piece in _SPECIAL if piece not in vocabulary]:
            raise EncoderError(f"vocabulary of CT-CLIP's texts lacks {', '.join(lacking)}; expected the files of {REPOSITORY}")
        self.size = max(vocabulary.values()) + 1
        self._tokenizer = BertWordPieceTokenizer(vocabulary, lowercase=True)
        self._tokenizer.enable_truncation(max_pieces)
        self._tokenizer.enable_padding(pad_id=vocabulary["[PAD]"], pad_token="[PAD]")

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Pieces and mask (0 on padding), (B, L) of int64, L as long as the longest text."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return torch.tensor([one.ids for one in encoded]), torch.tensor([one.attention_mask for one in encoded])

    def whole(self, texts: Sequence[str]) -> list[bool]:
        """Of each text, whether nothing of it is cut off."""
        return [not one.overflowing for one in self._tokenizer.encode_batch(list(texts))]


def find_tokenizer(folder: Path | None, max_pieces: int) -> CxrBertTokenizer:
    """The tokenizer whose files lie in `folder` (beside the checkpoint), else in the Hugging Face cache.

    Raises:
        EncoderError: they are in neither place, or damaged.
    """
    beside = () if folder is None else tuple(folder / name for name in NAMES)
    path = next((one for one in beside if one.is_file()), None) or cached_file(REPOSITORY, NAMES)
    if path is None:
        looked = " and ".join(["beside the checkpoint (vocab.txt, tokenizer.json)"] * bool(beside) + [in_hub_cache(REPOSITORY, NAMES)])
        raise EncoderError(
            f"texts of CT-CLIP need the tokenizer of {REPOSITORY}, which is not on this machine; looked {looked}. "
            f"Where there is a network: hf download {REPOSITORY} vocab.txt"
        )
    return CxrBertTokenizer(_vocabulary(path), min(max_pieces, MAX_PIECES))


def _vocabulary(path: Path) -> dict[str, int]:
    try:
        if path.suffix == ".txt":
            with path.open(encoding="utf-8") as lines:
                return {line.rstrip("\n"): number for number, line in enumerate(lines)}
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself on a file that it cannot read
        raise EncoderError(f"{path} cannot be read as a tokenizer ({type(error).__name__}); expected a file of {REPOSITORY}") from error
    if not isinstance(tokenizer.model, WordPiece):
        raise EncoderError(f"{path} holds no word pieces but {type(tokenizer.model).__name__}; expected a file of {REPOSITORY}")
    return tokenizer.get_vocab(with_added_tokens=True)
