"""Networks of MONAI as towers: how each is built from what its weights tell, and what of it gives features.

A network keeps only what its features need: decoders and classifiers are taken out, so that they neither cost memory nor count
in the digest of the weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, final

from monai.networks import nets as monai_nets
from monai.networks.layers.simplelayers import SkipConnection
from torch import Tensor, nn

State = Mapping[str, Tensor]
nets: Any = monai_nets  # it gathers its networks in a way that type checkers do not follow


@final
@dataclass(frozen=True)
class Net:
    """One kind of network."""

    build: Callable[..., Any]
    """The network for its constructor's arguments, without what features do not need."""
    markers: tuple[str, ...]
    """Names of tensors by which it is known in a checkpoint."""
    told: Callable[[State], dict[str, Any]]
    """Arguments that its weights tell."""
    features: Callable[[Any, Tensor], Tensor]
    """Of voxels (B, C, Z, Y, X): vectors (B, D), tokens (B, T, D), or a feature map (B, D, Z', Y', X')."""
    defaults: dict[str, Any] = field(default_factory=dict[str, Any])
    unused: str = r"(?!)"
    """A pattern of tensors' names that features do not need."""
    probe: int = 64
    """Voxels along each axis of the volume by which it is asked how long its vectors are."""
    blocks: Callable[[Any], Any] | None = None
    """Its transformer blocks, where it is a plain vision transformer."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Parts of names that older checkpoints have, and what they are called now."""
    untold: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments that shape its vectors, that no weight tells for certain, and what is taken for them where `told` says nothing."""


def _count(state: State, pattern: str) -> int:
    """How many numbers stand in the place of the pattern's one group."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def _shape(state: State, name: str) -> tuple[int, ...]:
    return tuple(state[name].shape)


def _without(network: Any, *names: str) -> Any:
    for name in names:
        if name in dict(network.named_children()):
            delattr(network, name)
    return network


def _run(network: Any, voxels: Tensor) -> Tensor:
    return network(voxels)


def _resnet(make: Any) -> Net:
    def told(state: State) -> dict[str, Any]:
        width, channels, *kernel = _shape(state, "conv1.weight")
        projected = "layer2.0.downsample.0.weight" in state
        return {
            "n_input_channels": channels,
            "conv1_t_size": tuple(kernel),
            "shortcut_type": "B" if projected else "A",
            "bias_downsample": "layer2.0.downsample.0.bias" in state or not projected,
            "widen_factor": width / 64,
        }

    def build(**arguments: Any) -> Any:
        return make(**arguments, feed_forward=False)

    return Net(
        build,
        ("conv1.weight",),
        told,
        _run,
        {"spatial_dims": 3, "n_input_channels": 1},
        r"(fc|conv_seg)\.",
        32,
        untold={"conv1_t_stride": 1},
    )


def _densenet(make: Any) -> Net:
    def told(state: State) -> dict[str, Any]:
        init, channels, *_ = _shape(state, "features.conv0.weight")
        growth = _shape(state, "features.denseblock1.denselayer1.layers.conv2.weight")[0]
        return {"in_channels": channels, "init_features": init, "growth_rate": growth}

    def build(**arguments: Any) -> Any:
        network = make(**arguments)
        network.class_layers.out = nn.Identity()
        return network

    defaults = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1}
    return Net(build, ("features.conv0.weight",), told, _run, defaults, r"class_layers\.out\.", 32, untold={"act": "relu"})


def _vit() -> Net:
    def told(state: State) -> dict[str, Any]:
        _, tokens, hidden = _shape(state, "patch_embedding.position_embeddings")
        found: dict[str, Any] = {
            "hidden_size": hidden,
            "num_layers": _count(state, r"blocks\.(\d+)\."),
            "mlp_dim": _shape(state, "blocks.0.mlp.linear1.weight")[0],
            "qkv_bias": "blocks.0.attn.qkv.bias" in state,
            "classification": "cls_token" in state,
            "num_heads": max(1, hidden // 64),
        }
        conv = "patch_embedding.patch_embeddings.weight"
        if conv in state:
            _, channels, *patch = _shape(state, conv)
            side = round(tokens ** (1 / 3))
            found |= {"in_channels": channels, "patch_size": tuple(patch)}
            if side**3 == tokens:
                found["img_size"] = tuple(side * one for one in patch)
        else:
            found["proj_type"] = "perceptron"
        return found

    def build(**arguments: Any) -> Any:
        return _without(nets.ViT(**arguments), "classification_head")

    def features(network: Any, voxels: Tensor) -> Tensor:
        tokens = network(voxels)[0]
        return tokens[:, 0] if network.classification else tokens

    defaults = {"in_channels": 1, "img_size": (96, 96, 96), "patch_size": 16}
    # cross attention that earlier versions of MONAI made and never used
    unused = r"(classification_head|blocks\.\d+\.(cross_attn|norm_cross_attn))\."
    markers, untold = ("patch_embedding.position_embeddings",), {"num_heads": 1, "img_size": (96, 96, 96)}
    return Net(build, markers, told, features, defaults, unused, blocks=lambda network: network.blocks, untold=untold)


def _swinunetr() -> Net:
    def told(state: State) -> dict[str, Any]:
        width, channels, patch, *_ = _shape(state, "patch_embed.proj.weight")
        stages = range(1, 5)
        tables = [_shape(state, f"layers{i}.0.blocks.0.attn.relative_position_bias_table") for i in stages]
        return {
            "in_channels": channels,
            "feature_size": width,
            "patch_size": patch,
            "depths": tuple(_count(state, rf"layers{i}\.0\.blocks\.(\d+)\.") for i in stages),
            "num_heads": tuple(heads for _, heads in tables),
            "window_size": (round(tables[0][0] ** (1 / 3)) + 1) // 2,
            "use_v2": any(name.startswith("layers1c.") for name in state),
        }

    def build(**arguments: Any) -> Any:
        return nets.SwinUNETR(**arguments).swinViT

    def features(network: Any, voxels: Tensor) -> Tensor:
        return network(voxels)[-1]

    defaults = {"in_channels": 1, "out_channels": 1, "feature_size": 48}
    # heads of self-supervised training stand beside the encoder in the checkpoint that MONAI publishes
    unused = r"(rotation_|contrastive_|convTrans3d|conv\.|norm\.|head\.)"
    renamed = (("mlp.fc1.", "mlp.linear1."), ("mlp.fc2.", "mlp.linear2."))
    return Net(build, ("patch_embed.proj.weight",), told, features, defaults, unused, probe=32, renamed=renamed)


def _unet() -> Net:
    def told(state: State) -> dict[str, Any]:
        at, channels, inputs, units, kernel = "model.", list[int](), 0, 0, ()
        while True:
            is_bottom = not any(name.startswith(f"{at}1.submodule.") for name in state)
            here = at if is_bottom else f"{at}0."
            first = next((name for name in (f"{here}conv.unit0.conv.weight", f"{here}conv.weight") if name in state), None)
            if first is None:
                raise KeyError(f"{here}conv.weight")
            width, entering, *kernel = _shape(state, first)
            inputs = inputs or entering
            units = units or _count(state, re.escape(here) + r"conv\.unit(\d+)\.")
            channels.append(width)
            if is_bottom:
                break
            at = f"{at}1.submodule."
        batch = any(name.endswith("adn.N.running_mean") for name in state)
        return {
            "in_channels": inputs,
            "channels": tuple(channels),
            "strides": (2,) * (len(channels) - 1),
            "kernel_size": tuple(kernel),
            "num_res_units": units,
            "norm": "batch" if batch else "instance",
        }

    def build(**arguments: Any) -> Any:
        network = nets.UNet(**arguments)
        for block in _levels(network):
            block[2] = nn.Identity()
        return network

    def features(network: Any, voxels: Tensor) -> Tensor:
        bottom: Any = network.model
        for block in _levels(network):
            voxels, bottom = block[0](voxels), block[1].submodule
        return bottom(voxels)

    defaults: dict[str, Any] = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1, "num_res_units": 2}
    defaults |= {"channels": (16, 32, 64, 128, 256), "strides": (2, 2, 2, 2)}
    markers = ("model.0.conv.unit0.conv.weight", "model.0.conv.weight")
    untold = {"strides": 2, "norm": "instance", "act": "prelu"}
    return Net(build, markers, told, features, defaults, r"model\.(1\.submodule\.)*2\.", untold=untold)


def _levels(network: Any) -> list[Any]:
    """The blocks (down, skip connection, up) of a UNet from the top."""
    levels, block = [], network.model
    while isinstance(block, nn.Sequential) and len(block) == 3 and isinstance(block[1], SkipConnection):
        levels.append(block)
        block = block[1].submodule
    return levels


def _basicunet() -> Net:
    def told(state: State) -> dict[str, Any]:
        channels = _shape(state, "conv_0.conv_0.conv.weight")[1]
        widths = [_shape(state, "conv_0.conv_0.conv.weight")[0]]
        widths += [_shape(state, f"down_{i}.convs.conv_0.conv.weight")[0] for i in range(1, 5)]
        batch = any(name.endswith("adn.N.running_mean") for name in state)
        return {"in_channels": channels, "features": (*widths, widths[0])} | ({"norm": "batch"} if batch else {})

    def build(**arguments: Any) -> Any:
        with redirect_stdout(StringIO()):  # it prints its features
            return _without(nets.BasicUNet(**arguments), "upcat_4", "upcat_3", "upcat_2", "upcat_1", "final_conv")

    def features(network: Any, voxels: Tensor) -> Tensor:
        for part in (network.conv_0, network.down_1, network.down_2, network.down_3, network.down_4):
            voxels = part(voxels)
        return voxels

    defaults = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1}
    untold = {"norm": "instance", "act": "leakyrelu"}
    return Net(build, ("conv_0.conv_0.conv.weight",), told, features, defaults, r"(upcat_\d|final_conv)\.", untold=untold)


def _segresnet() -> Net:
    def told(state: State) -> dict[str, Any]:
        width, channels, *_ = _shape(state, "convInit.conv.weight")
        levels = _count(state, r"down_layers\.(\d+)\.")
        # the first level has no convolution before its blocks, which stand from 1
        blocks = tuple(_count(state, rf"down_layers\.{i}\.(\d+)\.conv1") for i in range(levels))
        return {"in_channels": channels, "init_filters": width, "blocks_down": blocks, "blocks_up": (1,) * (levels - 1)}

    def build(**arguments: Any) -> Any:
        return _without(nets.SegResNet(**arguments), "up_layers", "up_samples", "conv_final")

    def features(network: Any, voxels: Tensor) -> Tensor:
        return network.encode(voxels)[0]

    defaults = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1}
    unused, untold = r"(up_layers|up_samples|conv_final|vae_\w+|act_mod)\.", {"norm": "group of 8", "act": "relu"}
    return Net(build, ("convInit.conv.weight",), told, features, defaults, unused, untold=untold)


def _dynunet() -> Net:
    def told(state: State) -> dict[str, Any]:
        downs = _count(state, r"downsamples\.(\d+)\.")
        names = ["input_block", *(f"downsamples.{i}" for i in range(downs)), "bottleneck"]
        shapes = [_shape(state, f"{name}.conv1.conv.weight") for name in names]
        found: dict[str, Any] = {
            "in_channels": shapes[0][1],
            "kernel_size": tuple(shape[2:] for shape in shapes),
            "filters": tuple(shape[0] for shape in shapes),
            "res_block": "bottleneck.conv3.conv.weight" in state or "input_block.conv3.conv.weight" in state,
        }
        # what goes up by a factor went down by it
        ups = [_shape(state, f"upsamples.{i}.transp_conv.conv.weight")[2:] for i in range(downs + 1)]
        return found | {"strides": (1, *reversed(ups)), "upsample_kernel_size": tuple(reversed(ups))}

    def build(**arguments: Any) -> Any:
        parts = ("skip_layers", "upsamples", "output_block", "deep_supervision_heads", "heads")
        return _without(nets.DynUNet(**arguments), *parts)

    def features(network: Any, voxels: Tensor) -> Tensor:
        for part in (network.input_block, *network.downsamples, network.bottleneck):
            voxels = part(voxels)
        return voxels

    levels = 5
    defaults = {
        "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "kernel_size": (3,) * levels, "strides": (1,) + (2,) * (levels - 1),
        "upsample_kernel_size": (2,) * (levels - 1),
    }  # fmt: skip
    unused = r"(skip_layers|upsamples|output_block|deep_supervision_heads|heads)\."
    untold = {"norm_name": "instance", "act_name": "leakyrelu"}
    return Net(build, ("input_block.conv1.conv.weight",), told, features, defaults, unused, untold=untold)


def catalog() -> dict[str, Net]:
    """The networks by name, as MONAI calls them in lower case."""
    depths = (10, 18, 34, 50, 101, 152, 200)
    return {
        **{f"resnet{n}": _resnet(getattr(nets, f"resnet{n}")) for n in depths},
        **{f"densenet{n}": _densenet(getattr(nets, f"DenseNet{n}")) for n in (121, 169, 201, 264)},
        "vit": _vit(),
        "swinunetr": _swinunetr(),
        "unet": _unet(),
        "basicunet": _basicunet(),
        "segresnet": _segresnet(),
        "dynunet": _dynunet(),
    }
