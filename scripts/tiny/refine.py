"""The second stage: what the convolutions see is kept still and cached, and what reads it learns with the texts in large batches.

A step on cached features costs a fraction of one on voxels, so that scans meet many more texts, and many more of each other. What a
report does not speak of counts as absent, as at the end of the first stage.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanbank.embed.tiny.image import Seen
from scanbank.eval.phantoms.seeds import generator

from .augment import augmented
from .pairs import Batch, text_losses
from .run import Run
from .texts import closed, generic_texts, own_texts, targets, whole_text


@dataclass(frozen=True)
class Refining:
    """Everything that decides the outcome of the second stage."""

    steps: int = 800
    batch: int = 96
    own: int = 96
    generic: int = 96
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    dropout: float = 0.1
    """Of what was seen."""


def refine(run: Run, settings: Refining, tell: Callable[[int, list[float]], None], every: int) -> None:
    """Train the model's reading part and its texts; the convolutions stay as they are. `tell` gets (steps done, mean losses)."""
    seen = _see(run)
    model, image = run.model, run.model.image
    reading = [
        image.centre,
        image.join,
        image.centre_levels,
        image.mixers,
        image.depth_head,
        image.centre_volume,
        image.volume_head,
        model.text,
        model.prior,
    ]
    image.join_levels.requires_grad = True
    parameters = [*chain.from_iterable(part.parameters() for part in reading), image.join_levels, model.log_scale, model.bias]
    decayed, rest = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, settings.steps, cycle_momentum=False, pct_start=0.1)
    rows: list[list[float]] = []
    for step in range(settings.steps):
        for part in reading:
            part.train()
        parts = _losses(run, seen, settings, step)
        loss = parts[0] + parts[1] + run.settings.depth_weight * parts[2]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        rows.append([float(part.detach()) for part in parts])
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            tell(step + 1, np.mean(rows, 0).tolist())
            rows.clear()


def _losses(run: Run, seen: Seen, settings: Refining, step: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = generator(run.settings.seed, "refine", step)
    chosen = rng.choice(len(run.train), min(settings.batch, len(run.train)), replace=False)
    batch = [run.train[int(i)] for i in chosen]
    said = own_texts(batch, settings.own, rng)
    texts = said + generic_texts(run.findings, run.sides, settings.generic, rng)
    truth = torch.from_numpy(targets(texts, [closed(run.facts[int(i)], run.findings) for i in chosen]))
    pooled, levels = (_dropped(one[chosen].numpy(), settings.dropout, rng) for one in (seen.pooled, seen.levels))
    shown = Seen(torch.from_numpy(pooled), torch.from_numpy(levels), seen.lit[chosen], seen.valid[chosen], ())
    with torch.autocast("cpu", torch.bfloat16):
        volume, depth = run.model.image.read(shown)
        reports = run.model.encode_texts([whole_text(sample, rng) for sample in batch])
        words = torch.cat([reports, run.model.encode_texts([text.text for text in texts])])
    of = Batch(batch, said, truth)
    return text_losses(run.model, volume.float(), depth.float(), shown.valid, words.float(), of, run.settings.sigma_mm)


def _dropped(pooled: NDArray[np.float16], share: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Some of the features of each scan are put to their mean over its planes."""
    values = pooled.astype(np.float32)
    dropped = rng.random(values.shape[:2]) < share
    values[dropped] = values.mean(2)[dropped][:, None]
    return values


def _see(run: Run) -> Seen:
    """Every training series once, with the noise and moves of training; features as float16."""
    folder, began = run.work / "train", time.monotonic()
    run.model.eval()
    parts: list[tuple[Tensor, ...]] = []
    with torch.inference_mode():
        for start in range(0, len(run.train), 8):
            rng = generator(run.settings.seed, "see", start)
            some = [augmented(sample.voxels(folder), sample.cells(folder), rng)[0] for sample in run.train[start : start + 8]]
            seen = run.model.image.look(torch.from_numpy(np.stack(some)[:, None]))
            parts.append((seen.pooled.half(), seen.levels.half(), seen.lit, seen.valid))
    print(f"{len(run.train)} training series seen, {time.monotonic() - began:.0f} s", flush=True)
    pooled, levels, lit, valid = (torch.cat(part).clone() for part in zip(*parts, strict=True))
    return Seen(pooled, levels, lit, valid, ())
