from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless

from dicom_files import AXIAL, default_positions, stored_values, write_enhanced, write_series
from scanbank.store.readers.dicom_headers import read_header
from scanbank.store.readers.dicom_record import DicomHeader
from scanbank.store.readers.dicom_series import aggregate, group
from scanbank.store.scan import Found, Rejected, ScanHeader


def found_in(*paths: Path | Sequence[Path]) -> Found:
    headers = [read_header(p) for path in paths for p in ([path] if isinstance(path, Path) else path)]
    return group([header for header in headers if isinstance(header, DicomHeader)])


def only(found: Found) -> ScanHeader:
    assert len(found.scans) == 1, [scan.flags for scan in found.scans]
    return found.scans[0]


def along_z(*z: float) -> list[tuple[float, float, float]]:
    return [(-50.0, -60.0, value) for value in z]


def test_a_plain_series(tmp_path: Path) -> None:
    paths = write_series(
        tmp_path, patient_id="p", AccessionNumber="a", Manufacturer="SIEMENS", ManufacturerModelName="SOMATOM Force", KVP=120,
        PatientSex="F", ConvolutionKernel="B30f", PatientAge="061Y", ContrastBolusAgent="agent", BodyPartExamined="CHEST",
        SeriesDescription="Jane",
    )  # fmt: skip
    scan = only(found_in(paths[::-1]))
    assert [source.path for source in scan.sources] == paths
    assert [(source.frame, source.size, source.mtime_ns) for source in scan.sources] == [
        (-1, p.stat().st_size, p.stat().st_mtime_ns) for p in paths
    ]
    assert (scan.kind, scan.plane, scan.rows, scan.columns, scan.has_hu, scan.original, scan.flags) == (
        "dicom",
        "axial",
        16,
        12,
        True,
        True,
        (),
    )
    assert scan.spacing_mm == (2.0, 0.75, 0.5)
    assert scan.extent_mm == pytest.approx(8.0)
    assert [s.z_mm for s in scan.slices] == [100, 102, 104, 106, 108]
    assert [s.number for s in scan.slices] == [1, 2, 3, 4, 5]
    assert scan.names == tuple(s.name for s in scan.slices)
    assert (scan.patient_id, scan.accession) == ("p", "a")
    assert dict(scan.attributes) == {
        "manufacturer": "siemens", "model": "somatom-force", "kernel": "medium", "sex": "female", "age_band": "60-69", "contrast": "yes",
        "kvp": "120", "body_part": "chest", "transfer_syntax": "native",
    }  # fmt: skip


def test_the_order_of_headers_does_not_matter_and_slices_run_to_the_head(tmp_path: Path) -> None:
    paths = write_series(tmp_path, positions=along_z(108, 100, 106, 102, 104))
    assert [s.z_mm for s in only(found_in(paths)).slices] == [100, 102, 104, 106, 108]
    assert found_in(paths) == found_in(paths[::-1])


@pytest.mark.parametrize(
    ("orientation", "plane", "axis"),
    [
        (AXIAL, "axial", 2),
        ((-1, 0, 0, 0, 1, 0), "axial", 2),  # row x column points to the feet
        ((1, 0, 0, 0, 0, -1), "coronal", 1),
        ((1, 0, 0, 0, 0, 1), "coronal", 1),
        ((0, 1, 0, 0, 0, -1), "sagittal", 0),
        ((0, -1, 0, 0, 0, -1), "sagittal", 0),
    ],
)
def test_slices_ascend_along_the_canonical_axis(tmp_path: Path, orientation: tuple[float, ...], plane: str, axis: int) -> None:
    positions = default_positions(4, orientation)
    scan = only(found_in(write_series(tmp_path, positions=positions, orientation=orientation)))
    assert scan.plane == plane
    taken = [positions[int(source.path.stem[-3:])][axis] for source in scan.sources]
    assert taken == sorted(taken)


def test_two_series_in_a_folder_are_told_apart_and_series_without_uid_go_by_folder(tmp_path: Path) -> None:
    one, two = write_series(tmp_path, prefix="a", seed=1), write_series(tmp_path, prefix="b", seed=2)
    assert [len(scan.sources) for scan in found_in(one, two).scans] == [5, 5]
    here, there = write_series(tmp_path / "x", series_uid="", prefix="x"), write_series(tmp_path / "y", series_uid="", prefix="y")
    assert [{s.path.parent.name for s in scan.sources} for scan in found_in(here, there).scans] == [{"x"}, {"y"}]


def test_another_matrix_image_type_or_pixel_spacing_makes_another_scan(tmp_path: Path) -> None:
    uid = "1.2.3"
    paths = [
        write_series(tmp_path, prefix="a", series_uid=uid),
        write_series(tmp_path, prefix="b", series_uid=uid, shape=(8, 8)),
        write_series(tmp_path, prefix="c", series_uid=uid, spacing=(1, 1)),
        write_series(tmp_path, prefix="d", series_uid=uid, ImageType=["DERIVED", "PRIMARY", "AXIAL"]),
    ]
    scans = found_in(*paths).scans
    assert sorted((len(scan.sources), scan.original) for scan in scans) == [(5, False), (5, True), (5, True), (5, True)]


@pytest.mark.parametrize(
    ("z", "step", "flags"),
    [
        ((0, 5, 10, 15), 5.0, ()),
        ((0, 5, 10, 20, 25), 5.0, ("missing_slices",)),
        ((0, 5, 10, 17, 22), 5.0, ("nonuniform",)),
        ((0.0, 0.6, 1.3, 1.9, 2.5, 3.1, 3.8, 4.4, 5.0), 0.625, ()),  # 0.625 mm written with one decimal
        ((0, 1, 2, 3, 9.4, 10.4), 1.0, ("missing_slices", "nonuniform")),
        ((0,), None, ("single_slice",)),
    ],
)
def test_spacing_and_gaps_come_from_positions(tmp_path: Path, z: tuple[float, ...], step: float | None, flags: tuple[str, ...]) -> None:
    scan = only(found_in(write_series(tmp_path, positions=along_z(*z))))
    assert scan.spacing_mm[0] == (None if step is None else pytest.approx(step))
    assert scan.flags == flags
    assert [s.z_mm for s in scan.slices] == list(z)
    assert scan.extent_mm == (None if step is None else pytest.approx(z[-1] - z[0]))


def test_a_tilted_gantry_is_flagged_and_measured_along_the_normal(tmp_path: Path) -> None:
    orientation = (1, 0, 0, 0, 0.96592583, -0.25881905)  # 15 degrees
    scan = only(found_in(write_series(tmp_path, positions=along_z(0, 5, 10, 15), orientation=orientation)))
    assert scan.flags == ("tilted",)
    assert scan.plane == "axial"
    assert scan.spacing_mm[0] == pytest.approx(5 * 0.96592583, abs=1e-5)
    assert scan.slices[1].z_mm == pytest.approx(5 - 0.25881905 * 0.75 * 15 / 2, abs=1e-6)  # of the plane's centre


def test_copies_are_left_out_and_the_readable_one_is_kept(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "a", transfer_syntax=RLELossless)
    plain = write_series(tmp_path / "b", transfer_syntax=ExplicitVRLittleEndian)
    jpeg = write_series(tmp_path / "c", n=5, transfer_syntax=JPEGLSLossless)
    found = found_in(paths, plain, jpeg)
    scan = only(found)
    assert {source.path.parent.name for source in scan.sources} == {"b"}
    assert scan.flags == ("duplicate_slices",)
    assert [(r.left_out, r.files, r.path.name) for r in found.rejected] == [(True, 5, "a"), (True, 5, "c")]
    assert scan.names == only(found_in(plain)).names


def test_one_uid_for_all_slices_loses_none_of_them(tmp_path: Path) -> None:
    scan = only(found_in(write_series(tmp_path, SOPInstanceUID="1.2.3")))
    assert len(set(scan.names)) == 5
    assert scan.flags == ("uid_reused",)


@pytest.mark.parametrize(
    "by", ["AcquisitionNumber", "TemporalPositionIdentifier", "AcquisitionTime", "ContentTime", "ConvolutionKernel", None]
)
def test_phases_at_the_same_places_are_told_apart(tmp_path: Path, by: str | None) -> None:
    values = {"ConvolutionKernel": ("B20f", "B60f"), "AcquisitionTime": ("101010", "101055"), "ContentTime": ("101010", "101055")}.get(
        by or "", (1, 2)
    )
    extra: list[dict[str, Any]] = [{} if by is None else {by: value} for value in values]
    one = write_series(tmp_path, prefix="a", series_uid="1.2", number_from=1, **extra[0])
    two = write_series(tmp_path, prefix="b", series_uid="1.2", number_from=6, **extra[1])
    found = found_in(one, two)
    assert [{s.path.name[0] for s in scan.sources} for scan in found.scans] == [{"a"}, {"b"}]
    assert all(scan.flags == ("split_phases",) for scan in found.scans)
    assert found.rejected == ()


def test_phases_that_cover_different_ranges_are_told_apart_by_acquisition(tmp_path: Path) -> None:
    one = write_series(tmp_path, prefix="a", series_uid="1.2", positions=along_z(0, 2, 4, 6, 8), AcquisitionNumber=1)
    two = write_series(tmp_path, prefix="b", series_uid="1.2", positions=along_z(4, 6, 8, 10), AcquisitionNumber=2)
    assert [len(scan.sources) for scan in found_in(one, two).scans] == [5, 4]


def test_a_place_taken_twice_keeps_the_first_by_number(tmp_path: Path) -> None:
    one = write_series(tmp_path, prefix="b", series_uid="1.2", number_from=1)
    again = write_series(tmp_path, prefix="a", series_uid="1.2", positions=along_z(104), number_from=9)
    found = found_in(one, again)
    scan = only(found)
    assert [s.number for s in scan.slices] == [1, 2, 3, 4, 5]
    assert scan.flags == ("duplicate_slices",)
    assert [(r.path, r.left_out) for r in found.rejected] == [(again[0], True)]


def test_a_lone_image_across_the_stack_counts_as_localizer(tmp_path: Path) -> None:
    stack = write_series(tmp_path, prefix="a", series_uid="1.2")
    lone = write_series(tmp_path, prefix="b", series_uid="1.2", n=1, orientation=(0, 1, 0, 0, 0, -1))
    found = found_in(stack, lone)
    assert len(only(found).sources) == 5
    assert "localizers" in found.rejected[0].reason


def test_without_positions_slice_location_then_number_gives_the_order(tmp_path: Path) -> None:
    located = write_series(tmp_path / "a", positions=[None] * 3, elements=[{"SliceLocation": z} for z in (30, 10, 20)])
    scan = only(found_in(located))
    assert ([s.z_mm for s in scan.slices], scan.spacing_mm, scan.flags) == ([10, 20, 30], (10.0, 0.75, 0.5), ("no_position",))
    numbered = write_series(tmp_path / "b", positions=[None] * 3, elements=[{"InstanceNumber": k} for k in (3, 1, 2)], spacing=None)
    scan = only(found_in(numbered))
    assert [s.number for s in scan.slices] == [1, 2, 3]
    assert [s.z_mm for s in scan.slices] == [None] * 3
    assert (scan.spacing_mm, scan.extent_mm) == ((None, None, None), None)
    assert scan.flags == ("no_spacing", "no_position", "order_by_instance_number")


def test_without_orientation_axial_is_assumed_and_flagged(tmp_path: Path) -> None:
    scan = only(found_in(write_series(tmp_path, orientation=None, slope=None, intercept=None)))
    assert (scan.plane, scan.flags) == ("axial", ("no_orientation", "no_rescale"))


def test_enhanced_frames_are_slices_in_order(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", positions=along_z(104, 100, 102))
    scan = only(found_in(path))
    assert [(source.path, source.frame) for source in scan.sources] == [(path, 1), (path, 2), (path, 0)]
    assert [name.split("#")[1] for name in map(str, scan.names)] == ["1", "2", "0"]
    assert [s.z_mm for s in scan.slices] == [100, 102, 104]
    assert (scan.spacing_mm, scan.flags) == ((2.0, 0.75, 0.5), ())


def test_enhanced_phases_are_told_apart(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", positions=along_z(0, 2, 4, 0, 2, 4), temporal=[1, 1, 1, 2, 2, 2])
    assert [[s.frame for s in scan.sources] for scan in found_in(path).scans] == [[0, 1, 2], [3, 4, 5]]


def test_what_is_left_out_is_counted_by_folder_and_failures_are_not(tmp_path: Path) -> None:
    a, b = tmp_path / "f" / "1", tmp_path / "f" / "2"
    counted = aggregate([Rejected(a, "x", True), Rejected(b, "x", True), Rejected(b, "y", True), Rejected(a, "z"), Rejected(b, "z")])
    assert counted == (Rejected(a.parent, "x", True, 2), Rejected(b, "y", True), Rejected(a, "z"), Rejected(b, "z"))


def test_grouping_needs_no_files(tmp_path: Path) -> None:
    headers = [read_header(p) for p in write_series(tmp_path / "gone", voxels=stored_values(3, (4, 4)))]
    shutil.rmtree(tmp_path / "gone")
    assert len(group([h for h in headers if isinstance(h, DicomHeader)]).scans) == 1
    assert group([]) == Found()
