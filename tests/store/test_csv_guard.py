"""What of a table would enter a bank in clear and must not name a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanbank.store.csv_table import ParsedTable, TableOptions, read_table
from scanbank.store.errors import TableError


def parse(folder: Path, column: str, values: list[str], role: str = "classes") -> ParsedTable:
    path = folder / "t.csv"
    path.write_text(f'patient_id,"{column}"\n' + "".join(f'p{i},"{value}"\n' for i, value in enumerate(values)), encoding="utf-8")
    return read_table(path, TableOptions(**{role: (column,)}) if role else TableOptions(), want="labels")  # pyright: ignore[reportArgumentType]


def refusal(folder: Path, column: str, values: list[str], role: str = "classes") -> str:
    with pytest.raises(TableError) as refused:
        parse(folder, column, values, role)
    text = str(refused.value)
    assert not [value for value in values if len(value) > 1 and value in text]  # no value is repeated
    return text


@pytest.mark.parametrize("role", ["classes", "attributes"])
@pytest.mark.parametrize("column", ["Patient Name", "patientName", "NAME", "last_name", "Birth Date", "DOB", "MRN", "Case ID", "Vorname"])
def test_a_column_called_as_personal_data_are(tmp_path: Path, column: str, role: str) -> None:
    text = refusal(tmp_path, column, ["x", "y"], role)
    assert f"column {column!r} is called as personal data are" in text
    assert f"before it is given to --{role}" in text


@pytest.mark.parametrize("column", ["side", "scanner name", "protocol_name", "grid", "modelid", "model_id", "phase"])
def test_other_names_are_fine(tmp_path: Path, column: str) -> None:
    assert len(parse(tmp_path, column, ["a", "b"]).rows) == 2


@pytest.mark.parametrize("role", ["classes", "attributes"])
@pytest.mark.parametrize(
    "value", ["Doe^Jane", "Doe, Jane", "Dr. Miller", "2019-03-04", "04.03.2019", "MRN 12345", "7312204", "a@b.org", "1.2.840.10008.1.2"]
)
def test_a_value_that_tells_somebody(tmp_path: Path, value: str, role: str) -> None:
    assert "what looks like a date, a name or a record number (line 4)" in refusal(
        tmp_path, "kind", ["benign", "benign", value, "benign"], role
    )


@pytest.mark.parametrize("role", ["classes", "attributes"])
def test_texts_that_nearly_all_differ(tmp_path: Path, role: str) -> None:
    texts = [f"finding of kind {c}" for c in "abcdefghij"]
    assert "holds 10 different texts in 10 rows, as free text and identifiers do" in refusal(tmp_path, "remark", texts, role)
    assert "holds 9 different texts in 11 rows" in refusal(tmp_path, "remark", [*texts[:9], texts[0], texts[1]], role)
    assert parse(tmp_path, "remark", [*texts[:8], texts[0], texts[1]], role).rows  # 8 of 10: classes with members
    assert parse(tmp_path, "remark", [*texts[:9], "", "", ""], role).rows  # nine values are too few to judge by


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("bmi", [f"{20 + i / 10}" for i in range(40)]),  # measurements differ
        ("tube_current", [str(100 + i) for i in range(40)]),
        ("sex", ["M", "F"] * 20),
        ("sex", [f"name {i}" for i in range(40)]),  # a vocabulary takes care of it
        ("age", [f"{i:03d}Y" for i in range(20, 60)]),
    ],
)
def test_measurements_and_vocabularies_pass(tmp_path: Path, column: str, values: list[str]) -> None:
    assert len(parse(tmp_path, column, values, "attributes").rows) == 40


@pytest.mark.parametrize("column", ["Doe, Jane", "seen by Dr. Miller", "2019-03-04", "7312204"])
@pytest.mark.parametrize("role", ["", "findings"])
def test_a_finding_is_not_named_after_somebody(tmp_path: Path, column: str, role: str) -> None:
    text = refusal(tmp_path, column, ["1", "0"], role)
    assert "would be the name of a finding, and looks like a date, a name or a record number" in text


@pytest.mark.parametrize(
    "column", ["Enlarged Cardiomediastinum", "Mosaic attenuation pattern", "any", "No Finding", "T1a/T1b", "midline-shift > 5 mm"]
)
def test_findings_of_real_tables_pass(tmp_path: Path, column: str) -> None:
    assert parse(tmp_path, column, ["1", "0"], "").findings == (column,)
