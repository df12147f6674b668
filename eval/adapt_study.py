"""A cross-domain study as one call: how far a backbone of one anatomy is adapted to a finding of another, and what each way costs.

The study of chest CT-CLIP on intracranial hemorrhage: zero-shot, a linear probe, LoRA and partial fine-tuning on all training data, and
few-shot heads on the cached features, for each backbone and window. Everything is kept in the bank, and what it holds is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np

from ..embed.adapt.opening import within
from ..embed.adapt.recipe import Recipe
from ..embed.pipeline import embed
from ..embed.torch_encoder import TorchEncoder
from ..embed.wanted import Outputs, keys_of
from ..store.errors import UsageError
from ..store.progress import Prefixed, Progress, Silent
from ..store.specs import ViewSpec
from ..store.windows import parse_windows
from .adapt_apart import Measured, Where, apart
from .adapt_data import Learned, adapt_items
from .adapt_found import PROBE, ZERO_SHOT, Examined, Found, Row
from .adapt_run import child_name, free_name, run
from .adapting import Place, plan, prepared
from .draws import refused_shots
from .feature_choice import FeatureChoice
from .findings import findings_units
from .methods import Method
from .protocol import Protocol
from .results import Result, Summary
from .splits import check_sides, split_each
from .sweep import sweep_all
from .zeroshot import zeroshot

if TYPE_CHECKING:
    from ..embed.encoder import Encoder
    from ..store.bank import Bank

HEADS = ("knn", "linear_cls", "cosine_cls", "lowshot_lipro")
"""Of the few-shot table: KNN, linear and cosine classifiers, and the low-shot linear probe."""
METRICS = ("auroc", "ap", "f1")


@final
@dataclass(frozen=True)
class Compared:
    """What a study compares."""

    finding: str
    backbones: tuple[str, ...]
    """URIs, as `open_encoder` takes them, or `adapted:NAME` of the bank."""
    windows: tuple[str, ...]
    recipes: Mapping[str, Recipe] = field(
        default_factory=lambda: {"LoRA": Recipe(method="lora"), "partial fine-tuning": Recipe(method="partial", layers="lower:0.5")}
    )
    """Ways of moving a backbone, by the name they have in tables."""
    heads: tuple[str, ...] = HEADS
    shots: tuple[int, ...] = (1, 5, 10, 20)
    repeats: int = 10
    protocol: Protocol = field(default_factory=Protocol)

    @property
    def learned(self) -> Learned:
        """What backbones learn when they move."""
        return Learned((self.finding,), None, 0, self.protocol.unit, self.protocol.source, self.protocol.split, self.protocol.seed)


def study(
    bank: Bank, asked: Compared, opened: Callable[[str], TorchEncoder], place: Place | None = None, progress: Progress | None = None
) -> Found:
    """Run it, or what is missing of it.

    Args:
        bank: The bank; its scans' files are on this machine.
        asked: What is compared.
        opened: Opens a backbone by its URI, anew each time.
        place: For state and voxels.
        progress: Told of each stage.

    Raises:
        UsageError: labels, sides or a backbone do not suffice.
        AdaptError: an adaptation could not go on.
        KeyboardInterrupt: on Ctrl-C; what was done is kept.
    """
    place, progress = place or Place(), progress or Silent()
    volumes = _check(bank, asked, opened)
    full, few, remarks, measured = list[Row](), list[Row](), list[str](), dict[Where, Measured]()
    tested: Examined | None = None
    pairs = [(uri, window) for uri in asked.backbones for window in asked.windows]
    for number, (uri, window) in enumerate(pairs, 1):
        one = _Pair(bank, asked, volumes, uri, window, opened, place, Prefixed(progress, f"{number}/{len(pairs)} {uri}, {window}: "))
        one.go()
        full, few, remarks, measured = full + one.full, few + one.few, remarks + one.remarks, measured | one.measured
        tested = tested or one.tested
    return Found(asked.finding, tuple(full), tuple(few), tuple(dict.fromkeys(remarks)), tested, apart(bank, measured))


def _check(bank: Bank, asked: Compared, opened: Callable[[str], TorchEncoder]) -> frozenset[str]:
    """Mistakes, before anything is embedded or trained; the volumes that the study is on."""
    adapt_items(bank, asked.learned)
    (units,), _ = findings_units(bank, (asked.finding,), asked.learned.unit, asked.learned.source)
    (split,) = split_each(bank, [units], asked.learned.split, asked.learned.seed)
    check_sides(units, split)
    if (refused := refused_shots(units, split.side("train"), split.name, asked.shots)) is not None:
        raise refused
    names: dict[str, str] = {}
    for uri in asked.backbones:
        encoder = opened(uri)
        for window in asked.windows:
            _view(encoder, window)
        other = names.setdefault(encoder.spec.name, uri)
        if other != uri:
            raise UsageError(f"backbones {other} and {uri} are the same encoder, {encoder.spec.name}; name it once")
        for recipe in asked.recipes.values():
            plan(opened(uri), recipe)
    return frozenset(units.volumes.tolist())


@final
@dataclass
class _Pair:
    """One backbone under one window."""

    bank: Bank
    asked: Compared
    volumes: frozenset[str]
    uri: str
    window: str
    opened: Callable[[str], TorchEncoder]
    place: Place
    progress: Progress
    full: list[Row] = field(default_factory=list[Row])
    few: list[Row] = field(default_factory=list[Row])
    remarks: list[str] = field(default_factory=list[str])
    measured: dict[Where, Measured] = field(default_factory=dict[Where, Measured])
    tested: Examined | None = None

    def go(self) -> None:
        encoder = self.opened(self.uri)
        name, view = encoder.spec.name, _view(encoder, self.window)
        own = self._embedded(encoder, view)
        if "text" in encoder.offers:
            opener = within(self.bank, lambda asked: encoder if asked == name else self.opened(asked))
            told = {"protocol": self.asked.protocol, "choice": FeatureChoice((own,)), "opened_by": opener, "progress": self.progress}
            self._keep(zeroshot(self.bank, self.asked.finding, **told), ZERO_SHOT, name)
        else:
            self.remarks.append(f"{name} has no text side: no zero-shot")
        self._keep(self._swept(own, ("linear",), (None,)), PROBE, name)
        for method, recipe in self.asked.recipes.items():
            self._keep(self._swept(self._adapted(view, method, recipe), ("linear",), (None,)), method, name)
        result = self._swept(own, self.asked.heads, self.asked.shots)
        self.few += [_row(name, self.window, one.head, one) for one in result.summary() if one.metric in METRICS]
        self.remarks += result.remarks

    def _adapted(self, view: ViewSpec, method: str, recipe: Recipe) -> str:
        """The digest of the child's feature set."""
        parent, learned = self.opened(self.uri), self.asked.learned
        progress = Prefixed(self.progress, f"{method}: ")
        ready = prepared(self.bank, parent, recipe, learned, view)
        name = free_name(self.bank, child_name(parent.spec, recipe, learned, view.window_label), ready.identity)
        child = run(ready, self.uri, name, lambda: self.opened(self.uri), self.place, progress, embedded=False)
        return self._embedded(child.encoder, view)

    def _embedded(self, encoder: Encoder, view: ViewSpec) -> str:
        """Embed what the study is on, as heads need it; the digest of the feature set."""
        how = {"outputs": Outputs(depth=False), "volumes": self.volumes, "workers": self.place.workers, "progress": self.progress}
        if embed(self.bank, encoder, [view], **how).interrupted:
            raise KeyboardInterrupt  # what was done is kept, and nothing is measured on a part
        return _set_of(encoder, view)

    def _swept(self, features: str, heads: Sequence[str], shots: Sequence[int | None]) -> Result:
        repeats = self.asked.repeats if shots != (None,) else 1
        told = {"protocol": self.asked.protocol, "choice": FeatureChoice((features,)), "progress": self.progress}
        (result,) = sweep_all(self.bank, [self.asked.finding], heads, shots, repeats, command="study", **told)
        return result

    def _keep(self, result: Result, method: str, name: str) -> None:
        rows = [one for one in result.summary() if one.metric in METRICS]
        self.full += [_row(name, self.window, method, one) for one in rows]
        self.remarks += result.remarks
        units, test = result.study.units, result.study.split.side("test")
        self.tested = Examined(len(test), int(units.y[test].sum()), len(np.unique(units.patients[test])), units.unit)
        for one in rows[:1]:
            by = Method(one.head, one.features)
            self.measured[name, self.window, method] = Measured(result.run, by, one.shots, units.unit)


def _row(backbone: str, window: str, method: str, one: Summary) -> Row:
    return Row(backbone, window, method, one.shots, one.metric, one.mean, one.sd, one.lo, one.hi, one.reason)


def _view(encoder: Encoder, window: str) -> ViewSpec:
    view = encoder.view.with_windows(parse_windows(window))
    encoder.check_view(view)
    return view


def _set_of(encoder: Encoder, view: ViewSpec) -> str:
    """The digest of the set of whole scans, or of slices, that heads learn from."""
    found = [key for key in keys_of(encoder, [view]) if key.kind in ("volume", "slice")]
    if not found:
        raise UsageError(f"encoder {encoder.spec.name!r} gives neither vectors of volumes nor of slices under this view")
    return found[0].digest
