"""`open_clip:MODEL/TAG`, `open_clip:hf-hub:ORG/NAME` and `open_clip:local-dir:FOLDER`: dual encoders of slices and texts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import open_clip
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.hf_model import HFTextEncoder
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from ...store.errors import EncoderError, UnknownNameError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ...store.windows import PRESETS
from ..block_tokens import Blocks
from ..device import pick_device
from ..encoder import Encoder
from ..errors import one_line
from ..exported import TOKENIZER_FILES, Exported, copy_files, save_weights
from ..names import LOCAL_DIR, local_dir_name
from ..text_tower import Pieces, TextTower
from ..torch_encoder import TorchEncoder
from ..towers import Towers
from ..weights import LOAD_ERRORS, cached_file, in_hub_cache, missing, offline, seeded
from .timm_models import interpolation_of, vit_blocks

_HUB = "hf-hub:"
_CONFIG = "open_clip_config.json"
_HUB_NAMES = (HF_SAFE_WEIGHTS_NAME, "open_clip_pytorch_model.safetensors", HF_WEIGHTS_NAME)

_WEIGHTS = (".safetensors", ".bin", ".pth")
"""Endings of what open_clip takes for weights in a folder."""


@dataclass(frozen=True)
class _Place:
    """Where open_clip finds a model on this machine: what to call it, its weights, and what else to tell `create_model`."""

    model: str
    weights: str | None = None
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    get: str = ""
    """The command that fetches all its files, of a repository."""


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `open_clip:NAME`; with random weights the tag may be left out."""
    uri, wanted = f"open_clip:{local_dir_name(name)}", random_weights is None
    place = _place(uri, name, wanted)
    on = pick_device(device)
    if random_weights is None:
        model = _create(uri, place, pretrained=place.weights, require_pretrained=True)
    else:
        uri += f"+random{random_weights}"
        with seeded(random_weights):
            model = _create(uri, place, load_weights=False, pretrained_text=False)
    prepared = open_clip.get_model_preprocess_cfg(model)
    image_size = prepared["size"]
    size = (image_size, image_size) if isinstance(image_size, int) else (int(image_size[0]), int(image_size[1]))
    bias = getattr(model, "logit_bias", None)
    config = open_clip.get_model_config(place.model)
    if not isinstance(config, dict) or "embed_dim" not in config:
        raise EncoderError(f"encoder {uri!r}: open_clip has no configuration of {place.model}")
    spec = EncoderSpec(
        name=uri,
        version="1",
        dim=int(config["embed_dim"]),
        unit_length=True,
        logit_scale=float(model.logit_scale.detach().exp()),
        logit_bias=None if bias is None else float(bias.detach()),
        mean=tuple(map(float, prepared["mean"])),
        std=tuple(map(float, prepared["std"])),
    )

    @cache
    def tokenizer() -> Any:
        """Made when the first text comes: slices need none, and it may ask for files of its own."""
        try:
            with offline(), _quiet():
                return open_clip.get_tokenizer(place.model)
        except ImportError as error:
            raise EncoderError(f"texts of encoder {uri!r} need a library that is missing ({error}): pip install transformers") from error
        except LOAD_ERRORS as error:
            looked, get = _tokenizer_files(place, config)
            raise EncoderError(
                f"texts of encoder {uri!r} need its tokenizer, which is not on this machine or not whole ({one_line(error)}); "
                f"looked for {looked}. {get}"
            ) from error

    def images(pixels: Tensor) -> Tensor:
        return model.encode_image(pixels, normalize=True)

    def cut(batch: list[str]) -> Tensor:
        return tokenizer()(batch).to(on)

    def of_ids(ids: Tensor) -> Tensor:
        return model.encode_text(ids, normalize=True)

    def pieces(batch: list[str]) -> Pieces:
        return Pieces.padded_with(cut(batch), padding=int(cut([""])[0, -1]))

    def whole(batch: list[str]) -> list[bool] | None:
        """A text fits where room for one piece more changes nothing but the padding."""
        length, given = int(model.context_length), [*batch, ""]
        kept, roomy = tokenizer()(given), tokenizer()(given, context_length=length + 1)
        same = ((kept == roomy[:, :length]).all(1) & (roomy[:, length] == roomy[-1, -1])).tolist()
        return same[:-1] if same[-1] else None  # some tokenizers end on a mark, whatever the text

    def plain(batch: list[str]) -> Tensor:
        return of_ids(cut(batch))

    table = _table(model)
    texts = plain if table is None else TextTower(pieces, lambda given: of_ids(given.ids), table, int(model.context_length), whole)

    view = ViewSpec(windows=(PRESETS["ctclip"],), size=size, interpolation=interpolation_of(prepared["interpolation"]))
    return TorchEncoder(spec, view, model, on, slices=images, texts=texts, size=size, blocks=_blocks(model.visual), towers=_towers(model))


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind, `name` being that of the encoder that it began with, whose configuration and tokenizer go along."""
    place = _place(f"open_clip:{local_dir_name(name)}", name, want_weights=False)
    config: Any = open_clip.get_model_config(place.model)
    if place.options.get("force_quick_gelu"):
        config = {**config, "quick_gelu": True}
    prepared = open_clip.get_model_preprocess_cfg(encoder.model)
    kept = {key: prepared[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in prepared}
    (folder / _CONFIG).write_text(json.dumps({"model_cfg": config, "preprocess_cfg": kept}, indent=2) + "\n")
    save_weights(encoder.model, folder / HF_SAFE_WEIGHTS_NAME)
    if place.model.startswith(LOCAL_DIR):
        copy_files(Path(place.model.removeprefix(LOCAL_DIR)), folder, (*TOKENIZER_FILES, "config.json"))
    elif config.get("text_cfg", {}).get("hf_tokenizer_name"):
        with offline(), _quiet():
            tokenizer: Any = open_clip.get_tokenizer(place.model)
        tokenizer.save_pretrained(str(folder))
    return Exported(f"open_clip:{LOCAL_DIR}{{folder}}", f"open_clip: create_model_and_transforms('{LOCAL_DIR}{{folder}}')")


def _towers(model: Any) -> Towers:
    own = ("text",) if hasattr(model, "text") else ("token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection")
    text = tuple(name for name in own if getattr(model, name, None) is not None)
    bias = "logit_bias" if isinstance(getattr(model, "logit_bias", None), nn.Parameter) else ""
    return Towers(("visual",), text, "logit_scale", bias)


def _table(model: Any) -> nn.Embedding | None:
    """The embeddings of pieces, of open_clip's own text sides and those of transformers."""
    text = getattr(model, "text", model)
    if isinstance(text, HFTextEncoder):
        return text.transformer.get_input_embeddings()
    found = getattr(text, "token_embedding", None)
    return found if isinstance(found, nn.Embedding) else None


def _blocks(visual: Any) -> Blocks | None:
    if isinstance(visual, TimmModel):
        return vit_blocks(visual.trunk)
    if not isinstance(visual, VisionTransformer):
        return None
    transformer: Any = visual.transformer
    return Blocks(tuple(transformer.resblocks), tuple(visual.grid_size), prefix=1, batch_first=bool(transformer.batch_first))


def _create(uri: str, place: _Place, **options: Any) -> Any:
    try:
        with offline(), _quiet():
            return open_clip.create_model(place.model, precision="fp32", device="cpu", **place.options, **options)
    except ImportError as error:
        raise EncoderError(f"encoder {uri!r} needs a library that is missing ({error}): pip install transformers") from error
    except LOAD_ERRORS as error:
        where = place.weights or place.model
        raise EncoderError(f"encoder {uri!r} cannot be built from {where} ({one_line(error)}); get its files again") from error


def _tokenizer_files(place: _Place, config: dict[str, Any]) -> tuple[str, str]:
    """Where the tokenizer of texts was looked for, and how to get it."""
    if place.model.startswith(LOCAL_DIR):
        get = f"Where there is a network: {place.get}" if place.get else f"Put them beside its {_CONFIG}"
        return f"tokenizer.json and tokenizer_config.json in {place.model.removeprefix(LOCAL_DIR)}", get
    said: dict[str, Any] = config.get("text_cfg", {})
    repo = said.get("hf_tokenizer_name") or said.get("hf_model_name") or place.model
    return in_hub_cache(repo, ("tokenizer.json",)), f"Where there is a network: hf download {repo}"


def _place(uri: str, name: str, want_weights: bool) -> _Place:
    if name.startswith(_HUB):
        return _on_hub(uri, name.removeprefix(_HUB), want_weights)
    if name.startswith(LOCAL_DIR):
        return _in_folder(uri, name.removeprefix(LOCAL_DIR), want_weights)
    return _built_in(uri, name, want_weights)


def _in_folder(uri: str, name: str, want_weights: bool) -> _Place:
    folder = Path(name).expanduser().resolve()
    lacking = [] if (folder / _CONFIG).is_file() else [_CONFIG]
    if want_weights and not any(one.suffix in _WEIGHTS for one in folder.glob("*")):
        lacking.append(f"weights such as {_HUB_NAMES[0]}")
    if not name or not folder.is_dir():
        raise EncoderError(f"encoder {uri!r}: there is no folder {name!r}; write open_clip:{LOCAL_DIR}FOLDER")
    if lacking:
        raise EncoderError(f"encoder {uri!r} is not whole: {folder} holds no {' and no '.join(lacking)}; put the model's files there")
    return _Place(f"{LOCAL_DIR}{folder}")


def _on_hub(uri: str, repo: str, want_weights: bool) -> _Place:
    names = (_CONFIG,)
    config = cached_file(repo, names)
    looked = [] if config else [in_hub_cache(repo, names)]
    if want_weights and cached_file(repo, _HUB_NAMES) is None:
        looked.append(in_hub_cache(repo, _HUB_NAMES))
    get = f"hf download {repo}"
    if config is None:
        raise missing(uri, looked, get, otherwise="")  # without its configuration there is no model to fill at random
    if looked:
        raise missing(uri, looked, get)
    return _Place(f"{LOCAL_DIR}{config.parent}", get=get)


def _built_in(uri: str, name: str, want_weights: bool) -> _Place:
    model, _, tag = name.partition("/")
    if model not in open_clip.list_models():
        raise UnknownNameError("open_clip model", model, open_clip.list_models())
    tags = list_pretrained_tags_by_model(model)
    if not tag:
        if want_weights:
            raise UsageError(f"encoder {uri!r} lacks its tag: write open_clip:{model}/TAG, TAG one of {', '.join(tags) or 'none'}")
        return _Place(model)
    published = get_pretrained_cfg(model, tag)
    if not published:
        raise UnknownNameError(f"open_clip model {model!r}: tag", tag, tags)
    # a tag's own activation and normalization: open_clip only warns where the activation differs
    options = {
        "force_quick_gelu": bool(published.get("quick_gelu")),
        "force_preprocess_cfg": {key: published[key] for key in ("mean", "std") if key in published},
    }
    return _Place(model, str(_weights_of_tag(uri, published)) if want_weights else None, options)


def _weights_of_tag(uri: str, published: dict[str, Any]) -> Path:
    looked: list[str] = []
    repo, _, filename = published.get("hf_hub", "").rpartition("/")
    if repo:
        stem = PurePosixPath(filename).stem
        names = (f"{stem}.safetensors", filename) if filename else (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
        if file := cached_file(repo, tuple(dict.fromkeys(names))):
            return file
        looked.append(in_hub_cache(repo, tuple(dict.fromkeys(names))))
    url = published.get("url", "")
    if url:
        file = Path("~/.cache/clip").expanduser() / PurePosixPath(url).name
        if file.is_file():
            return file
        looked.append(str(file))
    raise missing(uri, looked, f"hf download {repo}" if repo else f"download {url} to there")


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip tells its steps through the root logger, and so would set up logging for the whole process."""
    root, handler, before = logging.getLogger(), logging.NullHandler(), logging.root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(handler)
