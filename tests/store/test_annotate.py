from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from dicom_files import write_enhanced, write_series
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, AnnotateReport, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import UsageError
from scanbank.store.ingest import ingest


def write_images(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (8, 9), dtype=np.uint8)).save(path)


def table(
    bank: Bank, path: Path, text: str, want: Literal["labels", "reports"] = "labels", options: AnnotateOptions | None = None, **columns: Any
) -> AnnotateReport:
    path.write_text(text)
    return annotate(bank, path, read_table(path, TableOptions(**columns), want=want), options or AnnotateOptions())


def rows(bank: Bank, query: str) -> list[dict[str, Any]]:
    return bank.sql(query).to_pylist()


@pytest.fixture
def chest(bank: Bank, tmp_path: Path) -> Bank:
    """Two patients: p1 with one study of two series, p2 with one of one."""
    write_series(tmp_path / "scans" / "a", n=3, patient_id="p1", study_uid="1.1", series_uid="1.1.1", AccessionNumber="A1")
    write_series(tmp_path / "scans" / "b", n=2, patient_id="p1", study_uid="1.1", series_uid="1.1.2", AccessionNumber="A1", seed=1)
    write_series(tmp_path / "scans" / "c", n=4, patient_id="p2", study_uid="1.2", series_uid="1.2.1", AccessionNumber="A2", seed=2)
    ingest(bank, [tmp_path / "scans"])
    return bank


@pytest.mark.parametrize(
    ("header", "key", "level", "volumes"),
    [
        ("patient_id", "p1", "patient", 2),
        ("study_uid", "1.1", "study", 2),
        ("accession", "A1", "study", 2),
        ("series_uid", "1.1.2", "series", 1),
    ],
)
def test_original_ids_work_as_keys(chest: Bank, tmp_path: Path, header: str, key: str, level: str, volumes: int) -> None:
    report = table(chest, tmp_path / "l.csv", f"{header},nodule\n{key},1\n")
    assert (report.matched, report.labels, report.unmatched) == (1, 1, ())
    found = rows(chest, "SELECT * FROM labels JOIN volumes ON item = volume")
    assert len(found) == volumes
    assert {(r["finding"], r["value"], r["level"]) for r in found} == {("nodule", 1.0, level)}
    assert key not in str(rows(chest, "FROM latest_labels"))


def test_path_and_slice_number(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "stacks", "pa/001.png", "pa/002.png", "pa/004.png", "pb/001.png")
    ingest(bank, [tmp_path / "stacks"], images="stack")
    report = table(bank, tmp_path / "stacks" / "l.csv", "patient_id,slice_number,bleed\npa,4,1\npa,3,0\npx,1,0\n")
    assert [line for line, _ in report.unmatched] == [3, 4]
    assert rows(bank, 'SELECT s."index", s.number, l.value FROM labels l JOIN slices s ON item = slice') == [
        {"index": 2, "number": 4, "value": 1.0}
    ]
    table(bank, tmp_path / "stacks" / "m.csv", "path,bleed\npa/002.png,0\npb,1\n")
    assert rows(bank, "SELECT level, value FROM labels WHERE level = 'volume'") == [{"level": "volume", "value": 1.0}]
    assert len(rows(bank, "SELECT * FROM labels WHERE level = 'slice'")) == 2


def test_unmatched_rows_are_reported_by_line_and_heal(chest: Bank, tmp_path: Path) -> None:
    report = table(chest, tmp_path / "l.csv", "patient_id,nodule\np1,1\nJane Doe,0\n")
    assert report.unmatched == ((3, "no patient has its patient_id"),)
    (failure,) = rows(chest, "SELECT stage, reason FROM failures")
    assert failure == {"stage": "match", "reason": "line 3 of the table: no patient has its patient_id"}
    table(chest, tmp_path / "l.csv", "patient_id,nodule\np1,1\np2,0\n")
    assert rows(chest, "SELECT * FROM failures") == []


def test_the_same_table_twice_changes_nothing_and_a_correction_supersedes(chest: Bank, tmp_path: Path) -> None:
    text = "patient_id,nodule,sex,split\np1,1,F,train\np2,0,M,test\n"
    assert table(chest, tmp_path / "l.csv", text, attributes=("sex",)).labels == 2
    before = chest.snapshot.id
    assert table(chest, tmp_path / "l.csv", text, attributes=("sex",)).labels == 0
    assert chest.snapshot.id == before
    assert table(chest, tmp_path / "l.csv", text.replace("p2,0", "p2,-1"), attributes=("sex",)).labels == 1
    assert {r["status"] for r in rows(chest, "SELECT status FROM labels")} == {"present", "uncertain"}
    assert {r["side"] for r in rows(chest, "SELECT side FROM splits")} == {"train", "test"}
    sexes = "SELECT a.value, v.patient_key FROM attributes a JOIN volumes v ON item = volume WHERE name = 'sex' AND source = 'table'"
    keys = {chest.key.pseudonym("patient", name): sex for name, sex in (("p1", "female"), ("p2", "male"))}
    assert sorted((keys[r["patient_key"]], r["value"]) for r in rows(chest, sexes)) == [("female", "female")] * 2 + [("male", "male")]


def test_two_sources_stand_beside_each_other(chest: Bank, tmp_path: Path) -> None:
    for source, value in (("R1", 1), ("R2", 0)):
        table(chest, tmp_path / "l.csv", f"series_uid,nodule\n1.2.1,{value}\n", options=AnnotateOptions(source=source))
    assert rows(chest, "SELECT source, value FROM labels ORDER BY source") == [
        {"source": "R1", "value": 1.0},
        {"source": "R2", "value": 0.0},
    ]


def test_group_says_who_belongs_together(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "i", "a.png", "b.png", "c.png")
    ingest(bank, [tmp_path / "i"], images="each")
    assert rows(bank, "SELECT count(DISTINCT patient) AS n FROM volumes") == [{"n": 3}]
    table(bank, tmp_path / "i" / "l.csv", "path,group,f\na.png,g1,0\nb.png,g1,1\nc.png,,1\n")
    assert rows(bank, "SELECT count(DISTINCT patient) AS n FROM volumes") == [{"n": 2}]
    assert rows(bank, "SELECT count(*) AS n FROM volumes v JOIN studies s USING (study) WHERE v.patient <> s.patient") == [{"n": 0}]
    assert rows(bank, "SELECT value FROM labels JOIN volumes ON item = volume ORDER BY ordinal") == [{"value": v} for v in (0.0, 1.0, 1.0)]


def test_a_group_keeps_what_is_said_of_the_patient(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "a.csv", "patient_id,old\np1,1\n")
    report = table(chest, tmp_path / "b.csv", "patient_id,group,new,split\np1,g,1,train\np2,g,0,train\n")
    assert report.unmatched == ()
    assert rows(chest, "SELECT count(DISTINCT patient) AS n FROM volumes") == [{"n": 1}]
    query = "SELECT finding, sum(value) AS positive, count(*) AS n FROM labels JOIN volumes ON item = volume GROUP BY ALL ORDER BY finding"
    assert rows(chest, query) == [{"finding": "new", "positive": 2.0, "n": 3}, {"finding": "old", "positive": 2.0, "n": 2}]
    assert rows(chest, "SELECT count(*) AS n FROM splits JOIN volumes ON item = volume") == [{"n": 3}]
    assert table(chest, tmp_path / "c.csv", "patient_id,late\np2,1\n").unmatched == ()
    assert rows(chest, "SELECT count(*) AS n FROM labels WHERE finding = 'late'") == [{"n": 1}]


def test_a_later_scan_joins_the_group_of_its_patient(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "b.csv", "patient_id,group,f\np1,g,1\np2,g,0\n")
    write_series(tmp_path / "late", n=2, patient_id="p2", study_uid="1.2", series_uid="1.2.7", seed=8)
    ingest(chest, [tmp_path / "late"])
    assert rows(chest, "SELECT count(DISTINCT patient) AS n FROM volumes") == [{"n": 1}]
    assert rows(chest, "SELECT count(*) AS n FROM volumes v JOIN studies s USING (study) WHERE v.patient <> s.patient") == [{"n": 0}]
    assert rows(chest, "SELECT value FROM labels l JOIN volumes ON item = volume WHERE slices = 2 AND kernel_sharpness IS NULL") != []
    assert table(chest, tmp_path / "r.csv", "accession,report\nA2,Text.\n", "reports").unmatched == ()


def test_labels_follow_a_series_that_grew(bank: Bank, tmp_path: Path) -> None:
    files = write_series(tmp_path / "all", n=6)
    (tmp_path / "some").mkdir()
    for file in files[:3]:
        shutil.copy(file, tmp_path / "some")
    ingest(bank, [tmp_path / "some"])
    table(bank, tmp_path / "l.csv", "path,group,split,f\nsome,g,train,1\n")
    ingest(bank, [tmp_path / "all"])
    assert rows(bank, "SELECT slices, value FROM labels JOIN volumes ON item = volume") == [{"slices": 6, "value": 1.0}]
    assert rows(bank, "SELECT slices, side FROM splits JOIN volumes ON item = volume") == [{"slices": 6, "side": "train"}]
    assert rows(bank, "SELECT patient FROM volumes") == [{"patient": bank.key.pseudonym("patient", "group", "g")}]


def test_whose_a_scan_is_goes_before_whom_it_names(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "scans" / "a.csv", "path,patient_id,x\na,p2,1\nb,p2,1\nc,p1,1\n")
    table(chest, tmp_path / "b.csv", "patient_id,f\np1,1\np2,0\n")
    found = rows(chest, "SELECT slices, value FROM labels JOIN volumes ON item = volume WHERE finding = 'f' ORDER BY slices")
    assert found == [{"slices": 2, "value": 0.0}, {"slices": 3, "value": 0.0}, {"slices": 4, "value": 1.0}]


def test_findings_and_impression_may_come_in_two_tables(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "f.csv", "accession,findings\nA1,Clear.\n", "reports")
    table(chest, tmp_path / "i.csv", "accession,impression\nA1,Normal.\n", "reports")
    assert [r["section"] for r in rows(chest, "SELECT section FROM snippets WHERE part = 'section' ORDER BY ordinal")] == [
        "findings",
        "impression",
    ]


def test_a_group_of_texts_is_the_group_of_scans(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "s.csv", "accession,group,f\nA2,g,1\n")
    table(chest, tmp_path / "t.csv", "accession,group,report\nX1,g,Text.\n", "reports", AnnotateOptions(create_studies=True))
    assert rows(
        chest, "SELECT count(DISTINCT patient) AS n FROM studies WHERE patient <> (SELECT any_value(patient) FROM volumes WHERE slices = 3)"
    ) == [{"n": 1}]


def test_reading_a_table_again_does_not_undo_a_group(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "i", "a.png", "b.png")
    ingest(bank, [tmp_path / "i"], images="each")
    for name, text in (("a", "path,patient_id,f\na.png,p1,1\nb.png,p2,0\n"), ("b", "path,group,g\na.png,x,1\nb.png,x,1\n")) * 2:
        table(bank, tmp_path / "i" / f"{name}.csv", text)
    table(bank, tmp_path / "i" / "a.csv", "path,patient_id,f\na.png,p1,1\nb.png,p2,0\n")
    assert rows(bank, "SELECT count(DISTINCT patient) AS n FROM volumes") == [{"n": 1}]


def test_ids_beside_a_path_are_keys_from_then_on(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "i", "a.png", "b.png")
    ingest(bank, [tmp_path / "i"], images="each")
    table(bank, tmp_path / "i" / "l.csv", "path,study_uid,accession,f\na.png,1.5,A5,0\nb.png,1.6,A6,1\n")
    assert table(bank, tmp_path / "r.csv", "accession,report\nA6,Text.\n", "reports").unmatched == ()
    assert table(bank, tmp_path / "m.csv", "study_uid,g\n1.5,1\n").unmatched == ()
    assert rows(bank, "SELECT v.ordinal FROM labels JOIN volumes v ON item = volume WHERE finding = 'g'") == [{"ordinal": 0}]


def test_links_and_copies_are_known_by_their_paths(bank: Bank, tmp_path: Path) -> None:
    files = write_series(tmp_path / "store", n=3)
    (tmp_path / "links").mkdir()
    for i, file in enumerate(files):
        (tmp_path / "links" / f"l{i}.dcm").symlink_to(file)
    ingest(bank, [tmp_path / "links"])
    assert table(bank, tmp_path / "links" / "l.csv", "path,f\nl1.dcm,1\n").unmatched == ()
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    assert ingest(bank, [tmp_path / "copy"]).known == 1
    assert table(bank, tmp_path / "copy" / "m.csv", f"path,g\n{files[2].name},1\n").unmatched == ()
    assert rows(bank, 'SELECT finding, s."index" FROM labels JOIN slices s ON item = slice ORDER BY finding') == [
        {"finding": "f", "index": 1},
        {"finding": "g", "index": 2},
    ]


def test_two_names_of_one_scan_that_disagree_are_reported(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "i", "a.png")
    (tmp_path / "i" / "b.png").symlink_to(tmp_path / "i" / "a.png")
    ingest(bank, [tmp_path / "i"], images="each")
    report = table(bank, tmp_path / "i" / "l.csv", "path,f,split\na.png,1,train\nb.png,0,train\n")
    assert report.unmatched == ((3, "it speaks of the same item as line 2, and says otherwise"),)
    assert rows(bank, "SELECT value FROM labels") == [{"value": 1.0}]
    assert rows(bank, "SELECT stage FROM failures") == [{"stage": "match"}]


def test_a_multi_frame_file_is_its_volume(bank: Bank, tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", positions=[(0.0, 0.0, 2.0 * z) for z in range(4)])
    ingest(bank, [path])
    table(bank, tmp_path / "l.csv", "path,f\ne.dcm,1\n")
    assert rows(bank, "SELECT level FROM labels") == [{"level": "volume"}]


def test_patient_beside_a_path_is_a_key_from_then_on(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "i", "a.png", "b.png")
    ingest(bank, [tmp_path / "i"], images="each")
    table(bank, tmp_path / "i" / "l.csv", "path,patient_id,f\na.png,p7,0\nb.png,p7,1\n")
    report = table(bank, tmp_path / "m.csv", "patient_id,old\np7,1\n")
    assert report.unmatched == ()
    assert len(rows(bank, "SELECT * FROM labels WHERE finding = 'old'")) == 2


def test_classes_are_one_categorical_finding(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path / "i", "a.png", "b.png", "c.png")
    ingest(bank, [tmp_path / "i"], images="each")
    table(bank, tmp_path / "i" / "l.csv", "path,label\na.png,Hand\nb.png,CXR\nc.png,Hand\n", classes=("label",))
    query = "SELECT category, value FROM labels JOIN volumes ON item = volume WHERE finding = 'label' ORDER BY ordinal"
    assert [(r["category"], r["value"]) for r in rows(bank, query)] == [("Hand", 1.0), ("CXR", 0.0), ("Hand", 1.0)]


def test_reports_belong_to_studies_and_are_scrubbed(chest: Bank, tmp_path: Path) -> None:
    text = 'accession,findings,impression\nA1,"Seen by Dr. Miller on 12.03.2021. No nodule.",Normal.\nA2,,Effusion.\n'
    report = table(chest, tmp_path / "r.csv", text, "reports")
    assert (report.matched, report.snippets) == (2, 3)
    found = rows(
        chest,
        "SELECT section, text, patient, ordinal FROM snippets JOIN studies USING (study, patient) WHERE part = 'section' ORDER BY ordinal",
    )
    assert [r["section"] for r in found] == ["findings", "impression", "impression"]
    assert "Miller" not in found[0]["text"]
    assert "2021" not in found[0]["text"]
    assert "No nodule." in found[0]["text"]
    assert (
        len({r["ordinal"] for r in found} | set(np.concatenate([[r["ordinal"]] for r in rows(chest, "SELECT ordinal FROM slices")])))
        == 3 + 9
    )
    again = table(chest, tmp_path / "r.csv", text.replace("Effusion", "No effusion"), "reports")
    assert again.snippets == 1
    assert rows(chest, "SELECT count(*) AS n FROM snippets WHERE part = 'section'") == [{"n": 3}]


def test_a_corrected_report_takes_back_what_it_no_longer_says(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "r.csv", 'accession,report\nA1,"FINDINGS: Large bleed. IMPRESSION: Bad."\nA2,Other.\n', "reports")
    assert rows(chest, "SELECT count(*) AS n FROM snippets WHERE part = 'section'") == [{"n": 3}]
    table(chest, tmp_path / "r.csv", "accession,report\nA1,No bleed at all.\n", "reports")
    assert [r["text"] for r in rows(chest, "SELECT text FROM snippets WHERE part = 'section' ORDER BY ordinal")] == [
        "Other.",
        "No bleed at all.",
    ]


def test_two_rows_of_one_study_are_one_report(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "r.csv", "accession,report\nA1,First part.\nA1,Addendum.\n", "reports")
    assert rows(chest, "SELECT position, text FROM snippets WHERE part = 'section' ORDER BY position") == [
        {"position": 0, "text": "First part."},
        {"position": 1, "text": "Addendum."},
    ]


def test_text_is_kept_when_asked(chest: Bank, tmp_path: Path) -> None:
    table(chest, tmp_path / "r.csv", "accession,report\nA1,Dr. Miller saw it.\n", "reports", AnnotateOptions(keep_text=True))
    assert rows(chest, "SELECT text FROM snippets WHERE part = 'section'") == [{"text": "Dr. Miller saw it."}]


def test_reports_without_scans_make_studies_only_when_asked(bank: Bank, tmp_path: Path) -> None:
    text = "accession,report,nodule\nA1,Nodule.,1\nA2,Clear.,0\n"
    assert len(table(bank, tmp_path / "r.csv", text, "reports").unmatched) == 2
    report = table(bank, tmp_path / "r.csv", text, "reports", AnnotateOptions(create_studies=True))
    assert (report.matched, report.labels, report.snippets) == (2, 2, 2)
    assert rows(bank, "SELECT count(*) AS n FROM studies") == [{"n": 2}]
    assert rows(bank, "SELECT * FROM failures") == []
    again = table(bank, tmp_path / "r.csv", text, "reports", AnnotateOptions(create_studies=True))
    assert (again.labels, again.snippets) == (0, 0)
    assert table(bank, tmp_path / "l.csv", "accession,mass\nA2,1\n").unmatched == ()


def test_a_report_of_a_patient_with_two_studies_is_ambiguous(chest: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "more", n=2, patient_id="p1", study_uid="1.9", series_uid="1.9.1", seed=5)
    ingest(chest, [tmp_path / "more"])
    report = table(chest, tmp_path / "r.csv", "patient_id,report\np1,Text.\np2,Text.\n", "reports")
    assert report.unmatched == ((2, "its key names 2 studies, and a report belongs to one"),)


def test_every_shared_table_is_read_whole(bank: Bank, shared_data: Path) -> None:
    for name, findings in (("head_ct", 50), ("covid_ct", 40), ("brain_mri", 222)):
        ingest(bank, [shared_data / name], images="each")
        path = shared_data / name / "labels.csv"
        report = annotate(bank, path, read_table(path, TableOptions(), want="labels"), AnnotateOptions())
        assert (report.matched, report.labels, report.unmatched) == (findings, findings, ())


def test_no_text_counts_reports_and_keeps_none(chest: Bank, tmp_path: Path) -> None:
    none = AnnotateOptions(no_text=True)
    text = "accession,nodule,report\nA1,1,Findings: A nodule. Impression: Nodule.\nA2,0,Clear lungs.\n"
    report = table(chest, tmp_path / "r.csv", text, "reports", none)
    assert (report.matched, report.labels, report.reports, report.snippets) == (2, 2, 2, 0)
    assert rows(chest, "SELECT * FROM history_snippets") == []
    assert len(rows(chest, "SELECT * FROM labels WHERE value = 1")) == 2  # two series of one study
    report = table(chest, tmp_path / "r.csv", text, "reports")
    assert (report.labels, report.reports, report.snippets) == (0, 2, 3)
    assert len(rows(chest, "SELECT * FROM snippets WHERE part = 'section'")) == 3
    assert table(chest, tmp_path / "r.csv", text, "reports", none).reports == 2  # asked for later, it takes back what is shown
    assert rows(chest, "SELECT * FROM snippets") == []
    with pytest.raises(UsageError, match="give one of them"):
        table(chest, tmp_path / "r.csv", text, "reports", AnnotateOptions(no_text=True, keep_text=True))


def test_numbers_that_may_be_dates_are_not_stored(bank: Bank, tmp_path: Path) -> None:
    write_images(tmp_path, "a/20190304.png", "b/9999.png", "b/10000.png")
    ingest(bank, [tmp_path], images="stack")
    write_series(tmp_path / "dicom", n=2, number_from=99_999)
    ingest(bank, [tmp_path / "dicom"])
    assert [r["number"] for r in rows(bank, "SELECT number FROM slices ORDER BY number NULLS LAST")] == [9999, 99_999, None, None, None]
