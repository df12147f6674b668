"""What a bank calls an encoder of local files: by their name, never by their path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def is_folder(name: str) -> bool:
    """Whether what follows the scheme is a folder of this machine."""
    return Path(name).expanduser().is_dir()


def folder_name(name: str) -> str:
    """`/models/mine` as `mine`; what is no folder of this machine and no path, such as ORG/NAME, as it is."""
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    return Path(name).expanduser().resolve().name if looks_like_path or is_folder(name) else name


LOCAL_DIR = "local-dir:"
"""What open_clip writes before a folder."""


def local_dir_name(name: str) -> str:
    """`local-dir:/models/mine` as `local-dir:mine`; what is no such folder as it is."""
    folder = name.removeprefix(LOCAL_DIR)
    return f"{LOCAL_DIR}{Path(folder).expanduser().resolve().name}" if folder != name and folder else name


def checkpoint_name(name: str) -> str:
    """`resnet18@/models/fold0.pt` as `resnet18@fold0`; what has no `@` as it is."""
    net, _, checkpoint = name.partition("@")
    return f"{net}@{Path(checkpoint).stem}" if checkpoint else name


def file_name(name: str) -> str:
    """`/models/CT-CLIP_v2.pt,/models/config.json` as `CT-CLIP_v2`."""
    source, comma, config = name.rpartition(",")
    return Path(source if comma and config.endswith(".json") else name).stem


ADAPTED = "adapted:"
"""What names of adapted encoders begin with."""


def adapted_parts(name: str) -> tuple[str, str]:
    """What follows `adapted:` as FOLDER and PARENT; the second is empty where none is named. A comma in a folder's name stays."""
    folder, comma, parent = name.partition(",")
    return (folder, parent) if comma and folder and parent and not is_folder(name) else (name, "")


def adapted_name(name: str) -> str:
    """`/runs/3,siglip:/models/mine` as the name that the card in `/runs/3` says; of what is no such folder, its last part."""
    folder, _ = adapted_parts(name)
    try:
        said: Any = json.loads((Path(folder).expanduser() / "card.json").read_bytes())["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return folder_name(folder)
    return said if isinstance(said, str) else folder_name(folder)
