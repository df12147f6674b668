from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from scanbank.store.errors import ReadError
from scanbank.store.readers import hdf5
from scanbank.store.scan import Rejected, ScanHeader, Source

ZYX = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def save(path: Path, voxels: Any = ZYX, *, name: str = "volume", **attributes: Any) -> Path:
    with h5py.File(path, "a") as file:
        file[name] = voxels
        file[name].attrs.update({"spacing_mm": (4.0, 3.0, 2.0), **attributes})
    return path


def scanned(path: Path) -> ScanHeader:
    header = hdf5.scan(path)
    assert isinstance(header, ScanHeader), header
    return header


def refused(path: Path) -> str:
    header = hdf5.scan(path)
    assert isinstance(header, Rejected)
    with pytest.raises(ReadError):
        hdf5.load([Source(path)])
    assert str(path.parent) not in header.reason
    return header.reason


def test_header_and_voxels_worked_out_by_hand(tmp_path: Path) -> None:
    path = save(tmp_path / "a.h5", origin_mm=(10.0, 20.0, 30.0))
    header = scanned(path)
    assert header.names == (hashlib.sha256(path.read_bytes()).digest(),)
    assert (header.rows, header.columns, [s.z_mm for s in header.slices]) == (3, 4, [30, 34])
    assert (header.spacing_mm, header.extent_mm, header.has_hu, header.flags) == ((4, 3, 2), 4, True, ())
    volume = hdf5.load(header.sources)
    np.testing.assert_array_equal(volume.voxels, ZYX)
    np.testing.assert_allclose(volume.affine, [[2, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
    np.testing.assert_allclose(volume.z_mm, [30, 34])


def test_a_direction_is_turned_to_the_canonical_frame(tmp_path: Path) -> None:
    # Stored head to feet and from left to right.
    path = save(tmp_path / "a.h5", origin_mm=(10.0, 20.0, 30.0), direction=np.diag([-1.0, 1, -1]))
    volume = hdf5.load(scanned(path).sources)
    np.testing.assert_array_equal(volume.voxels, ZYX[::-1, :, ::-1])
    np.testing.assert_allclose(volume.affine, [[2, 0, 0, 4], [0, 3, 0, 20], [0, 0, 4, 26], [0, 0, 0, 1]])


def test_columns_of_the_direction_are_the_index_axes(tmp_path: Path) -> None:
    # x index runs backwards (P), y index to the head (S), z index to the left (L).
    direction = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    volume = hdf5.load(scanned(save(tmp_path / "a.h5", origin_mm=(0.0, 0, 0), direction=direction)).sources)
    np.testing.assert_array_equal(volume.voxels, ZYX.transpose(1, 2, 0))
    assert volume.spacing_mm == (3, 2, 4)


def test_without_an_origin_depths_count_from_the_first_plane(tmp_path: Path) -> None:
    header = scanned(save(tmp_path / "a.h5"))
    assert header.flags == ("no_origin",)
    assert [s.z_mm for s in header.slices] == [0, 4]


@pytest.mark.parametrize(
    ("unit", "dtype", "has_hu", "value_range"),
    [
        ("HU", np.int16, True, None),
        ("hu", np.uint8, True, None),
        (b"Hounsfield", np.float32, True, None),
        ("grey", np.uint8, False, (0, 255)),
        ("grey", np.uint16, False, (0, 65535)),
        ("grey", np.float32, False, None),
    ],
)
def test_units(tmp_path: Path, unit: Any, dtype: Any, has_hu: bool, value_range: Any) -> None:
    path = save(tmp_path / "a.h5", ZYX.astype(dtype), unit=np.bytes_(unit) if isinstance(unit, bytes) else unit)
    volume = hdf5.load(scanned(path).sources)
    assert (scanned(path).has_hu, volume.has_hu, volume.value_range) == (has_hu, has_hu, value_range)
    np.testing.assert_array_equal(volume.voxels, ZYX)


def test_the_only_volume_is_found_wherever_it_is(tmp_path: Path) -> None:
    path = save(tmp_path / "a.h5", name="scans/first")
    with h5py.File(path, "a") as file:
        file["table"] = np.zeros((4, 4))
    np.testing.assert_array_equal(hdf5.load(scanned(path).sources).voxels, ZYX)
    save(path, ZYX + 1, name="scans/second")
    assert "holds 2 data sets of three dimensions; expected one, or one called `volume`" in refused(path)
    save(path, ZYX + 2)
    np.testing.assert_array_equal(hdf5.load(scanned(path).sources).voxels, ZYX + 2)


def test_compressed_and_big_endian(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("volume", data=ZYX.astype(">i2"), chunks=(1, 3, 4), compression="gzip", shuffle=True)
        data.attrs["spacing_mm"] = (4.0, 3.0, 2.0)
    volume = hdf5.load(scanned(tmp_path / "a.h5").sources)
    assert volume.content == hdf5.load([Source(save(tmp_path / "b.h5"))]).content


def external_link(file: h5py.File, other: Path) -> None:
    file["volume"] = h5py.ExternalLink(other, "/volume")


def soft_link(file: h5py.File, other: Path) -> None:
    file["volume"] = h5py.SoftLink("/elsewhere")


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((2, 3, 4), "i2")
    layout[:] = h5py.VirtualSource(other, "volume", shape=(2, 3, 4))
    file.create_virtual_dataset("volume", layout).attrs["spacing_mm"] = (1.0, 1, 1)


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("volume", (2, 3, 4), "i2", external=[(other, 0, 48)]).attrs["spacing_mm"] = (1.0, 1, 1)


def objects(file: h5py.File, other: Path) -> None:
    file.create_dataset("volume", (2, 3, 4), h5py.string_dtype()).attrs["spacing_mm"] = (1.0, 1, 1)


def absurd(file: h5py.File, other: Path) -> None:
    file.create_dataset("volume", (10**6, 10**6, 10**6), "f4", chunks=(1, 64, 64)).attrs["spacing_mm"] = (1.0, 1, 1)


def hollow(file: h5py.File, other: Path) -> None:
    file.create_dataset("volume", (1000, 1000, 1000), "f4", chunks=(1, 64, 64)).attrs["spacing_mm"] = (1.0, 1, 1)


def nothing(file: h5py.File, other: Path) -> None:
    file["table"] = np.zeros((4, 4))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (external_link, "is a link"),
        (soft_link, "is a link"),
        (virtual, "lies in other files"),
        (external_storage, "lies in other files"),
        (objects, "plain numbers"),
        (absurd, "not that of a scan"),
        (hollow, "declares 4000000000 bytes and stores 0"),
        (nothing, "holds 0 data sets"),
    ],
)
def test_what_reaches_elsewhere_or_is_no_volume_is_refused(tmp_path: Path, make: Callable[[h5py.File, Path], None], told: str) -> None:
    other = save(tmp_path / "other.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file, other)
    assert told in refused(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"spacing_mm": (1.0, 1.0)}, "shape (2,)"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "each over 0"),
        ({"spacing_mm": (1.0, np.nan, 1.0)}, "each over 0"),
        ({"spacing_mm": "1 1 1"}, "shape ()"),
        ({"direction": np.ones((3, 3))}, "not a rotation"),
        ({"direction": np.full((3, 3), np.nan)}, "not a rotation"),
        ({"origin_mm": (1.0, np.inf, 1.0)}, "not finite"),
    ],
)
def test_attributes_that_make_no_sense(tmp_path: Path, attributes: dict[str, Any], told: str) -> None:
    assert told in refused(save(tmp_path / "a.h5", **attributes))


def test_spacing_is_required(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume"] = ZYX
    assert "no attribute `spacing_mm`" in refused(tmp_path / "a.h5")


def test_cut_files_and_others_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.h5")
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2):
        path.write_bytes(whole[:size])
        assert refused(path).startswith("HDF5 cannot be read")
    path.write_text("no HDF5")
    assert refused(path).startswith("HDF5 cannot be read")
    assert refused(tmp_path / "gone.h5").startswith("HDF5 cannot be read")
