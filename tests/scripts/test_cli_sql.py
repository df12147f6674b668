"""Answers of `scanbank sql`: values of every type in every format, and what happens where stdout cannot take them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from scanbank.scripts.answers import columns
from scanbank.scripts.cli import app
from scanbank.store import Bank
from scanbank.store.errors import QueryError


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


VALUES = [
    ("1.50::DECIMAL(4,2)", 1.5, "1.50"),
    ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1, str(2**127 - 1)),
    ("(SELECT sum(x::INT) FROM range(4) t(x))", 6, "6"),
    ("DATE '2020-01-02'", "2020-01-02", "2020-01-02"),
    ("DATE 'infinity'", "infinity", "infinity"),
    ("DATE '-infinity'", "-infinity", "-infinity"),
    ("TIME '12:00:01.5'", "12:00:01.5", "12:00:01.5"),
    ("TIMESTAMP '2020-01-02 03:04:00'", "2020-01-02 03:04:00", "2020-01-02 03:04:00"),
    ("TIMESTAMPTZ '2020-01-02 03:04:05.25+00'", "2020-01-02 03:04:05.25+00:00", "2020-01-02 03:04:05.25+00:00"),
    ("TIMESTAMP_NS '2020-01-02 00:00:00.123456789'", "2020-01-02 00:00:00.123456789", "2020-01-02 00:00:00.123456789"),
    ("INTERVAL '14 months 3 days 04:05:06.5'", "1 year 2 months 3 days 04:05:06.5", "1 year 2 months 3 days 04:05:06.5"),
    ("INTERVAL '-1 day'", "-1 day", "-1 day"),
    ("'\\xAA\\x01a'::BLOB", "\\xAA\\x01a", "\\xAA\\x01a"),
    ("'6f0d2f0e-0000-4000-8000-000000000000'::UUID", "6f0d2f0e-0000-4000-8000-000000000000", "6f0d2f0e-0000-4000-8000-000000000000"),
    ("'nan'::DOUBLE", None, "nan"),
    ("'-inf'::FLOAT", None, "-inf"),
    ("NULL", None, ""),
    ("'a'::ENUM('a', 'b')", "a", "a"),
    ("[1.5::DOUBLE, 'nan', NULL]", [1.5, None, None], "[1.5, null, null]"),
    ("[1, 2]::INT[2]", [1, 2], "[1, 2]"),
    ("{'a': DATE '2020-01-02', 'b': [0.5]}", {"a": "2020-01-02", "b": [0.5]}, '{"a": "2020-01-02", "b": [0.5]}'),
    ("MAP {'k': 1, 'l': NULL}", {"k": 1, "l": None}, '{"k": 1, "l": null}'),
    ("MAP {2: 'x'}", {"2": "x"}, '{"2": "x"}'),
]


@pytest.mark.parametrize(("sql", "as_json", "as_csv"), VALUES, ids=[value[0] for value in VALUES])
def test_values(bank: Bank, sql: str, as_json: object, as_csv: str) -> None:
    query = f"SELECT {sql} AS v, 1 AS one UNION ALL BY NAME SELECT 2 AS one ORDER BY one"
    done = run("sql", bank.path, query, "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout, parse_constant=pytest.fail) == [{"v": as_json, "one": 1}, {"v": None, "one": 2}]
    done = run("sql", bank.path, query, "--format", "csv")
    assert list(csv.reader(io.StringIO(done.stdout))) == [["v", "one"], [as_csv, "1"], ["", "2"]]
    done = run("sql", bank.path, query)
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 3


def test_nested_values_keep_their_rows() -> None:
    """Slices, nulls and chunks: what the children of a column hold is not what its rows hold."""
    kind = pa.list_(pa.struct([("d", pa.date32()), ("m", pa.map_(pa.string(), pa.list_(pa.int8())))]))
    rows = [None, [], [{"d": 0, "m": [("k", [1])]}, None, {"d": None, "m": None}], [{"d": 1, "m": []}], None]
    expected = [None, [], [{"d": "1970-01-01", "m": {"k": [1]}}, None, {"d": None, "m": None}], [{"d": "1970-01-02", "m": {}}], None]
    array = pa.array(rows, kind)
    table = pa.table({"v": pa.chunked_array([array, array.slice(2, 2), array.slice(3)])})
    assert columns(table) == [[*expected, *expected[2:4], *expected[3:]]]


def test_a_type_without_a_form_names_its_column() -> None:
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([2**62], pa.timestamp("s"))])
    with pytest.raises(QueryError, match=r"column 'u' of type sparse_union.* cannot be printed; cast it"):
        columns(pa.table({"u": union}))


@pytest.mark.parametrize("format", ["csv", "json", "table", "parquet"])
def test_columns_of_one_name(bank: Bank, tmp_path: Path, format: str) -> None:
    query = "SELECT * FROM (SELECT 1 AS study, 2 AS x) a JOIN (SELECT 1 AS study, 3 AS x) b ON a.study = b.study"
    out = tmp_path / "out"
    assert run("sql", bank.path, query).exit_code == 0
    assert run("sql", bank.path, query, "--format", format, "-o", out).exit_code == 0
    names, values = ["study", "x", "study_1", "x_1"], [1, 2, 1, 3]
    if format == "parquet":
        assert pq.read_table(out).to_pylist() == [dict(zip(names, values, strict=True))]
    elif format == "json":
        assert json.loads(out.read_text()) == [dict(zip(names, values, strict=True))]
    else:
        separator = "," if format == "csv" else "\t"
        assert [line.split(separator) for line in out.read_text().splitlines()] == [names, [*map(str, values)]]


def test_what_parquet_cannot_hold_is_one_line(bank: Bank, tmp_path: Path) -> None:
    done = run("sql", bank.path, "SELECT 1 AS a, INTERVAL 1 DAY AS d", "--format", "parquet", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: column 'd' of type month_day_nano_interval cannot be written as Parquet; cast it")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_object_stores_are_refused_by_every_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ("init", "gs://x/y"),
        ("ingest", "gs://x/y", "."),
        ("embed", "gs://x/y", "--encoder", "intensity"),
        ("status", "gs://x/y"),
        ("sql", "gs://x/y", "SELECT 1"),
        ("log", "gs://x/y"),
    ):
        done = run(*words)
        assert done.exit_code == 2
        assert done.stderr == "error: gs://x/y: gs:// is no place for a bank; give a folder, or s3://BUCKET/PREFIX\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("window", ["", "brain,", ",brain"])
def test_an_empty_window_is_a_mistake(bank: Bank, window: str) -> None:
    done = run("embed", bank.path, "--encoder", "intensity", "--window", window)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: window '' is unknown")


COMMAND = "import sys; from scanbank.scripts.cli import main; main()"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("sql", "{bank}", "SELECT 1"), ("status", "{bank}", "--json"), ("--help",)])
def test_a_full_stdout_is_one_line(bank: Bank, words: tuple[str, ...]) -> None:
    asked = [word.format(bank=bank.path) for word in words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", COMMAND, *asked], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: writing the answer failed: no space left\n")


@pytest.mark.parametrize("format", ["csv", "table"])
def test_a_closed_pipe_ends_quietly(bank: Bank, format: str) -> None:
    command = [sys.executable, "-c", COMMAND, "sql", str(bank.path), "SELECT range AS a FROM range(20000)", "--format", format]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().strip() == b"a"
        process.stdout.close()
        said = process.stderr.read()
    assert said in (b"", b"20000 rows\n")  # where the pipe took all before it was closed
