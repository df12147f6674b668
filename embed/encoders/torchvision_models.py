"""`torchvision:NAME` and `torchvision:NAME/WEIGHTS`: its image models as encoders of slices and its video models as encoders of volumes,
the planes being the frames; both without their classifier.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import MaxVit, VisionTransformer, get_model_weights, list_models, video

from ...store.errors import EncoderError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..block_tokens import Blocks
from ..checkpoints import read_tensors
from ..device import pick_device
from ..encoder import Encoder
from ..errors import one_line
from ..torch_encoder import TorchEncoder
from ..weights import LOAD_ERRORS, missing, seeded
from .timm_models import interpolation_of

_HEADS = ("fc", "classifier", "heads", "head")
"""What torchvision calls the classifier."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": True, "transform_input": True},
    "inception_v3": {"init_weights": True, "transform_input": True},
}
_BOX_MM = (320.0, 336.0, 336.0)
"""What a video model sees of a volume: (z, y, x)."""
_PLANES, _FIXED_PLANES = 64, 16
_DENSENET_NAMES = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")
"""The published files of DenseNet are older than its names."""


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `torchvision:NAME`, with the weights that torchvision recommends where none are named."""
    uri = f"torchvision:{name}"
    base, _, tag = name.partition("/")
    known = {kind: list_models(module=module) for kind, module in (("slice", models), ("volume", video))}
    side = next((kind for kind, names in known.items() if base in names), None)
    if side is None:
        raise UnknownNameError("torchvision model", base, [*known["slice"], *known["volume"]])
    weights = _weights(base, tag)
    prepared: Any = weights.transforms()
    crop = prepared.crop_size
    size = (int(crop[0]), int(crop[-1]))
    on = pick_device(device)
    if random_weights is None:
        model = _trained(uri, base, weights, size)
    else:
        uri += f"+random{random_weights}"
        with seeded(random_weights):
            model = _without_head(uri, _built(base, weights, size))
    mean, std = (tuple(map(float, values)) for values in (prepared.mean, prepared.std))
    shape, spacing = _grid(model, size)
    probe = (1, 3, *size) if side == "slice" else (1, 3, _FIXED_PLANES, *size)
    spec = EncoderSpec(name=uri, version="1", dim=_feature_dim(uri, model, probe), mean=mean, std=std)
    if side == "volume":
        view = ViewSpec(windows=(PRESETS["ctclip"],), spacing_mm=spacing, shape=shape)
        fixed = shape if isinstance(model, video.MViT) else None

        def volumes(voxels: Tensor) -> Tensor:
            if fixed and tuple(voxels.shape[2:]) != fixed:
                raise ValueError(f"it takes volumes of {fixed} voxels; found {tuple(voxels.shape[2:])}")
            return model(voxels)

        return TorchEncoder(spec, view, model, on, volumes=volumes, size=fixed and size)
    view = ViewSpec(windows=(PRESETS["ctclip"],), size=size, interpolation=interpolation_of(prepared.interpolation.value))
    fixed = isinstance(model, VisionTransformer | MaxVit)
    return TorchEncoder(spec, view, model, on, slices=model, size=size if fixed else None, blocks=_blocks(model))


def _weights(base: str, tag: str) -> Any:
    published: Any = get_model_weights(base)
    if not tag:
        return published.DEFAULT
    if tag not in published.__members__:
        raise UnknownNameError(f"weights of torchvision model {base!r}:", tag, published.__members__)
    return published[tag]


def _built(base: str, weights: Any, size: tuple[int, int]) -> Any:
    options = {"num_classes": len(weights.meta["categories"]), **_OPTIONS.get(base, {})}
    if base.startswith("vit_"):
        options["image_size"] = size[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of initializations that take long
        return models.get_model(base, weights=None, **options)


def _trained(uri: str, base: str, weights: Any, size: tuple[int, int]) -> Any:
    # the file that torchvision itself would fetch and keep there; its own loader would run code that a file may hold
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(weights.url).path).name)
    if not file.is_file():
        raise missing(uri, [str(file)], f"download {weights.url} to there")
    state = read_tensors(uri, file)
    if base.startswith("densenet"):
        state = {_DENSENET_NAMES.sub(r"\1", name): tensor for name, tensor in state.items()}
    with seeded(0):  # what is drawn here is replaced
        model = _built(base, weights, size)
    try:
        model.load_state_dict(state)
    except LOAD_ERRORS as error:
        raise EncoderError(f"encoder {uri!r}: weights in {file} cannot be loaded ({one_line(error)})") from error
    return _without_head(uri, model)


def _without_head(uri: str, model: Any) -> Any:
    """The model that gives what its last layer of classification was given."""
    heads = [(name, module) for name, module in model.named_children() if name in _HEADS]
    if not heads:
        raise UsageError(f"encoder {uri!r} has no classifier of a known name ({', '.join(_HEADS)}); choose another model")
    name, head = heads[-1]
    if isinstance(head, nn.Linear):
        setattr(model, name, nn.Identity())
        return model
    layers = dict(head.named_modules())
    linear = [key for key, layer in layers.items() if isinstance(layer, nn.Linear)]
    last = (linear or [key for key, layer in layers.items() if isinstance(layer, nn.Conv2d | nn.Conv3d)])[-1]
    head.set_submodule(last, nn.Identity())
    return model


def _grid(model: Any, size: tuple[int, int]) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """The shape (Z, Y, X) and spacing at which a volume is given to a video model: the same box in mm for each."""
    shape = (_FIXED_PLANES if isinstance(model, video.MViT) else _PLANES, *size)
    z, y, x = (length / count for length, count in zip(_BOX_MM, shape, strict=True))
    return shape, (z, y, x)


def _blocks(model: Any) -> Blocks | None:
    if not isinstance(model, VisionTransformer):
        return None
    layers: Any = model.encoder.layers
    side = model.image_size // model.patch_size
    return Blocks(tuple(layers), (side, side), prefix=1)


def _feature_dim(uri: str, model: Any, shape: tuple[int, ...]) -> int:
    with torch.inference_mode():
        found = tuple(model.eval()(torch.zeros(shape)).shape)
    if len(found) != 2:
        raise EncoderError(f"encoder {uri!r} gives features of shape {found} for one image; expected one vector (1, D)")
    return int(found[1])
