"""A cross-domain study as one call: how far a backbone of one anatomy is adapted to a finding of another, and what each way costs.

The study of chest CT-CLIP on intracranial hemorrhage: zero-shot, a linear probe, LoRA and partial fine-tuning on all training data, and
few-shot heads on the cached features, for each backbone and window. Everything is kept in the bank, and what it holds is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from ..embed.adapt.opening import within
from ..embed.adapt.recipe import Recipe
from ..embed.pipeline import embed
from ..embed.torch_encoder import TorchEncoder
from ..embed.wanted import Outputs, keys_of
from ..store.errors import UsageError
from ..store.progress import Progress, Silent
from ..store.specs import ViewSpec
from ..store.windows import parse_windows
from .adapt_data import Learned, adapt_items
from .adapt_run import child_name, run
from .adapting import Place, prepared
from .feature_choice import FeatureChoice
from .protocol import Protocol
from .results import Result, Summary
from .sweep import sweep_all
from .zeroshot import zeroshot

if TYPE_CHECKING:
    from ..embed.encoder import Encoder
    from ..store.bank import Bank

ZERO_SHOT, PROBE = "zero-shot", "linear probe"
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


@final
@dataclass(frozen=True)
class Row:
    """One metric of one method, backbone and window."""

    backbone: str
    window: str
    method: str
    shots: int | None
    """None for the whole training side, 0 for none of it."""
    metric: str
    mean: float | None
    sd: float | None
    lo: float | None
    hi: float | None
    reason: str


@final
@dataclass(frozen=True)
class Found:
    """A finished study."""

    finding: str
    full: tuple[Row, ...]
    """Zero-shot, linear probe and adapted backbones."""
    few: tuple[Row, ...]
    """Heads on few examples."""
    remarks: tuple[str, ...]


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
    """
    place, progress = place or Place(), progress or Silent()
    adapt_items(bank, asked.learned)  # mistakes before anything is embedded
    full, few, remarks = list[Row](), list[Row](), list[str]()
    for uri in asked.backbones:
        for window in asked.windows:
            one = _Pair(bank, asked, uri, window, opened, place, progress)
            one.go()
            full, few, remarks = full + one.full, few + one.few, remarks + one.remarks
    return Found(asked.finding, tuple(full), tuple(few), tuple(dict.fromkeys(remarks)))


@final
@dataclass
class _Pair:
    """One backbone under one window."""

    bank: Bank
    asked: Compared
    uri: str
    window: str
    opened: Callable[[str], TorchEncoder]
    place: Place
    progress: Progress
    full: list[Row] = field(default_factory=list[Row])
    few: list[Row] = field(default_factory=list[Row])
    remarks: list[str] = field(default_factory=list[str])

    def go(self) -> None:
        encoder = self.opened(self.uri)
        name, view = encoder.spec.name, _view(encoder, self.window)
        embed(self.bank, encoder, [view], outputs=Outputs(depth=False), workers=self.place.workers, progress=self.progress)
        own = _set_of(encoder, view)
        if "text" in encoder.offers:
            opener = within(self.bank, lambda asked: encoder if asked == name else self.opened(asked))
            told = {"protocol": self.asked.protocol, "choice": FeatureChoice((own,)), "opened_by": opener, "progress": self.progress}
            self._keep(zeroshot(self.bank, self.asked.finding, **told), ZERO_SHOT, name)
        else:
            self.remarks.append(f"{name} has no text side: no zero-shot")
        self._keep(self._swept(own, ("linear",), (None,)), PROBE, name)
        for method, recipe in self.asked.recipes.items():
            self._keep(self._swept(self._adapted(view, recipe), ("linear",), (None,)), method, name)
        result = self._swept(own, self.asked.heads, self.asked.shots)
        self.few += [_row(name, self.window, one.head, one) for one in result.summary() if one.metric in METRICS and not one.subgroup]
        self.remarks += result.remarks

    def _adapted(self, view: ViewSpec, recipe: Recipe) -> str:
        """The digest of the child's feature set."""
        parent, learned = self.opened(self.uri), self.asked.learned
        ready = prepared(self.bank, parent, recipe, learned, view)
        name = child_name(parent.spec, recipe, learned, view.window_label)
        child = run(ready, self.uri, name, lambda: self.opened(self.uri), self.place, self.progress)
        return _set_of(child.encoder, view)

    def _swept(self, features: str, heads: Sequence[str], shots: Sequence[int | None]) -> Result:
        repeats = self.asked.repeats if shots != (None,) else 1
        told = {"protocol": self.asked.protocol, "choice": FeatureChoice((features,)), "progress": self.progress}
        (result,) = sweep_all(self.bank, [self.asked.finding], heads, shots, repeats, command="study", **told)
        return result

    def _keep(self, result: Result, method: str, name: str) -> None:
        self.full += [_row(name, self.window, method, one) for one in result.summary() if one.metric in METRICS and not one.subgroup]
        self.remarks += result.remarks


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
