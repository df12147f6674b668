"""`siglip:ORG/NAME` or `siglip:FOLDER`: SigLIP, SigLIP 2 of fixed resolution and MedSigLIP, through the transformers library."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast, SiglipModel
from transformers.utils import logging as library_logging

from ...store.errors import EncoderError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS, Window
from ..block_tokens import Blocks
from ..device import pick_device
from ..encoder import Encoder
from ..errors import one_line
from ..exported import PROCESSOR_FILES, TOKENIZER_FILES, Exported, copy_files
from ..names import folder_name, is_folder
from ..text_tower import Pieces, TextTower
from ..torch_encoder import TorchEncoder
from ..towers import Towers
from ..weights import LOAD_ERRORS, cached_file, in_hub_cache, missing, offline, seeded

MEDSIGLIP_WINDOWS = (Window(-1024, 1024), Window(-135, 215), Window(0, 80))
"""Red, green and blue of a CT slice: wide, soft tissue, brain, as Google's CT notebook for MedGemma and its MedSigLIP encoder
(google-health/medgemma, notebooks/high_dimensional_ct_hugging_face.ipynb) shows them to the model."""
MEDSIGLIP_SIZE = 448
"""In pixels; no other published SigLIP has it."""

_BICUBIC = 3
"""Of Pillow's filters, as processors name them."""
_INTERPOLATIONS = {0: "nearest", 2: "linear", _BICUBIC: "cubic"}
_RESCALED = 1 / 255
"""What processors multiply pixels of 0..255 by, for a range of 0..1."""
_CONFIG = "config.json"
_TOWERS = Towers(("vision_model",), ("text_model",), "logit_scale", "logit_bias")
_UNBUILT = (*LOAD_ERRORS, TypeError, AttributeError, ArithmeticError)
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `siglip:NAME`: a folder as `save_pretrained` writes it, or a repository in the Hugging Face cache."""
    uri = f"siglip:{folder_name(name)}"
    folder = _found(uri, name, random_weights is None)
    on = pick_device(device)
    config = _config(uri, folder)
    if random_weights is None:
        model = _trained(uri, folder, config)
    else:
        uri += f"+random{random_weights}"
        try:
            with seeded(random_weights), _quiet():
                model = SiglipModel(config)
        except _UNBUILT as error:
            raise EncoderError(f"encoder {uri!r}: its {_CONFIG} makes no model ({one_line(error)})") from error
    prepared = _prepared(uri, folder)
    side = int(config.vision_config.image_size)
    spec = EncoderSpec(
        name=uri,
        version="1",
        dim=int(config.vision_config.hidden_size),
        unit_length=True,
        logit_scale=float(model.logit_scale.detach().exp()),
        logit_bias=float(model.logit_bias.detach()),
        mean=prepared.mean,
        std=prepared.std,
    )

    @cache
    def tokenizer() -> Any:
        """Made when the first text comes: slices need none."""
        return _tokenizer(uri, folder)

    def images(pixels: Tensor) -> Tensor:
        return _unit(model.get_image_features(pixel_values=pixels))

    length = int(config.text_config.max_position_embeddings)

    def pieces(batch: list[str]) -> Pieces:
        whole = {"padding": "max_length", "truncation": True, "max_length": length}
        given = tokenizer()(batch, **whole, return_attention_mask=True, return_tensors="pt")
        return Pieces(given["input_ids"].to(on), given["attention_mask"].to(on, torch.bool))

    def of_pieces(given: Pieces) -> Tensor:
        # SigLIP was trained on texts padded to their full length, whose padding is attended to
        masks = "attention_mask" in tokenizer().model_input_names
        return _unit(model.get_text_features(input_ids=given.ids, attention_mask=given.used.long() if masks else None))

    def whole(batch: list[str]) -> list[bool]:
        return [len(ids) <= length for ids in tokenizer()(batch, truncation=False, verbose=False)["input_ids"]]

    texts = TextTower(pieces, of_pieces, model.text_model.embeddings.token_embedding, length, whole)
    medical = side == MEDSIGLIP_SIZE or "medsiglip" in uri.lower()
    windows = MEDSIGLIP_WINDOWS if medical else (PRESETS["ctclip"],)
    view = ViewSpec(windows=windows, size=(side, side), interpolation=prepared.interpolation)
    patches = side // int(config.vision_config.patch_size)
    blocks = Blocks(tuple(model.vision_model.encoder.layers), (patches, patches))
    return TorchEncoder(spec, view, model, on, slices=images, texts=texts, size=(side, side), blocks=blocks, towers=_TOWERS)


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind, `name` being that of the encoder that it began with, whose tokenizer and processor go along."""
    model: Any = encoder.model
    with _quiet():
        model.save_pretrained(folder)
    copy_files(_found(f"siglip:{folder_name(name)}", name, False), folder, (*TOKENIZER_FILES, *PROCESSOR_FILES))
    return Exported("siglip:{folder}", "transformers: SiglipModel.from_pretrained('{folder}')")


def _found(uri: str, name: str, want_weights: bool) -> Path:
    """The folder that holds the model."""
    wanted = [(_CONFIG,), *([_WEIGHTS] if want_weights else [])]
    if is_folder(name):
        folder = Path(name).expanduser()
        lacking = [" or ".join(names) for names in wanted if not any((folder / one).is_file() for one in names)]
        if lacking:
            raise EncoderError(
                f"encoder {uri!r} is not whole: {folder} holds no {' and no '.join(lacking)}; "
                "put the model there with save_pretrained, or name the folder that holds it"
            )
        return folder
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise EncoderError(
            f"encoder {uri!r} has no weights on this machine (nothing is downloaded): there is no folder {name}; "
            "write siglip:FOLDER, or siglip:ORG/NAME for a model in the Hugging Face cache"
        )
    config = cached_file(name, (_CONFIG,))
    looked = [in_hub_cache(name, names) for names in wanted if cached_file(name, names) is None]
    if config is None or looked:
        get = f"hf download {name} (after hf auth login, where its terms ask for it), or give the folder of a copy: siglip:FOLDER"
        raise missing(uri, looked, get) if config else missing(uri, looked, get, otherwise="")
    return config.parent


def _config(uri: str, folder: Path) -> Any:
    try:
        with offline(), _quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library checks types with errors of its own
        raise EncoderError(f"encoder {uri!r}: {folder / _CONFIG} cannot be read ({one_line(error)})") from error
    if config.model_type != "siglip":
        what = "takes patches of any size, not planes" if config.model_type == "siglip2" else "is another architecture"
        raise EncoderError(
            f"encoder {uri!r}: {folder / _CONFIG} is of model type {config.model_type!r}, which {what}; "
            "expected 'siglip', which SigLIP, SigLIP 2 of fixed resolution and MedSigLIP are"
        )
    if not getattr(config.vision_config, "vision_use_head", True):
        raise EncoderError(f"encoder {uri!r}: {folder / _CONFIG} has a vision side without a head, which gives patches and no vector")
    side, patch = config.vision_config.image_size, config.vision_config.patch_size
    if not all(isinstance(one, int) for one in (side, patch)) or not 1 <= patch <= side:
        raise EncoderError(
            f"encoder {uri!r}: {folder / _CONFIG} has vision patches of {patch!r} pixels in images of {side!r}; "
            "expected whole numbers, patch_size from 1 to image_size"
        )
    return config


def _trained(uri: str, folder: Path, config: Any) -> Any:
    try:
        with offline(), _quiet():
            loaded: Any = SiglipModel.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                weights_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are told below, by name
            )
    except _UNBUILT as error:
        raise EncoderError(f"encoder {uri!r}: weights in {folder} cannot be loaded ({one_line(error)})") from error
    model, found = loaded
    if lacking := sorted({*found["missing_keys"], *(one[0] for one in found["mismatched_keys"])}):
        raise EncoderError(
            f"encoder {uri!r}: weights in {folder} are not those of its {_CONFIG}: {len(lacking)} tensors are missing or of another shape, "
            f"such as {lacking[0]}; get the model's files again"
        )
    return model


@dataclass(frozen=True)
class _Prepared:
    """How a model's own processor prepares images."""

    mean: tuple[float, ...] = (0.5,) * 3
    std: tuple[float, ...] = (0.5,) * 3
    interpolation: str = "cubic"


def _prepared(uri: str, folder: Path) -> _Prepared:
    """By the files that processors are saved in; as SigLIP's processor does where there are none."""
    file = next((one for name in ("preprocessor_config.json", "processor_config.json") if (one := folder / name).is_file()), None)
    if file is None:
        return _Prepared()
    try:
        read = json.loads(file.read_text("utf-8"))
        said = read.get("image_processor", read)
        resample = said.get("resample", _BICUBIC)
        if resample not in _INTERPOLATIONS:
            raise ValueError(f"resample {resample!r}; expected 0 (nearest), 2 (bilinear) or 3 (bicubic), which can be done here")
        if not said.get("do_rescale", True) or not math.isclose(said.get("rescale_factor", _RESCALED), _RESCALED, rel_tol=1e-3):
            raise ValueError("another range of pixels than 0..1; expected do_rescale true, with a rescale_factor of 1/255")
        mean, std = (tuple(map(float, said.get(key, (0.5,) * 3))) for key in ("image_mean", "image_std"))
        if not said.get("do_normalize", True):
            mean, std = (0.0,) * 3, (1.0,) * 3
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"image_mean {mean} and image_std {std}; expected three numbers each")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"encoder {uri!r}: {file} cannot be read ({one_line(error)})") from error
    return _Prepared(mean, std, _INTERPOLATIONS[resample])


def _tokenizer(uri: str, folder: Path) -> Any:
    try:
        with offline(), _quiet():
            try:
                return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            except ImportError:
                if not (folder / "tokenizer.json").is_file():  # the same tokenizer without the SentencePiece library
                    raise
                return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except ImportError as error:
        raise EncoderError(f"texts of encoder {uri!r} need libraries that are missing: pip install sentencepiece protobuf") from error
    except (*LOAD_ERRORS, TypeError, AttributeError) as error:
        raise EncoderError(f"the tokenizer of encoder {uri!r} cannot be read from {folder} ({one_line(error)})") from error


def _unit(found: Any) -> Tensor:
    """Transformers 5 gives the tower's whole output, earlier versions the vectors alone."""
    vector = found if isinstance(found, Tensor) else found.pooler_output
    return vector / vector.norm(p=2, dim=-1, keepdim=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Transformers tells of its steps and draws bars; what is wrong is told here."""
    level, bars = library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()
    library_logging.set_verbosity(logging.CRITICAL)
    library_logging.disable_progress_bar()
    try:
        yield
    finally:
        library_logging.set_verbosity(level)
        if bars:
            library_logging.enable_progress_bar()
