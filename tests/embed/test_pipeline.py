from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.pipeline import embed
from scanbank.embed.torch_encoder import TorchEncoder
from scanbank.embed.views import slice_pixels
from scanbank.store import Bank, EncoderSpec, ViewSpec, Window, parse_window
from scanbank.store.errors import EncoderError, UsageError, ViewError
from scanbank.store.features import CHUNK_ROWS
from scanbank.store.ingest import ingest
from scanbank.store.readers import load_volume

pytestmark = pytest.mark.long

BRAIN = ViewSpec((parse_window("brain"),))
LUNG = ViewSpec((parse_window("lung"),))


class VolumeMean(Encoder):
    """Mean and spread of a whole volume: the smallest encoder of volumes that there is."""

    def __init__(self) -> None:
        self.spec = EncoderSpec("volume-mean", "1", 2)
        self.view = ViewSpec((Window(-1000, 1000),), spacing_mm=(2.0, 1.0, 1.0), shape=(4, 8, 8))
        self.offers = frozenset({"volume"})
        self.channels = frozenset({1})

    def _encode(self, side: Any, batch: Any) -> Encoded:
        flat = batch.reshape(len(batch), -1)
        return Encoded(np.stack([flat.mean(1), flat.std(1)], axis=1))


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    """Three series of 4, 5 and 6 slices."""
    for i in range(3):
        write_series(tmp_path / "scans" / str(i), n=4 + i, patient_id=f"p{i}", series_uid=f"1.2.{i}", seed=i)
    ingest(bank, [tmp_path / "scans"])
    return bank


def test_vectors_are_the_encoders_own_in_the_order_of_slices(scans: Bank) -> None:
    encoder = open_encoder("intensity")
    report = embed(scans, encoder, [BRAIN, LUNG])
    assert (report.volumes, report.skipped, report.failed) == (3, 0, 0)
    assert report.sets == {"intensity/brain/slice": 15, "intensity/lung/slice": 15}
    for view in (BRAIN, LUNG):
        held = scans.features(f"intensity/{view.window_label}/slice")
        for row in scans.sql("SELECT * FROM volumes").to_pylist():
            located = scans.local_map.locate(row["volume"])
            assert located is not None
            expected = encoder.encode_slices(slice_pixels(load_volume(located), view, encoder.spec.input_range)).vector
            ordinals = np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"])
            np.testing.assert_array_equal(held.of(ordinals), expected)


def test_the_default_view_is_the_encoders(scans: Bank) -> None:
    assert list(embed(scans, open_encoder("intensity")).sets) == ["intensity/ctclip/slice"]


def test_what_is_there_is_skipped_before_decoding(scans: Bank, tmp_path: Path) -> None:
    embed(scans, open_encoder("intensity"), [BRAIN])
    before = scans.snapshot.id
    shutil.rmtree(tmp_path / "scans")  # nothing can be decoded any more
    report = embed(scans, open_encoder("intensity"), [BRAIN])
    assert (report.skipped, report.failed) == (3, 0)
    assert scans.snapshot.id == before
    assert embed(scans, open_encoder("intensity"), [BRAIN, LUNG]).failed == 3


def test_only_what_is_new_is_embedded(scans: Bank, tmp_path: Path) -> None:
    embed(scans, open_encoder("intensity"), [BRAIN])
    write_series(tmp_path / "more", n=2, series_uid="1.9", seed=9)
    ingest(scans, [tmp_path / "more"])
    report = embed(scans, open_encoder("intensity"), [BRAIN, LUNG])
    assert report.sets == {"intensity/brain/slice": 2, "intensity/lung/slice": 17}


def test_volume_encoders_fill_volume_sets(scans: Bank) -> None:
    report = embed(scans, VolumeMean())
    (name,) = report.sets
    held = scans.features(name)
    assert (held.key.kind, held.rows, held.dim) == ("volume", 3, 2)
    assert sorted(held.items()) == scans.sql("SELECT ordinal FROM volumes ORDER BY 1").column(0).to_pylist()


def test_a_series_with_a_missing_slice_keeps_true_positions(bank: Bank, tmp_path: Path) -> None:
    positions = [(0.0, 0.0, z) for z in (0.0, 2.0, 4.0, 8.0, 10.0)]
    write_series(tmp_path / "gap", positions=positions)
    ingest(bank, [tmp_path / "gap"])
    (row,) = bank.sql("SELECT flags, spacing_z_mm FROM volumes").to_pylist()
    assert row["flags"] == ["missing_slices"]
    assert row["spacing_z_mm"] == 2.0
    z = bank.sql('SELECT z_mm FROM slices ORDER BY "index"').column(0).to_pylist()
    assert np.diff(z) == pytest.approx([2.0, 2.0, 4.0, 2.0])
    assert embed(bank, open_encoder("intensity"), [BRAIN]).volumes == 1


def test_bad_scans_cost_themselves_only_and_heal(bank: Bank, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    holed = rng.normal(size=(6, 6, 4)).astype(np.float32)
    holed[0, 0, 0] = np.nan
    for name, data in (("nan", holed), ("constant", np.full((6, 6, 4), 7.0, np.float32)), ("good", np.nan_to_num(holed))):
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / f"{name}.nii")
    series = write_series(tmp_path / "s", n=3)
    ingest(bank, [tmp_path])
    whole = series[1].read_bytes()
    stat = series[1].stat()
    series[1].write_bytes(whole[:-20])
    report = embed(bank, open_encoder("intensity"), [BRAIN])
    assert (report.volumes, report.failed) == (1, 3)
    reasons = bank.sql("SELECT reason FROM failures WHERE stage = 'decode'").column(0).to_pylist()
    assert len(reasons) == 3
    assert any("NaN" in reason for reason in reasons)
    assert any("same value, 7" in reason for reason in reasons)
    assert any("--accept-changed" in reason for reason in reasons)
    accepted = embed(bank, open_encoder("intensity"), [BRAIN], accept_changed=True)
    assert any("truncated" in reason or "bytes" in reason for reason in accepted.reasons)
    series[1].write_bytes(whole)
    os.utime(series[1], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert embed(bank, open_encoder("intensity"), [BRAIN], accept_changed=True).volumes == 1
    assert bank.sql("SELECT * FROM failures").num_rows == 2


def _trunk() -> np.ndarray[Any, Any]:
    """(4, 64, 64) stored values: air at 24, and a disc of soft tissue at 1064 with a rim of fat and skin."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, 64)] * 2, indexing="ij")
    r = x**2 + y**2
    plane = np.select([r < 0.5, r < 0.6, r < 0.63], [1064, 924, 500], 24)
    return np.rint(plane + np.random.default_rng(0).triangular(-8, 0, 8, (4, 64, 64))).astype(np.int16)


def test_voxels_that_are_no_hu_are_refused_with_the_peaks_seen_until_they_are_accepted(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "hu", voxels=_trunk(), seed=1)
    write_series(tmp_path / "stored", voxels=_trunk(), slope=None, intercept=None, seed=2)
    write_series(tmp_path / "twice", voxels=_trunk() - 1024, seed=3)
    write_series(tmp_path / "crop", voxels=_trunk()[:, 24:40, 24:40], intercept=0, seed=4)
    ingest(bank, [tmp_path])
    report = embed(bank, open_encoder("intensity"), [BRAIN])
    assert (report.volumes, report.failed, report.suspicious) == (2, 2, 1)
    assert report.suspicion.startswith("it may never have been rescaled to HU: soft tissue peaks at 106")
    assert sorted(report.reasons) == [
        f"it was {how}; `embed --accept-hu` takes it as it is" for how in ("never rescaled to HU", "rescaled to HU twice")
    ]
    told = sorted(bank.sql("SELECT reason FROM failures WHERE stage = 'decode'").column(0).to_pylist())
    assert [reason.split(" (values")[0] for reason in told] == [
        "it was never rescaled to HU: air peaks at 24, expected -1000; soft tissue peaks at 1064, expected 0..80",
        "it was rescaled to HU twice: air peaks at -2024, expected -1000; soft tissue peaks at -984, expected 0..80",
    ]
    accepted = embed(bank, open_encoder("intensity"), [BRAIN], accept_hu=True)
    assert (accepted.volumes, accepted.skipped, accepted.failed, accepted.suspicious) == (2, 2, 0, 0)
    assert bank.sql("SELECT * FROM failures").num_rows == 0


def test_a_changed_file_is_noticed_and_accepted_once(scans: Bank, tmp_path: Path) -> None:
    (path, *_) = sorted((tmp_path / "scans" / "0").iterdir())
    os.utime(path, ns=(1, 1))
    assert embed(scans, open_encoder("intensity"), [BRAIN]).failed == 1
    again = ingest(scans, [tmp_path / "scans"])
    assert (again.known, again.changed) == (3, 1)
    assert embed(scans, open_encoder("intensity"), [BRAIN], accept_changed=True).volumes == 1
    assert embed(scans, open_encoder("intensity"), [LUNG]).failed == 0
    assert scans.sql("SELECT * FROM failures").num_rows == 0


def test_changed_voxels_leave_their_old_vectors_behind(bank: Bank, tmp_path: Path) -> None:
    voxels = [np.random.default_rng(seed).integers(0, 3000, (3, 16, 12)).astype(np.int16) for seed in range(2)]
    write_series(tmp_path / "a", voxels=voxels[0], patient_id="a", study_uid="1.1", series_uid="1.1.1")
    ingest(bank, [tmp_path / "a"])
    embed(bank, open_encoder("intensity"), [BRAIN])
    before = bank.features("intensity/brain/slice").items()
    write_series(tmp_path / "a", voxels=voxels[1], patient_id="a", study_uid="1.1", series_uid="1.1.1")
    embed(bank, open_encoder("intensity"), [LUNG], accept_changed=True)
    write_series(tmp_path / "b", voxels=voxels[1], patient_id="b", study_uid="1.2", series_uid="1.2.1", seed=7)
    ingest(bank, [tmp_path / "b"])
    assert embed(bank, open_encoder("intensity"), [BRAIN]).volumes == 2
    fresh = Bank.create(tmp_path / "fresh")
    ingest(fresh, [tmp_path / "b"])
    embed(fresh, open_encoder("intensity"), [BRAIN])
    expected = fresh.features("intensity/brain/slice").vectors()
    for row in bank.sql("SELECT * FROM volumes").to_pylist():
        ordinals = np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"])
        assert not set(ordinals) & set(before)
        np.testing.assert_array_equal(bank.features("intensity/brain/slice").of(ordinals), expected)


def test_a_file_that_was_only_touched_keeps_its_vectors(scans: Bank, tmp_path: Path) -> None:
    embed(scans, open_encoder("intensity"), [BRAIN])
    for path in (tmp_path / "scans").rglob("*.dcm"):
        os.utime(path, ns=(5, 5))
    report = embed(scans, open_encoder("intensity"), [BRAIN, LUNG], accept_changed=True)
    assert report.sets == {"intensity/brain/slice": 0, "intensity/lung/slice": 15}


def test_accepting_changes_survives_what_is_gone(scans: Bank, tmp_path: Path) -> None:
    embed(scans, open_encoder("intensity"), [BRAIN])
    first, second, *_ = sorted((tmp_path / "scans" / "0").iterdir())
    os.utime(first, ns=(1, 1))
    second.unlink()
    report = embed(scans, open_encoder("intensity"), [BRAIN, LUNG], accept_changed=True)
    assert (report.volumes, report.failed) == (2, 1)


def test_other_voxels_at_another_place_are_not_trusted(bank: Bank, tmp_path: Path) -> None:
    for seed, folder in enumerate(("s", "t")):
        voxels = np.random.default_rng(seed).integers(0, 3000, (3, 16, 12)).astype(np.int16)
        write_series(tmp_path / folder, voxels=voxels, study_uid="1.1", series_uid="1.1.1")
        ingest(bank, [tmp_path / folder])
        if folder == "s":
            embed(bank, open_encoder("intensity"), [BRAIN])
            shutil.rmtree(tmp_path / "s")
    assert embed(bank, open_encoder("intensity"), [LUNG]).failed == 1
    report = embed(bank, open_encoder("intensity"), [BRAIN, LUNG], accept_changed=True)
    assert report.sets == {"intensity/brain/slice": 3, "intensity/lung/slice": 3}


def test_a_copy_with_new_times_is_trusted_when_it_holds_the_same(scans: Bank, tmp_path: Path) -> None:
    embed(scans, open_encoder("intensity"), [BRAIN])
    shutil.copytree(tmp_path / "scans", tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(tmp_path / "scans")
    assert ingest(scans, [tmp_path / "copy"]).known == 3
    for _ in range(2):
        assert embed(scans, open_encoder("intensity"), [BRAIN, LUNG]).failed == 0


def test_an_image_replaced_by_another_is_another_item(bank: Bank, tmp_path: Path) -> None:
    path = tmp_path / "i" / "a.png"
    path.parent.mkdir()
    for seed in range(2):
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8 + seed, 8), dtype=np.uint8)).save(path)
        ingest(bank, [path], images="each")
    assert len(bank.local_map.at_path(path)) == 1
    report = embed(bank, open_encoder("intensity"), [ViewSpec()])
    assert (report.volumes, report.failed) == (1, 0)
    assert bank.sql("SELECT rows_px FROM volumes").to_pylist() == [{"rows_px": 9}]


def test_images_without_hu_are_refused_unless_their_window_is_asked_for(bank: Bank, tmp_path: Path) -> None:
    for folder in ("plain", "exported"):
        (tmp_path / folder).mkdir()
        for i in range(2):
            pixels = np.random.default_rng(i).integers(0, 255, (8, 8), dtype=np.uint8)
            pixels[0, 0] = len(folder)
            Image.fromarray(pixels).save(tmp_path / folder / f"{i}.png")
    ingest(bank, [tmp_path / "plain"], images="each")
    ingest(bank, [tmp_path / "exported"], images="each", exported_window=parse_window("brain"))
    with pytest.raises(ViewError, match="view asks window lung"):
        embed(bank, open_encoder("intensity"), [BRAIN, LUNG])
    report = embed(bank, open_encoder("intensity"), [BRAIN])
    assert report.sets == {"intensity/brain/slice": 2}
    assert report.failed == 2
    assert embed(bank, open_encoder("intensity"), [ViewSpec()]).sets == {"intensity/as-is/slice": 4}


def test_equal_content_is_computed_once_and_items_stay_apart(bank: Bank, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 3000, (4, 16, 12)).astype(np.int16)
    write_series(tmp_path / "a", voxels=voxels, patient_id="p1", series_uid="1.1")
    write_series(tmp_path / "b", voxels=voxels, patient_id="p2", series_uid="1.2", study_uid="1.7", prefix="other", seed=4)
    ingest(bank, [tmp_path])
    report = embed(bank, open_encoder("intensity"), [BRAIN])
    assert (report.volumes, report.copied, report.sets) == (2, 1, {"intensity/brain/slice": 8})
    vectors = bank.features("intensity/brain/slice").vectors()
    np.testing.assert_array_equal(vectors[:4], vectors[4:])
    assert bank.sql("SELECT count(*) AS n, count(DISTINCT content) AS c FROM contents").to_pylist() == [{"n": 2, "c": 1}]
    assert bank.sql("SELECT count(DISTINCT patient) AS n FROM volumes").to_pylist() == [{"n": 2}]


def test_a_scan_whose_shape_a_model_cannot_take_costs_itself_only(bank: Bank, tmp_path: Path) -> None:
    import torch

    write_series(tmp_path / "a", n=3, shape=(4, 4), series_uid="1.1", seed=1)
    write_series(tmp_path / "b", n=3, shape=(16, 12), series_uid="1.2", seed=2)
    ingest(bank, [tmp_path])
    model = torch.nn.Conv2d(1, 2, 8)
    spec = EncoderSpec("conv", "1", 2, mean=(0.0,), std=(1.0,))
    encoder = TorchEncoder(spec, BRAIN, model, torch.device("cpu"), slices=lambda pixels: model(pixels).mean((2, 3)))
    report = embed(bank, encoder)
    assert (report.volumes, report.failed, report.sets) == (1, 1, {"conv/brain/slice": 3})
    (reason,) = report.reasons
    assert "'conv' cannot take a batch of shape (3, 1, 4, 4): Calculated padded input size" in reason


def test_equal_content_on_its_way_is_copied_whatever_is_kept_at_hand(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = np.random.default_rng(0).integers(0, 3000, (4, 16, 12)).astype(np.int16)
    for i in range(3):
        write_series(tmp_path / str(i), voxels=voxels, patient_id=f"p{i}", series_uid=f"1.{i}", study_uid=f"2.{i}", seed=i)
    ingest(bank, [tmp_path])
    monkeypatch.setattr("scanbank.embed.reuse._REUSE_BYTES", 0)  # as with tokens of long scans, which are larger than what is kept
    report = embed(bank, open_encoder("intensity"), [BRAIN], batch=32)
    assert (report.volumes, report.copied, report.failed, report.sets) == (3, 2, 0, {"intensity/brain/slice": 12})
    vectors = bank.features("intensity/brain/slice").vectors()
    np.testing.assert_array_equal(vectors, np.concatenate([vectors[:4]] * 3))


def write_long(folder: Path, count: int, slices: int, side: int) -> None:
    """Volumes of many slices, a file each."""
    folder.mkdir()
    for seed in range(count):
        voxels = np.random.default_rng(seed).integers(-1000, 1000, (side, side, slices)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.7, 0.7, 1.5, 1.0])), folder / f"{seed}.nii")


def test_commits_end_on_chunk_borders(bank: Bank, tmp_path: Path) -> None:
    write_long(tmp_path / "scans", 3, 500, 4)
    ingest(bank, [tmp_path / "scans"])
    embed(bank, open_encoder("intensity"), [BRAIN])
    rows = [e.metadata["rows"] for e in reversed(bank.log()) if e.message.startswith("embed")]
    assert rows == [CHUNK_ROWS, 1500 - CHUNK_ROWS]
    assert sorted(bank.features("intensity/brain/slice").items()) == [
        i
        for r in bank.sql("SELECT slice_ordinal AS a, slices AS n FROM volumes ORDER BY 1").to_pylist()
        for i in range(r["a"], r["a"] + r["n"])
    ]


def test_a_volume_cut_by_a_commit_is_completed(bank: Bank, tmp_path: Path) -> None:
    """As after a kill between two commits: the slices that are missing come, those that are there stay."""
    write_series(tmp_path / "s", n=6)
    ingest(bank, [tmp_path])
    encoder = open_encoder("intensity")
    embed(bank, encoder, [BRAIN])
    expected = bank.features("intensity/brain/slice").vectors()
    other = Bank.create(tmp_path / "other")
    ingest(other, [tmp_path / "s"])
    from scanbank.embed.pipeline import keys_of

    with other.commit("part") as commit:
        commit.append_features(keys_of(encoder, [BRAIN])[0], expected[:4], np.arange(1, 5))
    other.refresh()
    report = embed(other, encoder, [BRAIN])
    assert report.sets == {"intensity/brain/slice": 2}
    np.testing.assert_array_equal(other.features("intensity/brain/slice").vectors(), expected)


def test_misuse_is_said_before_anything_is_decoded(scans: Bank, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="window"):
        embed(scans, open_encoder("intensity"), [replace(BRAIN, windows=(Window(0, 80), Window(-20, 180)))])
    with pytest.raises(UsageError, match="holds no volumes"):
        embed(Bank.create(tmp_path / "empty"), open_encoder("intensity"))


def test_interrupt_keeps_what_is_done_and_a_kill_loses_at_most_a_batch(bank: Bank, tmp_path: Path) -> None:
    write_long(tmp_path / "scans", 40, 60, 64)
    ingest(bank, [tmp_path / "scans"])
    whole = Bank.open(shutil.copytree(bank.path, tmp_path / "whole"))
    embed(whole, open_encoder("intensity"), [BRAIN])
    command = [sys.executable, "-m", "scanbank.scripts.cli", "embed", str(bank.path), "--encoder", "intensity", "--window", "brain"]
    for stop in (signal.SIGINT, signal.SIGKILL):
        before = len(bank.log())
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while len(Bank.open(bank.path).log()) == before and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        child.send_signal(stop)
        _, said = child.communicate(timeout=60)
        if stop == signal.SIGINT and child.returncode:
            assert child.returncode == 1
            assert "interrupted" in said
            assert "Traceback" not in said
    bank.refresh()
    embed(bank, open_encoder("intensity"), [BRAIN])
    held = bank.features("intensity/brain/slice")
    items = held.items()
    assert len(np.unique(items)) == len(items) == 2400
    np.testing.assert_array_equal(held.of(np.sort(items)), whole.features("intensity/brain/slice").of(np.sort(items)))
