"""`timm:NAME`: an image model of timm as an encoder of slices: its pooled features, without the classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.models import get_pretrained_cfg, is_model
from timm.models.beit import Beit
from timm.models.cait import Cait
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from timm.models.xcit import Xcit
from torch import nn

from ...store.errors import EncoderError, UnknownNameError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..block_tokens import Blocks
from ..device import pick_device
from ..encoder import Encoder
from ..errors import one_line
from ..exported import Exported
from ..torch_encoder import TorchEncoder
from ..weights import LOAD_ERRORS, cached_file, in_hub_cache, missing, offline, seeded

_CLASS_FIRST = (VisionTransformer, Eva, Beit, VisionTransformerRelPos)
"""Transformers whose blocks have the class token, where there is one, before the patches."""
_CLASS_LAST = (Cait, Xcit)
"""Those whose class token comes in after the blocks that see the patches."""
_HUB_NAMES = ("model.safetensors", "pytorch_model.bin")


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `timm:NAME`, NAME as timm lists it, with or without a tag (`resnet18`, `resnet18.a1_in1k`)."""
    uri = f"timm:{name}"
    _check_name(name)
    on = pick_device(device)
    if random_weights is None:
        model = _trained(uri, name)
    else:
        uri += f"+random{random_weights}"
        with seeded(random_weights):
            model = timm.create_model(name, pretrained=False, num_classes=0, in_chans=3)
    config = resolve_model_data_config(model)
    size = (int(config["input_size"][1]), int(config["input_size"][2]))
    spec = EncoderSpec(
        name=uri,
        version="1",
        dim=_feature_dim(uri, model, size),
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
    )
    fixed = bool(getattr(model, "pretrained_cfg", {}).get("fixed_input_size"))
    view = ViewSpec(windows=(PRESETS["ctclip"],), size=size, interpolation=interpolation_of(config["interpolation"]))
    return TorchEncoder(spec, view, model, on, slices=model, size=size if fixed else None, blocks=vit_blocks(model))


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind, as timm's `local-dir:` takes it."""
    from timm.models import save_for_hf

    del name
    save_for_hf(encoder.model, str(folder), safe_serialization=True)
    return Exported("", "timm: create_model('local-dir:{folder}', pretrained=True)")


def interpolation_of(name: str) -> str:
    """How planes are resized, from the name that timm and open_clip have for what a model was trained with."""
    return "cubic" if name == "bicubic" else "linear"


def vit_blocks(model: nn.Module) -> Blocks | None:
    """The blocks of one of timm's vision transformers; None for other networks."""
    if not isinstance(model, (*_CLASS_FIRST, *_CLASS_LAST)):
        return None
    modules: Any = model.blocks
    embed: Any = model.patch_embed
    grid = tuple(side // embed.patch_size for side in embed.img_size) if isinstance(model, Xcit) else tuple(embed.grid_size)
    return Blocks(tuple(modules), grid, prefix=int(model.num_prefix_tokens) if isinstance(model, _CLASS_FIRST) else 0)


def _check_name(name: str) -> None:
    base, _, tag = name.partition(".")
    if not is_model(base):
        raise UnknownNameError("timm model", name, timm.list_models(), "timm.list_models() lists them all")
    tags = [known.partition(".")[2] for known in timm.list_models(f"{base}.*", pretrained=True)]
    if tag and tag not in tags:
        raise UnknownNameError(f"timm model {base!r}: tag", tag, tags)


def _trained(uri: str, name: str) -> nn.Module:
    try:
        published: Any = get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        raise EncoderError(f"encoder {uri!r}: timm publishes no weights for it; choose another, or --random-weights SEED") from error
    looked: list[str] = []
    overlay: dict[str, Any] | None = None
    if published.hf_hub_id:
        names = (published.hf_hub_filename,) if published.hf_hub_filename else _HUB_NAMES
        looked.append(in_hub_cache(published.hf_hub_id, names))
        if file := cached_file(published.hf_hub_id, names):
            overlay = {"file": str(file), "custom_load": published.custom_load == "hf"}
    if overlay is None and published.url:
        file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(published.url).path).name)
        looked.append(str(file))
        if file.is_file():
            overlay = {"file": str(file), "custom_load": bool(published.custom_load)}
    if overlay is None:
        get = f"hf download {published.hf_hub_id}" if published.hf_hub_id else f"download {published.url}"
        raise missing(uri, looked, get)
    try:
        with offline():
            return timm.create_model(name, pretrained=True, num_classes=0, in_chans=3, pretrained_cfg_overlay=overlay)
    except LOAD_ERRORS as error:
        raise EncoderError(f"encoder {uri!r}: weights in {overlay['file']} cannot be loaded ({one_line(error)}); get it again") from error


def _feature_dim(uri: str, model: nn.Module, size: tuple[int, int]) -> int:
    """What the model gives, by asking it: its declared number of features is not always that of the pooled vector."""
    with torch.inference_mode():
        shape = tuple(model.eval()(torch.zeros(1, 3, *size)).shape)
    if len(shape) != 2:
        raise EncoderError(f"encoder {uri!r} gives features of shape {shape} for one image; expected one vector (1, D)")
    return int(shape[1])
