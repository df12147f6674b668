"""What heads of each sort learn from, of the same units: vectors, bags of slices, several feature sets, vectors with sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..embed.encoder import Encoder
from ..heads import Bags, HeadKind, ManyKind, Sourced
from ..heads.blocks import Blocks
from ..store.errors import UsageError
from ..store.specs import FeatureKey
from .bag_features import KINDS, unit_bags
from .class_texts import SCALE, ClassTexts
from .contexts import tower_of
from .coop import CoOpKind, TextSide
from .feature_choice import ChosenSet
from .fused import fused
from .pooling import UnitFeatures
from .sources import unit_sources
from .study import Gathered
from .zeroshot_kinds import ZeroShotKind

if TYPE_CHECKING:
    from ..store.bank import Bank

AnyKind = HeadKind | ManyKind[Any] | CoOpKind | ZeroShotKind


@final
@dataclass(frozen=True)
class Input:
    """Features of U units, as a head takes them."""

    name: str
    """As results call it."""
    digest: str
    """Of everything that the values follow from."""
    encoder: str
    window: str
    value: Any
    """(U, D), `Bags`, `Blocks`, `Sourced` or `TextSide`."""
    present: NDArray[np.bool_]
    """(U,): False where a unit's are not there."""
    text: str = ""
    """Digest of the encoder whose texts are beside them; empty where there is none."""
    scale: float = SCALE
    """Of cosines with texts."""
    key: FeatureKey | None = None
    """Of the feature set; None where there are several."""
    pool: str = ""
    """How its vectors became one of each unit; empty where nothing was pooled."""

    @classmethod
    def of_vectors(cls, features: UnitFeatures) -> Input:
        key = features.key
        told = (features.name, f"{key.digest}/{features.pool}", key.encoder.name, key.view.window_label, features.X, features.present)
        return cls(*told, key.encoder.digest, key.encoder.logit_scale or SCALE, key, features.pool)


def inputs_of(
    bank: Bank, kinds: Sequence[AnyKind], gathered: Gathered, chosen: Sequence[ChosenSet], texts: ClassTexts
) -> Mapping[str, Sequence[Input]]:
    """By head, what it learns from.

    Raises:
        UsageError: there is nothing of the sort that a head needs, or it learns before texts and there are several of one class.
        EncoderError: a head learns through an encoder's text side, and one of the encoders has a text side that does not let it.
    """
    of_vectors = [Input.of_vectors(one) for one in gathered.features]
    made: dict[type, list[Input]] = {}
    for kind in kinds:
        if isinstance(kind, ManyKind) and kind.takes not in made:
            made[kind.takes] = _made(bank, kind, gathered, chosen)
        if isinstance(kind, CoOpKind):
            for finding in texts.prompts:
                kind.check(texts.words(finding))
            made[CoOpKind] = [_with_text_side(one, texts.encoders[one.text]) for one in of_vectors if one.text in texts.encoders]
    return {kind.name: made.get(_sort(kind), of_vectors) for kind in kinds}


def _sort(kind: AnyKind) -> type:
    return kind.takes if isinstance(kind, ManyKind) else type(kind)


def _with_text_side(of: Input, encoder: Encoder) -> Input:
    tower_of(encoder)
    return replace(of, value=TextSide(of.value, encoder))


def _made(bank: Bank, kind: ManyKind[Any], gathered: Gathered, chosen: Sequence[ChosenSet]) -> list[Input]:
    if kind.takes is Blocks:
        if len(gathered.features) < 2:
            raise UsageError(f"head {kind.name!r} learns from several feature sets at once; one is chosen: name others with --features")
        whole = fused(gathered.features)
        encoders = "+".join(dict.fromkeys(key.encoder.name for key in whole.keys))
        windows = "+".join(dict.fromkeys(key.view.window_label for key in whole.keys))
        return [Input(whole.name, whole.digest, encoders, windows, whole.blocks, whole.present)]
    if kind.takes is Bags:
        return _bags(bank, kind, gathered, chosen)
    sources = unit_sources(bank, gathered.units)
    if len(set(sources.tolist()) - {""}) < 2:
        raise UsageError(
            f"head {kind.name!r} routes by source, and these scans tell fewer than two: bring attributes with `scanbank ingest`"
        )
    return [
        Input(
            one.name,
            f"{one.key.digest}/{one.pool}/sources",
            one.key.encoder.name,
            one.key.view.window_label,
            Sourced(Bags.of_rows(one.X), sources),
            one.present,
            key=one.key,
            pool=one.pool,
        )
        for one in gathered.features
    ]


def _bags(bank: Bank, kind: ManyKind[Any], gathered: Gathered, chosen: Sequence[ChosenSet]) -> list[Input]:
    sets = {one.features.digest: one for one in chosen if one.features.key.kind in KINDS}
    if not sets:
        listed = ", ".join(one.name for one in chosen)
        raise UsageError(f"head {kind.name!r} learns from the slices of scans, and {listed} holds none: embed with --slices or --depth")
    found = []
    for one in sets.values():
        bags = unit_bags(bank, one.features, gathered.units, one.name)
        key = bags.key
        told = (f"{bags.name}/bag", f"{key.digest}/bag", key.encoder.name, key.view.window_label, bags.bags, bags.present)
        found.append(Input(*told, key=key))
    return found
