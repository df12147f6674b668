"""`tiny`: the encoder that comes with scanbank, so that everything can be tried offline. It was trained on synthetic phantoms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ...store.errors import EncoderError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..device import pick_device
from ..encoder import Encoder
from ..exported import Exported
from ..names import folder_name, is_folder
from ..tiny.bundled import released
from ..tiny.model import TinyModel, load, save
from ..torch_encoder import Features, TorchEncoder
from ..towers import Towers
from ..weights import LOAD_ERRORS, seeded

VIEW = ViewSpec(windows=(PRESETS["ctclip"],), spacing_mm=(4.0, 3.0, 3.0), shape=(80, 96, 128))
"""What it was trained with: a box of 320 x 288 x 384 mm around the middle of the scan."""
LATEST = "1"
_DIGEST = re.compile(r"(?:[0-9a-f]{32})?")
_TOWERS = Towers(("image",), ("text",), "log_scale", "bias")
NOTE = "tiny was trained on synthetic phantoms; it shows how things work and is no clinical model"


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `tiny@NAME`; without a name the latest version. `tiny:FOLDER` is a release in a folder."""
    if "/" in name and is_folder(name):
        return _in_folder(Path(name).expanduser(), random_weights, device)
    return open_release("tiny", name or LATEST, random_weights=random_weights, device=device)


def open_release(kind: str, version: str, *, random_weights: int | None, device: str) -> Encoder:
    """A model that comes along: `tiny@VERSION`, or of a kind made from it, such as `tiny-vocabfine@VERSION`.

    Raises:
        UnknownNameError: there is no such version.
        EncoderError: its files are damaged.
    """
    folders, uri = released(), f"{kind}@{version}"
    if uri not in folders:
        raise UnknownNameError(f"version of {kind}", version, [name.partition("@")[2] for name in folders if name.startswith(f"{kind}@")])
    on = pick_device(device)
    try:
        model, card = load(folders[uri])
        parent = parent_of(card)
    except LOAD_ERRORS as error:
        raise EncoderError(f"encoder {uri!r}: its files are damaged ({type(error).__name__}: {error}); reinstall scanbank") from error
    if random_weights is not None:
        uri += f"+random{random_weights}"
        with seeded(random_weights):
            model = TinyModel(model.image_config, model.text_config, model.tokenizer)
        parent = ""
    return as_encoder(model, uri, version, str(on), parent)


def _in_folder(folder: Path, random_weights: int | None, device: str) -> Encoder:
    uri = f"tiny:{folder_name(str(folder))}"
    if random_weights is not None:
        raise UsageError(f"encoder {uri!r} has the weights of its folder; leave --random-weights out")
    on = pick_device(device)
    try:
        model, card = load(folder)
        parent = parent_of(card)
    except (*LOAD_ERRORS, TypeError) as error:
        raise EncoderError(
            f"encoder {uri!r}: {folder} is no release of tiny ({type(error).__name__}); expected its weights, tokenizer and card"
        ) from error
    return as_encoder(model, uri, "1", str(on), parent)


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind as a release."""
    model = encoder.model
    assert isinstance(model, TinyModel)
    # its parent is the encoder that is written: what that was trained on is told of the copy too
    save(model, folder, {"encoder": encoder.spec.name, "began_with": f"tiny@{name}", "parent": encoder.spec.digest, "note": NOTE})
    return Exported("tiny:{folder}", "scanbank.embed.tiny.model.load(Path('{folder}'))")


def parent_of(card: Mapping[str, Any]) -> str:
    """The digest of what a release was made from, by its card; empty where it says none.

    Raises:
        ValueError: it says what is no digest.
    """
    said = card.get("parent", "")
    if not (isinstance(said, str) and _DIGEST.fullmatch(said)):
        raise ValueError(f"its card names the parent {said!r}, which is no digest")
    return said


def as_encoder(model: TinyModel, uri: str, version: str, device: str = "cpu", parent: str = "") -> TorchEncoder:
    """A model of tiny's kind, trained or in training, as an encoder; `parent` is the digest of what it was made from."""

    def volumes(voxels: Tensor) -> Features:
        return Features(*model.image(voxels))

    spec = EncoderSpec(
        name=uri,
        version=version,
        dim=model.image_config.dim,
        parent=parent,
        unit_length=True,
        logit_scale=float(model.log_scale.detach().exp()),
        logit_bias=float(model.bias.detach()),
        input_range=(-1.0, 1.0),
        mean=(0.0,),
        std=(1.0,),
    )
    sides = {"volumes": volumes, "texts": model.text_tower()}
    return TorchEncoder(spec, VIEW, model, pick_device(device), **sides, gives_depth=True, note=NOTE, towers=_TOWERS)
