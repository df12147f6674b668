"""Every question of docs/sql.md, asked of a bank with a sweep in it, and what the answers must be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval_banks import VOLUME, add_labels, add_volumes, toy_bank
from scanbank.eval.compare import compare_methods
from scanbank.eval.reliability import reliability
from scanbank.eval.sweep import sweep
from scanbank.store import Bank

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
QUESTIONS = dict(re.findall(r"^([^\n]+\?)[^\n?]*\n\n```sql\n(.+?)```", PAGE, re.MULTILINE | re.DOTALL))


def test_each_has_a_question() -> None:
    assert len(QUESTIONS) == PAGE.count("```sql") == 13


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bank, dict[str, list[dict[str, Any]]]]:
    folder = tmp_path_factory.mktemp("sql")
    bank = Bank.create(folder / "bank", key_file=folder / "key")
    toy_bank(bank)
    add_labels(bank, "bleed", {"v0": "0", "v1": "0"}, source="rules")  # the table says: present, absent
    add_labels(bank, "fracture", {"v0": "1", "v3": "1", "v4": "1"})
    add_volumes(bank, ["late"], first=60)  # has no vector
    with bank.commit("attributes") as commit:
        said = {"level": "volume", "source": "table"}
        for i in range(60):
            row = {"item": f"v{i}"} | said
            commit.append("attributes", [row | {"name": "manufacturer", "value": ("siemens", "ge")[i % 2]}])
            commit.append("attributes", [row | {"name": "sex", "value": ("F", "M")[i // 2 % 2]}])
        commit.append("failures", [{"stage": "decode", "source": "x", "volume": "v60", "reason": "damaged", "files": 1}])
    bank.refresh()
    sweep(bank, "bleed", ["linear", "cosine"], [1, None], repeats=3)
    compare_methods(bank, f"linear:{VOLUME.name}", f"cosine:{VOLUME.name}")
    return bank, {question: bank.sql(sql.replace("FEATURES", VOLUME.name)).to_pylist() for question, sql in QUESTIONS.items()}


def answer(asked: Any, start: str) -> list[dict[str, Any]]:
    (found,) = [rows for question, rows in asked[1].items() if question.startswith(start)]
    return found


def test_how_good_and_which_is_best(asked: Any) -> None:
    bank, _ = asked
    rows = answer(asked, "How good")
    assert len(rows) == 2 * 2 * 2
    of_one = "metric = 'auroc' AND head = 'cosine' AND shots = 1 AND features LIKE 'toy%'"
    values = bank.sql(f"SELECT value FROM metrics WHERE {of_one}").column(0).to_pylist()
    (one,) = [r for r in rows if (r["head"], r["shots"], r["features"]) == ("cosine", 1, VOLUME.name)]
    assert (one["auroc"], one["sd"], one["repeats"]) == (
        pytest.approx(np.mean(values), abs=6e-4),
        pytest.approx(np.std(values, ddof=1), abs=6e-4),
        3,
    )
    best = answer(asked, "Which head")
    assert [r["shots"] for r in best] == [1, None]
    assert best[0]["auroc"] == pytest.approx(max(r["auroc"] for r in rows if r["shots"] == 1), abs=6e-4)


@pytest.mark.parametrize(("start", "column", "group"), [("Does it hold", "manufacturer", "ge"), ("And for women", "sex", "F")])
def test_auroc_by_group(asked: Any, start: str, column: str, group: str) -> None:
    bank, _ = asked
    rows = answer(asked, start)
    assert {r[column] for r in rows} == ({"ge", "siemens"} if column == "manufacturer" else {"F", "M"})
    members = {r["item"] for r in bank.sql(f"SELECT item FROM attributes WHERE value = '{group}'").to_pylist()}
    features = rows[0].get("features")
    told = bank.sql("SELECT * FROM predictions WHERE shots IS NULL AND head = 'linear'").to_pylist()
    mine = [p for p in told if p["item"] in members and features in (None, p["features"])]
    (found,) = [r["auroc"] for r in rows if r[column] == group and r["head"] == "linear" and r.get("features") == features]
    assert found == round(float(roc_auc_score([p["y"] for p in mine], [p["score"] for p in mine])), 3)


def test_wrong_for_all_and_near_misses(asked: Any) -> None:
    bank, _ = asked
    threshold = {
        (m["features"], m["head"], m["shots"], m["repeat"]): m["value"]
        for m in bank.sql("SELECT * FROM metrics WHERE metric = 'threshold'").to_pylist()
    }
    right: set[str] = set()
    items: set[str] = set()
    for p in bank.sql("SELECT * FROM predictions").to_pylist():
        items.add(p["item"])
        if (p["score"] >= threshold[p["features"], p["head"], p["shots"], p["repeat"]]) == (p["y"] == 1):
            right.add(p["item"])
    assert {r["item"] for r in answer(asked, "Which scans does every head")} == items - right
    near = [abs(r["above"]) for r in answer(asked, "Which of them")]
    assert len(near) == 10
    assert near == sorted(near)


def test_what_a_report_shows(asked: Any) -> None:
    bank, _ = asked
    rows = answer(asked, "What is the full-data")
    assert len(rows) == 2 * 2 * 3
    assert all(r["lo"] <= r["value"] <= r["hi"] and r["interval"] == "bootstrap" for r in rows)
    differences = answer(asked, "Which differences")
    assert {(r["shots"], r["metric"]) for r in differences} == {(1, "auroc"), (1, "ap"), (None, "auroc"), (None, "ap")}
    tested = [r["p_holm"] for r in differences if r["p_holm"] is not None]
    assert len(tested) > 0
    assert [r["p_holm"] for r in differences] == sorted(tested) + [None] * (len(differences) - len(tested))
    bins = [r for r in answer(asked, "How often") if r["features"] == VOLUME.name]
    told = bank.sql(f"SELECT y, score FROM predictions WHERE head = 'linear' AND shots IS NULL AND features = '{VOLUME.name}'")
    y, score = (told.column(name).to_numpy() for name in ("y", "score"))
    ece = reliability(y, 1 / (1 + np.exp(-score[None]))).ece()[0]
    assert sum(r["items"] for r in bins) == len(y)
    assert sum(r["items"] * abs(r["said"] - r["happened"]) for r in bins) / len(y) == pytest.approx(ece, abs=1e-3)


def test_labels(asked: Any) -> None:
    assert answer(asked, "Where do two") == [
        {"item": "v0", "finding": "bleed", "source": "rules", "status": "absent", "other": "table", "other_status": "present"}
    ]
    assert answer(asked, "Which findings") == [{"finding": "bleed", "together_with": "fracture", "scans": 2}]


def test_vectors(asked: Any) -> None:
    bank, _ = asked
    rows = answer(asked, "Which scans lie")
    X = bank.features(VOLUME.name).vectors().astype(np.float64)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    upper = np.sort((unit @ unit.T)[np.triu_indices(60, 1)])[::-1]
    np.testing.assert_allclose([r["cosine"] for r in rows], upper[:5], atol=6e-5)
    assert answer(asked, "What is not") == [{"volume": "v60", "kind": None, "flags": None, "reason": "damaged"}]
