from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from dicom_files import write_series
from scanbank.store import Bank, Window
from scanbank.store.errors import UsageError
from scanbank.store.ingest import ingest
from scanbank.store.schema import TABLES


def write_image(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 9), dtype=np.uint8)).save(path)
    return path


def column(bank: Bank, query: str) -> list[object]:
    return bank.sql(query).column(0).to_pylist()


def test_a_series_becomes_one_volume_with_a_run_of_slices(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "s", n=5, step=2.0, spacing=(0.75, 0.5), shape=(16, 12))
    report = ingest(bank, [tmp_path / "s"])
    assert (report.volumes, report.slices, report.failed) == (1, 5, 0)
    (volume,) = bank.sql("SELECT * FROM volumes").to_pylist()
    assert (volume["rows_px"], volume["columns_px"], volume["slices"], volume["plane"]) == (16, 12, 5, "axial")
    assert (volume["spacing_z_mm"], volume["spacing_y_mm"], volume["spacing_x_mm"]) == (2.0, 0.75, 0.5)
    assert volume["is_primary"]
    slices = bank.sql('SELECT ordinal, "index", z_mm, volume FROM slices ORDER BY ordinal').to_pylist()
    assert [s["ordinal"] for s in slices] == list(range(volume["slice_ordinal"], volume["slice_ordinal"] + 5))
    assert [s["index"] for s in slices] == [0, 1, 2, 3, 4]
    assert np.diff([s["z_mm"] for s in slices]) == pytest.approx([2.0] * 4)


def test_ids_are_digests_under_the_key(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "s", patient_id="Jane^Doe-4711", study_uid="1.2.3.4", series_uid="1.2.3.4.5", AccessionNumber="ACC-99")
    ingest(bank, [tmp_path / "s"])
    (volume,) = bank.sql("SELECT * FROM volumes JOIN studies USING (study)").to_pylist()
    assert volume["patient"] == bank.key.pseudonym("patient", "Jane^Doe-4711")
    assert volume["study"] == bank.key.pseudonym("study", "1.2.3.4")
    assert volume["series"] == bank.key.pseudonym("series", "1.2.3.4.5")
    assert volume["accession"] == bank.key.pseudonym("accession", "ACC-99")


def test_nothing_in_clear_enters_the_bank(bank: Bank, tmp_path: Path) -> None:
    canaries = [
        "CANARYNAME",
        "CANARYID",
        "19470613",
        "CANARYACC",
        "CANARYDESC",
        "1.2.826.0.1.3680043.8.498.777",
        "canaryfolder",
        "CANARYKERNEL",
    ]
    write_series(
        tmp_path / "canaryfolder" / "canaryfile",
        patient_id="CANARYID",
        study_uid="1.2.826.0.1.3680043.8.498.777",
        PatientName="CANARYNAME^X",
        PatientBirthDate="19470613",
        AccessionNumber="CANARYACC",
        SeriesDescription="CANARYDESC",
        StudyDescription="CANARYDESC",
        InstitutionName="CANARYDESC",
        Manufacturer="CANARYDESC",
        ManufacturerModelName="CANARYDESC",
        ConvolutionKernel="CANARYKERNEL",
        BodyPartExamined="CANARYDESC",
        ProtocolName="CANARYDESC",
    )
    (tmp_path / "canaryfolder" / "CANARYDESC.dcm").write_bytes(b"CANARYDESC")
    report = ingest(bank, [tmp_path])
    assert report.failed == 1
    held = "".join(str(bank.sql(f'FROM "{table}"').to_pylist()) for table in TABLES).encode()  # Parquet pages are compressed
    held += b"".join(file.read_bytes() for file in bank.path.rglob("*") if file.is_file())
    assert [canary for canary in canaries if canary.encode() in held] == []


def test_again_is_nothing_new_and_a_moved_folder_is_found(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "a", n=3)
    ingest(bank, [tmp_path / "a"])
    again = ingest(bank, [tmp_path / "a"])
    assert (again.volumes, again.known) == (0, 1)
    shutil.move(tmp_path / "a", tmp_path / "b")
    moved = ingest(bank, [tmp_path / "b"])
    assert (moved.volumes, moved.known) == (0, 1)
    located = bank.local_map.locate(str(column(bank, "SELECT volume FROM volumes")[0]))
    assert located is not None
    assert {source.path.parent for source in located.sources} == {tmp_path / "b"}


def test_two_series_mixed_in_a_folder_are_told_apart(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "s", n=3, study_uid="1.2", series_uid="1.2.1", prefix="a")
    write_series(tmp_path / "s", n=4, study_uid="1.2", series_uid="1.2.2", prefix="b", seed=1)
    assert ingest(bank, [tmp_path]).volumes == 2
    assert sorted(column(bank, "SELECT slices FROM volumes")) == [3, 4]  # pyright: ignore[reportArgumentType]
    assert column(bank, "SELECT count(DISTINCT study) FROM volumes") == [1]
    assert column(bank, "SELECT count(*) FROM volumes WHERE is_primary") == [1]


def test_identical_images_stay_different_items(bank: Bank, tmp_path: Path) -> None:
    first = write_image(tmp_path / "i" / "a.png")
    shutil.copy(first, tmp_path / "i" / "b.png")
    ingest(bank, [tmp_path / "i"], images="each")
    ids = column(bank, "SELECT volume FROM volumes ORDER BY ordinal")
    assert len(set(ids)) == 2
    assert ingest(bank, [tmp_path / "i"], images="each").known == 2
    assert column(bank, "SELECT volume FROM volumes ORDER BY ordinal") == ids
    (tmp_path / "i" / "b.png").rename(tmp_path / "i" / "c.png")
    assert ingest(bank, [tmp_path / "i"], images="each").volumes == 0


def test_images_ask_how_they_are_meant(bank: Bank, tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / "p1" / f"{number:03}.png", number)
    with pytest.raises(UsageError, match=r"--images stack .* --images each"):
        ingest(bank, [tmp_path / "p1"])
    ingest(bank, [tmp_path / "p1"], images="stack", exported_window=Window(0, 80))
    (volume,) = bank.sql("SELECT * FROM volumes").to_pylist()
    assert (volume["slices"], volume["has_hu"], volume["window_lo_hu"], volume["window_hi_hu"]) == (3, False, 0, 80)
    assert volume["patient"] == bank.key.pseudonym("patient", "p1")


def test_images_beside_scans_are_left_out_and_said_so(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "s", n=2)
    write_image(tmp_path / "s" / "preview.png")
    report = ingest(bank, [tmp_path / "s"])
    assert report.volumes == 1
    assert [words for words in report.left_out if "--images" in words]
    assert column(bank, "SELECT status FROM sources ORDER BY status") == ["left_out", "read"]


def test_bad_files_cost_themselves_only_and_heal(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "s", n=2)
    bad = tmp_path / "s" / "text.dcm"
    bad.write_text("not a scan")
    good = write_series(tmp_path / "t", n=1, series_uid="1.9", seed=3)[0]
    whole = good.read_bytes()
    good.write_bytes(whole[:200])
    report = ingest(bank, [tmp_path])
    assert (report.volumes, report.failed) == (1, 2)
    rows = bank.sql("SELECT stage, reason FROM failures").to_pylist()
    assert len(rows) == 2
    assert {row["stage"] for row in rows} == {"ingest"}
    good.write_bytes(whole)
    bad.unlink()
    assert ingest(bank, [tmp_path]).volumes == 1
    assert bank.sql("SELECT * FROM failures").num_rows == 0


def test_nothing_to_read_is_misuse(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no scans in"):
        ingest(bank, [tmp_path / "empty"])
    with pytest.raises(UsageError, match="no such file or folder"):
        ingest(bank, [tmp_path / "nowhere"])


def test_workers_find_the_same(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        write_series(tmp_path / "s" / str(i), n=4, series_uid=f"1.2.{i}", seed=i)
    monkeypatch.setattr("scanbank.store.readers.spread.CHUNK", 2)
    monkeypatch.setattr("scanbank.store.readers.spread._PACE_SECONDS", 0.0)
    monkeypatch.setattr("scanbank.store.readers.spread.WORTH_SECONDS", 0.0)
    ingest(bank, [tmp_path / "s"], workers=2)
    other = Bank.create(tmp_path / "other", key_file=tmp_path / "key")
    ingest(other, [tmp_path / "s"], workers=1)
    assert column(bank, "SELECT ordinal FROM volumes ORDER BY 1") == column(other, "SELECT ordinal FROM volumes ORDER BY 1") == [0, 5, 10]


def test_equal_uids_of_another_patient_are_another_volume(bank: Bank, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        elements = [{"SOPInstanceUID": f"1.2.3.{i}"} for i in range(3)]
        write_series(tmp_path / name, n=3, patient_id=name, study_uid=f"1.{seed}", series_uid=f"1.{seed}.1", seed=seed, elements=elements)
    assert ingest(bank, [tmp_path / "a"]).volumes == 1
    assert ingest(bank, [tmp_path / "b"]).volumes == 1
    assert ingest(bank, [tmp_path / "a", tmp_path / "b"]).known == 2
    assert column(bank, "SELECT count(DISTINCT patient) FROM volumes") == [2]
    assert column(bank, "SELECT count(*) FROM slices") == [6]


def test_scans_without_uids_are_told_apart_by_path(bank: Bank, tmp_path: Path) -> None:
    for name in ("a", "b"):
        for path in write_series(tmp_path / name, n=2, patient_id=name, study_uid="", series_uid=""):
            data = dcmread(path)
            del data.SOPInstanceUID
            data.save_as(path)
    assert ingest(bank, [tmp_path]).volumes == 2
    assert ingest(bank, [tmp_path]).known == 2


def test_a_series_that_grew_takes_the_place_of_its_part(bank: Bank, tmp_path: Path) -> None:
    files = write_series(tmp_path / "all", n=6)
    (tmp_path / "some").mkdir()
    for file in files[:3]:
        shutil.copy(file, tmp_path / "some")
    assert ingest(bank, [tmp_path / "some"]).slices == 3
    report = ingest(bank, [tmp_path / "all"])
    assert (report.volumes, report.slices, report.replaced) == (1, 6, 1)
    assert column(bank, "SELECT slices FROM volumes") == [6]
    assert column(bank, "SELECT count(*) FROM slices") == [6]
    again = ingest(bank, [tmp_path / "some"])
    assert (again.volumes, again.known) == (0, 1)
    alone = ingest(bank, [files[5]])
    assert (alone.volumes, alone.known) == (0, 1)


def test_a_window_may_be_declared_later(bank: Bank, tmp_path: Path) -> None:
    write_image(tmp_path / "i" / "a.png")
    ingest(bank, [tmp_path / "i"], images="each")
    before = column(bank, "SELECT ordinal FROM volumes ORDER BY ordinal")
    for window, kept in ((Window(0, 80), True), (Window(0, 80), True), (Window(-20, 180), False)):
        ingest(bank, [tmp_path / "i"], images="each", exported_window=window)
        assert bank.sql("SELECT window_lo_hu, window_hi_hu FROM volumes").to_pylist() == [
            {"window_lo_hu": window.lo, "window_hi_hu": window.hi}
        ]
        assert (column(bank, "SELECT ordinal FROM volumes ORDER BY ordinal") == before) is kept
    located = bank.local_map.locate(str(column(bank, "SELECT volume FROM volumes")[0]))
    assert located is not None
    assert located.exported_window == Window(-20, 180)


def test_a_folder_ingested_twice_at_once_is_there_once(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second ingest has looked for what is known before the first committed; it looks again with the lock held."""
    write_series(tmp_path / "s", n=3)
    import scanbank.store.ingest as module

    found = module.find_scans
    other = Bank.open(bank.path)

    def late(*arguments: object) -> object:
        result = found(*arguments)  # pyright: ignore[reportArgumentType]
        monkeypatch.setattr(module, "find_scans", found)
        ingest(other, [tmp_path / "s"])
        return result

    monkeypatch.setattr(module, "find_scans", late)
    assert ingest(bank, [tmp_path / "s"]).volumes == 0
    assert bank.sql("SELECT * FROM history_volumes").num_rows == 1


def test_an_id_is_never_given_twice(bank: Bank, tmp_path: Path) -> None:
    first = write_image(tmp_path / "i" / "a.png")
    shutil.copy(first, tmp_path / "i" / "b.png")
    ingest(bank, [tmp_path / "i"], images="each")
    b = bank.local_map.at_path(tmp_path / "i" / "b.png")[0][0]
    write_image(tmp_path / "i" / "a.png", 5)
    ingest(bank, [tmp_path / "i"], images="each")
    shutil.copy(tmp_path / "i" / "b.png", tmp_path / "i" / "c.png")
    assert ingest(bank, [tmp_path / "i"], images="each").volumes == 1
    assert len({bank.local_map.at_path(tmp_path / "i" / f"{name}.png")[0][0] for name in "abc"}) == 3
    assert bank.local_map.at_path(tmp_path / "i" / "b.png")[0][0] == b


def test_a_stack_that_grew_takes_the_place_of_its_part(bank: Bank, tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / "p" / f"{number:03}.png", number)
    ingest(bank, [tmp_path / "p"], images="stack")
    write_image(tmp_path / "p" / "003.png", 3)
    assert ingest(bank, [tmp_path / "p"], images="stack").replaced == 1
    assert column(bank, "SELECT slices FROM volumes") == [4]
    assert column(bank, "SELECT count(*) FROM studies") == [1]


def test_a_declared_window_outlives_a_move(bank: Bank, tmp_path: Path) -> None:
    write_image(tmp_path / "i" / "a.png")
    ingest(bank, [tmp_path / "i"], images="each", exported_window=Window(0, 80))
    (tmp_path / "i").rename(tmp_path / "j")
    ingest(bank, [tmp_path / "j"], images="each")
    located = bank.local_map.locate(str(column(bank, "SELECT volume FROM volumes")[0]))
    assert located is not None
    assert located.exported_window == Window(0, 80)
