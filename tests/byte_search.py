"""Looks for texts in every byte of a folder: as they are in many encodings, as unkeyed digests, and inside whatever is compressed."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scanbank.store.digests import keyed

_PREFIX = 8
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "shift_jis", "iso2022_jp", "euc_kr", "iso8859_5", "iso8859_7", "cp1251")
_DOMAINS = ("patient", "study", "series", "accession", "slice", "volume", "path", "own-patient", "study-of-accession")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_DEPTH = 4
_ZSTD, _DEFLATE = re.compile(rb"\x28\xb5\x2f\xfd"), re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


class Needle(NamedTuple):
    """A text in one of the shapes it may have in a file."""

    text: str
    shape: str
    pattern: bytes
    alone: bool = False
    """Digits count only where no hexadecimal digit stands beside them: any digits stand in a digest by chance."""


class Needles:
    """Finds any of very many patterns in one pass: a table tells where the first eight bytes may be those of one."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_prefix: dict[bytes, list[Needle]] = defaultdict(list)
        for text in dict.fromkeys(texts):
            shapes: dict[bytes, Needle] = {}
            for needle in _needles(text):
                shapes.setdefault(needle.pattern, needle)  # ASCII is alike in most encodings
            for needle in shapes.values():
                assert len(needle.pattern) >= _PREFIX, f"{needle} is too short to be told from chance"
                self._by_prefix[needle.pattern[:_PREFIX]].append(needle)
        prefixes = np.frombuffer(b"".join(self._by_prefix), dtype="<u8")
        self._table = np.zeros(1 << 22, dtype=bool)
        self._table[_slots(prefixes)] = True

    def __len__(self) -> int:
        return sum(map(len, self._by_prefix.values()))

    def within(self, data: bytes) -> set[tuple[str, str]]:
        """(text, shape) of all that are in the bytes."""
        found: set[tuple[str, str]] = set()
        for shift in range(min(_PREFIX, max(0, len(data) - _PREFIX + 1))):
            words = np.frombuffer(data, dtype="<u8", count=(len(data) - shift) // _PREFIX, offset=shift)
            for place in np.flatnonzero(self._table[_slots(words)]).tolist():
                at = shift + place * _PREFIX
                for needle in self._by_prefix.get(data[at : at + _PREFIX], ()):
                    if data.startswith(needle.pattern, at) and not (needle.alone and _in_digits(data, at, len(needle.pattern))):
                        found.add((needle.text, needle.shape))
        return found


def search(folder: Path, needles: Needles) -> list[str]:
    """One line for each find: the file, the layer within it, the text and its shape. Names of files count as bytes too."""
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found += [f"{name} > name: {text} as {shape}" for text, shape in needles.within(name.encode())]
        if path.is_file():
            for layer, data in layers(path):
                found += [f"{name} > {layer}: {text} as {shape}" for text, shape in sorted(needles.within(data))]
    return found


def layers(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of a file as it is, of every compressed stream in it, and of what its format says that it holds."""
    data = path.read_bytes()
    yield from _unpacked("bytes", data, 0)
    if path.suffix == ".parquet":
        yield from _columns(path)
    if path.suffix in (".html", ".json"):
        yield "unescaped", html.unescape(data.decode()).encode() if path.suffix == ".html" else repr(json.loads(data)).encode()


def _unpacked(name: str, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    yield name, data
    if depth < _DEPTH:
        for kind, start, unpack in (("zstd", _ZSTD, _zstd), ("deflate", _DEFLATE, _deflate)):
            for match in start.finditer(data):
                if inner := unpack(data[match.start() :]):
                    yield from _unpacked(f"{name} > {kind} at {match.start()}", inner, depth + 1)


def _zstd(data: bytes) -> bytes:
    """What the frame that starts here unpacks to; nothing where none does."""
    with suppress(OSError, IndexError), pa.CompressedInputStream(pa.BufferReader(data[: _frame_end(data)]), "zstd") as stream:
        return stream.read()
    return b""


def _frame_end(data: bytes) -> int:
    """Where a zstd frame ends (RFC 8878, section 3.1.1): decoders take what follows it for another, and fail. IndexError: it is cut off."""
    descriptor = data[4]
    single = descriptor >> 5 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + ((1 if single else 0), 2, 4, 8)[descriptor >> 6]
    while True:
        header = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)  # a block of one repeated byte is one byte long
        if header & 1:
            return at + 4 * (descriptor >> 2 & 1)


def _deflate(data: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj(31 if data[:1] == b"\x1f" else 15).decompress(data)
    return b""


def _columns(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each column of a Parquet file, decoded, and what its footer says: key-value metadata, lowest and highest values."""
    file = pq.ParquetFile(path, page_checksum_verification=True)
    yield "footer", repr(file.metadata.metadata).encode() + str(file.schema_arrow.metadata).encode()
    for group in range(file.num_row_groups):
        for at in range(file.metadata.num_columns):
            column = file.metadata.row_group(group).column(at)
            if column.is_stats_set and column.statistics.has_min_max:
                yield f"statistics of {column.path_in_schema}", f"{column.statistics.min}\0{column.statistics.max}".encode()
    for name in file.schema_arrow.names:
        yield f"column {name}", "\0".join(map(str, file.read(columns=[name])[name].to_pylist())).encode()


def _needles(text: str) -> Iterator[Needle]:
    digits = text.isdigit()
    forms = (text, text.lower(), text.upper(), *(unicodedata.normalize(form, text) for form in ("NFD", "NFC")))
    for form in dict.fromkeys(forms):
        for encoding in _ENCODINGS[:3] if text.isascii() else _ENCODINGS:
            with suppress(UnicodeEncodeError):
                yield Needle(text, encoding, form.encode(encoding), digits)
        yield Needle(text, "JSON", json.dumps(form)[1:-1].encode(), digits)
    yield Needle(text, "base64", base64.b64encode(text.encode()).rstrip(b"=")[: len(text) * 4 // 3])
    yield Needle(text, "hex", text.encode().hex().encode())
    if digits and int(text) < 2**63:
        yield Needle(text, "int64", int(text).to_bytes(8, "little"))
    for shape, digest in _digests(text):
        yield Needle(text, shape, digest[:16])
        yield Needle(text, shape, digest[:16].hex().encode())
        yield Needle(text, shape, digest[:16].hex().upper().encode())


def _digests(text: str) -> Iterator[tuple[str, bytes]]:
    """What anybody could compute of a text, to look it up."""
    raw = text.encode()
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
        yield name, getattr(hashlib, name)(raw).digest()
    yield "blake2b-16", hashlib.blake2b(raw, digest_size=16).digest()
    yield "blake2b-32", hashlib.blake2b(raw, digest_size=32).digest()
    yield from ((f"our digest of a {domain} without a key", bytes.fromhex(keyed(b"", domain, text))) for domain in _DOMAINS)


def _slots(words: np.ndarray) -> np.ndarray:
    return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(42)


def _in_digits(data: bytes, at: int, length: int) -> bool:
    return any(beside[:1] and beside[0] in _HEX for beside in (data[max(0, at - 1) : at], data[at + length : at + length + 1]))
