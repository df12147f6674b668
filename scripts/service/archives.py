"""Archives and gzip streams, unpacked in memory and no further than allowed. Names in them are checked, and used for nothing."""

from __future__ import annotations

import gzip
import stat
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath

from .limits import MIB, Limits
from .problems import Problem

ZIP = b"PK\x03\x04"
GZIP = b"\x1f\x8b"
_END = b"PK\x05\x06"
_END64 = b"PK\x06\x07"
_PIECE = MIB


def unzip(body: bytearray, limits: Limits) -> list[bytearray]:
    """The files of a zip archive, folders left out.

    Raises:
        Problem: 422 where it is damaged or encrypted, holds links, other archives, or names that lead out of it, or is packed in a way
            other than deflate; 413 where it holds or unpacks to too much.
    """
    _check_directory(body, limits)
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            for entry in archive.infolist():
                _check_entry(entry)
            if len(entries) > limits.max_files:
                raise Problem(413, f"the archive has {len(entries)} files; expected at most {limits.max_files}")
            _check_sizes(sum(entry.file_size for entry in entries), len(body), limits)
            return _unpacked(archive, entries, len(body), limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError, OverflowError):
        raise Problem(422, "the archive is damaged") from None


def gunzip(body: bytearray, limits: Limits) -> bytearray:
    """What a gzip stream holds.

    Raises:
        Problem: 422 where it is damaged or holds another archive, 413 where it unpacks to too much.
    """
    out = bytearray()
    try:
        with gzip.GzipFile(fileobj=BytesIO(body)) as stream:
            while piece := stream.read(_PIECE):
                out += piece
                _check_sizes(len(out), len(body), limits)
    except (OSError, EOFError, zlib.error):
        raise Problem(422, "the gzip stream is damaged or cut off") from None
    if out.startswith((ZIP, GZIP)):
        raise Problem(422, "the gzip stream holds another archive")
    return out


def _check_directory(body: bytearray, limits: Limits) -> None:
    """Before `zipfile` reads the whole directory, which could list millions of entries."""
    at = body.rfind(_END, max(0, len(body) - 22 - 0xFFFF))
    if at < 0 or len(body) < at + 22:
        raise Problem(422, "the archive is damaged or cut off: it has no directory")
    if body.find(_END64, max(0, at - 20), at) >= 0:
        raise Problem(422, "the archive is of the format zip64; expected at most 65535 files and 4 GiB")
    if int.from_bytes(body[at + 12 : at + 16], "little") > (limits.max_files + 16) * 512:
        raise Problem(413, f"the directory of the archive is too large for {limits.max_files} files")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename.replace("\\", "/")
    if name.startswith("/") or name[1:2] == ":" or ".." in PurePosixPath(name).parts or "\0" in name:
        raise Problem(422, "a name in the archive leads out of it")
    if entry.flag_bits & 0x1:
        raise Problem(422, "the archive is encrypted")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Problem(422, "the archive holds a link or a device; expected files")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Problem(422, "the archive is packed in a way other than deflate")


def _unpacked(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], packed: int, limits: Limits) -> list[bytearray]:
    files: list[bytearray] = []
    total = 0
    for entry in entries:
        data = bytearray()
        with archive.open(entry) as stream:
            while piece := stream.read(_PIECE):
                total += len(piece)
                _check_sizes(total, packed, limits)
                data += piece
        if data.startswith((ZIP, GZIP)):
            raise Problem(422, "the archive holds another archive")
        files.append(data)
    return files


def _check_sizes(unpacked: int, packed: int, limits: Limits) -> None:
    if unpacked > limits.max_unpacked:
        raise Problem(413, f"it unpacks to more than {limits.max_unpacked} bytes")
    if unpacked > limits.free_unpacked and unpacked > packed * limits.max_ratio:
        raise Problem(413, f"it unpacks to more than {limits.max_ratio} times its size")
