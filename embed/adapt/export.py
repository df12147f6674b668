"""An adapted encoder as a folder that others' code loads: of its parent's own layout, with what was adapted merged in."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, final

from safetensors import SafetensorError

from ...store.errors import UsageError
from ...store.files import fsync_folder
from ...store.repository import told
from ..errors import disk_error
from ..exported import Exported
from ..named import bank_name, open_named
from ..torch_encoder import TorchEncoder
from .artifact import write_artifact
from .child import is_mergeable
from .opening import Kept, artifact_in, kept_encoders, kept_named, within

if TYPE_CHECKING:
    from ...store.bank import Bank
    from .artifact import Artifact

_LAYOUTS = {"ctclip": "ctclip_models", "monai": "monai_nets", "open_clip": "open_clip_models", "siglip": "siglip_models"} | {
    "timm": "timm_models",
    "tiny": "tiny_models",
}
"""By kind of the first parent, the file in `encoders/` whose `export_model` writes its layout."""
_KIND = re.compile(r"([a-z_]+)[:@]?(.*?)(?:\+(?:random\d+|bf16|fp16))*")


@final
@dataclass(frozen=True)
class Written:
    """A folder that was written."""

    encoder: str
    folder: Path
    files: tuple[str, ...]
    uri: str
    """By which scanbank opens it."""
    elsewhere: str
    """How others' code loads it."""


def export(bank: Bank, name: str, folder: Path, *, parent: str = "", adapter_alone: bool = False) -> Written:
    """Write an adapted encoder of a bank into a new folder.

    Args:
        bank: The bank.
        name: As in `kept_named`.
        folder: Must not exist yet.
        parent: The URI of the encoder that it all began with, where the bank's name for it does not open it.
        adapter_alone: Write its adapter and card instead, of whatever method.

    Raises:
        UsageError: there is something at `folder`, or no layout fits the encoder.
        EncoderError: it cannot be opened.
    """
    kept = kept_named(bank, name)
    if os.path.lexists(folder):
        raise UsageError(f"{str(folder)!r} exists already; choose another folder")
    if folder.name in ("", ".."):
        raise UsageError(f"{str(folder)!r} is no name of a new folder; choose one")
    artifact = artifact_in(bank, kept)
    if adapter_alone:
        with told(f"writing {folder}"):
            write_artifact(folder, artifact)
        return Written(kept.name, folder, tuple(artifact.files), f"adapted:{folder}", "")
    line = _line(bank, kept)
    root = line[-1].card.parent.name
    uri = parent if parent and bank_name(parent) == root else root
    match = _KIND.fullmatch(uri)
    kind, named = (match[1], match[2]) if match else ("", "")
    _check(kept, line, kind, root)
    encoder = within(bank, partial(open_named, device="cpu", typed=parent))(kept.name)
    assert isinstance(encoder, TorchEncoder)  # children are
    module = import_module(f"..encoders.{_LAYOUTS[kind]}", __package__)
    with told(f"writing {folder}"), _whole(folder) as aside:
        made: Exported = module.export_model(encoder, named, aside)
        files = tuple(sorted(path.name for path in aside.iterdir()))
    return Written(kept.name, folder, files, made.uri.format(folder=folder), made.elsewhere.format(folder=folder))


def _line(bank: Bank, kept: Kept) -> list[Artifact]:
    """Its artifact, that of its parent, and so on, as far as they are adapted."""
    line, known = [artifact_in(bank, kept)], {one.spec.digest: one for one in kept_encoders(bank)}
    while (parent := known.get(line[-1].card.parent.digest)) is not None:
        line.append(artifact_in(bank, parent))
    return line


def _check(kept: Kept, line: list[Artifact], kind: str, root: str) -> None:
    unmerged = [one.card for one in line if not is_mergeable(one.card.moving)]
    if unmerged:
        raise UsageError(
            f"encoder {kept.name!r} has {unmerged[0].moving.method} in it ({unmerged[0].encoder}): modules that the layout of {root} has "
            "no place for; those of methods lora, partial and full can be written, and --adapter writes what was trained alone"
        )
    if kind not in _LAYOUTS:
        raise UsageError(
            f"encoder {kept.name!r} began with {root}, a kind that has no layout of files of its own; those that have: "
            f"{', '.join(_LAYOUTS)}. --adapter writes what was trained alone"
        )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder aside, which gets the name when everything is in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    aside.mkdir()
    try:
        try:
            yield aside
        except SafetensorError as error:
            raise disk_error(error) from error
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    fsync_folder(folder.parent)
