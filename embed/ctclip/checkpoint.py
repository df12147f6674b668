"""CT-CLIP's files: read without running what they may hold, and told in one line where they are not what they should be."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants, try_to_load_from_cache
from safetensors.torch import load_file

from ...store.errors import EncoderError
from ..weights import LOAD_ERRORS

DATASET, FOLDER = "ibrahimhamamci/CT-RATE", "models/CT-CLIP-Related"
PUBLISHED_FILES = ("CT-CLIP_v2", "CT_VocabFine_v2", "CT_LiPro_v2")
GET = (
    f"published are {', '.join(PUBLISHED_FILES)} (.pt), in {FOLDER} of the Hugging Face dataset {DATASET}: "
    f"accept its terms there, then hf download --repo-type dataset {DATASET} {FOLDER}/CT-CLIP_v2.pt, which ctclip:CT-CLIP_v2 finds"
)
_DAMAGE = (*LOAD_ERRORS, TypeError, AttributeError, IndexError, AssertionError, OverflowError, struct.error, zipfile.BadZipFile)
"""What reading a damaged file raises beside what it should."""
_ZIP, _LFS = b"PK\x03\x04", b"version https://git-lfs"


def locate(source: str) -> Path:
    """The path that `source` is; of a published file's name alone, where the Hugging Face cache holds it."""
    path, stem = Path(source).expanduser(), source.removesuffix(".pt")
    if not path.exists() and stem in PUBLISHED_FILES:
        found = try_to_load_from_cache(DATASET, f"{FOLDER}/{stem}.pt", cache_dir=constants.HF_HUB_CACHE, repo_type="dataset")
        if isinstance(found, str):
            return Path(found)
    return path


def read_state(path: Path) -> Mapping[str, Any]:
    """What a checkpoint holds: tensors by name, perhaps nested; of a `.pt` file or of safetensors, told by their first bytes.

    Tensors may be mapped from the file: copy what is kept.

    Raises:
        EncoderError: the file is missing, damaged, or holds more than tensors.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"
        raise EncoderError(f"CT-CLIP checkpoint {path} {reason}; {GET}") from error
    if start.startswith(_LFS):
        raise EncoderError(f"CT-CLIP checkpoint {path} is a pointer of Git LFS, not the file itself; {GET}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TorchScript archives, which are then refused
            state = load_file(path) if start[8:9] == b"{" else _torch_state(path, zipped=start.startswith(_ZIP))
    except pickle.UnpicklingError as error:
        reason = "is damaged, or holds more than tensors, such as code, and is not read: save the state dict alone"
        raise EncoderError(f"CT-CLIP checkpoint {path} {reason}; {GET}") from error
    except _DAMAGE as error:
        said = str(error).strip().partition("\n")[0][:120]
        raise EncoderError(f"CT-CLIP checkpoint {path} is damaged or cut short ({type(error).__name__}: {said}); {GET}") from error
    if not isinstance(state, Mapping):
        raise EncoderError(f"CT-CLIP checkpoint {path} holds {type(state).__name__}; expected tensors by name. {GET}")
    return state


def _torch_state(path: Path, *, zipped: bool) -> Any:
    if zipped:
        with zipfile.ZipFile(path) as archive:
            # torch reads past a wrong checksum: a weight that a bad copy changed would go unnoticed
            if bad := archive.testzip():
                raise zipfile.BadZipFile(f"checksum of {bad} does not fit")
    return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
