"""Files of adapted encoders, `artifacts/SHA256-TOKEN/NAME`: each is there if and only if a snapshot lists it, as table files are.

What one adapter is made of lies in one folder, named by its digest and a token of the commit that wrote it, so that what one writer
takes back is never another's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, cast, final

import zarr

from .errors import BankAccessError, BankDamagedError, UnknownNameError
from .places import Place

FOLDER = "artifacts"
"""Of the files, and of the group whose attribute `files` lists them."""
_WAY_OUT = "restore it from a copy of the bank, or see `scanbank doctor`"


@final
@dataclass(frozen=True)
class ArtifactFile:
    """One file, as a snapshot lists it."""

    artifact: str
    """sha256 of the adapter that it belongs to."""
    name: str
    """Within `artifacts/`."""
    bytes: int
    sha256: str

    @property
    def path(self) -> str:
        """Within the bank."""
        return f"{FOLDER}/{self.name}"

    @property
    def part(self) -> str:
        """What it is called in its folder, such as `card.json`."""
        return self.name.rpartition("/")[2]

    def is_of(self, data: bytes) -> bool:
        """Whether these are the bytes that were committed."""
        return hashlib.sha256(data).hexdigest() == self.sha256


def listed(root: zarr.Group) -> list[ArtifactFile]:
    """The files that a snapshot or a commit lists."""
    group = root.get(FOLDER)
    return entries_of(dict(group.attrs)) if isinstance(group, zarr.Group) else []


def entries_of(attributes: Mapping[str, Any]) -> list[ArtifactFile]:
    """The files that the attributes of the group list."""
    return [ArtifactFile(**entry) for entry in attributes.get("files", [])]


def list_files(root: zarr.Group, files: list[ArtifactFile]) -> None:
    """Let these be all that a commit lists."""
    root.require_group(FOLDER).attrs["files"] = cast("Any", [asdict(file) for file in files])


def write_files(place: Place, artifact: str, files: Mapping[str, bytes], written: Callable[[str], None]) -> list[ArtifactFile]:
    """Write an artifact into a folder of its own. `written` is told of each path before it is made."""
    folder, found = f"{artifact}-{secrets.token_hex(4)}", list[ArtifactFile]()
    for name, data in files.items():
        one = ArtifactFile(artifact, f"{folder}/{name}", len(data), hashlib.sha256(data).hexdigest())
        written(one.path)
        place.write(one.path, data)
        found.append(one)
    return found


def problem_of(place: Place, file: ArtifactFile) -> str:
    """What is wrong with a file, in words; empty where nothing is."""
    try:
        data = place.read(file.path)
    except OSError as error:
        return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror or error})"
    return "" if file.is_of(data) else "is not what was committed"


def read_files(place: Place, root: zarr.Group, artifact: str) -> dict[str, bytes]:
    """The files of an artifact, by name, compared with their digests.

    Raises:
        UnknownNameError: the snapshot lists none of that digest.
        BankDamagedError: one is missing or not what was committed.
        BankAccessError: one may not be read.
    """
    files = [file for file in listed(root) if file.artifact == artifact]
    if not files:
        raise UnknownNameError("artifact", artifact, {file.artifact for file in listed(root)})
    found: dict[str, bytes] = {}
    for file in files:
        try:
            found[file.part] = place.read(file.path)
        except PermissionError as error:
            raise BankAccessError(f"{file.path} cannot be read: permission denied") from error
        except OSError as error:
            what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror or error}"
            raise BankDamagedError(f"{file.path} {what}; {_WAY_OUT}") from error
        if not file.is_of(found[file.part]):
            raise BankDamagedError(f"{file.path} is damaged: its bytes are not those that were committed; {_WAY_OUT}")
    return found


def remove_empty_folders(place: Place) -> None:
    """What is left in a bank on a file system where all files of an artifact went."""
    if place.folder is not None and (place.folder / FOLDER).is_dir():
        for folder in (place.folder / FOLDER).iterdir():
            with suppress(OSError):  # not empty, or no folder
                folder.rmdir()
