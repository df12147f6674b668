"""How a backbone is adapted, as data: everything of a run but the encoder, the bank and what is learned in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, final

import yaml

from ...store.errors import UnknownNameError, UsageError
from .contrastive import Contrast
from .methods.kinds import METHODS
from .moving import Moving
from .prompts import WORDINGS
from .supervised import LOSSES
from .training import Training

OBJECTIVES = ("vocabfine", "contrastive")
"""Methods that say what is learned; what moves is then `moves`."""
_RATES = {"lora": 5e-4, "adapters": 1e-3, "partial": 1e-4, "full": 3e-5}
"""Where none is asked for, by what moves."""
_MOST_BYTES = 2**20
"""Of a recipe's file."""
_MOST = 2**63
"""Torch's generators take no larger seed; of everything else this is plenty."""


@final
@dataclass(frozen=True)
class Recipe:
    """One run's settings."""

    method: str = "lora"
    """lora, partial, adapters or full with a linear head on labels; vocabfine; contrastive."""
    moves: str = ""
    """What moves under vocabfine and contrastive: one of the first four, by default full."""
    sides: str = ""
    """image, text or both; by default image, and both under vocabfine and contrastive."""
    layers: str = Moving.layers
    rank: int = Moving.rank
    alpha: float = Moving.alpha
    dropout: float = Moving.dropout
    bottleneck: int = Moving.bottleneck
    loss: str = "bce"
    """Of labels: bce, cross-entropy (findings are classes, of which a scan has one) or focal."""
    planes: int = 16
    """Of a scan that an encoder of slices is shown, evenly spread."""
    epochs: int = Training.epochs
    batch: int = Training.batch
    micro: int = Training.micro
    learning_rate: float | None = None
    head_rate: float = Training.head_rate
    weight_decay: float = Training.weight_decay
    warmup: float = Training.warmup
    layer_decay: float = Training.layer_decay
    clip: float = Training.clip
    precision: str = Training.precision
    checkpointing: bool = Training.checkpointing
    patience: int = Training.patience
    seed: int = Training.seed
    pairs: str = Contrast.loss
    """Of contrastive: the loss of images and reports, clip or siglip."""
    label_smoothing: float = Contrast.smoothing
    """Of the loss clip."""
    mixup: float = Contrast.mixup
    """alpha of the Beta distribution that shares of two scans follow; 0 mixes nothing."""
    report_weight: float = Contrast.report_weight
    prompt_weight: float = 0.0
    """Of contrastive: the loss on prompts of the findings asked for."""
    wordings: int = len(WORDINGS)
    """How many forms these prompts have, of which each step draws one for each finding; 1 is CT-CLIP's alone."""
    pointer_weight: float = 0.0
    """Of contrastive: the loss on depths that sentences refer to."""
    sigma_mm: float = Contrast.sigma_mm
    """Of that loss's target."""

    def __post_init__(self) -> None:
        _one_of("method", self.method, (*METHODS, *OBJECTIVES))
        _one_of("loss", self.loss, LOSSES)
        _one_of("precision", self.precision, ("float32", "bf16", "fp16"))
        _one_of("pairs", self.pairs, ("clip", "siglip"))
        if self.moves:
            _one_of("moves", self.moves, tuple(METHODS))
        if self.sides:
            _one_of("sides", self.sides, ("image", "text", "both"))
        for name in ("planes", "rank", "bottleneck"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name} {getattr(self, name)}: expected 1 or more")
        if not 1 <= self.wordings <= len(WORDINGS):
            raise UsageError(f"wordings {self.wordings}: expected 1 to {len(WORDINGS)}")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise UsageError(f"--alpha {self.alpha}: expected a number over 0, by which LoRA's updates are multiplied")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"--dropout {self.dropout}: expected a share from 0 to below 1")
        _ = self.training, self.contrast  # their own checks

    @property
    def learns(self) -> str:
        """`labels`, `vocabfine` or `contrastive`."""
        return self.method if self.method in OBJECTIVES else "labels"

    @property
    def moving(self) -> Moving:
        """What of the model moves."""
        method = (self.moves or "full") if self.method in OBJECTIVES else self.method
        sides = self.sides or ("both" if self.method in OBJECTIVES else "image")
        both = ("image", "text") if sides == "both" else (sides,)
        return Moving(method, both, self.layers, self.rank, self.alpha, self.dropout, self.bottleneck)

    @property
    def training(self) -> Training:
        """The loop's settings."""
        own = {field.name for field in fields(Training)}
        said: dict[str, Any] = {name: value for name, value in asdict(self).items() if name in own}
        if self.learning_rate is None:
            said["learning_rate"] = _RATES[self.moving.method]
        return Training(**said)

    @property
    def contrast(self) -> Contrast:
        """How scans and reports are learned from, under contrastive."""
        return Contrast(
            self.pairs,
            report_weight=self.report_weight,
            smoothing=self.label_smoothing,
            mixup=self.mixup,
            prompt_weight=self.prompt_weight,
            pointer_weight=self.pointer_weight,
            sigma_mm=self.sigma_mm,
        )

    def to_dict(self) -> dict[str, Any]:
        """For cards and files; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any], where: str = "recipe") -> Self:
        """Raises UnknownNameError for a key that is none, with the nearest; UsageError for a value of another kind."""
        return replace(cls(), **_checked(said, where))

    def with_(self, said: Mapping[str, Any]) -> Recipe:
        """The same but for what is said; None says nothing."""
        return replace(self, **_checked({name: value for name, value in said.items() if value is not None}, "option"))


def read_recipe(path: Path) -> Recipe:
    """A recipe from a YAML file of `name: value`.

    Raises:
        UsageError: it cannot be read, or is no mapping, or has a value of another kind.
        UnknownNameError: it has a key that is none.
    """
    where = f"recipe {str(path)!r}"
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"{where} cannot be read ({(isinstance(error, OSError) and error.strerror) or error})") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{where} has more than {_MOST_BYTES} bytes; expected some lines of `name: value`")
    try:
        return Recipe.from_dict(_settings(data.decode("utf-8-sig"), where), where)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        said = "nested too deep" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
        raise UsageError(f"{where} cannot be read ({type(error).__name__}: {said}); expected lines of `name: value`") from error


def _settings(text: str, where: str) -> dict[str, Any]:
    """The values of a YAML mapping, each of which stands in its line: no lists, no anchors, nothing twice."""
    loader = yaml.SafeLoader(text)
    root = loader.get_single_node()
    if not isinstance(root, yaml.MappingNode):
        held = "nothing" if root is None else "a list" if isinstance(root, yaml.SequenceNode) else "a text"
        raise UsageError(f"{where} holds {held}; expected lines of `name: value`, such as `method: lora`")
    found: dict[str, Any] = {}
    for key, value in root.value:
        line = f"{where}, line {key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise UsageError(f"{line}: expected `name: value` with a number, a text, true or false; found what holds others")
        if key.value in found:
            raise UsageError(f"{line}: {key.value!r} is there twice; leave one of them")
        try:
            found[key.value] = loader.construct_document(value)
        except ValueError as error:  # a date that is none, a number of thousands of digits
            raise UsageError(f"{line}: {key.value} is {value.value[:40]!r}; expected a number, a text, true or false") from error
    return found


def _checked(said: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {field.name: field.default for field in fields(Recipe)}
    found: dict[str, Any] = {}
    for name, value in said.items():
        if name not in known:
            raise UnknownNameError(f"{where}: key", name, known)
        if name == "learning_rate" and value is None:  # as `to_dict` writes it where none was asked for
            found[name] = None
            continue
        found[name] = _as(value, known[name] if name != "learning_rate" else 0.0, f"{where}: {name}")
    return found


def _as(value: Any, default: Any, where: str) -> Any:
    """A value of the kind of `default`; YAML writes 1e-4 as a text, and 1 for 1.0."""
    kind = type(default)
    if kind is float and not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    elif type(value) is kind and not (kind is int and abs(value) >= _MOST):
        return value
    kinds = {float: "a number", int: "a whole number below 2**63", bool: "true or false", str: "a text"}
    raise UsageError(f"{where} is {str(value)[:40] if isinstance(value, int) else repr(value)[:40]}; expected {kinds[kind]}")


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(what, value, known)
