"""Pretraining on scans and their reports, or its continuation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...store.errors import UnknownNameError, UsageError
from ..torch_encoder import Features, TorchEncoder
from .gradient_cache import Encode, GradientCache
from .image_text_losses import agreement_of, contrastive_loss, sigmoid_loss
from .label_losses import binary_losses, known_mean, positive_weights
from .mixing import Mix, mixed_part
from .objective import Batch, Model, Objective, Part
from .pair_scale import PairScale
from .pointing import Pointed, Pointers
from .prompts import Prompts
from .reports import Reports
from .targets import checked_targets
from .text_vectors import TextVectors, side_trains
from .vocabfine import pair_margins

LOSSES = ("clip", "siglip")
_START = {"clip": 1 / 0.07, "siglip": 10.0}
"""The scale of cosines where a model has none, as the two papers begin."""
_TEXTS = 16
"""At least so many texts are encoded at once, where a batch comes in parts: they take much less room than scans."""


@final
@dataclass(frozen=True)
class Contrast:
    """How scans and reports are learned from. The terms are added up, each times its weight; a weight of 0 leaves one out."""

    loss: str = "clip"
    """Or `siglip`."""
    report_weight: float = 1.0
    smoothing: float = 0.1
    """Label smoothing of the loss `clip`; `siglip` has none."""
    mixup: float = 0.2
    """alpha of the Beta distribution that shares follow; 0 mixes nothing."""
    prompt_weight: float = 0.5
    """Of disease supervision, where labels are given."""
    weight_cap: float = 20.0
    """Present labels of a finding weigh as much more as it has absent ones, so much at most."""
    pointer_weight: float = 0.4
    """Of intra-scan localization, where pointers are given."""
    pointers: int = 4
    """Sentences of a scan in a step, at most."""
    tau: float = 0.1
    """Temperature of localization."""
    sigma_mm: float = 24.0
    """How exactly a sentence's image is meant."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)
        for name in ("report_weight", "mixup", "prompt_weight", "weight_cap", "pointer_weight"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise UsageError(f"{name} {getattr(self, name)}: expected a number from 0")
        for name in ("pointers", "tau", "sigma_mm"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise UsageError(f"{name} {getattr(self, name)}: expected a number over 0")
        if not 0 <= self.smoothing < 1:
            raise UsageError(f"smoothing {self.smoothing}: expected a share from 0 to below 1")


@final
class Contrastive(Objective):
    """Reports told from each other by scans, and the two terms of RadFinder (Ging et al. 2026, arXiv:2603.02026).

    Reports: the loss of CLIP or SigLIP between the scans and reports of a batch, scale and bias learned. Reports that are the same are
    not each other's negatives.

    Diseases: binary cross-entropy of scale * (cosine with "X is present" - cosine with "X is not present"), the mean over known labels.

    Localization: cross-entropy over the depths of a scan, its target a Gaussian around the depth that a sentence refers to.

    Mixup, as in the ROCO stage of FusionMedCLIP (Zhang 2025), of both sides: pixels of scan i become w pixels_i + (1 - w) pixels_j, the
    vector of report i becomes w t_i + (1 - w) t_j at unit length, with one w for a step and the same partner j on both sides. So mixture i
    goes with mixed report i; with other mixtures it agrees as far as they share scans (`agreement_of`). The other two terms see the
    mixed pixels: their loss is w times that with what is known of scan i plus 1 - w times that with what is known of scan j.

    A batch in parts gives the gradients of the whole (`gradient_cache`).

    Args:
        encoder: Whose model a method has prepared.
        reports: Of the training set's examples, by number.
        how: Weights and settings.
        targets: (N, F): 1 present, 0 absent, NaN unknown; with `prompts`.
        prompts: Of the F findings; of several wordings, each step draws one.
        pointers: Sentences that point at a depth.

    Raises:
        UsageError: the encoder takes no texts, or gives no vectors along depth for pointers; numbers of examples differ; a finding has
            labels of one class alone.
    """

    targets: Tensor
    weights: Tensor
    z_mm: Tensor

    def __init__(
        self,
        encoder: TorchEncoder,
        reports: Reports,
        how: Contrast | None = None,
        *,
        targets: NDArray[np.float32] | None = None,
        prompts: Prompts | None = None,
        pointers: Pointers | None = None,
    ) -> None:
        super().__init__()
        self.how, self.reports = how or Contrast(), reports
        if (targets is None) != (prompts is None):
            raise UsageError("disease supervision needs both labels and prompts; one of them is lacking")
        if not self.how.prompt_weight:
            targets = prompts = None
        self.prompts, self.pointers = prompts, pointers if self.how.pointer_weight else None
        if self.pointers and not encoder.gives_depth:
            raise UsageError(f"encoder {encoder.spec.name!r} gives no vectors along depth to learn locations with; leave pointers out")
        known = checked_targets(targets, prompts.findings) if targets is not None and prompts is not None else torch.zeros(0, 0)
        counts = {"reports": len(reports.wordings)}
        counts |= {"rows of labels": len(known)} if prompts else {}
        counts |= {"lists of pointers": len(pointers.sentences)} if pointers else {}
        if len(set(counts.values())) > 1:
            found = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise UsageError(f"{found}; expected one of each for every training scan")
        self.register_buffer("targets", known, persistent=False)
        self.register_buffer("weights", positive_weights(known, self.how.weight_cap), persistent=False)
        self.register_buffer(
            "z_mm", torch.as_tensor(pointers.z_mm, dtype=torch.float32) if pointers else torch.zeros(0, 0), persistent=False
        )
        said = [text for every in pointers.sentences for text, _ in every] if pointers else []
        self._texts = TextVectors(encoder, [*reports.every(), *(prompts.every() if prompts else []), *said])
        self._image_trains = side_trains(encoder, "image")
        self.scale = PairScale(encoder, bias=self.how.loss == "siglip", start=_START[self.how.loss])
        self.to(encoder.device)

    def loss(self, model: Model, batch: Batch) -> Tensor:
        def run(encode: Encode, *, trains: bool) -> tuple[Tensor, ...]:
            del trains
            return encode()

        return self._loss(model, [Part(len(batch.rows), lambda: batch)], run)

    def backward(self, model: Model, parts: Sequence[Part], scale: Callable[[Tensor], Tensor]) -> float:
        if len(parts) == 1:
            return super().backward(model, parts, scale)
        cache = GradientCache(model.encoder.device)
        loss = self._loss(model, parts, cache.run)
        if loss.requires_grad:
            scale(loss).backward()
        cache.backward()
        return float(loss.detach())

    @torch.no_grad()
    def scores(self, vectors: Tensor) -> Tensor:
        """(N, F) of vectors (N, D): log-odds of each finding by its prompts.

        Raises:
            UsageError: there are none.
        """
        if self.prompts is None:
            raise UsageError("there are no prompts to score with")
        return pair_margins(vectors.to(self.targets.device), self._texts.of(self.prompts.drawn(None)), self.scale.scale())

    def _loss(self, model: Model, parts: Sequence[Part], run: Callable[..., tuple[Tensor, ...]]) -> Tensor:
        count = sum(part.size for part in parts)
        generator = np.random.default_rng(int(torch.randint(1 << 62, ())))  # before any part draws for itself
        mix = Mix.drawn(self.how.mixup, count, generator)
        found: dict[int, tuple[int, ...]] = {}

        def encode(number: int) -> tuple[Tensor, ...]:
            batch = mixed_part(parts, number, mix)
            found[number] = batch.rows
            return self._images(model, batch)

        seen = [run(partial(encode, number), trains=self._image_trains) for number in range(len(parts))]
        rows = [row for number in range(len(parts)) for row in found[number]]
        images, *depths = (torch.cat(several) for several in zip(*seen, strict=True))
        texts = self.reports.drawn(rows, generator)
        prompts = self.prompts.drawn(generator) if self.prompts else []
        pointed = self.pointers.drawn(rows, self.how.pointers, generator) if self.pointers else Pointed((), (), ())
        together = max(_TEXTS, *(part.size for part in parts)) if len(parts) > 1 else 0
        words = self._words([*texts, *prompts, *pointed.texts], together, run)
        with torch.autocast(images.device.type, enabled=False):
            return self._terms(rows, mix, images, depths, words, texts, pointed)

    def _terms(
        self, rows: list[int], mix: Mix, images: Tensor, depths: list[Tensor], words: Tensor, texts: list[str], pointed: Pointed
    ) -> Tensor:
        """The sum of the terms; `words` are those of the reports, the prompts and the sentences that point."""
        how, count = self.how, len(rows)
        images = functional.normalize(images, dim=-1)
        same = self.reports.same(rows, texts).to(images.device)
        agreement = agreement_of(same, mix.shares(count, images.device))
        logits = self.scale(images @ functional.normalize(mix.of_vectors(words[:count]), dim=-1).T)
        total = contrastive_loss(logits, agreement, how.smoothing) if how.loss == "clip" else sigmoid_loss(logits, agreement)
        total = how.report_weight * total
        prompts = 2 * len(self.prompts.findings) if self.prompts else 0
        if self.prompts:
            margins, known = pair_margins(images, words[count : count + prompts], self.scale.scale()), self.targets[rows]
            own, other = (known_mean(binary_losses(margins, one, self.weights), one) for one in (known, mix.partners(known)))
            total = total + how.prompt_weight * (mix.own * own + (1 - mix.own) * other)
        if pointed.texts:
            z_mm, ways = self.z_mm[rows], [(mix.own, 0)] + ([(1 - mix.own, mix.shift)] if mix.mixes else [])
            for share, shift in ways:
                at = [(place - shift) % count for place in range(count)]
                found = pointed.loss((depths[0], depths[1]), words[count + prompts :], z_mm, at, how.tau, how.sigma_mm)
                total = total + how.pointer_weight * share * found
        return total

    def _images(self, model: Model, batch: Batch) -> tuple[Tensor, ...]:
        """Vectors (B, D); where there are pointers, those along depth and their mask too."""
        given = model.images(batch)
        if self.pointers is None:
            return ((given.vector if isinstance(given, Features) else given).float(),)
        assert isinstance(given, Features)  # the encoder says that it gives depths
        return given.vector.float(), given.depth.float(), given.depth_mask

    def _words(self, texts: list[str], together: int, run: Callable[..., tuple[Tensor, ...]]) -> Tensor:
        """(T, D) of texts, each encoded once, `together` at once; all at once where that is 0."""
        place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        each = list(place)
        together = together or len(each)
        groups = [each[start : start + together] for start in range(0, len(each), together)]

        def encode(group: list[str]) -> tuple[Tensor, ...]:
            return (self._texts.of(group),)

        found = [run(partial(encode, group), trains=self._texts.moves)[0] for group in groups]
        return torch.cat(found)[[place[text] for text in texts]]
