"""A training run of `tiny`: settings, batches, losses, scores."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from scanbank.embed.encoders.tiny_models import as_encoder
from scanbank.embed.losses import spot_loss
from scanbank.embed.tiny.image import ImageConfig
from scanbank.embed.tiny.model import TinyModel
from scanbank.embed.tiny.text import TextConfig
from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.phantoms.seeds import generator, seed_of

from .augment import augmented
from .cells import place_targets
from .data import Sample, finding_names, samples
from .pairs import Batch, text_losses
from .scores import aurocs, prompt_margins, recall_at
from .texts import closed, facts, generic_texts, own_texts, targets, whole_text
from .warm import warm_up
from .words import train_tokenizer

GREY_HU = ((-1000, 1000), (-1000, 150), (-160, 240), (-100, 500), (-950, -350), (-20, 80), (-1000, -800))
"""Windows through which the network looks: everything, lung, soft tissue, bone, haze, fluid, destroyed lung.

On the scale of the default view."""


LEVELS_HU = (-985, -970, -950, -930, -910, -890, -860, -800, -600, -200, 0, 30, 60, 100, 130, 200, 300, 500, 800, 990)
"""Close where lungs with holes differ from sound ones, and up to metal."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the outcome."""

    seed: int = 20261124
    patients: int = 1000
    sources: str = "ABC"
    """Source D is never seen."""
    held_out_seed: int = 7
    held_out_patients: int = 130
    held_out_sources: str = "D"
    steps: int = 2200
    closed_from: int = 1800
    """From this step on, what a report does not speak of counts as absent; the learning rate starts again."""
    closed_rate: float = 8e-4
    batch: int = 16
    own: int = 40
    generic: int = 40
    learning_rate: float = 2e-3
    warmup: int = 50
    weight_decay: float = 0.05
    depth_weight: float = 0.4
    sigma_mm: float = 8.0
    place_weight: float = 4.0


class Run:
    """A training run in a folder."""

    def __init__(self, settings: Settings, work: Path, workers: int) -> None:
        self.settings, self.work = settings, work
        self.chest = COHORTS["chest"]
        self.findings = finding_names(self.chest)
        self.sides = {spec.name: spec.sides for spec in self.chest.findings}
        s = settings
        self.train = samples(work / "train", "chest", s.seed, s.patients, s.sources, workers, _tell("training phantoms"))
        held = samples(
            work / "held_out", "chest", s.held_out_seed, s.held_out_patients, s.held_out_sources, workers, _tell("held-out phantoms")
        )
        self.held = [sample for sample in held if sample.primary]
        self.facts = [facts(sample) for sample in self.train]
        self.model = self._model()
        self.optimizer = self._optimizer()

    def _model(self) -> TinyModel:
        torch.manual_seed(seed_of(self.settings.seed, "weights") % (1 << 62))
        words = self.work / "tokenizer.json"
        if not words.is_file():
            train_tokenizer([sample.report for sample in self.train]).save(str(words))
        tokenizer = Tokenizer.from_file(str(words))
        grey = tuple((lo / 1000, hi / 1000) for lo, hi in GREY_HU)
        image = ImageConfig(grey_windows=grey, levels=tuple(hu / 1000 for hu in LEVELS_HU))
        model = TinyModel(image, TextConfig(vocabulary=tokenizer.get_vocab_size()), tokenizer)
        model.image.join_levels.requires_grad = False  # counted amounts need no convolutions: they join in the second stage
        return model

    def _optimizer(self) -> torch.optim.AdamW:
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        rest = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate, betas=(0.9, 0.98))

    def rate(self, step: int) -> float:
        """The learning rate: linear warm-up, then half a cosine to zero; and once more (Loshchilov and Hutter 2017, "SGDR")."""
        s = self.settings
        first, last, top = (0, s.closed_from, s.learning_rate) if step < s.closed_from else (s.closed_from, s.steps, s.closed_rate)
        warm = first + s.warmup
        done = (step - warm) / max(1, last - warm)
        return top * (min(1.0, (step - first + 1) / s.warmup) if step < warm else 0.5 * (1 + math.cos(math.pi * done)))

    def batch(self, step: int) -> tuple[list[int], np.random.Generator]:
        """The training samples of a step: each epoch goes through all of them in an order of its own."""
        s, count = self.settings, len(self.train)
        per_epoch = max(1, count // s.batch)
        order = generator(s.seed, "epoch", step // per_epoch).permutation(count)
        first = step % per_epoch * s.batch
        return [int(i) for i in order[first : first + s.batch]], generator(s.seed, "step", step)

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of whole reports, of statements, of depths, of places."""
        chosen, rng = self.batch(step)
        batch, s = [self.train[i] for i in chosen], self.settings
        folder = self.work / "train"
        pairs = [augmented(sample.voxels(folder), sample.cells(folder), rng) for sample in batch]
        voxels = torch.from_numpy(np.stack([voxels for voxels, _ in pairs])[:, None])
        places = place_targets(np.stack([cells for _, cells in pairs]), len(self.findings))
        said = own_texts(batch, s.own, rng)
        texts = said + generic_texts(self.findings, self.sides, s.generic, rng)
        known = [self.facts[i] if step < s.closed_from else closed(self.facts[i], self.findings) for i in chosen]
        truth = torch.from_numpy(targets(texts, known))
        with torch.autocast("cpu", torch.bfloat16):
            seen = self.model.image.look(voxels)
            volume, depth = self.model.image.read(seen)
            # apart: a batch is padded to its longest text
            words = torch.cat(
                [self.model.encode_texts([whole_text(one, rng) for one in batch]), self.model.encode_texts([text.text for text in texts])]
            )
        of_texts = text_losses(self.model, volume.float(), depth.float(), seen.valid, words.float(), Batch(batch, said, truth), s.sigma_mm)
        of_places = sum((spot_loss(lit.float(), truth) for lit, truth in zip(seen.spots, places, strict=True)), torch.zeros(()))
        return *of_texts, of_places

    def warm_up(self) -> float:
        """Train the text side alone, before the first step. Returns its loss."""
        return warm_up(self.model, self.train, self.findings, self.sides, self.settings.seed)

    def step(self, step: int) -> list[float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(step)
        parts = self.losses(step)
        loss = parts[0] + parts[1] + self.settings.depth_weight * parts[2] + self.settings.place_weight * parts[3]
        if not torch.isfinite(loss):
            raise SystemExit(f"the loss is {float(loss)} at step {step}: nothing was saved since the last state")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return [float(part.detach()) for part in parts]

    def score(self) -> dict[str, float | None]:
        """On the held-out phantoms: AUROC for each finding and their mean, recall at 5 of the first 100."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        vectors = embed(self.model, self.held, self.work / "held_out")
        encoder = as_encoder(self.model, "tiny", "training")
        labels = np.array([[sample.labels[name] for name in self.findings] for sample in self.held])
        found = dict(zip(self.findings, aurocs(prompt_margins(encoder, vectors, self.findings), labels), strict=True))
        words = encoder.encode_texts([sample.report for sample in self.held[:100]]).vector
        known = [value for value in found.values() if value is not None]
        recall = float(recall_at(words @ vectors[:100].T, 5).mean())
        self.model.train()
        for parameter in trained:  # an encoder's are not
            parameter.requires_grad = True
        return {"auroc": float(np.mean(known)), "recall5": recall} | found


def embed(model: TinyModel, chosen: Sequence[Sample], folder: Path) -> NDArray[np.float32]:
    """Volume vectors (N, D), float32, as `embed` would give them."""
    model.eval()
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(chosen), 4):
            voxels = np.stack([sample.voxels(folder).astype(np.float32) / 1000 for sample in chosen[start : start + 4]])
            vectors.append(functional.normalize(model.image(torch.from_numpy(voxels[:, None]))[0], dim=-1).numpy())
    return np.concatenate(vectors)


def _tell(what: str) -> Callable[[int, int], None]:
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            print(f"{what}: {done} of {total}, {time.monotonic() - began:.0f} s", flush=True)

    return tell
