"""Before the images: the text side learns which texts say the same. From nothing at once, neither side would give the other a hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from scanbank.embed.losses import sigmoid_pairs
from scanbank.embed.tiny.model import TinyModel
from scanbank.eval.phantoms.seeds import generator

from .data import Sample
from .texts import Claim, Sides, Text, generic_texts, own_texts

STEPS = 600
_BATCH = 64
_RATE = 1e-3


def agreement(sentence: Text, generic: Text) -> int:
    """1 where a sentence of a report says what a short text claims, -1 where it does not, 0 where it leaves the side open."""
    (claim,) = generic.claims
    same = [said for said in sentence.claims if said.finding == claim.finding and said.status == claim.status]
    if not same:
        return -1
    if not claim.side or claim.status == "absent" or any(_covers(said, claim) for said in same):
        return 1
    return 0 if any(not said.side for said in same) else -1


def _covers(said: Claim, claim: Claim) -> bool:
    return said.side in (claim.side, "bilateral")


def warm_up(model: TinyModel, samples: Sequence[Sample], findings: Sequence[str], sides: Sides, seed: int, steps: int = STEPS) -> float:
    """Train the text side alone, by the same loss, on sentences of reports and short texts. Returns the mean loss of the last 50 steps."""
    optimizer = torch.optim.AdamW([*model.text.parameters(), model.log_scale, model.bias], lr=_RATE)
    losses: list[float] = []
    for step in range(steps):
        rng = generator(seed, "warm-up", step)
        chosen = [samples[int(i)] for i in rng.choice(len(samples), _BATCH, replace=len(samples) < _BATCH)]
        said, short = own_texts(chosen, _BATCH, rng), generic_texts(findings, sides, _BATCH, rng)
        truth = torch.from_numpy(np.array([[agreement(one, other) for other in short] for one in said], np.float32))
        vectors = model.encode_texts([text.text for text in said + short])
        logits = model.log_scale.exp() * vectors[: len(said)] @ vectors[len(said) :].T + model.bias
        loss = sigmoid_pairs(logits, truth) / len(said)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 50, (steps - step) / (0.3 * steps))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.text.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-50:]))
