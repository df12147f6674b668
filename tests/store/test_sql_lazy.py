"""Views are made as queries name them, and no query can tell."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import QueryError
from scanbank.store.schema import TABLES
from scanbank.store.sql import connect
from scanbank.store.sql_views import VIEWS

KEY = FeatureKey("volume", EncoderSpec('A"b', "1", 2), ViewSpec((Window(0, 80),)))
NAMES = [*VIEWS, *(f"latest_{name}" for name in TABLES), *(f"history_{name}" for name in TABLES), "feature_sets", KEY.name]


@pytest.fixture
def filled(bank: Bank) -> Bank:
    with bank.commit("put") as commit:
        commit.append("volumes", [{"volume": "v", "ordinal": 0, "study": "s", "patient": "p", "slices": 1}])
        commit.append("slices", [{"slice": "c", "ordinal": 1, "volume": "v", "index": 0}])
        commit.append_features(KEY, np.ones((1, 2), np.float32), np.array([0]))
    bank.refresh()
    return bank


def made(con: duckdb.DuckDBPyConnection) -> set[str]:
    rows = con.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    return {name for (name,) in rows}


def test_every_view_answers_on_a_connection_of_its_own(filled: Bank) -> None:
    full = {"volumes", "slices", "feature_sets", KEY.name}
    full |= {f"{layer}_{name}" for layer in ("latest", "history") for name in ("volumes", "slices")}
    for name in NAMES:
        con, views = connect(filled.snapshot)
        query = 'SELECT count(*) FROM "{}"'.format(name.replace('"', '""'))
        views.make_for(query)
        assert con.sql(query).fetchall() == [(int(name in full),)]
        con.close()


def test_only_what_is_named_is_made(filled: Bank) -> None:
    con, views = connect(filled.snapshot)
    assert made(con) == set()
    views.make_for("SELECT * FROM Predictions")
    assert made(con) == {"predictions", "latest_predictions", "history_predictions"}
    views.make_for("SELECT 1")
    assert len(made(con)) == 3
    con.close()


@pytest.mark.parametrize(
    "query",
    [
        "SHOW TABLES",
        "show tables",
        " DESCRIBE",
        "-- a word\nSHOW TABLES",
        "/* a /* word */ SHOW */ SHOW TABLES",
        "SELECT * FROM (SHOW TABLES)",
        "SELECT table_name FROM information_schema.tables",
        "SELECT view_name FROM duckdb_views() WHERE NOT internal",
        "SELECT viewname FROM pg_catalog . pg_views",
    ],
)
def test_what_lists_views_lists_all(filled: Bank, query: str) -> None:
    listed = {str(name) for row in Bank.open(filled.path).sql(query).to_pylist() for name in row.values()}
    assert set(NAMES) <= listed


def test_a_name_that_is_put_together(filled: Bank) -> None:
    assert filled.sql("SELECT volume FROM query_table('vol' || 'umes')").to_pylist() == [{"volume": "v"}]


def test_names_in_any_case_and_in_quotes(filled: Bank) -> None:
    quoted = KEY.name.replace('"', '""')
    assert filled.sql(f'SELECT item FROM "{quoted.upper()}"').to_pylist() == [{"item": "v"}]
    assert Bank.open(filled.path).sql('SELECT v.slices FROM "VOLUMES" v JOIN Slices s USING (volume)').to_pylist() == [{"slices": 1}]


@pytest.mark.parametrize(("wrong", "meant"), [("volumse", "volumes"), ("predictons", "predictions"), ("feature_set", "feature_sets")])
def test_a_misspelt_name_suggests_one_that_no_query_named_yet(filled: Bank, wrong: str, meant: str) -> None:
    with pytest.raises(QueryError, match=f'Did you mean "{meant}"'):
        filled.sql(f"SELECT * FROM {wrong}")


def test_a_query_may_name_its_own_parts_as_views_are_named(filled: Bank) -> None:
    assert filled.sql("WITH volumes AS (SELECT 7 AS volume) SELECT volume FROM volumes").to_pylist() == [{"volume": 7}]
    assert filled.sql("SELECT volume FROM volumes").to_pylist() == [{"volume": "v"}]
