"""What goes, and what must stay. All names and numbers are made up."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanbank.store.scrub import TAGS, scrub
from scrub_pieces import PIECES

TAG = re.compile(rf"\[(?:{'|'.join(TAGS)})\]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Discussed with Dr. Smith. Lesion is stable.", "Discussed with Dr. [NAME]. Lesion is stable."),
        ("Dr. J. R. Smith-Jones notified", "Dr. [NAME] notified"),
        ("Herr Prof. Dr. med. Karl von der Heide, Oberarzt", "Herr Prof. Dr. med. [NAME], Oberarzt"),
        ("Frau Müller-Lüdenscheidt: Thorax frei", "Frau [NAME]: Thorax frei"),
        ("Mr. and Mrs. O'Neill were told", "Mr. and Mrs. [NAME] were told"),
        ("Assist.Prof.Dr.Ayşe KILIÇ Radiology Specialist", "Assist.Prof.Dr.[NAME] Radiology Specialist"),
        ("Patient: SMITH, JOHN  Findings: clear", "Patient: [NAME]  Findings: clear"),
        ("Patient Name: DOE^JANE^^", "Patient Name: [NAME]"),
        ("Name: Jane Q. Doe, 54-year-old woman", "Name: [NAME], 54-year-old woman"),
        ("Electronically signed by: John A. Smith, MD", "Electronically signed by: [NAME]"),
        ("gez. Dr. A. Meier / befundet von M. Huber", "gez. Dr. [NAME] / befundet von [NAME]"),
        ("Überweiser: Huber, Anna", "Überweiser: [NAME]"),
        ("Read and approved. John A. Smith, M.D.", "Read and approved. [NAME], M.D."),
    ],
)
def test_names(text: str, expected: str):
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "date",
    [
        *("2020-03-12", "2020/3/12", "2020-03-12T14:30:00", "03/12/2020", "27/01/2017", "3/4/21", "12-03-2020", "01-02-20", "20200312"),
        *("12.03.2020", "2.5.2020", "12. 3. 2020", "12.4.21", "03/2020", "12.2019", "2019-12", "25 May 20222"),
        *("March 26, 2018", "Mar 5, 2018", "5th of March 2019", "19 August 2019", "05-Jan-2020", "12MAR2020", "Sept. 3, 2020", "Jan 5"),
        *("January 2019", "20 September", "3. März 2019", "5 Mai", "17. Okt. 2021", "Dezember 2019", "JUNE 2016", "May '19"),
    ],
)
def test_dates(date: str):
    assert scrub(f"CT ({date}), see") == "CT ([DATE]), see"
    assert scrub(f"compared to {date}.") == "compared to [DATE]."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dated March, and in May", "dated [DATE], and in [DATE]"),
        ("the January-dated examination", "the [DATE]-dated examination"),
        ("CT vom 3.5., am 12.4. und im März", "CT vom [DATE], am [DATE] und im [DATE]"),
        ("12.03.2020-14.03.2020", "[DATE]-[DATE]"),
        ("im 12.03.2020 und im 03/2020", "im [DATE] und im [DATE]"),
        (
            "at 9:41, 14:30, 9:05 am, 8 PM, um 14 Uhr, at 1430 hours, 14.30 Uhr",
            "at [TIME], " + ", ".join(["[TIME]"] * 3) + ", um [TIME], at [TIME], [TIME]",
        ),
        ("MRN: 00123456, MRN 12, Acc# A-4711-22", "MRN: [ID], MRN [ID], Acc# [ID]"),
        ("Fall-Nr. 0815-47, Pat.-Nr.: 88421, Auftragsnummer 55", "Fall-Nr. [ID], Pat.-Nr.: [ID], Auftragsnummer [ID]"),
        ("accession number 998877; Patient ID: AB12; ID: 4711", "accession number [ID]; Patient ID: [ID]; ID: [ID]"),
        ("SSN 123-45-6789 or 123-45-6789", "SSN [ID] or [ID]"),
        ("1.2.840.113619.2.55.3.604688119.971. See 12345678", "[ID]. See [ID]"),
        ("Tel. 030/1234567, Fax: 06221 56-1234, pager 1234", "Tel. [PHONE], Fax: [PHONE], pager [PHONE]"),
        ("(555) 123-4567, 555-123-4567 or +49 171 2345678", "[PHONE], [PHONE] or [PHONE]"),
        ("anna.huber@klinik.example.org, https://x.example/a?b=1.", "[EMAIL], [URL]."),
        ("Berliner Straße 12, 69120 Heidelberg; Hauptstr. 5a", "[ADDRESS]; [ADDRESS]"),
        ("12 Main Street, Springfield, IL 62704", "[ADDRESS], [ADDRESS]"),
    ],
)
def test_other_kinds(text: str, expected: str):
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A 54-year-old woman, 45-jährige Patientin, aged 67.",
        "Nodule of 12 x 8 mm, 3.5 cm, 4.5x3mm, 10-12-15 mm, 12.5.20 mm, 120 kV, KV 120, CT in 2016.",
        "T12-L1, L4/5, L5-S1, C3/4/5, TH 11/12, T9-10, segments 6/7/10, Segment 8 am Hilus, 7th-8th rib, ratio 1/2, 1:10.",
        "Series 2, image 45; series 3 image 129; IMA: 42; se 04:12; image 10/11/12; Bild 45 am Rand; serial 2 image 60.",
        "HU of 35-40, 100-200 HU, +1200 HU, follow-up at 3/6/12 months, grade 3/5, BI-RADS 4, stage T2 N1 M0.",
        "1. May represent granuloma. 2. MAR was used. 5 mm. May be scar. A march fracture may occur.",
        "Lesion at the 10:30 position, at 9:30 o'clock, 10 Uhr Position.",
        "The patient: supine position. Patient: Male. No. 3 of 12. Dr. notified. The doctor said so.",
        "Impression: PA and lateral views. Comparison: none. ID: none. MRN unknown. Multi Detector CT.",
        "ICD 786.2, V76.10, 0.12345678, 1.2.3, Th10/11, PET-CT, 5 months, 24 h, XXXX at XXXX hours.",
    ],
)
def test_what_must_stay(text: str):
    assert scrub(text) == text


def test_known_strings():
    known = ["Müller^Hans", "4711-A", "Ng", "103", "DOE 120", "von Ahn"]
    assert (
        scrub("MÜLLER's and Mueller, Muller, Müllers, hans; Hans Müller", known)
        == "[NAME] and [NAME], [NAME], [NAME], [NAME]; [NAME] [NAME]"
    )
    assert scrub("case 4711-a_CT, 4711-AB", known) == "case [ID]_CT, 4711-AB"
    assert scrub("Ng, von, enhanced, 120, von  Ahn, Ahn, Doe", known) == "Ng, von, enhanced, 120, [NAME], [NAME], [NAME]"
    assert scrub("No 103 has 103 mm, 1.103, 103 x 50, image 103.", known) == "No [ID] has 103 mm, 1.103, 103 x 50, image 103."
    assert scrub("Name date [NAME]", ["name", "date"]) == "[NAME] [NAME] [NAME]"
    assert scrub("a\tb ^ [x", ["a\tb", "^^^", "[x", "", "(((("]) == "[NAME] ^ [x"


@given(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(["Smith", "2020", "MD", "name", "1234567", "[", "Müller^May"]), max_size=2),
)
@example("Prof.Dr.Ayşe Kılıç", [])
def test_scrubbing_twice_changes_nothing_more(text: str, known: list[str]):
    once = scrub(text, known)
    assert scrub(once, known) == once


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str):
    once = scrub(text)
    assert scrub(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "1",
        "1.",
        "A-",
        "Dr. ",
        "Patient: ",
        "A b ",
        "a@",
        "x.y@",
        "1/1/",
        "A^",
        " ",
        "12 May ",
        "series 1/",
        "-1",
        "+1 ",
        "Tel. ",
        "[NAME",
        "www.",
    ],
)
def test_time_grows_with_the_text_only(text: str):
    scrub(text * (100_000 // len(text)), ["Smith", "Doe^Jane"])  # a pattern that backtracks would not come back


def test_reports_beside_the_checkout(shared_data: Path):
    with (shared_data / "ct_rate_reports/reports_labels.csv").open(encoding="utf-8", newline="") as file:
        chest = [row["report_text"] for row in csv.DictReader(file)]
    scrubbed = [scrub(text) for text in chest]
    # Looked at by eye: each is a date, or the one name of a doctor; bare years stay.
    assert Counter(TAG.findall("\n".join(scrubbed))) == {"[DATE]": 105, "[NAME]": 1}
    assert not re.search(r"\d[./]\d{1,2}[./](?:19|20)\d\d", "\n".join(scrubbed))
    references = re.compile(r"(?i)\b(?:series|serial|image|ima)[ :]+\d+")
    assert [references.findall(text) for text in scrubbed] == [references.findall(text) for text in chest]
    with (shared_data / "iu_xray_reports/reports.csv").open(encoding="utf-8", newline="") as file:
        radiographs = [f"{row['findings']}\n{row['impression']}" for row in csv.DictReader(file)]
    # These came without names; the three hits are "Dr. XXXX XXXX".
    assert Counter(TAG.findall("\n".join(map(scrub, radiographs)))) == {"[NAME]": 3}
