from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanbank.store.errors import ReadError
from scanbank.store.readers import images
from scanbank.store.scan import Rejected, ScanHeader, Source, Volume
from scanbank.store.windows import Window

GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
BRAIN = Window(0, 80)


def save(path: Path, image: Image.Image | np.ndarray[Any, Any] = GREY, **options: Any) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def each(path: Path) -> tuple[ScanHeader, Volume]:
    header = images.scan_each(path, None)
    assert isinstance(header, ScanHeader), header
    volume = images.load(header.sources, None)
    assert volume.voxels.shape == (1, header.rows, header.columns)
    return header, volume


def refused(path: Path) -> str:
    header = images.scan_each(path, None)
    assert isinstance(header, Rejected)
    with pytest.raises(ReadError):
        images.load([Source(path)], None)
    assert str(path.parent) not in header.reason
    return header.reason


def stack(folder: Path, names: list[str], image: Any = GREY) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [save(folder / name, image) for name in names]


def test_one_image_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    path = save(tmp_path / "a7.png")
    header, volume = each(path)
    assert header.names == (hashlib.sha256(path.read_bytes()).digest(),)
    assert header.sources == (Source(path, size=path.stat().st_size, mtime_ns=path.stat().st_mtime_ns),)
    assert (header.kind, header.plane, header.spacing_mm, header.extent_mm) == ("image", "axial", (None, None, None), None)
    assert (header.has_hu, header.patient_id, header.flags) == (False, None, ("single_slice",))
    assert [(s.z_mm, s.number) for s in header.slices] == [(None, 7)]
    np.testing.assert_array_equal(volume.voxels[0], GREY)
    assert (volume.voxels.dtype, volume.value_range, volume.has_hu, volume.spacing_mm) == (np.int16, (0, 255), False, (None, None, None))
    assert np.isnan(volume.z_mm).all()
    assert volume.positions_mm.tolist() == [0.0]


def test_the_exported_window_is_passed_on(tmp_path: Path) -> None:
    header = images.scan_each(save(tmp_path / "a.png"), BRAIN)
    assert isinstance(header, ScanHeader)
    assert header.exported_window == BRAIN
    assert images.load(header.sources, BRAIN).exported_window == BRAIN


def test_colour_becomes_luminance(tmp_path: Path) -> None:
    # ITU-R 601: 0.299 R + 0.587 G + 0.114 B.
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
    assert each(save(tmp_path / "a.png", rgb))[1].voxels.tolist() == [[[76, 150, 29, 9]]]


def test_transparency_lies_on_black(tmp_path: Path) -> None:
    rgba = np.array([[[200, 200, 200, 255], [200, 200, 200, 0], [200, 200, 200, 51]]], np.uint8)
    assert each(save(tmp_path / "a.png", rgba))[1].voxels.tolist() == [[[200, 0, 40]]]
    la = np.array([[[200, 255], [200, 0], [200, 51]]], np.uint8)
    assert each(save(tmp_path / "b.png", Image.fromarray(la, "LA")))[1].voxels.tolist() == [[[200, 0, 40]]]


def test_palettes_and_one_bit(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([0, 0, 0, 50, 50, 50, 250, 250, 250])
    assert each(save(tmp_path / "a.png", palette))[1].voxels.tolist() == [[[0, 50, 250]]]
    assert each(save(tmp_path / "b.png", palette, transparency=2))[1].voxels.tolist() == [[[0, 50, 0]]]
    assert each(save(tmp_path / "c.png", np.array([[True, False]])))[1].voxels.tolist() == [[[255, 0]]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    dark, bright = np.array([[0, 300, 32767]], np.uint16), np.array([[0, 300, 65535]], np.uint16)
    volume = each(save(tmp_path / f"a.{suffix}", dark))[1]
    assert (volume.voxels.tolist(), volume.voxels.dtype, volume.value_range) == ([dark.tolist()], np.float32, (0, 65535))
    volume = each(save(tmp_path / f"b.{suffix}", bright))[1]
    assert (volume.voxels.tolist(), volume.voxels.dtype) == ([bright.tolist()], np.float32)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        # EXIF 2.32, tag 274: what row 0 and column 0 of the stored pixels are, as it is looked at.
        (1, GREY),
        (2, GREY[:, ::-1]),
        (3, GREY[::-1, ::-1]),
        (4, GREY[::-1]),
        (5, GREY.T),
        (6, np.rot90(GREY, -1)),
        (7, GREY[::-1, ::-1].T),
        (8, np.rot90(GREY)),
    ],
)
def test_exif_orientation_is_honoured(tmp_path: Path, suffix: str, orientation: int, seen: np.ndarray[Any, Any]) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    np.testing.assert_array_equal(each(save(tmp_path / f"a.{suffix}", GREY, exif=exif))[1].voxels[0], seen)


def test_exif_behind_the_pixels_is_found(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = save(tmp_path / "a.png", GREY, exif=exif).read_bytes()
    at = data.index(b"eXIf") - 4
    size = int.from_bytes(data[at : at + 4], "big") + 12
    end = data.index(b"IEND") - 4
    (tmp_path / "b.png").write_bytes(data[:at] + data[at + size : end] + data[at : at + size] + data[end:])
    np.testing.assert_array_equal(each(tmp_path / "b.png")[1].voxels[0], np.rot90(GREY, -1))


def test_jpeg_is_flagged_lossy_and_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    header, volume = each(save(tmp_path / "a.jpg", np.repeat(np.repeat(GREY, 8, 0), 8, 1), exif=exif, quality=95))
    assert header.flags == ("single_slice", "lossy")
    np.testing.assert_allclose(volume.voxels[0, 4::8, 4::8], np.rot90(GREY, -1), atol=4)


def test_a_stack_is_one_volume_in_order_of_its_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "patient_052"
    folder.mkdir()
    paths = [save(folder / f"s2_{n}.png", np.full((4, 6), n, np.uint8)) for n in (10, 9, 11)]
    header = images.scan_stack(folder, paths, BRAIN)
    assert isinstance(header, ScanHeader)
    assert header.patient_id == "patient_052"
    assert [s.number for s in header.slices] == [9, 10, 11]
    assert header.names == tuple(hashlib.sha256((folder / f"s2_{n}.png").read_bytes()).digest() for n in (9, 10, 11))
    assert (header.flags, header.exported_window) == ((), BRAIN)
    volume = images.load(header.sources, BRAIN)
    assert volume.voxels[:, 0, 0].tolist() == [9, 10, 11]
    assert volume.positions_mm.tolist() == [0, 1, 2]
    assert volume.spacing_mm == (None, None, None)


def test_gaps_are_flagged_and_true(tmp_path: Path) -> None:
    header = images.scan_stack(tmp_path / "p", stack(tmp_path / "p", ["1.png", "2.png", "5.png"]), None)
    assert isinstance(header, ScanHeader)
    assert header.flags == ("missing_slices",)
    assert images.load(header.sources, None).positions_mm.tolist() == [0, 1, 4]


def why_no_stack(folder: Path, paths: list[Path]) -> str:
    header = images.scan_stack(folder, paths, None)
    assert isinstance(header, Rejected)
    assert header.files == len(paths)
    return header.reason


def test_stacks_that_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    paths = stack(folder, ["1.png", "2.png", "3.png"])
    other = stack(folder, ["4.png"], GREY[:, :5])
    assert why_no_stack(folder, paths + other).startswith("slices differ in size: 6x4 (3), 5x4 (1)")
    with pytest.raises(ReadError, match="differ in size"):
        images.load([Source(p) for p in paths + other], None)
    assert "2 of 5 images have no number" in why_no_stack(folder, paths + stack(folder, ["a.png", "b.png"]))
    assert "1 slice numbers occur more than once;" in why_no_stack(folder, [*paths, *stack(folder, ["002_mask.png"])])
    deep = stack(folder, ["5.png"], GREY.astype(np.uint16))
    assert "8 and 16 bits" in why_no_stack(folder, paths + deep)
    with pytest.raises(ReadError, match="8 and 16 bits"):
        images.load([Source(p) for p in paths + deep], None)
    (folder / "6.png").write_text("no image")
    assert "image cannot be read" in why_no_stack(folder, [*paths, folder / "6.png"])
    assert "no slices" in why_no_stack(folder, [])


def test_equal_pixels_have_equal_content_whatever_the_file(tmp_path: Path) -> None:
    rgb = np.repeat(GREY[..., None], 3, 2)
    contents = {each(save(tmp_path / name, image))[1].content for name, image in (("a.png", GREY), ("b.bmp", GREY), ("c.tif", rgb))}
    assert len(contents) == 1
    assert each(save(tmp_path / "d.png", GREY + 1))[1].content not in contents


def test_bad_images_are_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).read_bytes()
    (tmp_path / "text.png").write_text("no image")
    assert refused(tmp_path / "text.png") == "image cannot be read: UnidentifiedImageError: cannot identify image file"
    assert refused(tmp_path / "gone.png") == "image cannot be read: No such file or directory"
    (tmp_path / "cut.png").write_bytes(whole[:20])
    refused(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="image cannot be read"):
        images.load([Source(tmp_path / "cut.png")], None)
    save(tmp_path / "pages.tif", Image.fromarray(GREY), save_all=True, append_images=[Image.fromarray(GREY)])
    assert "holds 2 pages" in refused(tmp_path / "pages.tif")
    save(tmp_path / "float.tif", GREY.astype(np.float32))
    assert "mode F" in refused(tmp_path / "float.tif")
    save(tmp_path / "a.gif")
    (tmp_path / "gif.png").write_bytes((tmp_path / "a.gif").read_bytes())
    assert "cannot identify" in refused(tmp_path / "gif.png")


@pytest.mark.parametrize("pixels", [1.5, 3])  # times PIL's limit: it warns over 1, and raises over 2
def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: float) -> None:
    path = save(tmp_path / "a.png", np.zeros((100, 100), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(10_000 / pixels))
    assert "DecompressionBomb" in refused(path)


def test_real_stacks(shared_data: Path) -> None:
    with (shared_data / "ct_ich" / "slice_labels.csv").open() as file:
        labelled = {(row["patient_id"], int(row["slice_number"])) for row in csv.DictReader(file)}
    read: set[tuple[str, int]] = set()
    for folder in sorted((shared_data / "ct_ich").glob("patient_*")):
        header = images.scan_stack(folder, list(folder.iterdir()), None)
        assert isinstance(header, ScanHeader)
        gap = folder.name in ("patient_052", "patient_069", "patient_076")  # as a listing of the folders shows
        assert (header.rows, header.columns, header.flags) == (650, 650, ("missing_slices", "lossy") if gap else ("lossy",))
        read |= {(folder.name, s.number or 0) for s in header.slices}
    assert len(read) == 355
    assert labelled == read
    folder = shared_data / "ct_ich" / "patient_085"
    header = images.scan_stack(folder, list(folder.iterdir()), None)
    assert isinstance(header, ScanHeader)
    volume = images.load(header.sources, None)
    with Image.open(folder / "019.jpg") as last:
        np.testing.assert_array_equal(volume.voxels[-1], np.asarray(last))


def test_real_single_images(shared_data: Path) -> None:
    for path in sorted((shared_data / "head_ct" / "images").glob("*/*.png"))[::5]:
        header, volume = each(path)
        with Image.open(path) as image:
            assert (header.columns, header.rows) == image.size
        assert volume.voxels.max() > 200
