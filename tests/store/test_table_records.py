from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scanbank.store.csv_table import TableOptions, read_table, read_tables
from scanbank.store.errors import TableError

ROWS: list[dict[str, Any]] = [
    {"accession": "007", "report": 'Clear, "dry" lungs.\nNo nodule.', "nodule": 0, "sex": "F"},
    {"accession": "8", "report": "Ein Rundherd, 4 mm groß.", "nodule": 1, "sex": None},
]
OPTIONS = TableOptions(attributes=("sex",))


def write(folder: Path, ending: str, rows: list[dict[str, Any]] = ROWS) -> Path:
    path = folder / f"r.{ending}"
    if ending == "csv":
        quoted = [",".join('"' + str("" if v is None else v).replace('"', '""') + '"' for v in row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *quoted]) + "\n", encoding="utf-8")
    elif ending == "jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_every_format_gives_the_rows_that_csv_gives(tmp_path: Path, ending: str) -> None:
    expected = read_table(write(tmp_path, "csv"), OPTIONS, want="reports")

    found = read_table(write(tmp_path, ending), OPTIONS, want="reports")

    assert [(r.key, r.report, r.labels, r.attributes) for r in found.rows] == [
        (r.key, r.report, r.labels, r.attributes) for r in expected.rows
    ]
    assert found.findings == expected.findings == ("nodule",)
    assert [row.key for row in found.rows] == ["007", "8"]


def test_lines_and_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('\ufeff{"accession": "a", "report": "x"}\n\n{"report": "y", "accession": 7.50}\n', encoding="utf-8")
    assert [(row.line, row.key) for row in read_table(path, TableOptions(), want="reports").rows] == [(1, "a"), (3, "7.50")]
    path = tmp_path / "r.pq"
    pq.write_table(pa.table({"accession": pa.array([1.0, None, 3.0]), "report": ["x", None, "z"], "f": [True, None, False]}), path)
    table = read_table(path, TableOptions(), want="reports")
    assert [(row.line, row.key, [cell.status for cell in row.labels]) for row in table.rows] == [
        (1, "1", ["present"]),
        (3, "3", ["absent"]),
    ]


def test_several_formats_at_once_share_their_options(tmp_path: Path) -> None:
    labels = write(tmp_path, "csv", [{"accession": "007", "mass": 1}])
    tables = read_tables([(labels, "labels"), (write(tmp_path, "parquet"), "reports")], OPTIONS)
    assert [table.findings for table in tables] == [("mass",), ("nodule",)]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_is_no_text_costs_itself_unless_it_is_left_out(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, ending, [row | {"tags": ["a", "b"]} for row in ROWS])
    with pytest.raises(TableError, match=r"column 'tags' (holds a list|is of type list)"):
        read_table(path, OPTIONS, want="reports")
    left_out = TableOptions(attributes=("sex",), rename={"tags": "words"}, ignore=("words",))
    assert len(read_table(path, left_out, want="reports").rows) == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2: this is not JSON"),
        ("[1, 2]", "line 2: expected one object a line"),
        ("3", "line 2: expected an object of columns, found a single value"),
        ('{"report": "x", "report": "y"}', "line 2: a key is given twice"),
        ('{"report": {"a": 1}}', "line 2: column 'report' holds an object"),
        ('{"report": "a\\u0000b"}', "line 2: column 'report' holds a NUL character"),
        ('{"report": "\\ud800"}', "line 2: column 'report' holds half a character"),
        ("[" * 100_000, "line 2: values are nested too deeply"),
        ('{"report": "' + "x" * 4_000_001 + '"}', "line 2: column 'report' holds over 4,000,000 characters"),
        ('{"report": \xff"x"}', "line 2: this is not UTF-8"),
        ('{"report": "' + "x" * 64_000_000 + '"}', "line 2 is over 64,000,000 bytes"),
        ("{" + ",".join(f'"k{i}": 1' for i in range(10_001)) + "}", "line 2: there are over 10,000 different keys"),
    ],
    ids=["cut", "array", "single", "twice", "nested", "nul", "surrogate", "deep", "cell", "latin", "line", "keys"],
)
def test_a_line_that_does_not_fit_is_told_and_never_shown(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"accession": "a", "report": "x"}\n' + line.encode("latin-1") + b"\n")
    with pytest.raises(TableError, match=told) as caught:
        read_table(path, TableOptions(), want="reports")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_files_that_are_none(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"r.{ending}"
    with pytest.raises(TableError, match="does not exist"):
        read_table(path, TableOptions(), want="reports")
    path.write_bytes(b"")
    with pytest.raises(TableError, match=r"is empty|is no Parquet file"):
        read_table(path, TableOptions(), want="reports")
    path.write_bytes(b"PAR1" + bytes(range(256)) + b"PAR1")
    with pytest.raises(TableError, match=r"not JSON|not UTF-8|is no Parquet file"):
        read_table(path, TableOptions(), want="reports")
    with pytest.raises(TableError, match="--columns"):
        read_table(path, TableOptions(columns=("report",)), want="reports")
    path.unlink()
    path.mkdir()
    with pytest.raises(TableError, match="is a folder"):
        read_table(path, TableOptions(), want="reports")


def test_damage_within_parquet_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet", [{"accession": str(i), "report": f"Report {i * i}."} for i in range(500)])
    data = path.read_bytes()
    for start in range(4, len(data), 40):
        path.write_bytes(data[:start] + bytes(byte ^ 0xFF for byte in data[start : start + 40]) + data[start + 40 :])
        try:
            read_table(path, TableOptions(), want="reports")
        except TableError:
            continue


def test_a_text_that_is_not_utf8_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    broken = pa.array([b"ok", b"\xff\xfe"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"accession": ["a", "b"], "report": broken}), path)
    with pytest.raises(TableError, match="rows 1 to 2 is not UTF-8"):
        read_table(path, TableOptions(), want="reports")
