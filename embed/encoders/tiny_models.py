"""`tiny`: the encoder that comes with scanbank, so that everything can be tried offline. It was trained on synthetic phantoms."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ...store.errors import EncoderError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..device import pick_device
from ..encoder import Encoder
from ..exported import Exported
from ..names import folder_name, is_folder
from ..tiny.model import RELEASES, TinyModel, load, save
from ..torch_encoder import Features, TorchEncoder
from ..towers import Towers
from ..weights import LOAD_ERRORS, seeded

VIEW = ViewSpec(windows=(PRESETS["ctclip"],), spacing_mm=(4.0, 3.0, 3.0), shape=(80, 96, 128))
"""What it was trained with: a box of 320 x 288 x 384 mm around the middle of the scan."""
LATEST = "1"
_TOWERS = Towers(("image",), ("text",), "log_scale", "bias")
NOTE = "tiny was trained on synthetic phantoms; it shows how things work and is no clinical model"


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `tiny@NAME`; without a name the latest version. `tiny:FOLDER` is a release in a folder."""
    if "/" in name and is_folder(name):
        return _in_folder(Path(name).expanduser(), random_weights, device)
    version = name or LATEST
    released = sorted(folder.name for folder in RELEASES.iterdir() if (folder / "card.json").is_file())
    if version not in released:
        raise UnknownNameError("version of tiny", version, released)
    on = pick_device(device)
    try:
        model, _ = load(RELEASES / version)
    except LOAD_ERRORS as error:
        raise EncoderError(
            f"encoder 'tiny@{version}': its files are damaged ({type(error).__name__}: {error}); reinstall scanbank"
        ) from error
    uri = f"tiny@{version}"
    if random_weights is not None:
        uri += f"+random{random_weights}"
        with seeded(random_weights):
            model = TinyModel(model.image_config, model.text_config, model.tokenizer)
    return as_encoder(model, uri, version, str(on))


def _in_folder(folder: Path, random_weights: int | None, device: str) -> Encoder:
    uri = f"tiny:{folder_name(str(folder))}"
    if random_weights is not None:
        raise UsageError(f"encoder {uri!r} has the weights of its folder; leave --random-weights out")
    on = pick_device(device)
    try:
        model, _ = load(folder)
    except (*LOAD_ERRORS, TypeError) as error:
        raise EncoderError(
            f"encoder {uri!r}: {folder} is no release of tiny ({type(error).__name__}); expected its weights, tokenizer and card"
        ) from error
    return as_encoder(model, uri, "1", str(on))


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind as a release."""
    model = encoder.model
    assert isinstance(model, TinyModel)
    save(model, folder, {"encoder": encoder.spec.name, "began_with": f"tiny@{name}", "note": NOTE})
    return Exported("tiny:{folder}", "scanbank.embed.tiny.model.load(Path('{folder}'))")


def as_encoder(model: TinyModel, uri: str, version: str, device: str = "cpu") -> TorchEncoder:
    """A model of tiny's kind, trained or in training, as an encoder."""

    def volumes(voxels: Tensor) -> Features:
        return Features(*model.image(voxels))

    spec = EncoderSpec(
        name=uri,
        version=version,
        dim=model.image_config.dim,
        unit_length=True,
        logit_scale=float(model.log_scale.detach().exp()),
        logit_bias=float(model.bias.detach()),
        input_range=(-1.0, 1.0),
        mean=(0.0,),
        std=(1.0,),
    )
    sides = {"volumes": volumes, "texts": model.text_tower()}
    return TorchEncoder(spec, VIEW, model, pick_device(device), **sides, gives_depth=True, note=NOTE, towers=_TOWERS)
