from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.references import Reference, find_references

# What is meant, as SERIES:IMAGE[-LAST]; an exclamation mark stands before what is of another examination.
CASES = """
series 2, image 45|2:45
serial 2 image 60|2:60
serial: 201 image: 92, small bulla of 3 mm|201:92
image 18 in series 2|2:18
(in image 170, in series 2)|2:170
series 5 section 379|5:379
Se 3 Im 45|3:45
Se. 3 Im. 45|3:45
(Se: 3, Im: 45)|3:45
series #2 image #45|2:45
image no. 45, series no. 3|3:45
[series 2, image 45]|2:45
A nodule (3/45).|3:45
(se 3/45-50)|3:45-50
(series/image 3/45)|3:45
(3/45, 3/50 and 4/60)|3:45 3:50 4:60
(3/45, 50)|3:45 3:50
(4:123)|4:123
se 4:12|4:12
image 3/45|3:45
S3 I45 and se3im46|3:45 3:46
(S. 2, B. 45)|2:45
IMA: 42|-:42
ima 69|-:69
(IMA:77, IMA:33)|-:77 -:33
axial image 45|-:45
images 40-46|-:40-46
series 2 images 206 and 286, and in the|2:206 2:286
images 12, 15 and 18 of series 3|3:12 3:15 3:18
series 3, images 12,15,18|3:12 3:15 3:18
images 12-15 and 18-20 of series 2|2:12-15 2:18-20
images 115-20 of series 4|4:115-120
series 2 image 45 and image 50|2:45 2:50
image 12 of series 3, image 14 of series 4|3:12 4:14
(image 12, series 3, image 14, series 4)|3:12 4:14
image 12, series 3 image 14|-:12 3:14
Best on series 3, image 45/120|3:45
serie 2 imgae 45|2:45
iamge 45 seires 3|3:45
sereis 3 imaeg 45|3:45
Serie 2, Bild 45|2:45
on the 45th image of the 2nd series|2:45
2nd series 45th image|2:45
the 3rd section of the duodenum, in section 4 of the liver|
Series 2. Image 45. Stable.|2:45
(Se./Im. 3/45)|3:45
seri 2 imaj 135|2:135
série 2 image 45; serie 3 imagen 46|2:45 3:46
Ser. 3 / Bild 12|3:12
Bild Nr. 45 in Serie Nr. 3|3:45
Schicht 45 der Serie 3|3:45
Serie 4 Schichten 12 und 14|4:12 4:14
Bilder 40 bis 46|-:40-46
Bild 40/41|-:40 -:41
on the prior CT of 2019, series 2 image 40|!2:40
previously 5 mm on series 3 image 20|!3:20
On the prior CT the node measured 5 mm (series 2, image 40 of the prior).|!2:40
It was 5 mm before (prior series 2, image 40).|!2:40
Nodule of 5 mm (3/45), previously 4 mm (2/40).|3:45 !2:40
(3/45; prior 2/40)|3:45 !2:40
Series 2, images 45 to 60 on the previous study.|!2:45-60
In der Voruntersuchung maß der Herd 12 mm (Serie 2, Bild 45 der Voruntersuchung).|!2:45
Compared with the previous examination (series 2 image 40), it grew.|!2:40
Nodule, unchanged since the prior CT of [DATE] (series 2, image 45).|2:45
Nodule (series 2, image 45), unchanged compared to the prior CT.|2:45
Herd, im Vergleich zu der Voruntersuchung vom [DATE] unverändert (Serie 2, Bild 45).|2:45
The current CT (series 2 image 4), prior CT series 3 image 5.|2:4 !3:5
image 45 and 2 nodules|-:45
series 2 image 45, 3 and 4 mm nodules|2:45
A cyst (2/15).|2:15
A node (1/10), a stage (3/8), a Gleason score (3/6)|
2/3 of the lung (2/3), strength (4/5), GCS (14/15), pain (8/10)|
BP (120/80), vertebrae L4/5 (L4/5), T2/3 (11/12), pT1 N0|
Read on (3/18) and 12/03/2019 (12/3/2019), CT (3/18)|
In the axial sections, 109 mm was measured.|
sections of 5 mm, sections 5 mm thick, slice 1.25 mm, images 2-3 mm|
series 2, a series of 12 images, prior images 2019|
im 4. Ventrikel, (im 5. ICR), im 3. Segment|
suction 5 and slide 3, image quality 3|
at (10:45 pm)|
""".strip().splitlines()


def told(text: str) -> str:
    found = find_references(text)
    assert all(0 <= one.start < one.stop <= len(text) and one.first <= one.last for one in found)
    return " ".join(
        f"{'!' if one.other_exam else ''}{'-' if one.series is None else one.series}:{one.first}"
        + (f"-{one.last}" if one.last > one.first else "")
        for one in found
    )


@pytest.mark.parametrize("case", CASES)
def test_every_way_of_writing(case: str) -> None:
    text, _, expected = case.rpartition("|")
    assert told(text) == expected
    assert told(f"No mass. {text}") == expected


def test_offsets_are_of_the_text() -> None:
    text = "Stable. Nodules (IMA: 42, IMA: 47) and series 3, images 5-7."
    found = [(text[one.start : one.stop], one.series, one.first, one.last) for one in find_references(text)]
    assert found == [("IMA: 42", None, 42, 42), ("47", None, 47, 47), ("series 3, images 5-7", 3, 5, 7)]


def test_a_text_that_names_a_series_elsewhere_makes_a_bare_pair_sure() -> None:
    assert told("A cyst (2/5).") == ""
    assert told("A node (series 2, image 40). A cyst (2/5).") == "2:40 2:5"
    assert told("A node (series 3, image 40). A cyst (2/5).") == "3:40"
    assert told("A node (series 4, image 40). Strength on the left (4/5).") == "4:40"


@given(st.text(st.sampled_from("series image 12345/:-,.()[] bis und prior Se Im\n") | st.characters(), max_size=60))
def test_any_text_is_read(text: str) -> None:
    for one in find_references(text):
        assert 0 <= one.start < one.stop <= len(text)
        assert str(one.first) in text[one.start : one.stop].replace("０", "0") or any(not c.isascii() for c in text)


HOSTILE = (
    "(3/45, ",
    "image ",
    "series 2 image 4,",
    "images 1,2",
    "s 1 ",
    "im 4 im 5 ",
    "[DATE] series 2 image 4 ",
    "prior 2 mm ",
    "(",
    "1/2 ",
)


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_is_read_to_its_end(part: str) -> None:
    found = find_references(part * (40_000 // len(part)) + "\n\nEnd (series 77, image 88).")
    assert (found[-1].series, found[-1].first) == (77, 88)


def reports(shared: Path) -> dict[str, str]:
    with (shared / "ct_rate_reports" / "reports_labels.csv").open(encoding="utf-8") as file:
        return {row["AccessionNo"]: row["report_text"] for row in csv.DictReader(file)}


def listed() -> dict[str, list[Reference]]:
    """By report, what a reader found in the texts: offsets and numbers."""
    found: dict[str, list[Reference]] = {}
    with (Path(__file__).parents[2] / "data" / "ct_rate_references.csv").open() as file:
        for row in csv.DictReader(file):
            series = int(row["series"]) if row["series"] else None
            numbers = (int(row["start"]), int(row["stop"]), series, int(row["first_image"]), int(row["last_image"]))
            found.setdefault(row["report"], []).append(Reference(*numbers))
    return found


def test_recall_and_precision_on_real_reports(shared_data: Path) -> None:
    texts, wanted = reports(shared_data), listed()
    found = {name: find_references(text) for name, text in texts.items()}
    total = sum(map(len, wanted.values()))
    assert total >= 27
    hits = sum(_same(one, another) for name, several in wanted.items() for one in several for another in found[name])
    assert hits / total >= 0.95
    assert hits / sum(map(len, found.values())) >= 0.95


def _same(one: Reference, other: Reference) -> bool:
    numbers = (one.series, one.first, one.last) == (other.series, other.first, other.last)
    return numbers and one.start < other.stop and other.start < one.stop


def test_radiographs_and_teaching_cases_name_no_series(shared_data: Path) -> None:
    with (shared_data / "iu_xray_reports" / "reports.csv").open(encoding="utf-8") as file:
        texts = [row[column] for row in csv.DictReader(file) for column in ("indication", "comparison", "findings", "impression")]
    assert [one for text in texts for one in find_references(text)] == []
    for name in ("cases", "descriptions"):
        cases = strings(json.loads((shared_data / "medpix2" / f"{name}.json").read_text(encoding="utf-8")))
        assert {one.series for text in cases for one in find_references(text)} <= {None}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(part)
