"""CT-CLIP as a module: both towers, their projections, the temperature, and a head of LiPro where the file has one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...store.errors import EncoderError
from .bert import Bert
from .checkpoint import GET, read_state
from .config import CTCLIPConfig, is_said, read_layout, read_said
from .ctvit import CTViT
from .layout import Weights, split, unfit

_OPTIONAL = "visual_transformer.to_patch_emb_first_frame."
"""Never used: a file may lack it."""


@final
class CTCLIP(nn.Module):
    """A dual encoder of chest CT volumes and report text. Built from a configuration, its weights are random."""

    def __init__(self, config: CTCLIPConfig, classes: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.text_transformer = Bert(config.bert)
        self.visual_transformer = CTViT(config)
        self.to_text_latent = nn.Linear(config.bert.hidden_size, config.dim_latent, bias=False)
        self.to_visual_latent = nn.Linear(config.dim_image, config.dim_latent, bias=False)
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.classifier: nn.Linear | None = None if classes is None else nn.Linear(config.dim_latent, classes)
        """The head of a ClassFine (LiPro) checkpoint, on image latents after ReLU; None where there is none."""

    @classmethod
    def from_checkpoint(cls, path: str | Path, config: str | Path | Mapping[str, Any] | None = None) -> Self:
        """The model in a published file or one of its layout, in float32, ready for evaluation.

        Args:
            path: A `.pt` file (read without running code) or safetensors.
            config: What the weights leave open, in the layout of `config.json`: a file of it, or a dictionary.
                When None, the `config.json` beside the checkpoint, if there is one of CT-CLIP.

        Raises:
            EncoderError: the file is missing, damaged, no CT-CLIP, or at odds with the configuration.
            UsageError: the configuration cannot be read.
        """
        path = Path(path)
        state = read_state(path)
        try:
            return cls.from_state(state, said_beside(path, config)).eval()
        except EncoderError as error:
            raise EncoderError(f"CT-CLIP checkpoint {path}: {error}; {GET}") from error

    @classmethod
    def from_state(cls, state: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Self:
        """The model of a state dict in any published layout; the tensors are copied, as float32.

        Raises:
            EncoderError: they are no CT-CLIP, or at odds with the configuration.
        """
        weights = split(state)
        config = CTCLIPConfig.from_weights(weights.backbone, overrides)
        with torch.device("meta"):
            model = cls(config, _classes(weights, config))
        given = weights.backbone | {f"classifier.{name}": value for name, value in weights.head.items()}
        if not any(name.startswith(_OPTIONAL) for name in given):
            model.visual_transformer.to_patch_emb_first_frame = None
        _require_same({name: tuple(value.shape) for name, value in model.state_dict().items()}, given)
        # copied: tensors of a mapped file would change with it
        model.load_state_dict({name: value.to(torch.float32, copy=True) for name, value in given.items()}, assign=True)
        return model

    def encode_image(self, x: Tensor) -> Tensor:
        """Unit vectors (B, dim_latent) of volumes (B, 1, D, H, W), float32 in -1..1, D towards the head.

        Raises:
            EncoderError: the shape is not one that the model takes.
        """
        return self.image_latents(self.encode_tokens(x))

    def encode_tokens(self, x: Tensor, rows: int | None = None) -> Tensor:
        """Encoded tokens (B, T, h, w, dim) of volumes as in `encode_image`: a vector of the codebook for each patch.

        `rows` bounds how many rows of tokens are worked off at once; what memory allows when None.
        """
        config = self.config
        planes, (height, width) = config.temporal_patch_size, config.image_size
        if x.ndim != 5 or x.shape[1] != 1 or tuple(x.shape[3:]) != (height, width) or x.shape[2] % planes or not x.shape[2]:
            raise EncoderError(
                f"CT-CLIP takes volumes (B, 1, D, {height}, {width}) with D a multiple of {planes}; found {'x'.join(map(str, x.shape))}"
            )
        if not len(x):
            return x.new_zeros(0, x.shape[2] // planes, *config.grid, config.dim)
        return self.visual_transformer(x, rows)

    def image_latents(self, tokens: Tensor) -> Tensor:
        """Unit vectors (B, dim_latent) of encoded tokens: their mean along depth, as one vector, projected."""
        return functional.normalize(self.to_visual_latent(tokens.mean(1).flatten(1)), dim=-1)

    def step_latents(self, tokens: Tensor) -> Tensor:
        """Unit vectors (B, T, dim_latent), one for each step along depth: its own tokens projected.

        The projection is linear: before lengths are taken away, the mean of the steps is the volume's latent.
        """
        return functional.normalize(self.to_visual_latent(tokens.flatten(2)), dim=-1)

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Unit vectors (B, dim_latent) of pieces (B, L), int64: the last hidden state of the first one, [CLS], projected.

        Padding (0 in `attention_mask`) changes nothing, so that L need not be the published 512.

        Raises:
            EncoderError: there are more pieces than places, or nobody told the tower's heads.
        """
        if input_ids.shape[1] > (most := self.config.bert.max_position_embeddings):
            raise EncoderError(f"CT-CLIP takes texts of {most} pieces; found {input_ids.shape[1]}")
        hidden = self.text_transformer(input_ids, attention_mask)
        return functional.normalize(self.to_text_latent(hidden[:, 0]), dim=-1)

    def logits(self, text_latents: Tensor, image_latents: Tensor) -> Tensor:
        """(B,): of text i with image i, as published; of several texts with one image, or the reverse, where one of the two has one row."""
        return (text_latents * image_latents).sum(-1) * self.logit_scale

    @property
    def logit_scale(self) -> Tensor:
        """What cosines are multiplied by: exp(temperature)."""
        return self.temperature.exp()

    def classify(self, image_latents: Tensor) -> Tensor:
        """Logits (B, classes) of the checkpoint's own head, as published: on the latents after ReLU.

        Raises:
            EncoderError: the checkpoint has no head.
        """
        if self.classifier is None:
            raise EncoderError("this CT-CLIP has no classifier; CT_LiPro_v2.pt has one")
        return self.classifier(functional.relu(image_latents))


def said_beside(path: Path, config: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The configuration that goes with a checkpoint, as `CTCLIP.from_checkpoint` finds it."""
    if isinstance(config, Mapping):
        return config
    if config is not None:
        return read_said(Path(config))
    beside = path.with_name("config.json")
    layout = read_layout(beside) if beside.is_file() else {}
    return layout if is_said(layout) else {}


def _classes(weights: Weights, config: CTCLIPConfig) -> int | None:
    if not weights.head:
        return None
    weight = weights.head.get("weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] != config.dim_latent:
        found = "none" if weight is None else f"shape {tuple(weight.shape)}"
        raise unfit(f"has a classifier whose weight is {found}; expected (classes, {config.dim_latent})")
    return len(weight)


def _require_same(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor]) -> None:
    if missing := sorted(set(expected) - set(given)):
        raise unfit(f"lacks {_some(missing)}")
    if extra := sorted(set(given) - set(expected)):
        raise unfit(f"has weights that a CT-CLIP of this size has not: {_some(extra)}")
    for name, shape in expected.items():
        if tuple(given[name].shape) != shape:
            raise unfit(f"has {name!r} of shape {tuple(given[name].shape)}; expected {shape}")
        if not given[name].is_floating_point():
            raise unfit(f"has {name!r} of type {given[name].dtype}; expected floating point")


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} others" if len(names) > 3 else "")
