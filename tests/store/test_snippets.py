from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dicom_files import write_series
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, AnnotateReport, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.forget import forget
from scanbank.store.ingest import ingest
from scanbank.store.status import overview

REPORT = "FINDINGS: A nodule (series 2, image 3). No fluid. IMPRESSION: Images 1-2 of series 7 show a cyst."


def told(bank: Bank, folder: Path, *reports: tuple[str, str], **options: Any) -> AnnotateReport:
    """Reports by accession."""
    path = folder / "r.csv"
    path.write_text("accession,report\n" + "".join(f'{accession},"{report}"\n' for accession, report in reports))
    return annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(**options))


def scans(bank: Bank, folder: Path, number: int | None, *, uid: str = "1.1.1", n: int = 4, seed: int = 0) -> None:
    elements: dict[str, Any] = {} if number is None else {"SeriesNumber": number}
    write_series(folder / uid, n=n, patient_id="p1", study_uid="1.1", series_uid=uid, AccessionNumber="A1", seed=seed, **elements)
    ingest(bank, [folder / uid])


def references(bank: Bank) -> list[dict[str, Any]]:
    return bank.sql('SELECT * FROM "references" ORDER BY section, number').to_pylist()


def statuses(bank: Bank) -> list[str]:
    return [row["status"] for row in references(bank)]


def test_sections_and_sentences_with_offsets_and_language(bank: Bank, tmp_path: Path) -> None:
    told(bank, tmp_path, ("A1", REPORT), ("A2", "Befund: Kein Erguss. Herz groß."), create_studies=True)

    found = bank.sql("SELECT section, part, sentence, start, stop, text, language FROM snippets ORDER BY ordinal").to_pylist()

    assert [(row["section"], row["part"], row["sentence"], row["text"]) for row in found] == [
        ("findings", "section", None, "A nodule (series 2, image 3). No fluid."),
        ("findings", "sentence", 0, "A nodule (series 2, image 3)."),
        ("findings", "sentence", 1, "No fluid."),
        ("impression", "section", None, "Images 1-2 of series 7 show a cyst."),
        ("impression", "sentence", 0, "Images 1-2 of series 7 show a cyst."),
        ("findings", "section", None, "Kein Erguss. Herz groß."),
        ("findings", "sentence", 0, "Kein Erguss."),
        ("findings", "sentence", 1, "Herz groß."),
    ]
    assert [row["language"] for row in found] == ["en"] * 5 + ["de"] * 3
    assert [(row["start"], row["stop"]) for row in found[:3]] == [(0, 39), (0, 29), (30, 39)]
    assert len({*bank.sql("SELECT snippet FROM snippets").column(0).to_pylist()}) == 8


def test_offsets_count_characters_and_not_bytes(bank: Bank, tmp_path: Path) -> None:
    told(bank, tmp_path, ("A1", "Größe unverändert. 𝛼 Überall Bild 3 der Serie 2."), create_studies=True)
    texts = bank.sql("SELECT text FROM snippets WHERE part = 'sentence' ORDER BY sentence").column(0).to_pylist()
    assert texts == ["Größe unverändert.", "𝛼 Überall Bild 3 der Serie 2."]
    query = """SELECT substring(w.text, r.start + 1, r.stop - r.start) AS said FROM "references" r
        JOIN snippets w USING (study, section, position) WHERE w.part = 'section'"""
    assert bank.sql(query).to_pylist() == [{"said": "Bild 3 der Serie 2"}]


def test_a_reference_leads_to_its_slices_and_to_others_it_is_marked(bank: Bank, tmp_path: Path) -> None:
    scans(bank, tmp_path, 2)
    text = (
        "FINDINGS: A (series 2, image 3). B (images 2-3 of series 2). C (series 9, image 1). D (series 2, image 77). "
        "E (series 2, images 4-5). F (image 4). On the prior CT, G (series 2, image 1). COMPARISON: CT, series 2 image 2."
    )
    report = told(bank, tmp_path, ("A1", text))
    assert (report.snippets, report.sentences, report.references) == (2, 8, 8)

    found = references(bank)

    marks = ["other_exam", "resolved", "resolved", "no_series", "out_of_range", "out_of_range", "resolved", "other_exam"]
    assert [row["status"] for row in found] == marks
    slices = {row["number"]: row for row in bank.sql("SELECT * FROM slices").to_pylist()}
    a, b, f = found[1], found[2], found[6]
    assert (a["first_slice"], a["last_slice"], a["z_mm"]) == (slices[3]["slice"],) * 2 + (slices[3]["z_mm"],)
    assert (b["first_slice"], b["last_slice"]) == (slices[2]["slice"], slices[3]["slice"])
    assert (b["low_z_mm"], b["high_z_mm"]) == tuple(sorted(slices[n]["z_mm"] for n in (2, 3)))
    assert b["z_mm"] == (b["low_z_mm"] + b["high_z_mm"]) / 2
    assert (f["series_number"], f["first_slice"]) == (None, slices[4]["slice"])
    assert {row["volume"] for row in (a, b, f)} == {bank.sql("SELECT volume FROM volumes").to_pylist()[0]["volume"]}
    assert all(row["volume"] is row["z_mm"] is None for row in found if row["status"] != "resolved")
    assert overview(bank)["references"] == {"resolved": 3, "other_exam": 2, "out_of_range": 2, "no_series": 1}


def test_scans_may_come_after_reports(bank: Bank, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f'study_uid,report\n1.1,"{REPORT}"\n')
    annotate(bank, path, read_table(path, TableOptions(), want="reports"), AnnotateOptions(create_studies=True))
    assert statuses(bank) == ["no_scan", "no_scan"]
    scans(bank, tmp_path, 2)
    assert statuses(bank) == ["resolved", "no_series"]


def test_a_series_that_comes_later_resolves_what_named_it(bank: Bank, tmp_path: Path) -> None:
    scans(bank, tmp_path, 2)
    told(bank, tmp_path, ("A1", REPORT))
    assert statuses(bank) == ["resolved", "no_series"]
    scans(bank, tmp_path, 7, uid="1.1.2", seed=1)
    assert statuses(bank) == ["resolved", "resolved"]
    scans(bank, tmp_path, 2, uid="1.1.3", seed=2)
    assert statuses(bank) == ["ambiguous", "resolved"]
    forget(bank, ["p1"])
    assert references(bank) == []
    assert bank.sql("SELECT count(*) AS n FROM history_references").to_pylist() == [{"n": 0}]


def test_the_questions_of_the_docs_have_answers(bank: Bank, tmp_path: Path) -> None:
    scans(bank, tmp_path, 2)
    told(bank, tmp_path, ("A1", REPORT))
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text("utf-8")
    counts, marks, slices = (bank.sql(query) for query in re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    assert [(row["section"], row["part"], row["n"]) for row in counts.to_pylist()][:2] == [
        ("findings", "section", 1),
        ("findings", "sentence", 2),
    ]
    assert {row["status"]: row["n"] for row in marks.to_pylist()} == {"resolved": 1, "no_series": 1}
    assert [row["text"] for row in slices.to_pylist()] == ["A nodule (series 2, image 3)."]


def test_scans_without_numbers(bank: Bank, tmp_path: Path) -> None:
    scans(bank, tmp_path, None)
    told(bank, tmp_path, ("A1", "Seen (series 2, image 3) and (image 2)."))
    assert [row["status"] for row in references(bank)] == ["no_series", "resolved"]
    scans(bank, tmp_path, 20231231)  # more digits than a series' number has: a date may stand there
    assert bank.sql("SELECT DISTINCT series_number FROM volumes").to_pylist() == [{"series_number": None}]


def test_a_corrected_report_takes_back_what_it_no_longer_says(bank: Bank, tmp_path: Path) -> None:
    told(bank, tmp_path, ("A1", "A (series 2, image 3). B (series 2, image 4). Clear. Stable."), create_studies=True)
    ordinals = dict(bank.sql("SELECT text, ordinal FROM snippets WHERE part = 'sentence'").to_pydict().items())
    before = dict(zip(ordinals["text"], ordinals["ordinal"], strict=True))

    again = told(bank, tmp_path, ("A1", "A (series 2, image 3). Large. Clear."), create_studies=True)

    assert (again.snippets, again.sentences, again.references) == (1, 3, 1)
    rows = bank.sql("SELECT text, ordinal FROM snippets WHERE part = 'sentence' ORDER BY sentence").to_pylist()
    assert [row["text"] for row in rows] == ["A (series 2, image 3).", "Large.", "Clear."]
    kept = {row["text"]: row["ordinal"] for row in rows}
    # what stays where it was keeps its vector
    assert [text for text, ordinal in kept.items() if before.get(text) == ordinal] == ["A (series 2, image 3).", "Clear."]
    assert len(references(bank)) == 1
    snapshot = bank.snapshot.id
    assert told(bank, tmp_path, ("A1", "A (series 2, image 3). Large. Clear."), create_studies=True).sentences == 0
    assert bank.snapshot.id == snapshot
    told(bank, tmp_path, ("A1", "A (series 2, image 3). Large. Clear."), create_studies=True, no_text=True)
    assert bank.sql("SELECT * FROM snippets").num_rows == len(references(bank)) == 0


def test_reports_of_an_earlier_version_get_their_sentences(bank: Bank, tmp_path: Path) -> None:
    told(bank, tmp_path, ("A1", REPORT), create_studies=True)
    study, patient = next(iter(bank.sql("SELECT study, patient FROM studies").to_pylist()[0].values())), "p"
    other = Bank.create(tmp_path / "old", key_file=bank._key_file)
    section = {"section": "findings", "position": 0, "text": "A nodule (series 2, image 3). No fluid."}
    with other.commit("old") as commit:
        commit.append("studies", [{"study": study, "patient": patient}])
        commit.append("snippets", [section | {"snippet": "s", "ordinal": commit.reserve(1), "study": study, "patient": patient}])
    other.refresh()
    (row,) = other.sql("SELECT part, start, stop, text, language FROM snippets").to_pylist()
    assert row == {"part": "section", "start": 0, "stop": 39, "text": section["text"], "language": None}


@pytest.mark.parametrize("text", ["", " . ", "x" * 50_000, "(" * 20_000, "series 2 image 3 " * 2_000, "\ue000 a. b \ue000"])
def test_odd_reports_cost_themselves_only(bank: Bank, tmp_path: Path, text: str) -> None:
    told(bank, tmp_path, ("A1", text), ("A2", REPORT), create_studies=True)
    rows = bank.sql(
        "SELECT s.text, w.text AS whole, s.start, s.stop FROM snippets s JOIN snippets w USING (study, section, position) "
        "WHERE w.part = 'section'"
    ).to_pylist()
    assert all(row["text"] == row["whole"][row["start"] : row["stop"]] for row in rows)
    assert any("No fluid." in row["text"] for row in rows)
