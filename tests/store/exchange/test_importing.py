"""Vectors into declared sets: everything or nothing, every key looked up as tables look it up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dicom_files import write_enhanced, write_series
from eval_banks import add_volumes
from exchange_files import vectors, write
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import ExchangeError, UnknownNameError, UsageError
from scanbank.store.exchange import ImportOptions, ImportReport, SourceOptions, import_vectors, open_source
from scanbank.store.features import CHUNK_ROWS
from scanbank.store.ingest import ingest

UNKNOWN = ViewSpec.unknown()


def take(bank: Bank, path: Path, kind: str, key: str, **options: Any) -> ImportReport:
    by_slice = kind == "slice" and key not in ("slice", "ordinal")
    return import_vectors(bank, open_source(path, SourceOptions(key, by_slice=by_slice)), ImportOptions("net", kind, key, **options))


def refused(bank: Bank, pattern: str, path: Path, kind: str, key: str, **options: Any) -> None:
    """The import fails and the bank is as it was."""
    before = bank.log()[0].snapshot
    with pytest.raises(ExchangeError, match=pattern):
        take(bank, path, kind, key, **options)
    bank.refresh()
    assert bank.log()[0].snapshot == before


@pytest.fixture
def series(bank: Bank, tmp_path: Path) -> Bank:
    """Two patients with a series of 3 slices each, p0's study with a thicker second series; a single image; an enhanced file."""
    for i in range(2):
        write_series(tmp_path / "scans" / f"s{i}", n=3, patient_id=f"p{i}", study_uid=f"1.{i}", series_uid=f"1.{i}.1", seed=i)
    write_series(tmp_path / "scans" / "thick", n=2, step=3.0, patient_id="p0", study_uid="1.0", series_uid="1.0.2", seed=7)
    ingest(bank, [tmp_path / "scans"])
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "one.png")
    ingest(bank, [tmp_path / "one.png"], images="each")
    return bank


def volumes(bank: Bank) -> list[dict[str, Any]]:
    return bank.sql("SELECT * FROM volumes ORDER BY ordinal").to_pylist()


def test_by_ordinal_and_id(bank: Bank, tmp_path: Path) -> None:
    ordinals = add_volumes(bank, ["a", "b"], slices=2)
    X = vectors(2)
    done = take(bank, write(tmp_path / "v.npz", X, volume=["v1", "v0"]), "volume", "volume")
    assert (done.features, done.rows, done.added, done.present, done.dim, done.precision) == ("net/unknown/volume", 2, 2, 0, 4, "float32")
    held = bank.features("net/unknown/volume")
    assert held.declared
    assert held.key == FeatureKey("volume", EncoderSpec("net", "", 4, weights="unknown"), UNKNOWN)
    np.testing.assert_array_equal(held.items(), ordinals[::-1])
    np.testing.assert_array_equal(held.of(ordinals), X[::-1])
    Y = vectors(4, seed=1)
    take(bank, write(tmp_path / "s.npz", Y, slice=["v1s0", "v0s1", "v0s0", "v1s1"]), "slice", "slice")
    np.testing.assert_array_equal(bank.features("net/unknown/slice").of(ordinals[0] + np.arange(1, 3)), Y[[2, 1]])
    again = take(bank, write(tmp_path / "o.npz", X, ordinal=ordinals[::-1]), "volume", "ordinal")
    assert (again.added, again.present) == (0, 2)
    beyond = write(tmp_path / "p.npz", X, ordinal=[ordinals[0], 99])
    refused(bank, r"1 of 2 keys name no item of the bank: 1 x no volume has that ordinal \('99'\)", beyond, "volume", "ordinal")
    refused(bank, "no slice has that ordinal", write(tmp_path / "q.npz", X, ordinal=ordinals), "slice", "ordinal")


def test_by_volume_and_index(bank: Bank, tmp_path: Path) -> None:
    ordinals = add_volumes(bank, ["a", "b"], slices=3)
    X = vectors(3)
    take(bank, write(tmp_path / "v.npz", X, volume=["v1", "v1", "v0"], index=[2, 0, 1]), "slice", "volume")
    wanted = np.array([ordinals[1] + 3, ordinals[1] + 1, ordinals[0] + 2])
    np.testing.assert_array_equal(bank.features("net/unknown/slice").of(wanted), X)
    refused(bank, r"slices 0 to 2, not 3 \('v0'\)", write(tmp_path / "w.npz", X[:1], volume=["v0"], index=[3]), "slice", "volume")
    refused(bank, "a volume of 3 slices; say which in a column index", write(tmp_path / "x.npz", X[:1], volume=["v0"]), "slice", "volume")
    with pytest.raises(ExchangeError, match="holds other values than slice numbers"):
        take(bank, write(tmp_path / "y.npz", X[:1], volume=["v0"], index=[-1]), "slice", "volume")


def test_slices_by_path(series: Bank, tmp_path: Path) -> None:
    files = sorted((tmp_path / "scans" / "s1").iterdir())
    X = vectors(len(files) + 1)
    keys = [*(f"scans/s1/{file.name}" for file in files), "one.png"]
    take(series, write(tmp_path / "v.npz", X, path=keys), "slice", "path")
    at = {file: series.local_map.at_path(file)[0] for file in files}
    by_id = {row["volume"]: row for row in volumes(series)}
    wanted = [by_id[volume]["slice_ordinal"] + position for volume, position, _ in at.values()]
    held = series.features("net/unknown/slice")
    np.testing.assert_array_equal(held.of(np.array(wanted)), X[:-1])
    (image,) = (row for row in by_id.values() if row["kind"] == "image")
    np.testing.assert_array_equal(held.of(np.array([image["slice_ordinal"]])), X[-1:])


def test_relative_paths_count_from_the_root_given(series: Bank, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    path = write(tmp_path / "else" / "v.npz", vectors(1), path=["one.png"])
    refused(series, f"no scan was read from its path .*; relative paths count from {tmp_path}/else, or from --root", path, "slice", "path")
    assert take(series, path, "slice", "path", root=tmp_path).added == 1
    absolute = write(tmp_path / "else" / "w.npz", vectors(1), path=[str(tmp_path / "one.png")])
    assert take(series, absolute, "slice", "path").present == 1


def test_a_folder_of_stems_finds_files_with_endings(series: Bank, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "scans").mkdir(parents=True)
    np.save(out / "one.npy", vectors(1)[0])
    assert take(series, out, "volume", "path", root=tmp_path).added == 1
    np.save(out / "scans" / "s0.npy", vectors(2)[1])  # a folder is a series
    assert take(series, out, "volume", "path", root=tmp_path).added == 1
    Image.fromarray(np.ones((8, 8), dtype=np.uint8)).save(tmp_path / "one.jpg")
    ingest(series, [tmp_path / "one.jpg"], images="each")
    refused(series, r"1 x 2 files are called so, with different endings \('one'\)", out, "volume", "path", root=tmp_path)


@pytest.mark.parametrize(("key", "names"), [("series", ["1.0.1", "1.1.1"]), ("study", ["1.0", "1.1"]), ("patient", ["p0", "p1"])])
def test_volumes_by_original_ids(series: Bank, tmp_path: Path, key: str, names: list[str]) -> None:
    X = vectors(2)
    take(series, write(tmp_path / "v.npz", X, key=names), "volume", key)
    primary = [row for row in volumes(series) if row["kind"] == "dicom" and row["is_primary"]]
    by_patient = {row["patient"]: row["ordinal"] for row in primary}
    wanted = [by_patient[series.key.pseudonym("patient", name)] for name in ("p0", "p1")]
    assert {row["slices"] for row in primary} == {3}  # of the two series of p0 the thinner one
    np.testing.assert_array_equal(series.features("net/unknown/volume").of(np.array(wanted)), X)


def test_volumes_by_accession_are_the_studys_primary(series: Bank, tmp_path: Path) -> None:
    for place, slices in ((0, 3), (0, 2), (1, 3)):
        names = [{"AccessionNumber": f"ACC-{place}"}] * slices
        uid = f"9.{place}.{slices}"
        write_series(tmp_path / "b" / uid, n=slices, step=6 / slices, study_uid=f"9.{place}", series_uid=uid, elements=names, seed=slices)
    ingest(series, [tmp_path / "b"])
    take(series, write(tmp_path / "v.npz", vectors(2), accession=["ACC-1", "ACC-0"]), "volume", "accession")
    rows = series.sql('SELECT v.slices, v.is_primary FROM "net/unknown/volume" n JOIN volumes v ON v.volume = n.item').to_pylist()
    assert rows == [{"slices": 3, "is_primary": True}] * 2
    for file in series.path.rglob("*"):
        assert not file.is_file() or b"ACC-1" not in file.read_bytes()


def test_keys_that_mean_several(series: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "more", n=3, patient_id="p0", study_uid="2.0", series_uid="2.0.1", seed=9)
    ingest(series, [tmp_path / "more"])
    refused(series, r"3 volumes are meant by it; .* \('p0'\)", write(tmp_path / "v.npz", vectors(1), patient=["p0"]), "volume", "patient")
    file = next((tmp_path / "scans" / "s0").iterdir())
    one = write(tmp_path / "w.npz", vectors(1), path=[str(file)])
    refused(series, "it is one slice of a volume; use --kind slice", one, "volume", "path", skip_unknown=True)
    whole = write(tmp_path / "x.npz", vectors(1), path=["scans/s0"])
    refused(series, "it is a volume of 3 slices", whole, "slice", "path")


def test_frames_of_an_enhanced_file(bank: Bank, tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", positions=[(0.0, 0.0, z) for z in (3.0, 1.0, 0.0, 2.0)])
    ingest(bank, [path])
    X = vectors(4)
    take(bank, write(tmp_path / "v.npz", X, path=["e.dcm"] * 4, frame=[3, 2, 1, 0]), "slice", "path")
    (volume,) = volumes(bank)
    located = bank.local_map.locate(volume["volume"])
    assert located is not None
    wanted = X[::-1][[2, 1, 3, 0]]  # frames by height
    assert [source.frame for source in located.sources] == [2, 1, 3, 0]
    np.testing.assert_array_equal(bank.features("net/unknown/slice").of(volume["slice_ordinal"] + np.arange(4)), wanted)


def test_texts_by_snippet_and_study(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("study_uid,report\n1,Clear lungs.\n2,A nodule.\n3,Fluid.\n")
    table = read_table(tmp_path / "r.csv", TableOptions(), want="reports")
    annotate(bank, tmp_path / "r.csv", table, AnnotateOptions(create_studies=True))
    X = vectors(2)
    take(bank, write(tmp_path / "v.npz", X, study=["3", "1"]), "text", "study")
    rows = bank.sql('SELECT text, vector FROM "net/text"').to_pylist()
    assert {row["text"]: row["vector"] for row in rows} == {"Fluid.": X[0].tolist(), "Clear lungs.": X[1].tolist()}
    ids = bank.sql("SELECT snippet FROM snippets WHERE part = 'sentence' ORDER BY text").column(0).to_pylist()
    assert take(bank, write(tmp_path / "w.npz", vectors(3), snippet=ids), "text", "snippet", version="2").added == 3
    refused(bank, "no study has its study_uid", write(tmp_path / "x.npz", X, study=["9", "1"]), "text", "study")


def test_what_is_not_finite_is_counted(bank: Bank, tmp_path: Path) -> None:
    add_volumes(bank, ["a", "b", "c", "d"])
    X = vectors(4)
    X[1, 2], X[3, 0] = np.nan, np.inf
    path = write(tmp_path / "v.npz", X, volume=["v0", "v1", "v2", "v3"])
    refused(bank, "2 of 4 vectors hold values that are not finite, such as those of 'v1', 'v3'", path, "volume", "volume")
    large = write(tmp_path / "w.npz", np.full((1, 4), 70_000.0), volume=["v0"])
    refused(bank, "1 of 1 vectors hold values too large for float16", large, "volume", "volume", precision="float16")
    assert take(bank, large, "volume", "volume").precision == "float32"
    huge = write(tmp_path / "x.npz", np.full((1, 4), 1e300), volume=["v1"])
    refused(bank, "too large for float32", huge, "volume", "volume")


def test_unknown_keys_are_refused_or_left_out(bank: Bank, tmp_path: Path) -> None:
    add_volumes(bank, ["a"])
    path = write(tmp_path / "v.npz", vectors(3), volume=["x", "v0", "y"])
    told = r"2 of 3 keys name no item of the bank: 2 x no volume has that id \('x', 'y'\); --skip-unknown imports"
    refused(bank, told, path, "volume", "volume")
    done = take(bank, path, "volume", "volume", skip_unknown=True)
    assert (done.rows, done.added, done.unknown) == (3, 1, 2)
    np.testing.assert_array_equal(bank.features(done.features).vectors(), vectors(3)[1:2])
    none = write(tmp_path / "w.npz", vectors(2), volume=["x", "y"])
    refused(bank, "none of 2 keys names an item of the bank", none, "volume", "volume", skip_unknown=True)


def test_two_keys_of_one_item(series: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(3), path=["one.png", "./one.png", "scans/s0"])
    refused(series, "1 items are named by several keys, such as 'one.png and ./one.png'", path, "volume", "path")


def test_vectors_do_not_change(bank: Bank, tmp_path: Path) -> None:
    add_volumes(bank, ["a", "b", "c"])
    X = vectors(3)
    take(bank, write(tmp_path / "v.npz", X[:2], volume=["v0", "v1"]), "volume", "volume")
    before = bank.log()[0].snapshot
    done = take(bank, write(tmp_path / "v.npz", X[:2], volume=["v0", "v1"]), "volume", "volume")
    assert (done.added, done.present) == (0, 2)
    assert bank.log()[0].snapshot == before
    changed = X.copy()
    changed[1, 3] += 1
    path = write(tmp_path / "w.npz", changed, volume=["v0", "v1", "v2"])
    refused(bank, "1 of 2 items that are in 'net/unknown/volume' already have another vector there, such as 'v1'", path, "volume", "volume")
    assert take(bank, path, "volume", "volume", version="2").added == 3
    more = take(bank, write(tmp_path / "x.npz", X, volume=["v0", "v1", "v2"]), "volume", "volume")
    assert (more.added, more.present) == (1, 2)


def test_width_and_precision_follow_what_is_there(bank: Bank, tmp_path: Path) -> None:
    ordinals = add_volumes(bank, ["a", "b"])
    half = vectors(1).astype(np.float16)
    assert take(bank, write(tmp_path / "v.npz", half, volume=["v0"]), "volume", "volume").precision == "float16"
    wide = write(tmp_path / "w.npz", vectors(1, 8), volume=["v1"])
    refused(bank, "vectors of width 8; those in 'net/unknown/volume' have 4", wide, "volume", "volume")
    more = take(bank, write(tmp_path / "x.npz", vectors(2)[1:], volume=["v1"]), "volume", "volume")
    assert more.precision == "float16"
    held = bank.features("net/unknown/volume")
    assert held.dtype == "float16"
    np.testing.assert_array_equal(held.of(ordinals), vectors(2).astype(np.float16))
    with pytest.raises(ExchangeError, match="precision 'int8' cannot be stored"):
        take(bank, wide, "volume", "volume", precision="int8")


def test_a_declared_set_never_meets_one_that_embed_made(bank: Bank, tmp_path: Path) -> None:
    ordinals = add_volumes(bank, ["a", "b"])
    key = FeatureKey("volume", EncoderSpec("net", "", 4), ViewSpec((Window(0, 80),)))
    with bank.commit("embed") as commit:
        commit.append_features(key, vectors(1), ordinals[:1])
    bank.refresh()
    path = write(tmp_path / "v.npz", vectors(2), volume=["v0", "v1"])
    take(bank, path, "volume", "volume", view=ViewSpec.declared((Window(0, 80),)))
    assert sorted((s.name, s.declared, s.rows) for s in bank.feature_sets) == [
        ("net/brain/volume", False, 1),
        ("net/brain/volume", True, 2),
    ]
    assert len({s.digest for s in bank.feature_sets}) == 2


def test_many_rows_are_written_in_whole_chunks(bank: Bank, tmp_path: Path) -> None:
    n = 10 * CHUNK_ROWS + 300
    ordinals = add_volumes(bank, ["p"] * 11, slices=n // 11)
    slices = bank.sql("SELECT ordinal FROM slices ORDER BY ordinal").column(0).to_numpy()
    X = vectors(len(slices), 2)
    order = np.random.default_rng(0).permutation(len(slices))
    first = write(tmp_path / "v.npz", X[order[:100]], ordinal=slices[order[:100]])
    rest = write(tmp_path / "w.parquet", X[order], ordinal=slices[order])
    take(bank, first, "slice", "ordinal")
    done = take(bank, rest, "slice", "ordinal")
    assert (done.added, done.present) == (len(slices) - 100, 100)
    assert len(bank.log()) == 4  # init, volumes, and one commit an import
    held = bank.features("net/unknown/slice")
    np.testing.assert_array_equal(held.of(slices), X)
    np.testing.assert_array_equal(held.items(), slices[order])
    assert len(ordinals) == 11


def test_kinds_and_keys_that_do_not_go_together(bank: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(1), id=["a"])
    with pytest.raises(ExchangeError, match="key 'slice' cannot name vectors of kind 'volume'; choose one of path, volume, ordinal"):
        take(bank, path, "volume", "slice")
    with pytest.raises(UnknownNameError, match="key 'accesion' is unknown; did you mean 'accession'"):
        take(bank, path, "volume", "accesion")
    with pytest.raises(UnknownNameError, match="kind of vectors 'depth' is unknown"):
        take(bank, path, "depth", "volume")


def test_a_bank_of_the_past_takes_nothing(bank: Bank, tmp_path: Path) -> None:
    add_volumes(bank, ["a"])
    old = Bank.open(bank.path, at=bank.log()[0].snapshot)
    with pytest.raises(UsageError, match="open it without `at` to write"):
        take(old, write(tmp_path / "v.npz", vectors(1), volume=["v0"]), "volume", "volume")
