from __future__ import annotations

import numpy as np
import pytest

from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.feature_rows import FeatureRows

VIEW = ViewSpec((Window(0, 80),))


def filled(bank: Bank) -> None:
    with bank.commit("items") as commit:
        start = commit.reserve(20)
        assert start == 0
        commit.append("volumes", [{"volume": f"v{i}", "ordinal": i, "study": "s", "patient": "p"} for i in range(3)])
        commit.append("slices", [{"slice": f"c{i}", "ordinal": 10 + i, "volume": "v0", "index": i, "z_mm": 2.5 * i} for i in range(3)])
    bank.refresh()


def add(bank: Bank, key: FeatureKey, rows: np.ndarray | FeatureRows, items: list[int]) -> None:
    with bank.commit("vectors") as commit:
        commit.append_features(key, rows, np.array(items, dtype=np.int64))
    bank.refresh()


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_vectors_beside_their_items(bank: Bank, precision: str) -> None:
    filled(bank)
    key = FeatureKey("volume", EncoderSpec('a"b', "1", 2, precision=precision), VIEW)
    add(bank, key, np.array([[3, 4], [0, 1], [1, 0]], np.float32), [2, 0, 1])
    name = key.name.replace('"', '""')
    assert bank.sql(f'SELECT * FROM "{name}" ORDER BY item').to_pylist() == [
        {"item": "v0", "vector": [0, 1]},
        {"item": "v1", "vector": [1, 0]},
        {"item": "v2", "vector": [3, 4]},
    ]
    near = f'SELECT a.item, array_cosine_similarity(a.vector, [0, 1]::FLOAT[2]) AS c FROM "{name}" a ORDER BY c DESC'
    assert [(r["item"], round(r["c"], 6)) for r in bank.sql(near).to_pylist()] == [("v0", 1.0), ("v2", 0.8), ("v1", 0.0)]


def test_slices_have_their_depth(bank: Bank) -> None:
    filled(bank)
    key = FeatureKey("slice", EncoderSpec("flat", "1", 1), VIEW)
    add(bank, key, np.array([[5], [6], [7]], np.float32), [10, 11, 12])
    assert bank.sql(f'SELECT * FROM "{key.name}" WHERE z_mm > 1 ORDER BY index').to_pylist() == [
        {"item": "c1", "volume": "v0", "index": 1, "z_mm": 2.5, "vector": [6]},
        {"item": "c2", "volume": "v0", "index": 2, "z_mm": 5.0, "vector": [7]},
    ]


def test_steps_along_depth_without_the_padding(bank: Bank) -> None:
    filled(bank)
    key = FeatureKey("depth", EncoderSpec("deep", "1", 1), VIEW)
    z_mm = np.array([[1, 2], [np.nan, np.nan]], np.float32)
    rows = FeatureRows(np.array([[[1], [2]], [[3], [4]]], np.float32), z_mm, np.array([[True, True], [True, False]]))
    add(bank, key, rows, [0, 1])
    assert bank.sql(f'SELECT * FROM "{key.name}" ORDER BY ALL').to_pylist() == [
        {"item": "v0", "step": 0, "z_mm": 1.0, "vector": [1]},
        {"item": "v0", "step": 1, "z_mm": 2.0, "vector": [2]},
        {"item": "v1", "step": 0, "z_mm": None, "vector": [3]},
    ]


def test_two_sets_of_one_name(bank: Bank) -> None:
    filled(bank)
    keys = [FeatureKey("volume", EncoderSpec("a", "1", 1, weights=weights), VIEW) for weights in ("x", "y")]
    for value, key in enumerate(keys):
        add(bank, key, np.array([[value]], np.float32), [0])
    assert keys[0].name == keys[1].name
    for value, key in enumerate(keys):
        assert bank.sql(f'SELECT vector FROM "{key.name}@{key.digest[:8]}"').to_pylist() == [{"vector": [value]}]


def test_more_rows_than_a_chunk(bank: Bank) -> None:
    with bank.commit("items") as commit:
        first = commit.reserve(2500)
        commit.append("volumes", [{"volume": f"v{i:04d}", "ordinal": first + i, "study": f"s{i}", "patient": "p"} for i in range(2500)])
    key = FeatureKey("volume", EncoderSpec("a", "1", 3), VIEW)
    vectors = np.random.default_rng(0).normal(size=(2500, 3)).astype(np.float16).astype(np.float32)
    add(bank, key, vectors, list(range(first, first + 2500)))
    found = bank.sql(f'SELECT vector FROM "{key.name}" ORDER BY item').column(0).to_pylist()
    np.testing.assert_array_equal(np.array(found, np.float32), vectors)
