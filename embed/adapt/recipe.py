"""How a backbone is adapted, as data: everything of a run but the encoder, the bank and what is learned in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, final

import yaml

from ...store.errors import UnknownNameError, UsageError
from .contrastive import Contrast
from .methods.kinds import METHODS
from .moving import Moving
from .supervised import LOSSES
from .training import Training

OBJECTIVES = ("vocabfine", "contrastive")
"""Methods that say what is learned; what moves is then `moves`."""
_RATES = {"lora": 5e-4, "adapters": 1e-3, "partial": 1e-4, "full": 3e-5}
"""Where none is asked for, by what moves."""


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
        if self.planes < 1:
            raise UsageError(f"planes {self.planes}: expected 1 or more")
        _ = self.training  # its own checks

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
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).partition("\n")[0]
        raise UsageError(f"recipe {str(path)!r} cannot be read ({type(error).__name__}: {first})") from error
    if not isinstance(said, dict):
        raise UsageError(f"recipe {str(path)!r} holds {type(said).__name__}; expected lines of `name: value`, such as `method: lora`")
    return Recipe.from_dict({str(name): value for name, value in said.items()}, f"recipe {str(path)!r}")


def _checked(said: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {field.name: field.default for field in fields(Recipe)}
    found: dict[str, Any] = {}
    for name, value in said.items():
        if name not in known:
            raise UnknownNameError(f"{where}: key", name, known)
        found[name] = _as(value, known[name] if name != "learning_rate" else 0.0, f"{where}: {name}")
    return found


def _as(value: Any, default: Any, where: str) -> Any:
    """A value of the kind of `default`; YAML writes 1e-4 as a text, and 1 for 1.0."""
    kind = type(default)
    if kind is float and not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    elif type(value) is kind:
        return value
    kinds = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    raise UsageError(f"{where} is {value!r}; expected {kinds[kind]}")


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(what, value, known)
