"""The card of an adapted encoder: what it was made from, how and on what, as JSON that anyone can read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, final

from ...store.digests import canonical_json
from ...store.errors import EncoderError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ..names import ADAPTED
from .moving import Moving

FORMAT = 1
"""The version of cards and adapters that this code writes."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_HEX = re.compile(r"[0-9a-f]{64}")
_KEYS = (
    *("format", "name", "version", "parent", "moving", "recipe", "objective", "view", "data", "epochs", "best"),
    *("scanbank", "logit_scale", "logit_bias", "note", "adapter"),
)


def check_child_name(name: str) -> None:
    """Raises UsageError where no adapted encoder can be called so."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"an adapted encoder cannot be called {name!r}: expected 1 to 100 letters, digits and . _ @ -, a letter or digit first"
        )


@final
@dataclass(frozen=True)
class Card:
    """What is said of an adapted encoder. Mappings hold JSON values; none may name a patient, a path or an item."""

    name: str
    """Its encoder is `adapted:NAME`."""
    parent: EncoderSpec
    uri: str
    """By which the parent was opened. In a bank it is the name that banks give it, without a path."""
    moving: Moving
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the training, as they can be given again."""
    objective: Mapping[str, Any] = field(default_factory=dict)
    """What it learned: findings, losses, prompts."""
    view: ViewSpec | None = None
    """The view it was trained with; None where several, or where nobody says."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained on: splits, counts, digests of lists of items, and their order."""
    epochs: Sequence[Mapping[str, Any]] = ()
    """Losses and scores, in order."""
    best: int = 0
    """The epoch that was kept, from 1; 0 where there were none."""
    scanbank: str = ""
    """The version of this code that made it."""
    logit_scale: float | None = None
    """Of the child; None leaves it the parent's."""
    logit_bias: float | None = None
    version: str = "1"
    note: str = ""
    """What whoever uses its vectors must know."""

    def __post_init__(self) -> None:
        check_child_name(self.name)

    @property
    def encoder(self) -> str:
        """The name of its encoder."""
        return ADAPTED + self.name

    def spec(self, adapter: str) -> EncoderSpec:
        """The child's, `adapter` being the sha256 of its file: known without any weights.

        Its weights are told by the parent's and the adapter's digest: what a merge of the two gives differs in its last bits from
        machine to machine.
        """
        return replace(
            self.parent,
            name=self.encoder,
            version=self.version,
            parent=self.parent.digest,
            adapter=adapter,
            logit_scale=self.parent.logit_scale if self.logit_scale is None else self.logit_scale,
            logit_bias=self.parent.logit_bias if self.logit_bias is None else self.logit_bias,
        )

    def text(self, adapter: Mapping[str, Any]) -> str:
        """As `card.json` holds it; `adapter` says what the file beside it is."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("parent", "uri", "moving", "view")}
        told = {
            "format": FORMAT,
            **said,
            "parent": {"uri": self.uri, "digest": self.parent.digest, "spec": self.parent.to_dict()},
            "moving": asdict(self.moving),
            "view": None if self.view is None else self.view.to_dict(),
            "adapter": dict(adapter),
        }
        return json.dumps({key: told[key] for key in _KEYS}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def told_by_weights(self) -> str:
        """What a file of weights has to say besides its tensors for the child's vectors to follow from it."""
        return canonical_json(
            {"format": FORMAT, "moving": asdict(self.moving), "logit_scale": self.logit_scale, "logit_bias": self.logit_bias}
        )


def is_told(card: Card, said: str | None) -> bool:
    """Whether a file of weights says the same as a card. Settings that came later have their defaults in older files."""
    try:
        told: Any = json.loads(said or "")
        scales = told["logit_scale"], told["logit_bias"]
        return Moving.from_dict(told["moving"]) == card.moving and scales == (card.logit_scale, card.logit_bias)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def read_card(text: str | bytes, where: str) -> tuple[Card, dict[str, Any]]:
    """A card, and what it says of its adapter: `sha256` and `bytes`.

    Args:
        text: Of a `card.json`.
        where: What to call it in errors.

    Raises:
        EncoderError: it is damaged, of a newer format, or says what this code does not know.
    """
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EncoderError(f"{where} is damaged: it is no JSON ({type(error).__name__}); get the adapter again") from error
    if not isinstance(told, dict) or not isinstance(told.get("format"), int):
        raise EncoderError(f"{where} is no card of an adapted encoder: it names no format; expected one that scanbank wrote")
    if told["format"] > FORMAT:
        raise EncoderError(f"{where} is of format {told['format']}; this scanbank reads up to format {FORMAT}: upgrade scanbank")
    if extra := sorted(set(told) - set(_KEYS)):
        raise EncoderError(f"{where} has {', '.join(map(repr, extra))}, which no card of format {FORMAT} has; was it edited by hand?")
    if lacking := [key for key in _KEYS if key not in told]:
        raise EncoderError(f"{where} lacks {', '.join(map(repr, lacking))}; get the adapter again")
    try:
        parent, adapter = told["parent"], told["adapter"]
        spec = EncoderSpec.from_dict(parent["spec"])
        if spec.digest != parent["digest"]:
            raise ValueError("its parent's digest is not that of the parent it describes")
        if not _HEX.fullmatch(adapter["sha256"]) or not isinstance(adapter["bytes"], int):
            raise ValueError("it does not say the sha256 and bytes of its adapter")
        plain = {key: told[key] for key in _KEYS if key not in ("format", "parent", "moving", "view", "adapter")}
        view = None if told["view"] is None else ViewSpec.from_dict(told["view"])
        card = Card(**plain, parent=spec, uri=_text(parent["uri"]), moving=Moving.from_dict(told["moving"]), view=view)
        _check(card)
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # a UsageError is a ValueError
        said = f"it lacks {error}" if type(error) is KeyError else str(error)
        raise EncoderError(f"{where} is damaged or was edited: {said[:200]}; get the adapter again") from error
    return card, adapter


def _check(card: Card) -> None:
    """Types that JSON leaves open. Raises TypeError."""
    for name in ("recipe", "objective", "data"):
        if not isinstance(getattr(card, name), dict):
            raise TypeError(f"{name} is no object")
    if not isinstance(card.epochs, list) or not all(isinstance(one, dict) for one in card.epochs) or not isinstance(card.best, int):
        raise TypeError("epochs is no list of objects, or best no number")
    findings = card.objective.get("findings", [])
    if not isinstance(findings, list) or not all(isinstance(one, str) for one in findings):
        raise TypeError("objective names findings that are no list of texts")
    for said in (card.objective.get("learns", ""), card.data.get("split") or "", card.data.get("unit") or ""):
        _text(said)
    for name in ("epoch", "loss", "score"):
        if wrong := [one[name] for one in card.epochs if not isinstance(one.get(name), int | float | None)]:
            raise TypeError(f"{name} {str(wrong[0])[:40]!r} of an epoch is no number")
    for value in (card.scanbank, card.note, card.version, card.parent.name, card.moving.method, card.moving.layers):
        _text(value)
    if not all(isinstance(side, str) for side in card.moving.sides):
        raise TypeError("moving names sides that are no text")
    numbers = (card.moving.rank, card.moving.bottleneck, card.moving.alpha, card.moving.dropout)
    for value in (*numbers, card.logit_scale or 0.0, card.logit_bias or 0.0):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{value!r} stands where a number is expected")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} stands where a text is expected")
    return value
