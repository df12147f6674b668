from __future__ import annotations

import math
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from scanbank.store.sql_macros import MACROS


def measured(y: Sequence[float | None], score: Sequence[float | None]) -> tuple[float | None, float | None]:
    with duckdb.connect() as con:
        for macro in MACROS:
            con.execute(macro)
        con.register("t", pa.table({"y": pa.array(y, pa.float64()), "score": pa.array(score, pa.float64())}))
        (row,) = con.sql("SELECT auroc(y, score), average_precision(y, score) FROM t").fetchall()
    return row


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3).map(lambda n: n / 3)), min_size=2, max_size=30))
def test_as_scikit_learn_with_many_ties(rows: list[tuple[int, float]]) -> None:
    y, score = zip(*rows, strict=True)
    if len(set(y)) == 1:
        assert measured(y, score) == (None, None)
    else:
        assert measured(y, score) == pytest.approx((roc_auc_score(y, score), average_precision_score(y, score)), abs=1e-12)


def test_as_scikit_learn_on_many_rows() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    score = np.round(rng.normal(size=3000) + y, 2)
    assert measured(y.tolist(), score.tolist()) == pytest.approx((roc_auc_score(y, score), average_precision_score(y, score)), abs=1e-12)


def test_what_does_not_count() -> None:
    assert measured([1, 0, None, 1, 0.5], [0.9, 0.1, 0.95, None, 0.99]) == (1.0, 1.0)
    assert measured([1, 0, 0], [math.inf, -math.inf, math.nan]) == (1.0, 1.0)
    assert measured([], []) == (None, None)
