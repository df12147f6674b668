"""What searches start from: scans and slices of the bank by any of their names, and new files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.one_scan import encode_scan, read_scan
from scanbank.eval.item_vectors import item_vector
from scanbank.eval.like import NewScan, item_of, require_item, resolved
from scanbank.eval.search import Asked, answer
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError
from search_banks import Brightness, Fixed, bright_bank, catalog, f32, put, reports


@pytest.fixture
def bright(bank: Bank, tmp_path: Path) -> Bank:
    return bright_bank(bank, tmp_path / "scans", Brightness())


def test_a_scan_is_known_by_all_its_names(bright: Bank, tmp_path: Path) -> None:
    row = bright.sql("SELECT volume, study FROM volumes ORDER BY ordinal").to_pylist()[0]
    volume, study = row["volume"], row["study"]
    slices = bright.sql(f"SELECT slice FROM slices WHERE volume = '{volume}' ORDER BY index").column(0).to_pylist()
    files = sorted((tmp_path / "scans" / "0").iterdir())
    for name in (volume, str(tmp_path / "scans" / "0"), "1.0"):
        item = resolved(bright, name)
        assert not isinstance(item, Path)
        assert (item.volume, item.index, item.study) == (volume, None, study)
    for name in (slices[2], str(files[2])):
        item = resolved(bright, name)
        assert not isinstance(item, Path)
        assert (item.volume, item.what) == (volume, "slice")
    assert require_item(bright, slices[2]).index == 2
    assert item_of(bright, "0" * 32) is None


def test_what_is_no_scan_is_refused(bright: Bank, tmp_path: Path) -> None:
    for name in ("nothing", "a'; DROP", "x" * 5000, "\x00", "\udc80", "x" * 300):
        with pytest.raises(UsageError):
            resolved(bright, name)
    with pytest.raises(UnknownNameError, match="Give the id of a scan or a slice"):
        resolved(bright, "nothing")
    with pytest.raises(UsageError, match="holds 3 scans of the bank"):
        resolved(bright, str(tmp_path / "scans"))
    with pytest.raises(UsageError, match="has that id"):
        require_item(bright, "nothing")
    (tmp_path / "empty").mkdir()
    assert resolved(bright, str(tmp_path / "empty")) == tmp_path / "empty"
    with pytest.raises(UsageError, match="holds no scans"):
        read_scan(tmp_path / "empty")
    shutil.copytree(tmp_path / "scans", tmp_path / "others")
    with pytest.raises(UsageError, match="holds 3 scans"):
        read_scan(tmp_path / "others")


def test_a_new_scan_finds_what_embedding_it_would(bright: Bank, tmp_path: Path) -> None:
    """A copy elsewhere, of which the bank knows nothing."""
    copy = shutil.copytree(tmp_path / "scans" / "1", tmp_path / "copy")
    assert resolved(bright, str(copy)) == copy
    encoder, scan = Brightness(), read_scan(copy)
    volumes = bright.sql("SELECT volume FROM volumes ORDER BY ordinal").column(0).to_pylist()
    item = require_item(bright, volumes[1])
    features = bright.features("brightness/brain/volume")
    held = item_vector(bright, features, item)
    assert held is not None
    vector = encode_scan(encoder, features.key, scan)
    np.testing.assert_allclose(vector / np.linalg.norm(vector), held, atol=1e-6)
    # by slices, their mean: the vectors along depth of this encoder are those of its planes
    slicewise, depths = Brightness("slice", "text"), bright.features("brightness/brain/depth")
    by_slices = encode_scan(slicewise, replace(depths.key, kind="slice"), scan)
    np.testing.assert_allclose(by_slices, depths.of(np.array([item.ordinal]))[0].mean(axis=0), atol=1e-6)
    result = answer(bright, Asked(like=NewScan("copy", scan)), opened_by=lambda _: Brightness()).result
    assert result.hits[0].volume == volumes[1]
    assert result.hits[0].score == pytest.approx(1)
    assert result.query == "copy"
    assert len(bright.sql("SELECT * FROM volumes")) == 3


def test_vectors_of_scans_and_slices(bank: Bank) -> None:
    ordinals = catalog(bank, [0, 1], slices=2)
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "slice", f32([[3, 4], [4, 3]]), ordinals[0] + 1 + np.arange(2))
    features = bank.feature_sets[0]
    whole, other = require_item(bank, "v00000"), require_item(bank, "v00001")
    found = item_vector(bank, features, whole)
    assert found is not None
    np.testing.assert_allclose(found, [0.5**0.5] * 2)
    assert item_vector(bank, features, other) is None
    with pytest.raises(UsageError, match="the scan that is searched by has no vector in fixed/brain/slice"):
        answer(bank, Asked(like=other))


def test_own_study_is_left_out_of_scans_and_not_of_reports(bank: Bank) -> None:
    ordinals = catalog(bank, [0, 0, 1, 2])
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0], [1, 0], [1, 1], [0, 1]]), ordinals)
    put(bank, encoder, "text", f32([[1, 0], [0, 1]]), reports(bank, [(0, "One."), (2, "Two.")]))
    item = require_item(bank, "v00000")

    def found(**asked: object) -> list[str | None]:
        return [hit.volume for hit in answer(bank, Asked(like=item, **asked)).result.hits]  # pyright: ignore[reportArgumentType]

    assert found() == ["v00002", "v00003"]
    assert found(all_series=True) == ["v00002", "v00003"]
    assert found(per="scan") == ["v00001", "v00002", "v00003"]  # the other series of its study is a scan of its own
    assert [hit.study for hit in answer(bank, Asked(like=item, find="report")).result.hits] == ["s0", "s2"]
    with pytest.raises(UsageError, match="BM25 counts words"):
        found(bm25=True)
    with pytest.raises(UsageError, match="both words and a scan"):
        found(query="x")


def test_an_encoder_without_a_text_side_finds_scans_and_no_reports(bank: Bank) -> None:
    mute = Brightness("volume")
    put(bank, mute, "volume", f32([[1, 0], [1, 0.1]]), catalog(bank, [0, 1]))
    item = require_item(bank, "v00000")
    assert [hit.volume for hit in answer(bank, Asked(like=item)).result.hits] == ["v00001"]
    with pytest.raises(UsageError, match="no vectors of report texts and of scans by one encoder"):
        answer(bank, Asked(like=item, find="report"))


def test_a_scan_of_one_value_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "flat", voxels=np.zeros((3, 8, 8), np.int16), patient_id="p", series_uid="1", seed=0)
    with pytest.raises(ValueError, match="same value"):
        read_scan(tmp_path / "flat")
