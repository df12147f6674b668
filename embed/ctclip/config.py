"""The dimensions of a CT-CLIP: said by a configuration, or read from weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, final

from ...store.errors import UsageError

_CTVIT = (
    "dim",
    "codebook_size",
    "image_size",
    "patch_size",
    "temporal_patch_size",
    "spatial_depth",
    "temporal_depth",
    "dim_head",
    "heads",
)
_PAIRS = ("image_size", "patch_size")
_TOP = ("dim_latent", "frames")
_VOXELS = (*_PAIRS, "temporal_patch_size", "frames")
_MOST, _MOST_VOXELS = 1 << 20, 1 << 12
"""A larger number is a slip: of anything, and of voxels along an axis (3 m in a plane, 6 m along the patient)."""
_IDLE = {
    "": {"description", "license", "name", "note", "notes", "seed"},
    "ctvit": {"attn_dropout", "channels", "discr_attn_res_layers", "discr_base_dim", "discr_max_dim", "ff_dropout", "use_hinge_loss"}
    | {"use_vgg_and_gan", "vgg"},
    "bert": {"architectures", "attention_probs_dropout_prob", "classifier_dropout", "dtype", "gradient_checkpointing", "hidden_act"}
    | {"hidden_dropout_prob", "initializer_range", "model_type", "pad_token_id", "position_embedding_type", "projection_size"}
    | {"torch_dtype", "transformers_version", "use_cache"},
}
"""Names that such files have and that shape no vector of ours."""


@final
@dataclass(frozen=True)
class BertConfig:
    """The text tower; names and defaults are those of Hugging Face's BERT."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int | None
    """None where neither weights nor anybody told: volumes are encoded all the same, texts are not."""
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        _require_positive("bert", {name: value for f in fields(self) if (value := getattr(self, name := f.name)) is not None})
        if self.num_attention_heads and self.hidden_size % self.num_attention_heads:
            raise UsageError(
                f"CT-CLIP configuration: bert has hidden_size {self.hidden_size}, which its {self.num_attention_heads} heads do not divide"
                "; give bert.num_attention_heads in a config.json"
            )


@final
@dataclass(frozen=True)
class CTCLIPConfig:
    """All that shapes a CT-CLIP. Sizes are in voxels, (height, width) being the rows and columns of the model's input (B, 1, D, H, W)."""

    dim: int
    codebook_size: int
    image_size: tuple[int, int]
    patch_size: tuple[int, int]
    temporal_patch_size: int
    spatial_depth: int
    temporal_depth: int
    dim_head: int
    heads: int
    dim_latent: int
    frames: int
    """D of the volumes that it is made for; it takes any multiple of `temporal_patch_size`."""
    bert: BertConfig
    null_kv: int = 0
    """Learned keys and values in front of each attention's own; 0 as published."""
    assumed: tuple[str, ...] = field(default=(), compare=False)
    """What weights do not tell and nobody said, so that the published value was taken: a sentence each."""

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in (*_CTVIT, *_TOP) if name not in _PAIRS}
        _require_positive("ctvit", values | {"image_size": min(self.image_size), "patch_size": min(self.patch_size)})
        if any(size % patch for size, patch in zip(self.image_size, self.patch_size, strict=True)):
            raise UsageError(f"CT-CLIP configuration: image_size {self.image_size} is no multiple of patch_size {self.patch_size}")
        if self.frames % self.temporal_patch_size:
            raise UsageError(
                f"CT-CLIP configuration: frames {self.frames} is no multiple of temporal_patch_size {self.temporal_patch_size}"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) in patches."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    @property
    def dim_image(self) -> int:
        """Length of what `to_visual_latent` projects: the tokens of a plane of patches, one after the other."""
        return self.grid[0] * self.grid[1] * self.dim

    def to_dict(self) -> dict[str, Any]:
        """In the layout of `config.json`; the inverse of `from_dict`."""
        ctvit = {name: getattr(self, name) for name in _CTVIT}
        ctvit |= {name: pair[0] if len(set(pair)) == 1 else list(pair) for name, pair in ctvit.items() if name in _PAIRS}
        if self.null_kv:
            ctvit["null_kv"] = self.null_kv
        bert = {f.name: value for f in fields(self.bert) if (value := getattr(self.bert, f.name)) is not None}
        return {"ctvit": ctvit, "bert": bert, "dim_latent": self.dim_latent, "frames": self.frames}

    @classmethod
    def from_dict(cls, layout: Mapping[str, Any]) -> CTCLIPConfig:
        """From the layout of `config.json`: `ctvit`, `bert`, `dim_latent` and `frames`, all of them said.

        Raises:
            UsageError: something is missing, or makes no model.
        """
        said = Said(layout)
        lacking = [f"ctvit.{name}" for name in _CTVIT if name not in said.ctvit] + [name for name in _TOP if name not in said.top]
        required = [f.name for f in fields(BertConfig) if f.name not in ("type_vocab_size", "layer_norm_eps")]
        lacking += [f"bert.{name}" for name in required if name not in said.bert]
        if lacking:
            raise UsageError(f"CT-CLIP configuration lacks {', '.join(lacking)}; without weights all of these must be said")
        return cls(**said.ctvit, **said.top, bert=BertConfig(**said.bert))

    @classmethod
    def from_weights(cls, state_dict: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> CTCLIPConfig:
        """From a state dict of tensors, in any of the published layouts.

        Args:
            state_dict: Tensors by name.
            overrides: In the layout of `config.json`, any part of it: what the weights leave open, or what to check them against.
                Left open are `frames` and `bert.num_attention_heads` always, sizes that differ in height and width, and the patch sizes
                where `to_patch_emb_first_frame` was stripped.

        Raises:
            EncoderError: the weights are no CT-CLIP, are at odds with the overrides, or leave open what nobody said.
            UsageError: the overrides are malformed.
        """
        from .reading import read_config

        return read_config(state_dict, Said(overrides or {}))


@final
class Said:
    """The parts of a configuration that someone gave, checked for names and types; what shapes no vector of ours (dropout, notes, ...) is
    left out.
    """

    def __init__(self, layout: Mapping[str, Any]) -> None:
        _require_known("", layout, ("ctvit", "bert", *_TOP))
        ctvit, bert = _part(layout, "ctvit"), _part(layout, "bert")
        _require_known("ctvit", ctvit, (*_CTVIT, "null_kv"))
        _require_known("bert", bert, [f.name for f in fields(BertConfig)])
        self.ctvit: dict[str, Any] = {name: _size(name, value) for name, value in ctvit.items() if name not in _IDLE["ctvit"]}
        if (act := bert.get("hidden_act", "gelu")) != "gelu":
            raise UsageError(f"CT-CLIP configuration: bert.hidden_act is {act!r}; only 'gelu' is known")
        known = {f.name for f in fields(BertConfig)} - {"layer_norm_eps"}
        self.bert: dict[str, Any] = {name: _count(f"bert.{name}", value) for name, value in bert.items() if name in known}
        if "layer_norm_eps" in bert:
            self.bert["layer_norm_eps"] = _number("bert.layer_norm_eps", bert["layer_norm_eps"])
        self.top: dict[str, Any] = {name: _count(name, layout[name]) for name in _TOP if name in layout}

    def __bool__(self) -> bool:
        return bool(self.ctvit or self.bert or self.top)


def read_said(path: Path) -> dict[str, Any]:
    """What a config.json holds that was given because it says something.

    Raises:
        UsageError: it is missing, no JSON object, has a name that is not known, or says nothing.
    """
    layout = read_layout(path)
    if not Said(layout):
        raise UsageError(f"CT-CLIP configuration {path} says nothing of a CT-CLIP; expected any of ctvit, bert, {', '.join(_TOP)}")
    return layout


def is_said(layout: Mapping[str, Any]) -> bool:
    """Whether a config.json that happens to be there is one of a CT-CLIP: the files of a tokenizer come with one too."""
    return bool({"ctvit", "bert", *_TOP} & set(layout))


def read_layout(path: Path) -> dict[str, Any]:
    """What a config.json holds.

    Raises:
        UsageError: it is missing or no JSON object.
    """
    try:
        layout = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"
        raise UsageError(f"CT-CLIP configuration {path} {reason}; expected JSON with ctvit, bert, dim_latent and frames") from error
    if not isinstance(layout, dict):
        raise UsageError(f"CT-CLIP configuration {path} holds no JSON object; expected ctvit, bert, dim_latent and frames")
    return layout


def _part(layout: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = layout.get(name, {})
    if not isinstance(part, Mapping):
        raise UsageError(f"CT-CLIP configuration: {name} is {part!r}; expected an object of names and numbers")
    return part


def _size(name: str, value: object) -> int | tuple[int, int]:
    if name not in _PAIRS:
        return _count(f"ctvit.{name}", value, least=0 if name == "null_kv" else 1)
    if isinstance(value, list | tuple) and len(value) == 2:
        return _count(f"ctvit.{name}", value[0]), _count(f"ctvit.{name}", value[1])
    side = _count(f"ctvit.{name}", value)
    return side, side


def _require_known(part: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """What begins with an underscore is a remark."""
    for name in given:
        if name not in known and name not in _IDLE[part] and not name.startswith("_"):
            full = f"{part}.{name}" if part else name
            raise UsageError(f"CT-CLIP configuration: {full} is not known; {part or 'at the top'} can have {', '.join(known)}")


def _count(name: str, value: object, least: int = 1) -> int:
    most = _MOST_VOXELS if name.rpartition(".")[2] in _VOXELS else _MOST
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"CT-CLIP configuration: {name} is {value!r}; expected a whole number from {least} to {most}")
    return value


def _number(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise UsageError(f"CT-CLIP configuration: {name} is {value!r}; expected a number between 0 and 1")
    return float(value)


def _require_positive(part: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise UsageError(f"CT-CLIP configuration: {part}.{name} is {value}; expected more than 0")


PUBLISHED_HEADS = 12
"""Of the text tower."""
PUBLISHED = CTCLIPConfig(
    dim=512,
    codebook_size=8192,
    image_size=(480, 480),
    patch_size=(20, 20),
    temporal_patch_size=10,
    spatial_depth=4,
    temporal_depth=4,
    dim_head=32,
    heads=8,
    dim_latent=512,
    frames=240,
    bert=BertConfig(
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=PUBLISHED_HEADS,
        intermediate_size=3072,
        vocab_size=30522,
        max_position_embeddings=512,
    ),
)
"""CT-CLIP_v2, CT_VocabFine_v2 and the backbone of CT_LiPro_v2."""
