"""Feature sets in plain files: read back by other libraries, and imported again bit for bit."""

from __future__ import annotations

import json
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from eval_banks import SLICE, VOLUME, add_vectors, add_volumes, toy_bank
from scanbank.store import Bank, EncoderSpec, FeatureKey, FeatureSet, ViewSpec, Window
from scanbank.store.errors import BankAccessError, BankDamagedError, ExchangeError
from scanbank.store.exchange import EXPORT_SUFFIXES, ImportOptions, SourceOptions, export_features, import_vectors, open_source
from scanbank.store.feature_rows import FeatureRows
from scanbank.store.specs import Kind

SUFFIXES = [pytest.param(suffix, marks=pytest.mark.slow) if suffix == ".hdf5" else suffix for suffix in EXPORT_SUFFIXES]
"""`.hdf5` is `.h5` by another name; of the quick tests one looks at it."""


def columns(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file and its metadata, by the libraries of the formats alone."""
    match path.suffix:
        case ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files if name != "metadata"}
                return arrays, json.loads(str(file["metadata"]))
        case ".h5" | ".hdf5":
            with h5py.File(path, "r") as file:
                sets: dict[str, Any] = {str(name): file[name] for name in file}
                text = {name: data for name, data in sets.items() if h5py.check_string_dtype(data.dtype)}
                arrays = {name: np.asarray(data.asstr()[()] if name in text else data[()]) for name, data in sets.items()}
                return arrays, json.loads(str(file.attrs["metadata"]))
        case ".parquet":
            table = pq.read_table(path)
            arrays = {name: np.array(table.column(name).to_pylist()) for name in table.column_names}
            half = {name: a.astype(np.float32) if a.dtype == np.float64 and name == "vector" else a for name, a in arrays.items()}
            return half, json.loads(table.schema.metadata[b"scanbank"])
        case _:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                group = zarr.open_group(path, mode="r")
                return {name: np.asarray(array[:]) for name, array in group.arrays()}, json.loads(str(group.attrs["metadata"]))


def export(bank: Bank, features: FeatureSet | str, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    export_features(bank, bank.features(features) if isinstance(features, str) else features, path)
    return columns(path)


@pytest.mark.parametrize("suffix", EXPORT_SUFFIXES)
def test_slices_with_their_ids(bank: Bank, tmp_path: Path, suffix: str) -> None:
    toy_bank(bank, 6)
    held = bank.features(SLICE.name)
    arrays, metadata = export(bank, held, tmp_path / f"v{suffix}")
    assert set(arrays) == {"slice", "volume", "index", "z_mm", "ordinal", "vector"}
    np.testing.assert_array_equal(arrays["vector"], held.vectors())
    np.testing.assert_array_equal(arrays["ordinal"], held.items())
    assert arrays["slice"].tolist() == [f"v{i}s{k}" for i in range(6) for k in range(3)]
    assert arrays["volume"].tolist() == [f"v{i}" for i in range(6) for _ in range(3)]
    assert arrays["index"].tolist() == [0, 1, 2] * 6
    z = arrays["z_mm"]
    assert all(value is None or np.isnan(value) for value in z)
    assert EncoderSpec.from_dict(metadata["encoder"]) == SLICE.encoder
    assert ViewSpec.from_dict(metadata["view"]) == SLICE.view
    assert {k: metadata[k] for k in ("features", "digest", "kind", "layer", "declared", "rows", "format", "snapshot")} == {
        "features": "flat/brain/slice", "digest": SLICE.digest, "kind": "slice", "layer": "", "declared": False, "rows": 18,
        "format": bank.card["format"], "snapshot": bank.snapshot.id,
    }  # fmt: skip


@pytest.mark.parametrize("precision", ["float16", "float32"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trips_are_exact(tmp_path: Path, suffix: str, precision: str) -> None:
    banks = [Bank.create(tmp_path / name) for name in ("a", "b")]
    ordinals = [add_volumes(bank, ["p"] * 50, slices=30, first=0) for bank in banks]
    key = FeatureKey("slice", EncoderSpec("net", "1", 6, precision=precision), ViewSpec((Window(0, 80),)))
    rng = np.random.default_rng(3)
    of_slices = (ordinals[0][:, None] + 1 + np.arange(30)).ravel()
    X = np.frombuffer(rng.bytes(len(of_slices) * 6 * np.dtype(precision).itemsize), dtype=precision).reshape(-1, 6).copy()
    X[~np.isfinite(X)] = np.finfo(precision).tiny / 4  # a number below the normal ones, which must come through too
    with banks[0].commit("x") as commit:
        commit.append_features(key, X, rng.permutation(of_slices))
    banks[0].refresh()
    held = banks[0].feature_sets[0]
    export_features(banks[0], held, tmp_path / f"v{suffix}")
    for name, options in (("slice", SourceOptions("slice")), ("volume", SourceOptions("volume", by_slice=True))):
        done = import_vectors(banks[1], open_source(tmp_path / f"v{suffix}", options), ImportOptions("net", "slice", name, version=name))
        assert (done.added, done.precision) == (1500, precision)
        (other,) = (s for s in banks[1].feature_sets if s.key.encoder.version == name)
        assert other.vectors().tobytes() == held.vectors().tobytes()
        np.testing.assert_array_equal(other.items(), held.items())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_depth_with_places_and_mask(bank: Bank, tmp_path: Path, suffix: str) -> None:
    ordinals = add_volumes(bank, ["a", "b"])
    key = FeatureKey("depth", EncoderSpec("net", "1", 2), ViewSpec())
    z = np.array([[1, 2, np.nan], [4, np.nan, np.nan]], dtype=np.float32)
    X = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    with bank.commit("x") as commit:
        commit.append_features(key, FeatureRows(X, z, np.isfinite(z)), ordinals)
    bank.refresh()
    arrays, metadata = export(bank, key.name, tmp_path / f"v{suffix}")
    assert arrays["volume"].tolist() == ["v0", "v1"]
    assert metadata["kind"] == "depth"
    np.testing.assert_array_equal(arrays["vector"], X)
    np.testing.assert_array_equal(arrays["z_mm"].astype(np.float32), z)
    np.testing.assert_array_equal(arrays["mask"], np.isfinite(z))


def test_texts_and_prompts(bank: Bank, tmp_path: Path) -> None:
    with bank.commit("x") as commit:
        commit.append(
            "snippets", [{"snippet": "t0", "ordinal": 5, "study": "s0", "patient": "p", "section": "report", "position": 0, "text": "a"}]
        )
        commit.append("prompts", [{"prompt": "q0", "ordinal": 6, "finding": "f", "polarity": "positive", "text": "b"}])
        kinds: list[tuple[Kind, int]] = [("text", 5), ("prompt", 6)]
        for kind, ordinal in kinds:
            commit.append_features(
                FeatureKey(kind, EncoderSpec("net", "1", 2), ViewSpec()), np.ones((1, 2), np.float32), np.array([ordinal])
            )
    bank.refresh()
    arrays, _ = export(bank, "net/text", tmp_path / "t.npz")
    assert (arrays["snippet"].tolist(), arrays["study"].tolist(), arrays["ordinal"].tolist()) == (["t0"], ["s0"], [5])
    arrays, _ = export(bank, "net/prompt", tmp_path / "p.npz")
    assert (arrays["prompt"].tolist(), arrays["finding"].tolist()) == (["q0"], ["f"])


def test_items_that_are_no_more_are_left_out(bank: Bank, tmp_path: Path) -> None:
    ordinals = add_volumes(bank, ["a", "b", "c"])
    add_vectors(bank, VOLUME, ordinals, np.arange(24).reshape(3, 8))
    rows = bank.snapshot.rows("volumes")
    with bank.commit("x") as commit:
        commit.append("volumes", [next(row for row in rows if row["volume"] == "v1") | {"replaced_by": "v2"}])
    bank.refresh()
    done = export_features(bank, bank.features(VOLUME.name), tmp_path / "v.npz")
    assert (done.rows, done.left_out) == (2, 1)
    arrays, metadata = columns(tmp_path / "v.npz")
    assert (arrays["volume"].tolist(), metadata["rows"]) == (["v0", "v2"], 2)
    np.testing.assert_array_equal(arrays["vector"], np.arange(24).reshape(3, 8)[[0, 2]])


def test_a_snapshot_is_written_as_it_was(bank: Bank, tmp_path: Path) -> None:
    ordinals = add_volumes(bank, ["a", "b"])
    add_vectors(bank, VOLUME, ordinals[:1], np.ones((1, 8)))
    old = bank.snapshot.id
    add_vectors(bank, VOLUME, ordinals[1:], np.zeros((1, 8)))
    past = Bank.open(bank.path, at=old)
    arrays, metadata = export(past, VOLUME.name, tmp_path / "v.npz")
    assert (arrays["volume"].tolist(), metadata["snapshot"]) == (["v0"], old)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_holds_a_block_of_vectors(bank: Bank, tmp_path: Path, suffix: str) -> None:
    n, dim = 20 * 1024, 512
    ordinals = add_volumes(bank, ["p"], slices=n)
    slices = ordinals[0] + 1 + np.arange(n)
    key = FeatureKey("slice", EncoderSpec("net", "1", dim), ViewSpec())
    with bank.commit("x") as commit:
        commit.append_features(key, np.ones((n, dim), np.float32), slices)
    bank.refresh()
    held = bank.features(key.name)
    bank.sql("SELECT count(*) FROM slices")
    tracemalloc.start()
    export_features(bank, held, tmp_path / f"v{suffix}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * dim * 4 * 0.6  # of 42 MB


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_left_where_reading_fails_halfway(bank: Bank, tmp_path: Path, suffix: str) -> None:
    n, dim = 9 * 1024, 256
    slices = add_volumes(bank, ["p"], slices=n)[0] + 1 + np.arange(n)
    key = FeatureKey("slice", EncoderSpec("net", "1", dim), ViewSpec())
    with bank.commit("x") as commit:
        commit.append_features(key, np.ones((n, dim), np.float32), slices)
    bank.refresh()
    held = bank.features(key.name)
    held.vectors(0, 1)
    target = tmp_path / "out" / f"v{suffix}"
    target.parent.mkdir()
    if suffix != ".zarr":
        target.write_text("before")
    chunks = sorted((bank.path / "features" / "chunks").iterdir(), key=lambda file: (file.stat().st_mtime_ns, file.name))
    large = [file for file in chunks if file.stat().st_size > 2**19]
    large[-1].unlink()
    with pytest.raises(BankDamagedError, match="a file of 'vector' is missing"):
        export_features(bank, held, target)
    assert [file.name for file in target.parent.iterdir()] == ([] if suffix == ".zarr" else [target.name])
    if suffix != ".zarr":
        assert target.read_text() == "before"


def test_targets_that_are_none(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank, 6)
    held = bank.features(SLICE.name)
    with pytest.raises(ExchangeError, match=r"expected a name that ends in \.npz, \.h5"):
        export_features(bank, held, tmp_path / "v.csv")
    (tmp_path / "v.zarr").mkdir()
    with pytest.raises(ExchangeError, match="exists already; choose another name, or remove it first"):
        export_features(bank, held, tmp_path / "v.zarr")
    (tmp_path / "w.npz").mkdir()
    with pytest.raises(ExchangeError, match="exists already"):
        export_features(bank, held, tmp_path / "w.npz")
    with pytest.raises(BankAccessError, match=r"writing .* failed"):
        export_features(bank, held, tmp_path / "none" / "v.npz")
