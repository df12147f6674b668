"""Texts of any length through an encoder's text side: of what is longer than its context, the mean of its parts' vectors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from ..store.progress import Progress, Silent
from ..store.sentences import sentences
from .encoder import Encoder

TEXTS = 64
"""Texts given to an encoder at once."""
_RUN = 1_000
"""Characters that a part of a sentence has at most, where a sentence is divided; what still does not fit is halved."""
_REMEMBERED_BYTES = 64 * 2**20
_BESIDE = 200
"""Bytes that a remembered text takes beside its characters and numbers."""


@final
@dataclass(frozen=True)
class TextVectors:
    """Of B texts."""

    vectors: NDArray[np.float32]
    """(B, D)."""
    pooled: NDArray[np.bool_]
    """(B,): the text is longer than the context, and its vector the mean of its parts'."""


@final
class LongTexts:
    """An encoder of texts that are as long as they are. Texts that were met last are not encoded again.

    A text that fits has the encoder's own vector. The vector of one that does not is the mean of those of its sentences, of unit length
    where the encoder's are; a sentence that does not fit is divided between words, a word between characters.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._held: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._bytes = 0
        self.unknown = False
        """Whether the encoder has not told of some text whether it was cut off."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> TextVectors:
        """Vectors of B texts, at least one, in their order.

        Raises:
            EncoderError: the encoder has no text side, or fails.
        """
        progress = progress or Silent()
        distinct = list(dict.fromkeys(texts))
        progress.advance(len(texts) - len(distinct))
        vectors, pooled = self._encoded(distinct, progress, by_sentence=True)
        return TextVectors(np.stack([vectors[text] for text in texts]), np.array([text in pooled for text in texts]))

    def _encoded(self, texts: Sequence[str], progress: Progress, *, by_sentence: bool) -> tuple[dict[str, NDArray[np.float32]], set[str]]:
        """By text its vector, and which are means. It calls itself for parts, which are sentences once and then a thousand characters."""
        vectors = {text: self._held[text] for text in texts if text in self._held}
        new = [text for text in texts if text not in vectors]
        progress.advance(len(vectors))
        longer: dict[str, list[str]] = {}
        for start in range(0, len(new), TEXTS):
            part = new[start : start + TEXTS]
            encoded = self._encoder.encode_texts(part)
            self.unknown |= encoded.whole is None
            whole = np.ones(len(part), np.bool_) if encoded.whole is None else encoded.whole
            vectors |= dict(zip(part, encoded.vector, strict=True))
            divisible = [text for text, fits in zip(part, whole, strict=True) if not fits and len(text) > 1]
            longer |= {text: divided(text, by_sentence=by_sentence) for text in divisible}
            progress.advance(len(part))
        if longer:
            parts = list(dict.fromkeys(part for of in longer.values() for part in of))
            below, _ = self._encoded(parts, Silent(), by_sentence=False)
            vectors |= {text: self._mean(vectors[text], [below[part] for part in of]) for text, of in longer.items()}
        self._remember({text: vector for text, vector in vectors.items() if text not in longer})
        return vectors, set(longer)

    def _mean(self, own: NDArray[np.float32], parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        mean = np.stack(parts).astype(np.float64).mean(axis=0)
        if not self._encoder.spec.unit_length:
            return mean.astype(np.float32)
        length = float(np.linalg.norm(mean))
        # parts that cancel out say nothing together
        return own if length < np.finfo(np.float32).eps else (mean / length).astype(np.float32)

    def _remember(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        for text, vector in vectors.items():
            self._bytes += 0 if text in self._held else _size(text, vector)
            self._held[text] = vector
            self._held.move_to_end(text)
        while self._bytes > _REMEMBERED_BYTES:
            self._bytes -= _size(*self._held.popitem(last=False))


def _size(text: str, vector: NDArray[np.float32]) -> int:
    return vector.nbytes + 4 * len(text) + _BESIDE


def divided(text: str, *, by_sentence: bool) -> list[str]:
    """The parts of a text that is too long: its sentences, or where there is one, or they are not wanted, runs of words.

    A run is half of the text or `_RUN` characters at most. Every word is in a part, a longer one in several. Takes time linear in the text.
    """
    spans = sentences(text) if by_sentence else []
    if len(spans) > 1:
        return [text[start:stop] for start, stop in spans]
    words, most = text.split(), max(1, min(_RUN, (len(text) + 1) // 2))
    pieces = [word[at : at + most] for word in words for at in range(0, len(word), most)]
    parts: list[list[str]] = []
    room = 0
    for piece in pieces:
        if len(piece) > room or not parts:
            parts.append([])
            room = most
        parts[-1].append(piece)
        room -= len(piece) + 1
    return [" ".join(part) for part in parts]
