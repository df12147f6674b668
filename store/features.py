"""Feature sets: one group of Zarr arrays per FeatureKey, `vector` (N, D) and `item` (N,), in chunks with a checksum.

Sets of kind `depth` have `vector` (N, Z', D), and beside it `z_mm` and `mask` (N, Z'); those of kind `tokens` have `vector` (N, T, D)
and an attribute `grid`. `runs` (R, 3) says which rows hold which items.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import icechunk
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, Crc32cCodec

from .chunks import ChecksumError, read_rows, read_slice
from .errors import BankDamagedError, UsageError
from .feature_rows import FeatureRows, check_rows
from .runs import RUNS, RowIndex, append_runs, create_runs, runs_of
from .specs import EncoderSpec, FeatureKey, ViewSpec
from .vector_cache import VectorCache

SETS = "sets"
STAMP = "stamp"
"""The attribute of a set that differs after every change to its rows."""
CHUNK_ROWS = 1024
_ITEM_CHUNK_ROWS = 8192
# Zarr's default codecs do not notice a flipped byte; vectors hardly compress, so none is tried.
CODECS: dict[str, Any] = {"serializer": BytesCodec(), "compressors": [Crc32cCodec()], "filters": None}
_DTYPES = ("float16", "float32")
_WAY_OUT = "restore features/ from a copy of the bank"


@dataclass(frozen=True)
class FeatureSet:
    """A feature set as a snapshot has it. Arrays are read when asked for."""

    key: FeatureKey
    digest: str
    declared: bool
    """Whether the vectors were imported: their key is what the importer said."""
    group: zarr.Group
    cache: VectorCache | None = field(default=None, repr=False, compare=False)
    version: str = field(default="", compare=False)
    """Of its rows: a copy that is kept of one version is not taken for another."""
    check_kept: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """Raises SnapshotGoneError where the snapshot was expired meanwhile."""

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def rows(self) -> int:
        return self._array("item").shape[0]

    @property
    def dim(self) -> int:
        return self._array("vector").shape[-1]

    @property
    def vector_shape(self) -> tuple[int, ...]:
        """Of one row: (D,), of kind `depth` (Z', D), of `tokens` (T, D)."""
        return self._array("vector").shape[1:]

    @property
    def dtype(self) -> str:
        return str(self._array("vector").dtype)

    @property
    def chunk_rows(self) -> int:
        """Rows that are stored, and so best read, together."""
        return self._array("vector").chunks[0]

    @property
    def grid(self) -> tuple[int, ...] | None:
        """Of a set of kind `tokens`: how the T tokens of an item lie, such as (Y', X'), the last axis running fastest."""
        held = cast("Any", self.group.attrs.get("grid"))
        return None if held is None else tuple(held)

    def items(self) -> NDArray[np.int64]:
        """(N,) ordinals, in the order of `vectors`."""
        return self._read("item")

    def vectors(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32] | NDArray[np.float16]:
        """(N, D), of kind `depth` (N, Z', D), of `tokens` (N, T, D), or rows start..stop of it.

        Read-only: it may be mapped from a file. Copy it to change it.

        Raises:
            BankDamagedError: a chunk is missing, or its checksum does not fit its bytes.
        """
        array, rows = self._array("vector"), slice(start, stop)
        whole = rows.indices(array.shape[0])[:2] == (0, array.shape[0])
        if self.cache:
            kept = self.cache.get(self._copy, array.dtype, array.shape) if whole else self.cache.opened(self._copy)
            if kept is not None:
                return cast("Any", kept[rows])
        read = self._read("vector", rows)
        if self.cache and whole:
            self.cache.put(self._copy, read)
        read.flags.writeable = False
        return read

    def z_mm(self) -> NDArray[np.float32]:
        """(N, Z') of a set of kind `depth`: millimetres along the superior axis, NaN where unknown and in padding.

        Raises:
            UsageError: the set is of another kind.
        """
        return self._beside("z_mm")

    def mask(self) -> NDArray[np.bool_]:
        """(N, Z') of a set of kind `depth`: False where a step is padding.

        Raises:
            UsageError: the set is of another kind.
        """
        return self._beside("mask")

    def of(self, ordinals: NDArray[np.int64]) -> NDArray[np.float32] | NDArray[np.float16]:
        """(M, D), of kind `depth` (M, Z', D): the vectors of these items, in their order.

        Raises:
            UsageError: an item has no vector here.
        """
        return self.rows_of(ordinals).vector

    def holds(self, ordinals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(M,): which of these items have a vector here."""
        return self._index.rows(np.asarray(ordinals, dtype=np.int64)) >= 0

    def rows_of(self, ordinals: NDArray[np.int64]) -> FeatureRows:
        """As `of`, with the places of vectors along depth.

        Raises:
            UsageError: an item has no vector here.
        """
        rows = self._index.rows(np.asarray(ordinals, dtype=np.int64))
        if missing := int(np.sum(rows < 0)):
            raise UsageError(f"feature set {self.name!r} has no vector for {missing} of {len(ordinals)} items; embed them first")
        kept = self.cache.opened(self._copy) if self.cache else None
        vector = self._read("vector", rows) if kept is None else kept[rows]
        return FeatureRows(vector, *(self._read(name, rows) for name in _names(self.key)[1:]), grid=self.grid)

    @property
    def _copy(self) -> str:
        return f"{self.digest}-{self.version}"

    @cached_property
    def _index(self) -> RowIndex:
        try:
            runs = self._read(RUNS)
        except KeyError:  # of an older bank: they follow from its items
            runs = runs_of(self.items())
        return RowIndex(runs)

    @cached_property
    def _arrays(self) -> dict[str, zarr.Array]:
        return {}

    def _array(self, name: str) -> zarr.Array:
        """Opened once, as that takes longer than reading a chunk."""
        if name not in self._arrays:
            self._arrays[name] = _array(self.group, name)
        return self._arrays[name]

    def prepare(self) -> FeatureSet:
        """Open the arrays that looking items up needs, so that the first look-up takes as long as any other."""
        with suppress(KeyError):  # an older bank has no runs
            for name in ("vector", RUNS):
                self._array(name)
        return self

    def _read(self, name: str, rows: slice | NDArray[np.int64] = slice(None)) -> Any:
        try:
            with _told(str(self.group.attrs["name"]), name):
                array = self._array(name)
                return read_slice(array, rows) if isinstance(rows, slice) else read_rows(array, rows)
        except BankDamagedError:
            self.check_kept()
            raise

    def _beside(self, name: str) -> Any:
        if self.key.kind != "depth":
            raise UsageError(f"feature set {self.name!r} is of kind {self.key.kind!r}; only sets of kind 'depth' have {name}")
        return self._read(name)


def distinct_names(sets: Sequence[FeatureSet]) -> dict[str, str]:
    """What each set is called, by digest: its name, and where several share one, `NAME@` and the beginning of the digest."""
    shared = Counter(one.name for one in sets)
    return {one.digest: one.name if shared[one.name] == 1 else f"{one.name}@{one.digest[:8]}" for one in sets}


def read_set(
    group: zarr.Group, cache: VectorCache | None = None, snapshot: str = "", check_kept: Callable[[], None] = lambda: None
) -> FeatureSet:
    """A group of arrays as a feature set. `snapshot` is the version of a set of an older bank, which has none of its own."""
    spec = cast("dict[str, Any]", group.attrs["key"])
    key = FeatureKey(spec["kind"], EncoderSpec.from_dict(spec["encoder"]), ViewSpec.from_dict(spec["view"]), spec["layer"])
    version = str(group.attrs.get(STAMP, snapshot))
    return FeatureSet(key, str(group.attrs["digest"]), bool(group.attrs["declared"]), group, cache, version, check_kept)


def append(root: zarr.Group, key: FeatureKey, rows: FeatureRows, items: NDArray[np.int64], *, declared: bool = False) -> None:
    """Add rows to the set of `key`, making it where there is none. Whoever calls this commits.

    Raises:
        UsageError: shapes do not fit, a value is not finite, or an item comes twice within the rows.
    """
    check_rows(rows, items, key.name, key.encoder.dim, key.kind)
    path = f"{SETS}/{key.digest}"
    group = root.get(path)
    if not isinstance(group, zarr.Group):
        group = _create(root, path, key, rows, declared)
    held = cast("Any", group.attrs.get("grid"))
    if rows.grid is not None and list(rows.grid) != list(held):
        raise UsageError(f"tokens for {key.name!r} lie in a grid {tuple(rows.grid)}; the set holds {tuple(held)}: give the view a size")
    item = _array(group, "item")
    start, stop = item.shape[0], item.shape[0] + len(items)
    if key.kind == "depth":
        rows = rows.padded(_array(group, "mask").shape[1])
    for name, values in zip(_names(key), (rows.vector, rows.z_mm, rows.mask), strict=False):
        array = _array(group, name)
        # of scans with more steps than any before: the rest gets more padding, by the arrays' fill values
        array.resize((stop, *cast("NDArray[Any]", values).shape[1:]))
        array[start:stop] = cast("NDArray[Any]", values).astype(array.dtype)
    item.resize((stop,))
    item[start:stop] = items
    append_runs(group, items, start)
    stamp(group)


def rows_in_chunk(inner: Sequence[int]) -> int:
    """Rows of vectors of this shape in a chunk: about as many vectors where a row holds many; a power of two, as commits are aligned."""
    return max(1, CHUNK_ROWS >> (inner[0] - 1).bit_length()) if len(inner) > 1 else CHUNK_ROWS


def stamp(group: zarr.Group) -> None:
    """A new version of a set, for whoever changed its rows."""
    group.attrs[STAMP] = secrets.token_hex(8)


def _names(key: FeatureKey) -> tuple[str, ...]:
    return ("vector", "z_mm", "mask") if key.kind == "depth" else ("vector",)


def _create(root: zarr.Group, path: str, key: FeatureKey, rows: FeatureRows, declared: bool) -> zarr.Group:
    precision = key.encoder.precision
    if precision not in _DTYPES:
        raise UsageError(f"precision {precision!r} of {key.encoder.name!r} cannot be stored; choose one of {', '.join(_DTYPES)}")
    spec = {"kind": key.kind, "encoder": key.encoder.to_dict(), "view": key.view.to_dict(), "layer": key.layer}
    group = root.create_group(path, attributes={"key": _jsonable(spec), "digest": key.digest, "name": key.name, "declared": declared})
    if rows.grid is not None:
        group.attrs["grid"] = list(rows.grid)
    inner: list[int] = list(rows.vector.shape[1:])
    chunk = rows_in_chunk(inner)
    group.create_array("vector", shape=(0, *inner), chunks=(chunk, *(max(1, n) for n in inner)), dtype=precision, **CODECS)
    if key.kind == "depth":
        steps = max(1, inner[0])
        group.create_array("z_mm", shape=(0, inner[0]), chunks=(CHUNK_ROWS, steps), dtype="float32", fill_value=np.nan, **CODECS)
        group.create_array("mask", shape=(0, inner[0]), chunks=(CHUNK_ROWS, steps), dtype="bool", **CODECS)
    group.create_array("item", shape=(0,), chunks=(_ITEM_CHUNK_ROWS,), dtype="int64", **CODECS)
    create_runs(group, CODECS)
    return group


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    return value


def _array(group: zarr.Group, name: str) -> zarr.Array:
    return cast("zarr.Array", group[name])


@contextmanager
def _told(features: str, name: str) -> Iterator[None]:
    """Around reading an array: what is wrong with it in words."""
    try:
        yield
    except ChecksumError as error:
        why = "its checksum does not fit"
        raise BankDamagedError(f"feature set {features!r}: a chunk of {name!r} is damaged ({why}); {_WAY_OUT}") from error
    except icechunk.IcechunkError as error:
        # Reading from a folder that was opened, Icechunk fails for files that are not there or not whole.
        raise BankDamagedError(f"feature set {features!r}: a file of {name!r} is missing or damaged; {_WAY_OUT}") from error
