"""`ctclip:CHECKPOINT[,CONFIG.json]`: CT-CLIP, its VocabFine and ClassFine (LiPro) variants, or smaller models of the kind."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ...store.errors import EncoderError, UsageError
from ...store.specs import EncoderSpec, ViewSpec
from ..ctclip.checkpoint import GET, locate, read_state
from ..ctclip.config import PUBLISHED, CTCLIPConfig, read_layout, read_said
from ..ctclip.model import CTCLIP, said_beside
from ..ctclip.preprocess import INPUT_RANGE, SPACING_MM, WINDOW
from ..ctclip.tokenizer import MAX_PIECES, CxrBertTokenizer, find_tokenizer
from ..device import pick_device
from ..encoder import Encoder
from ..errors import one_line
from ..exported import TOKENIZER_FILES, Exported, copy_files, save_weights
from ..text_tower import Pieces, TextTower
from ..torch_encoder import Features, TorchEncoder
from ..towers import Towers
from ..weights import seeded

SIZES = "published"
"""The name of the published sizes: with random weights they need no file."""
ORIENTATION = "PLS"
"""Where the columns, rows and planes of its volumes run to. CT-RATE stores x towards the left, y towards the back, z towards the head; the
published scripts take planes as (x, y), so that rows go along x."""
_TOWERS = Towers(("visual_transformer", "to_visual_latent"), ("text_transformer", "to_text_latent"), "temperature")


def open_encoder(name: str, *, random_weights: int | None, device: str) -> Encoder:
    """The encoder `ctclip:NAME`, NAME being CHECKPOINT, CHECKPOINT,CONFIG.json, or with random weights CONFIG.json or `published`.

    Its name in a bank is that of the file, without folders and ending; its weights have a digest of their own.
    """
    source, config = _parts(name)
    on = pick_device(device)
    path = locate(source)
    if random_weights is None:
        if source == SIZES and not path.is_file():
            raise EncoderError(
                f"'ctclip:{SIZES}' names the published sizes, without weights: give a checkpoint ({GET}), or --random-weights SEED"
            )
        if path.suffix == ".json":
            raise UsageError(f"'ctclip:{path.name}' is a configuration; write ctclip:CHECKPOINT,{path.name}, or add --random-weights SEED")
        model, label = CTCLIP.from_checkpoint(path, config), path.stem
    else:
        label = f"{SIZES if source == SIZES else path.stem}+random{random_weights}"
        sizes = _sizes(source, path, config)
        try:
            with seeded(random_weights):
                model = CTCLIP(sizes)
        except RuntimeError as error:  # of torch, where memory has no room for it
            raise EncoderError(f"encoder 'ctclip:{label}' cannot be built at its sizes ({one_line(error)})") from error
    return as_encoder(model, f"ctclip:{label}", str(on), None if source == SIZES else path.parent)


def as_encoder(model: CTCLIP, uri: str, device: str = "cpu", folder: Path | None = None) -> TorchEncoder:
    """A CT-CLIP as an encoder of volumes and texts.

    The depth vectors are the latents of the steps along depth, each of `temporal_patch_size` planes. CT-CLIP projects the mean of the
    steps, linearly, so that its volume latent is the mean of theirs before lengths are taken away. They were never trained one by one,
    and attention along depth has mixed the steps before.

    Args:
        model: On the CPU.
        uri: Its name in a bank.
        device: As in `pick_device`.
        folder: Where the tokenizer's files are looked for, before the Hugging Face cache.
    """
    config, on = model.config, pick_device(device)

    def volumes(voxels: Tensor) -> Features:
        tokens = model.encode_tokens(voxels)
        return Features(model.image_latents(tokens), model.step_latents(tokens), _in_scan(voxels, config.temporal_patch_size))

    @cache
    def tokenizer() -> CxrBertTokenizer:
        """Made when the first text comes: volumes need none."""
        found = find_tokenizer(folder, config.bert.max_position_embeddings)
        if found.size > config.bert.vocab_size:
            raise EncoderError(
                f"the tokenizer found for encoder {uri!r} has {found.size} pieces, its text tower {config.bert.vocab_size}; "
                "expected the tokenizer that it was trained with"
            )
        return found

    def pieces(batch: list[str]) -> Pieces:
        ids, mask = tokenizer()(batch)
        return Pieces(ids.to(on), mask.to(on, torch.bool))

    def of_pieces(given: Pieces) -> Tensor:
        return model.encode_text(given.ids, given.used.long())

    longest = min(config.bert.max_position_embeddings, MAX_PIECES)
    table = model.text_transformer.embeddings.word_embeddings
    texts = TextTower(pieces, of_pieces, table, longest, lambda batch: tokenizer().whole(batch))

    spec = EncoderSpec(
        name=uri,
        version="1",
        dim=config.dim_latent,
        unit_length=True,
        logit_scale=float(model.logit_scale.detach()),
        input_range=INPUT_RANGE,
        mean=(0.0,),
        std=(1.0,),
    )
    note = "; ".join(config.assumed)
    return TorchEncoder(spec, view_of(config), model, on, volumes=volumes, texts=texts, gives_depth=True, note=note, towers=_TOWERS)


def export_model(encoder: TorchEncoder, name: str, folder: Path) -> Exported:
    """Write a model of this kind under the published names, `name` being that of the encoder that it began with."""
    model = encoder.model
    assert isinstance(model, CTCLIP)
    save_weights(model, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(model.config.to_dict(), indent=2) + "\n")
    copy_files(locate(_parts(name)[0]).parent, folder, TOKENIZER_FILES)
    loading = "CT-CLIP's own code: model.load_state_dict(safetensors.torch.load_file('{folder}/model.safetensors'), strict=False)"
    return Exported("ctclip:{folder}/model.safetensors", loading)


def view_of(config: CTCLIPConfig) -> ViewSpec:
    """The published preprocessing at a model's size."""
    # HU are cut before they are interpolated, as the published scripts do
    shape, clip = (config.frames, *config.image_size), (WINDOW.lo, WINDOW.hi)
    return ViewSpec(windows=(WINDOW,), spacing_mm=SPACING_MM, shape=shape, orientation=ORIENTATION, clip=clip)


def _parts(name: str) -> tuple[str, Path | None]:
    """CHECKPOINT and CONFIG.json; a comma within the path of a file stays."""
    source, comma, config = name.rpartition(",")
    if comma and source and config.endswith(".json") and not Path(name).expanduser().is_file():
        return source, Path(config).expanduser()
    return name, None


def _sizes(source: str, path: Path, config: Path | None) -> CTCLIPConfig:
    if source == SIZES:
        return PUBLISHED if config is None else CTCLIPConfig.from_dict(PUBLISHED.to_dict() | read_said(config))
    if path.suffix == ".json":
        return CTCLIPConfig.from_dict(read_layout(path))
    return CTCLIPConfig.from_weights(read_state(path), said_beside(path, config))


def _in_scan(voxels: Tensor, planes: int) -> Tensor:
    """(B, T) of bool: steps that hold anything but padding; a volume that is all padding counts as whole."""
    steps = (voxels[:, 0] > INPUT_RANGE[0]).flatten(2).any(-1).unflatten(1, (-1, planes)).any(-1)
    return torch.where(steps.any(1, keepdim=True), steps, True)
