"""Reading what other tools wrote: every format gives the same keys and vectors, and names are guessed by one rule."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr

from exchange_files import FORMATS, vectors, write
from scanbank.store.errors import ExchangeError, UnknownNameError
from scanbank.store.exchange import SourceOptions, open_source

PATH = SourceOptions("path")


def values_of(path: Path, options: SourceOptions = PATH, rows: int = 2) -> np.ndarray:
    return np.concatenate(list(open_source(path, options).blocks(rows)))


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats_agree(tmp_path: Path, suffix: str) -> None:
    X = vectors(5)
    path = write(tmp_path / f"v.{suffix}", X, path=[f"a/{i}.png" for i in range(5)], frame=[3, 1, 4, 1, 5])
    source = open_source(path, SourceOptions("path", by_slice=True))
    assert source.keys == tuple(f"a/{i}.png" for i in range(5))
    assert (source.dim, source.dtype, source.home) == (4, np.float32, tmp_path)
    assert (source.index, source.within) == ((3, 1, 4, 1, 5), "frame")
    np.testing.assert_array_equal(values_of(path), X)
    assert [len(block) for block in source.blocks(2)] == [2, 2, 1]
    assert open_source(path, PATH).index is None


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_numbers_keep_their_type(tmp_path: Path, suffix: str, dtype: str) -> None:
    X = (10 * vectors(3)).astype(dtype)
    path = write(tmp_path / f"v.{suffix}", X, path=["a", "b", "c"])
    assert open_source(path, PATH).dtype == dtype
    np.testing.assert_array_equal(values_of(path), X)


def test_the_keys_own_name_goes_first(tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(2), id=["i", "j"], accession=["A", "B"], path=["p", "q"])
    assert open_source(path, SourceOptions("accession")).keys == ("A", "B")
    assert open_source(path, PATH).keys == ("p", "q")
    assert open_source(path, SourceOptions("series")).keys == ("i", "j")
    assert open_source(path, SourceOptions("series", key_column="path")).keys == ("p", "q")


def test_vectors_are_found_by_name_or_as_the_only_matrix(tmp_path: Path) -> None:
    X = vectors(2)
    np.savez(tmp_path / "a.npz", path=["a", "b"], embeddings=X, other=vectors(2, 8))
    np.savez(tmp_path / "b.npz", path=["a", "b"], X=X)
    np.savez(tmp_path / "c.npz", path=["a", "b"], X=X, Y=X)
    np.testing.assert_array_equal(values_of(tmp_path / "a.npz"), X)
    np.testing.assert_array_equal(values_of(tmp_path / "b.npz"), X)
    with pytest.raises(ExchangeError, match=r"no array looks like vectors .* path \(2, <U1\), X \(2x4, float32\), Y \(2x4, float32\)"):
        open_source(tmp_path / "c.npz", PATH)
    np.testing.assert_array_equal(values_of(tmp_path / "c.npz", SourceOptions("path", vector_column="Y")), X)


def test_hdf5_looks_into_groups(tmp_path: Path) -> None:
    X = vectors(2)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["train/path"], file["train/vector"] = ["a", "b"], X
        file["test/path"], file["test/vector"] = ["c"], X[:1]
    with pytest.raises(ExchangeError, match="test/vector and train/vector are both called 'vector'; choose one with --vector-column"):
        open_source(tmp_path / "v.h5", PATH)
    chosen = SourceOptions("path", key_column="train/path", vector_column="train/vector")
    np.testing.assert_array_equal(values_of(tmp_path / "v.h5", chosen), X)


@pytest.mark.parametrize("width", [None, 4])
def test_parquet_takes_lists_of_either_kind(tmp_path: Path, width: int | None) -> None:
    X = vectors(3)
    kind = pa.list_(pa.float32(), width) if width else pa.large_list(pa.float32())
    table = pa.table({"path": pa.array(["a", "b", "c"]).dictionary_encode(), "embedding": pa.array(X.tolist(), kind)})
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=2)
    assert open_source(tmp_path / "v.parquet", PATH).keys == ("a", "b", "c")
    np.testing.assert_array_equal(values_of(tmp_path / "v.parquet"), X)


def test_zarr_of_format_2_is_read(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "v", mode="w", zarr_format=2)
    group.create_array("vector", data=vectors(3))
    group.create_array("id", data=np.array([7, 8, 9]))
    assert open_source(tmp_path / "v", SourceOptions("ordinal")).keys == ("7", "8", "9")
    np.testing.assert_array_equal(values_of(tmp_path / "v", SourceOptions("ordinal")), vectors(3))


def test_keys_of_bytes_and_numbers_are_text(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", path=np.array(["ä".encode(), b"b"]), vector=vectors(2))
    assert open_source(tmp_path / "b.npz", PATH).keys == ("ä", "b")
    np.savez(tmp_path / "i.npz", accession=np.array([17, 4]), vector=vectors(2))
    assert open_source(tmp_path / "i.npz", SourceOptions("accession")).keys == ("17", "4")


@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_a_folder_has_a_file_an_item(tmp_path: Path, ending: str) -> None:
    X = vectors(3)
    for place, name in enumerate(("p1/002", "p1/003", "p2/9.nii")):
        file = tmp_path / "out" / f"{name}{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".npz":
            np.savez_compressed(file, embedding=X[place : place + 1])  # as rate-evals writes: 1 x D
        else:
            np.save(file, X[place])
    (tmp_path / "out" / "processed.csv").write_text("accession\n")
    source = open_source(tmp_path / "out", PATH)
    assert (source.keys, source.stems, source.home) == (("p1/002", "p1/003", "p2/9.nii"), True, tmp_path / "out")
    np.testing.assert_array_equal(values_of(tmp_path / "out"), X)
    assert open_source(tmp_path / "out", SourceOptions("accession")).keys == ("002", "003", "9.nii")


def test_a_manifest_names_the_keys(tmp_path: Path) -> None:
    X = vectors(2)
    for place in range(2):
        np.save(tmp_path / f"{place}.npy", X[place])
    (tmp_path / "manifest.csv").write_text("origin,embeddings,target,split\nimages/b.png,1.npy,0,train\nimages/a.png,0.npy,1,val\n")
    source = open_source(tmp_path, PATH)
    assert (source.keys, source.stems) == (("images/b.png", "images/a.png"), False)
    np.testing.assert_array_equal(values_of(tmp_path), X[::-1])


def test_links_to_folders_are_followed_only_where_given(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    np.save(tmp_path / "real" / "a.npy", vectors(1)[0])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_source(tmp_path / "link", PATH).keys == ("a",)
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "in").symlink_to(tmp_path / "real")
    (tmp_path / "outer" / "loop").symlink_to(tmp_path / "outer")
    with pytest.raises(ExchangeError, match="holds no"):
        open_source(tmp_path / "outer", PATH)


@pytest.mark.parametrize(
    ("columns", "pattern"),
    [
        ({"path": ["a", "b", "a"]}, "1 keys come more than once, such as 'a'"),
        ({"path": ["a", "b"]}, "'path' has 2 keys for 3 vectors"),
        ({"path": ["a", " ", "c"]}, "key 1 of 'path' is empty"),
        ({"path": [0.5, 1.5, 2.5]}, "key 0 of 'path' is of type float; expected text or whole numbers"),
        ({"path": [True, False, True]}, "is of type bool"),
        ({"other": ["a", "b", "c"]}, r"no array looks like keys \(path, key or id.* other \(3, <U1\)"),
    ],
)
def test_keys_that_are_none(tmp_path: Path, columns: dict[str, list[object]], pattern: str) -> None:
    with pytest.raises(ExchangeError, match=pattern):
        open_source(write(tmp_path / "v.npz", vectors(3), **columns), PATH)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(1), path=["a"])
    with pytest.raises(UnknownNameError, match="column of --key-column 'paht' is unknown; did you mean 'path'"):
        open_source(path, SourceOptions("path", key_column="paht"))
    with pytest.raises(UnknownNameError, match="column of --vector-column 'x'"):
        open_source(path, SourceOptions("path", vector_column="x"))
    with pytest.raises(ExchangeError, match="'vector' is no list of keys"):
        open_source(path, SourceOptions("path", key_column="vector", vector_column="vector"))


@pytest.mark.parametrize("shape", [(3,), (3, 2, 2), (3, 0)])
@pytest.mark.parametrize("suffix", ["npz", "h5", "zarr"])
def test_vectors_must_be_a_matrix(tmp_path: Path, shape: tuple[int, ...], suffix: str) -> None:
    path = write(tmp_path / f"v.{suffix}", np.ones(shape, dtype=np.float32), path=["a", "b", "c"])
    with pytest.raises(ExchangeError, match=rf"shape {'x'.join(map(str, shape))}; expected vectors \(N, D\)"):
        open_source(path, SourceOptions("path", vector_column="vector"))
    if len(shape) != 2:
        with pytest.raises(ExchangeError, match=r"vector .* is not numeric with one row an item"):
            open_source(path, PATH)


def test_no_rows_are_no_import(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", path=np.empty(0, "U1"), vector=np.empty((0, 4), np.float32))
    with pytest.raises(ExchangeError, match="holds no vectors: 0 rows"):
        open_source(tmp_path / "v.npz", PATH)


def test_other_names_and_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("path,vector\n")
    with pytest.raises(ExchangeError, match=re.escape("is of no format that is read; expected .npz, .h5")):
        open_source(tmp_path / "v.csv", PATH)
    with pytest.raises(ExchangeError, match="does not exist"):
        open_source(tmp_path / "none.npz", PATH)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "folder" / "a.npy", vectors(1)[0])
    with pytest.raises(ExchangeError, match="leave out --key-column"):
        open_source(tmp_path / "folder", SourceOptions("path", key_column="id"))
