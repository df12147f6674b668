"""Files that are, or are not, text tables."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from scanbank.store.csv_records import MAX_CELL
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import TableError

PLAIN = "patient_id,Ödem\nMüller,1\nMeier,0\n"


def read(path: Path):
    table = read_table(path, TableOptions(), want="labels")
    return [(row.line, row.key, *(cell.status for cell in row.labels)) for row in table.rows], table.findings, table.encoding


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (PLAIN.encode("utf-8-sig"), "utf-8"),
        (PLAIN.encode("utf-16"), "utf-16"),
        (PLAIN.encode("latin-1"), "latin-1"),
        (PLAIN.replace("\n", "\r\n").encode(), "utf-8"),
        (PLAIN.replace(",", ";").encode(), "utf-8"),
        (PLAIN.replace(",", "\t").encode(), "utf-8"),
        (PLAIN.rstrip().encode(), "utf-8"),
    ],
)
def test_encodings_line_ends_and_delimiters(tmp_path: Path, content: bytes, encoding: str):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert read(path) == ([(2, "Müller", "present"), (3, "Meier", "absent")], ("Ödem",), encoding)


def test_a_delimiter_within_names_does_not_win(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text('patient_id;"mass, left, or right, or both"\np;1\n')
    assert read(path)[1] == ("mass, left, or right, or both",)


def test_lines_are_those_of_the_file(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text('patient_id,x\n\np1,1\n,\n"p\n\n2",0\n\np3,1\n')
    assert [row[0] for row in read(path)[0]] == [3, 5, 9]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the table is empty"),
        (b"\n \n,,\n", "the table is empty"),
        (b"patient_id,x\np,1\nq,\0\n", "line 3 holds a NUL character"),
        ("patient_id,x\np,1\n".encode("utf-16-le"), "line 1 holds a NUL character"),
        (b"\xff\xfea", "starts as UTF-16 but is not"),
        (b"PK\x03\x04abc", "this is a spreadsheet or zip file; expected text, so save it as CSV"),
        (b'patient_id,x\np,1\n"q,1\nr,1\n', "line 3: a quoted cell is opened here and never closed"),
        (b'patient_id,x\n"p"q,1\n', "line 2: text follows the closing quote"),
        (b'"patient_id,x\np,1\n', "line 1: a quoted cell is opened here and never closed"),
        (b"patient_id,x\np,1" + b"0" * MAX_CELL, f"line 2: a cell is over {MAX_CELL:,} characters"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=message):
        read(path)


def test_no_file_a_folder_no_permission(tmp_path: Path):
    with pytest.raises(TableError, match=r"t.csv' does not exist; expected a CSV file"):
        read(tmp_path / "t.csv")
    with pytest.raises(TableError, match="is a folder; expected a CSV file"):
        read(tmp_path)
    path = tmp_path / "locked.csv"
    path.write_text(PLAIN)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read any file")
    with pytest.raises(TableError, match="cannot be read: Permission denied"):
        read(path)


def test_long_reports_fit_and_the_limit_of_csv_is_put_back(tmp_path: Path):
    before = csv.field_size_limit()
    path = tmp_path / "t.csv"
    text = "word " * 40_000
    path.write_text(f'accession,report\n1,"{text}"\n')
    assert read_table(path, TableOptions(), want="reports").rows[0].report["report"] == text.strip()
    assert csv.field_size_limit() == before
