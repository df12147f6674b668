"""The rule for columns and cells, on small tables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanbank.store.csv_table import LabelCell, ParsedTable, TableOptions, read_table
from scanbank.store.errors import TableError, UnknownNameError


def parse(folder: Path, text: str, want: Literal["labels", "reports"] = "labels", **options: object) -> ParsedTable:
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, TableOptions(**options), want=want)  # pyright: ignore[reportArgumentType]


def labels(table: ParsedTable) -> list[tuple[LabelCell, ...]]:
    return [row.labels for row in table.rows]


@pytest.mark.parametrize(
    ("header", "kind", "key", "ids"),
    [
        ("patient_id", "patient_id", "v0", {}),
        ("slice_number,patient_id", "patient_slice", ("v1", 0), {}),
        ("patient_id,slice_number,study_uid", "study_uid", "v2", {"patient_id": "v0", "slice_number": "1"}),
        ("study_uid,accession,group", "accession", "v1", {"study_uid": "v0", "group": "v2"}),
        ("accession,series_uid,study_uid", "series_uid", "v1", {"accession": "v0", "study_uid": "v2"}),
        (" Patient_ID ,SERIES_UID", "series_uid", "v1", {"patient_id": "v0"}),
    ],
)
def test_the_key_is_the_most_specific_column(tmp_path: Path, header: str, kind: str, key: object, ids: dict[str, str]):
    values = [
        "0" if name == "slice_number" and not i else "1" if name == "slice_number" else f"v{i}" for i, name in enumerate(header.split(","))
    ]
    table = parse(tmp_path, f"{header},edema\n{','.join(values)},1\n")
    (row,) = table.rows
    assert (table.key_kind, row.key, dict(row.ids), row.line) == (kind, key, ids, 2)
    assert row.labels == (LabelCell("edema", "present"),)


def test_a_path_counts_from_the_tables_folder(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "b.png").symlink_to("c.png")
    text = f"path,group,x\nreal/a.png,g,1\nlink/a2.png,,0\nreal\\w.png,,0\n{tmp_path}/q/../r.png,,0\nreal/b.png,,0\n"
    table = parse(tmp_path, text)
    root = tmp_path.resolve()
    names = ["real/a.png", "link/a2.png", "real/w.png", "r.png", "real/b.png"]  # links in a cell stay as written
    assert [row.key for row in table.rows] == [root / name for name in names]
    assert [dict(row.ids) for row in table.rows] == [{"group": "g"}, {}, {}, {}, {}]


def test_finding_values(tmp_path: Path):
    text = "patient_id,Pleural Effusion,b\n" + "".join(
        f"p{i},{value},\n" for i, value in enumerate(["1", "0", "-1", "1.0", "0.0", "-1.0", "TRUE", "false", "NA", "nan"])
    )
    table = parse(tmp_path, text + "p99,,\n")
    words = ["present", "absent", "uncertain", "present", "absent", "uncertain", "present", "absent"]
    assert labels(table) == [(LabelCell("Pleural Effusion", word),) for word in words] + [()] * 3  # pyright: ignore[reportArgumentType]
    assert table.findings == ("Pleural Effusion", "b")
    assert not table.has_reports
    assert not table.has_split


def test_classes_attributes_and_split(tmp_path: Path):
    text = "accession,label,site,split,x\na1,Hand,North,Training,1\na2,,,DEV,\na3,Chest CT,South,test,0\na4,Hand,,,\n"
    table = parse(tmp_path, text, classes=("label",), attributes=("site",))
    assert labels(table) == [
        (LabelCell("x", "present"), LabelCell("label", "present", "Hand")),
        (),
        (LabelCell("x", "absent"), LabelCell("label", "present", "Chest CT")),
        (LabelCell("label", "present", "Hand"),),
    ]
    assert [dict(row.attributes) for row in table.rows] == [{"site": "North"}, {}, {"site": "South"}, {}]
    assert [row.split for row in table.rows] == ["train", "val", "test", None]
    assert (table.findings, table.classes, table.attributes, table.has_split) == (("x",), ("label",), ("site",), True)


def test_named_findings_and_what_stands_beside_them(tmp_path: Path):
    text = "patient_id,a,b,note,age\np,1,0,text,61\n"
    table = parse(tmp_path, text, findings=("b",), ignore=("note", "a"), attributes=("age",))
    assert labels(table) == [(LabelCell("b", "absent"),)]
    with pytest.raises(TableError, match=r"column\(s\) 'a', 'age' fit none of.*--findings, --classes, --attributes or --ignore"):
        parse(tmp_path, text, findings=("b",), ignore=("note",))
    with pytest.raises(UnknownNameError, match="column of --findings 'B2' is unknown; did you mean 'b'"):
        parse(tmp_path, text, findings=("B2",))
    with pytest.raises(TableError, match="named by both --findings and --ignore"):
        parse(tmp_path, text, findings=("b",), ignore=("b",))


def test_rename(tmp_path: Path):
    table = parse(tmp_path, "AccessionNo,Text\n7,Clear.\n", "reports", rename={"AccessionNo": "Accession", "Text": "report"})
    assert (table.key_kind, table.rows[0].key, dict(table.rows[0].report)) == ("accession", "7", {"report": "Clear."})
    with pytest.raises(UnknownNameError, match="'AcessionNo' is unknown; did you mean 'AccessionNo'"):
        parse(tmp_path, "AccessionNo,Text\n7,Clear.\n", rename={"AcessionNo": "accession"})
    swapped = parse(tmp_path, "group,patient_id,x\ng,p,1\n", rename={"group": "patient_id", "patient_id": "group"})
    assert (swapped.rows[0].key, dict(swapped.rows[0].ids)) == ("g", {"group": "p"})


def test_report_columns(tmp_path: Path):
    text = 'accession,Findings,IMPRESSION,edema\n1,"Lungs\nclear.",,0\n2,,Normal.,1\n3, ,,\n'
    table = parse(tmp_path, text, "reports")
    assert [dict(row.report) for row in table.rows] == [{"findings": "Lungs\nclear."}, {"impression": "Normal."}, {}]
    assert [row.line for row in table.rows] == [2, 4, 5]
    assert table.findings == ("edema",)
    assert table.has_reports
    with pytest.raises(TableError, match="no column is a report; expected report, or findings and impression"):
        parse(tmp_path, "accession,edema\n1,0\n", "reports")


def test_a_finding_may_be_called_findings(tmp_path: Path):
    table = parse(tmp_path, "patient_id,findings\np,1\n", findings=("findings",))
    assert labels(table) == [(LabelCell("findings", "present"),)]
    assert not table.has_reports


def test_a_table_without_a_key_needs_a_report(tmp_path: Path):
    table = parse(tmp_path, "report,edema\nSame.,1\nSame.,1\n")
    assert (table.key_kind, [row.key for row in table.rows]) == ("none", ["", ""])
    with pytest.raises(TableError, match=r"no column is a key; .*did you mean --rename AccessionNo=accession\?"):
        parse(tmp_path, "AccessionNo,edema\n1,1\n")
    with pytest.raises(TableError, match=r"no column is a key; .*found 'slice_number', 'edema'"):
        parse(tmp_path, "slice_number,edema\n1,1\n")


def test_a_table_without_a_header(tmp_path: Path):
    table = parse(tmp_path, "p1,0\np2,1\n", columns=("patient_id", "edema"))
    assert [(row.line, row.key) for row in table.rows] == [(1, "p1"), (2, "p2")]
    with pytest.raises(TableError, match="line 1 has 2 cells, expected 1"):
        parse(tmp_path, "p1,0\n", "reports", columns=("report",))
    with pytest.raises(TableError, match="line 1 is a header line of the names given"):
        parse(tmp_path, "patient_id,edema\np1,0\n", columns=("patient_id", "edema"))


def test_one_bad_value_is_named_with_its_line(tmp_path: Path):
    text = "patient_id,tumor\n" + "".join(f"p{i},{i % 2}\n" for i in range(5)) + "p5,maybe\n"
    message = r"line 7: finding 'tumor' holds 'maybe'; expected 1, 0, -1 \(uncertain\) or nothing"
    with pytest.raises(TableError, match=message):
        parse(tmp_path, text)
    with pytest.raises(TableError, match=message):
        parse(tmp_path, text, findings=("tumor",))


@pytest.mark.parametrize("values", [("0.37", "0.5", "1"), ("North", "South", ""), ("2", "3", "1")])
def test_a_column_of_something_else_is_listed(tmp_path: Path, values: tuple[str, ...]):
    text = "patient_id,site,x\n" + "".join(f"p{i},{value},1\n" for i, value in enumerate(values))
    with pytest.raises(TableError, match=r"column\(s\) 'site' fit none of: key or id .*report .*finding"):
        parse(tmp_path, text)


def test_a_few_values_that_fit_nothing_are_shown_with_their_line(tmp_path: Path):
    with pytest.raises(TableError, match=r"'f8' fit none of.*; column 'f8' holds 'maybe' in line 2$") as caught:
        parse(tmp_path, "patient_id,f8\nP1,maybe\n")
    assert "P1" not in str(caught.value)
    with pytest.raises(TableError, match=r"'who' fit none of") as caught:
        parse(tmp_path, "patient_id,who\n" + "".join(f"p{i},DOE{i}\n" for i in range(4)))
    assert "DOE" not in str(caught.value)


def test_ids_and_reports_never_become_classes_or_attributes(tmp_path: Path):
    text = "path,Patient_ID,impression,x\na,p,Clear.,1\n"
    with pytest.raises(TableError, match="'patient_id' is an id and cannot be of --attributes"):
        parse(tmp_path, text, attributes=("Patient_ID",))
    with pytest.raises(TableError, match="'impression' is a report and cannot be of --classes"):
        parse(tmp_path, text, classes=("impression",))
    assert parse(tmp_path, text, ignore=("patient_id", "impression")).rows[0].ids == {}
    with pytest.raises(TableError, match="line 2: class 'note' holds a text of 80 characters; expected a name of at most 64"):
        parse(tmp_path, f"path,note\na,{'x' * 80}\n", classes=("note",))
    with pytest.raises(TableError, match="line 2: attribute 'note' holds a line break"):
        parse(tmp_path, 'path,note\na,"x\ny"\n', attributes=("note",))


def test_unnamed_columns(tmp_path: Path):
    assert len(parse(tmp_path, "patient_id,x,\np,1,\n").findings) == 1
    with pytest.raises(TableError, match="line 3: 'column 1' holds a value but has no name; name it in the header, or --ignore 'column 1'"):
        parse(tmp_path, ",patient_id,x\n,p,1\n1,q,1\n")
    assert parse(tmp_path, ",patient_id,x\n0,p,1\n", ignore=("column 1",)).findings == ("x",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_id,x,x\np,1,1\n", "more than one column is 'x'"),
        ("patient_id,Patient_ID\np,1\n", "more than one column is 'patient_id'"),
        ("patient_id,x\np,1,0\n", "line 2 has 3 cells, expected 2"),
        ("patient_id,x\np,1\n\nq\n", "line 4 has 1 cells, expected 2"),
        ("patient_id,x\n,1\n", "line 2: patient_id is the key of this table and empty here"),
        ("patient_id,slice_number,x\np,,1\n", "line 2: slice_number is empty; expected a whole number"),
        ("patient_id,slice_number,x\np,1.5,1\n", "line 2: slice_number holds '1.5'; expected a whole number"),
        ("patient_id,split\np,holdout\n", "line 2: split holds 'holdout'; expected train, val, test or nothing"),
        ("patient_id,group\np,g\n", "there are only ids; expected a finding"),
        ("patient_id,x\n", "there is a header line but no row"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str):
    with pytest.raises(TableError, match=message):
        parse(tmp_path, text)


def test_rows_said_twice_are_kept_once(tmp_path: Path):
    table = parse(tmp_path, "patient_id,a,b\np,1,\nq,0,0\np,1.0,\np,,0\n")
    assert [(row.line, row.key) for row in table.rows] == [(2, "p"), (3, "q"), (5, "p")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_id,hemorrhage\nDOE,1\nq,1\nDOE,0\n", "lines 2 and 4 give 'hemorrhage' of the same patient_id as 1 and 0"),
        ("patient_id,slice_number,a\nDOE,1,1\nDOE,1.0,-1\n", "lines 2 and 3 give 'a' of the same patient_id and slice_number as 1 and -1"),
        ("patient_id,a,b\nDOE,1,\nDOE,,0\nDOE,0,0\n", "lines 2 and 4 give 'a' of the same patient_id as 1 and 0"),
        ("path,split\nDOE,test\nDOE,train\n", "lines 2 and 3 give split of the same path as test and train"),
        ("path,group,x\nDOE,DOE1,1\nDOE,DOE2,1\n", "lines 2 and 3 give 'group' of the same path differently"),
        (
            "study_uid,patient_id,slice_number,a\nDOE,p,1,1\nDOE,p,2,0\n",
            "slice_number is part of a key only with patient_id and no study_uid",
        ),
    ],
)
def test_rows_that_contradict_each_other(tmp_path: Path, text: str, message: str):
    with pytest.raises(TableError, match=message) as caught:
        parse(tmp_path, text)
    assert "DOE" not in str(caught.value)


def test_class_and_attribute_conflicts(tmp_path: Path):
    with pytest.raises(TableError, match="lines 2 and 3 give 'label' of the same path as 'Hand' and 'Head'"):
        parse(tmp_path, "path,label\na,Hand\na,Head\n", classes=("label",))
    with pytest.raises(TableError, match="lines 2 and 3 give attribute 'site' of the same path as 'N' and 'S'"):
        parse(tmp_path, "path,site\na,N\na,S\n", attributes=("site",))


def test_two_reports_of_one_key_are_both_kept(tmp_path: Path):
    table = parse(tmp_path, "accession,report\n1,First.\n1,Addendum.\n1,First.\n", "reports")
    assert [row.report["report"] for row in table.rows] == ["First.", "Addendum."]


_CELL = st.sampled_from(["1", "0", "-1", ""])
_MEANING = {"1": "present", "0": "absent", "-1": "uncertain"}


@given(
    st.lists(st.tuples(_CELL, _CELL, st.text(st.sampled_from('a"\n;,\t é'), max_size=8)), min_size=1, max_size=12), st.sampled_from(",;\t")
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], delimiter: str):
    import csv

    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["patient_id", "a", "b", "report"])
        writer.writerows([f"p{i}", *row] for i, row in enumerate(rows))
    table = read_table(path, TableOptions(), want="reports")
    assert [row.key for row in table.rows] == [f"p{i}" for i in range(len(rows))]
    for row, (a, b, report) in zip(table.rows, rows, strict=True):
        assert [(c.finding, c.status) for c in row.labels] == [(n, _MEANING[v]) for n, v in (("a", a), ("b", b)) if v]
        assert row.report.get("report", "") == report.strip()
