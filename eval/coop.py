"""CoOp: a context before the class texts, learned as embeddings while both sides of the encoder stay as they are.

Zhou, Yang, Loy, Liu: Learning to Prompt for Vision-Language Models (arXiv:2109.01134). The settings are those of the authors' code: SGD of
rate 0.002, momentum 0.9 and decay 5e-4, 200 epochs of 32 rows a step, the first at 1e-5 and then a half cosine; the class text stands at
the end. The authors take 100 epochs for 2 or 4 shots and 50 for one, and see images augmented anew; cached vectors stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..heads import Support
from ..heads.class_texts import SCALE
from ..heads.products import decision_values
from ..heads.vectors import Floats, Ints, sigmoid, unit
from ..store.errors import UsageError
from .contexts import Context, class_pieces, start_ids, tower_of, with_context

if TYPE_CHECKING:
    from torch import Tensor

MOMENTUM = 0.9
DECAY = 5e-4
SPREAD = 0.02
"""Standard deviation of the first embeddings, where no words are given."""


@final
@dataclass(frozen=True)
class CoOp:
    """How a context is learned."""

    tokens: int = 16
    """M: embeddings of the context, where it begins at random."""
    class_specific: bool = False
    """A context for each class, instead of one for all."""
    start: str = ""
    """Words whose embeddings the context begins with; they say how many there are."""
    epochs: int = 200
    rate: float = 0.002
    batch_size: int = 32

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.epochs < 0 or self.batch_size < 1:
            raise UsageError(
                f"a context of {self.tokens} tokens, {self.epochs} epochs and batches of {self.batch_size}; "
                "one token and one row or more are wanted"
            )


def learn_context(
    encoder: Encoder, X: NDArray[np.floating], codes: Ints, texts: Sequence[str], settings: CoOp | None = None, seed: int = 0
) -> Context:
    """The context that brings class texts nearest to vectors of their class, by the cross-entropy of scaled cosines.

    Args:
        encoder: a torch encoder with a text side; nothing of it changes.
        X: (n, D) vectors of its image side.
        codes: (n,) the class of each row, 0..C-1.
        texts: (C,) what is said of each class, in the order of the classes: it follows the context.
        settings: how; by default as published.
        seed: of the first embeddings, and of how rows are shuffled where there are more than a batch.

    Raises:
        EncoderError: the encoder has no text side that can be learned through, or texts and context are too long for it.
        UsageError: vectors, classes and texts do not fit.
    """
    import torch

    from ..heads.steps import SGD
    from ..heads.training import Stack, cross_entropy, descend, steps_of, warmed_cosine

    settings, texts = settings or CoOp(), tuple(" ".join(text.split()) for text in texts)
    start = " ".join(settings.start.split())
    tower = tower_of(encoder)
    _check(X, codes, texts, encoder.spec.dim)
    device = tower.embedding.weight.device
    with torch.no_grad():
        words = start_ids(tower, start) if start else None
        count = settings.tokens if words is None else len(words)
        pieces = class_pieces(tower, texts, start, count)
        first = _random(seed, settings, len(texts), tower.embedding.embedding_dim) if words is None else tower.embedding(words).cpu()
        if settings.class_specific:
            first = first.expand(len(texts), -1, -1)
    context = first.to(device, torch.float32).clone().requires_grad_()
    scale = encoder.spec.logit_scale or SCALE
    U = unit(np.asarray(X, dtype=np.float64))
    stack = Stack.one(U, codes, np.zeros((len(texts), X.shape[1])), scale, seed).to(device)

    def loss(rows: Tensor, codes: Tensor) -> Tensor:
        vectors = with_context(tower, pieces, context).to(rows.dtype)
        return cross_entropy(scale * rows @ vectors.T, codes)

    rates = warmed_cosine(settings.rate, settings.epochs, steps_of(len(X), settings.batch_size))
    descend(SGD([context], MOMENTUM, DECAY), rates, stack, settings.batch_size, loss)
    return Context(context.detach().cpu().numpy(), texts, start, encoder.spec.name, encoder.spec.digest)


@final
@dataclass(frozen=True, eq=False)
class TextSide:
    """Vectors of images beside the encoder that made them."""

    X: NDArray[np.floating]
    """(N, D)."""
    encoder: Encoder


@final
@dataclass(frozen=True)
class CoOpKind:
    """CoOp as a head that a study may name: a context is learned for each support, then scores are zero-shot.

    Contexts are learned one after the other: the text side gives other last digits for another number of texts at once, and the fits of a
    study shall not depend on each other.
    """

    name: str
    summary: str
    """One line for lists and help."""
    settings: CoOp = CoOp()
    needs_texts: bool = True
    """What is said of a class follows its context."""
    version: int = 1
    """As in `HeadKind`."""
    probabilities: Callable[[Floats], Floats] = sigmoid
    """From decision values, those of class 1."""

    @property
    def spec(self) -> dict[str, Any]:
        """Everything of it that its scores depend on."""
        return {"head": self.name, "version": self.version, "params": asdict(self.settings)}

    def check(self, words: tuple[str, ...]) -> None:
        """Raises UsageError where these (see `Support.words`) are not one text of absence and one of presence."""
        if len(words) != 2:
            raise UsageError(
                f"head {self.name!r} learns a context before one text of presence and one of absence, and the prompts have several of one, "
                "or none: choose one each"
            )

    def scores(self, features: TextSide, supports: Sequence[Support], queries: Ints, device: str = "cpu") -> Floats:  # noqa: ARG002
        """Decision values of class 1, (fits, queries).

        Args:
            features: of all items; only the rows named below are looked at.
            supports: what each fit learns from, with `Support.words`.
            queries: (M,) rows to score.
            device: as `HeadKind.scores` takes it; the encoder has its own.

        Raises:
            EncoderError: as `learn_context`.
            UsageError: as `learn_context`, or a support has no text of one of its classes, or several.
        """
        X, encoder = features.X, features.encoder
        directions = np.empty((len(supports), X.shape[1]))
        scale = encoder.spec.logit_scale or SCALE
        for fit, support in enumerate(supports):
            self.check(support.words)
            context = learn_context(encoder, X[support.rows], support.y, support.words, self.settings, support.seed)
            absent, present = unit(context.vectors(encoder).astype(np.float64))
            directions[fit] = scale * (present - absent)
        return decision_values(directions, np.zeros(len(supports)), unit(X[queries].astype(np.float64)))


COOP = {
    kind.name: kind
    for kind in (
        CoOpKind("coop", "zero-shot behind a context of 16 tokens that is learned, one for both classes (CoOp)"),
        CoOpKind("coop_csc", "the same with a context for each class", CoOp(class_specific=True)),
    )
}
"""By name."""


def _random(seed: int, settings: CoOp, classes: int, width: int) -> Tensor:
    import torch

    shape = (classes, settings.tokens, width) if settings.class_specific else (settings.tokens, width)
    return torch.from_numpy(np.random.default_rng(seed).normal(0, SPREAD, shape).astype(np.float32))


def _check(X: NDArray[np.floating], codes: Ints, texts: tuple[str, ...], width: int) -> None:
    if X.ndim != 2 or X.shape[1] != width or codes.shape != (len(X),) or not np.isfinite(X).all():
        raise UsageError(
            f"a context is learned from finite vectors (n, {width}) and a class for each; found {X.shape} and classes {codes.shape}"
        )
    if len(texts) < 2 or not all(texts) or sorted(np.unique(codes)) != list(range(len(texts))):
        raise UsageError(f"rows are of classes {np.unique(codes).tolist()}, and there are texts {list(texts)}; one text a class is wanted")
