"""Files that are damaged or meant to harm: one clear line each, and never more memory or other code than they should get."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from exchange_files import FORMATS, vectors, write
from scanbank.store.errors import ExchangeError
from scanbank.store.exchange import SourceOptions, open_source

PATH = SourceOptions("path")


def refused(path: Path, pattern: str) -> str:
    """Reading fails with one line; gives it."""
    with pytest.raises(ExchangeError, match=pattern) as caught:
        for _ in open_source(path, PATH).blocks(1024):
            pass
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def _npy_header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin1")


class Runs:
    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("suffix", ["npz", "h5", "parquet"])
@pytest.mark.parametrize("part", [0.0, 0.05, 0.5, 0.95])
def test_files_cut_short(tmp_path: Path, suffix: str, part: float) -> None:
    path = write(tmp_path / f"v.{suffix}", vectors(2000), path=[str(i) for i in range(2000)])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    refused(path, "v." + suffix)


@pytest.mark.parametrize("suffix", FORMATS)
def test_other_bytes_under_a_known_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v.{suffix}"
    path.write_bytes(b"these are not the vectors you are looking for" * 9)
    refused(path, "v." + suffix)


def test_a_chunk_of_zarr_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "v.zarr", vectors(4), path=["a", "b", "c", "d"])
    (path / "vector" / "c" / "0" / "0").unlink()
    refused(path, "1 of 1 chunks of 'vector' are missing; copy the folder again")


def test_a_chunk_of_zarr_is_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "v.zarr", vectors(4), path=["a", "b", "c", "d"])
    chunk = path / "vector" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    refused(path, "cannot be read as Zarr")


def test_zarr_without_metadata(tmp_path: Path) -> None:
    (tmp_path / "v.zarr").mkdir()
    refused(tmp_path / "v.zarr", "cannot be read as Zarr")


@pytest.mark.parametrize("name", ["path", "vector"])
def test_pickled_arrays_are_not_unpickled(tmp_path: Path, name: str) -> None:
    arrays: dict[str, Any] = {"path": np.array(["a"]), "vector": vectors(1)}
    arrays[name] = np.array([Runs(str(tmp_path / "ran"))], dtype=object)
    np.savez(tmp_path / "v.npz", allow_pickle=True, **arrays)
    refused(tmp_path / "v.npz", "holds Python objects, which are pickled and so not read")
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "out" / "a.npy", arrays[name], allow_pickle=True)
    if name == "vector":
        refused(tmp_path / "out", "holds Python objects")
    assert not (tmp_path / "ran").exists()


def test_a_codec_of_zarr_that_unpickles_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "v", vectors(1), id=[1])
    (path / "path").mkdir()
    (path / "path" / ".zarray").write_text(
        '{"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": null, "fill_value": null, "order": "C", '
        '"filters": [{"id": "pickle", "protocol": 5}]}'
    )
    (path / "path" / "0").write_bytes(pickle.dumps(np.array([Runs(str(tmp_path / "ran"))], dtype=object)))
    refused(path, "codec that unpickles")
    assert not (tmp_path / "ran").exists()


def _huge_npz(path: Path, shape: tuple[int, ...]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        keys = io.BytesIO()
        np.save(keys, np.array(["a", "b"]))
        archive.writestr("path.npy", keys.getvalue())
        archive.writestr("vector.npy", _npy_header(shape) + bytes(64))
    return path


def _huge_h5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["path"] = ["a", "b"]
        file.create_dataset("vector", shape=(2, 2**19), maxshape=(None, 2**19), chunks=(1, 64), dtype="f4")
        file["vector"].resize((2**30, 2**19))  # pyright: ignore[reportAttributeAccessIssue]
        file.create_dataset("id", shape=(2**40,), chunks=(64,), dtype="i8")
    return path


def _huge_zarr(path: Path) -> Path:
    group = zarr.open_group(path, mode="w")
    group.create_array("vector", shape=(2**30, 2**19), chunks=(1, 64), dtype="f4")
    group.create_array("path", shape=(2**30,), chunks=(64,), dtype="i8")
    return path


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda p: _huge_npz(p / "v.npz", (2, 2**20)), "EOF|Failed to read|cannot be read as npz"),
        (lambda p: _huge_npz(p / "v.npz", (2**20, 2**20)), "'path' has 2 keys for 1048576 vectors"),
        (lambda p: _huge_npz(p / "v.npz", (2, 2**60)), "declares .* bytes and stores"),
        (lambda p: _huge_h5(p / "v.h5"), "'path' has 2 keys for"),
        (lambda p: _huge_zarr(p / "v.zarr"), "declares .* bytes and stores"),
    ],
    ids=["npz-short", "npz-rows", "npz-wide", "h5", "zarr"],
)
def test_sizes_that_are_only_declared(tmp_path: Path, make: Callable[[Path], Path], pattern: str) -> None:
    refused(make(tmp_path), pattern)


def test_an_empty_shell_of_hdf5_takes_no_memory(tmp_path: Path) -> None:
    refused_by = SourceOptions("path", key_column="id")
    with pytest.raises(ExchangeError, match="has 1099511627776 keys for"):
        open_source(_huge_h5(tmp_path / "v.h5"), refused_by)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("vector", shape=(2**30, 256), chunks=(1, 64), dtype="f4")
        file.create_dataset("id", shape=(2**30,), chunks=(64,), dtype="i8")
    with pytest.raises(ExchangeError, match=r"declares .* bytes and stores 0"):
        open_source(tmp_path / "w.h5", refused_by)


def test_a_zip_that_unpacks_without_end(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("vector.npy", "w", force_zip64=True) as file:
            file.write(_npy_header((2**12, 2**15)))
            for _ in range(2**9):
                file.write(bytes(2**20))
        with archive.open("path.npy", "w") as file:
            np.lib.format.write_array(file, np.array([str(i) for i in range(2**12)]))  # pyright: ignore[reportArgumentType]
    refused(tmp_path / "v.npz", "declares 536,870,912 bytes and stores")


def test_hdf5_reaches_no_other_file(tmp_path: Path) -> None:
    write(tmp_path / "secret.h5", vectors(2), path=["a", "b"])
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["path"] = ["a", "b"]
        file["vector"] = h5py.ExternalLink("secret.h5", "/vector")
    refused(tmp_path / "v.h5", r"no array looks like vectors .* there is path \(2, text\)$")
    layout = h5py.VirtualLayout((2, 4), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "vector", (2, 4))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["path"] = ["a", "b"]
        file.create_virtual_dataset("vector", layout)
    refused(tmp_path / "w.h5", "lies in other files, which are not followed")


def test_keys_that_are_no_utf8(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", path=np.array([b"a", b"\xff\xfe"]), vector=vectors(2))
    refused(tmp_path / "v.npz", "key 1 of 'path' is bytes that are no UTF-8")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("path", data=[b"a", b"\xff"], dtype=h5py.string_dtype())
        file["vector"] = vectors(2)
    refused(tmp_path / "v.h5", "key 1 of 'path' is bytes that are no UTF-8")


@pytest.mark.parametrize(
    ("lists", "pattern"),
    [
        ([[1.0, 2.0], [1.0]], "1 of the lists in 'vector' have another width than the first, 2"),
        ([[1.0, 2.0], None], "lacks 1 vectors or values"),
        ([[1.0, 2.0], [None, 1.0]], "lacks 1 vectors or values"),
        ([["a"], ["b"]], "is not numeric with one row an item"),
    ],
)
def test_parquet_lists_that_are_no_vectors(tmp_path: Path, lists: list[Any], pattern: str) -> None:
    pq.write_table(pa.table({"path": ["a", "b"], "vector": lists}), tmp_path / "v.parquet")
    refused(tmp_path / "v.parquet", pattern)


@pytest.mark.parametrize("lists", [[[1.0, 2.0], None], [[1.0, None], [1.0, 2.0]]])
def test_parquet_lists_of_fixed_size_that_lack_something(tmp_path: Path, lists: list[Any]) -> None:
    pq.write_table(pa.table({"path": ["a", "b"], "vector": pa.array(lists, pa.list_(pa.float32(), 2))}), tmp_path / "v.parquet")
    refused(tmp_path / "v.parquet", "lacks 1 vectors or values")


def test_parquet_keys_that_are_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a", None], "vector": [[1.0], [2.0]]}), tmp_path / "v.parquet")
    refused(tmp_path / "v.parquet", "key 1 of 'path' is missing")


def test_folders_of_no_use(tmp_path: Path) -> None:
    refused(tmp_path, "holds no .pt, .npz, .npy file and is no Zarr group")
    for place, width in enumerate((4, 4, 5, 6)):
        np.save(tmp_path / f"{place}.npy", vectors(1, width)[0])
    refused(tmp_path, "2 of 4 files hold vectors of another width than the first, 4: '2.npy', '3.npy'")
    np.savez(tmp_path / "4.npz", embedding=vectors(1))
    refused(tmp_path, "holds files of several formats, .npy, .npz")


@pytest.mark.parametrize("values", [np.ones((2, 4)), np.float64(3), np.array(["a", "b"]), np.ones(0), np.ones(4, dtype=bool)])
def test_items_that_are_no_vector(tmp_path: Path, values: Any) -> None:
    np.save(tmp_path / "a.npy", values)
    refused(tmp_path, "expected one numeric vector, D or 1 x D")


def test_pt_files_need_a_reader(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"")
    refused(tmp_path, "nothing was given to read it with")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("origin,embeddings\nb.png,../outside.npy\n", "line 2 names no origin, or no file within the folder"),
        ("origin,embeddings\n,a.npy\n", "line 2 names no origin"),
        ("origin,embeddings\nb.png,gone.npy\n", "line 2 names 'gone.npy', which is not there"),
        ("origin,embeddings\n", "has no rows"),
        ("file,key\na.npy,b\n", "has columns file, key; expected origin and embeddings"),
        ("", "has columns none"),
    ],
)
def test_manifests_that_lead_nowhere(tmp_path: Path, text: str, pattern: str) -> None:
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "outside.npy", vectors(1)[0])
    np.save(tmp_path / "in" / "a.npy", vectors(1)[0])
    (tmp_path / "in" / "manifest.csv").write_text(text)
    refused(tmp_path / "in", pattern)


def test_a_manifest_of_other_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", vectors(1)[0])
    (tmp_path / "manifest.csv").write_bytes(b"origin,embeddings\n\xff,a.npy\n")
    refused(tmp_path, "cannot be read as a manifest")
