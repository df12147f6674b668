"""Where between a parent and its child an encoder is best on the validation side (WiSE-FT, Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanbank.embed.adapt.artifact import Artifact
from scanbank.embed.adapt.child import child_of
from scanbank.embed.adapt.examples import BankExamples
from scanbank.embed.adapt.opening import kept_named, open_in
from scanbank.embed.adapt.recipe import Recipe
from scanbank.embed.adapt.voxels import voxels_of
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.eval.adapt_data import Learned, examples_of
from scanbank.eval.adapt_objectives import objective_of
from scanbank.eval.adapt_validation import validation
from scanbank.eval.adapting import adaptable, prepared
from scanbank.eval.wise_run import Way
from scanbank.store import Bank

ALPHAS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Point:
    """An encoder between a parent and its child."""

    alpha: float
    """0 is the parent, 1 the child."""
    score: float
    """Of the validation side: higher is better."""


def points(bank: Bank, child: str, parent: str, findings: Sequence[str], cache: Path) -> list[Point]:
    """The validation of the parent, of the child, and of what lies between.

    Args:
        bank: That was trained on.
        child: Its name.
        parent: The parent's URI.
        findings: That it learned.
        cache: Of voxels.
    """
    way = Way(bank, kept_named(bank, child), lambda: open_in(bank, parent, device="cpu"))
    # depths are not validated, and a point of the way has no vectors along them
    recipe = replace(Recipe.from_dict(way.whole.card.recipe), pointer_weight=0.0)
    first = _scored(bank, adaptable(way.reopened()), recipe, findings, cache)
    return [Point(0.0, first), *(Point(alpha, _scored(bank, at(way, alpha), recipe, findings, cache)) for alpha in ALPHAS)]


def at(way: Way, alpha: float) -> TorchEncoder:
    """The encoder at a point of the way from a parent to its child."""
    artifact: Artifact = way.whole if alpha == 1 else way.artifact_at(alpha)
    return child_of(way.reopened(), artifact)


def _scored(bank: Bank, encoder: TorchEncoder, recipe: Recipe, findings: Sequence[str], cache: Path) -> float:
    ready = prepared(bank, encoder, recipe, Learned(tuple(findings)), encoder.view)
    items = ready.items
    voxels = voxels_of(bank, ready.trained_in, encoder.spec.input_range, cache)
    learned, checked = (BankExamples(voxels, examples_of(bank, items, rows, voxels, encoder)) for rows in (items.train, items.val))
    voxels.fill([one.scan for one in checked.every])
    objective = objective_of(bank, recipe, encoder, items, items.train, learned, encoder.view).to(encoder.device)
    return validation(encoder, objective, checked, items, items.val, recipe)()
