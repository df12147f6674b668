from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from scanbank.store import Bank
from scanbank.store.errors import BankAccessError, BankDamagedError, QueryError


def volume(name: str, **more: Any) -> dict[str, Any]:
    plain = {"volume": name, "patient": "p", "study": "s", "series": f"series-{name}", "slices": 10, "plane": "axial", "original": True}
    return plain | {"extent_mm": 200.0, "spacing_z_mm": 1.0, "kernel_sharpness": 1, "flags": []} | more


def label(item: str, level: str, status: str, source: str = "table", category: str | None = None) -> dict[str, Any]:
    return {"item": item, "level": level, "finding": "f", "status": status, "source": source, "category": category}


def put(bank: Bank, table: str, *rows: dict[str, Any]) -> None:
    with bank.commit("put") as commit:
        commit.append(table, rows)
    bank.refresh()


@pytest.mark.parametrize(
    "others",
    [
        {"original": False},
        {"plane": "coronal"},
        {"extent_mm": 100.0, "spacing_z_mm": 0.5},
        {"spacing_z_mm": 5.0},
        {"kernel_sharpness": 3},
        {"spacing_z_mm": None},
    ],
)
def test_primary_series_by_the_rule(bank: Bank, others: dict[str, Any]) -> None:
    put(bank, "volumes", volume("a", **others), volume("b"), volume("c", study="t", **others))
    assert bank.sql("SELECT volume FROM volumes WHERE is_primary ORDER BY volume").column(0).to_pylist() == ["b", "c"]


def test_a_label_reaches_the_volumes_below_and_the_nearest_wins(bank: Bank) -> None:
    put(bank, "volumes", volume("a"), volume("b"), volume("c", study="t"), volume("d", study="u", patient="q"))
    put(bank, "labels", label("p", "patient", "present"), label("t", "study", "absent"), label("series-b", "series", "uncertain"))
    values = {r["item"]: r["value"] for r in bank.sql("SELECT item, value FROM labels").to_pylist()}
    assert values == {"a": 1.0, "b": None, "c": 0.0}
    put(bank, "volumes", volume("e", study="v"))
    assert bank.sql("SELECT value FROM labels WHERE item = 'e'").to_pylist() == [{"value": 1.0}]


def test_a_study_without_scans_keeps_its_label(bank: Bank) -> None:
    put(bank, "labels", label("s", "study", "present"), label("s", "study", "absent", source="rules"))
    assert bank.sql("SELECT item, source, value FROM labels ORDER BY source").to_pylist() == [
        {"item": "s", "source": "rules", "value": 0.0},
        {"item": "s", "source": "table", "value": 1.0},
    ]


def test_categories_count_in_alphabetical_order(bank: Bank) -> None:
    rows = [label(name, "volume", "present", category=category) for name, category in (("a", "Hand"), ("b", "CXR"), ("c", "Hand"))]
    put(bank, "labels", *rows)
    assert {r["item"]: r["value"] for r in bank.sql("SELECT * FROM labels").to_pylist()} == {"a": 1.0, "b": 0.0, "c": 1.0}


def test_a_failure_that_went_well_since_is_gone(bank: Bank) -> None:
    row = {"stage": "decode", "source": "x", "files": 1}
    put(bank, "failures", row | {"reason": "broken"})
    assert bank.sql("SELECT stage, reason FROM failures").to_pylist() == [{"stage": "decode", "reason": "broken"}]
    put(bank, "failures", row | {"reason": ""})
    assert bank.sql("SELECT * FROM failures").num_rows == 0


def test_names_that_scripts_rely_on(bank: Bank) -> None:
    for query in (
        "SELECT volume, patient, study FROM volumes",
        'SELECT name, encoder, "window", kind, items, dim FROM feature_sets',
        "SELECT item, finding, status, value, source FROM labels",
        'SELECT run, finding, features, encoder, "window", head, shots, repeat, metric, value, lo, hi, reason FROM metrics',
        "SELECT run, item, finding, y, score FROM predictions",
        "SELECT stage, reason FROM failures",
    ):
        assert bank.sql(query).num_rows == 0


def test_read_only_statements_pass(bank: Bank) -> None:
    for query in ("FROM volumes", "WITH a AS (SELECT 1) SELECT * FROM a", "SHOW TABLES", "DESCRIBE volumes", "SUMMARIZE volumes"):
        bank.sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "",
        ";",
        "SELECT 1; SELECT 2",
        "COPY volumes TO '{out}'",
        "COPY (SELECT 1) TO '{out}' (FORMAT parquet)",
        "EXPORT DATABASE '{out}'",
        "CREATE TABLE t (a INT)",
        "INSERT INTO volumes VALUES ('x')",
        "DROP VIEW volumes",
        "ATTACH '{out}' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA enable_external_access",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM secret",
        "SELECT * FROM parquet_scan('{secret}')",
        "SELECT getenv('HOME')",
        "CALL pragma_version()",
        "selec",
        "SELECT * FROM nothing",
        "WITH x AS (COPY (SELECT 1) TO '{out}') SELECT * FROM x",
        "WITH x AS (INSERT INTO volumes SELECT * FROM volumes RETURNING *) SELECT * FROM x",
        "WITH x AS (DELETE FROM feature_sets RETURNING *) SELECT * FROM x",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{out}''')",
        "SELECT * FROM query_table('{secret}')",
        "SELECT * FROM json_execute_serialized_sql('{{}}')",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE a AS SELECT 1",
        "SELECT * FROM sniff_csv('{secret}')",
        "SELECT * FROM read_blob('{secret}')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM read_duckdb('{secret}')",
        "SELECT * FROM parquet_metadata('{secret}')",
        "SELECT * FROM 'https://example.com/x.csv'",
        'SELECT * FROM "{secret}"',
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM duckdb_extensions()",
        "SELECT * FROM arrow_scan(1, 2, 3)",
        "SELECT * FROM pandas_scan(1)",
        "SELECT * FROM enable_logging()",
        "SET VARIABLE x = 1",
        "CHECKPOINT",
        "MERGE INTO volumes USING volumes ON true WHEN MATCHED THEN DELETE",
    ],
)
def test_everything_else_is_refused_in_one_line(bank: Bank, tmp_path: Path, query: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a\n1\n")
    secret = [1]  # a Python variable must not be reachable as a table
    with pytest.raises(QueryError) as caught:
        bank.sql(query.format(out=tmp_path / "out", secret=file))
    assert secret
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_query_that_takes_too_long_ends(bank: Bank) -> None:
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"
    for ask in (bank.sql, lambda query, **more: bank.sql_batches(query, **more).read_all()):
        with pytest.raises(QueryError, match=r"no answer within 0\.2 s"):
            ask(endless, timeout_s=0.2)
    assert bank.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_an_answer_in_batches(bank: Bank) -> None:
    reader = bank.sql_batches("SELECT range AS n, 1 AS n FROM range(250000)")
    assert reader.schema.names == ["n", "n_1"]
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 250_000
    assert len(sizes) > 1
    assert bank.sql_batches("SELECT * FROM volumes").read_all().num_rows == 0
    with pytest.raises(QueryError, match="expected one SELECT"):
        bank.sql_batches("DROP VIEW volumes")


def test_nothing_is_spilled_to_disk(bank: Bank) -> None:
    assert bank.sql("SELECT current_setting('temp_directory') AS at").to_pylist() == [{"at": ""}]


def test_columns_of_one_name_are_told_apart(bank: Bank) -> None:
    put(bank, "volumes", volume("a"))
    answer = bank.sql("SELECT 1 AS study, 2 AS study, 3 AS study_1, 4 AS STUDY")
    assert answer.to_pylist() == [{"study": 1, "study_1": 2, "study_1_1": 3, "STUDY_2": 4}]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["missing", "truncated", "flipped", "flipped footer"])
@pytest.mark.parametrize("rows", [1, 5000], ids=["small", "large"])
def test_a_damaged_file_is_named(bank: Bank, harm: str, rows: int) -> None:
    put(bank, "volumes", *(volume(hashlib.sha256(bytes(i)).hexdigest()) for i in range(rows)))
    (path,) = (bank.path / "tables" / "volumes").iterdir()
    assert (path.stat().st_size > 2**16) == (rows > 1)
    if harm == "missing":
        path.unlink()
    elif harm == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        flip(path, 200 if harm == "flipped" else -6)
    with pytest.raises(BankDamagedError, match=rf"^table volumes: file tables/volumes/{path.name} is (missing|damaged).*restore") as caught:
        Bank.open(bank.path).sql("SELECT volume FROM volumes")
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (1, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(bank: Bank) -> None:
    put(bank, "volumes", volume("a"))
    (path,) = (bank.path / "tables" / "volumes").iterdir()
    path.chmod(0)
    with pytest.raises(BankAccessError, match=rf"table volumes: file tables/volumes/{path.name} cannot be read: permission denied"):
        bank.sql("SELECT volume FROM volumes")


def test_reserved_words_are_explained(bank: Bank) -> None:
    with pytest.raises(QueryError, match='write it as "window"'):
        bank.sql("SELECT window FROM feature_sets")
