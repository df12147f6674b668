"""Models written in the layout of the library that they are of."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from safetensors.torch import save_file
from torch import nn


@final
@dataclass(frozen=True)
class Exported:
    """How a folder is opened again. `{folder}` stands for it."""

    uri: str
    """By scanbank; empty where it has no such URI."""
    elsewhere: str
    """By others' code."""


def save_weights(model: nn.Module, path: Path) -> None:
    """A model's state as safetensors, each tensor on its own: some share memory, which the format does not."""
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    save_file(state, path, metadata={"format": "pt"})


def copy_files(source: Path, folder: Path, names: Iterable[str]) -> None:
    """Those of these files that are there."""
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json"),
    *("merges.txt", "spiece.model", "tokenizer.model", "chat_template.jinja"),
)
"""What transformers' tokenizers are kept in."""
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
