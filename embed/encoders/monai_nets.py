"""`monai:NET@CHECKPOINT`: a 3D network of MONAI as an encoder of volumes: pooled features, or the bottleneck of a segmentation network."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...store.errors import EncoderError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..block_tokens import Blocks
from ..checkpoints import part_with, read_tensors
from ..device import pick_device
from ..encoder import Encoder
from ..errors import one_line
from ..exported import Exported, save_weights
from ..monai_parts import Net, State, catalog
from ..names import checkpoint_name
from ..torch_encoder import TorchEncoder
from ..weights import LOAD_ERRORS, seeded

SPACING_MM = (1.5, 1.5, 1.5)
SHAPE = (96, 96, 96)
"""What most of MONAI's published networks of CT see at once; (Z, Y, X)."""

_MEDICAL_NET = re.compile(r"resnet_\d+(_23datasets?)?")
"""Files of MedicalNet: their first convolution has a stride of 2, which no weight tells."""
_ORIENTATION = "orientation"
"""In the JSON file beside a checkpoint: MONAI's axcodes that the network was trained with, such as RAS; without it, it sees what every
encoder does, axes (Z, Y, X) in LPS."""

_OF_NO_ACCOUNT = ("spatial_dims", "out_channels")


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `monai:NET@CHECKPOINT`; constructor arguments that weights do not tell stand in CHECKPOINT's name with `.json`."""
    uri = f"monai:{checkpoint_name(name)}"
    kind, _, file = name.partition("@")
    known = catalog()
    if kind not in known:
        raise UnknownNameError("network of MONAI", kind, known)
    if not file and random_weights is None:
        raise UsageError(f"encoder {uri!r} lacks its weights: write monai:{kind}@CHECKPOINT, or --random-weights SEED to try out without")
    net, path = known[kind], Path(file).expanduser()
    on = pick_device(device)
    given = _beside(uri, path) if file else {}
    turned = given.pop(_ORIENTATION, "")
    if turned and not (isinstance(turned, str) and re.fullmatch("[LR][AP][SI]", turned)):
        raise EncoderError(f"encoder {uri!r}: {path.with_suffix('.json')} has {_ORIENTATION} {turned!r}; expected axcodes such as RAS")
    state: State | None = None
    if file and (random_weights is None or path.is_file()):
        state = part_with(uri, path, read_tensors(uri, path), net.markers)
    told = _told(uri, path, net, state)
    arguments = net.defaults | told | given
    note = "" if random_weights is not None else _assumed(net, told, given, turned=bool(turned), file=f"{path.stem}.json")
    if random_weights is None:
        model = _filled(uri, path, net, _built(uri, net, arguments), state or {})
    else:
        uri += f"+random{random_weights}"
        with seeded(random_weights):
            model = _built(uri, net, arguments)
    shape = _fixed_shape(arguments)
    volumes = _tower(net, model, shape)
    channels = int(arguments.get("in_channels") or arguments.get("n_input_channels") or 1)
    spec = EncoderSpec(
        name=uri,
        version="1",
        dim=_dim(uri, net, model, volumes, channels, shape),
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
    )
    blocks = None
    if shape and net.blocks:
        patch = arguments["patch_size"]
        sides = (patch,) * 3 if isinstance(patch, int) else patch
        grid = tuple(int(count) // int(side) for count, side in zip(shape, sides, strict=True))
        blocks = Blocks(tuple(net.blocks(model)), grid, prefix=int(model.classification))
    # MONAI's arrays have the axes (X, Y, Z), and a view names where the last of its axes runs to first
    view = ViewSpec(windows=(PRESETS["ctclip"],), spacing_mm=SPACING_MM, shape=shape or SHAPE, orientation=turned[::-1] or "LPS")
    return TorchEncoder(spec, view, model, on, volumes=volumes, blocks=blocks, note=note)


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind, with the constructor arguments that its first parent had beside its checkpoint."""
    kind, _, file = name.partition("@")
    save_weights(encoder.model, folder / "model.safetensors")
    given = _beside(encoder.spec.name, Path(file).expanduser()) if file else {}
    if given:
        (folder / "model.json").write_text(json.dumps(given, indent=2) + "\n")
    loading = "MONAI: the network's load_state_dict(safetensors.torch.load_file('{folder}/model.safetensors'))"
    return Exported(f"monai:{kind}@{{folder}}/model.safetensors", loading)


def _beside(uri: str, path: Path) -> dict[str, Any]:
    """The constructor's arguments in the JSON file beside a checkpoint, where there is one."""
    file = path.with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text("utf-8"))
        if not isinstance(found, dict):
            raise TypeError("expected an object of constructor arguments")
    except (OSError, ValueError, TypeError) as error:
        raise EncoderError(f"encoder {uri!r}: {file} cannot be read ({one_line(error)})") from error
    return found


def _told(uri: str, path: Path, net: Net, state: State | None) -> dict[str, Any]:
    if state is None:
        return {}
    try:
        told = net.told(state)
    except (KeyError, ValueError) as error:
        raise EncoderError(f"encoder {uri!r}: {path} holds another network; it lacks {one_line(error)}") from error
    return told | ({"conv1_t_stride": 2} if "conv1_t_size" in told and _MEDICAL_NET.fullmatch(path.stem) else {})


def _assumed(net: Net, told: dict[str, Any], given: dict[str, Any], *, turned: bool, file: str) -> str:
    """What nobody said and weights do not tell, and what was taken for it."""
    taken = {name: value for name, value in net.defaults.items() if name not in told and name not in _OF_NO_ACCOUNT}
    taken |= {name: told.get(name, value) for name, value in net.untold.items()}
    if told.get("norm") == "batch":  # its running means are there
        del taken["norm"]
    words = [f"{name} ({value} taken)" for name, value in taken.items() if name not in given]
    if not turned:
        words.append(f"{_ORIENTATION} (axes Z, Y, X in LPS taken)")
    return f"weights do not tell {', '.join(words)}; {file} beside the checkpoint can say" if words else ""


def _built(uri: str, net: Net, arguments: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MONAI, on arguments that it renames
            return net.build(**arguments)
    except ImportError as error:  # of the transformers among them
        raise EncoderError(f"encoder {uri!r} needs a library that is missing: pip install einops") from error
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, IndexError) as error:
        raise EncoderError(f"encoder {uri!r}: MONAI cannot build the network ({one_line(error)}); {_way_out(uri)}") from error


def _filled(uri: str, path: Path, net: Net, model: Any, state: State) -> Any:
    unused, own = re.compile(net.unused), model.state_dict()
    wanted: dict[str, Tensor] = {}
    for name, tensor in state.items():
        for old, new in net.renamed:
            name = name.replace(old, new)
        if name in own or not unused.match(name):
            wanted[name] = tensor
    try:
        model.load_state_dict(wanted, strict=True)
    except LOAD_ERRORS as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        found = (lines[1] if len(lines) > 1 else lines[0])[:200]
        raise EncoderError(f"encoder {uri!r}: the weights in {path} do not fit the network ({found}); {_way_out(uri)}") from error
    return model


def _way_out(uri: str) -> str:
    return f"give the arguments it was built with in a JSON file beside the checkpoint, of its name ({uri.rpartition('@')[2]}.json)"


def _fixed_shape(arguments: dict[str, Any]) -> tuple[int, int, int] | None:
    """Along the axes of the array, of networks that take no other."""
    size = arguments.get("img_size")
    if size is None:
        return None
    z, y, x = (size,) * 3 if isinstance(size, int) else tuple(size)
    return int(z), int(y), int(x)


def _tower(net: Net, model: Any, shape: tuple[int, int, int] | None) -> Callable[[Tensor], Tensor]:
    def volumes(voxels: Tensor) -> Tensor:
        if shape is not None and tuple(voxels.shape[2:]) != shape:
            raise ValueError(f"it takes volumes of {shape} voxels; found {tuple(voxels.shape[2:])}")
        try:
            found = net.features(model, voxels)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError) as error:  # of a shape that its strides do not divide
            raise ValueError(f"it cannot take volumes of {tuple(voxels.shape[2:])} voxels ({one_line(error)})") from error
        if found.ndim == 5:
            return found.mean(dim=(2, 3, 4))
        return found.mean(dim=1) if found.ndim == 3 else found

    return volumes


def _dim(uri: str, net: Net, model: Any, volumes: Callable[[Tensor], Tensor], channels: int, shape: tuple[int, int, int] | None) -> int:
    """What the network gives, by asking it."""
    side = shape or (net.probe,) * 3
    try:
        with torch.inference_mode():
            model.eval()
            found = tuple(volumes(torch.zeros(1, channels, *side)).shape)
    except ValueError as error:
        raise EncoderError(f"encoder {uri!r}: {error}; {_way_out(uri)}") from error
    if len(found) != 2:
        raise EncoderError(f"encoder {uri!r} gives features of shape {found} for one volume; expected one vector (1, D)")
    return int(found[1])
