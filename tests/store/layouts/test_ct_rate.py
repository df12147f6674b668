"""CT-RATE's layout on small look-alikes: stored values under a default header, corrected files, and the tables beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, AnnotateReport, annotate
from scanbank.store.errors import ReadError, TableError
from scanbank.store.ingest import IngestReport, ingest
from scanbank.store.layouts import Layout, open_layout
from scanbank.store.readers import load_volume
from scanbank.store.scan import Volume

METADATA = "VolumeName,Manufacturer,PatientSex,PatientAge,ConvolutionKernel,XYSpacing,RescaleIntercept,RescaleSlope,ZSpacing,StudyDate\n"
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def row(name: str, *, xy: str = "[0.8, 0.7]", intercept: object = -8192, slope: object = 1, z: object = 2.5, kernel: str = "B30f") -> str:
    return f'{name}.nii.gz,Siemens Healthineers,F,045Y,{kernel},"{xy}",{intercept},{slope},{z},20190101\n'


def chest(seed: int = 0, shape: tuple[int, int, int] = (12, 10, 8)) -> NDArray[np.int16]:
    """(x, y, z) HU: air around a body with lungs, no two voxels' neighbourhoods alike."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(-1000, 10, shape)
    hu[2:-2, 2:-2] = rng.normal(40, 15, (shape[0] - 4, shape[1] - 4, shape[2]))
    hu[3:5, 3:-3] = rng.normal(-850, 30, (2, shape[1] - 6, shape[2]))
    return np.rint(hu).astype(np.int16)


def put(folder: Path, name: str, values: NDArray[Any], affine: NDArray[Any] | None = None, release: str = "train") -> Path:
    """A volume where the authors put it; by default under the header of a file that nobody gave any."""
    patient, scan, _ = name.rsplit("_", 2)
    path = folder / release / patient / f"{patient}_{scan}" / f"{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine, dtype=values.dtype), path)
    return path


def sound(spacing: Sequence[float] = (0.8, 0.7, 2.5)) -> NDArray[np.float64]:
    """A header's affine whose axes run to the left, the back and the head."""
    return LPS @ np.diag([*spacing, 1.0]) + np.array([[0, 0, 0, 11.0], [0, 0, 0, 22], [0, 0, 0, 33], [0, 0, 0, 0]])


def table(folder: Path, text: str, name: str = "train_metadata.csv") -> Path:
    folder.joinpath("tables").mkdir(parents=True, exist_ok=True)
    path = folder / "tables" / name
    path.write_text(text)
    return path


def take(bank: Bank, root: Path) -> tuple[Layout, IngestReport]:
    layout = open_layout("ct-rate", [root])
    return layout, ingest(bank, [root], declare=layout.declare)


def annotated(bank: Bank, layout: Layout, source: str = "table") -> list[AnnotateReport]:
    tables = layout.tables([path for _, _, path in bank.local_map.first_files()])
    return [annotate(bank, one.path, one.table, AnnotateOptions(source=source)) for one in tables]


def volumes(bank: Bank) -> dict[str, dict[str, Any]]:
    """By the file's name."""
    names = {volume: path.name.removesuffix(".nii.gz") for volume, _, path in bank.local_map.first_files()}
    return {names[row["volume"]]: row for row in bank.sql("SELECT * FROM volumes").to_pylist()}


def decoded(bank: Bank, name: str) -> Volume:
    located = bank.local_map.locate(volumes(bank)[name]["volume"])
    assert located
    return load_volume(located)


def test_stored_values_become_hu_by_the_table(bank: Bank, tmp_path: Path) -> None:
    hu = chest()
    put(tmp_path, "train_1_a_1", hu + np.int16(8192))
    put(tmp_path, "train_2_a_1", ((hu + 1024) // 2).astype(np.int16))
    table(tmp_path, METADATA + row("train_1_a_1") + row("train_2_a_1", intercept=-1024.0, slope=2.0))
    _, report = take(bank, tmp_path)
    assert (report.volumes, report.failed, report.flags) == (2, 0, {"calibrated": 2})
    one = decoded(bank, "train_1_a_1")
    assert one.voxels.dtype == np.int16
    np.testing.assert_array_equal(one.voxels, hu.transpose(2, 1, 0))  # x to the left, y to the back, z to the head, as stored
    np.testing.assert_allclose(one.affine, np.diag([0.8, 0.7, 2.5, 1.0]))
    assert one.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    np.testing.assert_array_equal(decoded(bank, "train_2_a_1").voxels, (hu.transpose(2, 1, 0) + 1024) // 2 * 2 - 1024)
    known = volumes(bank)["train_1_a_1"]
    assert [known[f"spacing_{axis}_mm"] for axis in "zyx"] == pytest.approx([2.5, 0.7, 0.8])
    assert known["extent_mm"] == pytest.approx(17.5)


def test_corrected_files_are_not_rescaled_again(bank: Bank, tmp_path: Path) -> None:
    hu = chest()
    put(tmp_path, "train_1_a_1", hu, sound(), release="train_fixed")
    put(tmp_path, "valid_1_a_1", hu, sound(), release="elsewhere")  # by its values, whatever the folder is called
    put(tmp_path, "valid_2_a_1", hu[4:5], sound(), release="valid_fixed")  # no air to tell by, but the release is known
    scaled = nibabel.Nifti1Image(hu + np.int16(1024), sound(), dtype=np.int16)
    scaled.header.set_slope_inter(1, -1024)
    path = put(tmp_path, "valid_3_a_1", hu)
    nibabel.save(nibabel.Nifti1Image(hu, sound(), header=scaled.header, dtype=np.int16), path)
    table(tmp_path, METADATA + "".join(row(f"{name}_a_1", intercept=-1024) for name in ("train_1", "valid_1", "valid_2", "valid_3")))
    take(bank, tmp_path)
    for name in ("train_1_a_1", "valid_1_a_1", "valid_3_a_1"):
        volume = decoded(bank, name)
        np.testing.assert_array_equal(volume.voxels, hu.transpose(2, 1, 0))
        np.testing.assert_allclose(volume.affine[:3, 3], [-11, -22, 33])  # a sound header says where the patient lies
    np.testing.assert_array_equal(decoded(bank, "valid_2_a_1").voxels, hu[4:5].transpose(2, 1, 0))


def test_values_that_may_be_either_cost_themselves(bank: Bank, tmp_path: Path) -> None:
    put(tmp_path, "train_1_a_1", np.full((4, 4, 4), 40, np.int16) + np.arange(4, dtype=np.int16))
    put(tmp_path, "train_2_a_1", chest() + np.int16(100))
    put(tmp_path, "train_3_a_1", chest() + np.int16(1024))
    numbers = {"train_1": -1024, "train_2": -100, "train_3": -1024}
    table(tmp_path, METADATA + "".join(row(f"{name}_a_1", intercept=number) for name, number in numbers.items()))
    assert take(bank, tmp_path)[1].volumes == 3
    for name in ("train_1_a_1", "train_2_a_1"):
        with pytest.raises(ReadError, match=r"it cannot be told whether its values .* let the table say slope 1 and intercept 0"):
            decoded(bank, name)
    np.testing.assert_array_equal(decoded(bank, "train_3_a_1").voxels, chest().transpose(2, 1, 0))


def test_a_table_of_hu_is_taken_at_its_word(bank: Bank, tmp_path: Path) -> None:
    put(tmp_path, "train_1_a_1", np.full((4, 4, 4), 40, np.int16))
    table(tmp_path, METADATA + row("train_1_a_1", intercept=0, slope=1.0, xy="0.75"))
    take(bank, tmp_path)
    volume = decoded(bank, "train_1_a_1")
    assert (int(volume.voxels.min()), int(volume.voxels.max())) == (40, 40)
    assert volume.spacing_mm == pytest.approx((2.5, 0.75, 0.75))


def test_orientation_of_the_table_is_that_of_the_array(bank: Bank, tmp_path: Path) -> None:
    """A patient who lies on the belly, feet first: columns run to the right, rows to the front."""
    hu = chest()
    put(tmp_path, "train_1_a_1", hu + np.int16(1024))
    text = METADATA.replace("StudyDate", "ImageOrientationPatient,ImagePositionPatient")
    line = row("train_1_a_1", intercept=-1024).replace("20190101", '"[-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]","[100.0, 50.0, -400.0]"')
    table(tmp_path, text + line)
    take(bank, tmp_path)
    volume = decoded(bank, "train_1_a_1")
    np.testing.assert_array_equal(volume.voxels, hu.transpose(2, 1, 0)[:, ::-1, ::-1])
    np.testing.assert_allclose(volume.affine[:3, 3], [100 - 11 * 0.8, 50 - 9 * 0.7, -400])
    assert volume.z_mm == pytest.approx(-400 + 2.5 * np.arange(8))


def test_reconstructions_are_series_of_one_study(bank: Bank, tmp_path: Path) -> None:
    for name in ("train_1_a_1", "train_1_a_2", "train_1_b_1", "train_2_a_1"):
        put(tmp_path, name, chest() + np.int16(1024))
    kernels = {"train_1_a_1": "\"['B70f', '3']\"", "train_1_a_2": "B30f", "train_1_b_1": "B30f", "train_2_a_1": "B30f"}
    table(tmp_path, METADATA + "".join(row(name, intercept=-1024, kernel=kernel) for name, kernel in kernels.items()))
    assert take(bank, tmp_path)[1].volumes == 4  # the same bytes, and volumes of their own
    found = volumes(bank)
    assert len({row["study"] for row in found.values()}) == 3
    assert found["train_1_a_1"]["study"] == found["train_1_a_2"]["study"] == bank.key.pseudonym("study", "train_1_a")
    assert {found[name]["patient"] for name in list(kernels)[:3]} == {bank.key.pseudonym("patient", "train_1")}
    assert {name for name, row in found.items() if row["is_primary"]} == {"train_1_a_2", "train_1_b_1", "train_2_a_1"}
    said = bank.sql("SELECT DISTINCT name, value FROM attributes ORDER BY ALL").to_pylist()
    assert {(row["name"], row["value"]) for row in said} >= {("sex", "female"), ("age_band", "40-49"), ("manufacturer", "siemens")}
    assert {row["value"] for row in said if row["name"] == "kernel"} == {"bone", "medium"}
    assert "2019" not in str(said)


def test_volumes_without_sound_metadata_are_refused(bank: Bank, tmp_path: Path) -> None:
    names = [f"train_{number}_a_1" for number in range(1, 9)]
    for name in names:
        put(tmp_path, name, chest() + np.int16(1024))
    bad: list[dict[str, Any]] = [{"slope": 0}, {"intercept": ""}, {"xy": "[0.8, -1]"}, {"z": "two"}, {"slope": "nan"}, {"xy": "[1, 1, 1]"}]
    lines = [row(name, **{"intercept": -1024, **one}) for name, one in zip(names, [{}, *bad], strict=False)]
    again = row(names[0], intercept=-1000)
    table(tmp_path, METADATA + "".join(lines) + again + "somebody,,,,,,,,,\n")
    put(tmp_path, "train_9_a_1", chest()).rename(tmp_path / "train" / "volume.nii.gz")
    _, report = take(bank, tmp_path)
    assert (report.volumes, report.failed) == (0, 9)
    reasons = sorted(row["reason"] for row in bank.sql("SELECT reason FROM failures").to_pylist())
    assert sum("no row of the metadata tables is of it, so its HU cannot be trusted" in reason for reason in reasons) == 1
    assert sum("line 9 of the metadata says otherwise of it" in reason for reason in reasons) == 1
    assert sum("its name is none of CT-RATE's" in reason for reason in reasons) == 1
    for column in ("RescaleSlope", "RescaleIntercept", "XYSpacing", "ZSpacing"):
        assert any(f"has no {column} for it" in reason for reason in reasons)
    assert not [reason for reason in reasons if "without --layout" not in reason or "train_" in reason.replace("train_1_a_1.nii.gz", "")]


def test_segmentations_are_left_out(bank: Bank, tmp_path: Path) -> None:
    root = tmp_path / "ts_seg_of_mine"  # what is above the folder that was named says nothing
    put(root / "dataset", "train_1_a_1", chest() + np.int16(1024))
    put(root / "dataset" / "ts_seg" / "ts_total", "train_1_a_1", np.ones((4, 4, 4), np.int16), release="train_fixed")
    table(root / "dataset", METADATA + row("train_1_a_1", intercept=-1024))
    _, report = take(bank, root / "dataset")
    assert (report.volumes, report.failed, sum(report.left_out.values())) == (1, 0, 1)


def test_files_read_without_their_layout_before_give_way(bank: Bank, tmp_path: Path) -> None:
    put(tmp_path, "train_1_a_1", chest() + np.int16(1024))
    path = table(tmp_path, METADATA + row("train_1_a_1", intercept=-1024))
    ingest(bank, [tmp_path])
    plain = volumes(bank)["train_1_a_1"]["volume"]
    assert take(bank, tmp_path)[1].replaced == 1
    ours = bank.sql("SELECT volume, study FROM volumes").to_pylist()
    assert ours == [{"volume": ours[0]["volume"], "study": bank.key.pseudonym("study", "train_1_a")}]
    assert ours[0]["volume"] != plain
    # Read again with and without it, they stay what they are; another rescale makes another volume.
    for report in (take(bank, tmp_path)[1], ingest(bank, [tmp_path])):
        assert (report.volumes, report.known, report.replaced, report.changed) == (0, 1, 0, 0)
    assert bank.sql("SELECT volume FROM volumes").to_pylist() == [{"volume": ours[0]["volume"]}]
    np.testing.assert_array_equal(decoded(bank, "train_1_a_1").voxels, chest().transpose(2, 1, 0))
    path.write_text(METADATA + row("train_1_a_1", intercept=-1000))
    assert take(bank, tmp_path)[1].volumes == 1
    np.testing.assert_array_equal(decoded(bank, "train_1_a_1").voxels, chest().transpose(2, 1, 0) + 24)


LABELS = "VolumeName,Medical material,Lung nodule,Interlobular septal thickening\n"
REPORTS = "VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN\n"


def test_labels_and_reports_are_of_studies(bank: Bank, tmp_path: Path) -> None:
    for name in ("train_1_a_1", "train_1_a_2", "train_2_a_1"):
        put(tmp_path, name, chest() + np.int16(1024))
    names = ("train_1_a_1", "train_1_a_2", "train_2_a_1", "train_3_a_1")
    table(tmp_path, METADATA + "".join(row(name, intercept=-1024) for name in names))
    values = {"train_1_a_1": "0,1,0", "train_1_a_2": "0,1,0", "train_2_a_1": "1,0,", "train_3_a_1": "1,1,1", "nobody": "0,0,0"}
    table(tmp_path, LABELS + "".join(f"{name}.nii.gz,{said}\n" for name, said in values.items()), "labels.csv")
    text = 'Cough.,Axial planes.,"A nodule of 5 mm, unchanged.",Nodule.'
    texts = {"train_1_a_1": text, "train_1_a_2": text, "train_2_a_1": "Not given.,,Clear lungs.,", "train_3_a_1": ",,,Gone."}
    table(tmp_path, REPORTS + "".join(f"{name}.nii.gz,{said}\n" for name, said in texts.items()), "reports.csv")
    table(tmp_path, "VolumeName,Something else\na,b\n", "other.csv")
    layout, _ = take(bank, tmp_path)
    labelled, reported = annotated(bank, layout)
    assert (labelled.matched, labelled.labels, [line for line, _ in labelled.unmatched]) == (2, 5, [6])
    assert (reported.matched, reported.reports, reported.snippets) == (2, 2, 5)
    rows = bank.sql("SELECT item, finding, level FROM latest_labels").to_pylist()
    one, two = (bank.key.pseudonym("study", name) for name in ("train_1_a", "train_2_a"))
    assert {(row["item"], row["finding"]): row["level"] for row in rows} == {
        (one, "medical_material"): "study",
        (one, "lung_nodule"): "study",
        (one, "interlobular_septal_thickening"): "study",
        (two, "medical_material"): "study",
        (two, "lung_nodule"): "study",
    }
    sections = bank.sql("SELECT study, section, text FROM snippets WHERE sentence IS NULL ORDER BY ALL").to_pylist()
    assert sorted((row["section"], row["text"]) for row in sections if row["study"] == one) == [
        ("findings", "A nodule of 5 mm, unchanged."),
        ("history", "Cough."),
        ("impression", "Nodule."),
        ("technique", "Axial planes."),
    ]
    assert [(row["section"], row["text"]) for row in sections if row["study"] == two] == [("findings", "Clear lungs.")]
    assert [len(one.absent.rows) if one.absent else 0 for one in layout.tables([])] == [3, 3]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("labels.csv", LABELS + "train_1_a_1.nii.gz,1,0,0\ntrain_1_a_2.nii.gz,0,0,0\n", "lines 2 and 3 give 'medical_material'"),
        ("labels.csv", LABELS + "train_1_a_1.nii.gz,1,perhaps,0\n", "line 2: lung_nodule holds 'perhaps'"),
        ("labels.csv", LABELS.replace("Medical material", "Lung nodule") + "train_1_a_1.nii.gz,1,1,0\n", "'Lung nodule' is there twice"),
        ("metadata.csv", "VolumeName,RescaleSlope\ntrain_1_a_1.nii.gz,1\n", "lack the column RescaleIntercept, XYSpacing, ZSpacing"),
        ("other.csv", "VolumeName,Something\na,1\n", "no table of CT-RATE's; expected VolumeName and RescaleSlope"),
    ],
    ids=["contradiction", "word", "column twice", "lacking columns", "another table"],
)
def test_tables_that_cannot_be_understood_are_errors(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TableError, match=name.replace(".", r"\.")) as error:
        open_layout("ct-rate", [tmp_path / name])
    assert said in str(error.value)


def test_scans_need_metadata(tmp_path: Path) -> None:
    put(tmp_path, "train_1_a_1", chest())
    with pytest.raises(
        TableError, match=r"no metadata table below .* name train_metadata\.csv or validation_metadata\.csv after the folder"
    ):
        open_layout("ct-rate", [tmp_path])
    assert open_layout("ct-rate", [tmp_path, table(tmp_path.parent, METADATA + row("train_1_a_1"))])


def test_long_cells_are_read_in_linear_time(tmp_path: Path) -> None:
    long = "1" * 1_000_000
    lines = row("train_1_a_1", xy="[" * 1_000_000) + row("train_2_a_1", slope=long) + row("train_" + long) + row("_".join("a" * 500_000))
    layout = open_layout("ct-rate", [table(tmp_path, METADATA + lines)])
    for number in (1, 2):
        assert "of the metadata has no" in str(layout.declare(Path(f"train_{number}_a_1.nii.gz")))
