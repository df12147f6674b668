"""Zero-shot head: the class whose prompt is nearest. Two prompts and a softmax over them are CT-CLIP's way.

Hamamci et al.: Developing Generalist Foundation Models from a Multimodal Dataset for 3D Computed Tomography (arXiv:2403.17834).
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from .base import Head
from .class_texts import checked_prompts
from .vectors import Floats, Ints, softmax, unit


@final
class ZeroShotHead(Head):
    """Score of a class: `scale` times the cosine between a vector and the class's prompt. `fit` takes names of classes and widths, no more.

    Args:
        prompts: (C, D) vectors of the class texts, in the order of the sorted labels: absent first, then present; of F findings (F, 2, D).
        scale: the encoder's logit scale (CLIP's is about 100).
    """

    LEARNED: ClassVar[tuple[str, ...]] = ("prompts_",)

    def __init__(self, prompts: ArrayLike | None = None, scale: float = 100.0) -> None:
        self.prompts = prompts
        self.scale = scale

    def for_column(self, column: int, columns: int) -> ZeroShotHead:
        if self.prompts is None:
            return ZeroShotHead(None, self.scale)
        prompts = np.asarray(self.prompts, dtype=np.float64)
        if prompts.ndim != 3 or len(prompts) != columns:
            raise ValueError(f"prompts are {prompts.shape}; of {columns} findings ({columns}, 2, width of the features) is wanted")
        return ZeroShotHead(prompts[column], self.scale)

    def _learn(self, X: Floats, codes: Ints) -> None:  # noqa: ARG002
        self.prompts_ = checked_prompts(self.prompts, len(self.classes_), X.shape[1])

    def _class_scores(self, X: Floats) -> Floats:
        return self.scale * (unit(X) @ self.prompts_.T)

    def _probabilities(self, scores: Floats) -> Floats:
        return softmax(scores)


def zero_shot(present: ArrayLike, absent: ArrayLike, scale: float = 100.0) -> ZeroShotHead:
    """A head for labels 0 and 1, ready to score: `present` and `absent` (D,) are the vectors of the two prompts."""
    prompts = np.stack([np.asarray(absent, dtype=np.float64), np.asarray(present, dtype=np.float64)])
    return ZeroShotHead(prompts, scale).fit(prompts, [0, 1])
